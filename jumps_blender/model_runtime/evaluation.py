"""``jumps evaluate``: how well an engine finds 28 joints, by a fixed protocol.

Each clip whole at one frame rate, seen by several static random cameras (see
``cameras.protocol_camera``); an engine is given the 12 common joints, minus what is hidden on
purpose. Errors are measured in head sizes, pooled over joint-frames and cameras inside a subject,
then averaged over subjects. PCKh: Andriluka et al., CVPR 2014; AUC: Insafutdinov et al., ECCV 2016.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.track import Observation
from ..skeletons import COMMON12, joint_index
from .cameras import head_size_px, protocol_camera
from .compose import put_back
from .detector_noise import detect
from .engine import Engine
from .mocap import MocapArchive, MocapClip

_ALPHAS = np.arange(101) / 100
_LIMBS = {
    "l_arm": ("l_shoulder", "l_elbow", "l_wrist"),
    "r_arm": ("r_shoulder", "r_elbow", "r_wrist"),
    "l_leg": ("l_hip", "l_knee", "l_ankle"),
    "r_leg": ("r_hip", "r_knee", "r_ankle"),
}
_GROUPS = ("all", "missing", "raw", "hidden", "given", "input")


@dataclass(frozen=True)
class Protocol:
    """What ``jumps evaluate`` can vary.

    hide: ``LIMB:FRAMES`` or ``body:FRAMES``, hidden in the middle of each clip that has at least
        one frame more on both sides; "" hides nothing
    """

    fps: float = 30.0
    seed: int = 0
    cameras: int = 4
    noise: str = "none"
    denoise: bool = False
    hide: str = ""


class _Errors:
    """Errors of one group of joints, pooled over a subject."""

    def __init__(self) -> None:
        # AUC's thresholds also carry PCKh@0.1, 0.5 and 1.0, so that no error need be kept.
        self._below = np.zeros(len(_ALPHAS))
        self._sum, self._count = 0.0, 0
        self._jitter_sum, self._jitter_count = 0.0, 0

    def add(self, error: NDArray[np.float32], where: NDArray[np.bool_]) -> None:
        """error: (F, 28, 2) in head sizes; where: bool (F, 28), the joint-frames that count."""
        distance = np.linalg.norm(error, axis=-1)[where]
        # Number of errors below each alpha: an error equal to alpha is not below it.
        first_above = np.searchsorted(_ALPHAS, distance, side="right")
        self._below += np.cumsum(np.bincount(first_above, minlength=102)[:101])
        self._sum += float(distance.sum(dtype=np.float64))
        self._count += distance.size
        bend = np.linalg.norm(error[2:] - 2 * error[1:-1] + error[:-2], axis=-1)
        bend = bend[where[2:] & where[1:-1] & where[:-2]]
        self._jitter_sum += float(bend.sum(dtype=np.float64))
        self._jitter_count += bend.size

    def curve(self) -> NDArray[np.float64]:
        """(101,): the share of errors below each alpha."""
        return self._below / max(self._count, 1)

    def scores(self) -> dict[str, float]:
        """The group's figures; empty when nothing was measured."""
        if not self._count:
            return {}
        share = self.curve()
        return {
            "pckh@0.1": float(share[10]),
            "pckh@0.5": float(share[50]),
            "pckh@1.0": float(share[100]),
            "auc": float(share.mean()),
            "mean_error": self._sum / self._count,
            "jitter": self._jitter_sum / max(self._jitter_count, 1),
        }


def hidden_joints(pattern: str, frames: int) -> NDArray[np.bool_]:
    """bool (F, 28): what ``--hide`` hides in a clip of that many frames."""
    hidden = np.zeros((frames, 28), bool)
    if not pattern:
        return hidden
    what, _, count_text = pattern.partition(":")
    if not (count_text.isdecimal() and 0 < int(count_text) < 10**6):
        raise JumpsError(f"--hide {pattern}: write it as l_arm:24, with a number of frames.")
    if what != "body" and what not in _LIMBS:
        raise JumpsError(f"--hide {pattern}: {what!r} is none of body, {', '.join(_LIMBS)}.")
    count = int(count_text)
    joints = list(COMMON12) if what == "body" else [joint_index(name) for name in _LIMBS[what]]
    if frames >= count + 2:
        start = (frames - count) // 2
        hidden[start : start + count, joints] = True
    return hidden


def evaluate(
    archive: MocapArchive,
    engine: Engine,
    protocol: Protocol,
    progress: Callable[[float], None] | None = None,
    clips: Sequence[int] | None = None,
) -> dict:
    """Run the protocol, on all clips or on some numbers.

    The returned dict is what ``jumps evaluate --json`` writes.
    Groups: ``all`` every valid joint as a user gets it; ``missing`` the 16 joints that are never
    given; ``raw`` every valid joint from the engine's own output; ``hidden`` the joint-frames that
    ``hide`` hid (empty without); ``given`` the joint-frames that the engine was given, as a user
    gets them, and ``input`` the same as they were given. ``curve`` is PCKh of ``missing`` at
    0, 0.01 … 1. Raises JumpsError for an unknown hide or noise setting.
    """
    if protocol.noise not in ("none", "detector"):
        raise JumpsError(f"--noise {protocol.noise}: is none of none, detector.")
    subjects: dict[str, dict[str, _Errors]] = {}
    lengths: dict[str, int] = {}
    seconds, frames = 0.0, 0
    numbers = range(len(archive)) if clips is None else clips
    for done, number in enumerate(numbers, 1):
        clip = archive.clip(number)
        slow = clip.at_rate(protocol.fps)
        pools = subjects.setdefault(clip.subject, {group: _Errors() for group in _GROUPS})
        lengths[clip.subject] = lengths.get(clip.subject, 0) + len(slow.xyz)
        for camera in range(protocol.cameras):
            took = _evaluate_view(slow, camera, engine, protocol, pools)
            seconds, frames = seconds + took, frames + len(slow.xyz)
        if progress is not None:
            progress(done / len(numbers))
    if not any(pools["all"].scores() for pools in subjects.values()):
        raise JumpsError(f"{archive.path}: no joint of any clip is valid; nothing to measure.")
    by_subject = {
        subject: {group: pool.scores() for group, pool in pools.items()}
        for subject, pools in subjects.items()
    }
    result: dict = {
        "engine": engine.name,
        "identity": engine.identity,
        "archive": str(archive.path),
        "settings": vars(protocol),
    }
    for group in _GROUPS:
        rows = [scores[group] for scores in by_subject.values() if scores[group]]
        result[group] = {
            key: float(np.mean([row[key] for row in rows])) for key in (rows[0] if rows else ())
        }
        result[group]["fps"] = frames / max(seconds, 1e-9)
    result["hidden"] = result["hidden"] if protocol.hide else {}
    result["fps"] = frames / max(seconds, 1e-9)
    curves = [pools["missing"].curve() for pools in subjects.values() if pools["missing"].scores()]
    result["curve"] = np.mean(curves, axis=0).round(5).tolist() if curves else []
    result["subjects"] = {
        subject: {"frames": lengths[subject], **scores} for subject, scores in by_subject.items()
    }
    return result


@dataclass(frozen=True)
class View:
    """A clip of F frames as one of the protocol's cameras shows it.

    points: float32 (F, 28, 2), pixels, where the joints truly are; head: (F,), pixels, the unit of
    errors; observation: what an engine is given; hidden: bool (F, 28), hidden on purpose
    """

    points: NDArray[np.float32]
    head: NDArray[np.float32]
    observation: Observation
    hidden: NDArray[np.bool_]


def make_view(clip: MocapClip, camera: int, protocol: Protocol) -> View:
    """Project a clip, already at the protocol's rate, through its camera of that number."""
    frames = len(clip.xyz)
    lens = protocol_camera(clip.clip_id, protocol.seed, camera, clip.xyz[:, 4])
    points, depth = lens.project(clip.xyz)
    head = head_size_px(clip.xyz, clip.valid, depth)
    given = np.zeros((frames, 28), bool)
    given[:, list(COMMON12)] = clip.valid[list(COMMON12)]
    hidden = hidden_joints(protocol.hide, frames) & given
    given &= ~hidden
    positions, confidence = points, given.astype(np.float32)
    if protocol.noise == "detector":
        seed = [zlib.crc32(clip.clip_id.encode()), protocol.seed, camera, 1]
        detections = detect(points, depth, head, np.random.default_rng(seed))
        positions, confidence = detections.positions, detections.confidence * given
    tracked = np.zeros(28, bool)
    tracked[list(COMMON12)] = True
    observation = Observation(
        positions=positions * (confidence > 0)[..., None],
        confidence=confidence,
        tracked=tracked,
        times=np.arange(frames) / protocol.fps,
    )
    return View(points, head, observation, hidden)


def _evaluate_view(
    clip: MocapClip, camera: int, engine: Engine, protocol: Protocol, pools: dict[str, _Errors]
) -> float:
    """One clip through one camera into the subject's pools; returns the engine's seconds."""
    view = make_view(clip, camera, protocol)
    points, observation = view.points, view.observation
    seen = observation.confidence > 0
    if not seen.any():
        return 0.0
    started = time.perf_counter()
    estimate = engine.estimate(observation)
    took = time.perf_counter() - started

    unit = view.head[:, None, None]
    valid = np.broadcast_to(clip.valid, seen.shape)
    raw_error = (estimate.positions - points) / unit
    put_back(observation, estimate.positions, protocol.denoise)
    error = (estimate.positions - points) / unit
    never_given = valid.copy()
    never_given[:, list(COMMON12)] = False
    pools["raw"].add(raw_error, valid)
    pools["all"].add(error, valid)
    pools["missing"].add(error, never_given)
    pools["hidden"].add(error, view.hidden)
    pools["given"].add(error, seen)
    pools["input"].add((observation.positions - points) / unit, seen)
    return took
