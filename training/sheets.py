"""Pictures of 2D sequences and poses, to look at."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class PoseCase:
    """One frame of an estimate beside the truth: pixels, (28, 2) each; given: bool (28,)."""

    title: str
    truth: NDArray[np.float32]
    estimate: NDArray[np.float32]
    given: NDArray[np.bool_]


def case_sheet(rows: dict[str, list[PoseCase]], path: Path) -> None:
    """Draw poses side by side: the truth wide and grey, the estimate over it, dots where given."""
    cell, heading = 240, 16
    columns = max(len(cases) for cases in rows.values())
    picture = Image.new("RGB", (columns * cell, len(rows) * (cell + 2 * heading)), "white")
    draw = ImageDraw.Draw(picture)
    for line, (name, cases) in enumerate(rows.items()):
        top = line * (cell + 2 * heading)
        draw.text((6, top + 2), name, fill="black")
        for column, case in enumerate(cases):
            draw.text((column * cell + 6, top + heading), case.title, fill=(90, 90, 90))
            both = np.concatenate([case.truth, case.estimate])
            low, high = both.min(axis=0), both.max(axis=0)
            corner = np.array([(column + 0.5) * cell, top + 2 * heading + cell / 2])
            scale = (cell - 24) / max((high - low).max(), 1.0)
            truth, estimate = (
                corner + (points - (low + high) / 2) * scale
                for points in (case.truth, case.estimate)
            )
            _skeleton(draw, truth, 0.0, width=5, colour=(205, 205, 205))
            _skeleton(draw, estimate, 0.0)
            for x, y in estimate[case.given]:
                draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill="black")
    with written_whole(path) as part:
        picture.save(part, "PNG")


def _skeleton(
    draw: ImageDraw.ImageDraw,
    points: NDArray,
    fade: float,
    width: int = 2,
    colour: tuple[int, int, int] | None = None,
) -> None:
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        side = JOINTS[joint][0] if JOINTS[joint][1] == "_" else ""
        faded = tuple(round(c + (255 - c) * fade) for c in colour or _COLOURS[side])
        draw.line([*points[parent], *points[joint]], fill=faded, width=width)
