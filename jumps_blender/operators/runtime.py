"""The Python processes that read and compute for this Blender, and which Python they run."""

from __future__ import annotations

import importlib.metadata
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Context

from ..model_runtime import ENGINES_WITHOUT_TORCH, WORKER
from ..processes.client import Runtime, Worker
from ..processes.install import environment_python
from .preferences import ADDON, preferences

_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_NEEDED = ("torch", "safetensors")

_workers: dict[Runtime, Worker] = {}
# What each Python answered when it was asked what it has; see ``tasks.Tasks.describe``.
_described: dict[Runtime, dict[str, Any]] = {}


def own_folder() -> Path:
    """Where the add-on may keep files; an update of the add-on leaves it alone."""
    return Path(bpy.utils.extension_path_user(ADDON))


def environment_folder() -> Path:
    """Where the add-on installs PyTorch."""
    return own_folder() / "pytorch"


@cache
def installed_python() -> Path | None:
    """The Python of what the add-on has installed; ``close_workers`` lets it be looked for anew."""
    return environment_python(environment_folder()) if ADDON.startswith("bl_ext.") else None


def blender_runtime() -> Runtime:
    """Blender's own Python, with the packages that Blender itself finds."""
    folders = tuple(path for path in sys.path if Path(path).name in _PACKAGE_FOLDERS)
    return Runtime(Path(sys.executable), folders)


def chosen_runtime(context: Context) -> Runtime:
    """The Python that the user names, else the add-on's own environment, else Blender's own."""
    own = preferences(context)
    if own is not None and own.python:
        return Runtime(Path(bpy.path.abspath(own.python)), isolated=False)
    installed = installed_python()
    return blender_runtime() if installed is None else Runtime(installed)


def worker(runtime: Runtime) -> Worker:
    """The worker process of that Python; it starts with its first request."""
    if runtime not in _workers:
        _workers[runtime] = Worker(runtime, WORKER)
    return _workers[runtime]


def missing_package(context: Context, engine: str, lift: bool = False) -> str | None:
    """A package that the engine, or lifting, needs and the chosen Python is known to lack.

    Cheap enough for a panel: it asks nobody, and of a Python that hasn't been asked says nothing.
    """
    runtime = chosen_runtime(context)
    needed = _NEEDED[1:] if engine in ENGINES_WITHOUT_TORCH and not lift else _NEEDED
    if runtime in _described:
        return next((name for name in needed if not _described[runtime].get(name)), None)
    if runtime == blender_runtime():
        return next((name for name in needed if not has_package(runtime, name)), None)
    return None


def has_package(runtime: Runtime, package: str) -> bool:
    """Whether the worker will find it, in a runtime whose folders are known."""
    return PathFinder.find_spec(package, list(runtime.paths)) is not None


@cache
def own_version(package: str) -> str:
    """The version of a package in Blender's own Python, which isn't imported; empty if unknown."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def described(runtime: Runtime) -> dict[str, Any] | None:
    """What that Python answered last, None if it hasn't been asked."""
    return _described.get(runtime)


def remember(runtime: Runtime, facts: dict[str, Any]) -> None:
    """Keep what a Python answered."""
    _described[runtime] = facts


def close_workers() -> None:
    """End all processes, and forget what is known of their Pythons: it may change."""
    for each in _workers.values():
        each.close()
    _workers.clear()
    _described.clear()
    installed_python.cache_clear()
