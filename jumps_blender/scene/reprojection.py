"""How well a lifted result lies over the footage, measured through Blender's own camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..keypoints.sequence import JointState, PoseSequence
from ..skeletons import JOINTS
from .camera import seen_by
from .result import Result, scene_frames

CONFIDENT = 0.5  # what a detector is surer of than not


@dataclass(frozen=True)
class Reprojection:
    """Distances between where joints were seen and where the camera shows them.

    mean, p95: of joints that the detector was confident of, share of the picture's height
    worst: the joint with the greatest mean, and that mean
    count: how many joints in frames this is measured on; 0 where none was confident
    """

    mean: float
    p95: float
    worst: tuple[str, float]
    count: int

    def __str__(self) -> str:
        if not self.count:
            return "no joint was seen with confidence: nothing to compare the camera's view with."
        name, mean = self.worst
        return (
            f"through Blender's camera, confident joints lie {self.mean:.2%} of the picture's "
            f"height from where they were seen, 95 of 100 within {self.p95:.2%}; worst is {name} "
            f"with {mean:.2%}."
        )


def seen_through_camera(
    result: Result,
    sequence: PoseSequence,
    size: tuple[int, int],
    start_frame: int = 1,
    progress: Callable[[float], None] = lambda _share: None,
) -> NDArray[np.float64]:
    """Pixels (F, 28, 2) at which the result's camera object sees its empties.

    size: (width, height) of the picture, in whose proportions the scene's render must be. The
    scene is left at the frame at which it was.
    """
    scene = bpy.context.scene
    camera, empties = result.camera, result.empties
    frames = scene_frames(scene, sequence, start_frame, use_clip_fps=False)
    before = scene.frame_current, scene.frame_subframe
    found = np.empty((len(frames), len(empties), 2))
    for row, frame in enumerate(frames):
        whole = int(np.floor(frame + 1e-6))
        scene.frame_set(whole, subframe=min(max(float(frame) - whole, 0.0), 0.999))
        found[row] = seen_by(scene, camera, empties, size)
        progress((row + 1) / len(frames))
    scene.frame_set(before[0], subframe=before[1])
    return found


def reprojection(
    seen: NDArray[np.floating], sequence: PoseSequence, size: tuple[int, int]
) -> Reprojection:
    """Compare what the camera sees, pixels (F, 28, 2), with what the detector saw."""
    confident = (sequence.state == JointState.OBSERVED) & (sequence.confidence >= CONFIDENT)
    if not confident.any():
        return Reprojection(0.0, 0.0, ("", 0.0), 0)
    off = np.linalg.norm(seen - sequence.positions, axis=-1) / size[1]
    each = {
        name: float(off[confident[:, joint], joint].mean())
        for joint, name in enumerate(JOINTS)
        if confident[:, joint].any()
    }
    worst = max(each, key=lambda name: each[name])
    values = off[confident]
    return Reprojection(
        float(values.mean()),
        float(np.percentile(values, 95)),
        (worst, each[worst]),
        int(confident.sum()),
    )
