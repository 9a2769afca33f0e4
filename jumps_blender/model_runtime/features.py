"""The network's view of a clip: body-centred, scaled, with holes bridged and their age told.

Shared by training and inference, so that both mean the same. All arrays may have leading batch
axes. Nothing depends on the picture's size or on the person's place in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINTS, MIRROR, joint_index

CURVES = slice(28 * 5 + 3, 28 * 7 + 3)  # of the features: what ``network_features`` puts last
FEATURES = CURVES.stop
STANDARD_RATE = 30.0  # frames per second that one step of the network means
SCALE_REACH = 15  # frames to each side over which the body's scale is averaged

# The trunk's corners carry the body's place and size; other joints take over where all four are
# lost for seconds.
TRUNK = [joint_index(name) for name in ("l_shoulder", "r_shoulder", "l_hip", "r_hip")]
_PLACE_WEIGHT = np.full(28, 0.02, np.float32)
_PLACE_WEIGHT[TRUNK] = 1.0
# Keeps the centre defined when every joint is stale, and continuous on the way there.
_STALE_WEIGHT = 1e-4
SPREAD_TO_UNIT = 3.0  # so that a body is about one unit high
SMALLEST_UNIT = 1e-3  # pixels; a body in one point has no scale to tell

# Where a joint is not seen, the network predicts its offset from these joints' mean.
_ANCHORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("spine4", "neck", "head", "head_top"), ("l_shoulder", "r_shoulder")),
    **dict.fromkeys(("spine3", "spine2"), ("l_shoulder", "r_shoulder", "l_hip", "r_hip")),
    **dict.fromkeys(("pelvis", "spine"), ("l_hip", "r_hip")),
}
for _side in ("l", "r"):
    for _joint, _anchor in (
        ("clavicle", "shoulder"),
        ("elbow", "shoulder"),
        ("wrist", "elbow"),
        ("hand", "wrist"),
        ("knee", "hip"),
        ("ankle", "knee"),
        ("foot", "ankle"),
        ("toe", "ankle"),
    ):
        _ANCHORS[f"{_side}_{_joint}"] = (f"{_side}_{_anchor}",)
_ANCHOR_MATRIX = np.zeros((28, 28), np.float32)
for _name, _sources in _ANCHORS.items():
    for _source in _sources:
        _ANCHOR_MATRIX[JOINTS.index(_name), JOINTS.index(_source)] = 1 / len(_sources)


def freshness(age: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far a bridged position is to be believed: 1 up to 1 s from an observation, 0 from 3 s."""
    return np.clip((3.0 - age) / 2.0, 0.0, 1.0)


@dataclass(frozen=True)
class Body:
    """The body's place, size and bridged joints at n moments.

    centre: float32 (…, n, 1, 2), pixels
    unit: float32 (…, n, 1), pixels; before smoothing over time, see ``smoothed``
    fresh: float32 (…, n, 28) in [0, 1], see ``freshness``
    """

    centre: NDArray[np.float32]
    unit: NDArray[np.float32]
    fresh: NDArray[np.float32]


def locate(positions: NDArray[np.float32], age: NDArray[np.float32]) -> Body:
    """Centre and size of bodies from bridged joints (…, n, 28, 2) and their age (…, n, 28)."""
    fresh = freshness(age)
    weight = _PLACE_WEIGHT * (fresh + _STALE_WEIGHT * np.isfinite(age))
    weight = weight / np.maximum(weight.sum(axis=-1, keepdims=True), 1e-12)
    centre = (positions * weight[..., None]).sum(axis=-2, keepdims=True)
    squared = ((positions - centre) ** 2).sum(axis=-1)
    spread = np.sqrt((squared * weight).sum(axis=-1, keepdims=True))
    return Body(centre, np.maximum(SPREAD_TO_UNIT * spread, SMALLEST_UNIT), fresh)


def smoothed(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Units (…, n) averaged over ``SCALE_REACH`` frames to both sides, fewer at the ends."""
    n = unit.shape[-1]
    total = np.zeros((*unit.shape[:-1], n + 1))
    np.cumsum(unit, axis=-1, out=total[..., 1:])
    low = np.maximum(np.arange(n) - SCALE_REACH, 0)
    high = np.minimum(np.arange(n) + SCALE_REACH + 1, n)
    return ((total[..., high] - total[..., low]) / (high - low)).astype(np.float32)


def base_positions(
    positions: NDArray[np.float32], body: Body, unit: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where each joint would be by its own or its anchors' bridged positions, (…, n, 28, 2).

    In units (…, n, 1) from the body's centre; the network predicts what to add.
    """
    own = (positions - body.centre) / unit[..., None] * body.fresh[..., None]
    return own + (1 - body.fresh[..., None]) * (_ANCHOR_MATRIX @ own)


def network_features(
    positions: NDArray[np.float32],
    age: NDArray[np.float32],
    confidence: NDArray[np.float32],
    body: Body,
    unit: NDArray[np.float32],
    step: float,
    curve: NDArray[np.float32],
    mirror: bool = False,
) -> NDArray[np.float32]:
    """The network's input, float32 (…, n, FEATURES); n moments ``step`` seconds apart.

    Per joint: position from the centre in units, observed or not, confidence, freshness; then the
    centre's velocity and a constant 1 (zero padding tells the clip's ends); then per joint the
    curve (…, n, 28, 2), pixels, that it may take in its hole (see ``gaps.curves``). ``mirror``
    makes the features of the same clip flipped left to right.
    """
    place = (positions - body.centre) / unit[..., None] * body.fresh[..., None]
    observed = np.clip(1.0 - age / np.float32(step), 0.0, 1.0)
    sure = confidence * observed
    fresh = body.fresh
    bend = np.clip(curve / unit[..., None] * fresh[..., None], -1.0, 1.0)
    centre = body.centre[..., 0, :]
    velocity = np.zeros_like(centre)
    if centre.shape[-2] > 1:
        velocity = np.gradient(centre, axis=-2) / unit
        velocity = velocity * np.float32(1.0 / (STANDARD_RATE * step))
    if mirror:
        flip = np.array([-1.0, 1.0], np.float32)
        order = list(MIRROR)
        place, velocity = place[..., order, :] * flip, velocity * flip
        bend = bend[..., order, :] * flip
        observed, sure, fresh = observed[..., order], sure[..., order], fresh[..., order]
    flat, bends = (values.reshape(*values.shape[:-2], -1) for values in (place, bend))
    one = np.ones_like(velocity[..., :1])
    parts = [flat, observed, sure, fresh, velocity, one, bends]
    return np.concatenate(parts, axis=-1, dtype=np.float32)


def unmirrored(joint_values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the flip on per-joint values (…, 28) or vectors (…, 28, 2)."""
    order = list(MIRROR)
    if joint_values.shape[-2:] == (28, 2):
        return joint_values[..., order, :] * np.array([-1.0, 1.0], np.float32)
    return joint_values[..., order]
