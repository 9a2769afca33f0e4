"""What is drawn over the 3D viewport: the previewed skeleton, and the joints' states as dots.

Blender draws empties in the theme's colour only, so their own colour, which is keyed by state, is
drawn over them. A draw handler exists only while there is something to draw.
"""

from __future__ import annotations

from typing import Any

import bpy
import gpu
import numpy as np
from bpy.app.handlers import persistent
from bpy.types import Context, SpaceView3D
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from ..keypoints import JointState
from ..operators import settings
from ..operators.preferences import colours
from ..scene.look import display
from ..scene.preview import Figure, figure_at, find
from ..skeletons import PARENTS

# Pixels at a resolution scale of 1.
_DOT = 4.5  # radius
_BONE = 2.5
_WIDEST = 60.0  # of a bone's uncertainty
# Of the band that shows one standard deviation to each side of a bone.
_BAND_ALPHA = 0.28
_CIRCLE = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)

_handler: Any = None

Colour = tuple[float, float, float, float]


def joint_dots(context: Context) -> tuple[list[tuple[float, ...]], list[Colour]]:
    """World places and colours (sRGB, opaque) of the visible joints of all results."""
    joints = [
        item
        for item in context.view_layer.objects
        if item.get("jumps_role") == "joint" and item.visible_get()
    ]
    places = [tuple(item.matrix_world.translation) for item in joints]
    return places, [(*display(item.color[:3]), 1.0) for item in joints]


def previewed(context: Context) -> Figure | None:
    """The scene's preview at its current frame; None where there is none."""
    chosen = context.scene.jumps
    preview = find(chosen.preview)
    if preview is None:
        return None
    return figure_at(context.scene, preview, chosen.height, chosen.start_frame, chosen.use_clip_fps)


def bone_lines(
    context: Context, figure: Figure, pixels_per_unit: NDArray[np.float64]
) -> tuple[list[tuple[float, ...]], list[Colour], list[float]]:
    """The preview's bones: two places and two colours for each, and the width of its band, pixels.

    A bone has the colour of the joint at its end, and that joint's uncertainty: the band is one
    standard deviation wide to each side.
    """
    shown = colours(context)
    places, tints, widths = [], [], []
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            places += [tuple(figure.points[parent]), tuple(figure.points[joint])]
            tints += [(*shown[JointState(figure.state[joint])], 1.0)] * 2
            wide = 2 * figure.spread[joint] * pixels_per_unit[joint]
            widths.append(float(np.clip(wide, 0.0, _WIDEST)))
    return places, tints, widths


def _draw() -> None:
    context = bpy.context
    if not context.space_data.overlay.show_overlays:
        return
    gpu.state.blend_set("ALPHA")
    if context.scene.jumps.show_states:
        _draw_dots(context, *joint_dots(context))
    figure = previewed(context)
    if figure is not None:
        gpu.state.depth_test_set("NONE")
        _draw_figure(context, figure)
    gpu.state.blend_set("NONE")


def _draw_figure(context: Context, figure: Figure) -> None:
    places, tints, widths = bone_lines(context, figure, _pixels_per_unit(context, figure.points))
    scale = context.preferences.system.ui_scale
    shader = gpu.shader.from_builtin("POLYLINE_FLAT_COLOR")
    shader.bind()
    shader.uniform_float("viewportSize", (context.region.width, context.region.height))
    for bone, width in enumerate(widths):
        if width > _BONE * scale:
            ends = slice(2 * bone, 2 * bone + 2)
            faint = [(*tint[:3], _BAND_ALPHA) for tint in tints[ends]]
            shader.uniform_float("lineWidth", width)
            batch_for_shader(shader, "LINES", {"pos": places[ends], "color": faint}).draw(shader)
    shader.uniform_float("lineWidth", _BONE * scale)
    batch_for_shader(shader, "LINES", {"pos": places, "color": tints}).draw(shader)
    shown = colours(context)
    dots = [(*shown[JointState(state)], 1.0) for state in figure.state]
    _draw_dots(context, [tuple(point) for point in figure.points], dots)


def _draw_dots(context: Context, places: list[tuple[float, ...]], tints: list[Colour]) -> None:
    """Discs that face the viewer, of the same size on the screen wherever they lie."""
    if not places:
        return
    points = np.array(places)
    radius = _DOT * context.preferences.system.ui_scale / _pixels_per_unit(context, points)
    turned = np.array(context.region_data.view_matrix.inverted())[:3, :2]
    rim = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], -1) @ turned.T
    corners = points[:, None] + radius[:, None, None] * rim
    following = np.roll(corners, -1, axis=1)
    middles = np.broadcast_to(points[:, None], corners.shape)
    triangles = np.stack([middles, corners, following], axis=2).reshape(-1, 3)
    colour = np.repeat(np.array(tints, np.float32), 3 * len(_CIRCLE), axis=0)
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    pieces = {"pos": triangles.astype(np.float32), "color": colour}
    batch_for_shader(shader, "TRIS", pieces).draw(shader)


def _pixels_per_unit(context: Context, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) how many pixels a scene unit takes at each of the points (N, 3), above 0."""
    view = context.region_data
    depth = points @ np.array(view.perspective_matrix)[3, :3] + view.perspective_matrix[3][3]
    wide = 0.5 * context.region.width * abs(view.window_matrix[0][0])
    # Behind the viewer there is nothing to see, whatever its size.
    return np.asarray(wide / np.maximum(depth, 1e-6))


def _wanted() -> bool:
    """Whether any scene has something to draw."""
    return any(
        find(scene.jumps.preview) is not None
        or (
            scene.jumps.show_states
            and any(item.get("jumps_role") == "joint" for item in scene.objects)
        )
        for scene in bpy.data.scenes
    )


def _start_drawing() -> None:
    global _handler
    if _handler is None:
        _handler = SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def stop() -> None:
    """Take the draw handler away."""
    global _handler
    if _handler is not None:
        SpaceView3D.draw_handler_remove(_handler, "WINDOW")
        _handler = None


def is_drawing() -> bool:
    """Whether a draw handler exists."""
    return _handler is not None


@persistent
def update(*_: object) -> None:
    """Draw, or stop drawing, by what there is to draw; without a window there is nothing."""
    if bpy.app.background or not _wanted():
        stop()
    else:
        _start_drawing()


# An undo or redo brings back what was drawn then; a file has results of its own.
_AFTER = ("undo_post", "redo_post", "load_post")


def register() -> None:
    """Follow what there is to draw, once even when called twice."""
    unregister()
    settings.on_change.append(update)
    for name in _AFTER:
        getattr(bpy.app.handlers, name).append(update)


def unregister() -> None:
    """Stop drawing."""
    stop()
    settings.on_change.clear()
    for name in _AFTER:
        handlers = getattr(bpy.app.handlers, name)
        if update in handlers:
            handlers.remove(update)
