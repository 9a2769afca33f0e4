"""Fixtures for tests that need no Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jumps_blender.keypoints.track import Observation
from jumps_blender.skeletons import COMMON12

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
EXAMPLE = next((ROOT / "examples").glob("*.json"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent: real samples and motion capture are not tested")
    return SHARED


def walking_figure(frames: int, fps: float = 30.0) -> np.ndarray:
    """A stick figure that walks to the right, float32 (F, 28, 2) pixels, y down."""
    from jumps_blender.skeletons import JOINTS

    t = np.arange(frames) / fps
    height = {
        "pelvis": 100, "spine": 108, "spine2": 118, "spine3": 128, "spine4": 138, "neck": 148,
        "head": 160, "head_top": 180, "clavicle": 147, "shoulder": 145, "elbow": 118,
        "wrist": 95, "hand": 87, "hip": 92, "knee": 50, "ankle": 10, "foot": 4, "toe": 2,
    }  # fmt: skip
    swing = {"elbow": 8, "wrist": 20, "hand": 24, "knee": 12, "ankle": 22, "foot": 26, "toe": 30}
    points = np.zeros((frames, 28, 2), np.float32)
    for joint, name in enumerate(JOINTS):
        part = name.split("_", 1)[1] if name[:2] in ("l_", "r_") else name
        side = {"l_": 1.0, "r_": -1.0}.get(name[:2], 0.0)
        phase = side * (-1 if part in ("elbow", "wrist", "hand") else 1)
        points[:, joint, 0] = 300 + 40 * t + 9 * side
        points[:, joint, 0] += phase * swing.get(part, 0) * np.sin(2 * np.pi * t)
        points[:, joint, 1] = 500 - height[part]
    return points


def observation_of(
    points: np.ndarray, fps: float = 30.0, seen: np.ndarray | None = None
) -> Observation:
    """The 12 common joints of points (F, 28, 2), minus those that ``seen`` (F, 28) denies."""
    confidence = np.zeros(points.shape[:2], np.float32)
    confidence[:, list(COMMON12)] = 1
    if seen is not None:
        confidence *= seen
    tracked = np.zeros(28, bool)
    tracked[list(COMMON12)] = True
    times = np.arange(len(points)) / fps
    positions = (points * (confidence > 0)[..., None]).astype(np.float32)
    return Observation(positions, confidence, tracked, times)
