"""What the estimator is looking at, as an icon: nothing of it is data of the file."""

from __future__ import annotations

from typing import Any

import bpy.utils.previews
import numpy as np
from bpy.types import UILayout
from numpy.typing import NDArray

_NAME = "picture"
_SCALE = 12.0  # of an icon: as wide as a narrow sidebar

_icons: Any = None
_shown: NDArray[np.uint8] | None = None


def draw_picture(layout: UILayout, picture: NDArray[np.uint8] | None) -> None:
    """Show a picture (h, w, 3), RGB, rows from the top; nothing where there is none."""
    global _shown
    if picture is None or _icons is None:
        return
    if _NAME not in _icons:
        _icons.new(_NAME)
        _shown = None
    icon = _icons[_NAME]
    if picture is not _shown:
        _shown = picture
        height, width = picture.shape[:2]
        # Icons are square; rows go up.
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        square = np.zeros((side, side, 4), np.uint8)
        square[top : top + height, left : left + width, :3] = picture[::-1]
        square[top : top + height, left : left + width, 3] = 255
        icon.image_size = side, side
        icon.image_pixels.foreach_set(square.view(np.int32).ravel())
    layout.template_icon(icon_value=icon.icon_id, scale=_SCALE)


def register() -> None:
    """Make room for it; without a window there are no icons."""
    global _icons
    unregister()
    if not bpy.app.background:
        _icons = bpy.utils.previews.new()


def unregister() -> None:
    """Give its memory back."""
    global _icons, _shown
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons = _shown = None
