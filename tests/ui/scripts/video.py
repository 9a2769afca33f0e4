"""A video in the window: estimated, cancelled, killed; looked at, picked from, applied, exported.

The estimator is a stub that takes its time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from addon import MODULE, invoke, is_idle, panel, part, running, said, upsample
from driver import (
    SHARE,
    GapRecorder,
    Steps,
    box,
    click,
    click_button,
    figures,
    find_area,
    install_extension,
    invoke_drop,
    main_region,
    maximise_view,
    middle,
    move,
    open_tab,
    options,
    passes,
    press,
    redraws,
    run,
    screenshot,
    until,
    view,
)
from fake_estimator import fake_environment

PEOPLE = 3


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from open_tab("JUMPS", width=300)
    figures["sidebar"] = box(view().sidebar)
    yield from screenshot("not_ready")
    images = len(bpy.data.images)
    home = stub(seconds=0.06)

    # A dropped video asks for its settings, then is looked through beside the window.
    yield from redraws(4)
    with GapRecorder("drawing the viewport and the sidebar"):
        for _ in range(10):
            view().main.tag_redraw()
            view().sidebar.tag_redraw()
            yield from passes(3)
    yield from invoke_drop([options["film"]], *middle(view().main))
    # Blender itself can show a movie as an empty: it asks what is meant.
    yield from press("RET")
    yield from passes(10)
    yield from screenshot("dialog")
    yield from press("RET")
    with GapRecorder("estimating"):
        yield from until(lambda: running() and running().job.share > 0.4, 60.0, "half of it")
        yield from until(lambda: len(panel().people), 120.0, "the people")
        yield from until(is_idle, 10.0, "the end")
        yield from passes(50)
    figures["people"] = [each.frames for each in panel().people]
    figures["footage"] = Path(panel().footage).name
    figures["alive"] = [is_alive(home)]
    # Once more is there at once.
    begun = time.perf_counter()
    invoke("estimate_poses")
    yield from until(is_idle, 20.0, "the second time")
    figures["again"] = time.perf_counter() - begun

    # Esc, with the mouse anywhere.
    panel().video_step = 2
    invoke("estimate_poses")
    yield from until(lambda: running().job.first.picture is not None, 30.0, "the picture")
    yield from screenshot("estimating")
    yield from move(*middle(view().main))
    begun = time.perf_counter()
    yield from press("ESC")
    yield from until(is_idle, 5.0, "the end after Esc")
    figures["esc"] = time.perf_counter() - begun
    figures["alive"].append(is_alive(home))
    said("esc")

    # The estimator is killed.
    invoke("estimate_poses")
    yield from until(lambda: running() and running().job.share > 0.1, 30.0, "the start")
    os.kill(pid(home), signal.SIGKILL)
    yield from until(is_idle, 5.0, "the end after the kill")
    said("killed")
    yield from press("ESC")  # the popup that shows an error takes keys
    figures["images"] = len(bpy.data.images) - images  # the picture is none of the file's data
    panel().video_step = 1

    # The ghost of what was detected, as the slider is moved.
    yield from maximise_view()
    yield from open_tab("JUMPS", width=300)
    scene = bpy.context.scene
    with view().context():
        bpy.ops.view3d.view_axis(type="FRONT")
    scene.frame_set(20)  # the arm is hidden then
    yield from screenshot("ghost")
    with GapRecorder("moving the slider"):
        for step in range(10):
            panel().min_confidence = 0.1 * step
            yield from passes(3)
    figures["shares"] = [each.missing_share for each in panel().people]
    panel().min_confidence = 0.5

    # The footage behind it.
    yield from click_button("jumps.show_footage")
    yield from passes(10)
    figures["looks"] = view().space.region_3d.view_perspective
    yield from screenshot("footage_detected")
    panel().engine = "ridge"
    with GapRecorder("upsampling"):
        yield from upsample(100.0)
    yield from screenshot("footage_preview")

    # All that can be drawn at once: three people, and a preview.
    invoke("pick_person")
    yield from until(lambda: part("operators.seen").picking.is_on, 5.0, "the picking")
    places = yield from where_people_are()
    figures["drawing"] = yield from drawing_times("_draw")
    yield from move(*places[2])
    yield from screenshot("picking")
    figures["lit"] = part("operators.seen").picking.lit
    yield from press("ESC")
    yield from until(lambda: not part("operators.seen").picking.is_on, 5.0, "the end of it")
    figures["left"] = panel().person_index
    invoke("pick_person")
    yield from click(*places[1])
    yield from until(lambda: not part("operators.seen").picking.is_on, 5.0, "the choice")
    figures["picked"] = panel().person_index
    with view().context():
        bpy.ops.ed.undo()
    figures["unpicked"] = panel().person_index

    # The Movie Clip Editor.
    area = view().area
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = bpy.data.movieclips.load(str(SHARE / options["film"]))
    yield from redraws(5)
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=main_region(area)):
        bpy.ops.clip.view_all()
    yield from screenshot("clip_editor")
    figures["drawing_clip"] = yield from drawing_times("_draw_clip")
    area = find_area("CLIP_EDITOR")
    bpy.data.movieclips.remove(area.spaces.active.clip)
    area.type = "VIEW_3D"
    yield from redraws(3)

    # The result's own camera takes over, and all of it is undone.
    invoke("apply_preview", undo=True)
    yield from passes(10)
    space = view().space
    looked = space.camera if space.use_local_camera else bpy.context.scene.camera
    figures["applied"] = ["jumps_result" in looked, space.region_3d.view_perspective]
    yield from screenshot("applied")
    invoke("write_motion", filepath=str(SHARE / "out.fbx"))
    yield from until(is_idle, 120.0, "the end of the export")
    figures["fbx"] = (SHARE / "out.fbx").stat().st_size
    yield from move(*middle(view().main))
    history = []
    for _ in range(4):  # apply, upsample, show, and what came before
        yield from press("Z", ctrl=True)
        yield from passes(20)
        cameras = [each.name for each in bpy.data.objects if each.type == "CAMERA"]
        history.append([len(bpy.data.objects), len(cameras), bool(panel().preview)])
    figures["undone"] = history
    yield from screenshot("undone")


def stub(**settings: Any) -> Path:
    """The estimator's environment, with the stub in its Python's place."""
    backend = part("video.backends").BACKENDS["mediapipe"]
    folder = part("operators.estimators").estimator_folder(backend)
    version = sys.modules[MODULE].__version__
    settings = {"frames": 100, "people": PEOPLE, **settings}
    own = SHARE / "stub_estimator.py"
    return fake_environment(folder, version, "/usr/bin/python3", own, **settings)


def pid(home: Path) -> int:
    return int((home / "PID").read_text())


def is_alive(home: Path) -> bool:
    """Whether the estimator's process is still there, and more than a zombie."""
    try:
        status = Path(f"/proc/{pid(home)}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def where_people_are() -> Any:
    """A place on each person in the window, as the viewport draws them."""
    yield from redraws(2)
    picking = part("operators.pick_person")
    with view().context():
        seen = picking._people(bpy.context)
        world = seen.canvas.to_world(np.array([each.places for _, each in seen.people]))
    main = view().main
    matrix = np.array(view().space.region_3d.perspective_matrix)
    pixels = picking._projected(world, matrix, main)
    hips = part("skeletons").joint_index("l_hip")
    return [(main.x + x, main.y + y) for x, y in pixels[:, hips]]


def drawing_times(name: str) -> Any:
    """Milliseconds of the processor that a draw callback takes, the median and the least of 30:
    all of it, then what of that is ours before OpenGL gets it.
    """
    overlay = part("ui.overlay")
    whole, handed_over = getattr(overlay, name), overlay.draw
    taken, ours = [], []

    def timed() -> None:
        nonlocal begun
        begun = time.thread_time()
        whole()
        taken.append(1000 * (time.thread_time() - begun))

    def noted(shape: Any) -> None:
        ours.append(1000 * (time.thread_time() - begun))
        handed_over(shape)

    begun = 0.0
    overlay.stop()
    setattr(overlay, name, timed)
    overlay.draw = noted
    overlay.update()
    for _ in range(30):
        yield from redraws(1)
    overlay.stop()
    setattr(overlay, name, whole)
    overlay.draw = handed_over
    overlay.update()
    return [
        round(value, 2)
        for each in (sorted(taken), sorted(ours))
        for value in (each[len(each) // 2], each[0])
    ]


run(steps, options["limit"])
