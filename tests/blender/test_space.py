"""A lifted clip in the scene: joints in space, an armature with depth, the camera that filmed."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.keypoints.space import Lens, SpaceSequence
from jumps_blender.model_runtime import upsample_track
from jumps_blender.model_runtime.space import lift_sequence
from jumps_blender.model_runtime.tasks import packed, unpacked
from jumps_blender.scene.animate import animate
from jumps_blender.scene.bake import bake, rest_matrices, sample_pose, without_scale
from jumps_blender.scene.camera import match_render
from jumps_blender.scene.export import export_motion
from jumps_blender.scene.preview import Preview, apply, placing_at
from jumps_blender.scene.rest_pose import rest_pose
from jumps_blender.scene.result import clear_result, create_result, results_in
from jumps_blender.skeletons import JOINTS

from ..walking import HELD_JOINTS, camera, picture, walker


def space(frames: int = 40, **changes) -> SpaceSequence:
    world, stands = walker(frames)
    given = SpaceSequence(
        picture=picture(frames),
        positions=world.astype(np.float32),
        uncertainty=np.full((frames, 28), 0.02, np.float32),
        contact=stands.astype(np.float32),
        stands=stands,
        free=world[:, HELD_JOINTS].astype(np.float32),
        camera=camera(),
        height=1.75,
        lifter="lift 12345678",
    )
    return replace(given, **changes)


def pixels(result, size: tuple[int, int]) -> np.ndarray:
    """Where Blender's own camera sees the joints, (28, 2)."""
    scene = bpy.context.scene
    bpy.context.view_layer.update()
    seen = result.find("camera")
    places = [
        world_to_camera_view(scene, seen, empty.matrix_world.translation)
        for empty in result.empties
    ]
    return np.array([(place.x * size[0], (1 - place.y) * size[1]) for place in places])


@pytest.mark.parametrize(("unit", "height"), [(1.0, 1.75), (0.01, 1.75), (1.0, 2.1)])
def test_joints_stand_in_space_and_lie_over_the_footage(unit: float, height: float) -> None:
    scene = bpy.context.scene
    scene.unit_settings.scale_length = unit
    given = space()
    result = create_result(
        bpy.context, given.picture, space=given, height=height, use_clip_fps=True
    )
    match_render(scene, given.camera.size)
    for row in (0, 17, 39):
        scene.frame_set(row + 1)
        found = np.array([empty.matrix_world.translation for empty in result.empties])
        scale = height / 1.75 / unit
        assert found == pytest.approx(given.positions[row] * scale, abs=1e-4 * scale)
        assert pixels(result, (1920, 1080)) == pytest.approx(given.picture.positions[row], abs=0.05)
    assert result.root["jumps_lifter"] == "lift 12345678"


@pytest.mark.parametrize(
    ("size", "centre"),
    [((1080, 1920), (540, 960)), ((1920, 1080), (900, 600)), ((800, 800), (0, 0))],
)
def test_any_picture_and_lens_match(size: tuple[int, int], centre: tuple[int, int]) -> None:
    seen = replace(camera(), lens=Lens(1100.0, centre), size=size)
    given = space(camera=seen)
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    match_render(bpy.context.scene, seen.size)
    bpy.context.scene.frame_set(1)
    assert pixels(result, size) == pytest.approx(seen.project(given.positions[0]), abs=0.05)


def test_the_camera_goes_with_the_root_and_with_the_result() -> None:
    given = space()
    before = {name: len(getattr(bpy.data, name)) for name in ("cameras", "objects", "actions")}
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    match_render(bpy.context.scene, given.camera.size)
    bpy.context.scene.frame_set(1)
    result.root.location = (3.0, 1.0, 0.5)
    result.root.rotation_euler = (0.0, 0.0, 1.0)
    assert pixels(result, (1920, 1080)) == pytest.approx(given.picture.positions[0], abs=0.05)
    # The next one takes its place, and what looked through its camera looks through the new one.
    bpy.context.scene.camera = result.find("camera")
    again = create_result(bpy.context, given.picture, space=given)
    assert len(results_in(bpy.context.scene)) == 1
    assert bpy.context.scene.camera == again.find("camera")
    assert again.root.location.x == 3.0
    clear_result(again)
    assert {name: len(getattr(bpy.data, name)) for name in before} == before


def test_a_flat_result_is_replaced_by_a_lifted_one_and_back() -> None:
    given = space()
    create_result(bpy.context, given.picture)
    lifted = create_result(bpy.context, given.picture, space=given)
    assert lifted.find("camera") is not None
    flat = create_result(bpy.context, given.picture)
    assert flat.find("camera") is None
    assert not bpy.data.cameras
    assert len(results_in(bpy.context.scene)) == 1


def test_the_armature_follows_in_depth() -> None:
    given = space()
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    bake(result)
    matrices, world = sample_pose(result.armature, np.array([1, 20, 40]))
    order = [bone.name for bone in result.armature.pose.bones]
    heads = (world[:, None] @ matrices)[..., :3, 3][:, [order.index(name) for name in JOINTS]]
    assert heads == pytest.approx(given.positions[[0, 19, 39]], abs=2e-4)
    # At rest the feet point ahead, which is towards the viewer.
    rest = result.armature.data.bones
    for name in ("l_ankle", "r_foot"):
        along = rest[name].tail_local - rest[name].head_local
        assert along.normalized().y < -0.7


def baked_turns(result, frame: int) -> np.ndarray:
    """(28, 3, 3): turns of the baked bones from their rest, in the order of the joints."""
    matrices, _ = sample_pose(result.armature, np.array([frame]))
    bones = [result.armature.pose.bones.find(name) for name in JOINTS]
    rest = rest_matrices(result.armature)[bones][:, :3, :3]
    return without_scale(matrices)[0, :, :3, :3][bones] @ rest.swapaxes(-1, -2)


def test_a_bake_turns_bones_as_the_body_tells() -> None:
    # Everything a quarter turn to the side: pointing alone would leave upright bones unturned.
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    rest = rest_pose(np.zeros((1, 28, 3)), 1.75, deep=True)
    positions = np.tile(rest @ quarter.T, (10, 1, 1)).astype(np.float32)
    given = space(10, positions=positions)
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    bake(result)
    turns = baked_turns(result, 5)
    assert turns == pytest.approx(np.tile(quarter, (28, 1, 1)), abs=0.02)
    heads = [bone.head[:] for bone in result.armature.pose.bones]
    assert np.isfinite(heads).all()


def test_an_export_without_a_bake_faces_as_with_one(tmp_path: Path) -> None:
    given = space(10)
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    export_motion(result, tmp_path / "pointed.fbx")
    bake(result)
    export_motion(result, tmp_path / "baked.fbx")
    turns = []
    for name in ("pointed", "baked"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.fbx_import(filepath=str(tmp_path / f"{name}.fbx"))
        armature = next(item for item in bpy.data.objects if item.type == "ARMATURE")
        matrices, _ = sample_pose(armature, np.array([3, 8]))
        turns.append(matrices)
    assert turns[0] == pytest.approx(turns[1], abs=1e-4)


def test_the_preview_stands_where_apply_puts_it() -> None:
    given = space()
    preview = Preview(given.picture, given)
    scene = bpy.context.scene
    scene.frame_set(12)
    shown = placing_at(bpy.context, preview, 1.9, 1, True).figure()
    assert shown.points == pytest.approx(given.positions[11] * 1.9 / 1.75, abs=0.1)
    result = apply(
        bpy.context, preview, height=1.9, start_frame=1, use_clip_fps=True, extend_range=True
    )
    scene.frame_set(12)
    shown = placing_at(bpy.context, preview, 1.9, 1, True).figure()
    found = [empty.matrix_world.translation for empty in result.empties]
    assert shown.points == pytest.approx(np.array(found), abs=1e-4)
    assert shown.spread.max() == 0  # all of it was observed


def test_a_lifted_clip_is_animated_before_its_camera() -> None:
    given = space()
    result = animate(given.picture, given)
    scene = bpy.context.scene
    assert scene.camera == result.find("camera")
    assert (scene.render.resolution_x, scene.render.resolution_y) == (1920, 1080)
    assert (scene.frame_start, scene.frame_end) == (1, 40)


def test_what_the_worker_sends_is_what_it_was_given() -> None:
    given = space()
    sequence, again = unpacked(*packed(given.picture, given))
    assert np.array_equal(sequence.positions, given.picture.positions)
    for name in ("positions", "uncertainty", "contact"):
        assert np.array_equal(getattr(again, name), getattr(given, name))
    assert np.array_equal(again.camera.turn, given.camera.turn)
    assert again.camera.lens == given.camera.lens
    assert (again.height, again.lifter) == (given.height, given.lifter)


@pytest.mark.usefixtures("extension")
def test_lifting_by_the_operators_does_what_the_function_does(pose_file: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    chosen = bpy.context.scene.jumps
    chosen.engine, chosen.lift, chosen.focal_mm, chosen.height = "interpolate", True, 35.0, 1.6
    chosen.use_clip_fps = True
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    sequence = upsample_track(choose_person(read_pose_file(pose_file)), engine="interpolate")
    expected = lift_sequence(sequence, height=1.6, focal_mm=35.0)
    for row in (0, 20, 39):
        bpy.context.scene.frame_set(row + 1)
        found = np.array([empty.matrix_world.translation for empty in result.empties])
        assert found == pytest.approx(expected.positions[row], abs=1e-4)
    assert result.find("camera").data.lens == pytest.approx(
        35.0 * max(expected.camera.size) / expected.camera.size[0], rel=1e-4
    )
    settings = result.settings
    assert (settings["lift"], settings["foot_lock"]) == (True, True)
    assert settings["focal_mm"] == pytest.approx(35.0)
    # Run Again does so as it was made, whatever the panel says now.
    chosen.lift, chosen.focal_mm = False, 50.0
    bpy.ops.jumps.rerun_result()
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(bpy.context.scene)
    assert again.root["jumps_lifter"] == expected.lifter
    assert again.settings["focal_mm"] == pytest.approx(35.0)
