"""The clip's picture as a flat thing in the scene, so that what lies in it can be drawn there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..keypoints.space import Lens
from .coordinates import PicturePlane


@dataclass(frozen=True)
class Canvas:
    """Where pixels of a picture are in the world; all (3,), scene units.

    corner: the picture's top left; right, down: one pixel in these directions
    """

    corner: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]

    def to_world(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (..., 2), x right, y down -> world (..., 3)."""
        return np.asarray(
            self.corner + pixels[..., :1] * self.right + pixels[..., 1:2] * self.down, np.float64
        )

    def moved(self, matrix: Matrix) -> Canvas:
        """The same, with what it was in put where a matrix puts it."""
        turn, start = np.array(matrix.to_3x3()), np.array(matrix.translation)
        return Canvas(turn @ self.corner + start, turn @ self.right, turn @ self.down)


def flat_canvas(plane: PicturePlane) -> Canvas:
    """The picture of a clip that stays flat."""
    corner, right, down = plane.to_scene(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    return Canvas(corner, right - corner, down - corner)


def space_canvas(
    turn: NDArray[np.float64],
    eye: NDArray[np.float64],
    lens: Lens,
    through: NDArray[np.float64],
    scale: float,
) -> Canvas:
    """The picture of a lifted clip, held up before its camera so far away as a point is.

    turn, eye: as ``StillCamera`` has them; through: (3,), metres; scale: scene units for a metre
    """
    right, down, forward = turn.T
    depth = max(float((through - eye) @ forward), 1e-3)
    pixel = depth / lens.focal
    middle = eye + depth * forward
    corner = middle - pixel * (lens.centre[0] * right + lens.centre[1] * down)
    return Canvas(scale * corner, scale * pixel * right, scale * pixel * down)
