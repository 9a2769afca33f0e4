"""PoseSequence: the 28-joint result, as it is written to NPZ and JSON and into the scene."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class JointState(IntEnum):
    """Where a joint's position in a frame comes from."""

    OBSERVED = 0  # given by the file
    INPAINTED = 1  # the file has this joint, but not in this frame
    UPSAMPLED = 2  # the file never has this joint


@dataclass(frozen=True)
class PoseSequence:
    """28 joints over F frames, complete and finite.

    positions: float32 (F, 28, 2), pixels of the source, x right, y down
    state: int8 (F, 28), JointState
    confidence: float32 (F, 28) in [0, 1]; the file's where observed, otherwise 0
    uncertainty: float32 (F, 28), pixels, one standard deviation along each axis
    times: float64 (F,), seconds, strictly increasing
    fps: frames per second
    image_size: (width, height) in pixels or None
    person, source: which person of which file
    engine: the engine's name and its weights' identity, such as "direct 1a2b3c4d"
    """

    positions: NDArray[np.float32]
    state: NDArray[np.int8]
    confidence: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    times: NDArray[np.float64]
    fps: float
    image_size: tuple[int, int] | None
    person: str
    source: str
    engine: str
