"""A small picture of what was found, to be shown while the estimator works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 320  # pixels, at most; as high
_LINE, _DOT, _DOUBTED = (250, 200, 60), (255, 255, 255), (230, 80, 60)
_PARTS = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip")),
    *(("hip", "knee"), ("knee", "ankle")),
)
_PAIRS = [
    *(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _PARTS),
]


def edges(joint_names: Sequence[str]) -> list[tuple[int, int]]:
    """Which of the joints lines are drawn between."""
    names = list(joint_names)
    return [(names.index(a), names.index(b)) for a, b in _PAIRS if a in names and b in names]


def small(
    picture: NDArray[np.uint8],
    joints: NDArray[np.floating[Any]],
    confidence: NDArray[np.floating[Any]],
    size: tuple[int, int],
    lines: Sequence[tuple[int, int]],
) -> NDArray[np.uint8]:
    """The picture (h, w, 3), RGB, scaled down, with people's bones.

    joints: (people, K, 2 or more), x and y in pixels of a picture of that (width, height)
    confidence: (people, K); joints of less than 0.5 count as missing and are red
    """
    # Every so many pixels: averaging all of them takes a third of the time of an estimate.
    stride = max(max(picture.shape[:2]) // WIDTH, 1)
    sampled = np.ascontiguousarray(picture[::stride, ::stride])
    height, width = sampled.shape[:2]
    share = min(WIDTH / max(width, height), 1.0)
    smaller = max(round(width * share), 1), max(round(height * share), 1)
    shown = cv2.resize(sampled, smaller, interpolation=cv2.INTER_LINEAR)
    scale = np.array(shown.shape[1::-1]) / np.array(size)
    for person, sure in zip(joints, confidence >= 0.5):
        places = np.nan_to_num(person[:, :2] * scale, nan=-1.0)
        points = [(int(x), int(y)) for x, y in np.clip(places, -(2**14), 2**14)]
        for a, b in lines:
            if sure[a] and sure[b]:
                cv2.line(shown, points[a], points[b], _LINE, 1, cv2.LINE_AA)
        for joint in {each for line in lines for each in line}:
            cv2.circle(shown, points[joint], 2, _DOT if sure[joint] else _DOUBTED, -1, cv2.LINE_AA)
    return shown
