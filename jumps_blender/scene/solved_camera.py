"""A camera of the scene's that moves as the one that filmed did: animated or solved."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import bpy
import numpy as np
from bpy.types import Object, Scene
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.space import Lens, MovingCamera
from .bake import scratch_scene
from .result import by_uid

_PIECE = 40  # frames evaluated at once
_SAME_LENS = 0.005  # share by which focal lengths may differ that count as one


def moving_camera(scene: Scene) -> Object | None:
    """The scene's camera, if it is of the user's own and animated or solved; None otherwise."""
    camera = scene.camera
    if camera is None or camera.type != "CAMERA" or "jumps_result" in camera:
        return None
    return camera if _moves(camera) else None


def _moves(item: Object) -> bool:
    """Whether anything moves an object: keys, drivers, constraints, or what it hangs on."""
    seen: set[Object] = set()
    while item is not None and item not in seen:
        seen.add(item)
        animation = item.animation_data
        if animation is not None and (
            animation.action is not None
            or len(animation.drivers)
            or any(track.strips for track in animation.nla_tracks)
        ):
            return True
        if any(not constraint.mute for constraint in item.constraints):
            return True
        item = item.parent
    return False


def sample_camera_steps(
    scene: Scene, camera: Object, frames: Sequence[int], size: tuple[int, int]
) -> Generator[float, None, MovingCamera]:
    """How a camera goes at scene frames, in pieces; yields the share done.

    size: (width, height) in pixels of the picture that fills the camera's frame

    The user's scene doesn't leave its frame. Raises JumpsError for a camera without perspective,
    for one that zooms, and when it is deleted between two pieces.
    """
    scene_uid, uid = scene.session_uid, camera.session_uid
    meter = scene.unit_settings.scale_length
    worlds, lenses = np.empty((len(frames), 4, 4)), np.empty((len(frames), 4, 4))
    for start in range(0, len(frames), _PIECE):
        rows = slice(start, start + _PIECE)
        found = by_uid(bpy.data.objects, uid)
        shown = by_uid(bpy.data.scenes, scene_uid)
        worlds[rows], lenses[rows] = _evaluated(shown, found, frames[rows], size)
        yield min(start + _PIECE, len(frames)) / len(frames)
    # Scale of the object or its parents doesn't matter to what a camera sees.
    axes = worlds[:, :3, :3] / np.maximum(
        np.linalg.norm(worlds[:, :3, :3], axis=1, keepdims=True), 1e-9
    )
    turn = np.stack([axes[..., 0], -axes[..., 1], -axes[..., 2]], axis=-1)
    name = by_uid(bpy.data.objects, uid).name
    return MovingCamera(turn, worlds[:, :3, 3] * meter, _lens(lenses, size, name), size)


def _evaluated(
    scene: Scene, camera: Object, frames: Sequence[int], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World and projection matrices (n, 4, 4)."""
    worlds, lenses = [], []
    with scratch_scene([camera]) as scratch:
        scratch.active_clip = scene.active_clip  # what solvers refer to
        scratch.camera = camera
        scratch.render.fps, scratch.render.fps_base = scene.render.fps, scene.render.fps_base
        depsgraph = scratch.view_layers[0].depsgraph
        for frame in frames:
            scratch.frame_set(int(frame))
            evaluated = camera.evaluated_get(depsgraph)
            worlds.append(np.array(evaluated.matrix_world))
            lenses.append(np.array(evaluated.calc_matrix_camera(depsgraph, x=size[0], y=size[1])))
    return np.array(worlds), np.array(lenses)


def _lens(projections: NDArray[np.float64], size: tuple[int, int], name: str) -> Lens:
    """The pinhole camera's inside that projection matrices (n, 4, 4) have in common."""
    first = projections[0]
    if first[3, 3] != 0:
        raise JumpsError(f"{name} has no perspective; give it the lens that filmed.")
    away = np.abs(projections - first)[:, :2, :3].max() / first[0, 0]
    if away > _SAME_LENS:
        raise JumpsError(f"{name} zooms; lifting needs one focal length over the whole clip.")
    width, height = size
    centre = (1 - first[0, 2]) * width / 2, (1 + first[1, 2]) * height / 2
    return Lens(float(first[0, 0]) * width / 2, (float(centre[0]), float(centre[1])))
