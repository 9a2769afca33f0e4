"""How results look: colours and sizes, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..keypoints.sequence import JointState

# sRGB in [0, 1]: sky blue, vermillion and yellow of Okabe and Ito's palette, which stay apart for
# all common kinds of colour blindness, in grey, and on Blender's dark viewport.
STATE_COLOURS: dict[JointState, tuple[float, float, float]] = {
    JointState.OBSERVED: (86 / 255, 180 / 255, 233 / 255),
    JointState.INPAINTED: (213 / 255, 94 / 255, 0.0),
    JointState.UPSAMPLED: (240 / 255, 228 / 255, 66 / 255),
}

Colours = Mapping[JointState, tuple[float, float, float]]  # sRGB in [0, 1]

# Shares of the person's height.
JOINT_SIZE = 0.012
ROOT_SIZE = 0.15


def linear(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    """sRGB -> linear, as Blender keeps object colours (IEC 61966-2-1)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour
    )
    return red, green, blue


def display(colour: Iterable[float]) -> tuple[float, float, float]:
    """Linear -> sRGB, the inverse of ``linear``; what is drawn straight into a viewport is sRGB."""
    red, green, blue = (
        12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
        for value in colour
    )
    return red, green, blue
