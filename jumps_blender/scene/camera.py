"""The camera that saw the clip, as Blender's own: what it renders lies over the footage."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import numpy as np
from bpy.types import Collection, Object, Scene
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..keypoints.space import StillCamera
from .coordinates import PicturePlane

_FILM = 36.0  # millimetres, full frame's width


def create_camera(collection: Collection, seen: StillCamera, scale: float, name: str) -> Object:
    """A camera object in ``collection``; ``scale`` is scene units for a metre.

    The render's width and height must be in the picture's proportion for it to match.
    """
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    aim(camera, seen, scale)
    collection.objects.link(camera)
    return camera


def aim(camera: Object, seen: StillCamera, scale: float) -> None:
    """Let a camera object, which nothing carries, be the one that saw a lifted clip."""
    data = camera.data
    width, height = seen.size
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _FILM
    data.lens = seen.lens.focal / width * _FILM
    # Blender's shift is a share of the longer side, whatever the sensor fits.
    longer = max(width, height)
    data.shift_x = (width / 2 - seen.lens.centre[0]) / longer
    data.shift_y = (seen.lens.centre[1] - height / 2) / longer
    data.clip_end = max(1000.0, 100.0 * scale)
    right, down, forward = seen.turn.T
    axes = Matrix([right.tolist(), (-down).tolist(), (-forward).tolist()]).transposed()
    camera.matrix_world = Matrix.Translation(Vector((seen.eye * scale).tolist())) @ axes.to_4x4()


def create_flat_camera(
    collection: Collection, plane: PicturePlane, size: tuple[int, int], name: str
) -> Object:
    """An orthographic camera whose frame is the picture, for a result that stays in its plane.

    size: (width, height) of the picture, pixels
    """
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    aim_flat(camera, plane, size)
    collection.objects.link(camera)
    return camera


def aim_flat(camera: Object, plane: PicturePlane, size: tuple[int, int]) -> None:
    """Let a camera object, which nothing carries, look at a flat clip's picture."""
    data = camera.data
    data.type = "ORTHO"
    data.sensor_fit = "HORIZONTAL"
    data.shift_x = data.shift_y = 0.0
    corners = plane.to_scene(np.array([[0.0, 0.0], [float(size[0]), float(size[1])]]))
    data.ortho_scale = float(corners[1, 0] - corners[0, 0])
    distance = 2 * data.ortho_scale
    data.clip_end = 2 * distance
    middle = corners.mean(axis=0)
    place = Matrix.Translation((middle[0], -distance, middle[2]))
    camera.matrix_world = place @ Matrix.Rotation(math.pi / 2, 4, "X")


def match_render(scene: Scene, size: tuple[int, int]) -> None:
    """Give the scene's pictures the size of the footage, (width, height) in pixels.

    Where they have it already, the share of it that is rendered stays as the user has set it.
    """
    # Blender's pictures have at least four pixels to each side and at most 65536.
    largest = 65536 / max(size)
    width, height = (max(4, round(side * min(largest, 1.0))) for side in size)
    render = scene.render
    has_it = (render.resolution_x, render.resolution_y) == (width, height)
    if has_it and render.pixel_aspect_x == render.pixel_aspect_y:
        return
    render.resolution_x, render.resolution_y = width, height
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0


def seen_by(
    scene: Scene, camera: Object, objects: Sequence[Object], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Where a camera sees objects at the current frame, (n, 2) pixels of a picture of that size.

    The render must have the picture's proportions.
    """
    places = [
        world_to_camera_view(scene, camera, item.matrix_world.translation) for item in objects
    ]
    return np.array([(place.x * size[0], (1 - place.y) * size[1]) for place in places])
