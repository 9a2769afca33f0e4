"""Wheels that install in no time and are no libraries, but are called so."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from jumps_blender.processes.recipe import package_name
from jumps_blender.video.backends import Backend

TORCH = """
from . import version
__version__ = "2.13.0+cpu"
"""
# Where a package's module has another name.
MODULES = {"opencv-python-headless": "cv2"}


def make_wheel(
    folder: Path, name: str, version: str, files: dict[str, str], requires: Sequence[str] = ()
) -> None:
    """A wheel with these files, by their paths, that asks for what it requires."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {package}" for package in requires]
    files = {
        **files,
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


def make_wheels(folder: Path, names: tuple[str, ...] = ("torch", "numpy", "safetensors")) -> Path:
    """A folder with what PyTorch's environment is made of."""
    folder.mkdir()
    files = {
        "torch": ("2.13.0+cpu", {"__init__.py": TORCH, "version.py": "cuda = None\n"}),
        "numpy": ("1.26.4", {"__init__.py": '__version__ = "1.26.4"\n'}),
        "safetensors": ("0.8.0", {"__init__.py": '__version__ = "0.8.0"\n'}),
    }
    for name in names:
        version, modules = files[name]
        make_wheel(folder, name, version, {f"{name}/{path}": modules[path] for path in modules})
    return folder


def make_estimator_wheels(folder: Path, backend: Backend, without: str = "") -> Path:
    """A folder with what an estimator's environment is made of, in the lowest versions.

    Those that stand alone ask for what is nowhere. without: a package that is left out
    """
    folder.mkdir()
    for requirement in (*backend.packages, *backend.alone):
        name = package_name(requirement)
        found = re.search(r"[>=]=([\d.]+)", requirement)
        assert found is not None
        if name != without:
            file = f"{MODULES.get(name, name)}/__init__.py"
            requires = ["nowhere"] if requirement in backend.alone else []
            make_wheel(folder, name.replace("-", "_"), found[1], {file: ""}, requires)
    return folder
