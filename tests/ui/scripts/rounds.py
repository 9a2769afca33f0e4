"""Enabling, disabling, upsampling and undoing again and again: what is left behind?"""

from __future__ import annotations

import os
from pathlib import Path

import addon_utils
import bpy
from addon import MODULE, invoke, panel, part, read_poses, upsample
from driver import (
    Steps,
    figures,
    install_extension,
    middle,
    move,
    note,
    open_tab,
    options,
    passes,
    press,
    redraws,
    run,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from open_tab("JUMPS", width=300)
    yield from passes(20)

    before = counts()
    for _ in range(20):
        addon_utils.disable(MODULE)
        yield from redraws(1)
        addon_utils.enable(MODULE)
        yield from open_tab("JUMPS")
    figures["enabled"] = [before, counts()]

    bpy.ops.ed.undo_push(message="start")
    yield from read_poses(options["file"])
    panel().engine = "ridge"
    bpy.ops.ed.undo_push(message="engine")
    yield from move(*middle(view().main))

    memory = []
    for number in range(options["rounds"]):
        yield from upsample()
        invoke("apply_preview", undo=True)
        yield from passes(2)
        if len(bpy.data.objects) != 30:
            raise AssertionError(f"{len(bpy.data.objects)} objects in round {number}")
        for _ in range(2):
            yield from press("Z", ctrl=True)
        yield from until(lambda: not bpy.data.objects, 5.0, "the undo of Apply")
        yield from until(lambda: not panel().preview, 5.0, "the undo of the preview")
        memory.append(resident())
    figures["memory"] = memory
    figures["rounds"] = [before, counts()]
    note(f"{memory[0]} MB at first, {memory[-1]} MB at last")

    # Switching off and disabling takes the drawing away.
    overlay = part("ui.overlay")
    yield from upsample()
    yield from until(overlay.is_drawing, 5.0, "the drawing")
    invoke("discard_preview")
    panel().show_detection = False  # what was detected would be shown again
    yield from redraws(2)
    figures["drawing"] = [overlay.is_drawing()]
    yield from upsample()
    yield from until(overlay.is_drawing, 5.0, "the drawing")
    addon_utils.disable(MODULE)
    figures["drawing"].append(overlay.is_drawing())
    yield from redraws(2)
    figures["processes"] = len(children())


def counts() -> dict[str, int]:
    """All that the extension adds to Blender."""
    handlers = bpy.app.handlers
    found = {
        name: len(getattr(handlers, name))
        for name in ("load_pre", "load_post", "undo_post", "redo_post", "depsgraph_update_post")
    }
    found["menus"] = len(bpy.types.TOPBAR_MT_file_import.draw._draw_funcs)
    found["menus"] += len(bpy.types.VIEW3D_MT_object.draw._draw_funcs)
    found["classes"] = sum(name.startswith("JUMPS_") for name in dir(bpy.types))
    for name in ("objects", "actions", "armatures", "collections", "scenes", "texts", "images"):
        found[name] = len(getattr(bpy.data, name))
    found["modal"] = len(bpy.context.window.modal_operators)
    return found


def children() -> list[int]:
    """Processes that Blender has started and that run."""
    own = os.getpid()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text().rpartition(")")[2].split()
        if int(fields[1]) == own and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def resident() -> float:
    """Blender's own memory, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


run(steps, seconds=options["limit"])
