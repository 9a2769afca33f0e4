"""A film of somebody who is painted: footage of the project's own, for pictures of the window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from jumps_blender.skeletons import joint_index

_SKIN, _SHIRT, _TROUSERS, _SHOES = (214, 164, 132), (70, 110, 150), (52, 54, 66), (40, 34, 32)
_FINE = 2  # painted so many times as large, for smooth edges


def painted(
    positions: NDArray[np.floating], size: tuple[int, int], hidden: Sequence[int] = ()
) -> list[NDArray[np.uint8]]:
    """Pictures, uint8 (h, w, 3), of 28 joints in pixels (F, 28, 2).

    hidden: the frames in which a board hides the right forearm
    """
    background = _room(size)
    torso = np.linalg.norm(_of(positions, "neck") - _of(positions, "pelvis"), axis=1)
    unit = float(np.percentile(torso, 90)) * _FINE
    pictures = []
    for frame, joints in enumerate(positions * _FINE):
        picture = background.copy()
        _body(ImageDraw.Draw(picture), joints, unit)
        if frame in hidden:
            elbow, wrist = _of(joints, "r_elbow"), _of(joints, "r_wrist")
            middle, half = (elbow + wrist) / 2, 0.32 * unit
            box = (*(middle - half), *(middle + half))
            ImageDraw.Draw(picture).rectangle(box, (24, 26, 30), (80, 84, 92), 3)
        pictures.append(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)))
    return pictures


def _of(joints: NDArray[np.floating], name: str) -> NDArray[np.floating]:
    return joints[..., joint_index(name), :]


def _room(size: tuple[int, int]) -> Image.Image:
    width, height = size[0] * _FINE, size[1] * _FINE
    room = Image.new("RGB", (width, height), (196, 192, 184))
    draw = ImageDraw.Draw(room)
    floor = int(0.72 * height)
    draw.rectangle((0, floor, width, height), (150, 134, 116))
    draw.rectangle((0, floor - 12, width, floor), (226, 222, 214))
    for x in range(0, width, width // 6):
        draw.line((x, 0, x, floor), (184, 180, 172), 3)
        draw.line((x, floor, 2 * x - width // 2, height), (138, 122, 104), 3)
    return room.filter(ImageFilter.GaussianBlur(2))


def _body(draw: ImageDraw.ImageDraw, joints: NDArray[np.floating], unit: float) -> None:
    def limb(names: Sequence[str], wide: Sequence[float], colour: tuple[int, int, int]) -> None:
        for (a, b), (start, end) in zip(pairwise(names), pairwise(wide), strict=True):
            for share in np.linspace(0, 1, 40):
                x, y = (1 - share) * _of(joints, a) + share * _of(joints, b)
                half = unit * ((1 - share) * start + share * end) / 2
                draw.ellipse((x - half, y - half, x + half, y + half), colour)

    for side in "lr":
        limb([f"{side}_hip", f"{side}_knee", f"{side}_ankle"], (0.34, 0.24, 0.16), _TROUSERS)
        limb([f"{side}_ankle", f"{side}_foot", f"{side}_toe"], (0.16, 0.15, 0.1), _SHOES)
    corners = [tuple(_of(joints, n)) for n in ("l_shoulder", "r_shoulder", "r_hip", "l_hip")]
    draw.polygon(corners, _SHIRT)
    limb(["l_shoulder", "r_shoulder"], (0.24, 0.24), _SHIRT)
    limb(["pelvis", "spine2", "spine4", "neck"], (0.48, 0.5, 0.54, 0.3), _SHIRT)
    limb(["neck", "head"], (0.2, 0.2), _SKIN)
    top, chin = _of(joints, "head_top"), _of(joints, "neck")
    middle, half = 0.62 * top + 0.38 * chin, 0.23 * unit
    x, y = middle
    draw.ellipse((x - half, y - 1.3 * half, x + half, y + 1.3 * half), _SKIN)
    draw.pieslice((x - half, y - 1.4 * half, x + half, y + 0.9 * half), 180, 360, (60, 44, 34))
    for eye in (-0.4, 0.4):
        at = x + eye * half, y - 0.1 * half
        draw.ellipse((at[0] - 4, at[1] - 4, at[0] + 4, at[1] + 4), (30, 24, 22))
    draw.line((x, y, x - 3, y + 0.3 * half), (170, 120, 95), 4)
    mouth = (x - 0.4 * half, y + 0.2 * half, x + 0.4 * half, y + 0.8 * half)
    draw.arc(mouth, 20, 160, (150, 70, 70), 4)
    for side in "lr":
        limb([f"{side}_shoulder", f"{side}_elbow"], (0.22, 0.18), _SHIRT)
        limb([f"{side}_elbow", f"{side}_wrist", f"{side}_hand"], (0.16, 0.12, 0.13), _SKIN)
