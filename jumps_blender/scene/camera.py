"""The camera that saw the clip, as Blender's own: what it renders lies over the footage."""

from __future__ import annotations

import bpy
from bpy.types import Collection, Object, Scene
from mathutils import Matrix, Vector

from ..keypoints.space import StillCamera

_FILM = 36.0  # millimetres, full frame's width


def create_camera(collection: Collection, seen: StillCamera, scale: float, name: str) -> Object:
    """A camera object in ``collection``; ``scale`` is scene units for a metre.

    The render's width and height must be in the picture's proportion for it to match.
    """
    data = bpy.data.cameras.new(name)
    width, height = seen.size
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _FILM
    data.lens = seen.lens.focal / width * _FILM
    # Blender's shift is a share of the longer side, whatever the sensor fits.
    longer = max(width, height)
    data.shift_x = (width / 2 - seen.lens.centre[0]) / longer
    data.shift_y = (seen.lens.centre[1] - height / 2) / longer
    data.clip_end = max(1000.0, 100.0 * scale)
    camera = bpy.data.objects.new(name, data)
    right, down, forward = seen.turn.T
    axes = Matrix([right.tolist(), (-down).tolist(), (-forward).tolist()]).transposed()
    camera.matrix_world = Matrix.Translation(Vector((seen.eye * scale).tolist())) @ axes.to_4x4()
    collection.objects.link(camera)
    return camera


def match_render(scene: Scene, seen: StillCamera) -> None:
    """Give the scene's pictures the size of the footage."""
    scene.render.resolution_x, scene.render.resolution_y = seen.size
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
