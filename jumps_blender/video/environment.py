"""Which Python estimates poses, where nobody names one; and where poses are kept then."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import JumpsError
from ..processes.client import Runtime
from .backends import Backend

PYTHON_VARIABLE, CACHE_VARIABLE = "JUMPS_VIDEO_PYTHON", "JUMPS_VIDEO_CACHE"
_CHECKOUT = Path(__file__).resolve().parents[2]


def estimator_runtime(backend: Backend, named: Path | None = None) -> Runtime:
    """A Python with the backend's packages: the named one, else what the environment variable
    names, else the environment that ``make video`` made beside this package.

    Whether the packages are there is seen when it is used. Raises JumpsError where there is none.
    """
    if named is None and os.environ.get(PYTHON_VARIABLE):
        named = Path(os.environ[PYTHON_VARIABLE])
    if named is not None:
        if not named.is_file():
            raise JumpsError(f"{named}: there is no such Python.")
        return Runtime(named)
    inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    made = _CHECKOUT / f".venv-{backend.name}" / inside
    if not made.is_file():
        needed = " ".join(f"'{package}'" for package in backend.packages)
        alone = " ".join(f"'{package}'" for package in backend.alone)
        first, last = (".".join(map(str, version)) for version in backend.pythons)
        raise JumpsError(
            f"No Python with {backend.label} was found: 'make video' in a checkout makes one; or "
            f"make an environment (Python {first} to {last}) with: pip install {needed}"
            + (f" && pip install --no-deps {alone}" if alone else "")
            + f", and name its Python with --python or {PYTHON_VARIABLE}."
        )
    return Runtime(made)


def usual_cache() -> Path:
    """The folder in which the command line keeps poses: below the user's folder for caches."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jumps-blender" / "poses"
