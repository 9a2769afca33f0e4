"""A camera of the scene's that moves as the one that filmed: what is lifted lies before it."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.keypoints.space import SpaceSequence, StillCamera
from jumps_blender.model_runtime import upsample_track
from jumps_blender.model_runtime.space import before_moving, lift_sequence
from jumps_blender.scene.bake import finished
from jumps_blender.scene.camera import seen_by
from jumps_blender.scene.preview import Preview, apply, placing_at
from jumps_blender.scene.result import create_result, results_in
from jumps_blender.scene.solved_camera import moving_camera, sample_camera_steps

from ..walking import HELD_JOINTS, picture, walker

SIZE = (1920, 1080)
FRAMES = 40


@pytest.fixture
def camera() -> bpy.types.Object:
    """Travels beside the walker, on a rig that turns and is scaled, in frames 11 to 50."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    rig = bpy.data.objects.new("Rig", None)
    data = bpy.data.cameras.new("Filmed")
    data.lens, data.shift_x, data.shift_y = 32.0, 0.02, -0.03
    item = bpy.data.objects.new("Filmed", data)
    item.parent = rig
    for each in (rig, item):
        scene.collection.objects.link(each)
    rig.scale = (2.0, 2.0, 2.0)
    item.location = (0.4, -2.2, 0.8)
    item.rotation_euler = (1.45, 0.0, 0.1)
    for frame, x, turn in ((11, 0.0, -0.1), (50, 1.3, 0.2)):
        rig.location, rig.rotation_euler = (x, 0.0, 0.0), (0.0, 0.0, turn)
        rig.keyframe_insert("location", frame=frame)
        rig.keyframe_insert("rotation_euler", frame=frame)
    scene.camera = item
    return item


def sampled(camera: bpy.types.Object):
    frames = range(11, 11 + FRAMES)
    return finished(sample_camera_steps(bpy.context.scene, camera, frames, SIZE), None)


def as_seen(local: np.ndarray, stands: np.ndarray, lens, poses) -> SpaceSequence:
    return SpaceSequence(
        picture=poses,
        positions=local.astype(np.float32),
        uncertainty=np.full(local.shape[:2], 0.02, np.float32),
        contact=stands.astype(np.float32),
        stands=stands.astype(bool),
        free=local[:, HELD_JOINTS].astype(np.float32),
        camera=StillCamera(np.eye(3), np.zeros(3), lens, SIZE),
        height=1.75,
        lifter="lift test",
    )


def test_a_camera_is_sampled_as_blender_sees_through_it(camera) -> None:
    scene = bpy.context.scene
    scene.frame_set(3)
    way = sampled(camera)
    assert scene.frame_current == 3
    assert len(bpy.data.scenes) == 1
    markers = [bpy.data.objects.new("Marker", None) for _ in range(3)]
    for marker, place in zip(markers, ((0, 0, 0), (1, 1, 1), (0.4, 0.2, 1.7)), strict=True):
        scene.collection.objects.link(marker)
        marker.location = Vector(place)
    points = np.array([marker.location for marker in markers])
    for row in (0, 13, 39):
        scene.frame_set(11 + row)
        local = way.to_camera(np.tile(points, (FRAMES, 1, 1)))[row]
        pixels = local[:, :2] / local[:, 2:] * way.lens.focal + way.lens.centre
        assert pixels == pytest.approx(seen_by(scene, camera, markers, SIZE), abs=0.05)


def test_what_moves_a_camera(camera) -> None:
    scene = bpy.context.scene
    assert moving_camera(scene) == camera
    camera.parent.animation_data_clear()
    assert moving_camera(scene) is None
    camera.constraints.new("CAMERA_SOLVER")
    assert moving_camera(scene) == camera
    camera.constraints[0].mute = True
    assert moving_camera(scene) is None
    camera.keyframe_insert("location", frame=1)
    assert moving_camera(scene) == camera
    camera["jumps_result"] = "of a result"
    assert moving_camera(scene) is None
    scene.camera = None
    assert moving_camera(scene) is None


def test_cameras_that_cannot_have_filmed_are_a_message(camera) -> None:
    for frame, lens in ((11, 32.0), (50, 40.0)):
        camera.data.lens = lens
        camera.data.keyframe_insert("lens", frame=frame)
    with pytest.raises(JumpsError, match="Filmed zooms"):
        sampled(camera)
    camera.data.animation_data_clear()
    camera.data.type = "ORTHO"
    with pytest.raises(JumpsError, match="has no perspective"):
        sampled(camera)


@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_a_result_lies_where_the_moving_camera_saw_it(camera, unit: float) -> None:
    scene = bpy.context.scene
    scene.unit_settings.scale_length = unit
    camera.parent.scale = [2.0 / unit] * 3
    way = sampled(camera)
    world, stands = walker(FRAMES)
    world = world + (-0.3, 0.4, 0)
    local = way.to_camera(world)
    pixels = local[..., :2] / local[..., 2:] * way.lens.focal + way.lens.centre
    poses = replace(picture(FRAMES), positions=pixels.astype(np.float32))
    given = before_moving(as_seen(local, stands, way.lens, poses), way)
    # A result before it, moved by the user, doesn't move this one; nor does another height.
    earlier = create_result(bpy.context, poses)
    earlier.root.location = (5, 5, 5)
    result = create_result(bpy.context, poses, space=given, start_frame=11, height=1.2)
    assert len(results_in(scene)) == 1
    assert result.find("camera") is None
    assert scene.camera == camera
    for row in (0, 20, 39):
        scene.frame_set(11 + row)
        places = np.array([empty.matrix_world.translation for empty in result.empties])
        assert places * unit == pytest.approx(given.positions[row], abs=1e-3)
        seen = seen_by(scene, camera, result.empties, SIZE)
        assert seen == pytest.approx(pixels[row], abs=8)


def test_a_preview_before_it_stays_at_its_frames(camera) -> None:
    way = sampled(camera)
    world, stands = walker(FRAMES)
    poses = picture(FRAMES)
    given = before_moving(as_seen(way.to_camera(world), stands, way.lens, poses), way)
    preview = Preview(poses, given, placed=(11, False))
    bpy.context.scene.frame_set(31)
    shown = placing_at(bpy.context, preview, 1.2, 500, True).figure()
    assert shown is not None
    assert shown.points == pytest.approx(given.positions[20], abs=1e-4)
    result = apply(
        bpy.context, preview, height=1.2, start_frame=500, use_clip_fps=True, extend_range=True
    )
    assert result.frame_range == (11, 50)
    assert result.settings["start_frame"] == 11


@pytest.mark.usefixtures("extension")
def test_the_operators_lift_before_the_scenes_camera(camera, pose_file: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    scene = bpy.context.scene
    chosen = scene.jumps
    chosen.engine, chosen.lift, chosen.start_frame = "interpolate", True, 11
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(scene)
    sequence = upsample_track(choose_person(read_pose_file(pose_file)), engine="interpolate")
    way = sampled(camera)
    lens = (
        way.lens.focal / SIZE[0],
        way.lens.centre[0] / SIZE[0],
        way.lens.centre[1] / SIZE[1],
    )
    seen = lift_sequence(sequence, lens=lens, as_seen=True)
    expected = before_moving(seen, replace(way, lens=seen.camera.lens, size=seen.camera.size))
    for row in (0, 20, 39):
        scene.frame_set(11 + row)
        found = np.array([empty.matrix_world.translation for empty in result.empties])
        assert found == pytest.approx(expected.positions[row], abs=1e-3)
    assert result.find("camera") is None
    assert result.settings["camera_from"] == "scene"
    bpy.ops.jumps.rerun_result()
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(scene)
    scene.frame_set(31)
    found = np.array([empty.matrix_world.translation for empty in again.empties])
    assert found == pytest.approx(expected.positions[20], abs=1e-3)
    # The user may know better.
    chosen.camera_from = "still"
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (still,) = results_in(scene)
    assert still.find("camera") is not None
    assert scene.camera == camera
