"""Footage Plane: the movie as a picture that stands in the scene, behind the body."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator

from ..errors import JumpsError
from ..scene.footage_plane import add_footage_plane, footage_behind
from ..scene.result import active_result, required_result
from .needs_result import NeedsResult


class JUMPS_OT_footage_plane(NeedsResult, Operator):
    """Put the footage into the scene, behind the body, where it can be seen from anywhere: an image
    that moves with the timeline. Delete it like any object"""

    bl_idname = "jumps.footage_plane"
    bl_label = "Footage Plane"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    changes_result = True

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        result = active_result(context)
        if result is not None and footage_behind(result) is None:
            cls.poll_message_set("This result has no footage: name it and upsample again.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            add_footage_plane(context.scene, required_result(context))
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
