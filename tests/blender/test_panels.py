"""What panels say and offer, as they are drawn without a window."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest

from jumps_blender.scene.result import create_result

from .drawn import drawn
from .test_space import space
from .walker import walker

MODULE = "bl_ext.user_default.jumps_blender"


def part(name: str) -> Any:
    return sys.modules[f"{MODULE}.{name}"]


def wait_for(preview: Any) -> None:
    part("operators.settings").set_preview(bpy.context.scene, part("scene.preview").keep(preview))


def before_moving_camera(frames: int = 40) -> Any:
    """A preview that lies where the scene's moving camera saw it, from frame 11 on."""
    given, moving = space(frames), part("keypoints.space").MovingCamera
    seen = given.camera
    way = moving(
        np.tile(seen.turn, (frames, 1, 1)), np.tile(seen.eye, (frames, 1)), seen.lens, seen.size
    )
    return part("scene.preview").Preview(
        given.picture, replace(given, camera=way), placed=(11, False)
    )


@pytest.mark.usefixtures("extension")
def test_a_preview_before_a_moving_camera_is_said_to_be_where_it_is() -> None:
    scene = bpy.context.scene
    scene.render.fps = 30
    scene.jumps.start_frame, scene.jumps.use_clip_fps = 500, True
    wait_for(before_moving_camera())
    scene.frame_set(31)
    panel = drawn("JUMPS_PT_result")
    assert "Frames 11 to 50" in panel
    assert not panel["Frames 11 to 50"].layout.alert
    scene.frame_set(501)
    panel = drawn("JUMPS_PT_result")
    assert panel["Frames 11 to 50: not at this one"].layout.alert


@pytest.mark.usefixtures("extension")
def test_what_of_placement_does_nothing_is_greyed() -> None:
    names = ("height", "start_frame", "use_clip_fps", "extend_range", "keep_previous")

    def live() -> list[bool]:
        panel = drawn("JUMPS_PT_placement")
        return [panel[name].is_enabled for name in names]

    assert live() == [True] * 5
    wait_for(part("scene.preview").Preview(walker()))
    assert live() == [True] * 5
    wait_for(before_moving_camera())
    assert live() == [False, False, False, True, True]


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize(
    ("panel", "operator"),
    [
        ("JUMPS_PT_result", "bake_to_armature.JUMPS_OT_bake_to_armature"),
        ("JUMPS_PT_retarget", "retarget_result.JUMPS_OT_retarget"),
        ("JUMPS_PT_export", "export_motion.JUMPS_OT_write_motion"),
        ("JUMPS_PT_feet", "lock_feet.JUMPS_OT_lock_feet"),
    ],
)
def test_work_can_be_cancelled_whatever_is_selected(
    monkeypatch: pytest.MonkeyPatch, panel: str, operator: str
) -> None:
    long_operator = part("operators.long_operator")
    module, name = operator.split(".")
    work = long_operator.Running(
        getattr(part(f"operators.{module}"), name).bl_label,
        SimpleNamespace(share=0.5, status="Half of it"),
    )
    monkeypatch.setattr(long_operator, "_running", work)
    # Nothing can be done with these: the panels' other contents are greyed.
    lifted = space()
    for person in ("1", "2"):
        picture = replace(lifted.picture, person=person)
        result = create_result(bpy.context, picture, space=replace(lifted, picture=picture))
    if panel == "JUMPS_PT_feet":
        for empty in result.empties:
            if "jumps_contact" in empty:
                del empty["jumps_contact"]
    else:
        bpy.context.view_layer.objects.active = None
        result.root.select_set(False)
    found = drawn(panel)
    assert found["Half of it"].is_enabled
    assert found["jumps.cancel"].is_enabled
    assert any(not each.is_enabled for each in found.values()) or panel == "JUMPS_PT_feet"


@pytest.mark.usefixtures("extension")
def test_disabling_while_a_person_is_picked_takes_the_words_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addon, picking = part("addon"), part("operators.seen").picking
    told = []

    def tell(_: Any, words: str | None) -> None:
        told.append((bpy.context.workspace.name, words))

    monkeypatch.setattr(bpy.types.WorkSpace, "status_text_set", tell)
    picking.is_on, picking.lit = True, 1
    addon.unregister()
    assert told == [(workspace.name, None) for workspace in bpy.data.workspaces]
    assert len(told) >= 1
    assert (picking.is_on, picking.lit) == (False, -1)
    addon.register()


@pytest.mark.usefixtures("extension")
def test_the_ghost_goes_at_the_pace_of_a_preview_before_a_moving_camera(pose_file: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    scene, preview = bpy.context.scene, part("scene.preview")
    settings = scene.jumps
    settings.start_frame, settings.use_clip_fps = 500, True
    sequence = replace(walker(40), source=settings.source)
    wait_for(preview.Preview(sequence, placed=(11, False)))
    scene.frame_set(31)  # 20 / 24 s after its beginning, where the clip is at its 25th frame
    seen = part("operators.seen").seen_now(
        bpy.context, part("ui.overlay").previewed_at(bpy.context)
    )
    detected = part("scene.detections").find_detections(settings.source, settings.format, 30.0)
    expected = detected.people[0].at(25, part("operators.settings").rule_of(settings))
    ((index, sighting),) = seen.people
    assert index == 0
    assert np.array_equal(sighting.places, expected.places)
