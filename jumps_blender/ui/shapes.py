"""Triangles of a size in pixels, wherever they are: arrays in, arrays out, drawn in one call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import gpu
import numpy as np
from bpy.types import Context
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

_BAND = np.array([(0, 1, 2), (0, 2, 3)], np.int32)  # a band's triangles, of its four corners


class Shape(NamedTuple):
    """Triangles.

    corners: float32 (C, 3); tints: float32 (C, 4), sRGB; triangles: int32 (T, 3), of corners
    """

    corners: NDArray[np.float32]
    tints: NDArray[np.float32]
    triangles: NDArray[np.int32]


@dataclass(frozen=True)
class Screen:
    """How a viewport sees: what is needed to give things a size in pixels.

    across: (2, 3), world directions of the screen's right and up, length 1
    depth: (4,), what a place (x, y, z, 1) is divided by when it is projected
    wide: pixels per scene unit where that is 1
    dpi: pixels of the screen for one pixel of the interface at scale 1
    """

    across: NDArray[np.float64]
    depth: NDArray[np.float64]
    wide: float
    dpi: float

    @classmethod
    def of(cls, context: Context) -> Screen:
        """The one that is being drawn."""
        view = context.region_data
        return cls(
            across=np.array(view.view_matrix.inverted_safe())[:3, :2].T,
            depth=np.array(view.perspective_matrix[3]),
            wide=0.5 * context.region.width * abs(view.window_matrix[0][0]),
            dpi=context.preferences.system.ui_scale,
        )

    @classmethod
    def flat(cls, dpi: float) -> Screen:
        """One whose pixels are the units of what is drawn: x to the right, y up, z nothing."""
        return cls(np.eye(2, 3), np.array([0.0, 0.0, 0.0, 1.0]), 1.0, dpi)

    def pixels_per_unit(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) pixels that a scene unit takes at each of the points (N, 3), above 0."""
        depth = points @ self.depth[:3] + self.depth[3]
        # Behind the viewer there is nothing to see, whatever its size.
        return np.asarray(self.wide / np.maximum(depth, 1e-6))


def discs(
    screen: Screen,
    points: NDArray[np.float64],
    tints: NDArray[np.float32],
    pixels: NDArray[np.float64] | float,
    sides: int = 12,
) -> Shape:
    """A disc at each point (N, 3), or several over each other.

    tints: (L, N, 4), of each layer from the lowest up; pixels: (L, 1) or one for all, their radius
        at a resolution scale of 1
    """
    radius = pixels * screen.dpi / screen.pixels_per_unit(points)
    rim = _circle(sides) @ screen.across
    corners = np.empty((*tints.shape[:2], sides, 3), np.float32)
    np.add(points[:, None], radius[..., None, None] * rim, out=corners, casting="same_kind")
    return _alike(corners, tints, _fan(sides))


@cache
def _circle(sides: int) -> NDArray[np.float64]:
    angles = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], -1)


@cache
def _fan(sides: int) -> NDArray[np.int32]:
    """A polygon's triangles, which all share its first corner."""
    return np.array([(0, side, side + 1) for side in range(1, sides - 1)], np.int32)


def _alike(
    corners: NDArray[np.float32], tints: NDArray[np.float32], triangles: NDArray[np.int32]
) -> Shape:
    """Polygons with corners (L, N, C, 3), a tint each (L, N, 4) and the same triangles (T, 3)."""
    layers, count, sides = corners.shape[:3]
    first = np.arange(0, layers * count * sides, sides, dtype=np.int32)
    return Shape(
        corners.reshape(-1, 3),
        np.repeat(tints.reshape(-1, 4), sides, axis=0),
        (first[:, None, None] + triangles).reshape(-1, 3),
    )


def bands(
    screen: Screen,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    tints: NDArray[np.float32],
    pixels: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Shape:
    """A band between each of two points (N, 3), or several over each other.

    tints: (L, N, 4), of each layer from the lowest up; pixels: (L, N) or (L, 1), how wide they are
        at their starts and at their ends
    """
    along = (end - start) @ screen.across.T
    length = np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9)
    aside = (along[:, ::-1] * (-0.5, 0.5) / length) @ screen.across
    near = (pixels[0] / screen.pixels_per_unit(start))[..., None] * aside
    far = (pixels[1] / screen.pixels_per_unit(end))[..., None] * aside
    corners = np.empty((*tints.shape[:2], 4, 3), np.float32)
    corners[:, :, 0], corners[:, :, 1] = start + near, start - near
    corners[:, :, 2], corners[:, :, 3] = end - far, end + far
    return _alike(corners, tints, _BAND)


def cross_ends(
    screen: Screen, points: NDArray[np.float64], pixels: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which points (2N, 3) bands make an X at each point (N, 3).

    pixels: from its middle to the sides of the square that it fills, at a resolution scale of 1
    """
    reach = (pixels * screen.dpi / screen.pixels_per_unit(points))[:, None]
    rising, falling = (
        reach * (screen.across[0] + screen.across[1]),
        reach * (screen.across[0] - screen.across[1]),
    )
    start = np.concatenate([points - rising, points - falling])
    return start, np.concatenate([points + rising, points + falling])


def joined(shapes: list[Shape]) -> Shape:
    """All of them as one, back to front."""
    first, triangles = 0, []
    for shape in shapes:
        triangles.append(shape.triangles + np.int32(first))
        first += len(shape.corners)
    corners, tints, _ = zip(*shapes, strict=True)
    return Shape(np.concatenate(corners), np.concatenate(tints), np.concatenate(triangles))


def draw(shape: Shape) -> None:
    """Draw them with the matrices that are set; one call, because each one costs milliseconds
    under software rendering.
    """
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    pieces = {"pos": shape.corners, "color": shape.tints}
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("NONE")
    batch_for_shader(shader, "TRIS", pieces, indices=shape.triangles).draw(shader)
    gpu.state.blend_set("NONE")
