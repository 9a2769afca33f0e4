"""SpaceSequence: the 28 joints in space, on a floor, before a camera that stands or moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sequence import PoseSequence

# The parts of the feet that may stand: heels, by their ankles, and the balls and toes together.
CONTACTS = ("l_ankle", "l_toe", "r_ankle", "r_toe")
# The joints that are moved to hold a standing foot.
HELD = tuple(f"{side}_{part}" for side in "lr" for part in ("knee", "ankle", "foot", "toe"))


@dataclass(frozen=True)
class Lens:
    """A pinhole camera's inside: focal length and the picture's point straight ahead, pixels."""

    focal: float
    centre: tuple[float, float]


@dataclass(frozen=True)
class StillCamera:
    """A camera that doesn't move, in world axes (metres, z up, the floor at 0).

    turn: float64 (3, 3), from the camera's axes (right, down, forward) to the world's
    eye: float64 (3,), its place
    size: (width, height) of the picture, pixels
    """

    turn: NDArray[np.float64]
    eye: NDArray[np.float64]
    lens: Lens
    size: tuple[int, int]

    def to_world(self, points: NDArray) -> NDArray[np.float64]:
        """Points (…, 3) in the camera's axes, in the world."""
        return np.asarray(points @ self.turn.T + self.eye)

    def to_camera(self, points: NDArray) -> NDArray[np.float64]:
        """Points (…, 3) in the world, in the camera's axes."""
        return np.asarray((points - self.eye) @ self.turn)

    def project(self, points: NDArray) -> NDArray[np.float64]:
        """Pixels (…, 2), x right and y down, of points (…, 3) in the world before the camera."""
        local = self.to_camera(points)
        depth = np.maximum(local[..., 2:], 1e-6)
        return np.asarray(local[..., :2] / depth * self.lens.focal + self.lens.centre)


@dataclass(frozen=True)
class MovingCamera:
    """A camera whose way is known, in a world of its own (metres, z up) for each of F frames.

    turn: float64 (F, 3, 3), from the camera's axes (right, down, forward) to the world's
    eye: float64 (F, 3), its places
    size: (width, height) of the picture, pixels
    """

    turn: NDArray[np.float64]
    eye: NDArray[np.float64]
    lens: Lens
    size: tuple[int, int]

    def to_world(self, points: NDArray) -> NDArray[np.float64]:
        """Points (F, n, 3) in the camera's axes, in the world."""
        return np.asarray(points @ self.turn.swapaxes(-1, -2) + self.eye[:, None])

    def to_camera(self, points: NDArray) -> NDArray[np.float64]:
        """Points (F, n, 3) in the world, in the camera's axes."""
        return np.asarray((points - self.eye[:, None]) @ self.turn)

    def at(self, known: NDArray[np.float64], times: NDArray[np.float64]) -> MovingCamera:
        """The same at other times, in between those (F,) at which it is known; held at the ends."""
        after = np.clip(np.searchsorted(known, times), 1, max(len(known) - 1, 1))
        after, before = np.minimum(after, len(known) - 1), after - 1
        span = np.maximum(known[after] - known[before], 1e-9)
        share = np.clip((times - known[before]) / span, 0, 1)[:, None]
        eye = (1 - share) * self.eye[before] + share * self.eye[after]
        mixed = (1 - share)[..., None] * self.turn[before] + share[..., None] * self.turn[after]
        u, _, vt = np.linalg.svd(mixed)  # the nearest turns
        return MovingCamera(u @ vt, eye, self.lens, self.size)


@dataclass(frozen=True)
class SpaceSequence:
    """28 joints over F frames in space; complete and finite.

    picture: the same joints as the camera saw them, with their states and times
    positions: float32 (F, 28, 3), metres, world axes: z up, the floor at 0; a still camera looks
        along +y, and the first frame's pelvis is over the origin; a moving one has its own world
    uncertainty: float32 (F, 28), metres, one standard deviation along each axis
    contact: float32 (F, 4), probability that the parts of the feet stand, as ``CONTACTS``
    stands: bool (F, 4), which of them are taken to stand
    free: float32 (F, 8, 3), the joints ``HELD`` before standing feet were held; as positions
    height: the person's standing height, metres
    lifter: the weights' identity, such as "lift 1a2b3c4d"
    """

    picture: PoseSequence
    positions: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    contact: NDArray[np.float32]
    stands: NDArray[np.bool_]
    free: NDArray[np.float32]
    camera: StillCamera | MovingCamera
    height: float
    lifter: str
