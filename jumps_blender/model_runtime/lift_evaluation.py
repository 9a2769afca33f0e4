"""``jumps evaluate --task lift``: how well 3D is found, by the fixed protocol's clips and cameras.

The focal length and the person's height are given. Errors are of joints against the pelvis, in
millimetres; pooled over joint-frames and cameras inside a subject, then averaged over subjects.
MPJPE and P-MPJPE: protocols 1 and 2 of Martinez et al., ICCV 2017; PCK at 150 mm: Mehta et al.,
3DV 2017.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.space import Lens
from ..keypoints.track import Observation
from . import lift_features
from .cameras import FOCAL, HEIGHT, WIDTH, Camera, protocol_camera
from .compose import put_back
from .contacts import SOLES, contacts, contacts_on_own_floor, soles
from .detector_noise import detect
from .engine import Engine
from .evaluation import Protocol, make_view
from .lift import Lift
from .mocap import MocapArchive, MocapClip
from .proportions import bone_lengths, stature
from .space import on_floor

_PELVIS = lift_features.PELVIS
_LENS = Lens(FOCAL, (WIDTH / 2, HEIGHT / 2))
_NEAR = 150.0  # millimetres
_BALLS = [1, 3]  # of ``CONTACTS``
_FEET = [joint for number in _BALLS for joint in SOLES[number]]


class AnyLifter(Interface):
    """What can be measured."""

    identity: str

    def lift(self, observation: Observation, lens: Lens, height: float) -> Lift:
        """See ``Lifter.lift``."""


class _Errors:
    """Errors pooled over a subject: sums and what they are divided by, for each figure."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}

    def add(self, found: NDArray, truth: NDArray, valid: NDArray[np.bool_]) -> None:
        """found, truth: (F, 28, 3), metres, camera axes; valid: (28,)."""
        own, right = (_from_pelvis(x)[:, valid] for x in (found, truth))
        error = np.linalg.norm(own - right, axis=-1) * 1000
        aligned = np.linalg.norm(procrustes(own, right) - right, axis=-1) * 1000
        self._pool("mpjpe", error)
        self._pool("p_mpjpe", aligned)
        self._pool("pck3d@150mm", error < _NEAR)
        lengths = bone_lengths(found)[:, valid & (np.arange(28) != _PELVIS)]
        spread = lengths.std(axis=0) / np.maximum(lengths.mean(axis=0), 1e-6)
        self._pool("bone_std", spread.mean())
        root = np.linalg.norm(found[:, _PELVIS] - truth[:, _PELVIS], axis=-1) * 1000
        self._pool("root_error", root)

    def add_floor(self, lift: Lift, clip: MocapClip, truth: NDArray, camera: Camera) -> None:
        """truth: (F, 28, 3), metres, in the camera's axes."""
        times = np.arange(len(truth)) / clip.fps
        stands = contacts(clip.xyz, 1 / clip.fps)[:, _BALLS]
        own = contacts_on_own_floor(clip.xyz, 1 / clip.fps)[:, _BALLS]
        said = lift.contact[:, _BALLS] > 0.5
        for name, true in (("contact_f1", stands), ("contact_f1_own_floor", own)):
            self._pool(name, 2.0 * (true & said).sum(), true.sum() + said.sum())
        seen, world, _ = on_floor(lift, times, _LENS, (WIDTH, HEIGHT))
        off = np.clip(seen.turn[2] @ camera.axes[:, 2], -1, 1)
        self._pool("up_error", np.rad2deg(np.arccos(off)))
        both = stands[1:] & stands[:-1]
        for name, points in (("before", seen.to_world(lift.positions)), ("locked", world)):
            step = np.diff(soles(points)[:, _BALLS, :2], axis=0)
            self._pool(f"skating_{name}", (np.linalg.norm(step, axis=-1) * clip.fps)[both])
            low = np.maximum(-points[:, _FEET, 2].min(axis=1), 0) * 1000
            self._pool(f"penetration_{name}", low)
            bend = np.linalg.norm(np.diff(points, 2, axis=0), axis=-1) * 1000
            self._pool(f"jitter_{name}", bend)
        error = np.linalg.norm(_from_pelvis(seen.to_camera(world)) - _from_pelvis(truth), axis=-1)
        self._pool("mpjpe_locked", error[:, clip.valid] * 1000)

    def scores(self) -> dict[str, float]:
        """The subject's figures; those that were not measured are left out."""
        return {name: total / count for name, (total, count) in self._sums.items() if count}

    def _pool(self, name: str, values: Any, count: float | None = None) -> None:
        pool = self._sums.setdefault(name, [0.0, 0.0])
        pool[0] += float(np.sum(values, dtype=float))
        pool[1] += np.size(values) if count is None else float(count)


def _from_pelvis(points: NDArray) -> NDArray:
    return np.asarray(points - points[:, _PELVIS, None])


def procrustes(points: NDArray, target: NDArray) -> NDArray:
    """Each frame of points (F, J, 3) moved, turned and scaled to lie best on target (F, J, 3)."""
    middle, aim = points.mean(axis=1, keepdims=True), target.mean(axis=1, keepdims=True)
    a, b = points - middle, target - aim
    u, s, vt = np.linalg.svd(np.einsum("fji,fjk->fik", a, b))
    flip = np.sign(np.linalg.det(u @ vt))
    s[:, -1] *= flip
    u[:, :, -1] *= flip[:, None]
    scale = s.sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    return scale[:, None, None] * (a @ (u @ vt)) + aim


def evaluate_lift(
    archive: MocapArchive,
    lifter: AnyLifter,
    protocol: Protocol,
    upsampler: Engine | None = None,
    progress: Callable[[float], None] | None = None,
    clips: Sequence[int] | None = None,
) -> dict:
    """Run the protocol, on all clips or on some numbers.

    upsampler: finds all joints of the 12 common ones first; without it all 28 are given
    ``protocol.hide`` may also be ``scattered:PERCENT``: so many of all joints and, of what is left,
    of all frames are hidden at random.

    The returned dict is what ``jumps evaluate --task lift --json`` writes; ``root_error`` is that
    of the pelvis' place before the camera, millimetres. ``floor``, of clips whose feet were
    measured: ``contact_f1`` of the balls' and toes' standing by the archive's floor and by each
    take's own (see ``contacts.py``), ``up_error`` in degrees, and before and after the feet are
    locked ``skating`` (m/s along the floor of what stands in truth), ``penetration`` and ``jitter``
    (mm: the lowest foot below the floor, and joints' second difference).

    Raises JumpsError for an unknown hide or noise setting.
    """
    subjects: dict[str, dict[str, _Errors]] = {}
    seconds, frames = 0.0, 0
    numbers = range(len(archive)) if clips is None else clips
    for done, number in enumerate(numbers, 1):
        clip = archive.clip(number).at_rate(protocol.fps)
        pools = subjects.setdefault(clip.subject, {"all": _Errors(), "floor": _Errors()})
        height = float(stature(np.median(bone_lengths(clip.xyz), axis=0)))
        if not height > 0:
            raise JumpsError(
                f"{archive.path}: clip {clip.clip_id} has no body: its bones are 0 long."
            )
        for view in range(protocol.cameras):
            camera = protocol_camera(clip.clip_id, protocol.seed, view, clip.xyz[:, _PELVIS])
            truth = camera.local(clip.xyz)
            observation = _seen(clip, view, truth, protocol, upsampler)
            started = time.perf_counter()
            found = lifter.lift(observation, _LENS, height)
            seconds += time.perf_counter() - started
            frames += len(truth)
            pools["all"].add(found.positions, truth, clip.valid)
            if clip.valid[_FEET].all():
                pools["floor"].add_floor(found, clip, truth, camera)
        if progress is not None:
            progress(done / len(numbers))
    by_subject = {
        subject: {group: pool.scores() for group, pool in pools.items()}
        for subject, pools in subjects.items()
    }
    return {
        "task": "lift",
        "lifter": lifter.identity,
        "engine": upsampler.identity if upsampler is not None else "",
        "archive": str(archive.path),
        "settings": vars(protocol) | {"given": 28 if upsampler is None else 12},
        "all": _mean([groups["all"] for groups in by_subject.values()]),
        "floor": _mean([groups["floor"] for groups in by_subject.values()]),
        "fps": frames / max(seconds, 1e-9),
        "subjects": by_subject,
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def _seen(
    clip: MocapClip, camera: int, truth: NDArray, protocol: Protocol, upsampler: Engine | None
) -> Observation:
    """What a lifter is given of joints (F, 28, 3) in the axes of the camera of that number."""
    seed = [zlib.crc32(clip.clip_id.encode()), protocol.seed, camera]
    what, _, amount = protocol.hide.partition(":")
    is_scattered = what == "scattered"
    given = replace(protocol, hide="") if is_scattered else protocol
    view = make_view(clip, camera, given)
    observation = view.observation
    if upsampler is None:
        confidence = np.broadcast_to(clip.valid, truth.shape[:2]).astype(np.float32)
        points = view.points
        if protocol.noise == "detector":
            rng = np.random.default_rng([*seed, 1])
            detections = detect(points, truth[..., 2].astype(np.float32), view.head, rng)
            points, confidence = detections.positions, detections.confidence * clip.valid
        observation = replace(
            observation,
            positions=points,
            confidence=confidence * ~view.hidden,
            tracked=clip.valid,
        )
    if is_scattered:
        seen = _scattered(protocol.hide, amount, observation.confidence.shape, seed)
        observation = replace(observation, confidence=observation.confidence * seen)
    if not observation.mask.any():
        raise JumpsError(f"--hide {protocol.hide} leaves nothing of clip {clip.clip_id}.")
    observation = replace(
        observation, positions=observation.positions * observation.mask[..., None]
    )
    return observation if upsampler is None else upsampled(observation, upsampler)


def _scattered(
    pattern: str, amount: str, shape: tuple[int, ...], seed: list[int]
) -> NDArray[np.bool_]:
    """bool (F, 28): what a share of joints and frames hidden at random leaves."""
    if not (amount.isdecimal() and 0 < int(amount) < 100):
        raise JumpsError(f"--hide {pattern}: write it as scattered:10, in percent.")
    share = int(amount) / 100
    rng = np.random.default_rng([*seed, 2])
    seen = rng.random(shape) >= share
    return np.asarray(seen & (rng.random((len(seen), 1)) >= share))


def upsampled(observation: Observation, upsampler: Engine) -> Observation:
    """All 28 joints of an observation, those that were not seen with the trust they deserve."""
    estimate = upsampler.estimate(observation)
    put_back(observation, estimate.positions, False)
    return lift_features.whole(
        estimate.positions, estimate.uncertainty, observation.confidence, observation.times
    )
