"""A 2D pose detector's mistakes, simulated: what ``--noise detector`` and training add.

Sizes are in head sizes, rates per frame at 30 frames per second. ``STRENGTH`` is set so that the
12 common joints of mocap projections score the AUC 0.63 that AlphaPose reaches in JUMPS' Table II
(Mourot et al.). What real detectors do and this does too:

- jitter correlated over time, larger for wrists and ankles;
- joints defined a little elsewhere than the mocap's, constant over a clip;
- limbs seen behind the trunk: far worse, unsure, and often lost;
- outliers and dropouts that last some frames;
- left and right limbs swapped for some frames;
- a confidence that falls with the error, but not reliably.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..keypoints.swaps import LIMBS
from ..skeletons import JOINTS, joint_index

STRENGTH = 0.885

_ENDS = ("wrist", "ankle", "hand", "foot", "toe", "head_top")
_MIDDLES = ("elbow", "knee")
_JITTER = np.array(
    [0.30 if j.endswith(_ENDS) else 0.22 if j.endswith(_MIDDLES) else 0.16 for j in JOINTS],
    np.float32,
)
_DEFINITION = 0.16  # standard deviation of the constant offset
_CORRELATION = 0.85  # of the jitter, from frame to frame
_BEHIND_FACTOR = 3.0
_OUTLIER_START, _OUTLIER_LENGTH, _OUTLIER_SIZE = 0.004, 4.0, 1.8
_DROPOUT_START, _DROPOUT_LENGTH = 0.004, 6.0
_BEHIND_DROPOUT = 0.08
_SWAP_START, _SWAP_LENGTH = 0.002, 6.0
_LIMBS = {
    limb: [(joint_index(f"l_{part}"), joint_index(f"r_{part}")) for part in parts]
    for limb, parts in LIMBS.items()
}
_LIMB_JOINTS = [j for pairs in _LIMBS.values() for pair in pairs for j in pair]
_TRUNK = [joint_index(name) for name in ("l_shoulder", "r_shoulder", "l_hip", "r_hip")]


@dataclass(frozen=True)
class Detections:
    """What the simulated detector reports.

    positions: float32 (…, F, 28, 2), pixels; 0 where dropped
    confidence: float32 (…, F, 28) in [0, 1]; 0 where dropped
    """

    positions: NDArray[np.float32]
    confidence: NDArray[np.float32]


def detect(
    points: NDArray[np.float32],
    depth: NDArray[np.float32],
    head: NDArray[np.float32],
    rng: np.random.Generator,
    strength: float | NDArray = STRENGTH,
) -> Detections:
    """Simulate a detector on projected joints.

    points (…, F, 28, 2) pixels, depth (…, F, 28) metres, head (…, F) pixels, the head's size;
    ``strength`` scales the errors and their rates and may have the leading axes' shape.
    """
    strength = np.asarray(strength, np.float32)[..., None, None]
    behind = _behind_trunk(points, depth)
    jitter = _correlated(points.shape, rng) * _JITTER[:, None]
    jitter *= np.where(behind, _BEHIND_FACTOR, 1.0)[..., None]
    definition = rng.standard_normal((*points.shape[:-3], 1, 28, 2), np.float32) * _DEFINITION
    outlying = _bursts(points.shape[:-1], _OUTLIER_START * strength, _OUTLIER_LENGTH, rng)
    outlier = rng.standard_normal(points.shape, np.float32) * _OUTLIER_SIZE
    error = (jitter + definition) * strength[..., None] + outlier * outlying[..., None]

    swapped = points.copy()
    for pairs in _LIMBS.values():
        swap = _bursts((*points.shape[:-2], 1), _SWAP_START * strength, _SWAP_LENGTH, rng)
        for left, right in pairs:
            swapped[..., left, :] = np.where(swap, points[..., right, :], points[..., left, :])
            swapped[..., right, :] = np.where(swap, points[..., left, :], points[..., right, :])

    lost = _bursts(points.shape[:-1], _DROPOUT_START * strength, _DROPOUT_LENGTH, rng)
    lost |= behind & _bursts(points.shape[:-1], _BEHIND_DROPOUT * strength, 4.0, rng)
    doubt = 0.25 * np.linalg.norm(error, axis=-1) + 0.2 * behind * np.minimum(strength, 1)
    noise = rng.standard_normal(points.shape[:-1], np.float32) * 0.06
    confidence = np.clip(0.95 - doubt + noise, 0.06, 1.0).astype(np.float32)
    positions = swapped + error.astype(np.float32) * head[..., None, None]
    confidence[lost] = 0
    positions[lost] = 0
    return Detections(positions.astype(np.float32), confidence)


def _behind_trunk(points: NDArray, depth: NDArray) -> NDArray[np.bool_]:
    """bool (…, F, 28): a limb's joint that the camera sees behind the trunk."""
    trunk = points[..., _TRUNK, :]
    low, high = trunk.min(axis=-2), trunk.max(axis=-2)
    margin = 0.08 * np.linalg.norm(high - low, axis=-1, keepdims=True)
    covered = (points >= (low - margin)[..., None, :]) & (points <= (high + margin)[..., None, :])
    farther = depth > depth[..., _TRUNK].mean(axis=-1, keepdims=True) + 0.05
    behind = np.zeros(points.shape[:-1], bool)
    behind[..., _LIMB_JOINTS] = (covered.all(axis=-1) & farther)[..., _LIMB_JOINTS]
    return behind


def _correlated(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit-variance first-order autoregressive noise along axis -3."""
    noise = rng.standard_normal(shape, np.float32)
    fresh = np.float32(np.sqrt(1 - _CORRELATION**2))
    for frame in range(1, shape[-3]):
        noise[..., frame, :, :] *= fresh
        noise[..., frame, :, :] += np.float32(_CORRELATION) * noise[..., frame - 1, :, :]
    return noise


def _bursts(
    shape: tuple[int, ...], start: NDArray, length: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """bool (…, F, K): spells that start at a rate of ``start`` and last ``length`` on average."""
    spell = rng.random(shape, np.float32) < start
    stay = rng.random(shape, np.float32) < 1 - 1 / length
    for frame in range(1, shape[-2]):
        spell[..., frame, :] |= spell[..., frame - 1, :] & stay[..., frame, :]
    return spell
