"""The Python environments of pose estimators: what they are made of, and where they are.

And where the command line keeps the poses that they have found.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import JumpsError
from ..processes.client import Runtime
from ..processes.install import environment_facts, environment_python
from ..processes.pythons import Need
from ..processes.recipe import PipRun, Recipe, package_name
from .backends import Backend

PYTHON_VARIABLE, CACHE_VARIABLE = "JUMPS_VIDEO_PYTHON", "JUMPS_VIDEO_CACHE"
# What is needed while one is made; done, the largest takes half a gigabyte.
_SPACE = 10**9

# `make video` puts environments beside the package that it belongs to.
_CHECKOUT = Path(__file__).parents[2]

# Matplotlib, which MediaPipe imports, would write into the user's own folders.
_CHECK = """
import importlib, importlib.metadata, json, os, platform, sys
os.environ["MPLCONFIGDIR"] = os.path.join(sys.prefix, "matplotlib")
modules = {modules!r}
for name in modules:
    importlib.import_module(name)
print(json.dumps({{
    "version": importlib.metadata.version(modules[0]),
    "python": platform.python_version(),
}}))
"""


def need(backend: Backend, how: str) -> Need:
    """The Pythons that an estimator supports.

    how: how people name one, such as "in the add-on's preferences"
    """
    first, last = backend.pythons
    return Need(first, last, backend.label, how)


def recipe(backend: Backend) -> Recipe:
    """What an estimator's environment is made of."""
    runs = (
        PipRun(backend.packages, backend.download[0]),
        # Afterwards: pip would complain of what it asks for and doesn't get.
        PipRun(backend.alone, backend.download[1], alone=True),
    )
    main = backend.modules[0]
    names = [package_name(requirement) for requirement in (*backend.alone, *backend.packages)]
    return Recipe(
        name=backend.label,
        runs=tuple(run for run in runs if run.packages),
        space=_SPACE,
        check=_CHECK.format(modules=backend.modules),
        notes=lambda facts, folder: _notes(backend, facts, folder),
        wheels=(main, *(name for name in names if name != main)),
        no_wheel="choose another Python or another estimator",
        facts={"requirements": [*backend.packages, *backend.alone]},
    )


def folder_name(backend: Backend) -> str:
    """What an estimator's folder is called, beside those of others."""
    return f"video-{backend.name}"


def usual_folder(
    backend: Backend, system: str = sys.platform, variables: Mapping[str, str] = os.environ
) -> Path:
    """Where the command line installs an estimator: below this user's folder for data.

    system: as in ``sys.platform``; variables: the environment's
    """
    home = Path.home()
    if system == "win32":
        data = Path(variables.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif system == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(variables.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "jumps" / folder_name(backend)


def video_python(backend: Backend) -> Path | None:
    """The Python of an estimator that was installed for the command line, None if there is none.

    Beside the package, where `make video` puts it, else in the usual folder. Reads small files.
    """
    folders = (_CHECKOUT / f".venv-{backend.name}", usual_folder(backend))
    return next(filter(None, map(environment_python, folders)), None)


def estimator_runtime(backend: Backend, named: Path | None = None) -> Runtime:
    """The command line's Python with an estimator: the named one, else what the environment
    variable names, else what was installed.

    Whether the packages are there is seen when it is used. Raises JumpsError where there is none.
    """
    if named is None and os.environ.get(PYTHON_VARIABLE):
        named = Path(os.environ[PYTHON_VARIABLE])
    if named is not None and not named.is_file():
        raise JumpsError(f"{named}: there is no such Python.")
    python = named or video_python(backend)
    if python is None:
        raise JumpsError(
            f"{backend.label} is not installed: run 'jumps install-estimator {backend.name}', or "
            f"name a Python that has it with --python or {PYTHON_VARIABLE}."
        )
    return Runtime(python, isolated=named is None, choose="with --python")


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


def is_current(backend: Backend, folder: Path) -> bool:
    """Whether what this version of the estimator is made of is installed under ``folder``."""
    wanted = recipe(backend).facts["requirements"]
    return (
        environment_python(folder) is not None
        and environment_facts(folder).get("requirements") == wanted
    )


def estimator_words(backend: Backend, facts: Mapping[str, Any]) -> str:
    """What is installed, by the facts that its environment was recorded with, or checked."""
    version, python = (str(facts.get(name, "")) for name in ("version", "python"))
    words = " ".join(filter(None, (backend.modules[0], version)))
    return f"{words}, Python {python}" if python else words


def _notes(backend: Backend, facts: Mapping[str, Any], folder: Path) -> list[str]:
    """What people should know of what was installed."""
    notes = [f"Installed {backend.label} ({estimator_words(backend, facts)}) into {folder}."]
    if backend.models:
        names = " and ".join(f"{model.label} ({model.suffix})" for model in backend.models)
        notes.append(
            f"{backend.label} finds nothing without files that you have to bring: {names}."
        )
    return notes
