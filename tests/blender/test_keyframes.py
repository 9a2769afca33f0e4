import bpy
import numpy as np
import pytest

from jumps_blender.scene.keyframes import changes, channelbag_for, write_curve


def test_writes_what_keyframe_insert_would() -> None:
    ours, theirs = (bpy.data.objects.new(name, None) for name in ("ours", "theirs"))
    frames = np.array([1.0, 2.5, 4.0, 10.0])
    values = np.array([0.5, -1.0, 2.0, 2.0])
    channelbag = channelbag_for(bpy.data.actions.new("ours"), ours)
    write_curve(channelbag, "location", 2, frames, values)
    for frame, value in zip(frames, values, strict=True):
        theirs.location.z = value
        theirs.keyframe_insert("location", index=2, frame=frame)
    action, slot = theirs.animation_data.action, theirs.animation_data.action_slot
    expected = action.layers[0].strips[0].channelbag(slot).fcurves.find("location", index=2)
    curve = channelbag.fcurves.find("location", index=2)
    assert [tuple(key.co) for key in curve.keyframe_points] == [
        tuple(key.co) for key in expected.keyframe_points
    ]
    assert {key.interpolation for key in curve.keyframe_points} == {"LINEAR"}
    assert curve.evaluate(1.75) == pytest.approx(-0.25)
    assert curve.is_valid


def test_two_objects_share_an_action_without_sharing_curves() -> None:
    action = bpy.data.actions.new("both")
    first, second = (bpy.data.objects.new(name, None) for name in "ab")
    for value, owner in ((1.0, first), (2.0, second)):
        bpy.context.scene.collection.objects.link(owner)
        write_curve(channelbag_for(action, owner), "location", 0, np.array([1]), np.array([value]))
    bpy.context.scene.frame_set(1)
    assert (first.location.x, second.location.x) == (1.0, 2.0)
    assert len(action.layers) == len(action.layers[0].strips) == 1


def test_constant_keys_hold_their_value() -> None:
    owner = bpy.data.objects.new("owner", None)
    channelbag = channelbag_for(bpy.data.actions.new("steps"), owner)
    write_curve(channelbag, "location", 0, np.array([1, 5]), np.array([3, 7]), "CONSTANT")
    curve = channelbag.fcurves[0]
    assert [curve.evaluate(frame) for frame in (1, 4.9, 5, 6)] == [3, 3, 7, 7]


def test_changes() -> None:
    assert changes(np.array([2, 2, 0, 0, 1, 1, 2])).tolist() == [0, 2, 4, 6]
    assert changes(np.array([5])).tolist() == [0]
