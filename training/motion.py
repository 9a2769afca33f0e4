"""Windows of motion to train on: pieces of mocap clips, at a random rate, on another's body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import MIRROR

from .bodies import exchanged, measure


@dataclass(frozen=True)
class MotionSettings:
    """How windows are drawn; the defaults are those of the committed weights."""

    frames: int = 128
    slowest_fps: float = 20.0
    fastest_fps: float = 40.0
    exchange_bodies: bool = True  # see bodies.py
    subject_power: float = 0.4  # a subject is drawn with probability ~ its length ** power,
    clip_length_power: float = 0.75  # and of its clips one with probability ~ length ** power


@dataclass(frozen=True)
class Motion:
    """B windows of T frames.

    xyz: float32 (B, T, 28, 3), metres, z up; after the window's end its last frame is repeated
    measured: float32 (B, T, 28, 3), the same motions on the bodies that made them
    valid: bool (B, 28); length: int (B,), frames; step: float (B,), seconds per frame
    """

    xyz: NDArray[np.float32]
    measured: NDArray[np.float32]
    valid: NDArray[np.bool_]
    length: NDArray[np.int_]
    step: NDArray[np.float64]


class MotionStream:
    """Random windows from some clips of an archive."""

    def __init__(
        self,
        archive: MocapArchive,
        clips: list[int],
        settings: MotionSettings,
        rng: np.random.Generator,
    ) -> None:
        self._settings, self._rng = settings, rng
        self._clips = [archive.clip(number) for number in clips]
        self._probability = np.zeros(len(self._clips))  # of drawing a clip for its motion
        # And for its body, if all of it was measured: subjects alike.
        self._body_share = np.zeros(len(self._clips))
        lengths = np.array([len(clip.xyz) for clip in self._clips], float)
        subjects = np.array([clip.subject for clip in self._clips])
        for subject in np.unique(subjects):
            own = subjects == subject
            weight = lengths[own] ** settings.clip_length_power
            often = lengths[own].sum() ** settings.subject_power
            self._probability[own] = often * weight / weight.sum()
            whole = own & [clip.valid.all() for clip in self._clips]
            self._body_share[whole] = 1 / max(whole.sum(), 1)
        self._probability /= self._probability.sum()
        if not self._body_share.any():
            self._body_share[:] = 1
        self._body_share /= self._body_share.sum()
        self._bodies = measure([clip.xyz for clip in self._clips], list(subjects))

    def draw(self, size: int) -> Motion:
        """``size`` windows, half of them mirrored."""
        rng, t = self._rng, self._settings.frames
        measured = np.zeros((size, t, 28, 3), np.float32)
        valid = np.zeros((size, 28), bool)
        length = np.zeros(size, int)
        step = np.zeros(size)
        numbers = rng.choice(len(self._clips), size=size, p=self._probability)
        for sample, number in enumerate(numbers):
            measured[sample], length[sample], step[sample] = self._window(number)
            valid[sample] = self._clips[number].valid
        xyz = measured
        if self._settings.exchange_bodies:
            others = rng.choice(len(self._clips), size=size, p=self._body_share)
            xyz = exchanged(xyz, self._bodies.of(numbers), self._bodies.of(others), rng)
        flip = rng.random(size) < 0.5
        return Motion(
            _mirrored(xyz, flip),
            _mirrored(measured, flip),
            np.where(flip[:, None], valid[:, list(MIRROR)], valid),
            length,
            step,
        )

    def _window(self, number: int) -> tuple[NDArray[np.float32], int, float]:
        """A random piece of a clip at a random rate: (T, 28, 3), its length, seconds per frame."""
        rng, settings = self._rng, self._settings
        clip = self._clips[number]
        rate = rng.uniform(settings.slowest_fps, settings.fastest_fps)
        if rng.random() < 0.4:
            rate = 30.0
        stride = clip.fps / rate
        available = int((len(clip.xyz) - 1) / stride) + 1
        length = min(settings.frames, available)
        if rng.random() < 0.06:
            length = int(rng.integers(1, length + 1))
        start = rng.uniform(0, len(clip.xyz) - 1 - (length - 1) * stride)
        place = np.minimum(start + np.arange(length) * stride, len(clip.xyz) - 1)
        low = np.minimum(place.astype(int), max(len(clip.xyz) - 2, 0))
        share = (place - low).astype(np.float32)[:, None, None]
        high = np.minimum(low + 1, len(clip.xyz) - 1)
        window = np.empty((settings.frames, 28, 3), np.float32)
        window[:length] = clip.xyz[low] * (1 - share) + clip.xyz[high] * share
        window[length:] = window[length - 1]
        return window, length, 1.0 / rate


def _mirrored(xyz: NDArray[np.float32], flip: NDArray[np.bool_]) -> NDArray[np.float32]:
    mirrored = xyz[:, :, list(MIRROR)] * np.array([-1, 1, 1], np.float32)
    return np.where(flip[:, None, None, None], mirrored, xyz)


@dataclass(frozen=True)
class Aim:
    """Where B cameras stand and look; metres and radians, world axes with z up.

    eye: (B, 3); yaw, elevation: (B,), of the direction from what they look at back to the camera,
    elevation above zero looks down; roll: (B,), turns the picture
    """

    eye: NDArray[np.float64]
    yaw: NDArray[np.float64]
    elevation: NDArray[np.float64]
    roll: NDArray[np.float64]

    def axes(self) -> NDArray[np.float64]:
        """(B, 3, 3): rows right, down and forward in world axes."""
        backward = np.stack(
            [
                np.cos(self.elevation) * np.cos(self.yaw),
                np.cos(self.elevation) * np.sin(self.yaw),
                np.sin(self.elevation),
            ],
            axis=-1,
        )
        right = np.stack([-np.sin(self.yaw), np.cos(self.yaw), np.zeros_like(self.yaw)], axis=-1)
        down = np.cross(-backward, right)
        cos, sin = np.cos(self.roll)[:, None], np.sin(self.roll)[:, None]
        return np.stack([cos * right + sin * down, cos * down - sin * right, -backward], axis=1)

    def seen(self, xyz: NDArray) -> NDArray[np.float32]:
        """Points (B, …, 3) in the cameras' axes (right, down, forward), at least 0.3 m in front."""
        shape = (len(self.eye), *[1] * (xyz.ndim - 2), 3)
        local = np.einsum("b...c,bdc->b...d", xyz - self.eye.reshape(shape), self.axes())
        local[..., 2] = np.maximum(local[..., 2], 0.3)
        return local.astype(np.float32)


def round_about(xyz: NDArray, rng: np.random.Generator) -> Aim:
    """Static cameras all around motions (B, T, 28, 3), like the evaluation protocol's but wider."""
    size = len(xyz)
    pelvis = xyz[:, :, 4]
    centre = pelvis.mean(axis=1)
    reach = np.linalg.norm(pelvis - centre[:, None], axis=-1).max(axis=1)
    yaw = rng.uniform(0, 2 * np.pi, size)
    elevation = np.deg2rad(rng.uniform(-20, 40, size))
    roll = np.deg2rad(np.clip(rng.normal(0, 4, size), -12, 12))
    distance = rng.uniform(2.2, 10.0, size) + reach * rng.uniform(1.0, 2.0, size)
    aim = Aim(np.zeros((size, 3)), yaw, elevation, roll)
    right, down, forward = np.moveaxis(aim.axes(), 1, 0)
    # The person need not be in the middle of the picture.
    aside = rng.normal(0, 0.12, (size, 2)) * distance[:, None]
    eye = centre - distance[:, None] * forward + aside[:, :1] * right + aside[:, 1:] * down
    return Aim(eye, yaw, elevation, roll)
