"""Training samples for the lifter: mocap through random cameras, as detectors and JUMPS see it.

A sample is a window of motion seen by a static camera with all 28 joints: exactly, with joints,
limbs, areas and frames hidden, with a detector's noise, or as the upsampler made them of 12 joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.files import written_whole
from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime import lift_features
from jumps_blender.model_runtime.cameras import FOCAL, head_size_px
from jumps_blender.model_runtime.contacts import contacts_on_own_floor
from jumps_blender.model_runtime.detector_noise import detect
from jumps_blender.model_runtime.direct import DirectEngine
from jumps_blender.model_runtime.lift_evaluation import upsampled
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.proportions import bone_lengths, stature
from jumps_blender.skeletons import MIRROR, joint_index

from .data import SampleSettings, SampleStream, bridged
from .motion import Aim, Motion, MotionSettings, MotionStream, round_about

_LEGS = [joint_index(name) for name in ("l_knee", "l_ankle", "r_knee", "r_ankle")]
_LIMBS = [
    [joint_index(f"{side}_{part}") for part in parts]
    for side in "lr"
    for parts in (("elbow", "wrist", "hand"), ("knee", "ankle", "foot", "toe"))
]


@dataclass(frozen=True)
class LiftSettings(MotionSettings):
    """How samples are drawn; the shares of what is not listed are seen exactly."""

    upsampled_share: float = 0.3
    noisy_share: float = 0.25
    hidden_share: float = 0.2
    known_share: float = 0.5  # of the samples whose bones' lengths are told,
    known_spread: float = 0.04  # with errors whose logarithm has up to this standard deviation
    tripod_share: float = 0.5  # cameras that people set up; the rest are all around


@dataclass(frozen=True)
class LiftBatch:
    """Network input and target for B samples of T frames.

    Axes are the turned camera's, the unit is the person's height.

    features: float32 (B, T, FEATURES), inside: float32 (B, T, 1), see ``LiftNetwork``
    offsets: float32 (B, T, 28, 3), log_distance (B, T), up (B, T, 3), contact (B, T, 4): targets
        as in ``Lifted``; a contact is 0 or 1
    weight: float32 (B, T, 28), 0 for joints that were not measured and frames beyond the end
    feet: float32 (B, T, 4), 0 where contacts are not known
    height: float32 (B,), metres
    turn: float32 (B, T, 3, 3), see ``LiftView``
    """

    features: NDArray[np.float32]
    inside: NDArray[np.float32]
    offsets: NDArray[np.float32]
    log_distance: NDArray[np.float32]
    up: NDArray[np.float32]
    contact: NDArray[np.float32]
    weight: NDArray[np.float32]
    feet: NDArray[np.float32]
    height: NDArray[np.float32]
    turn: NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """B motions before cameras.

    local: float32 (B, T, 28, 3), metres, camera axes; up: float32 (B, 3), camera axes
    contact: float32 (B, T, 4), 0 or 1, as ``contacts.CONTACTS``
    valid: bool (B, 28); length: int (B,), frames; step: float (B,), seconds per frame
    """

    local: NDArray[np.float32]
    up: NDArray[np.float32]
    contact: NDArray[np.float32]
    valid: NDArray[np.bool_]
    length: NDArray[np.int_]
    step: NDArray[np.float64]

    def points(self) -> NDArray[np.float32]:
        """(B, T, 28, 2), pixels of a lens of FOCAL."""
        return self.local[..., :2] / self.local[..., 2:] * np.float32(FOCAL)


class LiftStream:
    """Endless random batches from some subjects of an archive."""

    def __init__(
        self,
        archive: MocapArchive,
        clips: list[int],
        settings: LiftSettings,
        seed: int,
        pool: UpsampledPool | None = None,
    ) -> None:
        self.settings, self._pool = settings, pool
        self._rng = np.random.default_rng(seed)
        self._motions = MotionStream(archive, clips, settings, self._rng)

    def batch(self, size: int) -> LiftBatch:
        """Draw one batch of ``size`` samples."""
        scene, points, confidence = self.draw(size)
        batch = make_batch(scene, points, confidence)
        self._tell_lengths(batch, scene)
        return batch

    def draw(self, size: int) -> tuple[Scene, NDArray[np.float32], NDArray[np.float32]]:
        """Scenes and what is seen of them: points (B, T, 28, 2), confidence (B, T, 28)."""
        scene = draw_scene(self._motions, size, self.settings.tripod_share, self._rng)
        points, confidence = self._seen(scene)
        if self._pool is not None:
            chosen = np.flatnonzero(self._rng.random(size) < self.settings.upsampled_share)
            scene = self._pool.put_into(scene, points, confidence, chosen, self._rng)
        return scene, points, confidence

    def _tell_lengths(self, batch: LiftBatch, scene: Scene) -> None:
        """As they are learned from a clip: not exactly, and both sides alike."""
        rng, size = self._rng, len(batch.height)
        shares = np.median(bone_lengths(scene.local), axis=1) / batch.height[:, None]
        spread = rng.uniform(0, self.settings.known_spread, (size, 1))
        shares = shares * np.exp(spread * rng.standard_normal((size, 28)))
        shares = (shares + shares[:, list(MIRROR)]) / 2
        told = rng.random(size) < self.settings.known_share
        network_input = batch.features[told]
        lift_features.tell_lengths(network_input, shares[told])
        batch.features[told] = network_input * (batch.inside[told] > 0)

    def _seen(self, scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What is known of the 28 joints: points (B, T, 28, 2), confidence (B, T, 28)."""
        rng, size = self._rng, len(scene.local)
        points = scene.points()
        confidence = np.broadcast_to(scene.valid[:, None], points.shape[:-1]).astype(np.float32)
        kind = rng.random(size)
        noisy = np.flatnonzero(kind < self.settings.noisy_share)
        hidden = np.flatnonzero(kind < self.settings.noisy_share + self.settings.hidden_share)
        depth = scene.local[noisy, ..., 2]
        head = head_size_px(scene.local[noisy], scene.valid[noisy], depth)
        strength = rng.uniform(0.05, 1.0, len(noisy))
        detected = detect(points[noisy], depth, head, rng, strength)
        points[noisy] = detected.positions
        confidence[noisy] *= detected.confidence
        for sample in hidden:
            self._hide(confidence[sample], points[sample], int(scene.length[sample]))
        empty = ~(confidence > 0).any(axis=(1, 2))
        confidence[empty] = scene.valid[empty, None]
        return points, confidence

    def _hide(self, confidence: NDArray, points: NDArray, length: int) -> None:
        """Occlusion training: frames, points, limbs and areas; in place, (T, 28)."""
        rng = self._rng
        if rng.random() < 0.5:
            confidence[rng.random(len(confidence)) < rng.uniform(0, 0.2)] = 0
        if rng.random() < 0.5:
            confidence[rng.random(confidence.shape) < rng.uniform(0, 0.25)] = 0
        for limb in _LIMBS:
            if rng.random() < 0.15:
                cut = limb[int(rng.integers(0, 3)) :]
                start, count = int(rng.integers(-20, max(length, 1))), int(rng.integers(4, 60))
                confidence[max(start, 0) : max(start + count, 0), cut] = 0
        if rng.random() < 0.25:
            joint = points[int(rng.integers(length)), int(rng.integers(28))]
            tall = np.ptp(points[:length, :, 1], axis=1).mean()
            half = tall * rng.uniform(0.05, 0.3, 2)
            confidence[(np.abs(points - joint) < half).all(axis=-1)] = 0


def draw_scene(
    motions: MotionStream, size: int, tripod_share: float, rng: np.random.Generator
) -> Scene:
    """Motions in front of cameras."""
    motion = motions.draw(size)
    xyz = standing(motion)
    return before(cameras(xyz, tripod_share, rng), xyz, motion)


def cameras(xyz: NDArray, tripod_share: float, rng: np.random.Generator) -> Aim:
    """A static camera for each of the motions (B, T, 28, 3)."""
    around, stood = round_about(xyz, rng), tripod(xyz, rng)
    stands = rng.random(len(xyz)) < tripod_share
    return Aim(
        *(
            np.where(stands.reshape(-1, *[1] * (a.ndim - 1)), b, a)
            for a, b in zip(vars(around).values(), vars(stood).values(), strict=True)
        )
    )


def before(aim: Aim, xyz: NDArray[np.float32], motion: Motion) -> Scene:
    """Motions, ``standing`` at xyz (B, T, 28, 3), in front of cameras."""
    return Scene(
        aim.seen(xyz),
        aim.axes()[..., 2].astype(np.float32),
        _contacts(motion),
        motion.valid,
        motion.length,
        motion.step,
    )


def _contacts(motion: Motion) -> NDArray[np.float32]:
    """(B, T, 4), 0 or 1, as ``contacts.CONTACTS``; 0 after a window's end."""
    result = np.zeros((*motion.measured.shape[:2], 4), np.float32)
    for sample, length in enumerate(motion.length):
        own = motion.measured[sample, :length]
        result[sample, :length] = contacts_on_own_floor(own, float(motion.step[sample]))
    return result


def standing(motion: Motion) -> NDArray[np.float32]:
    """The motions with the pelvis' path scaled as the legs were: feet that stood stand again."""
    before, after = (
        bone_lengths(x)[..., _LEGS].sum(axis=-1) for x in (motion.measured, motion.xyz)
    )
    ratio = (after.mean(axis=1) / before.mean(axis=1))[:, None, None, None]
    pelvis = motion.measured[:, :, lift_features.PELVIS, None]
    return motion.xyz + ((ratio - 1) * pelvis).astype(np.float32)


def tripod(xyz: NDArray, rng: np.random.Generator) -> Aim:
    """Static cameras as people place them before motions (B, T, 28, 3).

    Focal lengths are 24 to 85 mm of full frame, upright or lying, 0.3 to 3 m above the floor; the
    person fills a quarter to nearly all of the picture and is not in its middle.
    """
    size = len(xyz)
    pelvis = xyz[:, :, lift_features.PELVIS]
    centre = pelvis.mean(axis=1)
    reach = np.linalg.norm((pelvis - centre[:, None])[..., :2], axis=-1).max(axis=1)
    focal = np.exp(rng.uniform(np.log(24 / 36), np.log(85 / 36), size))  # of the longer side
    lying = rng.random(size) < 0.6
    wide, tall = np.where(lying, 1.0, 9 / 16), np.where(lying, 9 / 16, 1.0)
    fills = rng.uniform(0.25, 0.95, size)
    distance = np.clip(1.75 * focal / (fills * tall), 1.5, 14.0) + reach
    yaw = rng.uniform(0, 2 * np.pi, size)
    up = rng.uniform(0.3, 3.0, size) - centre[:, 2]
    level = np.sqrt(np.maximum(distance**2 - up**2, 1.0))
    eye = centre + np.stack([level * np.cos(yaw), level * np.sin(yaw), up], axis=-1)
    off_x = rng.uniform(-0.35, 0.35, size) * wide / focal
    off_y = rng.uniform(-0.2, 0.2, size) * tall / focal * (1 - fills)
    elevation = np.arctan2(up, level) + np.arctan(off_y)
    # The camera's own pitch: from 30 degrees down to 20 up.
    elevation = np.clip(elevation, np.deg2rad(-20), np.deg2rad(30))
    roll = np.deg2rad(np.clip(rng.normal(0, 2, size), -8, 8))
    return Aim(eye, yaw + np.arctan(off_x), elevation, roll)


def make_batch(
    scene: Scene, points: NDArray[np.float32], confidence: NDArray[np.float32]
) -> LiftBatch:
    """Network input and target of scenes, of which points (B, T, 28, 2) are known."""
    t = confidence.shape[1]
    inside = (np.arange(t) < scene.length[:, None])[..., None]
    flat, age, _ = bridged(points, (confidence > 0) & inside, scene.step)
    view = lift_features.look(flat, age, confidence, scene.step)
    network_input, unit, turn = view.features, view.unit, view.turn
    for sample in np.flatnonzero(scene.length < t):  # as if nothing came after
        n = scene.length[sample]
        short = lift_features.look(
            flat[sample, :n], age[sample, :n], confidence[sample, :n], scene.step[sample]
        )
        network_input[sample, :n], unit[sample, :n] = short.features, short.unit
        network_input[sample, n:] = 0
    lengths = np.median(bone_lengths(scene.local), axis=1)
    height = stature(lengths)[:, None]
    turned = np.einsum("btij,btkj->btki", turn, scene.local)
    pelvis = turned[:, :, lift_features.PELVIS]
    offsets = (turned - pelvis[:, :, None]) / height[..., None, None]
    distance = np.maximum(pelvis[..., 2], 0.1) * unit / height
    feet = scene.valid[:, [20, 22, 25, 27]]
    return LiftBatch(
        features=network_input,
        inside=inside.astype(np.float32),
        offsets=offsets.astype(np.float32),
        log_distance=np.log(distance).astype(np.float32),
        up=np.einsum("btij,bj->bti", turn, scene.up).astype(np.float32),
        contact=scene.contact,
        weight=(scene.valid[:, None] & inside).astype(np.float32),
        feet=(feet[:, None] & inside).astype(np.float32),
        height=height[:, 0].astype(np.float32),
        turn=turn,
    )


class UpsampledPool:
    """Windows as engine ``direct`` makes them of 12 joints: too slow to make for each sample."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as archive:
            self._data = {key: archive[key] for key in archive.files}

    def put_into(
        self,
        scene: Scene,
        points: NDArray[np.float32],
        confidence: NDArray[np.float32],
        chosen: NDArray[np.int_],
        rng: np.random.Generator,
    ) -> Scene:
        """Exchange the chosen samples for windows of the pool; points and confidence in place."""
        drawn = rng.integers(len(self._data["length"]), size=len(chosen))
        points[chosen] = self._data["points"][drawn]
        confidence[chosen] = self._data["confidence"][drawn]
        arrays = {}
        for name, value in vars(scene).items():
            arrays[name] = value.copy()
            arrays[name][chosen] = self._data[name][drawn]
        return replace(scene, **arrays)


def make_pool(
    archive: MocapArchive,
    clips: list[int],
    path: Path,
    count: int,
    settings: LiftSettings,
    seed: int = 5,
) -> None:
    """Upsample ``count`` windows as ``jumps upsample`` would, and keep them."""
    rng = np.random.default_rng(seed)
    motions = MotionStream(archive, clips, settings, rng)
    spoiler = SampleStream(archive, clips, SampleSettings(), seed)
    engine = DirectEngine("cpu")
    rows: dict[str, list[NDArray]] = {}
    for start in range(0, count, 32):
        scene = draw_scene(motions, min(32, count - start), settings.tripod_share, rng)
        points, depth = scene.points(), scene.local[..., 2]
        head = head_size_px(scene.local, scene.valid, depth)
        given, sure = spoiler.spoilt(points, depth, head, scene.valid, scene.length)
        for sample, (positions, confidence) in enumerate(zip(given, sure, strict=True)):
            n = scene.length[sample]
            seen = Observation(
                positions[:n],
                confidence[:n],
                (confidence[:n] > 0).any(axis=0),
                np.arange(n) * scene.step[sample],
            )
            if seen.tracked.any():
                whole = upsampled(seen, engine)
                positions[:n], confidence[:n] = whole.positions, whole.confidence
        for name, value in (("points", given), ("confidence", sure), *vars(scene).items()):
            rows.setdefault(name, []).append(value)
        print(f"upsampled {start + len(given)} of {count} windows", end="\r", flush=True)
    print()
    with written_whole(path) as temporary:
        np.savez(temporary, **{name: np.concatenate(parts) for name, parts in rows.items()})
