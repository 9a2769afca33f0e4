"""Preview pictures and films: the input above, the 28 joints below, coloured by state.

What was lifted is shown as Blender's camera sees it, on its floor; footage lies behind it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .errors import JumpsError
from .files import written_whole
from .keypoints.sequence import JointState, PoseSequence
from .keypoints.track import PoseTrack
from .scene.look import STATE_COLOURS
from .skeletons import JOINTS, PARENTS, joint_index

_COLUMNS = 8
_PANEL = (220, 300)  # pixels, width and height
_FILM_PANEL = (480, 540)
_MARGIN = 0.12  # of the body's size, left free around it
_BACKGROUND, _PANEL_COLOUR, _TEXT = (24, 26, 30), (36, 39, 45), (205, 208, 214)
_FLOOR_LINE = (92, 98, 108)
_DETECTOR_DOT = (130, 134, 142)
_COLOURS = {
    state: (round(255 * red), round(255 * green), round(255 * blue))
    for state, (red, green, blue) in STATE_COLOURS.items()
}
_WORDS = {
    JointState.OBSERVED: "observed",
    JointState.INPAINTED: "inpainted",
    JointState.UPSAMPLED: "upsampled",
}
# The lines that a 12-joint skeleton is drawn with.
_INPUT_LINES = [
    tuple(joint_index(name) for name in pair)
    for pair in (
        *(("l_shoulder", "r_shoulder"), ("l_hip", "r_hip")),
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("l", "r")
            for a, b in (
                *(("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand")),
                *(("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "toe")),
            )
        ),
    )
]
_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scenery:
    """What a preview shows besides joints in the picture.

    size: (width, height) of the picture, in whose pixels everything is
    seen: float64 (F, 28, 2), the lifted joints as Blender's camera sees them; None for a flat clip
    floor: float64 (n, 2, 2), lines on the lifted clip's floor
    footage: gives the pictures, uint8 (h, w, 3) of any size, behind some of the frames
    """

    size: tuple[int, int] = (1, 1)
    seen: NDArray[np.float64] | None = None
    floor: NDArray[np.float64] | None = None
    footage: Callable[[list[int]], Iterator[NDArray[np.uint8]]] | None = None

    def behind(self, frames: Iterable[int]) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
        """Frames with what lies behind each, None without footage."""
        rows = [int(frame) for frame in frames]
        pictures = repeat(None) if self.footage is None else self.footage(rows)
        return zip(rows, pictures, strict=False)


_BARE = Scenery()


class _View:
    """Maps pixels of the source into a panel of the picture."""

    def __init__(self, points: NDArray, size: tuple[int, int], extent: NDArray) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        self._middle = (low + high) / 2
        self._scale = float((size / np.maximum(extent * (1 + 2 * _MARGIN), 1e-6)).min())
        self._size = size

    def __call__(self, point: NDArray) -> tuple[float, float]:
        x, y = (point - self._middle) * self._scale + np.array(self._size) / 2
        return float(x), float(y)

    def panel(self, picture: NDArray[np.uint8] | None, size: tuple[int, int]) -> Image.Image:
        """An empty panel, or its part of a picture that fills ``size`` pixels of the source."""
        if picture is None:
            return Image.new("RGB", self._size, _PANEL_COLOUR)
        to_picture = np.array(picture.shape[1::-1]) / size
        # Shrunk by a whole number first: what lies between samples would flicker otherwise.
        fewer = max(int(to_picture.min() / self._scale), 1)
        half = np.array(self._size) / (2 * self._scale)
        box = np.array([self._middle - half, self._middle + half]) * to_picture / fewer
        image = Image.fromarray(picture).reduce(fewer)
        return image.transform(
            self._size,
            Image.Transform.EXTENT,
            tuple(box.ravel().tolist()),
            Image.Resampling.BILINEAR,
            fillcolor=_PANEL_COLOUR,
        )


def write_preview(
    track: PoseTrack,
    sequence: PoseSequence,
    path: Path,
    progress: Callable[[float], None] | None = None,
    scenery: Scenery = _BARE,
) -> None:
    """Write a filmstrip (``.png``) or a film (``.mp4``) of a track and its result.

    Raises JumpsError for another suffix or where the file cannot be written.
    """
    if path.suffix.lower() == ".png":
        with written_whole(path) as temporary:
            filmstrip(track, sequence, scenery).save(temporary, format="PNG")
    elif path.suffix.lower() == ".mp4":
        with written_whole(path) as temporary:
            _write_film(track, sequence, temporary, progress, scenery)
    else:
        raise JumpsError(f"{path}: a preview is a .png or an .mp4.")


def filmstrip(track: PoseTrack, sequence: PoseSequence, scenery: Scenery = _BARE) -> Image.Image:
    """Eight moments of the clip at one scale: input above, result below, last what was lifted."""
    frames = np.unique(np.linspace(0, len(sequence.times) - 1, _COLUMNS).round().astype(int))
    width, height = _PANEL
    top, bottom, gap = 34, 34, 4
    painters = (_draw_input, _draw_result) + ((_draw_seen,) if scenery.seen is not None else ())
    image = Image.new(
        "RGB",
        (len(frames) * (width + gap) + gap, top + len(painters) * (height + gap) + bottom),
        _BACKGROUND,
    )
    draw = ImageDraw.Draw(image)
    extent = _extent(sequence.positions[frames])
    for column, (frame, picture) in enumerate(scenery.behind(frames)):
        x = gap + column * (width + gap)
        view = _View(sequence.positions[frame], _PANEL, extent)
        for row, painter in enumerate(painters):
            panel = view.panel(picture, scenery.size)
            painter(ImageDraw.Draw(panel), view, track, sequence, scenery, frame, 1.0)
            image.paste(panel, (x, top + row * (height + gap)))
        label = f"{sequence.times[frame]:.2f} s"
        _label(draw, (x + 8, top + 6), label, 13)
    _draw_legend(draw, image.height - bottom + 8, track, sequence, scenery)
    title = f"{Path(track.source).name}, person {track.person}: {len(sequence.times)} frames"
    draw.text((gap + 4, 8), title, _TEXT, ImageFont.load_default(15))
    return image


def _extent(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest width and height of the bodies (n, 28, 2), pixels."""
    return (positions.max(axis=1) - positions.min(axis=1)).max(axis=0)


def _draw_input(
    draw: ImageDraw.ImageDraw,
    view: _View,
    track: PoseTrack,
    sequence: PoseSequence,
    _scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    for point in track.positions[frame][track.present[frame]]:
        _dot(draw, view(point), 2.0 * size, _DETECTOR_DOT)
    seen = sequence.state[frame] == JointState.OBSERVED
    positions = sequence.positions[frame]
    colour = _COLOURS[JointState.OBSERVED]
    for a, b in _INPUT_LINES:
        if seen[a] and seen[b]:
            draw.line((*view(positions[a]), *view(positions[b])), colour, round(2 * size))
    for point in positions[seen]:
        _dot(draw, view(point), 3.2 * size, colour)


def _draw_result(
    draw: ImageDraw.ImageDraw,
    view: _View,
    _track: PoseTrack,
    sequence: PoseSequence,
    _scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    _draw_joints(draw, view, sequence.positions[frame], sequence.state[frame], size)


def _draw_seen(
    draw: ImageDraw.ImageDraw,
    view: _View,
    _track: PoseTrack,
    sequence: PoseSequence,
    scenery: Scenery,
    frame: int,
    size: float,
) -> None:
    for start, end in scenery.floor if scenery.floor is not None else ():
        draw.line((*view(start), *view(end)), _FLOOR_LINE, 1)
    if scenery.seen is not None:
        _draw_joints(draw, view, scenery.seen[frame], sequence.state[frame], size)


def _draw_joints(
    draw: ImageDraw.ImageDraw, view: _View, positions: NDArray, states: NDArray, size: float
) -> None:
    """Bones and joints (28, 2)."""
    state = [JointState(value) for value in states]
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        # A bone is as sure as the less sure of its ends; a lost joint shows before a new one.
        worst = max(state[joint], state[parent], key=_doubt)
        line = (*view(positions[parent]), *view(positions[joint]))
        draw.line(line, _COLOURS[worst], round(2 * size))
    for joint in sorted(range(len(JOINTS)), key=lambda j: _doubt(state[j])):
        _dot(draw, view(positions[joint]), 3.2 * size, _COLOURS[state[joint]])


def _doubt(state: JointState) -> int:
    return (JointState.OBSERVED, JointState.UPSAMPLED, JointState.INPAINTED).index(state)


def _draw_legend(
    draw: ImageDraw.ImageDraw, y: int, track: PoseTrack, sequence: PoseSequence, scenery: Scenery
) -> None:
    font, x = ImageFont.load_default(14), 12
    for state, word in _WORDS.items():
        share = float((sequence.state == state).mean())
        text = f"{word} {share:.0%}"
        _dot(draw, (x, y + 9), 5, _COLOURS[state])
        draw.text((x + 10, y), text, _TEXT, font)
        x += 24 + round(draw.textlength(text, font))
    about = f"above: {track.joint_set.name} as read    below: 28 joints, {sequence.engine}"
    if scenery.seen is not None:
        about += "    last: lifted, through Blender's camera"
    draw.text((x + 10, y), about, _TEXT, font)


def _label(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int) -> None:
    """Text that can be read before any picture."""
    font = ImageFont.load_default(size)
    draw.text(at, text, _TEXT, font, stroke_width=2, stroke_fill=_BACKGROUND)


def _dot(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, colour: _Colour
) -> None:
    x, y = at
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _write_film(
    track: PoseTrack,
    sequence: PoseSequence,
    path: Path,
    progress: Callable[[float], None] | None,
    scenery: Scenery,
) -> None:
    """H.264 at the clip's rate; the camera holds still, so that the motion is the person's."""
    try:
        import av
    except ImportError as error:
        raise JumpsError(
            "An .mp4 preview needs PyAV (pip install av); choose a .png instead."
        ) from error
    width, height = _FILM_PANEL
    points = sequence.positions.reshape(-1, 2)
    extent = points.max(axis=0) - points.min(axis=0)
    with av.open(str(path), "w", format="mp4") as film:
        rate = Fraction(sequence.fps).limit_denominator(1001)
        stream = film.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, 2 * height, "yuv420p"
        below = _draw_result if scenery.seen is None else _draw_seen
        view = _View(points, _FILM_PANEL, extent)
        for frame, picture in scenery.behind(range(len(sequence.times))):
            if progress is not None:
                progress(frame / len(sequence.times))
            image = Image.new("RGB", (width, 2 * height), _BACKGROUND)
            for row, painter in enumerate((_draw_input, below)):
                panel = view.panel(picture, scenery.size)
                painter(ImageDraw.Draw(panel), view, track, sequence, scenery, frame, 1.4)
                image.paste(panel, (0, row * height))
            draw = ImageDraw.Draw(image)
            draw.line((0, height, width, height), _BACKGROUND, 2)
            _label(draw, (10, 8), f"{sequence.times[frame]:.2f} s", 16)
            film.mux(stream.encode(av.VideoFrame.from_image(image)))
        film.mux(stream.encode())
