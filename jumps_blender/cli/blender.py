"""Blender as a Python module, with settings of nobody's."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import JumpsError
from ..interrupts import uninterrupted

if TYPE_CHECKING:
    from bpy.types import Object

_RESOURCES = "jumps-resources-"
_imported = False  # Blender, by this command


def end_with(code: int) -> None:
    """Have the process end with that exit code, whatever Blender does at its end."""
    if _imported:
        atexit.register(_end, code)


def _end(code: int) -> None:
    """End the process before Python takes Blender apart: after glTF with torch, or a rig's driver
    that Blender refused, that never ends."""
    import bpy

    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    _remove_resources()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _remove_resources() -> None:
    """Remove the folder that Blender had for settings, where it is one of ours."""
    folder = Path(os.environ.get("BLENDER_USER_RESOURCES", ""))
    if folder.name.startswith(_RESOURCES) and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)


def import_blender() -> None:
    """Import bpy, with nothing in it."""
    global _imported
    with uninterrupted():
        try:
            # Settings and caches of a Blender that the user may have are left alone.
            if "BLENDER_USER_RESOURCES" not in os.environ:
                os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix=_RESOURCES)
                atexit.register(_remove_resources)
            _imported = _imported or "bpy" not in sys.modules
            import bpy
        except ImportError as error:
            raise JumpsError(
                f"The Python package bpy cannot be imported ({error}); install it with "
                "'pip install bpy' for Blender's files and formats, footage, and previews in 3D."
            ) from error
        bpy.ops.wm.read_factory_settings(use_empty=True)


@contextmanager
def blender_silent() -> Iterator[None]:
    """Keep what Blender's own code prints off standard output, where only results belong."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        # Operators' reports go through Python's own buffer, and what Blender's C++ says through
        # that of C; they would come out later otherwise.
        sys.stdout.flush()
        with suppress(OSError, TypeError, AttributeError):  # Windows has no such handle
            ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def open_rig(path: Path, name: str) -> Object:
    """Open a .blend, running none of its scripts; its armature of that name, or its only one."""
    import bpy

    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error: ")
        raise JumpsError(f"{path}: cannot be opened ({reason}).") from error
    rigs = {
        item.name: item
        for item in sorted(bpy.context.scene.objects, key=lambda each: each.name)
        if item.type == "ARMATURE" and "jumps_result" not in item
    }
    there = f"its armatures: {', '.join(rigs)}" if rigs else "its scene has no armature"
    if name and name not in rigs:
        raise JumpsError(f"{path}: no armature {name}; {there}.")
    if not name and len(rigs) != 1:
        choose = f"; name one as {path}:OBJECT" if rigs else ""
        raise JumpsError(f"{path}: {there}{choose}.")
    return rigs[name] if name else next(iter(rigs.values()))
