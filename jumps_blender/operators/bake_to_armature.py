"""Bake to Armature: plain bone keyframes instead of constraints."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator

from ..errors import JumpsError
from ..scene.bake import bake
from ..scene.result import active_result, required_result
from .progress import shown_progress


class JUMPS_OT_bake_to_armature(Operator):
    """Key the bones frame by frame as they follow the joints now, and mute their constraints"""

    bl_idname = "jumps.bake_to_armature"
    bl_label = "Bake to Armature"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if active_result(context) is None:
            cls.poll_message_set("Select a JUMPS result first.")
            return False
        if context.mode == "EDIT_ARMATURE":
            cls.poll_message_set("Leave the armature's Edit Mode first.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            with shown_progress(context) as progress:
                result = required_result(context)
                action = bake(result, progress)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        first, last = result.frame_range
        self.report({"INFO"}, f"Baked frames {first} to {last} into action {action.name}.")
        return {"FINISHED"}
