"""Arms or legs that a detector took for each other for some frames, put right.

A limb that is taken for the other one jumps there and back, and nothing in a body's motion does:
of all ways to name the two, the smoothest is found, in which the detector is mostly right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..skeletons import joint_index
from .missing import body_size
from .track import Observation

# What detectors take for each other, left and right.
LIMBS = {
    "arms": ("elbow", "wrist", "hand"),
    "legs": ("knee", "ankle", "foot", "toe"),
}
# Shares of the body's size in the picture: how much a joint's place differs from the line through
# the frames before and after it, at 30 frames per second; at most that often.
_BEND, _MOST = 0.02, 12.0
_RARE = 0.35  # what a frame with exchanged limbs costs, in bends


def swaps_repaired(observation: Observation) -> tuple[Observation, dict[str, NDArray[np.bool_]]]:
    """The observation with exchanged limbs put right, and in which frames (F,) arms and legs were.

    Joints are only exchanged between left and right; nothing is moved. Frames in which one of the
    two wasn't seen tell nothing.
    """
    positions, confidence = observation.positions, observation.confidence
    swapped = {}
    step = float(np.median(np.diff(observation.times))) if len(observation.times) > 1 else 1 / 30
    bend = _BEND * body_size(observation.positions, observation.mask) * max(1.0, (30 * step) ** 2)
    for name, parts in LIMBS.items():
        pairs = np.array([[joint_index(f"{side}_{part}") for side in "lr"] for part in parts])
        pairs = pairs[observation.tracked[pairs].all(axis=1)]
        exchanged = _exchanged(positions[:, pairs], confidence[:, pairs] > 0, bend)
        swapped[name] = exchanged
        if exchanged.any():
            positions, confidence = positions.copy(), confidence.copy()
            for values in (positions, confidence):
                own = values[exchanged]
                own[:, pairs] = own[:, pairs[:, ::-1]]
                values[exchanged] = own
    return replace(observation, positions=positions, confidence=confidence), swapped


def _exchanged(points: NDArray, seen: NDArray[np.bool_], bend: float) -> NDArray[np.bool_]:
    """bool (F,): the frames in which left and right are to be exchanged.

    points (F, P, 2, 2): P pairs of joints, left and right; seen (F, P, 2). The best sequence by
    dynamic programming (Viterbi) over the states of two frames on end, because a bend needs three.
    """
    frames = len(points)
    if frames < 3 or not points.shape[1]:
        return np.zeros(frames, bool)
    both = seen.all(axis=2)
    known = both[:-2] & both[1:-1] & both[2:]
    named = np.stack([points, points[:, :, ::-1]]).astype(float)  # as given, exchanged
    cost = np.empty((frames - 2, 2, 2, 2))
    for a, b, c in np.ndindex(2, 2, 2):
        bends = named[c, 2:] - 2 * named[b, 1:-1] + named[a, :-2]
        length = np.linalg.norm(bends, axis=-1).sum(axis=-1) / bend
        cost[:, a, b, c] = (np.minimum(length, _MOST) * known).mean(axis=1)
    # The smallest cost so far, of the last two frames' states; and the state before these.
    best = {(a, b): _RARE * (a + b) for a in (0, 1) for b in (0, 1)}
    came_from = []
    for each in cost.tolist():
        choice = {
            (b, c): min((best[a, b] + each[a][b][c] + _RARE * c, a) for a in (0, 1))
            for b in (0, 1)
            for c in (0, 1)
        }
        best = {states: value for states, (value, _) in choice.items()}
        came_from.append({states: before for states, (_, before) in choice.items()})
    last = min(best, key=lambda states: best[states])
    found = [last[1], last[0]]
    for before in reversed(came_from):
        found.append(before[found[-1], found[-2]])
    return np.array(found[::-1], bool)
