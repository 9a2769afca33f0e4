"""Footage behind a result, as the window draws it, at another rate than the film's."""

from __future__ import annotations

import bpy
from addon import invoke, panel, read_poses, upsample
from driver import (
    SHARE,
    GapRecorder,
    Steps,
    box,
    figures,
    install_extension,
    maximise_view,
    open_tab,
    options,
    redraws,
    run,
    screenshot,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from maximise_view()
    yield from open_tab("JUMPS")
    yield from read_poses(options["file"])
    panel().engine = "ridge"
    panel().footage = str(SHARE / options["film"])
    panel().lift = options["lift"]
    figures["images"] = len(bpy.data.images)
    with GapRecorder("upsampling"):
        yield from upsample(300.0)
    invoke("apply_preview", undo=True)
    yield from until(lambda: bpy.context.scene.camera, 10.0, "the camera")
    with view().context():
        bpy.ops.view3d.view_camera()
        bpy.ops.view3d.view_center_camera()
    for number, frame in enumerate(options["frames"]):
        bpy.context.scene.frame_set(frame)
        yield from redraws(3)
        yield from screenshot(f"frame_{number}")
    # The same as a picture in the scene, first through the camera, then from beside it.
    invoke("footage_plane", undo=True)
    bpy.context.scene.camera.data.show_background_images = False
    for number, frame in enumerate(options["frames"]):
        bpy.context.scene.frame_set(frame)
        yield from redraws(3)
        yield from screenshot(f"plane_{number}")
    figures["viewport"] = box(view().main)
    with view().context():
        bpy.ops.view3d.view_orbit(angle=0.6, type="ORBITRIGHT")
    yield from redraws(3)
    yield from screenshot("beside")
    figures["frame_rate"] = bpy.context.scene.render.fps
    with view().context():
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
    figures["undone"] = [len(bpy.data.objects), len(bpy.data.images)]


run(steps, options["limit"])
