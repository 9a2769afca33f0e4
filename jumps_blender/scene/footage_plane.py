"""Footage as a picture that stands in the scene behind a result, and is seen from anywhere.

It is one of Blender's image empties: nothing has to be shaded, nothing is rendered, and Blender's
own *Convert to Mesh Plane* makes one of it that is rendered.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.types import CameraBackgroundImage, Object, Scene
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..errors import JumpsError
from .footage import OFFSET
from .keyframes import channelbag_for, channelbag_of, keys_of, write_curve

if TYPE_CHECKING:  # it puts the plane of the result that it replaces behind itself
    from .result import Result

ROLE = "footage_plane"
_BEHIND = 1.1  # times as far from the camera as the body ever is
_OFFSET = "image_user.frame_offset"
_TIMING = (
    "frame_start",
    "frame_duration",
    "frame_offset",
    "use_cyclic",
    "use_auto_refresh",
)


def footage_behind(result: Result) -> CameraBackgroundImage | None:
    """The first picture that a result's camera shows; None where it has none, or no camera."""
    camera = result.find("camera")
    pictures = camera.data.background_images if camera is not None else ()
    return next((each for each in pictures if each.image is not None), None)


def add_footage_plane(scene: Scene, result: Result) -> Object:
    """Put what a result's camera shows behind the body, where it fills that camera's frame.

    It shows the same frames at the same times. A plane that is there already takes its place
    anew. Raises JumpsError where the camera shows nothing, or nothing that Blender can read.
    """
    camera, shown = result.camera, footage_behind(result)
    if shown is None:
        raise JumpsError(
            "This result has no footage: name it in the Source panel and upsample again."
        )
    width, height = np.array(shown.image.size) * shown.image.display_aspect
    if not (width > 0 and height > 0):
        raise JumpsError(f"{shown.image.filepath}: Blender cannot read this footage.")
    root = result.root
    own = camera.matrix_parent_inverse @ camera.matrix_basis
    local = own if camera.parent == root else root.matrix_world.inverted() @ camera.matrix_world
    # A camera that somebody has moved may have the body behind it.
    depth = max(_BEHIND * _farthest(result, local), 2 * camera.data.clip_start)
    corners = _corners(scene, camera, depth)
    right, up = corners[0] - corners[3], corners[0] - corners[1]

    plane = result.find(ROLE)
    if plane is None:
        plane = bpy.data.objects.new("Footage Plane", None)
        plane["jumps_result"], plane["jumps_role"] = result.id, ROLE
        for key in ("jumps_source", "jumps_person", "jumps_engine"):
            plane[key] = root[key]
        root.users_collection[0].objects.link(plane)
    plane.name = f"{root.name} Footage Plane"
    plane.empty_display_type = "IMAGE"
    plane.data = shown.image
    plane.parent = root
    plane.matrix_parent_inverse = Matrix.Identity(4)
    # The longer side of the picture is empty_display_size long.
    plane.empty_display_size, plane.empty_image_offset = 1.0, (-0.5, -0.5)
    longer = max(width, height)
    size = Vector((right.length * longer / width, up.length * longer / height, 1))
    middle = sum(corners, Vector()) / 4
    plane.matrix_basis = local @ Matrix.LocRotScale(middle, None, size)
    _follow_timing(plane, shown, camera, result.id)
    return plane


def _corners(scene: Scene, camera: Object, depth: float) -> list[Vector]:
    """Top right, bottom right, bottom left and top left of a camera's frame, in its own axes."""
    frame = camera.data.view_frame(scene=scene)
    if camera.data.type == "ORTHO":
        return [Vector((corner.x, corner.y, -depth)) for corner in frame]
    return [corner * (-depth / corner.z) for corner in frame]


def _farthest(result: Result, camera: Matrix) -> float:
    """How far before a camera, of that place in the root's space, the body is at most."""
    spans = np.array([[_span(empty, axis) for axis in range(3)] for empty in result.empties])
    low, high = spans[..., 0].min(axis=0), spans[..., 1].max(axis=0)
    box = np.array(list(itertools.product(*zip(low, high, strict=True))))
    to_camera = np.array(camera.inverted())
    return float((-(box @ to_camera[2, :3] + to_camera[2, 3])).max())


def _span(empty: Object, axis: int) -> tuple[float, float]:
    bag = channelbag_of(empty)
    curve = bag.fcurves.find("location", index=axis) if bag is not None else None
    keys: NDArray = keys_of(curve)[:, 1] if curve is not None else np.array([empty.location[axis]])
    return float(keys.min()), float(keys.max())


def _follow_timing(
    plane: Object, shown: CameraBackgroundImage, camera: Object, result_id: str
) -> None:
    """Let a plane show the frames that a camera's background shows."""
    for name in _TIMING:
        setattr(plane.image_user, name, getattr(shown.image_user, name))
    bag, own = channelbag_of(camera.data), channelbag_of(plane)
    before = own.fcurves.find(_OFFSET) if own is not None else None
    if own is not None and before is not None:
        own.fcurves.remove(before)
    curve = bag.fcurves.find(OFFSET) if bag is not None else None
    if curve is None:
        return
    if own is None:
        action = bpy.data.actions.new(plane.name)
        action["jumps_result"] = result_id
        own = channelbag_for(action, plane)
    frames, offsets = keys_of(curve).T
    write_curve(own, _OFFSET, 0, frames, offsets, "CONSTANT")
