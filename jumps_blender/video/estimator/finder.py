"""People in one frame after the other, found alike whether or not the run was ended in between.

Estimators that follow people depend on all that they have seen since they were made. So one is made
anew for each part of a video, a fixed number of frames, and led in by the last frames of the part
before: a run that goes on does so at the start of a part, and finds what it would have found.
"""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Callable, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError
from .records import ASSUMED_FPS, MAX_PEOPLE

if TYPE_CHECKING:
    from .frames import Frame, Video

# Where an estimator is led to the people that were found before: how much around them it sees at
# first, in their size, and for which share of the frames.
_ROOM, _NEAR = 2.0, 0.25


class Estimator(Protocol):
    """What each estimator's module has as ``Estimator``, made with the models' paths by name and
    with the most people to find (0: as it usually does).

    Beside it a module has ``SCORES``, the C scores of each joint, ``confidence``, which makes one
    of them, and ``LEAD_IN``, frames that lead it to a person in the midst of a video; 0 where each
    picture is looked at by itself.
    """

    version: str

    def find(self, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:
        """People in a picture (h, w, 3), RGB: (people, K, 2 + C), x and y in its pixels, scores."""

    def close(self) -> None:
        """Let go of its memory and threads; not to be used any more."""


class Finder:
    """Finds the people in frames that are given to it in order; see the module's text."""

    def __init__(
        self,
        make: Callable[[], Estimator],
        film: Video,
        shape: tuple[int, int],
        lead_in: int,
        part: int,
    ) -> None:
        """Nothing is made before it is needed.

        shape: K joints, and C scores of each
        lead_in: frames at the end of a part by which the next one's estimator is led in
        part: frames for which an estimator is used, at least ``lead_in``; where that is 0, one is
            used for all
        """
        self._make, self._film, self._shape = make, film, shape
        self._lead_in, self._part = lead_in, part
        self._current: Estimator | None = None
        # Pictures and their seconds: two estimators at once would take more memory.
        self._leading: list[tuple[NDArray[np.uint8], float]] = []

    @property
    def version(self) -> str:
        """The estimator's."""
        self._current = self._current or self._make()
        return self._current.version

    def find(self, frame: Frame, number: int) -> NDArray[np.float32]:
        """The people in a frame, in pixels of the whole picture; joints that are no numbers are 0.

        number: of the frame, among those that are looked at, from 0
        """
        if self._lead_in and number % self._part == 0:
            self._begin_part()
        joints = np.zeros((0, self._shape[0], 2 + self._shape[1]), np.float32)
        if frame.picture is not None:
            self._current = self._current or self._make()
            joints = self._found(self._current, frame, frame.picture, joints.shape[1:])
        self.lead_in(frame, number, joints)
        return joints

    def lead_in(self, frame: Frame, number: int, joints: NDArray[np.float32]) -> None:
        """Keep what lets the next part's estimator find those who were found in this one's end.

        It begins with what is around them, and sees more with each frame until it is the whole
        picture: in the whole picture it might begin with somebody else.

        joints: those that were found in the frame, in pixels of the whole picture
        """
        left = self._part - 1 - number % self._part
        if left >= self._lead_in or frame.picture is None:
            return
        passed = 1 - left / self._lead_in
        around = _around(frame.picture, joints, self._film.size, passed)
        self._leading.append((around.copy(), self._seconds(frame)))

    def _begin_part(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None
            _give_back_memory()
        for picture, seconds in self._leading:
            self._current = self._current or self._make()
            self._current.find(picture, seconds)
        self._leading.clear()

    def _found(
        self,
        estimator: Estimator,
        frame: Frame,
        picture: NDArray[np.uint8],
        person: tuple[int, ...],
    ) -> NDArray[np.float32]:
        joints = estimator.find(picture, self._seconds(frame))
        if joints.shape[1:] != person:
            raise JumpsError(
                f"The model finds {joints.shape[1]} joints in place of {person[0]}; choose another."
            )
        height, width = picture.shape[:2]
        joints[..., :2] *= np.array(self._film.size, np.float32) / (width, height)
        joints[~np.isfinite(joints).all(axis=2)] = 0
        return joints[joints.any(axis=(1, 2))][:MAX_PEOPLE]

    def _seconds(self, frame: Frame) -> float:
        """A frame's time, also where it isn't known."""
        if math.isfinite(frame.time):
            return frame.time
        return frame.index / (self._film.fps or ASSUMED_FPS)


def _give_back_memory() -> None:
    """Give back what an estimator that was closed had: glibc keeps it otherwise, and what is made
    next doesn't fit into its pieces. Elsewhere the system does so by itself."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def _around(
    picture: NDArray[np.uint8], joints: NDArray[np.float32], size: tuple[int, int], passed: float
) -> NDArray[np.uint8]:
    """What of a picture an estimator sees that is led in.

    joints: those of the people to whom it is led, in pixels of a picture of that (width, height)
    passed: share of the frames that lead it in, in [0, 1]
    """
    if not len(joints):
        return picture
    height, width = picture.shape[:2]
    places = joints[..., :2].reshape(-1, 2) * (np.array([width, height]) / size)
    low, high = places.min(axis=0), places.max(axis=0)
    middle, reach = (low + high) / 2, _ROOM / 2 * (high - low).max()
    near = np.concatenate([middle - reach, middle + reach])
    share = max((passed - _NEAR) / (1 - _NEAR), 0.0) ** 2
    sides = (1 - share) * near + share * np.array([0, 0, width, height])
    left, top = np.clip(sides[:2], 0, (width - 2, height - 2)).astype(int)
    right, below = np.clip(np.ceil(sides[2:]), (left + 2, top + 2), (width, height)).astype(int)
    return picture[top:below, left:right]
