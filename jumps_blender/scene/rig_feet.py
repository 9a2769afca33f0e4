"""How a rig's feet stand, beside those of the body that it is to move like.

A rig's ankles lie higher or lower than a person's, in boots for instance, and so the bone from
ankle to ball slopes otherwise while the sole lies flat. A rig at rest stands on its soles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import joint_index

_FEET = [[joint_index(f"{side}_{part}") for part in ("ankle", "foot", "toe")] for side in "lr"]
_LEGS = [
    [joint_index(f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot")] for side in "lr"
]
_HIPS = [joint_index("l_hip"), joint_index("r_hip")]
_NECK = joint_index("neck")
_LOWEST = 5  # per cent of the frames, in which an ankle is lowest: the sole lies flat then
# Shares of the standing height: how far from its lowest an ankle is while it stands, how high the
# middle of ball and toe lies over the floor, the least and most of an ankle.
_NEAR, _SOLE, _LEAST, _MOST = 0.006, 0.0194, 0.01, 0.14
_STEEPEST = np.deg2rad(75)  # that a flat foot's bone slopes, and
_FLAT = np.deg2rad(25)  # its toes; others don't stand
_EVEN = 0.01, np.deg2rad(6)  # how alike a rig's feet stand at rest: share of the height, slope
# How much, as a share, bones of legs and feet differ from the body's in a rig that is another's:
# one of the body's own bones does exactly what the body did, and may be at rest in any pose.
_OTHERS = (0.002, 0.01)


def fit_feet(
    rest: NDArray[np.float64],
    points: NDArray[np.float64],
    up: NDArray[np.float64],
    has_toes: bool,
) -> tuple[NDArray[np.float64], float]:
    """How much steeper a rig's left and right foot (2,) slope than the body's, radians, and how
    much higher it stands.

    rest: (28, 3), the rig's joints at rest; points: (F, 28, 3), the body's; up: (F, 3), unit
    vectors; all in the armature's space, as is the height. has_toes: whether the rig tells where
    its balls are. 0 where the body nowhere stands or the rig doesn't at rest, for the second on the
    height of its origin.
    """
    trunk = rest[_NECK] - rest[_HIPS].mean(axis=0)
    if trunk @ up[0] < 0.8 * np.linalg.norm(trunk):
        return np.zeros(2), 0.0
    tall, bodys_tall = stature(rest[None]), stature(points)
    own, bodys = _stance(rest[None], up[:1]), _stance(points, up)
    is_even = (np.ptp(own[:, :2], axis=0) < (_EVEN[1], _EVEN[0] * tall)).all()
    if not is_even or not (_stands(own) and _stands(bodys)):
        return np.zeros(2), 0.0
    known = 3 if has_toes else 2
    one = _bones(rest[None])[:, :known] / tall
    other = _bones(points)[:, :known] / bodys_tall
    unlike = np.abs(np.log(np.maximum(one, 1e-9) / np.maximum(other, 1e-9))).max()
    share = float(np.interp(unlike, _OTHERS, (0, 1)))
    steeper = share * (own - bodys)[:, 0] if has_toes else np.zeros(2)
    ankles = rest[[foot[0] for foot in _FEET]] @ up[0]
    if not (_LEAST * tall < ankles.min() and ankles.max() < _MOST * tall):
        return steeper, 0.0
    ankles_over_floor = tall * (bodys[:, 1].mean() / bodys_tall + _SOLE)
    return steeper, share * float(ankles.mean() - ankles_over_floor)


def stature(points: NDArray) -> float:
    """About a body's standing height, by joints (F, 28, 3): thighs and shins are half of it."""
    return float(_bones(points)[:, :2].sum())


def _bones(points: NDArray) -> NDArray[np.float64]:
    """(2, 3): lengths of thighs, shins and feet up to the ball."""
    bones = np.diff(points[:, _LEGS], axis=2)
    return np.asarray(np.median(np.linalg.norm(bones, axis=-1), axis=0))


def _stance(points: NDArray, up: NDArray) -> NDArray[np.float64]:
    """(2, 3): of the left and right foot where it stands, its bone's slope and its toes', radians,
    and the ankle's height over the middle of ball and toe."""
    result = []
    for foot in _FEET:
        ankle, ball, toe = points[:, foot].swapaxes(0, 1)
        height = (ankle * up).sum(axis=-1)
        low = height <= np.percentile(height, _LOWEST) + _NEAR * stature(points)
        over = ((ankle - 0.5 * (ball + toe)) * up).sum(axis=-1)
        rows = [_slope(ball - ankle, up), over, _slope(toe - ball, up)]
        result.append([np.median(row[low]) for row in rows])
    return np.array(result)


def _slope(bones: NDArray, up: NDArray) -> NDArray[np.float64]:
    """(F,): how far bones point down, radians."""
    size = np.maximum(np.linalg.norm(bones, axis=-1), 1e-12)
    return np.asarray(np.arcsin(np.clip(-(bones * up).sum(axis=-1) / size, -1, 1)))


def _stands(stance: NDArray) -> bool:
    """Whether these are feet on their soles, and not of somebody who sits or lies all the time."""
    slopes, toes = stance[:, 0], stance[:, 2]
    return bool((slopes > 0).all() and (slopes < _STEEPEST).all() and (abs(toes) < _FLAT).all())
