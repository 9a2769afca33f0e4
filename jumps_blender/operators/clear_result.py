"""Clear Result: remove one result and nothing else."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator

from ..errors import JumpsError
from ..scene.result import active_result, clear_result, required_result
from .settings import changed


class JUMPS_OT_clear_result(Operator):
    """Remove the result's joints, armature and animation from the scene"""

    bl_idname = "jumps.clear_result"
    bl_label = "Clear Result"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        result = active_result(context)
        if result is None:
            cls.poll_message_set("Select a JUMPS result first.")
            return False
        if result.linked_from:
            cls.poll_message_set(f"This result lies in {result.linked_from}; open that file.")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode first.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            result = required_result(context)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        clip, person = result.clip, result.person
        clear_result(result)
        changed()
        self.report({"INFO"}, f"Removed the result of {clip}, person {person}.")
        return {"FINISHED"}
