"""A lifted clip on other people's rigs: other names, rest poses, rolls, sizes and axes."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Euler

from jumps_blender.errors import JumpsError
from jumps_blender.scene.bake import finished
from jumps_blender.scene.keyframes import channelbag_for, write_curve
from jumps_blender.scene.orientation import body_frames
from jumps_blender.scene.result import create_result
from jumps_blender.scene.retarget import retarget, retarget_steps
from jumps_blender.skeletons import joint_index

from ..walking import picture
from .rigs import BONES, heads, lifted, make_rig, moving, t_pose
from .test_orientation import REST


@pytest.fixture
def result():
    return lifted(moving())


BEGIN = [joint_index(BONES[part][0]) for part in BONES]
FRAMES = np.array([1, 7, 15, 24])


@pytest.mark.parametrize("rest", ["A-pose", "T-pose"])
def test_a_rig_of_the_same_proportions_stands_where_the_result_does(result, rest: str) -> None:
    rig, mapped = make_rig(REST if rest == "A-pose" else t_pose(), {})
    retarget(result, rig, mapped)
    found = heads(rig, BONES, FRAMES)
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_size_axes_and_place_of_the_rig_do_not_matter(result) -> None:
    # As a rig out of an FBX: centimetres, y up, scaled and turned back by its object; elsewhere.
    stood_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    rig, mapped = make_rig(t_pose() @ stood_up.T * 100, {}, seed=3)
    rig.scale = (0.01, 0.01, 0.01)
    rig.rotation_euler = Euler((np.pi / 2, 0, 0))
    rig.location = (2.0, -1.0, 0.5)
    bpy.context.view_layer.update()
    retarget(result, rig, mapped)
    found = heads(rig, BONES, FRAMES)
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01


def test_a_bigger_rig_takes_bigger_steps(result) -> None:
    rig, mapped = make_rig(REST, {}, scale=1.5)
    retarget(result, rig, mapped)
    found = heads(rig, BONES, FRAMES)
    expected = 1.5 * moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.015


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE"])
def test_each_bone_keeps_its_rotation_mode(result, mode: str) -> None:
    rig, mapped = make_rig(t_pose(), {})
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    action = retarget(result, rig, mapped)
    assert {bone.rotation_mode for bone in rig.pose.bones} == {mode}
    found = heads(rig, BONES, FRAMES)
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.01
    bag = action.layers[0].strips[0].channelbag(action.slots[0])
    kinds = {curve.data_path.rsplit(".", 1)[1] for curve in bag.fcurves}
    rotation = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    assert kinds == {"location", rotation.get(mode, "rotation_euler")}


def test_what_was_there_is_kept_on_a_track_below(result) -> None:
    rig, mapped = make_rig(REST, {})
    rig.pose.bones["head"].rotation_mode = "XYZ"
    rig.pose.bones["head"].keyframe_insert("rotation_euler", frame=3)
    before = rig.animation_data.action
    before.name = "Idle"
    action = retarget(result, rig, mapped)
    tracks = rig.animation_data.nla_tracks
    assert rig.animation_data.action is None
    assert [track.strips[0].action for track in tracks] == [before, action]
    assert [track.strips[0].frame_start for track in tracks] == [3.0, 1.0]
    assert tracks[1].strips[0].action_slot == action.slots[0]
    # Once more is as once.
    again = retarget(result, rig, mapped)
    assert [track.strips[0].action for track in tracks] == [before, again]
    assert len(bpy.data.actions) == 3


def test_what_was_there_plays_as_before(result) -> None:
    """An additive action whose slot shares it, at half its strength, over a track."""
    rig, mapped = make_rig(REST, {})
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    sword = rig.data.edit_bones.new("sword")
    sword.head, sword.tail = (1, 0, 0), (1, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    path = rig.pose.bones["sword"].path_from_id("location")
    other = bpy.data.objects.new("Other", None)
    below, action = bpy.data.actions.new("Below"), bpy.data.actions.new("Both")
    write_curve(channelbag_for(below, rig), path, 0, np.array([1.0]), np.array([2.0]))
    rig.animation_data.nla_tracks.new().strips.new("Below", 1, below)
    write_curve(channelbag_for(action, other), "location", 0, np.array([-50.0, 99]), np.eye(2)[0])
    frames = np.array([5.5, 20.25])
    write_curve(channelbag_for(action, rig), path, 0, frames, np.array([1.0, 3.0]))
    rig.name = "Renamed"  # so that Blender doesn't find the slot by its name
    animation = rig.animation_data
    animation.action_blend_type, animation.action_influence = "ADD", 0.5
    seen = np.array([1, 6, 13, 20, 24])
    before = heads(rig, ["sword"], seen)
    assert before[:, 0, 0] == pytest.approx([3.5, 3.534, 4.008, 4.483, 4.5], abs=1e-3)
    retarget(result, rig, mapped)
    assert heads(rig, ["sword"], seen) == pytest.approx(before, abs=1e-5)
    strip = animation.nla_tracks[1].strips[0]
    assert (strip.action, strip.action_slot) == (action, action.slots[1])
    assert (strip.frame_start, strip.frame_end) == (5.5, 20.25)


@pytest.mark.parametrize("how", ["by hand", "on a track below"])
def test_bones_that_are_only_turned_keep_their_place(result, how: str) -> None:
    rig, mapped = make_rig(t_pose(), {})
    expected = moving()[FRAMES - 1][:, BEGIN]
    for name in ("l_clavicle", "r_thigh", "spine2"):
        bone = rig.pose.bones[name]
        bone.location = (0.1, 0.2, -0.1)
        if how != "by hand":
            bone.keyframe_insert("location", frame=3)
            bone.location = (0, 0, 0)
    action = retarget(result, rig, mapped)
    assert np.linalg.norm(heads(rig, BONES, FRAMES) - expected, axis=-1).max() < 0.01
    bag = action.layers[0].strips[0].channelbag(action.slots[0])
    moved = {curve.data_path for curve in bag.fcurves if len(curve.keyframe_points) > 1}
    placed = {path for path in moved if path.endswith("location")}
    assert placed == {rig.pose.bones["hips"].path_from_id("location")}


def test_a_track_that_would_not_play_is_a_message(result) -> None:
    rig, mapped = make_rig(REST, {})
    rig.animation_data_create().use_nla = False
    with pytest.raises(JumpsError, match="Rig's animation strips are disabled"):
        retarget(result, rig, mapped)
    rig.animation_data.use_nla = True
    track = rig.animation_data.nla_tracks.new()
    track.name, track.is_solo = "Idle", True
    with pytest.raises(JumpsError, match="Rig: only the track Idle plays, because it is soloed"):
        retarget(result, rig, mapped)
    track.is_solo = False
    retarget(result, rig, mapped)
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(heads(rig, BONES, FRAMES) - expected, axis=-1).max() < 0.01


def test_bones_that_are_not_mapped_go_along(result) -> None:
    rig, mapped = make_rig(t_pose(), {})
    few = {slot: names for slot, names in mapped.items() if not slot.endswith(("toe", "clavicle"))}
    few["spine"] = (mapped["spine"][0], mapped["spine"][3])
    retarget(result, rig, few)
    found = heads(rig, BONES, FRAMES)
    limbs = [i for i, part in enumerate(BONES) if part.endswith(("thigh", "shin", "foot"))]
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1)[:, limbs].max() < 0.01


def test_a_rig_without_a_neck(result) -> None:
    rig, mapped = make_rig(t_pose(), {})
    retarget(result, rig, {slot: names for slot, names in mapped.items() if slot != "neck"})
    found = heads(rig, BONES, FRAMES)
    expected = moving()[FRAMES - 1][:, BEGIN]
    assert np.linalg.norm(found - expected, axis=-1).max() < 0.03


def test_frames_are_the_bodys_own_whatever_the_rest_pose() -> None:
    points = moving()
    one, two = body_frames(points, REST), body_frames(points, t_pose())
    assert one == pytest.approx(two, abs=1e-6)


def test_what_cannot_be_retargeted_is_a_message(result) -> None:
    rig, mapped = make_rig(REST, {})
    with pytest.raises(JumpsError, match="has no bone Bip01, which head is mapped to"):
        retarget(result, rig, mapped | {"head": ("Bip01",)})
    with pytest.raises(JumpsError, match="no bone is mapped to l_thigh"):
        retarget(result, rig, {slot: names for slot, names in mapped.items() if slot != "l_thigh"})
    with pytest.raises(JumpsError, match="is no rig of yours"):
        retarget(result, result.armature, mapped)
    with pytest.raises(JumpsError, match="is no rig of yours"):
        retarget(result, result.root, mapped)
    result.armature.hide_viewport = True
    with pytest.raises(JumpsError, match="Armature is disabled in viewports and doesn't move"):
        retarget(result, rig, mapped)
    result.armature.hide_viewport = False
    flat = create_result(bpy.context, replace(picture(20), person="2"))
    with pytest.raises(JumpsError, match="This result is flat"):
        retarget(flat, rig, mapped)
    for name in ("l_hand", "hips"):
        rig.pose.bones[name].scale = (1, 0, 1)
        with pytest.raises(JumpsError, match=f"{name} is scaled to nothing; clear its scale"):
            retarget(result, rig, mapped)
        rig.pose.bones[name].scale = (1, 1, 1)
    # As in rigs whose controls hang on bones that follow others.
    held = rig.pose.bones["l_clavicle"].constraints.new("COPY_ROTATION")
    held.target, held.subtarget = rig, "head"
    with pytest.raises(JumpsError, match="the constraint Copy Rotation moves l_clavicle; mute it"):
        retarget(result, rig, mapped)
    held.enabled = False
    rig.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    assert not rig.animation_data
    rig.pose.bones["head"].keyframe_insert("rotation_quaternion", frame=3)
    animation = rig.animation_data
    animation.nla_tracks.new().strips.new("Idle", 3, animation.action)
    animation.action = None
    animation.nla_tracks[0].select = True
    animation.use_tweak_mode = True
    with pytest.raises(JumpsError, match="Leave the tweak mode of Rig"):
        retarget(result, rig, mapped)
    assert [action for action in bpy.data.actions if " on Rig" in action.name] == []


MIXAMO = {
    "hips": "mixamorig:Hips",
    "spine": "mixamorig:Spine",
    "spine2": "mixamorig:Spine1",
    "spine3": "mixamorig:Spine2",
    "spine4": "mixamorig:Spine3",
    "neck": "mixamorig:Neck",
    "head": "mixamorig:Head",
} | {
    f"{side}_{slot}": f"mixamorig:{word}{name}"
    for side, word in (("l", "Left"), ("r", "Right"))
    for slot, name in (
        ("clavicle", "Shoulder"),
        ("upper_arm", "Arm"),
        ("forearm", "ForeArm"),
        ("hand", "Hand"),
        ("thigh", "UpLeg"),
        ("shin", "Leg"),
        ("foot", "Foot"),
        ("toe", "ToeBase"),
    )
}


def keys(action: bpy.types.Action) -> dict[tuple[str, int], np.ndarray]:
    found = {}
    for curve in action.layers[0].strips[0].channelbag(action.slots[0]).fcurves:
        values = np.empty((len(curve.keyframe_points), 2), np.float32)
        curve.keyframe_points.foreach_get("co", values.ravel())
        found[curve.data_path, curve.array_index] = values
    return found


@pytest.mark.usefixtures("extension")
def test_the_operator_does_what_the_function_does(result) -> None:
    # Installing the extension has emptied nothing: the result is found by its properties.
    rig, mapped = make_rig(t_pose(), MIXAMO, seed=5)
    by_function = keys(retarget(result, rig, mapped))
    panel = bpy.context.scene.jumps
    bpy.context.view_layer.objects.active = result.root
    assert not bpy.ops.jumps.retarget.poll()
    panel.rig = rig
    assert panel.rig_map == "mixamo"
    assert {row.slot: row.bone for row in panel.slots if row.slot == "l_shin"} == {
        "l_shin": "mixamorig:LeftLeg"
    }
    assert bpy.ops.jumps.retarget() == {"FINISHED"}
    (track,) = rig.animation_data.nla_tracks
    by_operator = keys(track.strips[0].action)
    assert by_operator.keys() == by_function.keys()
    assert all(np.array_equal(by_operator[key], by_function[key]) for key in by_function)
    # The table can be changed, and says what is wrong with it.
    row = next(row for row in panel.slots if row.slot == "l_thigh")
    row.bone = ""
    with pytest.raises(RuntimeError, match="No bone is given for the left thigh"):
        bpy.ops.jumps.retarget()
    assert bpy.ops.jumps.map_rig() == {"FINISHED"}
    assert next(row for row in panel.slots if row.slot == "l_thigh").bone == "mixamorig:LeftUpLeg"
    panel.rig = None
    assert len(panel.slots) == 0
    assert not bpy.ops.jumps.map_rig.poll()


def test_meddling_between_the_pieces_is_a_message(result) -> None:
    for meddle, words in (
        (
            lambda rig: setattr(rig.data.bones["head"], "name", "Kopf"),
            "The bones of Rig were changed",
        ),
        (lambda rig: setattr(rig.data, "pose_position", "REST"), "Set Rig to Pose Position first"),
        (lambda rig: bpy.data.objects.remove(rig), "has been deleted"),
    ):
        for after in (1, 3, 20, 30):
            rig, mapped = make_rig(REST, {})
            rig.name = "Rig"
            steps = retarget_steps(result, rig, mapped)
            for _ in range(after):
                next(steps)
            meddle(rig)
            with pytest.raises(JumpsError, match=words):
                finished(steps, None)
            assert [action for action in bpy.data.actions if " on Rig" in action.name] == []
            for left in [item for item in bpy.data.objects if item.name.startswith("Rig")]:
                bpy.data.objects.remove(left)
    rig, mapped = make_rig(REST, {})
    rig.data.pose_position = "REST"
    with pytest.raises(JumpsError, match="to Pose Position first"):
        retarget(result, rig, mapped)
