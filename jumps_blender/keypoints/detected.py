"""A track that is asked again and again what of it counts as missing, as while a slider moves.

The answers are those of ``missing_joints``; what doesn't depend on the rule is found once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..skeletons import COMMON12, JOINTS
from .missing import Missing
from .track import PoseTrack


@dataclass(frozen=True)
class Sighting:
    """A person in one frame: the joints that the detector has of the 28.

    places: float64 (28, 2), pixels of the picture; 0 where there is none
    found: bool (28,), which have a place; missing: bool (28,), which of these count as missing
    """

    places: NDArray[np.float64]
    found: NDArray[np.bool_]
    missing: NDArray[np.bool_]


@dataclass(frozen=True)
class Detected:
    """One person as the detector saw her, F frames with K joints of its joint set.

    inside: float32 (F, K); see ``inside``
    """

    track: PoseTrack
    inside: NDArray[np.float32]

    def at(self, frame: int, rule: Missing) -> Sighting:
        """What was detected in one of its frames, counted from 0."""
        first = max(frame - rule.dilation, 0)
        near = slice(first, frame + rule.dilation + 1)
        lost = _missing(self.track.confidence[near], self.inside[near], rule)[frame - first]
        is_source, weights = self._sources
        found = weights.any(axis=1) & ~(is_source & (self.track.confidence[frame] <= 0)).any(axis=1)
        places = np.where(found[:, None], weights @ self.track.positions[frame], 0.0)
        return Sighting(places, found, found & (is_source & lost).any(axis=1))

    def missing_share(self, rule: Missing) -> float:
        """Share in [0, 1] of the 12 common joints' frames in which the joint is missing."""
        return float(1 - np.count_nonzero(~_missing(*self._common, rule)) / self._of)

    @property
    def _of(self) -> int:
        return len(COMMON12) * len(self.track.frames)

    @cached_property
    def _common(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Confidence and ``inside`` of those of the 12 common joints that the detector has."""
        given = self.track.joint_set.target_sources()
        columns = [given[joint][0] for joint in COMMON12 if joint in given]
        return self.track.confidence[:, columns], self.inside[:, columns]

    @cached_property
    def _sources(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """bool (28, K), which of its joints are a joint's sources, and their shares in the mean."""
        is_source = np.zeros((len(JOINTS), self.track.confidence.shape[1]), bool)
        for joint, sources in self.track.joint_set.target_sources().items():
            is_source[joint, list(sources)] = True
        return is_source, is_source / np.maximum(is_source.sum(axis=1, keepdims=True), 1)


def inside(track: PoseTrack) -> NDArray[np.float32]:
    """float32 (F, K): how far a joint is from the picture's nearest edge, as a share of its size.

    Negative beyond the edge; infinite where the picture's size isn't known.
    """
    if track.image_size is None:
        return np.full(track.confidence.shape, np.inf, np.float32)
    share = track.positions / np.array(track.image_size, np.float32)
    return np.asarray(np.minimum(share, 1 - share).min(axis=2))


def _missing(
    confidence: NDArray[np.float32], inside: NDArray[np.float32], rule: Missing
) -> NDArray[np.bool_]:
    missing = (confidence <= 0) | (confidence < rule.min_confidence)
    if rule.edge > 0:
        missing |= inside < rule.edge
    # As ``missing.dilated``, by doubling: fast where a few frames are asked for, as usual.
    reached, wanted = 0, min(rule.dilation, len(missing))
    while reached < wanted:
        step = min(reached + 1, wanted - reached)
        wider = missing.copy()
        wider[step:] |= missing[:-step]
        wider[:-step] |= missing[step:]
        missing, reached = wider, reached + step
    return missing
