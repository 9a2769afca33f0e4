"""When operators that animate or read a result's armature can act."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context

from ..scene.result import active_result
from .long_operator import refuse_if_running


class NeedsResult:
    """Mixed into operators: a result is at hand, and its armature is not being edited.

    changes_result: whether the operator needs a result that can be changed
    """

    changes_result: ClassVar[bool] = False

    @classmethod
    def poll(cls, context: Context) -> bool:
        if refuse_if_running(cls):
            return False
        result = active_result(context)
        if result is None:
            reason = "Select a JUMPS result first."
        elif cls.changes_result and result.linked_from:
            reason = f"This result lies in {result.linked_from}; open that file."
        elif context.mode == "EDIT_ARMATURE":
            reason = "Leave the armature's Edit Mode first."
        else:
            return True
        cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return False
