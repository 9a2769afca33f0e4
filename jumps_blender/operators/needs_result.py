"""When operators that animate or read a result's armature can act."""

from __future__ import annotations

from bpy.types import Context

from ..scene.result import active_result


class NeedsResult:
    """Mixed into operators: a result is at hand and its armature is not being edited."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if active_result(context) is None:
            cls.poll_message_set("Select a JUMPS result first.")  # type: ignore[attr-defined]
            return False
        if context.mode == "EDIT_ARMATURE":
            cls.poll_message_set("Leave the armature's Edit Mode first.")  # type: ignore[attr-defined]
            return False
        return True
