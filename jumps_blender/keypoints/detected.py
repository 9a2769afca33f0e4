"""A track that is asked again and again what of it counts as missing, as while a slider moves.

The answers are those of ``missing_joints``; what doesn't depend on the rule is found once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..skeletons import COMMON12, JOINTS, joint_index
from .missing import Missing, steadied
from .pose_file import ASSUMED_FPS
from .track import PoseTrack

_PARTS = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"), ("shoulder", "hip")),
    *(("hip", "knee"), ("knee", "ankle"), ("ankle", "toe")),
)
_PAIRS = [
    *(("l_shoulder", "r_shoulder"), ("l_hip", "r_hip")),
    *((f"{side}_{a}", f"{side}_{b}") for side in "lr" for a, b in _PARTS),
]
# What lines are drawn between, among the 28: detectors have no joints in between.
STARTS, ENDS = np.array([[joint_index(name) for name in pair] for pair in _PAIRS]).T


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

    inside: float32 (F, K); see ``inside``; unrest: float32 (F, K); see ``missing.unrest``
    """

    track: PoseTrack
    inside: NDArray[np.float32]
    unrest: NDArray[np.float32]

    def at(self, frame: int, rule: Missing) -> Sighting:
        """What was detected in one of its frames, counted from 0."""
        first = max(frame - rule.dilation, 0)
        near = slice(first, frame + rule.dilation + 1)
        known = (self.track.confidence, self.inside, self.unrest)
        lost = _missing(rule, *(values[near] for values in known))[frame - first]
        (places,), (found,) = self.places(np.array([frame]))
        return Sighting(places, found, found & (self._sources[0] & lost).any(axis=1))

    def near(self, time: float) -> int | None:
        """The frame, from 0, that is nearest to a time in seconds; None outside the track."""
        times = self.track.times
        half = 0.5 / (self.track.fps or ASSUMED_FPS) + 1e-6
        if not times[0] - half <= time <= times[-1] + half:
            return None
        after = min(int(np.searchsorted(times, time)), len(times) - 1)
        before = max(after - 1, 0)
        return before if time - times[before] < times[after] - time else after

    def places(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Places (n, 28, 2) in some frames, in pixels, and bool (n, 28), which there are."""
        is_source, weights = self._sources
        lost = (self.track.confidence[frames] <= 0)[:, None] & is_source
        found = weights.any(axis=1) & ~lost.any(axis=2)
        return np.where(found[..., None], weights @ self.track.positions[frames], 0.0), found

    def missing_share(self, rule: Missing) -> float:
        """Share in [0, 1] of the 12 common joints' frames in which the joint is missing."""
        return float(1 - np.count_nonzero(~_missing(rule, *self._common)) / self._of)

    @property
    def _of(self) -> int:
        return len(COMMON12) * len(self.track.frames)

    @cached_property
    def _common(self) -> tuple[NDArray[np.float32], ...]:
        """Confidence, ``inside`` and ``unrest`` of those of the 12 common joints that there are."""
        columns = self.track.joint_set.common_columns()
        return tuple(x[:, columns] for x in (self.track.confidence, self.inside, self.unrest))

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


def distances(
    point: NDArray[np.float64], places: NDArray[np.float64], sightings: Sequence[Sighting]
) -> NDArray[np.float64]:
    """(P,) how far each person's bones and joints are from a point (2,); infinite for nobody seen.

    places: (P, 28, 2), the sightings' on the screen
    """
    found = np.array([each.found for each in sightings])
    start, end = places[:, STARTS], places[:, ENDS]
    along = end - start
    squared = np.maximum((along**2).sum(axis=-1), 1e-12)
    share = np.clip(((point - start) * along).sum(axis=-1) / squared, 0.0, 1.0)
    away = np.linalg.norm(start + share[..., None] * along - point, axis=-1)
    away[~(found[:, STARTS] & found[:, ENDS])] = np.inf
    single = np.linalg.norm(places - point, axis=-1)
    single[~found] = np.inf
    return np.asarray(np.minimum(away.min(axis=1), single.min(axis=1)))


def _missing(
    rule: Missing,
    confidence: NDArray[np.float32],
    inside: NDArray[np.float32],
    unrest: NDArray[np.float32],
) -> NDArray[np.bool_]:
    sure = steadied(confidence, unrest, rule.shaking) if rule.shaking > 1 else confidence
    missing = (sure <= 0) | (sure < rule.min_confidence)
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
