"""A lifted result's 28 joints as the scene shows them, for the files that ``keypoints`` writes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import bpy
import numpy as np
from bpy.types import Object, Scene
from mathutils import Matrix
from numpy.typing import NDArray

from ..errors import FLAT, JumpsError
from ..keypoints.space import Lens, StillCamera
from ..keypoints.space_files import SpaceClip
from .bake import finished, joint_bones, places_steps
from .keyframes import channelbag_of, frame_rate, held_at, keys_of
from .result import STATE_PATH, Result, by_uid
from .stage import Options, sample_motion, take_of


def clip_steps(
    scene: Scene, result: Result, options: Options, piece: int = 0
) -> Generator[float, None, SpaceClip]:
    """Sample the joints in pieces; yields the share done.

    On each whole frame of the clip, in metres, with the root's placement and whatever was changed
    by hand. Of the camera, where it is still there, what it would render at the scene's
    resolution. Uncertainties and contacts are not in the scene. Raises JumpsError where the result
    is flat or lacks objects, and when the armature or the scene goes meanwhile.
    """
    if "jumps_lifter" not in result.root:
        raise JumpsError(FLAT)
    state = _states(result, result.frame_range)
    camera = result.find("camera")
    metres = scene.unit_settings.scale_length
    seen = None if camera is None else _still(scene, camera, metres)
    fps = frame_rate(scene)
    known: dict[str, Any] = {
        "fps": fps,
        "person": result.person,
        "source": result.source,
        "engine": result.engine,
        "lifter": result.lifter,
        "height": float(result.root["jumps_height"]) if "jumps_height" in result.root else None,
    }
    motion = yield from sample_motion(scene, take_of(result), options, piece)
    order = joint_bones(by_uid(bpy.data.objects, motion.armature))
    return SpaceClip(
        positions=motion.matrices[..., :3, 3][:, order] * metres,
        times=(motion.frames - motion.frames[0]) / fps,
        state=state,
        camera=seen,
        **known,
    )


def _states(result: Result, frames: tuple[int, int]) -> NDArray[np.int8] | None:
    """(F, 28) of each whole frame; None where the user has removed such a key."""
    columns = []
    shown = np.arange(frames[0], frames[1] + 1)
    for empty in result.empties:
        bag = channelbag_of(empty)
        curve = bag.fcurves.find(STATE_PATH) if bag is not None else None
        if curve is None or not len(curve.keyframe_points):
            return None
        columns.append(held_at(keys_of(curve), shown))
    return np.stack(columns, axis=1).round().astype(np.int8)


def _still(scene: Scene, camera: Object, metres: float) -> StillCamera | None:
    """A result's camera at the current frame; None where the user has made another kind of it."""
    data = camera.data
    if data.type != "PERSP" or data.sensor_fit != "HORIZONTAL":
        return None
    render = scene.render
    width, height = (
        max(1, round(size * render.resolution_percentage / 100))
        for size in (render.resolution_x, render.resolution_y)
    )
    longer = max(width, height)
    (now,) = finished(places_steps(camera, np.array([scene.frame_current])), None)
    place, turn, _ = Matrix(now.tolist()).decompose()
    axes = np.array(turn.to_matrix(), np.float64) * (1.0, -1.0, -1.0)  # right, down, forward
    return StillCamera(
        turn=axes,
        eye=np.array(place) * metres,
        lens=Lens(
            focal=data.lens / data.sensor_width * width,
            centre=(width / 2 - data.shift_x * longer, height / 2 + data.shift_y * longer),
        ),
        size=(width, height),
    )
