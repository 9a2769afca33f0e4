"""How long the window is away while a long clip is read, upsampled, applied, baked and exported."""

from __future__ import annotations

import sys
from typing import Any

import bpy
from driver import (
    GapRecorder,
    Steps,
    figures,
    install_extension,
    open_tab,
    options,
    passes,
    run,
    until,
    view,
)

MODULE = "bl_ext.user_default.jumps_blender"


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    work = sys.modules[f"{MODULE}.operators.long_operator"]
    panel: Any = bpy.context.scene.jumps
    yield from open_tab("JUMPS", width=300)
    with view().context():
        bpy.ops.view3d.view_axis(type="FRONT")
    yield from passes(100)

    def is_idle() -> bool:
        return work.running() is None

    # What Blender takes to draw by itself, for comparison.
    with GapRecorder("drawing the viewport and the sidebar"):
        for _ in range(10):
            view().main.tag_redraw()
            view().sidebar.tag_redraw()
            yield from passes(3)

    with GapRecorder("reading"):
        with view().context():
            bpy.ops.jumps.read_poses("INVOKE_DEFAULT", filepath=f"/share/{options['file']}")
        yield from until(lambda: panel.people and is_idle(), 60.0, "the import")
        yield from passes(50)
    figures["frames"] = panel.people[0].frames

    panel.engine = options["engine"]
    with GapRecorder("upsampling"):
        with view().context():
            bpy.ops.jumps.upsample_skeleton("INVOKE_DEFAULT")
        yield from until(lambda: panel.preview and is_idle(), options["limit"], "the preview")
        yield from passes(100)

    with GapRecorder("applying"):
        with view().context():
            bpy.ops.jumps.apply_preview("INVOKE_DEFAULT")
        yield from passes(100)
    figures["objects"] = len(bpy.data.objects)

    for name, label in (("bake_to_armature", "baking"), ("write_fbx", "exporting")):
        with GapRecorder(label):
            chosen = {"filepath": f"{bpy.app.tempdir}/out.fbx"} if name == "write_fbx" else {}
            with view().context():
                getattr(bpy.ops.jumps, name)("INVOKE_DEFAULT", **chosen)
            yield from until(is_idle, 120.0, f"the end of {label}")
            yield from passes(50)


run(steps, seconds=options["limit"] + 120.0)
