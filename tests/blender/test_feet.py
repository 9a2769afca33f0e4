"""Contacts as keys that the user edits, and the legs that are held anew."""

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import CONTACTS, HELD, SpaceSequence
from jumps_blender.model_runtime.contacts import soles
from jumps_blender.model_runtime.foot_lock import held_again
from jumps_blender.scene.feet import CONTACT, FREE, held_joints, read_feet, write_legs
from jumps_blender.scene.result import Result, create_result, results_in
from jumps_blender.skeletons import JOINTS

from ..walking import HELD_JOINTS, walker
from .test_space import space

FRAMES = 60
LEFT_TOE, RIGHT_TOE = 1, 3  # in CONTACTS


def sliding() -> tuple[SpaceSequence, np.ndarray]:
    """A walk that was held, and what it was before: sliding along by 0.3 m/s."""
    world, stands = walker(FRAMES)
    free = world + np.arange(FRAMES)[:, None, None] * (0.01, 0.0, 0.0)
    held = held_again(free, stands, np.arange(FRAMES) / 30)
    return space(
        FRAMES,
        positions=held.astype(np.float32),
        free=free[:, HELD_JOINTS].astype(np.float32),
        stands=stands,
    ), free


def applied(given: SpaceSequence, **settings) -> Result:
    return create_result(
        bpy.context, given.picture, space=given, **{"use_clip_fps": True, **settings}
    )


def shown(result: Result) -> np.ndarray:
    """World places (F, 28, 3) on each frame."""
    found = []
    for frame in range(1, FRAMES + 1):
        bpy.context.scene.frame_set(frame)
        found.append(np.array([empty.matrix_world.translation for empty in result.empties]))
    return np.array(found)


def contact_keys(result: Result, part: int):
    empty = result.empties[JOINTS.index(CONTACTS[part])]
    animation = empty.animation_data
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    return bag.fcurves.find(f'["{CONTACT}"]').keyframe_points


def slides(points: np.ndarray, part: int, frames: slice) -> float:
    """Metres a second that a sole moves at most."""
    return float(np.linalg.norm(np.diff(soles(points)[frames, part], axis=0), axis=-1).max() * 30)


def test_contacts_are_keyed_where_they_change_and_show_themselves() -> None:
    given, free = sliding()
    result = applied(given)
    for part, name in enumerate(CONTACTS):
        empty = result.empties[JOINTS.index(name)]
        assert 2 <= len(contact_keys(result, part)) <= 6
        for frame in (1, 14, 16, 31, FRAMES):
            bpy.context.scene.frame_set(frame)
            assert empty[CONTACT] is bool(given.stands[frame - 1, part])
    feet = read_feet(result, bpy.context.scene)
    assert np.array_equal(feet.stands, given.stands)
    assert feet.free[:, HELD_JOINTS] == pytest.approx(free[:, HELD_JOINTS], abs=1e-5)
    assert feet.times[1] - feet.times[0] == pytest.approx(1 / 30)


@pytest.mark.parametrize(("unit", "height"), [(1.0, 1.75), (0.01, 1.75), (1.0, 3.5)])
@pytest.mark.usefixtures("extension")
def test_the_operator_does_what_the_functions_do(unit: float, height: float) -> None:
    bpy.context.scene.unit_settings.scale_length = unit
    given, free = sliding()
    result = applied(given, height=height)
    scale = height / 1.75 / unit
    before = shown(result)
    assert bpy.ops.jumps.lock_feet() == {"FINISHED"}
    (result,) = results_in(bpy.context.scene)
    # Nothing was edited: nothing changes.
    assert shown(result) == pytest.approx(before, abs=1e-4 * scale)

    # The left toes and heel are let go.
    for part in (0, 1):
        for key in contact_keys(result, part):
            key.co.y = 0.0
    assert bpy.ops.jumps.lock_feet() == {"FINISHED"}
    (result,) = results_in(bpy.context.scene)
    after = shown(result) / scale
    left, right = slice(0, 4), slice(4, 8)
    held = held_joints(after)
    assert held[:, left] == pytest.approx(free[:, HELD_JOINTS][:, left], abs=2e-3)
    assert held[:, right] == pytest.approx(before[:, HELD_JOINTS][:, right] / scale, abs=1e-3)
    stands = given.stands & (False, False, True, True)
    function = held_again(
        np.where(np.isin(np.arange(28), HELD_JOINTS)[:, None], free, given.positions),
        stands,
        np.arange(FRAMES) / 30,
    )
    assert held == pytest.approx(function[:, HELD_JOINTS], abs=1e-4)

    # Run twice gives the same as run once.
    assert bpy.ops.jumps.lock_feet() == {"FINISHED"}
    (result,) = results_in(bpy.context.scene)
    assert shown(result) / scale == pytest.approx(after, abs=1e-4)


def test_a_contact_that_is_added_holds_the_foot() -> None:
    given, _ = sliding()
    none = np.zeros_like(given.stands)
    free = np.array(given.positions)
    free[:, HELD_JOINTS] = given.free
    result = applied(space(FRAMES, positions=free, free=given.free, stands=none))
    frames = slice(1, 14)
    assert slides(shown(result), LEFT_TOE, frames) > 0.25
    keys = contact_keys(result, LEFT_TOE)
    assert len(keys) == 1
    keys[0].co.y = 1.0
    added = keys.insert(16, 0.0)
    added.interpolation = "CONSTANT"
    feet = read_feet(result, bpy.context.scene)
    assert feet.stands[:, LEFT_TOE].tolist() == [frame < 15 for frame in range(FRAMES)]
    write_legs(result, feet, held_joints(held_again(feet.free, feet.stands, feet.times)))
    assert slides(shown(result), LEFT_TOE, frames) < 0.02
    assert slides(shown(result), RIGHT_TOE, slice(16, 29)) > 0.25


def test_keys_that_were_moved_and_stretched_stay_together() -> None:
    given, free = sliding()
    result = applied(given)
    for item in bpy.data.actions:
        for bag in item.layers[0].strips[0].channelbags:
            for curve in bag.fcurves:
                for key in curve.keyframe_points:
                    key.co.x = 100 + 2 * (key.co.x - 1)
                curve.update()
    feet = read_feet(result, bpy.context.scene)
    assert feet.frames[[0, 1, -1]].tolist() == [100, 102, 100 + 2 * (FRAMES - 1)]
    assert np.array_equal(feet.stands, given.stands)
    assert feet.times[1] - feet.times[0] == pytest.approx(2 / 30)
    assert feet.free[:, HELD_JOINTS] == pytest.approx(free[:, HELD_JOINTS], abs=1e-5)


def test_a_floor_elsewhere_in_a_scenes_own_world_stays_there() -> None:
    given, _ = sliding()
    up = np.array([0.0, 0.0, 2.0])
    free = np.array(given.positions, float)
    free[:, HELD_JOINTS] = given.free
    times = np.arange(FRAMES) / 30
    held = held_again(free + up, given.stands, times)
    assert held == pytest.approx(held_again(free, given.stands, times) + up, abs=1e-6)


def test_keys_that_were_taken_away_thin_out_nothing_else() -> None:
    """Of one ankle some, to mend a pop, and of one of its curves nearly all."""
    given, _ = sliding()
    result = applied(given)
    expected = shown(result)
    ankle = result.empties[JOINTS.index("l_ankle")].animation_data
    bag = ankle.action.layers[0].strips[0].channelbag(ankle.action_slot)
    for axis, kept in ((0, 2), (1, 40)):
        keys = bag.fcurves.find("location", index=axis).keyframe_points
        for key in list(keys)[-1 : kept - 1 : -1]:
            keys.remove(key)
    feet = read_feet(result, bpy.context.scene)
    assert feet.frames == pytest.approx(np.arange(1, FRAMES + 1))
    times = np.arange(FRAMES) / 30
    write_legs(result, feet, held_joints(held_again(feet.free, feet.stands, times)))
    assert shown(result) == pytest.approx(expected, abs=2e-3)


@pytest.mark.usefixtures("extension")
def test_lock_feet_is_one_undo_step_and_tells_of_a_stale_bake() -> None:
    given, _ = sliding()
    result = applied(given)
    bpy.ops.jumps.bake_to_armature()
    before = shown(result)
    for part in (0, LEFT_TOE):
        for key in contact_keys(result, part):
            key.co.y = 0.0
    bpy.ops.ed.undo_push(message="edited")
    assert bpy.ops.jumps.lock_feet() == {"FINISHED"}
    assert not np.allclose(shown(results_in(bpy.context.scene)[0]), before, atol=1e-3)
    bpy.ops.ed.undo_push(message="locked")
    bpy.ops.ed.undo()
    assert shown(results_in(bpy.context.scene)[0]) == pytest.approx(before, abs=1e-5)


@pytest.mark.usefixtures("extension")
def test_what_cannot_be_locked_says_why() -> None:
    given, _ = sliding()
    result = applied(given)
    toe = result.empties[JOINTS.index("l_toe")]
    keys = toe.animation_data.action
    toe.animation_data.action = None
    with pytest.raises(RuntimeError, match="l_toe has lost its keys"):
        bpy.ops.jumps.lock_feet()
    toe.animation_data.action = keys
    for empty in result.empties:
        empty.pop(FREE, None)
    with pytest.raises(RuntimeError, match="choose Run Again first"):
        bpy.ops.jumps.lock_feet()
    create_result(bpy.context, given.picture)  # a flat one, in its place
    with pytest.raises(RuntimeError, match="This result is flat"):
        bpy.ops.jumps.lock_feet()
    with pytest.raises(JumpsError, match="This result is flat"):
        read_feet(results_in(bpy.context.scene)[0], bpy.context.scene)


def test_what_is_held_are_the_legs() -> None:
    assert [JOINTS[joint] for joint in HELD_JOINTS] == list(HELD)
