"""From a phone's video to an FBX, with the real estimator: in /mnt there is its Python."""

from __future__ import annotations

import sys

import bpy
from addon import MODULE, invoke, is_idle, panel, part, running, upsample
from driver import (
    SHARE,
    GapRecorder,
    Steps,
    box,
    click_button,
    figures,
    install_extension,
    open_tab,
    options,
    passes,
    run,
    screenshot,
    scroll_sidebar,
    until,
    view,
)
from fake_estimator import fake_environment
from mathutils import Euler

# The environment's own Python can't start here: its home lies elsewhere.
PROGRAM = """#!/bin/sh
LD_LIBRARY_PATH=/mnt/python/lib exec /mnt/python/bin/python3 "$@" --path /mnt/packages
"""


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    backend = part("video.backends").BACKENDS["mediapipe"]
    folder = part("operators.estimators").estimator_folder(backend)
    version = sys.modules[MODULE].__version__
    home = fake_environment(folder, version, "/mnt/python/bin/python3", SHARE / "options.json")
    (home / "bin" / "python").write_text(PROGRAM)
    prepare_screen()
    yield from open_tab("JUMPS", width=300)
    figures["sidebar"] = box(view().sidebar)
    panel().video = str(SHARE / options["film"])
    panel().video_end = options["end"]
    with GapRecorder("estimating"):
        yield from click_button("jumps.estimate_poses")
        yield from until(lambda: running() and running().job.share > 0.5, 200.0, "half of it")
        yield from screenshot("estimating")
        yield from until(lambda: is_idle() and panel().people, 200.0, "the poses")
    figures["people"] = [(each.person, each.frames) for each in panel().people]
    if "rule" in options:
        panel().dilation = options["rule"]
    scene = bpy.context.scene
    scene.render.fps = round(panel().file_fps)
    scene.render.fps_base = scene.render.fps / panel().file_fps
    scene.frame_set(options["frame"])
    yield from click_button("jumps.show_footage")
    yield from passes(10)
    yield from screenshot("detected")
    panel().engine = options["engine"]
    panel().lift = options["lift"]
    yield from upsample(300.0)
    while (yield from scroll_sidebar(-20)):
        pass
    yield from screenshot("preview")
    invoke("apply_preview", undo=True)
    yield from passes(10)
    yield from screenshot("applied")
    invoke("write_motion", filepath=str(SHARE / "out.fbx"))
    yield from until(is_idle, 200.0, "the end of the export")
    figures["fbx"] = (SHARE / "out.fbx").stat().st_size
    figures["objects"] = len(bpy.data.objects)
    if options.get("plane"):
        invoke("footage_plane", undo=True)
        eye = view().space.region_3d
        eye.view_perspective, eye.view_distance = "PERSP", 6.5
        eye.view_location, eye.view_rotation = (
            (0.6, 0.6, 0.9),
            Euler((1.35, 0, 0.6)).to_quaternion(),
        )
        yield from passes(10)
        yield from screenshot("plane")


def prepare_screen() -> None:
    """Nothing in the pictures that is not about the work."""
    space = view().space
    space.overlay.show_relationship_lines = False
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
    space.overlay.show_cursor = False
    space.show_region_toolbar = False


run(steps, options["limit"], smooth=options.get("smooth", False))
