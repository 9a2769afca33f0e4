"""Joint trajectories with their holes bridged linearly in time.

Works block by block, so that a clip of any length needs the same memory beyond its own arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..keypoints.track import Observation

_BLOCK = 256  # frames between the entries of the look-up tables


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
        return Bridged(bridged, age.astype(np.float32), sureness)
