"""How long the window is away while a long clip is read, upsampled, applied, baked and exported."""

from __future__ import annotations

import bpy
from addon import invoke, is_idle, panel, read_poses, upsample
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


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from open_tab("JUMPS", width=300)
    with view().context():
        bpy.ops.view3d.view_axis(type="FRONT")
    yield from passes(100)

    # What Blender takes to draw by itself, for comparison.
    with GapRecorder("drawing the viewport and the sidebar"):
        for _ in range(10):
            view().main.tag_redraw()
            view().sidebar.tag_redraw()
            yield from passes(3)

    with GapRecorder("reading"):
        yield from read_poses(options["file"])
        yield from passes(50)
    figures["frames"] = panel().people[0].frames

    panel().engine = options["engine"]
    with GapRecorder("upsampling"):
        yield from upsample(options["limit"])
        yield from passes(100)

    with GapRecorder("applying"):
        invoke("apply_preview")
        yield from passes(100)
    figures["objects"] = len(bpy.data.objects)

    with GapRecorder("baking"):
        invoke("bake_to_armature")
        yield from until(is_idle, 120.0, "the end of the bake")
        yield from passes(50)

    with GapRecorder("exporting"):
        invoke("write_motion", filepath=f"{bpy.app.tempdir}/out.fbx")
        yield from until(is_idle, 120.0, "the end of the export")
        yield from passes(50)


run(steps, seconds=options["limit"] + 120.0)
