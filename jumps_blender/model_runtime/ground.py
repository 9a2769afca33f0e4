"""Where the floor is, and the way over it: from the camera's axes to a world with a ground.

World axes are Blender's: right-handed, metres, z up and 0 on the floor; the camera looks along +y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..skeletons import joint_index
from .contacts import SOLE_HEIGHT, SOLES, soles, spans, standing

if TYPE_CHECKING:
    from .lift import Lift

_PELVIS = joint_index("pelvis")
_UP_SPREAD = np.deg2rad(2.5)  # of the network's upward direction, over a clip
_SOLE_SPREAD = 0.06  # metres, of where the network puts a sole, over a step
_OTHERS = [joint for joint in range(28) if joint not in {j for sole in SOLES for j in sole}]
_BENEATH = 0.1  # metres that something of the body may be below a foot that stands
_THICK = 0.02  # metres from a joint to the skin that lies on the floor, at least
_LEVEL_SPREAD = 0.25  # metres between the floors of stairs and of false alarms


def find_ground(
    lift: Lift, times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The way from a still camera's axes to the world's: turn (3, 3) and the camera's place (3,).

    The upward direction is the network's, averaged over the clip, bent to the plane on which the
    feet's steps lie as far as these are apart. Without a step the lowest of the body is on the
    floor; a foot doesn't stand while something else of the body is far below it.
    """
    up = _average(lift.up)
    positions = lift.positions.astype(np.float64)
    touching, lowest = soles(positions), (positions[:, _OTHERS] @ up).min(axis=1)
    steps = [
        (part, a, b)
        for part, a, b in spans(standing(lift.contact, times))
        if np.median(touching[a:b, part] @ up - SOLE_HEIGHT[part] - lowest[a:b]) < _BENEATH
    ]
    points = np.array([np.median(touching[a:b, part], axis=0) for part, a, b in steps])
    heights = np.array([SOLE_HEIGHT[part] for part, _, _ in steps])
    if len(points):
        up, level = _plane(points, heights, up)
    else:
        low = np.minimum((touching @ up - SOLE_HEIGHT).min(axis=1), lowest - _THICK)
        level = float(np.percentile(low, 5))
    forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(forward) < 1e-3:  # straight down: the picture's top is ahead
        forward = np.array([0.0, -1.0, 0.0]) - -up[1] * up
    forward /= np.linalg.norm(forward)
    turn = np.stack([np.cross(forward, up), forward, up])
    # Over the point under the first frame's pelvis.
    start = turn @ lift.positions[0, _PELVIS].astype(float)
    return turn, np.array([-start[0], -start[1], -level])


def _average(up: NDArray[np.float32]) -> NDArray[np.float64]:
    """(3,): the direction that most frames (F, 3) agree on."""
    mean = np.array([0.0, -1.0, 0.0])
    directions = up.astype(float)
    for _ in range(5):
        away = np.arccos(np.clip(directions @ mean, -1, 1))
        weight = 1 / (1 + (away / (2 * _UP_SPREAD)) ** 2)
        total = (weight[:, None] * directions).sum(axis=0)
        if np.linalg.norm(total) < 1e-6:
            break
        mean = total / np.linalg.norm(total)
    return mean


def _plane(
    points: NDArray[np.float64], heights: NDArray[np.float64], up: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Upward direction (3,) and the floor's height along it, by steps (n, 3) at heights (n,).

    Least squares over the tilt and the level, steps off the plane counting less and less.
    """
    first = up
    side = np.cross(up, [0.0, 0.0, 1.0])
    side /= max(float(np.linalg.norm(side)), 1e-6)
    ahead = np.cross(side, up)
    tilt = np.zeros(2)
    level = float(np.median(points @ up - heights))
    for _ in range(10):
        off = points @ up - heights - level
        weight = 1 / (1 + (off / _LEVEL_SPREAD) ** 2) ** 2 / _SOLE_SPREAD**2
        design = np.stack([points @ side, points @ ahead, -np.ones(len(points))], axis=1)
        prior = np.diag([_UP_SPREAD**-2, _UP_SPREAD**-2, 1e-6])
        gram = design.T @ (weight[:, None] * design) + prior
        pull = -design.T @ (weight * off) - prior @ np.array([*tilt, 0.0])
        change = np.linalg.solve(gram, pull)
        tilt, level = tilt + change[:2], level + change[2]
        up = first + tilt[0] * side + tilt[1] * ahead
        up = up / np.linalg.norm(up)
    return up, level
