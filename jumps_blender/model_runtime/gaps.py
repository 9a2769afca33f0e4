"""Joint trajectories with their holes bridged in time: linearly, and as a body would move.

Works block by block, so that a clip of any length needs the same memory beyond its own arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..keypoints.track import Observation
from .features import TRUNK

_BLOCK = 256  # frames between the entries of the look-up tables
VELOCITY_SPAN = 1 / 15  # seconds before and after a hole from which the joint's velocity is taken
_LONGEST_PUSH = 0.8  # seconds of a hole that the velocity at its edges is trusted for
_COASTING = 0.15  # seconds after which a joint at a clip's end has lost most of its velocity


@dataclass(frozen=True)
class Bridged:
    """Joints at n moments.

    positions: float32 (n, 28, 2), pixels: observed, interpolated between the observations on both
        sides, or held beyond the first and the last; 0 for a joint that is never observed
    age: float32 (n, 28), seconds to the nearest observation; infinite where there is none
    confidence: float32 (n, 28) of the observations used, interpolated likewise
    """

    positions: NDArray[np.float32]
    age: NDArray[np.float32]
    confidence: NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """Frame numbers around n moments.

    before, after: (n,), the frames next to the moment
    left, right: (n, 28), the observations next to it; both the same one where has_left or has_right
        (n, 28) says that there is none on that side
    first, last: (n,) or (1,), the clip's ends
    """

    before: NDArray[np.integer]
    after: NDArray[np.integer]
    left: NDArray[np.integer]
    right: NDArray[np.integer]
    has_left: NDArray[np.bool_]
    has_right: NDArray[np.bool_]
    first: NDArray[np.integer]
    last: NDArray[np.integer]


class BridgedTrajectories:
    """Evaluates an observation's joints at any ascending moments within the clip."""

    def __init__(self, observation: Observation) -> None:
        self._seen = observation
        self._frames = len(observation.times)
        blocks = -(-self._frames // _BLOCK)
        joints = observation.confidence.shape[1]
        # For each block's first frame k: the last observed frame before k, the first from k on.
        self._last = np.full((blocks + 1, joints), -1, np.int32)
        self._first = np.full((blocks + 1, joints), self._frames, np.int32)
        for block in range(blocks):
            seen = observation.confidence[block * _BLOCK : (block + 1) * _BLOCK] > 0
            last = block * _BLOCK + len(seen) - 1 - seen[::-1].argmax(axis=0)
            self._last[block + 1] = np.where(seen.any(axis=0), last, self._last[block])
        for block in reversed(range(blocks)):
            seen = observation.confidence[block * _BLOCK : (block + 1) * _BLOCK] > 0
            first = block * _BLOCK + seen.argmax(axis=0)
            self._first[block] = np.where(seen.any(axis=0), first, self._first[block + 1])

    def at(self, moments: NDArray[np.float64]) -> Bridged:
        """Joints at ``moments`` (n,), seconds, ascending, n at least 1."""
        return self._at(moments)[0]

    def curved_at(self, moments: NDArray[np.float64]) -> tuple[Bridged, NDArray[np.float32]]:
        """Like ``at``, but holes are bridged beside the trunk; and their curves, see ``curves``."""
        bridged, neighbours = self._at(moments)
        times = self._seen.times
        frame = (times[-1] - times[0]) / max(self._frames - 1, 1) or 1.0
        drift, curve = curves(
            self._seen.positions,
            self._seen.confidence,
            times,
            moments,
            neighbours,
            np.full(len(moments), max(round(VELOCITY_SPAN / frame), 1)),
        )
        return Bridged(bridged.positions + drift, bridged.age, bridged.confidence), curve

    def _at(self, moments: NDArray[np.float64]) -> tuple[Bridged, Neighbours]:
        times, frames = self._seen.times, self._frames
        before = np.clip(np.searchsorted(times, moments, "right") - 1, 0, frames - 1)
        after = np.clip(np.searchsorted(times, moments, "left"), 0, frames - 1)
        first_block = int(before[0]) // _BLOCK
        last_block = int(after[-1]) // _BLOCK + 1
        start, stop = first_block * _BLOCK, min(last_block * _BLOCK, frames)

        seen = self._seen.confidence[start:stop] > 0
        index = np.arange(start, stop, dtype=np.int32)[:, None]
        previous = np.where(seen, index, self._last[first_block])
        np.maximum.accumulate(previous, axis=0, out=previous)
        following = np.where(seen, index, self._first[last_block])[::-1]
        following = np.minimum.accumulate(following, axis=0)[::-1]

        left, right = previous[before - start], following[after - start]
        has_left, has_right = left >= 0, right < frames
        # Where one side is absent, the other side's observation is held.
        left, right = (
            np.where(has_left, left, np.where(has_right, right, 0)),
            np.where(has_right, right, np.where(has_left, left, 0)),
        )
        since = moments[:, None] - times[left]
        until = times[right] - moments[:, None]
        span = times[right] - times[left]
        share = np.divide(since, span, out=np.zeros_like(since), where=span > 0)
        share = share.astype(np.float32)

        joint = np.arange(seen.shape[1])
        positions, confidence = self._seen.positions, self._seen.confidence
        bridged = positions[left, joint] * (1 - share)[..., None]
        bridged += positions[right, joint] * share[..., None]
        sureness = confidence[left, joint] * (1 - share) + confidence[right, joint] * share
        age = np.minimum(np.abs(since), np.abs(until))
        age[~(has_left | has_right)] = np.inf
        neighbours = Neighbours(
            before, after, left, right, has_left, has_right, np.array([0]), np.array([frames - 1])
        )
        return Bridged(bridged, age.astype(np.float32), sureness), neighbours


def curves(
    positions: NDArray[np.float32],
    confidence: NDArray,
    times: NDArray[np.float64],
    moments: NDArray[np.float64],
    near: Neighbours,
    span: NDArray[np.integer],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How joints move in their holes, beyond the straight line in the picture; (n, 28, 2) each.

    First the drift: what to add for the straight line to be one beside the trunk, which moves
    meanwhile. Then the curve: what to add to that for the joint to leave the hole's one edge and
    reach the other with the velocities that it has there (a cubic Hermite spline), or to coast from
    the edge where there is only one. Both are 0 where a joint is seen, or never seen.

    positions (F, 28, 2), confidence (F, 28; above 0 where seen), times (F,): the observation.
    ``span`` (n,) is the number of frames over which a velocity is taken.
    """
    drifts, bends = np.zeros((2, *near.left.shape, 2), np.float32)
    ever = near.has_left | near.has_right
    row, joint = np.nonzero(ever & (times[near.left] != moments[:, None]))
    left, right = near.left[row, joint], near.right[row, joint]
    moment, corners = moments[row], np.array(TRUNK)
    before, after = near.before[row], near.after[row]
    first, last = (np.broadcast_to(end, moments.shape)[row] for end in (near.first, near.last))
    # The corners that can be compared: seen now and at both edges of the joint's own hole.
    usable = corners != joint[:, None]
    for frame in (before, after, left, right):
        usable = usable & (confidence[frame[:, None], corners] > 0)
    weight = usable / np.maximum(usable.sum(axis=1, keepdims=True), 1).astype(np.float32)

    def trunk(frame: NDArray) -> NDArray:
        return np.einsum("mc,mcd->md", weight, positions[frame[:, None], corners])

    s = _share(times, left, right, moment)[:, None]
    share = _share(times, before, after, moment)[:, None]
    at_left, at_right = trunk(left), trunk(right)
    now = (1 - share) * trunk(before) + share * trunk(after)
    drifts[row, joint] = now - (1 - s) * at_left - s * at_right

    def velocity(frame: NDArray, direction: int) -> NDArray:
        """Beside the trunk, from the frames before (-1) or after (+1) the hole's edge."""
        result, found = np.zeros((len(frame), 2)), np.zeros(len(frame), bool)
        for back in (span[row], 1):
            other = frame + direction * back
            inside = (other >= first) & (other <= last)
            other = np.where(inside, other, frame)
            # All corners that carry the joint must be there as well, or the change isn't its own.
            whole = ((confidence[other[:, None], corners] > 0) | ~usable).all(axis=1)
            pick = ~found & inside & whole & (confidence[other, joint] > 0)
            time = np.where(pick, times[other] - times[frame], 1.0)[:, None]
            change = positions[other, joint] - positions[frame, joint]
            change = change - trunk(other) + trunk(frame)
            result = np.where(pick[:, None], change / time, result)
            found |= pick
        return result

    leaving, coming = velocity(left, -1), velocity(right, 1)
    step = positions[right, joint] - at_right - positions[left, joint] + at_left
    push = np.minimum(times[right] - times[left], _LONGEST_PUSH)[:, None]
    curve = (3 * s**2 - 2 * s**3 - s) * step
    curve = curve + push * ((s**3 - 2 * s**2 + s) * leaving + (s**3 - s**2) * coming)
    since = np.maximum(moment - times[left], 0)[:, None]
    until = np.maximum(times[right] - moment, 0)[:, None]
    coasting = _COASTING * (1 - np.exp(-since / _COASTING)) * leaving
    coasting = coasting - _COASTING * (1 - np.exp(-until / _COASTING)) * coming
    both = (near.has_left & near.has_right)[row, joint, None]
    bends[row, joint] = np.where(both, curve, coasting)
    return drifts, bends


def _share(times: NDArray, low: NDArray, high: NDArray, moments: NDArray) -> NDArray:
    span = times[high] - times[low]
    return np.divide(moments - times[low], span, out=np.zeros(span.shape), where=span > 0)
