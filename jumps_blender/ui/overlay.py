"""The joints' states as coloured dots in the 3D viewport.

Blender draws empties in the theme's colour only, so their own colour, which is keyed by state, is
drawn over them.
"""

from __future__ import annotations

from typing import Any

import bpy
import gpu
from bpy.types import Context, SpaceView3D
from gpu_extras.batch import batch_for_shader

from ..scene.look import display

_DOT = 9.0  # pixels at a resolution scale of 1

_handler: Any = None


def joint_dots(
    context: Context,
) -> tuple[list[tuple[float, ...]], list[tuple[float, float, float, float]]]:
    """World places and colours (sRGB, opaque) of the visible joints of all results."""
    joints = [
        item
        for item in context.view_layer.objects
        if item.get("jumps_role") == "joint" and item.visible_get()
    ]
    places = [tuple(item.matrix_world.translation) for item in joints]
    return places, [(*display(item.color[:3]), 1.0) for item in joints]


def _draw() -> None:
    context = bpy.context
    if not context.space_data.overlay.show_overlays or not context.scene.jumps.show_states:
        return
    places, colours = joint_dots(context)
    if not places:
        return
    shader = gpu.shader.from_builtin("POINT_FLAT_COLOR")
    batch = batch_for_shader(shader, "POINTS", {"pos": places, "color": colours})
    gpu.state.point_size_set(_DOT * context.preferences.system.ui_scale)
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")
    gpu.state.point_size_set(1.0)


def register() -> None:
    """Start drawing, once even when called twice; without a window there is nothing to draw on."""
    global _handler
    unregister()
    if not bpy.app.background:
        _handler = SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """Stop drawing."""
    global _handler
    if _handler is not None:
        SpaceView3D.draw_handler_remove(_handler, "WINDOW")
        _handler = None
