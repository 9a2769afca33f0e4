"""What every engine is: a way from an observation to an estimate of all 28 joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import WorkCancelledError
from ..keypoints.track import Observation

Progress = Callable[[float], None]  # called with the share done, in [0, 1]
CancelQuery = Callable[[], bool]  # asked often; True stops the work


@dataclass(frozen=True)
class Estimate:
    """An engine's own output for all joints, observed ones included; finite everywhere.

    positions: float32 (F, 28, 2), pixels, x right, y down
    uncertainty: float32 (F, 28), pixels, one standard deviation along each axis
    """

    positions: NDArray[np.float32]
    uncertainty: NDArray[np.float32]


class Engine(Protocol):
    """An upsampler.

    ``name`` is what users choose it by; ``identity`` adds what makes results repeatable, such as
    the weights' hash; ``on_cpu`` tells that no other device computes.
    """

    name: str
    identity: str
    on_cpu: bool

    def estimate(
        self,
        observation: Observation,
        progress: Progress | None = None,
        cancelled: CancelQuery | None = None,
    ) -> Estimate:
        """Estimate all joints; raises WorkCancelledError when ``cancelled`` answers True."""

    def use_less_memory(self) -> bool:
        """Work in smaller pieces from now on; False where they can't be smaller."""


def checkpoint(done: float, progress: Progress | None, cancelled: CancelQuery | None) -> None:
    """Between two pieces of work: ask whether to stop, tell how far it is."""
    if cancelled is not None and cancelled():
        raise WorkCancelledError
    if progress is not None:
        progress(done)


def is_out_of_memory(error: BaseException) -> bool:
    """PyTorch's own error (told by its name, without importing it), or one that says so."""
    named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return named or "out of memory" in str(error).lower()
