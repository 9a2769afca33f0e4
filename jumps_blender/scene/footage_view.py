"""Footage before anything is applied: a camera of its own that sees the clip as it was filmed.

Whatever belongs to it carries ``jumps_footage``: the camera object and what it shows (a path as
JSON, with size, rate and length), its data, their image and action. It is no part of a result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Context, Object, Scene, SpaceView3D
from mathutils import Matrix

from ..errors import JumpsError
from ..keypoints.space import StillCamera
from .camera import aim, aim_flat, match_render
from .coordinates import PicturePlane
from .footage import Footage, picture_size, show_behind
from .keyframes import MAX_FRAME, frame_rate
from .preview import Preview, placing_at
from .result import has_own_world

_KEY = "jumps_footage"
_RENDER = "jumps_render"
_NAME = "JUMPS Footage"
# What of the render must fit, and is given back.
_FITTED = (
    "resolution_x",
    "resolution_y",
    "resolution_percentage",
    "pixel_aspect_x",
    "pixel_aspect_y",
)


@dataclass(frozen=True)
class Clip:
    """What is seen of a clip, and when.

    preview: the clip's; None before it is upsampled, when ``plane`` says where its picture lies
    size: (width, height) of the picture in whose pixels the poses are; (0, 0) where their file
        doesn't tell, and the footage's counts
    fps: the poses' frame rate; seconds: where they end
    footage: path of what is shown behind it, as it was named
    """

    preview: Preview | None
    plane: PicturePlane
    size: tuple[int, int]
    fps: float
    seconds: float
    footage: str = ""


def footage_camera(scene: Scene) -> Object | None:
    """The camera that shows the scene's footage; None where it isn't shown."""
    for item in scene.objects:
        if item.type == "CAMERA" and item.get(_KEY) is not None:
            return item
    return None


def show_footage(
    context: Context,
    footage: Footage,
    clip: Clip,
    *,
    height: float,
    start_frame: int,
    use_clip_fps: bool,
    keep_previous: bool = False,
) -> Object:
    """Make the camera that sees the footage behind the preview, or bring it up to date.

    The scene's pictures get the footage's proportions, and it looks through that camera if it has
    none. Arguments as for ``create_result``. Raises JumpsError where the scene's own camera is the
    one that filmed.
    """
    scene, preview = context.scene, clip.preview
    if preview is not None and has_own_world(preview.space):
        raise JumpsError(
            "This preview lies before the scene's own moving camera: show the footage as that "
            "camera's background image."
        )
    camera = footage_camera(scene)
    if camera is None:
        camera = bpy.data.objects.new(_NAME, bpy.data.cameras.new(_NAME))
        scene.collection.objects.link(camera)
        camera[_RENDER] = json.dumps({name: getattr(scene.render, name) for name in _FITTED})
    shown = {**vars(footage), "path": str(footage.path), "named": clip.footage}
    camera[_KEY] = json.dumps(shown)
    camera.data[_KEY] = True
    _aim(context, camera, footage, clip, height, start_frame, use_clip_fps, keep_previous)
    match_render(scene, _size(footage, clip))
    if scene.camera is None:
        scene.camera = camera
    return camera


def follow_preview(context: Context, clip: Clip, **placing: Any) -> None:
    """Bring a footage camera that is there up to date, after a change of what is seen or when.

    It goes where that has other footage now, or a camera of its own.
    """
    camera = footage_camera(context.scene)
    shown = None if camera is None else _shown(camera)
    if shown is None:
        return
    footage, named = shown
    own_world = clip.preview is not None and has_own_world(clip.preview.space)
    if own_world or named != clip.footage:
        hide_footage(context.scene)
    else:
        show_footage(context, footage, clip, **placing)


def hide_footage(scene: Scene, heir: Object | None = None) -> None:
    """Take the footage's camera away; the scene's pictures get their size back.

    heir: a camera that shows the footage from now on; who looked through that one looks through
        it, and the pictures' size stays
    """
    camera = footage_camera(scene)
    if camera is None:
        return
    if heir is None:
        _give_back(scene, str(camera.get(_RENDER, "")))
    if scene.camera == camera:
        scene.camera = heir
    for space in _looking_through(camera):
        if heir is None or heir == scene.camera:
            space.use_local_camera = False
        else:
            space.camera = heir
        if heir is None and space.region_3d.view_perspective == "CAMERA":
            space.region_3d.view_perspective = "PERSP"
    data = camera.data
    images = [each.image for each in data.background_images if each.image is not None]
    action = data.animation_data.action if data.animation_data is not None else None
    bpy.data.objects.remove(camera)
    if data.users == 0:
        bpy.data.cameras.remove(data)
    for owned, kept in ((action, bpy.data.actions), *((each, bpy.data.images) for each in images)):
        if owned is not None and owned.get(_KEY) is not None and owned.users == 0:
            kept.remove(owned)


def look_through(camera: Object, space: SpaceView3D) -> None:
    """Let a viewport look through a camera; the scene keeps its own."""
    if camera != bpy.context.scene.camera:
        space.use_local_camera = True
        space.camera = camera
    space.region_3d.view_perspective = "CAMERA"


def _looking_through(camera: Object) -> list[SpaceView3D]:
    """The viewports, of all workspaces, whose own camera it is."""
    return [
        space
        for screen in bpy.data.screens
        for area in screen.areas
        for space in area.spaces
        if space.type == "VIEW_3D" and space.use_local_camera and space.camera == camera
    ]


def _aim(
    context: Context,
    camera: Object,
    footage: Footage,
    clip: Clip,
    height: float,
    start_frame: int,
    use_clip_fps: bool,
    keep_previous: bool,
) -> None:
    scene, preview, fps = context.scene, clip.preview, clip.fps
    place, tall = Matrix.Identity(4), height / scene.unit_settings.scale_length
    if preview is not None:
        found = placing_at(context, preview, height, start_frame, use_clip_fps, keep_previous)
        place, tall = found.place, found.tall
    # Cameras have no size: that of the root becomes the picture's.
    where, turned, sizes = place.decompose()
    tall *= sum(sizes) / 3
    if preview is not None and preview.space is not None:
        seen = preview.space.camera
        assert isinstance(seen, StillCamera), "others show no footage of their own"  # noqa: S101
        aim(camera, seen, tall / preview.space.height)
    else:
        unit = clip.plane if preview is None else preview.plane(1.0)
        plane = PicturePlane(unit.units_per_pixel * tall, unit.origin_x, unit.floor_y)
        aim_flat(camera, plane, _size(footage, clip))
    camera.matrix_world = Matrix.LocRotScale(where, turned, None) @ camera.matrix_world
    rate = fps if use_clip_fps else frame_rate(scene)
    end = min(start_frame + round(clip.seconds * rate), MAX_FRAME)
    image = show_behind(camera.data, footage, rate, start_frame, end, fps)
    image[_KEY] = True
    if camera.data.animation_data is not None and camera.data.animation_data.action is not None:
        camera.data.animation_data.action[_KEY] = True


def _size(footage: Footage, clip: Clip) -> tuple[int, int]:
    if clip.preview is not None:
        return picture_size(clip.preview.sequence, clip.preview.space, footage)
    return clip.size if all(clip.size) else footage.size


def _shown(camera: Object) -> tuple[Footage, str] | None:
    """What a footage camera shows, and as what; None where somebody has edited that away."""
    try:
        found = json.loads(str(camera[_KEY]))
        path, size = Path(found["path"]), (int(found["size"][0]), int(found["size"][1]))
        footage = Footage(path, size, float(found["fps"]), int(found["frames"]), found["first"])
        return footage, str(found["named"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def _give_back(scene: Scene, before: str) -> None:
    try:
        for name in _FITTED:
            setattr(scene.render, name, json.loads(before)[name])
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # edited: what is there may stay
