"""The lifter's view of a clip: the body seen along the middle of an imaginary lens.

In every frame the camera is turned, without moving, until its axis goes through the body's middle,
and the picture is scaled until the body is about one unit high. Nothing then depends on the focal
length or on where in the picture the person is, and perspective is only what distance makes it.
Shared by training and inference. All arrays may have leading batch axes; pixels are those of a
lens of ``FOCAL`` pixels with its axis at (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..keypoints.track import Observation
from ..skeletons import MIRROR, joint_index
from . import features
from .cameras import FOCAL
from .proportions import USUAL

PELVIS = joint_index("pelvis")
PLACE = slice(0, 56)  # of the features
SURE = slice(84, 112)
SIZE = 28 * 5 + 2
LENGTHS = slice(SIZE + 3, SIZE + 31)
_KNOWN = SIZE + 31  # 1 where the lengths are told
_FEET = [joint_index(f"{side}_{part}") for side in ("l", "r") for part in ("ankle", "foot", "toe")]
_STEPS = slice(SIZE + 32, SIZE + 32 + 2 * len(_FEET))
FEATURES = _STEPS.stop
COMMON_SIZE = -1.5  # logarithm of a usual body's height over its distance
_LENGTH_SCALE = 10.0  # so that a bone a tenth longer than usual is about 1
_STANDING = 0.2  # body units per second, up to which feet mostly stand
_TRUST_AT = 0.03  # body units of uncertainty at which a joint that was not seen is half trusted


@dataclass(frozen=True)
class LiftView:
    """A body at n moments.

    turn: float32 (…, n, 3, 3), from the camera's axes (right, down, forward) to the turned one's
    place: float32 (…, n, 28, 2), body units from the turned camera's axis
    unit: float32 (…, n), radians (nearly) that a body unit takes
    features: float32 (…, n, FEATURES), the network's input, without the body's bones
    """

    turn: NDArray[np.float32]
    place: NDArray[np.float32]
    unit: NDArray[np.float32]
    features: NDArray[np.float32]


def look(
    points: NDArray[np.float32],
    age: NDArray[np.float32],
    confidence: NDArray[np.float32],
    step: NDArray | float,
) -> LiftView:
    """View bridged joints (see ``gaps.py``).

    points (…, n, 28, 2), pixels; age (…, n, 28), seconds to the nearest observation; confidence
    (…, n, 28) in [0, 1]; ``step`` (…) seconds from one moment to the next.
    """
    seconds = np.asarray(step, np.float32)[..., None]
    centre = features.locate(points, age).centre[..., 0, :]
    turn = turned_to(centre)
    rays = np.concatenate([points, np.full_like(points[..., :1], FOCAL)], axis=-1)
    rays = np.einsum("...ij,...kj->...ki", turn, rays)
    # What lies beside or behind the camera has no place in its picture.
    ahead = np.maximum(rays[..., 2:], 0.05 * np.linalg.norm(rays, axis=-1, keepdims=True))
    flat = rays[..., :2] / ahead
    body = features.locate(flat * np.float32(FOCAL), age)
    unit = features.smoothed(body.unit[..., 0]) / np.float32(FOCAL)
    place = flat / unit[..., None, None] * body.fresh[..., None]

    observed = np.clip(1.0 - age / seconds[..., None], 0.0, 1.0)
    sure = confidence * observed
    per_second = np.float32(1 / features.STANDARD_RATE) / seconds
    motion, growth = np.zeros_like(centre), np.zeros_like(unit)
    if centre.shape[-2] > 1:
        motion = np.gradient(centre, axis=-2) / (FOCAL * unit[..., None]) * per_second[..., None]
        growth = np.gradient(np.log(unit), axis=-1) * per_second
    parts = [
        place.reshape(*place.shape[:-2], -1),
        observed,
        sure,
        body.fresh,
        np.clip(motion, -1, 1),
        (np.log(unit) - COMMON_SIZE)[..., None],
        np.clip(growth, -1, 1)[..., None],
        np.ones_like(growth)[..., None],
        np.zeros((*growth.shape, _STEPS.start - LENGTHS.start)),
        _steps(points, unit, seconds),
    ]
    network_input = np.concatenate(parts, axis=-1, dtype=np.float32)
    return LiftView(turn, place.astype(np.float32), unit.astype(np.float32), network_input)


def tell_lengths(network_input: NDArray[np.float32], shares: NDArray) -> None:
    """Add the body's bones to the input (…, n, FEATURES), in place.

    shares: (…, 28), lengths as shares of the standing height; the pelvis' is ignored
    """
    usual = np.where(USUAL > 0, USUAL, 1)
    told = np.log(np.maximum(np.where(USUAL > 0, shares, 1), 1e-3) / usual) * _LENGTH_SCALE
    network_input[..., LENGTHS] = np.clip(told, -3, 3)[..., None, :]
    network_input[..., _KNOWN] = 1


def _steps(points: NDArray, unit: NDArray, seconds: NDArray) -> NDArray[np.float32]:
    """(…, n, 12): how fast the feet move in the picture, which is not at all where they stand.

    In usual standing's greatest speeds, so that what decides is not lost beside the places.
    """
    feet = points[..., _FEET, :]
    if feet.shape[-3] < 2:
        return np.zeros((*feet.shape[:-2], 2 * len(_FEET)), np.float32)
    speed = np.gradient(feet, axis=-3) / (FOCAL * unit * seconds)[..., None, None] / _STANDING
    return np.clip(speed, -3, 3).reshape(*feet.shape[:-2], -1)


def turned_to(centre: NDArray) -> NDArray[np.float32]:
    """(…, 3, 3): turns the camera's axes until the third goes through ``centre`` (…, 2), pixels.

    First sideways about the picture's upright, then up or down, so that upright stays upright.
    """
    x, y = centre[..., 0] / FOCAL, centre[..., 1] / FOCAL
    across = np.sqrt(1 + x * x)
    whole = np.sqrt(1 + x * x + y * y)
    zero = np.zeros_like(x)
    right = np.stack([1 / across, zero, -x / across], axis=-1)
    forward = np.stack([x / whole, y / whole, 1 / whole], axis=-1)
    down = np.cross(forward, right)
    return np.stack([right, down, forward], axis=-2).astype(np.float32)


def trust(uncertainty: NDArray, unit: NDArray) -> NDArray[np.float32]:
    """(…, 28) in [0, 1]: what joints that an upsampler found count as confidence.

    uncertainty (…, 28) and unit (…, 1): of the same unit, such as pixels
    """
    share = uncertainty / (_TRUST_AT * unit)
    return (1 / (1 + share * share)).astype(np.float32)


def whole(
    positions: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
    confidence: NDArray[np.float32],
    times: NDArray[np.float64],
) -> Observation:
    """What an upsampler made, as the lifter's input: nothing missing, not all of it trusted.

    positions (F, 28, 2) and uncertainty (F, 28), pixels; confidence (F, 28), above 0 where a joint
    was seen; times (F,)
    """
    unit = features.smoothed(features.locate(positions, np.zeros_like(uncertainty)).unit[:, 0])
    sure = np.where(confidence > 0, confidence, trust(uncertainty, unit[:, None]))
    # 0 would mean a hole, and there is none.
    sure = np.maximum(sure, 1e-6).astype(np.float32)
    return Observation(positions, sure, np.ones(28, bool), times)


def mirrored(network_input: NDArray[np.float32]) -> NDArray[np.float32]:
    """The input (…, FEATURES) of the same clip flipped left to right."""
    order = list(MIRROR)
    flipped = network_input.copy()
    joints = flipped[..., :140]
    place = joints[..., PLACE].reshape(*joints.shape[:-1], 28, 2)[..., order, :]
    joints[..., PLACE] = (place * np.array([-1, 1], np.float32)).reshape(*joints.shape[:-1], 56)
    for start in (56, 84, 112):
        joints[..., start : start + 28] = joints[..., start : start + 28][..., order]
    flipped[..., 140] *= -1
    flipped[..., LENGTHS] = flipped[..., LENGTHS][..., order]
    left, right = np.split(flipped[..., _STEPS].reshape(*flipped.shape[:-1], -1, 2), 2, axis=-2)
    steps = np.concatenate([right, left], axis=-2) * np.array([-1, 1], np.float32)
    flipped[..., _STEPS] = steps.reshape(*flipped.shape[:-1], -1)
    return flipped
