"""Wheels that install in no time and are no libraries: torch, numpy and safetensors by name."""

from __future__ import annotations

import zipfile
from pathlib import Path

TORCH = """
from . import version
__version__ = "2.13.0+cpu"
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        **{f"{name}/{path}": text for path, text in files.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


def make_wheels(folder: Path, names: tuple[str, ...] = ("torch", "numpy", "safetensors")) -> Path:
    folder.mkdir()
    files = {
        "torch": ("2.13.0+cpu", {"__init__.py": TORCH, "version.py": "cuda = None\n"}),
        "numpy": ("1.26.4", {"__init__.py": '__version__ = "1.26.4"\n'}),
        "safetensors": ("0.8.0", {"__init__.py": '__version__ = "0.8.0"\n'}),
    }
    for name in names:
        make_wheel(folder, name, *files[name])
    return folder
