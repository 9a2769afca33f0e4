"""Virtual cameras: pinhole projection of motion capture to pixels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeletons import joint_index

WIDTH, HEIGHT, FOCAL = 1920, 1080, 1500.0
_PELVIS, _HEAD, _HEAD_TOP = joint_index("pelvis"), joint_index("head"), joint_index("head_top")
_NOMINAL_HEAD = 0.20  # metres, where head or head top was not measured


@dataclass(frozen=True)
class Camera:
    """A static pinhole camera.

    position: float64 (3,), metres, world axes (z up)
    axes: float64 (3, 3), rows right, down and forward in world axes
    """

    position: NDArray[np.float64]
    axes: NDArray[np.float64]

    def local(self, xyz: NDArray) -> NDArray[np.float64]:
        """Points (…, 3), metres, in the camera's axes: right, down, forward."""
        return np.asarray((xyz - self.position) @ self.axes.T)

    def project(self, xyz: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pixels (…, 2), x right and y down, and depth (…,) in metres of points (…, 3)."""
        local = self.local(xyz)
        depth = local[..., 2]
        pixels = local[..., :2] / depth[..., None] * FOCAL + (WIDTH / 2, HEIGHT / 2)
        return pixels.astype(np.float32), depth.astype(np.float32)


def look_at(target: NDArray, yaw: float, elevation: float, roll: float, distance: float) -> Camera:
    """A camera at ``distance`` metres from ``target``, angles in radians.

    ``elevation`` above zero looks down from above; ``roll`` turns the picture about its centre.
    """
    backward = np.array(
        [np.cos(elevation) * np.cos(yaw), np.cos(elevation) * np.sin(yaw), np.sin(elevation)]
    )
    right = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    down = np.cross(-backward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    axes = np.stack([cos * right + sin * down, cos * down - sin * right, -backward])
    return Camera(np.asarray(target, float) + distance * backward, axes)


def protocol_camera(clip_id: str, seed: int, number: int, pelvis: NDArray) -> Camera:
    """The evaluation protocol's camera ``number`` for a clip.

    pelvis: (F, 3) metres. Yaw is uniform over 360 degrees, elevation over -15 to 30, roll over
    +-5, distance over 2.5 to 8.5 m plus half the clip's extent, which is the pelvis' greatest
    distance from its mean; drawn in this order from a generator seeded by
    (crc32(clip_id), seed, number).
    """
    rng = np.random.default_rng([zlib.crc32(clip_id.encode()), seed, number])
    yaw = rng.uniform(0, 2 * np.pi)
    elevation = np.deg2rad(rng.uniform(-15, 30))
    roll = np.deg2rad(rng.uniform(-5, 5))
    centre = pelvis.mean(axis=0, dtype=np.float64)
    half_extent = float(np.linalg.norm(pelvis - centre, axis=1).max())
    return look_at(centre, yaw, elevation, roll, rng.uniform(2.5, 8.5) + half_extent)


def head_size_px(xyz: NDArray, valid: NDArray[np.bool_], depth: NDArray) -> NDArray[np.float32]:
    """The protocol's unit of error, (…, F) pixels: head size seen at the pelvis' depth.

    xyz (…, F, 28, 3) metres; valid (…, 28); depth (…, F, 28) metres.
    """
    head = np.linalg.norm(xyz[..., _HEAD, :] - xyz[..., _HEAD_TOP, :], axis=-1).mean(axis=-1)
    is_known = valid[..., _HEAD] & valid[..., _HEAD_TOP] & (head > 0)
    head = np.where(is_known, head, _NOMINAL_HEAD)
    return (head[..., None] * FOCAL / depth[..., _PELVIS]).astype(np.float32)
