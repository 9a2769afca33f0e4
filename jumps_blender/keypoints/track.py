"""PoseTrack: one person's 2D keypoints over time, as an estimator wrote them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..skeletons import COMMON12, JOINTS, JointSet
from .missing import IMPORTED, Missing, missing_joints, sureness
from .missing import MIN_CONFIDENCE as MIN_CONFIDENCE


class PoseFileError(JumpsError):
    """A pose file that cannot be read: which file, where in it, and what to do."""


@dataclass(frozen=True)
class PoseTrack:
    """One person in one pose file. F frames without holes in their numbering, K joints.

    joint_set: the K joints and their map to the 28
    positions: float32 (F, K, 2), pixels of the source, x right, y down; 0 where missing
    confidence: float32 (F, K) in [0, 1]; 0 exactly where the joint is missing
    frames: int64 (F,), the source's frame numbers, consecutive
    times: float64 (F,), seconds from the source's frame 0, strictly increasing
    fps: frames per second of the source, None where the file doesn't tell (times then assume 30)
    image_size: (width, height) in pixels, None where the file doesn't tell
    person: the file's id of the person, or the number that tracking gave
    missing: what counts as missing as the file wants it; None where it doesn't say
    """

    joint_set: JointSet
    positions: NDArray[np.float32]
    confidence: NDArray[np.float32]
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    fps: float | None
    image_size: tuple[int, int] | None
    person: str
    source: str
    format: str
    missing: Missing | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """bool (F, K): the joint was found in that frame, as far as the file says."""
        if self.missing is not None:
            return ~missing_joints(self, self.missing)
        return self.confidence > 0

    @property
    def observed_joint_frames(self) -> int:
        """How many of the 12 common joints were found, summed over the frames."""
        return int(np.count_nonzero(self.present[:, self.joint_set.common_columns()]))

    @property
    def missing_share(self) -> float:
        """Share in [0, 1] of the 12 common joints' frames in which the joint is missing."""
        return 1.0 - self.observed_joint_frames / (len(COMMON12) * len(self.frames))


@dataclass(frozen=True)
class Observation:
    """What is known of the 28 joints: an engine's input.

    positions: float32 (F, 28, 2), pixels, x right, y down; 0 where not observed
    confidence: float32 (F, 28) in [0, 1]; 0 exactly where not observed
    tracked: bool (28,), joints that the source's joint set has at all
    times: float64 (F,), seconds, strictly increasing
    """

    positions: NDArray[np.float32]
    confidence: NDArray[np.float32]
    tracked: NDArray[np.bool_]
    times: NDArray[np.float64]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool (F, 28): observed."""
        return self.confidence > 0


def observe(
    track: PoseTrack,
    min_confidence: float | None = None,
    *,
    shaking: float | None = None,
    edge: float | None = None,
    dilation: int | None = None,
) -> Observation:
    """Map a track's joints to the 28 and drop those that count as missing (see ``Missing``).

    min_confidence, shaking, edge, dilation: None is as the file wants it, or as usual where it
        doesn't say

    A target joint that is the mean of several source joints is observed where all of them are;
    its confidence is the least of theirs. Raises JumpsError when nothing usable is left.
    """
    wanted = track.missing or IMPORTED
    rule = Missing(
        wanted.min_confidence if min_confidence is None else min_confidence,
        wanted.shaking if shaking is None else shaking,
        wanted.edge if edge is None else edge,
        wanted.dilation if dilation is None else dilation,
    )
    missing, sure = missing_joints(track, rule), sureness(track, rule.shaking)
    frames = len(track.frames)
    positions = np.zeros((frames, len(JOINTS), 2), np.float32)
    confidence = np.zeros((frames, len(JOINTS)), np.float32)
    tracked = np.zeros(len(JOINTS), bool)
    for joint, sources in track.joint_set.target_sources().items():
        columns = list(sources)
        tracked[joint] = True
        least = sure[:, columns].min(axis=1)
        seen = ~missing[:, columns].any(axis=1)
        # The mean in double precision: two large float32 coordinates may overflow when added.
        mean = track.positions[:, columns].mean(axis=1, dtype=np.float64)
        positions[seen, joint] = mean[seen]
        confidence[seen, joint] = least[seen]
    if not confidence.any():
        raise JumpsError(
            f"{track.source}: person {track.person} has no usable joint "
            f"(confidence at least {rule.min_confidence:g}); lower the limit or pick another "
            "person."
        )
    return Observation(positions, confidence, tracked, track.times)
