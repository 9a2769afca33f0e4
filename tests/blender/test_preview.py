"""The preview before anything is applied: where it is drawn, how, and how long it lives."""

import sys

import bpy
import numpy as np
import pytest

from jumps_blender.keypoints import JointState
from jumps_blender.scene import preview as preview_module
from jumps_blender.scene.look import STATE_COLOURS
from jumps_blender.scene.preview import (
    Preview,
    apply,
    find,
    forget_all,
    placing_at,
)
from jumps_blender.scene.preview import keep as keep_preview
from jumps_blender.scene.result import results_in
from jumps_blender.skeletons import PARENTS, joint_index

from .walker import walker

MODULE = "bl_ext.user_default.jumps_blender"


@pytest.fixture(autouse=True)
def empty_store() -> None:
    forget_all()


def figure(
    preview: Preview,
    height: float = 1.75,
    start: int = 1,
    clip_fps: bool = False,
    keep: bool = False,
):
    found = placing_at(bpy.context, preview, height, start, clip_fps, keep)
    return found.figure() if found.is_within else None


def applied(preview: Preview, **changes):
    settings = {
        "height": 1.75,
        "start_frame": 1,
        "use_clip_fps": False,
        "extend_range": True,
        **changes,
    }
    return apply(bpy.context, preview, **settings)


@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_the_preview_stands_where_apply_puts_it(unit: float) -> None:
    scene = bpy.context.scene
    scene.unit_settings.scale_length = unit
    preview = Preview(walker(fps=30.0))
    shown = []
    for frame, subframe in ((1, 0.0), (9, 0.0), (12, 0.4)):  # 24 fps: mostly between two frames
        scene.frame_set(frame, subframe=subframe)
        shown.append(figure(preview, height=1.6))
    result = applied(preview, height=1.6)
    for (frame, subframe), each in zip(((1, 0.0), (9, 0.0), (12, 0.4)), shown, strict=True):
        scene.frame_set(frame, subframe=subframe)
        joints = np.array([empty.matrix_world.translation for empty in result.empties])
        assert each.points == pytest.approx(joints, abs=1e-5 / unit)
        assert each.spread.shape == (28,)
    size = result.root["jumps_units_per_pixel"]
    observed = preview.sequence.state[0] == JointState.OBSERVED
    assert shown[0].spread == pytest.approx(
        np.where(observed, 0.0, preview.sequence.uncertainty[0] * size)
    )


def test_the_preview_of_a_result_that_is_run_again_stands_where_that_was_put() -> None:
    preview = Preview(walker())
    before = figure(preview).points
    result = applied(preview)
    result.root.location = (3.0, 2.0, 1.0)
    result.root.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    moved = figure(preview)
    assert moved.points == pytest.approx(2 * before + (3.0, 2.0, 1.0), abs=1e-5)
    pelvis = joint_index("pelvis")
    assert moved.spread[pelvis] == pytest.approx(
        2 * preview.sequence.uncertainty[0, pelvis] * result.root["jumps_units_per_pixel"]
    )


def test_beside_an_earlier_result_it_stands_at_the_origin() -> None:
    preview = Preview(walker())
    before = figure(preview).points
    applied(preview).root.location = (3.0, 2.0, 1.0)
    bpy.context.view_layer.update()
    assert figure(preview, keep=True).points == pytest.approx(before, abs=1e-5)
    beside = applied(preview, keep_previous=True)
    assert tuple(beside.root.location) == (0.0, 0.0, 0.0)


def test_what_is_run_again_goes_where_it_was_and_nowhere_else() -> None:
    preview = Preview(walker())
    results = [applied(preview, keep_previous=True) for _ in range(3)]
    for x, result in enumerate(results):
        result.root.location.x = x
    ids = [result.id for result in results]
    again = Preview(walker(), again_uid=results[1].root.session_uid)
    bpy.context.view_layer.objects.active = results[2].root
    bpy.context.view_layer.update()
    pelvis = joint_index("pelvis")
    assert figure(again, keep=True).points[pelvis, 0] == pytest.approx(1.0, abs=1e-5)
    made = applied(again, keep_previous=True)
    assert made.root.location.x == 1.0
    left = {result.id for result in results_in(bpy.context.scene)}
    assert left == {ids[0], ids[2], made.id}


def test_what_hangs_on_a_replaced_result_hangs_on_the_new_one() -> None:
    preview = Preview(walker())
    first = applied(preview)
    first.root.name = "Hero"
    hand = first.empties[joint_index("r_hand")]
    sword = bpy.data.objects.new("Sword", None)
    bpy.context.scene.collection.objects.link(sword)
    sword.parent = hand
    sword.matrix_parent_inverse = hand.matrix_world.inverted()
    sword.location = (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    place = sword.matrix_world.copy()
    again = applied(preview)
    bpy.context.view_layer.update()
    assert again.root.name == "Hero"
    assert sword.parent == again.empties[joint_index("r_hand")]
    assert np.allclose(np.array(sword.matrix_world), np.array(place), atol=1e-6)


def test_what_points_at_a_replaced_result_points_at_the_new_one() -> None:
    preview = Preview(walker())
    first = applied(preview)
    mesh = bpy.data.objects.new("Body", bpy.data.meshes.new("Body"))
    lamp = bpy.data.objects.new("Lamp", None)
    favourites = bpy.data.collections.new("Favourites")
    for item in (mesh, lamp):
        bpy.context.scene.collection.objects.link(item)
    bpy.context.scene.collection.children.link(favourites)
    favourites.objects.link(first.root)
    hand = joint_index("r_hand")
    mesh.modifiers.new("Skin", "ARMATURE").object = first.armature
    lamp.constraints.new("COPY_LOCATION").target = first.empties[hand]
    driver = lamp.driver_add("scale", 0).driver
    variable = driver.variables.new()
    variable.targets[0].id = first.empties[hand]
    again = applied(preview)
    assert mesh.modifiers["Skin"].object == again.armature
    assert lamp.constraints[0].target == again.empties[hand]
    assert variable.targets[0].id == again.empties[hand]
    assert list(favourites.objects) == [again.root]
    # The new one's own constraints and parents are as without an earlier one.
    bones = again.armature.pose.bones
    targets = {c.target for bone in bones for c in bone.constraints}
    assert targets <= set(again.empties)
    assert {item.parent for item in (*again.empties, again.armature)} == {again.root}
    assert {again.root.name} == {
        c.name for item in again.members for c in item.users_collection
    } - {"Favourites"}
    assert len(bpy.data.objects) == 32


def test_states_change_with_the_frame_and_nothing_is_shown_outside_the_clip() -> None:
    scene, preview = bpy.context.scene, Preview(walker(frames=60, fps=24.0))
    wrist = joint_index("l_wrist")
    for frame, state in ((10, JointState.OBSERVED), (11, JointState.INPAINTED), (21, 0)):
        scene.frame_set(frame)
        assert figure(preview).state[wrist] == state
    for frame, is_shown in ((0, False), (1, True), (60, True), (61, False)):
        scene.frame_set(frame)
        assert (figure(preview) is not None) == is_shown
    scene.frame_set(150)
    assert figure(preview, start=100) is not None
    scene.render.fps = 48
    scene.frame_set(119)
    assert figure(preview) is not None
    assert figure(preview, clip_fps=True) is None


def test_a_clip_of_one_frame_is_shown() -> None:
    preview = Preview(walker(frames=1))
    assert figure(preview).points[joint_index("pelvis")] == pytest.approx((0, 0, 0.99), abs=0.1)


def test_shares_of_the_states() -> None:
    found = Preview(walker(frames=60)).shares
    assert found[JointState.INPAINTED] == pytest.approx(10 / (60 * 28))
    assert sum(found.values()) == pytest.approx(1.0)


def test_the_store_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_module, "_MOST_KEPT", 3)
    keys = [keep_preview(Preview(walker(frames=2))) for _ in range(5)]
    assert [find(key) is not None for key in keys] == [False, False, True, True, True]
    # However large, the last one stays.
    monkeypatch.setattr(preview_module, "_MOST_BYTES", 0)
    last = keep_preview(Preview(walker(frames=2)))
    assert [find(key) is not None for key in (keys[-1], last)] == [False, True]


def test_settings_go_with_the_result() -> None:
    made_with = {"engine": "direct", "min_confidence": 0.3}
    result = applied(Preview(walker(), settings=made_with), height=1.9, start_frame=7)
    assert result.settings == {
        **made_with,
        "height": 1.9,
        "start_frame": 7,
        "use_clip_fps": False,
    }
    assert result.version == "0.2.0"


def test_a_second_result_may_stand_beside_the_first() -> None:
    first = applied(Preview(walker())).id
    second = applied(Preview(walker()), keep_previous=True).id
    assert {result.id for result in results_in(bpy.context.scene)} == {first, second}
    names = [item.name for item in bpy.data.collections]
    assert len(names) == len(set(names)) == 2


class Front:
    """An orthographic view along +Y, 100 pixels to the unit."""

    def __init__(self, overlay) -> None:
        self.screen = overlay.Screen(
            across=np.array([[1.0, 0, 0], [0, 0, 1.0]]),
            depth=np.array([0.0, 0, 0, 1]),
            wide=100.0,
            dpi=2.0,
        )


@pytest.mark.usefixtures("extension")
def test_bones_have_the_width_of_their_uncertainty_and_the_colour_of_their_state() -> None:
    overlay = sys.modules[f"{MODULE}.ui.overlay"]
    screen = Front(overlay).screen
    preview = Preview(walker())
    shown = figure(preview)
    wide = joint_index("l_wrist")
    spread = np.full(28, 0.001)
    spread[wide] = 0.2
    shown = preview_module.Figure(shown.points, shown.state, spread)
    drawn, dots = overlay.figure_shapes(screen, shown, STATE_COLOURS)
    # The bands first, then the bones over them.
    bands, lines = zip(*(np.split(part, 2) for part in drawn[:2]), strict=True)
    assert drawn.triangles[2:4].tolist() == [[4, 5, 6], [4, 6, 7]]
    row = [joint for joint, parent in enumerate(PARENTS) if parent >= 0].index(wide)
    corners = bands[0].reshape(27, 4, 3)[row]
    parent = shown.points[PARENTS[wide]]
    # One standard deviation of 20 pixels to each side of the wrist, across the bone, and thin at
    # the elbow, which is certain.
    aside = corners[3] - corners[2]
    assert np.linalg.norm(aside) * 100 == pytest.approx(40.0)
    assert aside @ (shown.points[wide] - parent) == pytest.approx(0.0, abs=1e-5)
    assert (corners[3] + corners[2]) / 2 == pytest.approx(shown.points[wide])
    assert np.linalg.norm(corners[0] - corners[1]) * 100 == pytest.approx(5.0)
    assert (corners[0] + corners[1]) / 2 == pytest.approx(parent)
    thin = lines[0].reshape(27, 4, 3)
    assert np.linalg.norm(thin[:, 0] - thin[:, 1], axis=1) * 100 == pytest.approx(5.0, abs=1e-4)
    # A certain joint's band is its bone's own line.
    assert np.linalg.norm(bands[0].reshape(27, 4, 3)[row - 1, 0] - thin[row - 1, 0]) < 1e-6
    expected = (*STATE_COLOURS[JointState(shown.state[wide])], 1.0)
    assert lines[1].reshape(27, 4, 4)[row] == pytest.approx(np.tile(expected, (4, 1)))
    assert bands[1].reshape(27, 4, 4)[row, 0, 3] < 0.5
    corners = dots[0].reshape(28, -1, 3)
    radius = np.linalg.norm(corners - shown.points[:, None], axis=-1)
    assert radius * 100 == pytest.approx(9.0)


@pytest.mark.usefixtures("extension")
def test_the_preferences_choose_the_colours() -> None:
    own = bpy.context.preferences.addons[MODULE].preferences
    of_preferences = sys.modules[f"{MODULE}.operators.preferences"]
    assert [tuple(colour) for colour in of_preferences.colours(bpy.context).values()] == [
        pytest.approx(colour) for colour in STATE_COLOURS.values()
    ]
    own.inpainted = (1.0, 0.0, 1.0)
    states = sys.modules[f"{MODULE}.keypoints.sequence"].JointState
    chosen = of_preferences.colours(bpy.context)[states.INPAINTED]
    assert chosen == (1.0, 0.0, 1.0)
    own.property_unset("inpainted")


@pytest.mark.usefixtures("extension")
def test_nothing_is_drawn_without_a_window() -> None:
    overlay = sys.modules[f"{MODULE}.ui.overlay"]
    overlay.update()
    assert not overlay.is_drawing()
