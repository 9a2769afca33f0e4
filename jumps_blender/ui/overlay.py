"""What is drawn over the 3D viewport and the Movie Clip Editor: the previewed skeleton, the ghost
of what the detector saw, and the joints' states as dots.

Blender draws empties in the theme's colour only, so their own colour, which is keyed by state, is
drawn over them. Draw handlers exist only while there is something to draw.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import bpy
import gpu
import numpy as np
from bpy.app.handlers import persistent
from bpy.types import Context, MovieClip, SpaceClipEditor, SpaceView3D
from numpy.typing import NDArray

from ..keypoints import JointState
from ..keypoints.pose_file import ASSUMED_FPS
from ..operators import settings
from ..operators.long_operator import running
from ..operators.preferences import colours as chosen_colours
from ..operators.seen import picking, seen_now, sightings_at
from ..operators.settings import source_of
from ..operators.show_footage import footage_of
from ..scene.detections import Detections, find_detections
from ..scene.look import Colours, display
from ..scene.preview import Figure, Placing, Preview, find, placing_at
from ..skeletons import PARENTS
from .ghost import ghost_shapes
from .shapes import Screen, Shape, bands, discs, draw, joined

# Pixels at a resolution scale of 1.
_DOT = 4.5  # radius
_BONE = 2.5
_WIDEST = 60.0  # of a bone's uncertainty
# Of the band that shows one standard deviation to each side of a bone.
_BAND_ALPHA = 0.28

_FAR = 1000.0  # pictures' sides, to know the size of one
_CHILDREN = np.array([joint for joint, parent in enumerate(PARENTS) if parent >= 0])
_PARENTS = np.array(PARENTS)[_CHILDREN]

# A draw handler of each editor, by what it is removed from.
_handlers: list[tuple[Any, Any]] = []
_is_prepared = False

Colour = tuple[float, float, float, float]


def joint_dots(context: Context) -> tuple[list[tuple[float, ...]], list[Colour]]:
    """World places and colours (sRGB, opaque) of the visible joints of all results."""
    joints = [
        item
        for item in context.view_layer.objects
        if "jumps_role" in item and item["jumps_role"] == "joint" and item.visible_get()
    ]
    places = [tuple(item.matrix_world.translation) for item in joints]
    return places, [(*display(item.color[:3]), 1.0) for item in joints]


def previewed_at(context: Context) -> Placing | None:
    """Where the scene's preview is at its current frame; None where there is none."""
    chosen = context.scene.jumps
    preview = find(chosen.preview)
    if preview is None:
        return None
    return placing_at(
        context,
        preview,
        chosen.height,
        chosen.start_frame,
        chosen.use_clip_fps,
        chosen.keep_previous,
    )


def figure_shapes(screen: Screen, figure: Figure, colours: Colours) -> list[Shape]:
    """The preview, back to front: bands one standard deviation wide to each side, bones, joints.

    A bone has the colour of the joint at its end.
    """
    table = np.array([(*colours[state], 1.0) for state in JointState], np.float32)
    solid = table[figure.state]
    widths = np.full((2, len(figure.points)), _BONE * screen.dpi)
    spread = 2 * figure.spread * screen.pixels_per_unit(figure.points)
    widths[0] = np.clip(spread, widths[1], _WIDEST * screen.dpi)
    tints = np.stack([solid[_CHILDREN]] * 2)
    tints[0, :, 3] = _BAND_ALPHA
    ends = widths[:, _PARENTS], widths[:, _CHILDREN]
    return [
        bands(screen, figure.points[_PARENTS], figure.points[_CHILDREN], tints, ends),
        discs(screen, figure.points, solid[None], _DOT),
    ]


def _draw() -> None:
    """Over a 3D viewport."""
    context = bpy.context
    if not context.space_data.overlay.show_overlays:
        return
    shape = viewport_shape(context, Screen.of(context))
    if shape is not None:
        draw(shape)


def viewport_shape(context: Context, screen: Screen) -> Shape | None:
    """All that is drawn over a 3D viewport; None for nothing."""
    shapes: list[Shape] = []
    if context.scene.jumps.show_states:
        places, tints = joint_dots(context)
        if places:
            shapes.append(discs(screen, np.array(places), np.array([tints], np.float32), _DOT))
    placing = previewed_at(context)
    colours = chosen_colours(context)
    seen = seen_now(context, placing)
    if seen is not None:
        sightings = [each for _, each in seen.people]
        world = seen.canvas.to_world(np.array([each.places for each in sightings]))
        lit = next((i for i, (n, _) in enumerate(seen.people) if n == picking.lit), -1)
        shape = ghost_shapes(screen, world, sightings, colours[JointState.INPAINTED], lit)
        if shape is not None:
            shapes.append(shape)
    if placing is not None and placing.is_within:
        shapes += figure_shapes(screen, placing.figure(), colours)
    return joined(shapes) if shapes else None


def _draw_clip() -> None:
    """Over a Movie Clip Editor."""
    context = bpy.context
    clip = context.space_data.clip
    if clip is None or context.space_data.mode != "TRACKING":
        return
    # Where the picture, with sides of length 1, lies in the region; told in whole pixels only.
    view = context.region.view2d
    corner = np.array(view.view_to_region(0, 0, clip=False), float)
    far = np.array(view.view_to_region(_FAR, _FAR, clip=False), float)
    matrix = np.diag([*(far - corner) / _FAR, 1.0, 1.0])
    matrix[:2, 3] = corner
    shape = clip_shape(context, clip, matrix)
    if shape is not None:
        draw(shape)


def clip_shape(context: Context, clip: MovieClip, matrix: NDArray[np.float64]) -> Shape | None:
    """All that is drawn over a movie clip, in pixels; None for nothing, or another clip.

    matrix: (4, 4), to pixels from places in the picture, each side of which is 1 long, y up
    """
    chosen, footage = context.scene.jumps, footage_of(context)
    if not footage or not _is_same(clip, footage):
        return None
    preview, detections = find(chosen.preview), find_detections(*source_of(chosen))
    if preview is not None and preview.sequence.source != chosen.source:
        detections = None  # of another clip
    fps = clip.fps
    if clip.source == "SEQUENCE":
        fps = preview.sequence.fps if preview else chosen.file_fps or ASSUMED_FPS
    if not fps > 0:
        return None
    # Clips show one of their frames for one of the scene's, whatever their frame rates.
    shown = context.scene.frame_current - clip.frame_start + clip.frame_offset
    time = shown / fps
    size = _picture_size(preview, detections) or (int(clip.size[0]), int(clip.size[1]))
    screen = Screen.flat(context.preferences.system.ui_scale)

    def on_region(pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        share = pixels[..., :2] / size
        share = np.stack([share[..., 0], 1 - share[..., 1]], axis=-1)
        return np.asarray(
            np.concatenate(
                [share @ matrix[:2, :2].T + matrix[:2, 3], np.zeros((*share.shape[:-1], 1))], -1
            )
        )

    colours, shapes = chosen_colours(context), []
    is_shown = chosen.show_detection or picking.is_on
    people = sightings_at(chosen, detections, time) if is_shown else []
    if people:
        sightings = [each for _, each in people]
        places = on_region(np.array([each.places for each in sightings]))
        shape = ghost_shapes(screen, places, sightings, colours[JointState.INPAINTED])
        if shape is not None:
            shapes.append(shape)
    figure = preview.in_picture(time) if preview is not None else None
    if figure is not None:
        wide = abs(matrix[0, 0]) / size[0]
        placed = Figure(on_region(figure.points), figure.state, figure.spread * wide)
        shapes += figure_shapes(screen, placed, colours)
    return joined(shapes) if shapes else None


@cache
def _real(path: str) -> Path:
    return Path(os.path.realpath(path))


def _is_same(clip: MovieClip, footage: str) -> bool:
    """Whether a clip is the footage: that file, or images of one folder."""
    one, other = (_real(bpy.path.abspath(path)) for path in (clip.filepath, footage))
    if clip.source == "SEQUENCE" and other.suffix:
        other = other.parent
    return other in (one, one.parent) if clip.source == "SEQUENCE" else other == one


def _picture_size(preview: Preview | None, detections: Detections | None) -> tuple[int, int] | None:
    """Of the picture in whose pixels the poses are, where that is known."""
    if preview is not None:
        if preview.space is not None:
            return preview.space.camera.size
        if preview.sequence.image_size is not None:
            return preview.sequence.image_size
    return detections.people[0].track.image_size if detections is not None else None


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
            nowhere, nothing = np.zeros((3, 3), np.float32), np.zeros((3, 4), np.float32)
            draw(Shape(nowhere, nothing, np.array([(0, 1, 2)], np.int32)))


def _wanted() -> bool:
    """Whether any scene has something to draw."""
    return any(
        find(scene.jumps.preview) is not None
        or (scene.jumps.show_detection and find_detections(*source_of(scene.jumps)) is not None)
        or (
            scene.jumps.show_states
            and any(item.get("jumps_role") == "joint" for item in scene.objects)
        )
        for scene in bpy.data.scenes
    )


def _start_drawing() -> None:
    if not _handlers:
        for space, function, when in (
            (SpaceView3D, _draw, "POST_VIEW"),
            (SpaceClipEditor, _draw_clip, "POST_PIXEL"),
        ):
            handler = space.draw_handler_add(function, (), "WINDOW", when)
            _handlers.append((space, handler))


def stop() -> None:
    """Take the draw handlers away."""
    while _handlers:
        space, handler = _handlers.pop()
        space.draw_handler_remove(handler, "WINDOW")


def is_drawing() -> bool:
    """Whether draw handlers exist."""
    return bool(_handlers)


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
