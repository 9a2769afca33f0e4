"""From an engine's estimate to what the user gets: observed joints put back, joined smoothly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..keypoints.sequence import JointState
from ..keypoints.track import Observation
from .features import SPREAD_TO_UNIT, TRUNK

_REACH = 0.5  # seconds over which a hole's edge is eased into the estimate
_CHUNK = 1024  # frames
_SMOOTHING = 0.25  # seconds to each side that a denoised joint's path is fitted over
# How far an observed joint may move when denoising, for each part of confidence that it lacks to 1,
# as a share of the body's height.
_FREEDOM = 3.0


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

    ``denoise`` instead moves an observed joint toward the estimate, smoothed over time, by no more
    than its confidence leaves free: a joint of confidence 1 stays, one of 0.99 may move by three
    hundredths of the body's height, an unsure one wherever the estimate is.
    """
    times, frames = observation.times, len(observation.times)
    raw_tail = positions[:0]  # the estimate just before the chunk, already replaced in positions
    for start in range(0, frames, _CHUNK):
        stop = min(start + _CHUNK, frames)
        first = min(int(np.searchsorted(times, times[start] - _REACH)), start)
        last = min(int(np.searchsorted(times, times[stop - 1] + _REACH, "right")), frames)
        first = max(first, start - len(raw_tail))
        raw = np.concatenate([raw_tail[len(raw_tail) - (start - first) :], positions[start:last]])
        keep = max(int(np.searchsorted(times, times[stop - 1] - _REACH)), first)
        raw_tail = raw[keep - first : stop - first]
        seen = observation.confidence[first:last] > 0
        moments = times[first:last]
        if denoise:
            raw = _smoothed(raw, moments)
        error = np.where(seen[..., None], observation.positions[first:last] - raw, 0.0)
        if denoise:
            free = _FREEDOM * (1 - np.minimum(observation.confidence[first:last], 1))
            free = free * _heights(raw)
            distance = np.maximum(np.linalg.norm(error, axis=-1), 1e-9)
            error *= np.maximum(1 - free / distance, 0)[..., None]
        eased = raw + error + _edge_corrections(error, seen, moments)
        positions[start:stop] = eased[start - first : stop - first]
        # Exactly as they came: adding and subtracting the estimate rounds.
        confidence = observation.confidence[start:stop, :, None]
        kept = confidence >= 1 if denoise else confidence > 0
        np.copyto(positions[start:stop], observation.positions[start:stop], where=kept)


def _smoothed(positions: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.float32]:
    """Each frame of (n, 28, 2) on the parabola fitted to its neighbours in time.

    Savitzky and Golay 1964, with a bell-shaped weight and for uneven times.
    """
    n = len(moments)
    if n < 5:
        return positions
    duration = float(np.median(np.diff(moments)))
    half = min(max(round(_SMOOTHING / duration), 2), (n - 1) // 2)
    index = np.clip(np.arange(n)[:, None] + np.arange(-half, half + 1), 0, n - 1)
    t = (moments[index] - moments[:, None]) / (_SMOOTHING + duration)
    weight = np.clip(1 - t**2, 0, None) ** 2
    # A neighbour beyond the clip's ends stands for none.
    weight[:, :half][index[:, :half] == index[:, 1 : half + 1]] = 0
    weight[:, half + 1 :][index[:, half + 1 :] == index[:, half:-1]] = 0
    powers = np.stack([t**0, t, t**2], axis=-1)
    gram = np.einsum("nk,nki,nkj->nij", weight, powers, powers) + 1e-9 * np.eye(3)
    kernel = np.linalg.solve(gram, (weight[..., None] * powers).transpose(0, 2, 1))[:, 0]
    result = np.zeros_like(positions)
    for step in range(index.shape[1]):
        share = kernel[:, step].astype(np.float32)[:, None, None]
        result += share * positions[index[:, step]]
    return result


def _heights(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 1): about a body's height, pixels, from its trunk; the unit of ``features.locate``."""
    trunk = positions[:, TRUNK]
    squared = ((trunk - trunk.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1)
    return SPREAD_TO_UNIT * np.sqrt(squared.mean(axis=1, keepdims=True))


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
