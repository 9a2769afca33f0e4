"""Apply and Discard: what becomes of an upsampled sequence that is shown."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator

from ..errors import JumpsError
from ..scene.footage import find_footage, footage_notes
from ..scene.footage_view import hide_footage
from ..scene.preview import Preview, apply, find
from .long_operator import redraw
from .preferences import colours
from .settings import set_preview
from .show_footage import follow, footage_of


def waiting(context: Context) -> Preview | None:
    """The scene's preview; None where there is none, or it was forgotten."""
    return find(context.scene.jumps.preview)


class JUMPS_OT_apply_preview(Operator):
    """Make the preview real, in place of the person's last result: 28 keyed empties, an armature"""

    bl_idname = "jumps.apply_preview"
    bl_label = "Apply"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if waiting(context) is None:
            cls.poll_message_set("Upsample a person first.")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode first.")
            return False
        if context.scene.library is not None:
            cls.poll_message_set("This scene is linked from another file; switch to one of yours.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings, preview = context.scene.jumps, waiting(context)
        try:
            if preview is None:
                raise JumpsError("There is no preview any more; run Upsample Skeleton again.")
            path = footage_of(context)
            footage = find_footage(path) if path else None
            result = apply(
                context,
                preview,
                footage=footage,
                height=settings.height,
                start_frame=settings.start_frame,
                use_clip_fps=settings.use_clip_fps,
                extend_range=settings.extend_range,
                keep_previous=settings.keep_previous,
                colours=colours(context),
            )
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        set_preview(context.scene, "")
        hide_footage(context.scene, result.find("camera"))
        first, last = result.frame_range
        for note in footage_notes(footage, preview.sequence, preview.space) if footage else ():
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"Applied person {result.person}: frames {first} to {last}.")
        return {"FINISHED"}


class JUMPS_OT_discard_preview(Operator):
    """Take the previewed joints away; nothing else changes"""

    bl_idname = "jumps.discard_preview"
    bl_label = "Discard"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not context.scene.jumps.preview:
            cls.poll_message_set("There is no preview.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        set_preview(context.scene, "")
        follow(context)
        redraw(context, {"UI", "WINDOW"})
        self.report({"INFO"}, "Discarded the preview; nothing was changed.")
        return {"FINISHED"}
