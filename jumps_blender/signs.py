"""Signs that are decided for a clip as a whole and not for a frame: which of two ways a bone leans
that the picture doesn't tell apart, which of two ways a hinge points.

Decided frame by frame, by whichever is nearer, a limb flaps where that wavers. People don't: what
goes over from one to the other goes through what lies between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signs(evidence: NDArray[np.float64], ties: NDArray[np.float64]) -> NDArray[np.float64]:
    """The most likely signs (F, N), each 1 or -1, of N chains of F (Viterbi's algorithm).

    evidence: (F, N), what is won with 1 and lost with -1; ties: (F - 1, N), what is won where a
    sign is as the one before and lost where it isn't
    """
    frames, chains = evidence.shape
    came = np.zeros((frames, 2, chains), bool)  # whether from 1, for -1 and for 1
    best = np.stack([-evidence[0], evidence[0]])
    for frame in range(1, frames):
        tie = ties[frame - 1]
        same, other = best + tie, best[::-1] - tie
        came[frame, 0], came[frame, 1] = other[0] > same[0], same[1] >= other[1]
        best = np.maximum(same, other)
        best[0] -= evidence[frame]
        best[1] += evidence[frame]
    result = np.empty((frames, chains))
    is_up = best[1] >= best[0]
    for frame in range(frames - 1, -1, -1):
        result[frame] = np.where(is_up, 1.0, -1.0)
        is_up = np.where(is_up, came[frame, 1], came[frame, 0])
    return result
