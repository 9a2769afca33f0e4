"""Jitter taken out of a lifted motion: the One Euro filter, forwards and backwards in time.

Casiez et al., "1 € Filter", CHI 2012: a low-pass filter whose cutoff rises with the speed, so that
what hardly moves comes to rest and what is fast stays fast. A finished clip may be filtered in both
directions, whose mean lags behind nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lift_features import PELVIS
from .lift_refine import rigid
from .proportions import bone_lengths

USUAL_SMOOTHING = 0.25
_CUTOFF = 12.0, 0.8  # hertz, of what stands still: at the least strength and at the greatest
_QUICKER = 6.0  # hertz more for each metre per second
_SPEED_CUTOFF = 3.0  # hertz, of the speed itself


def smoothed(
    positions: NDArray, times: NDArray[np.float64], strength: float, *, only_body: bool = False
) -> NDArray:
    """Joints (F, 28, 3), metres, with less jitter and bones as long as before.

    strength: 0 leaves everything as it is, 1 lets only slow motion through; times (F,), seconds;
    only_body: leave the pelvis where it is, whose path is the camera's, too, before one that moves
    """
    if strength <= 0 or len(positions) < 3:
        return positions
    least, most = np.log(_CUTOFF)
    cutoff = float(np.exp(least + min(strength, 1.0) * (most - least)))
    # The body from the pelvis, so that walking is no speed of the hand's.
    pelvis = positions[:, PELVIS, None].astype(float)
    parts = np.concatenate([positions - pelvis, pelvis], axis=1)
    forwards = _filtered(parts, np.diff(times), cutoff)
    backwards = _filtered(parts[::-1], np.diff(times)[::-1], cutoff)[::-1]
    mean = 0.5 * (forwards + backwards)
    if only_body:
        mean[:, -1:] = pelvis
    lengths = np.median(bone_lengths(positions), axis=0)
    return np.asarray(rigid(mean[:, :-1] + mean[:, -1:], lengths), positions.dtype)


def _filtered(values: NDArray, steps: NDArray, cutoff: float) -> NDArray[np.float64]:
    """Points (F, N, 3) filtered one after the other; steps (F - 1,), seconds."""
    result = np.empty(values.shape)
    place, velocity = values[0], np.zeros(values.shape[1:])
    result[0] = place
    for index, step in enumerate(steps, 1):
        change = (values[index] - values[index - 1]) / step
        velocity = velocity + _share(_SPEED_CUTOFF, step) * (change - velocity)
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
        place = place + _share(cutoff + _QUICKER * speed, step) * (values[index] - place)
        result[index] = place
    return result


def _share(cutoff: NDArray | float, step: float) -> NDArray | float:
    """How much of the way to a new value a low-pass filter of that cutoff goes in a step."""
    turn = 2 * np.pi * cutoff * step
    return turn / (turn + 1)
