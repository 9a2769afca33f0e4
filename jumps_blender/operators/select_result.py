"""Select Result: the panel acts on the result that is chosen here."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from typing import ClassVar

from bpy.props import StringProperty
from bpy.types import Context, Operator


class JUMPS_OT_select_result(Operator):
    """Select this result, so that the panel acts on it"""

    bl_idname = "jumps.select_result"
    bl_label = "Select Result"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    root: StringProperty(name="Root", description="Name of the result's root object")

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode first.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        root = context.view_layer.objects.get(self.root)
        if root is None:
            self.report({"ERROR"}, f"{self.root} is not in this view layer; show its collection.")
            return {"CANCELLED"}
        for item in context.selected_objects:
            item.select_set(False)
        root.select_set(True)
        context.view_layer.objects.active = root
        return {"FINISHED"}
