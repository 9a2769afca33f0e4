"""The extension, as scripts in Blender's window use it; ``driver`` knows Blender alone."""

from __future__ import annotations

import sys
from typing import Any

import bpy
from driver import SHARE, Steps, figures, main_region, until, view

MODULE = "bl_ext.user_default.jumps_blender"


def part(name: str) -> Any:
    """One of the extension's modules, such as ``ui.overlay``, as Blender has loaded it."""
    return sys.modules[f"{MODULE}.{name}"]


def panel() -> Any:
    """The settings that the first window's panels show; undo puts others in their place."""
    return bpy.context.window_manager.windows[0].scene.jumps


def running() -> Any:
    """The long work that goes on, None if nothing does."""
    return part("operators.long_operator").running()


def is_idle() -> bool:
    return running() is None


def invoke(operator: str, *, undo: bool = False, **settings: Any) -> None:
    """Start an operator of the extension in the viewport, such as ``apply_preview``.

    undo: what it does at once becomes an undo step; what goes on becomes one in any case
    """
    with view().context():
        getattr(bpy.ops.jumps, operator)("INVOKE_DEFAULT", undo, **settings)


def read_poses(name: str) -> Steps:
    """Read a pose file that lies in /share, and wait for its people."""
    invoke("read_poses", filepath=str(SHARE / name))
    yield from until(lambda: panel().people and is_idle(), 60.0, "the import")


def upsample(seconds: float = 30.0) -> Steps:
    """Upsample the chosen person as the panel is set, and wait for the preview."""
    invoke("upsample_skeleton")
    yield from until(lambda: panel().preview and is_idle(), seconds, "the preview")


def said(what: str) -> None:
    """Note down what Blender has reported since the last time, as its Info editor lists it."""
    window = bpy.context.window_manager.windows[0]
    area = min(window.screen.areas, key=lambda area: area.y + area.x)
    kind, area.type = area.type, "INFO"
    with bpy.context.temp_override(window=window, area=area, region=main_region(area)):
        bpy.ops.info.select_all(action="SELECT")
        bpy.ops.info.report_copy()
        figures.setdefault("said", {})[what] = window.id_data.clipboard.splitlines()
        bpy.ops.info.report_delete()
    area.type = kind
