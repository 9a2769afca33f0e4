"""The one place where pixels (x right, y down) become Blender's units (z up) and back.

A clip that isn't lifted is shown on a plane facing the viewer, as in the picture: the picture's
right is +x, its up is +z, and y is 0 everywhere, so Blender's front view (-Y looking along +Y)
shows the picture unmirrored. The person's height gives the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeletons import PARENTS, joint_index

# Bones whose lengths, added up, run from the crown to the ankles; legs count half for each side.
_AXIAL = ("head_top", "head", "neck", "spine4", "spine3", "spine2", "spine")
_LEGS = ("l_knee", "l_ankle", "r_knee", "r_ankle")
_FEET = [joint_index(f"{side}_{part}") for side in "lr" for part in ("ankle", "foot", "toe")]
_PELVIS = joint_index("pelvis")
_HIPS = [joint_index("l_hip"), joint_index("r_hip")]

# A bone turned out of the picture plane only looks shorter, so an upper percentile over the clip
# is its true length; higher percentiles pick the frames in which the person came nearer.
_LENGTH_PERCENTILE = 75.0
# Standing height over the chain's length measured that way: the median over 393 clips of CMU
# motion (36 subjects, 1.5 to 1.9 m), each seen by three random perspective cameras 2.5-8.5 m away,
# from 15 degrees below to 30 above. Half of the views lie within 3 % of it, 90 % within 10 %.
_HEIGHT_PER_CHAIN = 1.023
# Of the lowest point of the feet in each frame; the rest is below the floor: noise, or steps
# towards a camera that looks down.
_FLOOR_PERCENTILE = 95.0
# Of a standing adult's height, from the line of the shoulders to the ankles (Drillis and Contini,
# Body Segment Parameters, 1966).
_SHOULDER_TO_ANKLE = 0.78
# Scene units. Matrices of points much farther out overflow in Blender's single precision.
_FARTHEST = 1e6
# A person that is a point in the picture has no size: take one for whom 1 px is 1/500 of it.
_FALLBACK_HEIGHT = 500.0


@dataclass(frozen=True)
class PicturePlane:
    """Maps pixels of the source to the plane y = 0 in the space of a result's root object.

    units_per_pixel: scene units for one pixel, above 0
    origin_x: pixel column at x = 0
    floor_y: pixel row at z = 0
    """

    units_per_pixel: float
    origin_x: float
    floor_y: float

    def to_scene(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (..., 2), x right, y down -> scene units (..., 3), x right, y 0, z up.

        Points beyond a million units are moved there.
        """
        points = np.zeros((*pixels.shape[:-1], 3))
        points[..., 0] = (pixels[..., 0].astype(np.float64) - self.origin_x) * self.units_per_pixel
        points[..., 2] = (self.floor_y - pixels[..., 1].astype(np.float64)) * self.units_per_pixel
        return np.clip(points, -_FARTHEST, _FARTHEST)

    def to_pixels(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scene units (..., 3) -> pixels (..., 2); the inverse of ``to_scene``."""
        pixels = np.empty((*points.shape[:-1], 2))
        pixels[..., 0] = points[..., 0] / self.units_per_pixel + self.origin_x
        pixels[..., 1] = self.floor_y - points[..., 2] / self.units_per_pixel
        return pixels


def picture_plane(positions: NDArray[np.floating], height: float) -> PicturePlane:
    """Scale and place a clip: the person ``height`` tall, feet at z = 0, first pelvis at x = 0.

    positions: (F, 28, 2), pixels, finite
    height: the person's standing height, scene units
    """
    pixels = positions.astype(np.float64)
    lowest = pixels[:, _FEET, 1].max(axis=1)
    return PicturePlane(
        units_per_pixel=height / standing_height(pixels),
        origin_x=float(pixels[0, _PELVIS, 0]),
        floor_y=float(np.percentile(lowest, _FLOOR_PERCENTILE)),
    )


def detected_plane(
    places: NDArray[np.floating], found: NDArray[np.bool_], size: tuple[int, int] | None
) -> PicturePlane:
    """About what ``picture_plane`` will say for a height of 1, before the 28 joints are known.

    places: (F, 28, 2), pixels; found: bool (F, 28), the joints that have a place
    size: (width, height) of the picture, None where that isn't known
    """

    def middle(names: Sequence[str]) -> NDArray[np.float64]:
        """(F, 2), NaN where one of them isn't there."""
        columns = [joint_index(name) for name in names]
        mean = places[:, columns].mean(axis=1, dtype=np.float64)
        mean[~found[:, columns].all(axis=1)] = np.nan
        return mean

    hips, length = middle(("l_hip", "r_hip")), 0.0
    chains = [(middle(("l_shoulder", "r_shoulder")), hips)]
    for side in "lr":
        chains += [
            (middle([f"{side}_{above}"]), middle([f"{side}_{below}"]))
            for above, below in (("hip", "knee"), ("knee", "ankle"))
        ]
    for share, (above, below) in zip((1.0, 0.5, 0.5, 0.5, 0.5), chains, strict=True):
        lengths = np.linalg.norm(above - below, axis=1)
        lengths = lengths[np.isfinite(lengths)]
        length += share * float(np.percentile(lengths, _LENGTH_PERCENTILE)) if len(lengths) else 0
    known = chains[0][0], chains[1][1], chains[2][1]
    if length < 1.0 or any(np.isnan(each).all() for each in known):
        # Too little of her is seen: as if the picture were filled.
        tall = 0.8 * size[1] if size else _FALLBACK_HEIGHT
    else:
        tall = length / _SHOULDER_TO_ANKLE
    lowest = np.where(found, places[..., 1], -np.inf).max(axis=1)
    lowest = lowest[np.isfinite(lowest)]
    across = np.where(found, places[..., 0], np.nan)[found.any(axis=1)]
    return PicturePlane(
        units_per_pixel=1.0 / tall,
        origin_x=float(np.nanmean(across[0])) if len(across) else 0.0,
        floor_y=float(np.percentile(lowest, _FLOOR_PERCENTILE)) if len(lowest) else 0.0,
    )


def space_to_scene(positions: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    """Metres (..., 3) of a lifted world, z up -> scene units, ``scale`` of them for a metre.

    Points beyond a million units are moved there.
    """
    return np.clip(positions.astype(np.float64) * scale, -_FARTHEST, _FARTHEST)


def standing_height(positions: NDArray[np.floating]) -> float:
    """The person's height when standing upright, in pixels; never 0.

    positions: (F, 28, 2), pixels, finite. It need not show the person standing: the lengths of
    the bones between crown and ankles are added up.
    """
    lengths = bone_lengths(positions, _LENGTH_PERCENTILE)
    hips = positions[:, _HIPS].mean(axis=1) - positions[:, _PELVIS]
    chain = (
        sum(lengths[joint_index(name)] for name in _AXIAL)
        + np.percentile(np.linalg.norm(hips, axis=-1), _LENGTH_PERCENTILE)
        + sum(lengths[joint_index(name)] for name in _LEGS) / 2
    )
    height = float(chain * _HEIGHT_PER_CHAIN)
    # Less than a pixel is noise; beyond 1e30, 1 px would vanish in single precision.
    return height if 1.0 <= height <= 1e30 else _FALLBACK_HEIGHT


def bone_lengths(positions: NDArray[np.floating], percentile: float) -> NDArray[np.float64]:
    """(28,) length from each joint's parent to the joint, a percentile over the clip; pelvis 0.

    positions: (F, 28, D), any unit, which is also the result's
    """
    parents = np.array([joint if parent < 0 else parent for joint, parent in enumerate(PARENTS)])
    bones = positions.astype(np.float64) - positions[:, parents].astype(np.float64)
    return np.asarray(np.percentile(np.linalg.norm(bones, axis=-1), percentile, axis=0))
