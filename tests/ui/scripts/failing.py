"""Fails in the way that it is told, so that a test can see that failures are seen."""

from __future__ import annotations

import signal

import bpy
from driver import Steps, open_tab, options, run


class BROKEN_PT_panel(bpy.types.Panel):  # noqa: N801 (Blender's way)
    """A panel with a mistake."""

    bl_label = "Broken"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Broken"

    def draw(self, _context: bpy.types.Context) -> None:
        raise ValueError("a mistake in a panel")


def steps() -> Steps:
    if options["way"] == "script":
        yield from open_tab("No such tab")
    elif options["way"] == "panel":
        bpy.utils.register_class(BROKEN_PT_panel)
        yield from open_tab("Broken")
    elif options["way"] == "late":
        while True:
            yield
    else:
        signal.pause()


run(steps, seconds=3.0)
