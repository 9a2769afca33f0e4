"""What was detected, kept in memory while its file is the source: for the ghost in the viewport.

The .blend keeps the way to the file and not its content.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ..keypoints.detected import Detected

# Undo may bring back any of these sources; the oldest is forgotten first.
_MOST_KEPT = 10
_MOST_BYTES = 512 * 2**20

_kept: OrderedDict[tuple[str, str, float], Detections] = OrderedDict()


@dataclass(frozen=True)
class Detections:
    """The people of a source, in the order of its list."""

    people: tuple[Detected, ...]

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
