"""Preview pictures: the input above, the 28 joints below, coloured by state; ``film.py`` films.

What was lifted is shown as Blender's camera sees it, on its floor; footage lies behind it all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .drawing import (
    BACKGROUND,
    BARE,
    COLOURS,
    TEXT,
    Scenery,
    View,
    dot,
    draw_input,
    draw_result,
    draw_seen,
    label,
)
from .errors import JumpsError
from .files import written_whole
from .film import write_film
from .keypoints.sequence import JointState, PoseSequence
from .keypoints.track import PoseTrack

_COLUMNS = 8
_PANEL = (220, 300)  # pixels, width and height
_WORDS = {
    JointState.OBSERVED: "observed",
    JointState.INPAINTED: "inpainted",
    JointState.UPSAMPLED: "upsampled",
}


def write_preview(
    track: PoseTrack,
    sequence: PoseSequence,
    path: Path,
    progress: Callable[[float], None] | None = None,
    scenery: Scenery = BARE,
) -> None:
    """Write a filmstrip (``.png``) or a film (``.mp4``) of a track and its result.

    Raises JumpsError for another suffix or where the file cannot be written.
    """
    if path.suffix.lower() == ".png":
        with written_whole(path) as temporary:
            filmstrip(track, sequence, scenery).save(temporary, format="PNG")
    elif path.suffix.lower() == ".mp4":
        with written_whole(path) as temporary:
            write_film(track, sequence, temporary, progress, scenery)
    else:
        raise JumpsError(f"{path}: a preview is a .png or an .mp4.")


def filmstrip(track: PoseTrack, sequence: PoseSequence, scenery: Scenery = BARE) -> Image.Image:
    """Eight moments of the clip at one scale: input above, result below, last what was lifted."""
    frames = np.unique(np.linspace(0, len(sequence.times) - 1, _COLUMNS).round().astype(int))
    width, height = _PANEL
    top, bottom, gap = 34, 34, 4
    painters = (draw_input, draw_result) + ((draw_seen,) if scenery.seen is not None else ())
    image = Image.new(
        "RGB",
        (len(frames) * (width + gap) + gap, top + len(painters) * (height + gap) + bottom),
        BACKGROUND,
    )
    draw = ImageDraw.Draw(image)
    extent = _extent(sequence.positions[frames])
    for column, (frame, picture) in enumerate(scenery.behind(frames)):
        x = gap + column * (width + gap)
        view = View(sequence.positions[frame], _PANEL, extent)
        for row, painter in enumerate(painters):
            panel = view.panel(picture, scenery.size)
            painter(ImageDraw.Draw(panel), view, track, sequence, scenery, frame, 1.0)
            image.paste(panel, (x, top + row * (height + gap)))
        label(draw, (x + 8, top + 6), f"{sequence.times[frame]:.2f} s", 13)
    _draw_legend(draw, image.height - bottom + 8, track, sequence, scenery)
    title = f"{Path(track.source).name}, person {track.person}: {len(sequence.times)} frames"
    draw.text((gap + 4, 8), title, TEXT, ImageFont.load_default(15))
    return image


def _extent(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest width and height of the bodies (n, 28, 2), pixels."""
    return (positions.max(axis=1) - positions.min(axis=1)).max(axis=0)


def _draw_legend(
    draw: ImageDraw.ImageDraw, y: int, track: PoseTrack, sequence: PoseSequence, scenery: Scenery
) -> None:
    font, x = ImageFont.load_default(14), 12
    for state, word in _WORDS.items():
        share = float((sequence.state == state).mean())
        text = f"{word} {share:.0%}"
        dot(draw, (x, y + 9), 5, COLOURS[state])
        draw.text((x + 10, y), text, TEXT, font)
        x += 24 + round(draw.textlength(text, font))
    about = f"above: {track.joint_set.name} as read    below: 28 joints, {sequence.engine}"
    if scenery.seen is not None:
        about += "    last: lifted, through Blender's camera"
    draw.text((x + 10, y), about, TEXT, font)
