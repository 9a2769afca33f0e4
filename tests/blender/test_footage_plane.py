"""The footage as a picture that stands in the scene, behind the body."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from jumps_blender.errors import JumpsError
from jumps_blender.scene.footage import find_footage
from jumps_blender.scene.footage_plane import ROLE, add_footage_plane
from jumps_blender.scene.result import Result, clear_result, create_result, results_in

from ..films import numbered, write_film
from .test_space import space
from .walker import walker


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "walk.mp4", numbered(60, (640, 480)))


def made(film: Path, kind: str, **how: Any) -> Result:
    """A result of 60 frames at 30 fps before its footage; the scene plays at 24."""
    footage = find_footage(film)
    if kind == "flat":
        return create_result(bpy.context, walker(), footage=footage, **how)
    lifted = space(60)
    return create_result(bpy.context, lifted.picture, space=lifted, footage=footage, **how)


def corners(plane: Any) -> np.ndarray:
    """Where an image empty's corners lie in the scene: lower left, lower right, upper right."""
    bpy.context.view_layer.update()
    width, height = plane.data.size
    across, along = (
        each / max(width, height) * plane.empty_display_size for each in (width, height)
    )
    left, low = plane.empty_image_offset
    ends = [(left, low), (left + 1, low), (left + 1, low + 1)]
    return np.array([plane.matrix_world @ Vector((x * across, y * along, 0)) for x, y in ends])


@pytest.mark.parametrize("kind", ["flat", "lifted"])
@pytest.mark.parametrize("moved", [False, True], ids=["origin", "moved"])
def test_it_fills_the_cameras_frame_behind_the_body(film: Path, kind: str, moved: bool) -> None:
    result, scene = made(film, kind), bpy.context.scene
    # What an orthographic camera sees doesn't grow with what carries it.
    scale = 2 if moved and kind == "lifted" else 1
    if moved:
        turn = Matrix.Rotation(0.7, 3, "Z")
        result.root.matrix_world = Matrix.LocRotScale((2, 3, 1), turn, (scale,) * 3)
    plane = add_footage_plane(scene, result)
    points = corners(plane)
    seen = [world_to_camera_view(scene, result.camera, Vector(each)) for each in points]
    assert np.allclose([each.xy for each in seen], [(0, 0), (1, 0), (1, 1)], atol=1e-5)
    depth = seen[0].z
    assert np.allclose([each.z for each in seen], depth, rtol=1e-5)
    behind = []
    for frame in range(scene.frame_start, result.frame_range[1] + 1):
        scene.frame_set(frame)
        behind += [
            depth - world_to_camera_view(scene, result.camera, empty.matrix_world.translation).z
            for empty in result.empties
        ]
    assert 0.09 * depth < min(behind) < 0.2 * depth


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_it_shows_the_frames_that_the_camera_shows(film: Path, rate: int) -> None:
    scene = bpy.context.scene
    scene.render.fps = rate
    result = made(film, "lifted", start_frame=11)
    plane = add_footage_plane(scene, result)
    behind = result.camera.data.background_images[0]
    assert plane.data == behind.image
    shown = []
    for frame in (11, 12, 20, 11 + 2 * rate - 2):
        scene.frame_set(frame)
        for name in ("frame_start", "frame_duration", "frame_offset", "use_auto_refresh"):
            assert getattr(plane.image_user, name) == getattr(behind.image_user, name)
        shown.append(plane.image_user.frame_offset)
    assert plane.image_user.frame_start == 11
    assert (len(set(shown)) == 1) == (rate == 30)


def test_twice_is_once_and_nothing_stays_behind(film: Path) -> None:
    scene, result = bpy.context.scene, made(film, "lifted")
    plane = add_footage_plane(scene, result)
    before, actions = corners(plane), len(bpy.data.actions)
    plane.location.x += 3
    own = plane.animation_data.action
    own.name = "hers by now"
    (result,) = results_in(scene)
    assert add_footage_plane(scene, result) == plane
    assert np.array_equal(corners(plane), before)
    assert plane.animation_data.action == own
    assert len(bpy.data.actions) == actions
    result.camera.location = result.root.location
    result.camera.rotation_euler = (0, 0, 0)  # the body is beside it or behind it
    assert np.isfinite(corners(add_footage_plane(scene, result))).all()
    clear_result(result)
    assert not bpy.data.objects
    assert not bpy.data.images
    assert not bpy.data.actions


def test_a_result_that_is_made_anew_keeps_it(film: Path) -> None:
    scene, result = bpy.context.scene, made(film, "flat")
    assert result.find(ROLE) is None
    add_footage_plane(scene, result)
    (result,) = results_in(scene)
    again = made(film, "flat", replaces=result)
    (again,) = results_in(scene)
    plane = again.find(ROLE)
    assert plane.name == f"{again.root.name} Footage Plane"
    assert plane.data == again.camera.data.background_images[0].image
    assert sum(item.get("jumps_role") == ROLE for item in bpy.data.objects) == 1
    bpy.data.objects.remove(plane)
    (again,) = results_in(scene)
    made(film, "flat", replaces=again)
    assert all(item.get("jumps_role") != ROLE for item in bpy.data.objects)


def test_footage_that_is_gone_is_told(film: Path) -> None:
    scene, result = bpy.context.scene, made(film, "lifted")
    film.unlink()
    image = result.camera.data.background_images[0].image
    image.reload()
    with pytest.raises(JumpsError, match=r"walk\.mp4: Blender cannot read this footage"):
        add_footage_plane(scene, result)
    assert results_in(scene)[0].find(ROLE) is None
    result.camera.data.background_images.clear()
    with pytest.raises(JumpsError, match="This result has no footage"):
        add_footage_plane(scene, result)


def test_the_operator_puts_it_there_in_one_step(
    extension: None,  # noqa: ARG001
    film: Path,
    pose_file: Path,
) -> None:
    operator, settings = bpy.ops.jumps.footage_plane, bpy.context.scene.jumps
    with pytest.raises(RuntimeError, match="Select a JUMPS result first"):
        operator()
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    settings.engine = "interpolate"
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    with pytest.raises(RuntimeError, match="This result has no footage: name it"):
        operator()
    settings.footage = str(film)
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    bpy.ops.ed.undo_push(message="applied")
    operator("EXEC_DEFAULT", True)
    (result,) = results_in(bpy.context.scene)
    points = corners(result.find(ROLE))
    bpy.ops.ed.undo()
    (result,) = results_in(bpy.context.scene)
    assert result.find(ROLE) is None
    assert np.array_equal(corners(add_footage_plane(bpy.context.scene, result)), points)
