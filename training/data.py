"""Training samples for engine ``direct``: mocap through random cameras, spoilt at random.

Every sample is a window of a clip at a random frame rate, mirrored or not, on another's body,
seen by a random static camera; of its joints some are given, with holes, detector noise, swaps and
shifted definitions; the target is always the whole, clean skeleton.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import features, gaps
from jumps_blender.model_runtime.cameras import FOCAL, head_size_px
from jumps_blender.model_runtime.detector_noise import detect
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12, joint_index

from .motion import MotionSettings, MotionStream, round_about

# Whole subjects of the CMU archive kept from training for choosing between models: walks, runs,
# acrobatics, ballet, household actions and martial arts, about a tenth of the minutes.
VALIDATION_SUBJECTS = frozenset({"cmu_02", "cmu_08", "cmu_10", "cmu_49", "cmu_55", "cmu_131"})

_LIMBS = [
    [joint_index(f"{side}_{part}") for part in parts]
    for side in ("l", "r")
    for parts in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot", "toe"))
]
_EXTRAS = [
    [joint_index("l_toe"), joint_index("r_toe")],
    [joint_index("l_hand"), joint_index("r_hand")],
    [joint_index("head_top")],
]


@dataclass(frozen=True)
class SampleSettings(MotionSettings):
    """How samples are drawn; the defaults are those of the committed weights."""

    clean_share: float = 0.4  # all given joints seen exactly, as in the protocol's Table I
    noisy_share: float = 0.3  # a detector's noise, and holes; the rest are exact, with holes
    hole_weight: float = 3.0  # of joint-frames in holes of the 12 common joints; others count 1


@dataclass(frozen=True)
class Batch:
    """Network input and target for B samples of T frames, in body units (see features.py).

    features: float32 (B, T, FEATURES)
    inside: float32 (B, T, 1), 0 beyond a short clip's end
    base: float32 (B, T, 28, 2), what the network's offsets are added to
    target: float32 (B, T, 28, 2)
    weight: float32 (B, T, 28), 0 for joints that were not measured and frames beyond the end,
        above 1 in holes
    head: float32 (B, T, 1), the head's size
    """

    features: NDArray[np.float32]
    inside: NDArray[np.float32]
    base: NDArray[np.float32]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]
    head: NDArray[np.float32]


def split(archive: MocapArchive) -> tuple[list[int], list[int]]:
    """Clip numbers to train on, and to choose by.

    Kept back are the CMU archive's fixed subjects, or else whole subjects that hold about a tenth
    of the frames (clips, where there is one person), always the same for the same names.
    Raises JumpsError for an archive of one clip.
    """
    names = archive.subjects
    held = VALIDATION_SUBJECTS & set(names)
    if not held:
        if len(set(names)) == 1:
            names = archive.clip_ids
        frames: Counter[str] = Counter()
        for name, length in zip(names, archive.lengths, strict=True):
            frames[name] += int(length)
        if len(frames) == 1:
            raise JumpsError(f"{archive.path}: holds one clip; some must be kept for choosing.")
        kept, enough = 0, 0.1 * frames.total()
        for name in sorted(frames, key=lambda name: zlib.crc32(name.encode()))[:-1]:
            if kept < enough:
                held, kept = held | {name}, kept + frames[name]
    numbers = range(len(names))
    return [i for i in numbers if names[i] not in held], [i for i in numbers if names[i] in held]


def sample(archive: MocapArchive, frames: int, clips: Sequence[int] | None = None) -> list[int]:
    """Clips for engines that take long: of each subject the shortest ones, up to ``frames``.

    Frames are counted at 30 per second. A clip has at least 60, so that something can be hidden in
    it for 48; a subject always has one clip where it has any of that length. ``clips`` are the
    numbers to choose from; None stands for all.
    """
    lengths = archive.lengths * (30 / archive.fps)
    allowed = range(len(archive)) if clips is None else clips
    chosen: list[int] = []
    for subject in dict.fromkeys(archive.subjects):
        own = [n for n in allowed if archive.subjects[n] == subject and lengths[n] >= 60]
        own.sort(key=lambda number: lengths[number])
        fitting = np.cumsum(lengths[own]) <= frames
        chosen += own[: max(int(fitting.sum()), 1)]
    return chosen


def described(archive: MocapArchive) -> dict:
    """What a run keeps about its archive, for the card of its weights."""
    return {
        "archive": str(archive.path),
        "cmu": any(subject.startswith("cmu_") for subject in archive.subjects),
        "validation": sorted({archive.subjects[number] for number in split(archive)[1]}),
    }


class SampleStream:
    """Endless random batches from some subjects of an archive."""

    def __init__(
        self,
        archive: MocapArchive,
        clips: list[int],
        settings: SampleSettings,
        seed: int,
    ) -> None:
        self.settings = settings
        self._rng = np.random.default_rng(seed)
        self._motions = MotionStream(archive, clips, settings, self._rng)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of ``size`` samples for ever."""
        while True:
            yield self.batch(size)

    def batch(self, size: int) -> Batch:
        """Draw one batch of ``size`` samples."""
        motion = self._motions.draw(size)
        xyz, valid, length = motion.xyz, motion.valid, motion.length
        seen = round_about(xyz, self._rng).seen(xyz)
        depth = seen[..., 2]
        points = seen[..., :2] / depth[..., None] * np.float32(FOCAL)
        head = head_size_px(xyz, valid, depth)
        positions, confidence = self.spoilt(points, depth, head, valid, length)
        batch = _batch(positions, confidence, points, valid, length, motion.step, head)
        common = list(COMMON12)
        holes = confidence[..., common] == 0
        batch.weight[..., common] *= np.where(holes, self.settings.hole_weight, 1)
        return batch

    def spoilt(
        self,
        points: NDArray,
        depth: NDArray,
        head: NDArray,
        valid: NDArray,
        length: NDArray,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the network is given: positions (B, T, 28, 2) and confidence (B, T, 28)."""
        rng, (size, t) = self._rng, points.shape[:2]
        given = np.zeros((size, 28), bool)
        given[:, list(COMMON12)] = True
        for extra in _EXTRAS:
            given[:, extra] |= (rng.random(size) < 0.15)[:, None]
        kind = rng.random(size)
        clean = kind < self.settings.clean_share
        noisy = ~clean & (kind > 1 - self.settings.noisy_share)
        given &= valid

        strength = np.where(noisy, rng.uniform(0.05, 1.1, size), 0.0)
        detected = detect(points, depth, head, rng, strength)
        pick = noisy[:, None, None]
        positions = np.where(pick[..., None], detected.positions, points)
        confidence = np.where(pick, detected.confidence, 1.0).astype(np.float32)
        flat = ~noisy & (rng.random(size) < 0.3)  # formats without confidences, or capped ones
        confidence[flat] *= rng.uniform(0.3, 1.0, (flat.sum(), 1, 1)).astype(np.float32)

        seen = np.broadcast_to(given[:, None], (size, t, 28)).copy()
        for sample in np.flatnonzero(~clean):
            self._hide(seen[sample], int(length[sample]))
        confidence *= seen
        empty = ~(confidence > 0).any(axis=(1, 2))
        confidence[empty] = given[empty, None]
        positions[empty] = points[empty]
        return positions * (confidence > 0)[..., None], confidence

    def _hide(self, seen: NDArray[np.bool_], length: int) -> None:
        """Make holes in one sample (T, 28), in place: as obstacles and picture edges do."""
        rng = self._rng
        if rng.random() < 0.5:  # one obstacle
            whole = rng.random() < 0.2
            first = 0 if rng.random() < 0.5 else int(rng.integers(1, 3))
            joints = list(COMMON12) if whole else _LIMBS[int(rng.integers(4))][first:]
            a, b = self._span(length, 2, 24 if whole else 60)
            seen[a:b, joints] = False
            return
        for limb in _LIMBS:
            if rng.random() < 0.3:
                cut = limb[int(rng.integers(1, 3)) :]
                a, b = self._span(length, 2, 56)
                seen[a:b, cut] = False
        for _ in range(rng.poisson(1.5)):
            a, b = self._span(length, 1, 40)
            seen[a:b, rng.choice(COMMON12)] = False
        if rng.random() < 0.3:
            a, b = self._span(length, 1, 30)
            seen[a:b] = False
        if rng.random() < 0.2:
            seen &= rng.random(seen.shape) >= rng.uniform(0.02, 0.3)
        kind = rng.random()
        if kind < 0.05:  # cut off by the picture's lower edge
            seen[:, [j for limb in (_LIMBS[1], _LIMBS[3]) for j in limb[1:]]] = False
        elif kind < 0.10:
            seen[:, _LIMBS[int(rng.integers(4))][1:]] = False
        elif kind < 0.14:
            seen[:, rng.choice(COMMON12)] = False

    def _span(self, length: int, least: int, most: int) -> tuple[int, int]:
        count = int(self._rng.integers(least, most + 1))
        start = int(self._rng.integers(1 - count, length)) if length > 1 else 0
        return max(start, 0), start + count


def _batch(
    positions: NDArray,
    confidence: NDArray,
    points: NDArray,
    valid: NDArray,
    length: NDArray,
    step: NDArray,
    head: NDArray,
) -> Batch:
    size, t = confidence.shape[:2]
    inside = (np.arange(t) < length[:, None])[..., None]
    flat, age, curve = bridged(positions, (confidence > 0) & inside, step)
    body = features.locate(flat, age)
    unit = _smoothed_inside(body.unit[..., 0], length)[..., None]
    network_input = np.empty((size, t, features.FEATURES), np.float32)
    for sample in range(size):  # a window's own rate and length
        n = length[sample]
        one = features.Body(body.centre[sample, :n], unit[sample, :n], body.fresh[sample, :n])
        network_input[sample, :n] = features.network_features(
            flat[sample, :n],
            age[sample, :n],
            confidence[sample, :n],
            one,
            unit[sample, :n],
            step[sample],
            curve[sample, :n],
        )
        network_input[sample, n:] = 0
    base = features.base_positions(flat, body, unit)
    target = (points - body.centre) / unit[..., None]
    weight = np.broadcast_to(valid[:, None], (size, t, 28)) * inside
    return Batch(
        network_input,
        inside.astype(np.float32),
        base.astype(np.float32),
        target.astype(np.float32),
        weight.astype(np.float32),
        (head[..., None] / unit).astype(np.float32),
    )


def bridged(
    positions: NDArray, seen: NDArray, step: NDArray
) -> tuple[NDArray, NDArray, NDArray[np.float32]]:
    """Batched gaps.BridgedTrajectories on even steps: positions, age in seconds, curves."""
    size, t, joints = seen.shape
    index = np.arange(t)[None, :, None]
    left = np.maximum.accumulate(np.where(seen, index, -1), axis=1)
    right = np.minimum.accumulate(np.where(seen, index, t)[:, ::-1], axis=1)[:, ::-1]
    has_left, has_right = left >= 0, right < t
    low = np.where(has_left, left, np.where(has_right, right, 0))
    high = np.where(has_right, right, np.where(has_left, left, 0))
    span = high - low
    share = np.where(span > 0, (index - low) / np.maximum(span, 1), 0).astype(np.float32)[..., None]
    rows, columns = np.arange(size)[:, None, None], np.arange(joints)
    flat = positions[rows, low, columns] * (1 - share) + positions[rows, high, columns] * share
    age = np.minimum(np.abs(index - low), np.abs(high - index)) * step[:, None, None]
    ever = has_left | has_right
    # All samples as one long clip.
    frames, first = np.arange(size * t), np.repeat(np.arange(size) * t, t)
    times = (np.arange(t) * step[:, None]).reshape(-1)
    near = gaps.Neighbours(
        frames,
        frames,
        (low + rows * t).reshape(-1, joints),
        (high + rows * t).reshape(-1, joints),
        has_left.reshape(-1, joints),
        has_right.reshape(-1, joints),
        first,
        first + t - 1,
    )
    drift, curve = gaps.curves(
        positions.reshape(-1, joints, 2),
        seen.reshape(-1, joints),
        times,
        times,
        near,
        np.repeat(np.maximum(np.rint(gaps.VELOCITY_SPAN / step), 1).astype(int), t),
    )
    drift, curve = (values.reshape(size, t, joints, 2) for values in (drift, curve))
    return flat + drift, np.where(ever, age, np.inf).astype(np.float32), curve


def _smoothed_inside(unit: NDArray, length: NDArray) -> NDArray[np.float32]:
    result = features.smoothed(unit)
    for sample in np.flatnonzero(length < unit.shape[1]):
        result[sample, : length[sample]] = features.smoothed(unit[sample, : length[sample]])
    return result
