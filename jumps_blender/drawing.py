"""What preview pictures and films are drawn with: panels, joints, bones, floors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .keypoints.detected import ENDS, STARTS
from .keypoints.sequence import JointState, PoseSequence
from .keypoints.track import PoseTrack
from .scene.look import STATE_COLOURS
from .skeletons import JOINTS, PARENTS

_MARGIN = 0.12  # of the body's size, left free around it
BACKGROUND, PANEL_COLOUR, TEXT = (24, 26, 30), (36, 39, 45), (205, 208, 214)
_FLOOR_LINE = (92, 98, 108)
_DETECTOR_DOT = (130, 134, 142)
COLOURS = {
    state: (round(255 * red), round(255 * green), round(255 * blue))
    for state, (red, green, blue) in STATE_COLOURS.items()
}
_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scenery:
    """What a preview shows besides joints in the picture.

    size: (width, height) of the picture, in whose pixels everything is
    seen: float64 (F, 28, 2), the lifted joints as Blender's camera sees them; None for a flat clip
    floor: float64 (n, 2, 2), lines on the lifted clip's floor
    world: float64 (F, 28, 3), the lifted joints, metres, z up, the camera looking along +y
    footage: gives the pictures, uint8 (h, w, 3), behind some of the frames; their longer side has
        so many pixels, with 0 as many as it has
    """

    size: tuple[int, int] = (1, 1)
    seen: NDArray[np.float64] | None = None
    floor: NDArray[np.float64] | None = None
    world: NDArray[np.float64] | None = None
    footage: Callable[[list[int], int], Iterator[NDArray[np.uint8]]] | None = None

    def behind(
        self, frames: Iterable[int], longest: int = 0
    ) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
        """Frames with what lies behind each, None without footage; longest: as ``footage`` takes"""
        rows = [int(frame) for frame in frames]
        pictures = repeat(None) if self.footage is None else self.footage(rows, longest)
        return zip(rows, pictures, strict=False)


BARE = Scenery()


class View:
    """Maps pixels of the source into a panel of the picture."""

    def __init__(
        self, points: NDArray, size: tuple[int, int], extent: NDArray, margin: float = _MARGIN
    ) -> None:
        """Points (n, 2) in the middle of ``size`` pixels that show an extent (2,) with a margin."""
        low, high = points.min(axis=0), points.max(axis=0)
        self._middle = (low + high) / 2
        self._scale = float((size / np.maximum(extent * (1 + 2 * margin), 1e-6)).min())
        self.size = size

    @classmethod
    def around(cls, points: NDArray, size: tuple[int, int], margin: float = _MARGIN) -> View:
        """One that shows all of the points (n, 2)."""
        return cls(points, size, points.max(axis=0) - points.min(axis=0), margin)

    def __call__(self, point: NDArray) -> tuple[float, float]:
        x, y = (point - self._middle) * self._scale + np.array(self.size) / 2
        return float(x), float(y)

    def panel(self, picture: NDArray[np.uint8] | None, size: tuple[int, int]) -> Image.Image:
        """An empty panel, or its part of a picture that fills ``size`` pixels of the source."""
        if picture is None:
            return Image.new("RGB", self.size, PANEL_COLOUR)
        to_picture = np.array(picture.shape[1::-1]) / size
        # Shrunk by a whole number first: what lies between samples would flicker otherwise.
        fewer = max(int(to_picture.min() / self._scale), 1)
        half = np.array(self.size) / (2 * self._scale)
        box = np.array([self._middle - half, self._middle + half]) * to_picture / fewer
        image = Image.fromarray(picture).reduce(fewer)
        return image.transform(
            self.size,
            Image.Transform.EXTENT,
            tuple(box.ravel().tolist()),
            Image.Resampling.BILINEAR,
            fillcolor=PANEL_COLOUR,
        )


def draw_input(
    draw: ImageDraw.ImageDraw,
    view: View,
    track: PoseTrack,
    sequence: PoseSequence,
    _scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    draw_detected(draw, view, track, frame, size)
    seen = sequence.state[frame] == JointState.OBSERVED
    positions = sequence.positions[frame]
    colour = COLOURS[JointState.OBSERVED]
    for a, b in zip(STARTS, ENDS, strict=True):
        if seen[a] and seen[b]:
            draw.line((*view(positions[a]), *view(positions[b])), colour, round(2 * size))
    for point in positions[seen]:
        dot(draw, view(point), 3.2 * size, colour)


def draw_detected(
    draw: ImageDraw.ImageDraw, view: View, track: PoseTrack, frame: int, size: float
) -> None:
    """What the file gives, as grey dots."""
    for point in track.positions[frame][track.present[frame]]:
        dot(draw, view(point), 2.0 * size, _DETECTOR_DOT)


def draw_result(
    draw: ImageDraw.ImageDraw,
    view: View,
    _track: PoseTrack,
    sequence: PoseSequence,
    _scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    draw_joints(draw, view, sequence.positions[frame], sequence.state[frame], size)


def draw_seen(
    draw: ImageDraw.ImageDraw,
    view: View,
    _track: PoseTrack,
    sequence: PoseSequence,
    scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    draw_lines(draw, view, scenery.floor if scenery.floor is not None else ())
    if scenery.seen is not None:
        draw_joints(draw, view, scenery.seen[frame], sequence.state[frame], size)


def draw_lines(draw: ImageDraw.ImageDraw, view: View, lines: Iterable[NDArray]) -> None:
    """The floor's lines, (2, 2) each."""
    for start, end in lines:
        draw.line((*view(start), *view(end)), _FLOOR_LINE, 1)


def draw_joints(
    draw: ImageDraw.ImageDraw, view: View, positions: NDArray, states: NDArray, size: float
) -> None:
    """Bones and joints (28, 2)."""
    state = [JointState(value) for value in states]
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        # A bone is as sure as the less sure of its ends; a lost joint shows before a new one.
        worst = max(state[joint], state[parent], key=_doubt)
        line = (*view(positions[parent]), *view(positions[joint]))
        draw.line(line, COLOURS[worst], round(2 * size))
    for joint in sorted(range(len(JOINTS)), key=lambda j: _doubt(state[j])):
        dot(draw, view(positions[joint]), 3.2 * size, COLOURS[state[joint]])


def _doubt(state: JointState) -> int:
    return (JointState.OBSERVED, JointState.UPSAMPLED, JointState.INPAINTED).index(state)


def label(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int) -> None:
    """Text that can be read before any picture."""
    font = ImageFont.load_default(size)
    draw.text(at, text, TEXT, font, stroke_width=2, stroke_fill=BACKGROUND)


def dot(draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, colour: _Colour) -> None:
    x, y = at
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
