"""A whole scene from one clip, without any add-on registered: the command line's way."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.types import Context, Scene
from mathutils import Vector
from numpy.typing import NDArray

from ..keypoints.sequence import PoseSequence
from ..keypoints.space import SpaceSequence
from .bake import Progress, bake
from .camera import match_render
from .footage import Footage
from .result import Result, create_result, plane_of, set_frame_rate

# Of the clip's extent, left free around it.
_MARGIN = 0.1


def animate(
    sequence: PoseSequence,
    space: SpaceSequence | None = None,
    *,
    footage: Footage | None = None,
    height: float = 1.75,
    use_clip_fps: bool = True,
    progress: Progress | None = None,
) -> Result:
    """Fill the open scene with one person: empties, baked armature, camera and frame range.

    Meant for a new file (``bpy.ops.wm.read_factory_settings(use_empty=True)``). 3D viewports look
    through the camera: the one that filmed, or for a flat clip one that faces the picture plane.

    space: the same clip lifted; None leaves it flat
    footage: what the poses were found in, shown behind the camera
    height: the person's standing height, metres
    use_clip_fps: give the scene the clip's frame rate; otherwise it keeps its own
    progress: called with the share of the bake that is done
    """
    context = bpy.context
    scene = context.scene
    if use_clip_fps:
        set_frame_rate(scene, sequence.fps)
    result = create_result(context, sequence, space=space, footage=footage, height=height)
    scene.frame_start, scene.frame_end = result.frame_range
    bake(result, progress)
    if space is not None:
        match_render(scene, space.camera.size)
    elif footage is None:
        _frame_with_camera(context, plane_of(result).to_scene(sequence.positions))
    scene.camera = result.find("camera") or scene.camera
    _look_through_camera()
    scene.frame_set(scene.frame_start)
    return result


def _frame_with_camera(context: Context, points: NDArray[np.float64]) -> None:
    """An orthographic camera in front of the plane, wide enough for all points (F, 28, 3)."""
    scene: Scene = context.scene
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    width, _, tall = np.maximum(high - low, 1e-3) * (1 + 2 * _MARGIN)
    data = bpy.data.cameras.new("Camera")
    data.type = "ORTHO"
    aspect = scene.render.resolution_x / scene.render.resolution_y
    data.sensor_fit = "HORIZONTAL"
    data.ortho_scale = float(max(width, tall * aspect))
    distance = 2 * data.ortho_scale
    data.clip_end = 2 * distance
    camera = bpy.data.objects.new("Camera", data)
    middle = (low + high) / 2
    camera.location = Vector((middle[0], -distance, middle[2]))
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera


def _look_through_camera() -> None:
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if space.type == "VIEW_3D":
                    space.region_3d.view_perspective = "CAMERA"
                    space.overlay.show_relationship_lines = False
