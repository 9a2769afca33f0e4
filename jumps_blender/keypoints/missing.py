"""Which joints of a track count as missing, although an estimator has put them somewhere.

Estimators give every joint a place, seen or not, and are surer than they should be: no limit is
right for every clip, and people can look at the effect of each of these and change it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .track import PoseTrack

# OpenPose itself neither draws nor uses a joint below this confidence (--render_threshold).
MIN_CONFIDENCE = 0.05
MOST_EDGE, MOST_DILATION = 0.5, 1000


@dataclass(frozen=True)
class Missing:
    """What counts as missing beside what a file has no place for.

    min_confidence: joints below it
    edge: share of the picture's width and height: joints that are so near to its edge, or beyond
    dilation: frames before and after those in which a joint is missing
    """

    min_confidence: float = MIN_CONFIDENCE
    edge: float = 0.0
    dilation: int = 0

    def as_data(self) -> dict[str, float]:
        """For JSON; ``missing_from`` is the way back."""
        return asdict(self)


# What other estimators' files are read with, and what is written into files of our own.
IMPORTED = Missing()
ESTIMATED = Missing(min_confidence=0.5, edge=0.01)


def missing_from(data: Any) -> Missing | None:
    """What a file says of it; None where that makes no sense. What it leaves out is as usual."""
    if not isinstance(data, Mapping):
        return None
    values = {**IMPORTED.as_data(), **data}
    limits = {"min_confidence": 1.0, "edge": MOST_EDGE, "dilation": MOST_DILATION}
    for name, most in limits.items():
        value = values[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and 0 <= value <= most):
            return None
    dilation = values["dilation"]
    if dilation != int(dilation):
        return None
    return Missing(float(values["min_confidence"]), float(values["edge"]), int(dilation))


def missing_joints(track: PoseTrack, rule: Missing) -> NDArray[np.bool_]:
    """bool (F, K): joints that count as missing by all of a rule, and those that have no place."""
    missing = unsure(track, rule.min_confidence) | at_edge(track, rule.edge)
    return dilated(missing, rule.dilation)


def unsure(track: PoseTrack, min_confidence: float) -> NDArray[np.bool_]:
    """bool (F, K): joints below a confidence, and those that have no place."""
    return (track.confidence <= 0) | (track.confidence < min_confidence)


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
