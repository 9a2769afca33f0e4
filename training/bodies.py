"""Other people's bodies for a motion: proportions exchanged between subjects.

A motion archive holds few skeletons, and each moves in its own way, so a network that sees them
as they are learns who somebody is from how she moves. Here a clip's body is given, in part or
in whole or a little beyond, the proportions of another clip's: bone lengths, the triangle of pelvis
and hips, and where the shoulders sit on the chest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jumps_blender.skeletons import MIRROR, PARENTS, joint_index

_CLAVICLE_SHARE = 0.27  # a clavicle's joint lies there on the way from neck to shoulder
_LENGTH_NOISE = 0.03  # of the logarithm of a bone's length, left and right alike
_SHOULDER_NOISE = 0.006  # metres, of the shoulders' place on the chest
_MOST_SHARE = 1.2  # of the other's proportions; beyond 1 is extrapolation
_KEPT_SHARE = 0.2  # of the samples keep their body

_SIDES = tuple(
    tuple(joint_index(f"{side}_{part}") for side in "lr")
    for part in ("hip", "clavicle", "shoulder")
)
_HIPS, _CLAVICLES, _SHOULDERS = _SIDES
_NECK, _PELVIS = joint_index("neck"), joint_index("pelvis")
_CHEST = joint_index("spine3")
_PARENT = np.maximum(PARENTS, 0)


def _ancestor_matrix() -> NDArray[np.float32]:
    """(28, 28): row j sums the bones (child minus parent) from the pelvis to joint j."""
    matrix = np.zeros((28, 28), np.float32)
    for joint in range(28):
        step = joint
        while PARENTS[step] >= 0:
            matrix[joint, step] = 1
            step = PARENTS[step]
    return matrix


_ANCESTORS = _ancestor_matrix()


@dataclass(frozen=True)
class Proportions:
    """What makes C bodies different; metres.

    lengths: float32 (C, 28), from each joint's parent to the joint; 1 for the pelvis
    hips: float32 (C, 2), width and depth below the pelvis
    shoulders: float32 (C, 3), width, and how far up and forward of the neck on the chest
    """

    lengths: NDArray[np.float32]
    hips: NDArray[np.float32]
    shoulders: NDArray[np.float32]

    def of(self, index: NDArray[np.integer]) -> Proportions:
        """The bodies with these numbers."""
        return Proportions(self.lengths[index], self.hips[index], self.shoulders[index])


def measure(clips: list[NDArray[np.float32]]) -> Proportions:
    """Proportions of the bodies in clips (F, 28, 3), metres, as medians over frames."""
    rows = []
    for xyz in clips:
        some = xyz[:: max(len(xyz) // 50, 1)][None]
        bones = some - some[:, :, _PARENT]
        hip_centre, hip_half = _pair(some, _HIPS, _PELVIS)
        centre, half, up, forward = _chest(some)
        rows.append(
            (
                np.where(np.arange(28) == _PELVIS, 1, np.linalg.norm(bones, axis=-1)),
                np.stack([2 * _norm(hip_half), _norm(hip_centre)], -1),
                np.stack([2 * _norm(half), _dot(centre, up), _dot(centre, forward)], -1),
            )
        )
    medians = [np.stack([np.median(row[k][0], axis=0) for row in rows]) for k in range(3)]
    lengths = np.maximum(medians[0], 1e-3)
    lengths = np.sqrt(lengths * lengths[:, list(MIRROR)])
    return Proportions(*(m.astype(np.float32) for m in (lengths, medians[1], medians[2])))


def exchanged(
    xyz: NDArray[np.float32],
    own: Proportions,
    other: Proportions,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Motions (B, T, 28, 3) of bodies ``own`` on bodies like ``other``, metres."""
    size = len(xyz)
    share = rng.uniform(0, _MOST_SHARE, (size, 1)).astype(np.float32)
    share[rng.random(size) < _KEPT_SHARE] = 0
    kept = share[:, 0] == 0
    # Bodies are compared at the same size.
    alike = _size(own) / _size(other)
    noise = rng.standard_normal((size, 28), np.float32) * _LENGTH_NOISE
    noise = np.where(np.arange(28) > np.array(MIRROR), noise[:, list(MIRROR)], noise)
    noise[kept] = 0
    scale = np.exp(share * np.log(other.lengths * alike / own.lengths) + noise)
    scale = np.clip(scale, 0.5, 2.0)
    hips = own.hips * np.clip((other.hips * alike / own.hips), 0.5, 2.0) ** share
    width = (
        own.shoulders[:, :1]
        * np.clip((other.shoulders[:, :1] * alike / own.shoulders[:, :1]), 0.5, 2.0) ** share
    )
    moved = share * (other.shoulders[:, 1:] * alike - own.shoulders[:, 1:])
    jitter = rng.standard_normal((size, 2), np.float32) * _SHOULDER_NOISE
    moved = moved + jitter * ~kept[:, None]

    bones = (xyz - xyz[:, :, _PARENT]) * scale[:, None, :, None]
    centre, half = _pair(xyz, _HIPS, _PELVIS)
    centre = centre * _each(hips[:, 1] / own.hips[:, 1])
    half = half * _each(hips[:, 0] / own.hips[:, 0])
    for joint, sign in zip(_HIPS, (1, -1), strict=True):
        bones[:, :, joint] = centre + sign * half
    centre, half, up, forward = _chest(xyz)
    centre = centre + _each(moved[:, 0]) * up + _each(moved[:, 1]) * forward
    half = half * _each(width[:, 0] / own.shoulders[:, 0])
    for clavicle, shoulder, sign in zip(_CLAVICLES, _SHOULDERS, (1, -1), strict=True):
        bones[:, :, clavicle] = _CLAVICLE_SHARE * (centre + sign * half)
        bones[:, :, shoulder] = (1 - _CLAVICLE_SHARE) * (centre + sign * half)
    return (xyz[:, :, _PELVIS : _PELVIS + 1] + _ANCESTORS @ bones).astype(np.float32)


def _size(bodies: Proportions) -> NDArray[np.float32]:
    """(B, 1), all bones laid end to end; the pelvis has none."""
    return bodies.lengths.sum(axis=1, keepdims=True) - bodies.lengths[:, _PELVIS, None]


def _pair(xyz: NDArray, pair: tuple[int, ...], root: int) -> tuple[NDArray, NDArray]:
    """The pair's middle from ``root``, and half the way from right to left; (B, T, 3) each."""
    left, right = (xyz[:, :, joint] - xyz[:, :, root] for joint in pair)
    return (left + right) / 2, (left - right) / 2


def _chest(xyz: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The shoulders' pair from the neck, and the chest's unit vectors up and forward."""
    centre, half = _pair(xyz, _SHOULDERS, _NECK)
    left = half / np.maximum(_norm(half)[..., None], 1e-6)
    up = xyz[:, :, _NECK] - xyz[:, :, _CHEST]
    up = up - _dot(up, left)[..., None] * left
    up = up / np.maximum(_norm(up)[..., None], 1e-6)
    return centre, half, up, np.cross(left, up)


def _norm(vectors: NDArray) -> NDArray:
    return np.linalg.norm(vectors, axis=-1)


def _dot(a: NDArray, b: NDArray) -> NDArray:
    return (a * b).sum(axis=-1)


def _each(values: NDArray) -> NDArray:
    return values[:, None, None]
