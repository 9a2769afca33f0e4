"""Which joints of a track count as missing, although an estimator has put them somewhere.

Estimators give every joint a place, seen or not, and are surer than they should be. What tells
more than their own scores: a joint that is made up has no picture to hold on to, and shakes from
frame to frame. Measured with limbs that were painted over (docs/video.md). No limit is right for
every clip: people can look at the effect of each of these and change it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .track import PoseTrack

# OpenPose itself neither draws nor uses a joint below this confidence (--render_threshold).
MIN_CONFIDENCE = 0.05
MOST_SHAKING, MOST_EDGE, MOST_DILATION = 100.0, 0.5, 1000
# Differences of this order leave noise and take motion away, also fast arms' at 24 frames a second.
_ORDER = 3
_AROUND = 0.15  # seconds,
_MOST_AROUND = 64  # frames, and no more: 0.15 s of 427 frames per second
# Shares of a person's size: no body is so still that less than this would be shaking.
_STILL = 0.002
_PIECE = 10_000  # frames


@dataclass(frozen=True)
class Missing:
    """What counts as missing beside what a file has no place for.

    min_confidence: joints that are less sure than it (see ``sureness``)
    shaking: how many times more than the body a joint shakes that is 0.5 sure; 0 doesn't look
    edge: share of the picture's width and height: joints that are so near to its edge, or beyond
    dilation: frames before and after those in which a joint is missing
    """

    min_confidence: float = MIN_CONFIDENCE
    shaking: float = 0.0
    edge: float = 0.0
    dilation: int = 0

    def as_data(self) -> dict[str, float]:
        """For JSON; ``missing_from`` is the way back."""
        return asdict(self)


# What other estimators' files are read with, and what is written into files of our own.
IMPORTED = Missing()
ESTIMATED = Missing(min_confidence=0.5, shaking=2.5, edge=0.01)


def missing_from(data: Any) -> Missing | None:
    """What a file says of it; None where that makes no sense. What it leaves out is as usual."""
    if not isinstance(data, Mapping):
        return None
    values = {**IMPORTED.as_data(), **data}
    limits = {
        "min_confidence": 1.0,
        "shaking": MOST_SHAKING,
        "edge": MOST_EDGE,
        "dilation": MOST_DILATION,
    }
    for name, most in limits.items():
        value = values[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 <= value <= most):  # which nothing is that isn't finite
            return None
    if values["dilation"] != int(values["dilation"]) or 0 < values["shaking"] <= 1:
        return None
    return Missing(
        min_confidence=float(values["min_confidence"]),
        shaking=float(values["shaking"]),
        edge=float(values["edge"]),
        dilation=int(values["dilation"]),
    )


def missing_joints(track: PoseTrack, rule: Missing) -> NDArray[np.bool_]:
    """bool (F, K): joints that count as missing by all of a rule, and those that have no place."""
    sure = sureness(track, rule.shaking)
    missing = (sure <= 0) | (sure < rule.min_confidence) | at_edge(track, rule.edge)
    return dilated(missing, rule.dilation)


def sureness(track: PoseTrack, shaking: float = 0.0) -> NDArray[np.float32]:
    """float32 (F, K) in [0, 1]: the file's confidence, or how steady a joint is, if that is less.

    A joint that shakes like the body is 1 steady, one that shakes ``shaking`` times more 0.5, and
    one that shakes so many times more again 0. With 0 only the confidence counts.
    """
    return track.confidence if shaking <= 1 else steadied(track.confidence, unrest(track), shaking)


def steadied(
    confidence: NDArray[np.float32], unrest: NDArray[np.float32], shaking: float
) -> NDArray[np.float32]:
    """``sureness`` of joints whose confidence and unrest are known, any shape; shaking above 1."""
    steady = np.clip(1 - unrest * (0.5 / math.log(shaking)), 0.0, 1.0)
    return np.minimum(confidence, steady).astype(np.float32)


def unrest(track: PoseTrack) -> NDArray[np.float32]:
    """float32 (F, K): how many times more than the body a joint shakes, as a natural logarithm.

    0 also where it shakes less or nothing can be told: stretches that are too short tell nothing.
    """
    shakes = _shaking(track)
    common = track.joint_set.common_columns()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames without a body
        body = np.nanmedian(shakes[:, common], axis=1, keepdims=True)
    body = np.fmax(body, _STILL * body_size(track.positions, track.confidence > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.log(shakes / body)
    return np.where(np.isfinite(shakes), np.maximum(more, 0.0), 0.0).astype(np.float32)


def _shaking(track: PoseTrack) -> NDArray[np.float64]:
    """Pixels by which each joint is off what its neighbours in time tell; NaN where unknown.

    float64 (F, K): differences of the third order, scaled to be one frame's own noise; their median
    over some frames before, or over some after, whichever is less, so that a joint is calm up to
    the frame in which it is hidden.
    """
    present = track.confidence > 0
    places = np.where(present[..., None], track.positions.astype(np.float64), np.nan)
    frames = len(places)
    off = np.full(present.shape, np.nan)
    if frames <= _ORDER:
        return off
    weights = [(-1) ** k * math.comb(_ORDER, k) for k in range(_ORDER + 1)]
    difference = sum(
        weight * places[k : frames - _ORDER + k] for k, weight in enumerate(weights)
    ) / math.sqrt(sum(weight**2 for weight in weights))
    off[_ORDER // 2 : frames - (_ORDER + 1) // 2] = np.linalg.norm(difference, axis=2)
    reach = round(_AROUND / float(np.median(np.diff(track.times))))
    reach = min(max(2, reach), _MOST_AROUND, frames)
    padded = np.pad(off, ((reach, reach), (0, 0)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach + 1, axis=0)
    medians = np.empty((len(windows), off.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # windows of nothing
        # In pieces: the windows are many times the track.
        for start in range(0, len(windows), _PIECE):
            piece = slice(start, start + _PIECE)
            medians[piece] = np.nanmedian(windows[piece], axis=2)
    result = np.fmin(medians[:frames], medians[reach:])
    result[~present] = np.nan
    return result


def body_size(positions: NDArray[np.float32], seen: NDArray[np.bool_]) -> float:
    """The diagonal of the box around a body in most frames, in pixels; 1 where it is never seen.

    positions: (F, K, 2); seen: (F, K)
    """
    frames = seen.any(axis=1)
    high = np.where(seen[..., None], positions, -np.inf).max(axis=1)[frames]
    low = np.where(seen[..., None], positions, np.inf).min(axis=1)[frames]
    diagonal = np.linalg.norm((high - low).astype(float), axis=1)
    return max(float(np.median(diagonal)), 1e-6) if len(diagonal) else 1.0


def at_edge(track: PoseTrack, edge: float) -> NDArray[np.bool_]:
    """bool (F, K): joints within a share of the picture's size from its edge, or beyond it.

    None where the share is 0 or the picture's size isn't known.
    """
    if edge <= 0 or track.image_size is None:
        return np.zeros(track.confidence.shape, bool)
    size = np.array(track.image_size, np.float64)
    margin = edge * size
    inside = (track.positions >= margin) & (track.positions <= size - margin)
    return ~inside.all(axis=2)


def dilated(missing: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """bool (F, K): True also ``frames`` before and after where (F, K) is."""
    if frames <= 0 or not len(missing):
        return missing
    # How many are missing in the frames up to each, and so within any window.
    total = np.concatenate([np.zeros_like(missing[:1], int), np.cumsum(missing, axis=0)])
    rows = np.arange(len(missing))
    last = np.minimum(rows + frames + 1, len(missing))
    return total[last] > total[np.maximum(rows - frames, 0)]
