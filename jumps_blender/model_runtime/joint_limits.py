"""Joints that bend no farther than people's do.

Where a clip shows little (the hands of a small person, toes behind the other leg) the most likely
depth may be one that no wrist or toe allows. Bones keep their lengths: what hangs on a joint that
bends too far turns about it, back to the limit. The trunk's bones come nearer to each other's
directions instead, and carry what hangs on them along, because a turn would throw the arms about.

Limits are about the 99.9th percentiles of the CMU subjects' angles between neighbouring bones, a
few degrees wider. Ball joints (hips and shoulders) have none: the bone above them, across the
trunk, says nothing about how far they may go.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINTS, PARENTS, joint_index

# Degrees between a bone and the one before it; 0 is straight on. By the joint at the bone's end.
_BENDS = {
    "head": (0.0, 55.0),
    "head_top": (0.0, 65.0),
    "wrist": (0.0, 152.0),  # the elbow
    "hand": (0.0, 100.0),
    "ankle": (0.0, 158.0),  # the knee
    "foot": (15.0, 150.0),
    "toe": (0.0, 75.0),
}
_TRUNK = tuple(joint_index(name) for name in ("spine", "spine2", "spine3", "spine4", "neck"))
_TRUNK_BENDS = np.array([16.0, 25.0, 22.0, 12.0])  # at spine, spine2, spine3 and spine4
_STEPS = 8  # in which the trunk is straightened until it is within


def limited(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Joints (F, 28, 3), metres, any axes, with no joint bent beyond its limits."""
    result = positions.astype(float)
    _straighten_trunk(result)
    for joint, limits in _JOINTS:  # parents first
        middle = PARENTS[joint]
        _turn_back(result, PARENTS[middle], middle, joint, limits)
    return result


def bends(positions: NDArray[np.floating], joint: int) -> NDArray[np.float64]:
    """(F,), degrees between the bone that ends in a joint and the one before; 0 is straight on."""
    middle = PARENTS[joint]
    first = positions[:, middle] - positions[:, PARENTS[middle]]
    return _degrees(first, positions[:, joint] - positions[:, middle])


def _turn_back(
    result: NDArray[np.float64], start: int, middle: int, end: int, limits: tuple[float, float]
) -> None:
    before = result[:, middle] - result[:, start]
    after = result[:, end] - result[:, middle]
    angle = _degrees(before, after)
    over = np.deg2rad(angle - np.clip(angle, *limits))
    frames = np.flatnonzero(np.abs(over) > 1e-6)
    if not len(frames):
        return
    axis = np.cross(after[frames], before[frames])
    size = np.linalg.norm(axis, axis=1, keepdims=True)
    # Folded back exactly, any axis across will do.
    across = np.cross(before[frames], np.eye(3)[np.argmin(np.abs(before[frames]), axis=1)])
    axis = np.where(size > 1e-9, axis, across)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12)
    hanging = _HANGING[end]
    arms = result[np.ix_(frames, hanging)] - result[frames, middle, None]
    cos, sin = np.cos(over[frames])[:, None, None], np.sin(over[frames])[:, None, None]
    k = np.broadcast_to(axis[:, None], arms.shape)
    turned = (
        arms * cos + np.cross(k, arms) * sin + k * (k * arms).sum(-1, keepdims=True) * (1 - cos)
    )
    result[np.ix_(frames, hanging)] = result[frames, middle, None] + turned


def _straighten_trunk(result: NDArray[np.float64]) -> None:
    """Bend the trunk less where it bends too far, in place."""
    chain = [PARENTS[_TRUNK[0]], *_TRUNK]
    bones = np.diff(result[:, chain], axis=1)
    frames = np.flatnonzero((_trunk_bends(bones) > _TRUNK_BENDS + 1e-3).any(axis=1))
    if not len(frames):
        return
    bones = bones[frames]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    own = bones / np.maximum(length, 1e-9)
    common = bones.sum(axis=1, keepdims=True)
    common /= np.maximum(np.linalg.norm(common, axis=-1, keepdims=True), 1e-9)
    done = np.zeros(len(frames), bool)
    for share in np.linspace(0, 1, _STEPS + 1)[1:]:
        mixed = (1 - share) * own + share * common
        mixed *= length / np.maximum(np.linalg.norm(mixed, axis=-1, keepdims=True), 1e-9)
        bones[~done] = mixed[~done]
        done |= (_trunk_bends(bones) <= _TRUNK_BENDS).all(axis=1)
    moved = result[frames, chain[0], None] + np.cumsum(bones, axis=1) - result[frames][:, _TRUNK]
    shift = moved[:, -1, None]  # the neck's, which all above it follows
    result[np.ix_(frames, _ABOVE)] += shift
    for column, joint in enumerate(_TRUNK[:-1]):
        result[frames, joint] += moved[:, column]


def _trunk_bends(bones: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, 4), degrees, of a chain of bones (F, 5, 3)."""
    return _degrees(bones[:, :-1], bones[:, 1:])


def _degrees(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """Between vectors (…, 3)."""
    across = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.asarray(np.rad2deg(np.arctan2(across, (first * second).sum(axis=-1))))


def _hanging(joint: int) -> NDArray[np.int64]:
    """A joint and all that hang on it."""
    found = [joint]
    for each in found:
        found += [child for child, parent in enumerate(PARENTS) if parent == each]
    return np.array(found)


def _depth(joint: int) -> int:
    return 0 if joint < 0 else 1 + _depth(PARENTS[joint])


_HANGING = {joint: _hanging(joint) for joint in range(len(JOINTS))}
_ABOVE = _HANGING[_TRUNK[-1]]
_JOINTS = sorted(
    (
        (joint, limits)
        for joint, name in enumerate(JOINTS)
        if (limits := _BENDS.get(name.removeprefix("l_").removeprefix("r_"))) is not None
    ),
    key=lambda item: _depth(item[0]),
)
