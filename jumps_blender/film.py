"""Films of the command line: what was filmed with the skeleton over it, beside the lifted body.

On the left is the picture as it was filmed, or, where there is no footage, what the file gave: the
detector's joints as grey dots, over them the 28. On the right the lifted body walks over its floor,
seen from the side of the camera that filmed; of a flat clip the 28 joints stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .drawing import (
    BACKGROUND,
    PANEL_COLOUR,
    Scenery,
    View,
    draw_detected,
    draw_joints,
    draw_lines,
    draw_result,
    draw_seen,
    label,
)
from .errors import JumpsError
from .files import FILM_MARK
from .keypoints.sequence import PoseSequence
from .keypoints.track import PoseTrack
from .skeletons import joint_index

_HEIGHT, _BODY_WIDTH = 720, 640  # pixels; H.264 wants even numbers
_NARROWEST, _WIDEST = 406, 1280  # of what was filmed
_BITS = 90_000  # ticks of a film's clock in a second, as usual
_ASIDE, _ABOVE = np.deg2rad(40), np.deg2rad(12)  # from where the body is seen, from the camera
_GRID = 0.5  # metres between two lines of the floor
_ROOM = 1.0  # metres of floor around the body
_FOLLOWED = 2.5  # metres; whoever goes farther is followed
_EASE = 0.5  # seconds over which following is smoothed
_PELVIS = joint_index("pelvis")


def write_film(
    track: PoseTrack,
    sequence: PoseSequence,
    path: Path,
    progress: Callable[[float], None] | None,
    scenery: Scenery,
) -> None:
    """H.264, each frame at its own time. Raises JumpsError where PyAV isn't installed."""
    try:
        import av
    except ImportError as error:
        raise JumpsError(
            "An .mp4 preview needs PyAV (pip install av); choose a .png instead."
        ) from error
    filmed = _filmed_view(sequence, scenery)
    body = _BodyView(scenery.world, sequence.times) if scenery.world is not None else None
    flat = View.around(sequence.positions.reshape(-1, 2), (_BODY_WIDTH, _HEIGHT))
    rate = Fraction(sequence.fps).limit_denominator(1001)
    ticks = np.round((sequence.times - sequence.times[0]) * _BITS).astype(np.int64)
    with av.open(str(path), "w", format="mp4") as film:
        film.metadata["comment"] = FILM_MARK
        stream = film.add_stream("libx264", rate=rate)
        stream.width, stream.height = filmed.size[0] + _BODY_WIDTH, _HEIGHT
        stream.pix_fmt = "yuv420p"
        # Phones' frames lie unevenly in time; the film's do as well.
        stream.codec_context.time_base = stream.time_base = Fraction(1, _BITS)
        wanted = scenery.behind(range(len(sequence.times)), max(filmed.size))
        for frame, picture in wanted:
            if progress is not None:
                progress(frame / len(sequence.times))
            image = Image.new("RGB", (stream.width, _HEIGHT), BACKGROUND)
            left = filmed.panel(picture, scenery.size)
            draw = ImageDraw.Draw(left)
            draw_detected(draw, filmed, track, frame, 1.4)
            over = draw_result if scenery.seen is None else draw_seen
            over(draw, filmed, track, sequence, scenery, frame, 1.4)
            label(draw, (10, 8), f"{sequence.times[frame]:.2f} s", 18)
            image.paste(left, (0, 0))
            right = Image.new("RGB", (_BODY_WIDTH, _HEIGHT), PANEL_COLOUR)
            draw = ImageDraw.Draw(right)
            if body is None:
                draw_result(draw, flat, track, sequence, scenery, frame, 1.6)
            else:
                body.draw(draw, frame, sequence.state[frame])
            image.paste(right, (filmed.size[0], 0))
            shown = av.VideoFrame.from_image(image)
            shown.pts, shown.time_base = int(ticks[frame]), Fraction(1, _BITS)
            film.mux(stream.encode(shown))
        film.mux(stream.encode())


def _filmed_view(sequence: PoseSequence, scenery: Scenery) -> View:
    """The whole picture where there is footage, else where the joints are."""
    if scenery.footage is None:
        return View.around(sequence.positions.reshape(-1, 2), (_BODY_WIDTH, _HEIGHT))
    width = np.clip(_HEIGHT * scenery.size[0] / scenery.size[1], _NARROWEST, _WIDEST)
    whole = np.array([[0, 0], scenery.size], float)
    return View.around(whole, (2 * round(width / 2), _HEIGHT), margin=0.0)


class _BodyView:
    """A lifted body (F, 28, 3), metres, z up, seen from aside without perspective."""

    def __init__(self, world: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        self._world, self._middle = world, _followed(world[:, _PELVIS, :2], times)
        right = np.array([np.cos(_ASIDE), np.sin(_ASIDE), 0.0])
        ahead = np.array([-np.sin(_ASIDE), np.cos(_ASIDE), 0.0])
        up = np.sin(_ABOVE) * ahead + np.array([0.0, 0.0, np.cos(_ABOVE)])
        self._axes = np.stack([right, -up])  # a picture's y points down
        near = world - self._placed(np.arange(len(world)))[:, None]
        self._floor_from = near[..., :2].min(axis=(0, 1)) - _ROOM
        self._floor_to = near[..., :2].max(axis=(0, 1)) + _ROOM
        self._view = View.around(self._flat(near).reshape(-1, 2), (_BODY_WIDTH, _HEIGHT))

    def draw(self, draw: ImageDraw.ImageDraw, frame: int, state: NDArray[np.int8]) -> None:
        """One frame: the floor, then the body."""
        middle = self._placed(np.array([frame]))[0]
        draw_lines(draw, self._view, (self._flat(line - middle) for line in self._floor(middle)))
        draw_joints(draw, self._view, self._flat(self._world[frame] - middle), state, 1.6)

    def _flat(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, 3) as seen, (…, 2)."""
        return np.asarray(points @ self._axes.T)

    def _placed(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 3): what is in the middle of the picture."""
        middle = self._middle[frames]
        return np.concatenate([middle, np.zeros((len(middle), 1))], axis=1)

    def _floor(self, middle: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """Lines (2, 3) of the grid around a place."""
        low, high = self._floor_from + middle[:2], self._floor_to + middle[:2]
        for axis in (0, 1):
            first, last = np.ceil(low[axis] / _GRID), np.floor(high[axis] / _GRID)
            for step in np.arange(first, min(last, first + 200) + 1):
                ends = np.zeros((2, 3))
                ends[:, axis] = step * _GRID
                ends[:, 1 - axis] = low[1 - axis], high[1 - axis]
                yield ends


def _followed(path: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, 2): what to look at of a path over the floor (F, 2): its middle, or a calmer path."""
    low, high = path.min(axis=0), path.max(axis=0)
    if (high - low).max() <= _FOLLOWED:
        return np.broadcast_to((low + high) / 2, path.shape)
    # A box that is slid over the path three times is nearly a bell.
    half = max(round(_EASE * len(times) / max(times[-1] - times[0], 1e-6)), 1)
    for _ in range(3):
        path = _slid(path, half)
    return path


def _slid(path: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Means of (F, 2) over ``half`` frames on both sides."""
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(path, axis=0)])
    rows = np.arange(len(path))
    first, last = np.maximum(rows - half, 0), np.minimum(rows + half + 1, len(path))
    return np.asarray((total[last] - total[first]) / (last - first)[:, None])
