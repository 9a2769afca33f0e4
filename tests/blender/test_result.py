from dataclasses import replace

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import JointState
from jumps_blender.scene import result as result_module
from jumps_blender.scene.armature import child_of
from jumps_blender.scene.look import STATE_COLOURS, linear
from jumps_blender.scene.result import (
    Result,
    active_result,
    clear_result,
    create_result,
    plane_of,
    results_in,
)
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index

from .test_space import space
from .walker import walker


def at(frame: float) -> None:
    bpy.context.scene.frame_set(int(frame), subframe=frame - int(frame))


def joints_in_world(result: Result) -> np.ndarray:
    return np.array([empty.matrix_world.translation for empty in result.empties])


def test_joints_lie_where_the_picture_has_them() -> None:
    sequence = walker(fps=24.0)
    result = create_result(bpy.context, sequence)
    expected = plane_of(result).to_scene(sequence.positions)
    for row in (0, 13, 59):
        at(row + 1)
        assert joints_in_world(result) == pytest.approx(expected[row], abs=1e-5)
    assert result.frame_range == (1, 60)


@pytest.mark.parametrize(("scene_fps", "frame_of_second"), [(24, 25.0), (30, 31.0), (60, 61.0)])
def test_clip_keeps_its_speed(scene_fps: int, frame_of_second: float) -> None:
    scene = bpy.context.scene
    scene.render.fps = scene_fps
    sequence = walker(91)
    result = create_result(bpy.context, sequence)
    at(frame_of_second)
    second = plane_of(result).to_scene(sequence.positions[30])
    assert joints_in_world(result) == pytest.approx(second, abs=1e-5)
    assert (scene.render.fps, scene.render.fps_base) == (scene_fps, 1.0)
    assert scene.frame_end == max(250, 1 + 3 * scene_fps)


def test_clip_rate_given_to_the_scene() -> None:
    scene = bpy.context.scene
    sequence = walker(300, fps=30000 / 1001)
    result = create_result(bpy.context, sequence, use_clip_fps=True, start_frame=11)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(30000 / 1001)
    assert result.frame_range == (11, 310)
    assert scene.frame_end == 310


def test_frame_range_left_alone_if_asked() -> None:
    create_result(bpy.context, walker(600), extend_range=False)
    assert bpy.context.scene.frame_end == 250


def test_state_and_colour_change_only_where_the_state_does() -> None:
    result = create_result(bpy.context, walker(fps=24.0))
    wrist = result.empties[joint_index("l_wrist")]
    animation = wrist.animation_data
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    keys = bag.fcurves.find('["jumps_state"]').keyframe_points
    assert [tuple(key.co) for key in keys] == [(1, 0), (11, 1), (21, 0)]
    assert {key.interpolation for key in keys} == {"CONSTANT"}
    assert len(bag.fcurves.find("color", index=1).keyframe_points) == 3
    for frame, state in ((10, 0), (11, 1), (20, 1), (21, 0)):
        at(frame)
        assert wrist["jumps_state"] == state
        assert tuple(wrist.color)[:3] == pytest.approx(linear(STATE_COLOURS[JointState(state)]))
    spine = result.empties[joint_index("spine")]
    assert spine["jumps_state"] == JointState.UPSAMPLED
    assert tuple(spine.color)[:3] == pytest.approx(linear(STATE_COLOURS[JointState.UPSAMPLED]))


def test_empties_tell_what_they_are() -> None:
    result = create_result(bpy.context, walker(person="7"))
    for name, empty in zip(JOINTS, result.empties, strict=True):
        assert empty.name == empty["jumps_joint"] == name
        assert empty["jumps_skeleton"] == "mpi_inf_3dhp28"
        assert empty["jumps_source"] == "/clips/walk.json"
        assert empty["jumps_person"] == "7"
        assert empty["jumps_engine"] == "walker"
        assert empty["jumps_result"] == result.id
        assert empty.parent == result.root
    assert result.armature.parent == result.root


def test_root_moves_the_whole() -> None:
    result = create_result(bpy.context, walker())
    at(30)
    before = joints_in_world(result)
    heads = np.array([result.armature.pose.bones[name].head for name in JOINTS])
    result.root.location = (1.0, 2.0, 3.0)
    bpy.context.view_layer.update()
    assert joints_in_world(result) - before == pytest.approx(
        np.tile([1.0, 2, 3], (28, 1)), abs=1e-5
    )
    after = np.array([result.armature.pose.bones[name].head for name in JOINTS])
    assert after == pytest.approx(heads, abs=1e-5)
    assert tuple(result.armature.matrix_world.translation) == (1.0, 2.0, 3.0)


def test_armature_has_the_joints_bones() -> None:
    armature = create_result(bpy.context, walker()).armature
    assert {bone.name for bone in armature.data.bones} == set(JOINTS)
    for joint, parent in enumerate(PARENTS):
        bone = armature.data.bones[JOINTS[joint]]
        assert (bone.parent.name if bone.parent else None) == (
            JOINTS[parent] if parent >= 0 else None
        )
        assert not bone.use_connect
    rest = {bone.name: bone.head_local for bone in armature.data.bones}
    assert max(abs(head.y) for head in rest.values()) == pytest.approx(0, abs=1e-6)
    assert min(head.z for head in rest.values()) == pytest.approx(0, abs=1e-6)
    assert rest["head_top"].z == pytest.approx(1.75, rel=0.1)
    assert rest["l_wrist"].x == pytest.approx(-rest["r_wrist"].x, abs=1e-6)
    assert rest["l_wrist"].x > 0.3


def test_bones_begin_at_their_joints_and_point_at_the_next() -> None:
    result = create_result(bpy.context, walker())
    for frame in (1, 17.5, 40):
        at(frame)
        joints = joints_in_world(result)
        for joint, name in enumerate(JOINTS):
            bone = result.armature.pose.bones[name]
            assert np.array(bone.head) == pytest.approx(joints[joint], abs=1e-5)
            child = child_of(joint)
            aim = joint if child is None else child
            start = PARENTS[joint] if child is None else joint
            direction = joints[aim] - joints[start]
            direction /= np.linalg.norm(direction)
            assert np.array(bone.y_axis) == pytest.approx(direction, abs=1e-4)


def test_an_edited_joint_takes_its_bone_along() -> None:
    result = create_result(bpy.context, walker())
    wrist = result.empties[joint_index("r_wrist")]
    wrist.animation_data_clear()
    wrist.location = (-1.0, 0.0, 2.0)
    at(5)
    assert np.array(result.armature.pose.bones["r_wrist"].head) == pytest.approx([-1, 0, 2])


def test_scene_unit_scales_the_character() -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    result = create_result(bpy.context, walker())
    at(1)
    assert joints_in_world(result)[joint_index("head_top"), 2] == pytest.approx(175, rel=0.03)


def test_results_do_not_disturb_one_another() -> None:
    first = create_result(bpy.context, walker(person="1"))
    second = create_result(bpy.context, walker(person="2"))
    assert {len(result.members) for result in results_in(bpy.context.scene)} == {30}
    clear_result(first)
    (left,) = results_in(bpy.context.scene)
    assert left.members == second.members
    assert left.person == "2"
    at(20)
    expected = plane_of(left).to_scene(walker().positions)
    assert left.empties[4].matrix_world.translation.x > 0
    assert expected.shape == (60, 28, 3)


def test_found_again_under_other_names() -> None:
    result = create_result(bpy.context, walker())
    for number, item in enumerate(result.members):
        item.name = f"thing {number}"
    (found,) = results_in(bpy.context.scene)
    assert found.empties == result.empties
    assert found.armature == result.armature


def test_running_twice_looks_like_running_once() -> None:
    create_result(bpy.context, walker())
    names = sorted(item.name for item in bpy.data.objects)
    first = results_in(bpy.context.scene)[0]
    first.root.location = (5.0, 0.0, 0.0)
    create_result(bpy.context, replace(walker(), engine="another"))
    (again,) = results_in(bpy.context.scene)
    assert sorted(item.name for item in bpy.data.objects) == names
    assert len(bpy.data.actions) == len(bpy.data.armatures) == len(bpy.data.collections) == 1
    assert again.root["jumps_engine"] == "another"
    assert tuple(again.root.location) == (5.0, 0.0, 0.0)
    assert bpy.context.object == again.root


def test_what_was_done_to_the_root_stays() -> None:
    scene, collection = bpy.context.scene, bpy.context.scene.collection
    carrier = create_result(bpy.context, walker(person="carrier")).armature
    lamp = bpy.data.objects.new("Lamp", None)
    collection.objects.link(lamp)
    lamp.location = (0.0, 5.0, 0.5)
    first = create_result(bpy.context, walker())
    root = first.root
    root.parent, root.parent_type, root.parent_bone = carrier, "BONE", "l_hand"
    root.rotation_mode = "XYZ"
    root.delta_location = (0.1, 0.2, 0.3)
    for frame, x in ((1, 0.0), (40, 2.0)):
        root.location.x = x
        root.keyframe_insert("location", index=0, frame=frame)
    bound = root.constraints.new("COPY_LOCATION")
    bound.target, bound.influence = lamp, 0.25
    driver = root.driver_add("scale", 2).driver
    driver.expression = "1.5"
    track = root.animation_data.nla_tracks.new()
    track.strips.new("turn", 1, bpy.data.actions.new("turn"))
    root["note"] = "hers"
    frames = (1, 17, 40)
    before = []
    for frame in frames:
        at(frame)
        before.append(joints_in_world(first))
    assert np.ptp(np.array(before), axis=0).max() > 0.5
    again = create_result(bpy.context, replace(walker(), engine="another"))
    assert again.root == root
    assert (again.root["jumps_engine"], again.root["note"]) == ("another", "hers")
    after = []
    for frame in frames:
        at(frame)
        after.append(joints_in_world(again))
    assert np.array(after) == pytest.approx(np.array(before), abs=1e-5)
    assert (root.parent_type, root.parent_bone, bound.influence) == ("BONE", "l_hand", 0.25)
    assert [each.name for each in root.animation_data.nla_tracks[0].strips] == ["turn"]
    assert {item.parent for item in again.members if item != root} == {root}
    assert [each.name for each in root.users_collection] == [root.name]
    assert len(results_in(scene)) == len(bpy.data.collections) == 2
    assert len(bpy.data.objects) == 61


def test_a_root_that_is_all_that_is_left_is_taken_over() -> None:
    result = create_result(bpy.context, walker())
    result.root.location = (5.0, 0.0, 0.0)
    for item in result.members[1:]:
        bpy.data.objects.remove(item)
    again = create_result(bpy.context, walker())
    assert again.root.location.x == 5.0
    assert len(bpy.data.objects) == 30
    assert len(bpy.data.actions) == len(bpy.data.collections) == 1


def test_a_root_that_is_taken_over_says_nothing_of_the_earlier_result() -> None:
    lifted = space()
    first = create_result(bpy.context, lifted.picture, space=lifted)
    lineage, root = first.lineage, first.root
    assert first.lifter
    flat = create_result(bpy.context, lifted.picture)
    assert (flat.root, flat.lifter, flat.lineage) == (root, "", lineage)
    assert plane_of(flat).units_per_pixel > 0
    assert flat.find("camera") is None


def test_replaced_after_the_user_deleted_parts() -> None:
    result = create_result(bpy.context, walker())
    bpy.data.objects.remove(result.root)
    bpy.data.objects.remove(bpy.data.objects["l_knee"])
    create_result(bpy.context, walker())
    assert len(bpy.data.objects) == 30


def test_a_replaced_results_collection_stays_where_the_user_has_put_it() -> None:
    """In another scene too, in a collection of hers, with something of hers in it."""
    scene = bpy.context.scene
    create_result(bpy.context, walker())
    (collection,) = bpy.data.collections
    collection.color_tag = "COLOR_03"
    shot, other = bpy.data.collections.new("Shot"), bpy.data.scenes.new("Other")
    scene.collection.children.link(shot)
    shot.children.link(collection)
    scene.collection.children.unlink(collection)
    other.collection.children.link(collection)
    light = bpy.data.objects.new("Light", None)
    collection.objects.link(light)
    for _ in range(2):
        result = create_result(bpy.context, walker())
    assert set(collection.objects) == {light, *result.members}
    assert all(item.users_collection == (collection,) for item in result.members)
    assert collection.color_tag == "COLOR_03"
    assert set(bpy.data.collections) == {shot, collection}
    assert collection.name in shot.children
    assert collection.name in other.collection.children
    clear_result(result)
    assert list(collection.objects) == [light]
    bpy.data.objects.remove(light)
    clear_result(create_result(bpy.context, walker()))


def test_times_far_apart_are_a_message() -> None:
    """They would make a bake or an export of hours."""
    sequence = walker(30)
    times = sequence.times.copy()
    times[17:] += 30_000
    before = len(bpy.data.objects)
    with pytest.raises(JumpsError, match=r"frame 17 of person 1 comes 30000 s after"):
        create_result(bpy.context, replace(sequence, times=times))
    assert len(bpy.data.objects) == before
    times[17:] -= 29_500
    create_result(bpy.context, replace(sequence, times=times))


def test_a_lost_joint_is_named() -> None:
    create_result(bpy.context, walker())
    bpy.data.objects.remove(bpy.data.objects["l_knee"])
    (result,) = results_in(bpy.context.scene)
    with pytest.raises(JumpsError, match=r"lost its joint l_knee; undo .* or run Upsample"):
        _ = result.empties


@pytest.mark.parametrize("kept", [None, "one", -3, 10**9])
def test_properties_edited_by_hand_are_a_message(kept: object) -> None:
    result = create_result(bpy.context, walker())
    for empty in result.empties:
        empty.animation_data_clear()
    assert result.frame_range == (1, 49)
    if kept is None:
        del result.root["jumps_first_frame"]
    else:
        result.root["jumps_first_frame"] = kept
    with pytest.raises(JumpsError, match="has lost its keyframes"):
        assert result.frame_range
    armature = result.armature
    armature["jumps_role"] = "joint"
    result.empties[0]["jumps_role"] = "armature"
    with pytest.raises(JumpsError, match="has lost its armature"):
        assert result.armature


@pytest.mark.parametrize("height", [0.0, -1.0, 1e9, float("nan")])
def test_nobody_is_that_tall(height: float) -> None:
    with pytest.raises(JumpsError, match=r"give one between 0\.1 and 100 m"):
        create_result(bpy.context, walker(), height=height)
    assert not bpy.data.objects


def test_clear_leaves_nothing_but_what_is_not_its_own() -> None:
    result = create_result(bpy.context, walker())
    hers = bpy.data.objects.new("hat", None)
    result.root.users_collection[0].objects.link(hers)
    clear_result(result)
    assert list(bpy.data.objects) == [hers]
    assert hers.users_collection[0] in list(bpy.context.scene.collection.children)
    assert len(bpy.data.actions) == len(bpy.data.armatures) == 0


def test_clear_takes_the_collection_too() -> None:
    clear_result(create_result(bpy.context, walker()))
    for items in (
        bpy.data.objects,
        bpy.data.actions,
        bpy.data.armatures,
        bpy.data.collections,
    ):
        assert len(items) == 0


def test_a_copy_is_a_result_of_its_own() -> None:
    original = create_result(bpy.context, walker())
    for item in original.members:
        item.select_set(True)
    bpy.ops.object.duplicate()
    copy = next(r for r in results_in(bpy.context.scene) if r.root != original.root)
    assert len(copy.members) == 30
    assert not set(copy.members) & set(original.members)
    clear_result(original)
    (left,) = results_in(bpy.context.scene)
    assert left.members == copy.members
    at(30)
    expected = plane_of(left).to_scene(walker().positions)
    assert joints_in_world(left).shape == expected[0].shape
    assert len({round(x, 4) for x in joints_in_world(left)[:, 0]}) > 10


def test_active_result_follows_the_selection() -> None:
    first = create_result(bpy.context, walker(person="1"))
    second = create_result(bpy.context, walker(person="2"))
    assert active_result(bpy.context).id == second.id
    bpy.context.view_layer.objects.active = first.empties[3]
    assert active_result(bpy.context).id == first.id
    bpy.context.view_layer.objects.active = None
    for item in bpy.data.objects:
        item.select_set(False)
    assert active_result(bpy.context) is None
    clear_result(first)
    assert active_result(bpy.context).person == "2"


def test_nothing_half_made_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = create_result(bpy.context, walker())

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(result_module, "follow", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        create_result(bpy.context, walker())
    assert results_in(bpy.context.scene)[0].members == kept.members
    assert len(bpy.data.objects) == 30
    assert len(bpy.data.actions) == len(bpy.data.armatures) == len(bpy.data.collections) == 1


def test_a_clip_beyond_blenders_last_frame_is_refused() -> None:
    sequence = walker()
    late = replace(sequence, times=sequence.times + 1e6)
    with pytest.raises(JumpsError, match="Blender's last frame is 1048574"):
        create_result(bpy.context, late)
    assert len(bpy.data.objects) == 0


def test_one_frame_in_one_point() -> None:
    sequence = walker(1)
    point = replace(sequence, positions=np.full((1, 28, 2), 7, np.float32))
    result = create_result(bpy.context, point)
    assert result.frame_range == (1, 1)
    at(1)
    bones = np.array([bone.matrix for bone in result.armature.pose.bones])
    assert np.isfinite(bones).all()
