"""From an engine's estimate to what the user gets: observed joints put back, joined smoothly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..keypoints.sequence import JointState
from ..keypoints.track import Observation

_REACH = 0.5  # seconds over which a hole's edge is eased into the estimate
_CHUNK = 1024  # frames


def joint_states(observation: Observation) -> NDArray[np.int8]:
    """int8 (F, 28): JointState of each joint and frame."""
    observed, inpainted, upsampled = (np.int8(state) for state in JointState)
    unseen = np.where(observation.tracked, inpainted, upsampled)
    return np.where(observation.mask, observed, unseen)


def put_back(
    observation: Observation, positions: NDArray[np.float32], denoise: bool = False
) -> None:
    """Replace observed joints in an estimate (F, 28, 2) by the observations, in place.

    In a hole, the estimate's error at the hole's two edges is taken out of it, fading over half a
    second or the hole's length, so that a joint neither jumps when it is lost nor when it is found.

    ``denoise`` instead moves an observed joint toward the estimate by the share that its
    confidence lacks to 1.
    """
    times, frames = observation.times, len(observation.times)
    raw_tail = positions[:0]  # the estimate just before the chunk, already replaced in positions
    for start in range(0, frames, _CHUNK):
        stop = min(start + _CHUNK, frames)
        first = min(int(np.searchsorted(times, times[start] - _REACH)), start)
        last = min(int(np.searchsorted(times, times[stop - 1] + _REACH, "right")), frames)
        first = max(first, start - len(raw_tail))
        raw = np.concatenate([raw_tail[len(raw_tail) - (start - first) :], positions[start:last]])
        seen = observation.confidence[first:last] > 0
        moments = times[first:last]
        error = np.where(seen[..., None], observation.positions[first:last] - raw, 0.0)
        if denoise:
            error *= observation.confidence[first:last, :, None]
        eased = raw + error + _edge_corrections(error, seen, moments)
        keep = max(int(np.searchsorted(times, times[stop - 1] - _REACH)), first)
        raw_tail = raw[keep - first : stop - first]
        positions[start:stop] = eased[start - first : stop - first]
        if denoise:
            continue
        # Exactly as they came: adding and subtracting the estimate rounds.
        np.copyto(
            positions[start:stop],
            observation.positions[start:stop],
            where=observation.confidence[start:stop, :, None] > 0,
        )


def _edge_corrections(
    error: NDArray[np.float32], seen: NDArray[np.bool_], moments: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What to add to an estimate in its holes, (n, 28, 2), given its error where it is seen."""
    n = len(moments)
    index = np.arange(n)[:, None]
    left = np.maximum.accumulate(np.where(seen, index, -1), axis=0)
    right = np.minimum.accumulate(np.where(seen, index, n)[::-1], axis=0)[::-1]
    has_left, has_right = left >= 0, right < n
    low, high = np.where(has_left, left, 0), np.where(has_right, right, 0)
    span = np.where(has_left & has_right, moments[high] - moments[low], np.inf)
    fade = np.maximum(np.minimum(span, _REACH), 1e-9)
    after = np.where(has_left, 1 - (moments[:, None] - moments[low]) / fade, 0)
    before = np.where(has_right, 1 - (moments[high] - moments[:, None]) / fade, 0)
    joint = np.arange(seen.shape[1])
    correction = error[low, joint] * np.clip(after, 0, 1)[..., None]
    correction += error[high, joint] * np.clip(before, 0, 1)[..., None]
    return np.where(seen[..., None], 0, correction).astype(np.float32)
