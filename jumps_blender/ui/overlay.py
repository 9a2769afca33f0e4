"""What is drawn over the 3D viewport: the previewed skeleton, and the joints' states as dots.

Blender draws empties in the theme's colour only, so their own colour, which is keyed by state, is
drawn over them. A draw handler exists only while there is something to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from ..operators.long_operator import running
from ..operators.preferences import colours as chosen_colours
from ..scene.look import Colours, display
from ..scene.preview import Figure, figure_at, find
from ..skeletons import PARENTS

# Pixels at a resolution scale of 1.
_DOT = 4.5  # radius
_BONE = 2.5
_WIDEST = 60.0  # of a bone's uncertainty
# Of the band that shows one standard deviation to each side of a bone.
_BAND_ALPHA = 0.28
_CIRCLE = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)

_CHILDREN = np.array([joint for joint, parent in enumerate(PARENTS) if parent >= 0])
_PARENTS = np.array(PARENTS)[_CHILDREN]

_handler: Any = None
_is_prepared = False

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
    return figure_at(
        context,
        preview,
        chosen.height,
        chosen.start_frame,
        chosen.use_clip_fps,
        chosen.keep_previous,
    )


@dataclass(frozen=True)
class Screen:
    """How a viewport sees: what is needed to give things a size in pixels.

    across: (2, 3), world directions of the screen's right and up, length 1
    depth: (4,), what a place (x, y, z, 1) is divided by when it is projected
    wide: pixels per scene unit where that is 1
    dpi: pixels of the screen for one pixel of the interface at scale 1
    """

    across: NDArray[np.float64]
    depth: NDArray[np.float64]
    wide: float
    dpi: float

    @classmethod
    def of(cls, context: Context) -> Screen:
        """The one that is being drawn."""
        view = context.region_data
        return cls(
            across=np.array(view.view_matrix.inverted_safe())[:3, :2].T,
            depth=np.array(view.perspective_matrix[3]),
            wide=0.5 * context.region.width * abs(view.window_matrix[0][0]),
            dpi=context.preferences.system.ui_scale,
        )

    def pixels_per_unit(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) pixels that a scene unit takes at each of the points (N, 3), above 0."""
        depth = points @ self.depth[:3] + self.depth[3]
        # Behind the viewer there is nothing to see, whatever its size.
        return np.asarray(self.wide / np.maximum(depth, 1e-6))


def discs(
    screen: Screen, points: NDArray[np.float64], tints: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Triangles (T, 3) and their colours (T, 4): a disc of ``_DOT`` pixels at each point (N, 3)."""
    radius = _DOT * screen.dpi / screen.pixels_per_unit(points)
    rim = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], -1) @ screen.across
    corners = points[:, None] + radius[:, None, None] * rim
    middles = np.broadcast_to(points[:, None], corners.shape)
    triangles = np.stack([middles, corners, np.roll(corners, -1, axis=1)], axis=2)
    return triangles.reshape(-1, 3), np.repeat(tints, 3 * len(_CIRCLE), axis=0)


def bones(
    screen: Screen, points: NDArray[np.float64], tints: NDArray[np.float32], pixels: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Triangles and their colours: a band from each joint's parent to the joint.

    points: (28, 3); tints: (28, 4), by the joint at the bone's end; pixels: (28,), how wide the
    band is where it meets each joint
    """
    start, end = points[_PARENTS], points[_CHILDREN]
    along = (end - start) @ screen.across.T
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    aside = (along[:, ::-1] * (-1, 1) / length) @ screen.across
    half = (0.5 * pixels / screen.pixels_per_unit(points))[:, None]
    left, right = start + aside * half[_PARENTS], start - aside * half[_PARENTS]
    far_left, far_right = end + aside * half[_CHILDREN], end - aside * half[_CHILDREN]
    triangles = np.stack([left, right, far_right, left, far_right, far_left], axis=1)
    return triangles.reshape(-1, 3), np.repeat(tints[_CHILDREN], 6, axis=0)


def figure_shapes(
    screen: Screen, figure: Figure, colours: Colours
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """The preview, back to front: bands one standard deviation wide to each side, bones, joints.

    A bone has the colour of the joint at its end.
    """
    solid = np.array([(*colours[JointState(state)], 1.0) for state in figure.state], np.float32)
    faint = solid * np.array((1, 1, 1, _BAND_ALPHA), np.float32)
    spread = 2 * figure.spread * screen.pixels_per_unit(figure.points)
    thin = np.full(len(solid), _BONE * screen.dpi)
    return [
        bones(screen, figure.points, faint, np.clip(spread, thin, _WIDEST * screen.dpi)),
        bones(screen, figure.points, solid, thin),
        discs(screen, figure.points, solid),
    ]


def _draw() -> None:
    context = bpy.context
    if not context.space_data.overlay.show_overlays:
        return
    screen, shapes = Screen.of(context), []
    if context.scene.jumps.show_states:
        places, tints = joint_dots(context)
        if places:
            shapes.append(discs(screen, np.array(places), np.array(tints, np.float32)))
    figure = previewed(context)
    if figure is not None:
        shapes += figure_shapes(screen, figure, chosen_colours(context))
    if not shapes:
        return
    # One call for all: under software rendering each one costs milliseconds.
    _draw_triangles(*(np.concatenate(parts) for parts in zip(*shapes, strict=True)))


def _draw_triangles(corners: NDArray[np.float64], tints: NDArray[np.float32]) -> None:
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    pieces = {"pos": corners.astype(np.float32), "color": tints}
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("NONE")
    batch_for_shader(shader, "TRIS", pieces).draw(shader)
    gpu.state.blend_set("NONE")


def _prepare() -> None:
    """Draw an empty triangle where nobody sees it, as ``_draw`` will draw into a viewport.

    The first time makes the graphics driver compile, for 40 ms under software rendering; when a
    preview comes, Blender has enough to draw.
    """
    global _is_prepared
    if not _is_prepared:
        _is_prepared = True
        colour = gpu.types.GPUTexture((8, 8), format="SRGB8_A8")
        depth = gpu.types.GPUTexture((8, 8), format="DEPTH32F_STENCIL8")
        with gpu.types.GPUFrameBuffer(depth_slot=depth, color_slots=colour).bind():
            _draw_triangles(np.zeros((3, 3)), np.zeros((3, 4), np.float32))


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
    if not bpy.app.background and running() is not None:
        _prepare()
    if bpy.app.background or not _wanted():
        stop()
    else:
        _start_drawing()


# An undo or redo brings back what was drawn then; a file, opened or appended from, has results.
_AFTER = ("undo_post", "redo_post", "load_post", "blend_import_post")


def register() -> None:
    """Follow what there is to draw, once even when called twice."""
    unregister()
    settings.on_change.append(update)
    for name in _AFTER:
        getattr(bpy.app.handlers, name).append(update)
    # While Blender starts there is no data yet; the file that it opens then is a load like others.
    if hasattr(bpy.data, "scenes"):
        update()


def unregister() -> None:
    """Stop drawing."""
    stop()
    settings.on_change.clear()
    for name in _AFTER:
        handlers = getattr(bpy.app.handlers, name)
        if update in handlers:
            handlers.remove(update)
