"""Pictures of 2D sequences, to look at during training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jumps_blender.files import written_whole
from jumps_blender.skeletons import JOINTS, PARENTS

_CELL = 150  # pixels
_MOMENTS = (0, 8, 16, 23)  # frames drawn over each other, later ones darker
_COLOURS = {"l": (52, 120, 200), "r": (205, 90, 40), "": (60, 60, 60)}


def sequence_sheet(rows: dict[str, NDArray[np.float32]], path: Path) -> None:
    """Draw each row's sequences (N, 24, 28, 2), body units, side by side into one PNG."""
    columns = max(len(sequences) for sequences in rows.values())
    picture = Image.new("RGB", (columns * _CELL, len(rows) * (_CELL + 14)), "white")
    draw = ImageDraw.Draw(picture)
    for line, (name, sequences) in enumerate(rows.items()):
        top = line * (_CELL + 14)
        draw.text((4, top), name, fill="black")
        for column, sequence in enumerate(sequences):
            corner = np.array([column * _CELL + _CELL / 2, top + 14 + _CELL / 2])
            for moment in _MOMENTS:
                fade = 1 - 0.8 * (moment + 8) / 31
                points = corner + np.clip(sequence[moment] * 55, -_CELL / 2, _CELL / 2)
                _skeleton(draw, points, fade)
    with written_whole(path) as part:
        picture.save(part, "PNG")


def _skeleton(draw: ImageDraw.ImageDraw, points: NDArray, fade: float) -> None:
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        side = JOINTS[joint][0] if JOINTS[joint][1] == "_" else ""
        colour = tuple(round(c + (255 - c) * fade) for c in _COLOURS[side])
        draw.line([*points[parent], *points[joint]], fill=colour, width=2)
