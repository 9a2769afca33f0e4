"""Footage behind a result, as the window draws it, at another rate than the film's."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from addon import invoke, is_idle, panel, read_poses, upsample
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


def places() -> list[Any]:
    """Where the window shows the bones and the joints, and what the joints' fields say."""
    graph = bpy.context.evaluated_depsgraph_get()
    armature = next(each for each in bpy.data.objects if each.type == "ARMATURE")
    joints = [each for each in bpy.data.objects if each.get("jumps_role") == "joint"]
    bones = [bone.head[:] for bone in armature.evaluated_get(graph).pose.bones]
    shown = [each.evaluated_get(graph).matrix_world.translation[:] for each in joints]
    return [np.array(each) for each in (bones, shown, [item.location[:] for item in joints])]


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
    before = places()
    invoke("write_motion", filepath=str(SHARE / "out.fbx"))
    yield from until(is_idle, 100.0, "the end of the export")
    yield from redraws(3)
    figures["moved"] = [float(np.abs(a - b).max()) for a, b in zip(before, places(), strict=True)]
    # The same as a picture in the scene.
    invoke("footage_plane", undo=True)
    bpy.context.scene.camera.data.show_background_images = False
    for number, frame in enumerate(options["frames"]):
        bpy.context.scene.frame_set(frame)
        yield from redraws(3)
        yield from screenshot(f"plane_{number}")
    figures["viewport"] = box(view().main)
    figures["frame_rate"] = bpy.context.scene.render.fps
    with view().context():
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
    figures["undone"] = [len(bpy.data.objects), len(bpy.data.images)]


run(steps, options["limit"])
