"""What was detected, kept in memory while its file is the source: for the ghost in the viewport.

The .blend keeps the way to the file and not its content.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from ..keypoints.detected import Detected
from .coordinates import PicturePlane, detected_plane

# Undo may bring back any of these sources; the oldest is forgotten first.
_MOST_KEPT = 10
_MOST_BYTES = 512 * 2**20
_LOOKED_AT = 300  # frames that tell how large a person is

_kept: OrderedDict[tuple[str, str, float], Detections] = OrderedDict()


@dataclass(frozen=True)
class Detections:
    """The people of a source, in the order of its list."""

    people: tuple[Detected, ...]

    _planes: dict[int, PicturePlane] = field(default_factory=dict, repr=False)

    def plane(self, index: int, tall: float) -> PicturePlane:
        """How the picture lies in the scene for one of them, ``tall`` scene units tall.

        Only about as it will lie once her 28 joints are known.
        """
        if index not in self._planes:
            one = self.people[index]
            frames = np.unique(np.linspace(0, len(one.track.frames) - 1, _LOOKED_AT).round())
            found = one.places(frames.astype(np.int64))
            self._planes[index] = detected_plane(*found, one.track.image_size)
        unit = self._planes[index]
        return PicturePlane(unit.units_per_pixel * tall, unit.origin_x, unit.floor_y)

    @property
    def bytes(self) -> int:
        return sum(each.track.positions.nbytes * 2 for each in self.people)


def keep_detections(source: str, style: str, fps: float, people: tuple[Detected, ...]) -> None:
    """Remember what a source has shown, in place of what it has shown before."""
    key = source, style, fps
    _kept.pop(key, None)
    if people:
        _kept[key] = Detections(people)
    while len(_kept) > 1 and (
        len(_kept) > _MOST_KEPT or sum(each.bytes for each in _kept.values()) > _MOST_BYTES
    ):
        _kept.popitem(last=False)


def find_detections(source: str, style: str, fps: float) -> Detections | None:
    """What a source has shown; None where it hasn't been read since the file was opened."""
    return _kept.get((source, style, fps))


def forget_detections() -> None:
    """Empty the store: another file is opened, or the add-on is disabled."""
    _kept.clear()
