"""Bake to Armature: plain bone keyframes instead of constraints."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator

from ..errors import JumpsError
from ..scene.bake import bake
from ..scene.result import required_result
from .needs_result import NeedsResult
from .progress import shown_progress


class JUMPS_OT_bake_to_armature(NeedsResult, Operator):
    """Key the bones frame by frame as they follow the joints now, and mute their constraints"""

    bl_idname = "jumps.bake_to_armature"
    bl_label = "Bake to Armature"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

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
