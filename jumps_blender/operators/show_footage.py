"""Show Footage and Hide Footage: the movie behind what isn't applied yet."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..keypoints.pose_file import ASSUMED_FPS
from ..scene.detections import find_detections
from ..scene.footage import find_footage, footage_notes
from ..scene.footage_view import (
    Clip,
    follow_preview,
    footage_camera,
    hide_footage,
    look_through,
    show_footage,
)
from ..scene.preview import find
from ..scene.result import results_in
from . import settings as panel
from .long_operator import redraw


def clip_of(context: Context) -> Clip | None:
    """What the panel is about, as far as it is known; None where nothing is."""
    settings = context.scene.jumps
    preview = find(settings.preview)
    if preview is not None:
        sequence = preview.sequence
        size = sequence.image_size or (0, 0)
        end = float(sequence.times[-1])
        return Clip(preview, preview.plane(1.0), size, sequence.fps, end, footage_of(context))
    detections = find_detections(*panel.source_of(settings))
    if detections is None or not detections.people:
        return None
    index = panel.chosen_index(settings, detections.people)
    track = detections.people[index].track
    fps = track.fps or ASSUMED_FPS
    plane = detections.plane(index, 1.0)
    size = track.image_size or (0, 0)
    return Clip(None, plane, size, fps, float(track.times[-1]), footage_of(context))


def footage_of(context: Context) -> str:
    """Path of the footage behind what ``clip_of`` tells, empty for none.

    The panel may be about another clip than the preview that waits; then that keeps what it was
    upsampled with.
    """
    settings = context.scene.jumps
    preview = find(settings.preview)
    if preview is None or preview.sequence.source == settings.source:
        return str(settings.footage)
    return preview.footage


def placing(context: Context) -> dict[str, Any]:
    """What of the panel's settings says where a preview lies."""
    settings = context.scene.jumps
    names = ("height", "start_frame", "use_clip_fps", "keep_previous")
    return {name: getattr(settings, name) for name in names}


def follow(context: Context) -> None:
    """Bring the camera that shows footage up to date, if there is one."""
    if footage_camera(context.scene) is None:
        return
    clip = clip_of(context)
    if clip is not None:
        follow_preview(context, clip, **placing(context))


def is_applied(context: Context) -> bool:
    """Whether the source has a result, and nothing of it waits to be applied."""
    settings = context.scene.jumps
    return find(settings.preview) is None and any(
        result.source == settings.source and result.find("camera") is not None
        for result in results_in(context.scene)
    )


class JUMPS_OT_show_footage(Operator):
    """Look at the preview over the movie, through a camera that sees it as it was filmed; Apply
    puts the result's own camera in its place"""

    bl_idname = "jumps.show_footage"
    bl_label = "Show Footage"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not footage_of(context):
            cls.poll_message_set(
                "The preview is of another clip, which was upsampled without footage."
                if context.scene.jumps.footage
                else "Name the footage in the Source panel first."
            )
            return False
        if clip_of(context) is None:
            cls.poll_message_set("Import or estimate poses first, or read them again.")
            return False
        if is_applied(context):
            cls.poll_message_set("The result's own camera shows it: press Numpad 0.")
            return False
        if context.scene.library is not None:
            cls.poll_message_set("This scene is linked from another file; switch to one of yours.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        clip = clip_of(context)
        try:
            if clip is None:
                raise JumpsError("Import or estimate poses first, or read them again.")
            footage = find_footage(clip.footage)
            camera = show_footage(context, footage, clip, **placing(context))
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if clip.preview is not None:
            for note in footage_notes(footage, clip.preview.sequence, clip.preview.space):
                self.report({"WARNING"}, note)
        area = context.area
        if area is not None and area.type == "VIEW_3D" and context.window is not None:
            look_through(camera, area.spaces.active)
            window = next(region for region in area.regions if region.type == "WINDOW")
            with context.temp_override(region=window):
                if bpy.ops.view3d.view_center_camera.poll():
                    bpy.ops.view3d.view_center_camera()
        return {"FINISHED"}


class JUMPS_OT_hide_footage(Operator):
    """Take the movie and the camera that shows it away; the preview stays"""

    bl_idname = "jumps.hide_footage"
    bl_label = "Hide Footage"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if footage_camera(context.scene) is None:
            cls.poll_message_set("The footage isn't shown.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        hide_footage(context.scene)
        redraw(context, {"UI", "WINDOW"})
        return {"FINISHED"}


def register() -> None:
    """Follow the settings that say where a preview lies, once even when called twice."""
    unregister()
    panel.on_placing.append(follow)


def unregister() -> None:
    """Follow nothing any more."""
    panel.on_placing.clear()
