import bpy
import numpy as np
import pytest

from jumps_blender.scene.keyframes import (
    changes,
    channelbag_for,
    clear_motion,
    push_down,
    write_curve,
)


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


@pytest.mark.parametrize("names", ["kept", "changed"])
@pytest.mark.parametrize(
    ("keyed", "span"),
    [((5.5, 20.25), (5.5, 20.25)), ((200.0, 300.0), (200.0, 300.0)), ((-80.5,), (-80.5, -79.5))],
)
def test_what_is_pushed_down_lies_where_it_was(
    keyed: tuple[float, ...], span: tuple[float, float], names: str
) -> None:
    action = bpy.data.actions.new("both")
    first, second = (bpy.data.objects.new(name, None) for name in "ab")
    write_curve(channelbag_for(action, first), "location", 0, np.array([-50, 99]), np.arange(2))
    values = np.arange(len(keyed), dtype=float)
    write_curve(channelbag_for(action, second), "location", 0, np.array(keyed), values)
    if names == "changed":  # by names Blender finds slots
        first.name, second.name = "c", "d"
    animation = second.animation_data
    animation.action_blend_type, animation.action_extrapolation = "ADD", "NOTHING"
    animation.action_influence = 0.25
    push_down(animation)
    assert animation.action is None
    (track,) = animation.nla_tracks
    (strip,) = track.strips
    assert (track.name, strip.action, strip.action_slot) == ("both", action, action.slots[1])
    assert (strip.frame_start, strip.frame_end) == span
    assert (strip.action_frame_start, strip.action_frame_end) == span
    assert (strip.scale, strip.repeat) == (1, 1)
    assert (strip.blend_type, strip.extrapolation) == ("ADD", "NOTHING")
    assert strip.fcurves.find("influence").evaluate(7) == 0.25
    push_down(animation)  # of nothing
    assert len(animation.nla_tracks) == 1


def test_a_copy_without_motion_keeps_its_drivers() -> None:
    owner = bpy.data.objects.new("a", None)
    clear_motion(owner)
    write_curve(
        channelbag_for(bpy.data.actions.new("x"), owner), "scale", 0, np.ones(1), np.ones(1)
    )
    push_down(owner.animation_data)
    owner.driver_add("location", 0).driver.expression = "5"
    track = owner.animation_data.nla_tracks[0]
    track.select = track.strips[0].select = True
    owner.animation_data.use_tweak_mode = True
    double = owner.copy()
    clear_motion(double)
    assert double.animation_data.action is None
    assert len(double.animation_data.nla_tracks) == 0
    assert len(double.animation_data.drivers) == 1
    assert owner.animation_data.use_tweak_mode
    assert len(owner.animation_data.nla_tracks) == 1
