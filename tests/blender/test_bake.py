import bpy
import numpy as np
import pytest
from mathutils import Quaternion

from jumps_blender.errors import JumpsError
from jumps_blender.scene.armature import FOLLOWS_POSITION
from jumps_blender.scene.bake import (
    bake,
    bake_steps,
    finished,
    is_baked,
    local_channels,
    quaternions,
    sample_pose,
)
from jumps_blender.scene.keyframes import push_down
from jumps_blender.scene.result import Result, create_result, plane_of
from jumps_blender.scene.retarget import retarget
from jumps_blender.skeletons import JOINTS, joint_index

from .rigs import heads as rig_heads
from .rigs import lifted, make_rig, moving
from .test_orientation import REST
from .walker import walker


def heads(result: Result, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    world = result.armature.matrix_world
    return np.array([world @ result.armature.pose.bones[name].head for name in JOINTS])


def keys(action: bpy.types.Action) -> dict[tuple[str, int], list[tuple[float, float]]]:
    return {
        (curve.data_path, curve.array_index): [tuple(key.co) for key in curve.keyframe_points]
        for curve in action.layers[0].strips[0].channelbags[0].fcurves
    }


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_bake_shows_what_the_constraints_showed(fps: int) -> None:
    scene = bpy.context.scene
    scene.render.fps = fps
    result = create_result(bpy.context, walker(41))
    result.root.location = (1.0, -2.0, 0.5)
    result.root.rotation_euler = (0.1, 0.2, 0.7)
    scene.frame_set(7)
    first, last = result.frame_range
    assert (first, last) == (1, 1 + -(-40 * fps // 30))
    before = {frame: heads(result, frame) for frame in range(first, last + 1)}
    turned = result.armature.pose.bones["l_elbow"].matrix.copy()
    bake(result)
    for frame, expected in before.items():
        assert heads(result, frame) == pytest.approx(expected, abs=1e-4)
    assert np.array(result.armature.pose.bones["l_elbow"].matrix) == pytest.approx(
        np.array(turned), abs=1e-4
    )
    assert all(
        constraint.mute for bone in result.armature.pose.bones for constraint in bone.constraints
    )


def test_bake_keys_every_frame_and_no_scale() -> None:
    result = create_result(bpy.context, walker(30, fps=24.0))
    action = bake(result)
    assert result.armature.animation_data.action == action
    written = keys(action)
    assert len(written) == 28 * (3 + 4)
    assert not any("scale" in path for path, _ in written)
    assert all([frame for frame, _ in curve] == list(range(1, 31)) for curve in written.values())
    assert all(tuple(bone.scale) == (1, 1, 1) for bone in result.armature.pose.bones)


def test_bake_leaves_the_scene_at_its_frame() -> None:
    result = create_result(bpy.context, walker())
    bpy.context.scene.frame_set(33)
    bake(result)
    assert bpy.context.scene.frame_current == 33
    assert len(bpy.data.scenes) == 1


def test_baking_twice_gives_the_same() -> None:
    result = create_result(bpy.context, walker())
    once = bake(result)
    name, expected = once.name, keys(once)
    bpy.context.scene.frame_set(12)
    again = bake(result)
    assert again.name == name
    assert keys(again) == expected
    assert len(bpy.data.actions) == 2


def test_baking_again_follows_edits() -> None:
    result = create_result(bpy.context, walker(fps=24.0))
    bake(result)
    knee = result.empties[joint_index("r_knee")]
    bag = knee.animation_data.action.layers[0].strips[0].channelbag(knee.animation_data.action_slot)
    bag.fcurves.find("location", index=2).keyframe_points[19].co.y += 0.25
    before = heads(result, 20)[joint_index("r_knee")]
    bake(result)
    after = heads(result, 20)[joint_index("r_knee")]
    assert after - before == pytest.approx([0, 0, 0.25], abs=1e-5)


def test_a_failing_bake_changes_nothing() -> None:
    result = create_result(bpy.context, walker())
    bake(result)
    action = result.armature.animation_data.action
    expected = heads(result, 30)

    def fail(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bake(result, fail)
    assert result.armature.animation_data.action == action
    assert result.armature.pose.bones["neck"].constraints[FOLLOWS_POSITION].mute
    assert heads(result, 30) == pytest.approx(expected, abs=1e-6)
    assert len(bpy.data.actions) == 2
    assert len(bpy.data.scenes) == 1


def layered(result: Result) -> bpy.types.Action:
    """The bake pushed down, and a layer of the user's active above, which turns the head."""
    animation = result.armature.animation_data
    push_down(animation)
    head = result.armature.pose.bones["head"]
    head.rotation_quaternion = Quaternion((0, 1, 0), 0.4)
    head.keyframe_insert("rotation_quaternion", frame=1)
    animation.action.name = "Layer"
    animation.action_blend_type, animation.action_influence = "COMBINE", 0.5
    return animation.action


def test_a_bake_that_was_pushed_down_is_still_one() -> None:
    result = create_result(bpy.context, walker(30, fps=24.0))
    assert not is_baked(result)
    expected = keys(bake(result))
    assert is_baked(result)
    layer = layered(result)
    assert is_baked(result)
    before = heads(result, 9)
    again = bake(result)
    assert keys(again) == expected  # what the empties say and no layer
    # It takes the old one's place; what lies above stays above.
    animation = result.armature.animation_data
    assert (animation.action, animation.action_blend_type) == (layer, "COMBINE")
    assert animation.action_influence == 0.5
    assert [track.strips[0].action for track in animation.nla_tracks] == [again]
    assert heads(result, 9) == pytest.approx(before, abs=1e-6)
    # Once more is as once.
    name = again.name
    assert bake(result).name == name
    assert len(animation.nla_tracks) == 1


@pytest.mark.parametrize("is_lifted", [False, True])
def test_a_bake_without_constraints_stays_as_it_is(is_lifted: bool) -> None:
    """As after Blender's own Bake Action, which clears them if asked to."""
    result = lifted(moving()) if is_lifted else create_result(bpy.context, walker())
    action = bake(result)
    expected = keys(action)
    for bone in result.armature.pose.bones:
        for constraint in list(bone.constraints):
            bone.constraints.remove(constraint)
    with pytest.raises(JumpsError, match=r"pelvis does not follow its joint any more, because its"):
        bake(result)
    assert keys(result.armature.animation_data.action) == expected
    if is_lifted:
        rig, mapped = make_rig(REST, {})
        retarget(result, rig, mapped)
        found = rig_heads(rig, ["l_hand"], np.array([15]))[0, 0]
        assert found == pytest.approx(moving()[14, joint_index("l_wrist")], abs=0.01)
        result.armature.pose.bones["neck"].name = "Hals"
        with pytest.raises(JumpsError, match="has lost its bone neck"):
            retarget(result, rig, mapped)


def test_tweak_mode_is_a_message() -> None:
    result = create_result(bpy.context, walker())
    bake(result)
    animation = result.armature.animation_data
    push_down(animation)
    animation.nla_tracks[0].select = animation.nla_tracks[0].strips[0].select = True
    animation.use_tweak_mode = True
    with pytest.raises(JumpsError, match=r"Leave the tweak mode of .*Armature's animation strips"):
        bake(result)
    animation.use_tweak_mode = False
    steps = bake_steps(result)
    next(steps)
    animation.use_tweak_mode = True
    before = len(bpy.data.actions)
    with pytest.raises(JumpsError, match="Leave the tweak mode"):
        finished(steps, None)
    assert len(bpy.data.actions) == before


def test_rotations_never_take_the_long_way() -> None:
    result = create_result(bpy.context, walker(120))
    rotation = keys(bake(result))
    for name in JOINTS:
        path = f'pose.bones["{name}"].rotation_quaternion'
        values = np.array([[value for _, value in rotation[path, i]] for i in range(4)]).T
        assert np.linalg.norm(values, axis=1) == pytest.approx(np.ones(len(values)), abs=1e-5)
        assert (np.sum(values[1:] * values[:-1], axis=1) > 0.9).all()


def test_renamed_bones_are_baked() -> None:
    result = create_result(bpy.context, walker())
    result.armature.data.bones["l_knee"].name = "shin.L"
    expected = plane_of(result).to_scene(walker().positions[:1])[0, joint_index("l_knee")]
    bake(result)
    bpy.context.scene.frame_set(1)
    assert np.array(result.armature.pose.bones["shin.L"].head) == pytest.approx(expected, abs=1e-5)


def test_sampled_matrices_are_blenders() -> None:
    result = create_result(bpy.context, walker())
    matrices, world = sample_pose(result.armature, np.array([1, 25]))
    bpy.context.scene.frame_set(25)
    for index, bone in enumerate(result.armature.pose.bones):
        assert matrices[1, index] == pytest.approx(np.array(bone.matrix), abs=1e-6)
    assert world[1] == pytest.approx(np.eye(4))


def test_quaternions_of_rotations() -> None:
    generator = np.random.default_rng(1)
    expected = generator.normal(size=(200, 4))
    # Half turns, where naive formulas divide by zero.
    expected[:3] = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    from mathutils import Quaternion

    matrices = np.array([Quaternion(q).to_matrix() for q in expected], np.float64)
    found = quaternions(matrices)
    assert np.abs(np.sum(found * expected, axis=1)) == pytest.approx(np.ones(200), abs=1e-6)


def test_scale_and_shear_are_dropped() -> None:
    matrix = np.eye(4)[None, None].copy()
    matrix[0, 0, :3, :3] = [[2, 0, 0.3], [0, 3, 0], [0, 0, 0.5]]
    matrix[0, 0, :3, 3] = 1, 2, 3
    location, rotation = local_channels(np.eye(4)[None], [-1], matrix)
    assert location[0, 0] == pytest.approx([1, 2, 3])
    assert np.linalg.norm(rotation) == pytest.approx(1)
