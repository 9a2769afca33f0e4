"""The JUMPS tab of the 3D viewport's sidebar: what its panels have in common.

A panel that cannot act yet is greyed, and its first line says why.
"""

from __future__ import annotations

from bpy.types import Context, UILayout

from ..scene.result import Result, active_result, results_in


class SidebarPanel:
    """A panel of the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "JUMPS"

    layout: UILayout

    def column(self, reason: str | None = None) -> UILayout:
        """A column for the contents, greyed where there is a reason, which stands above it."""
        if reason is not None:
            self.layout.label(text=reason, icon="INFO")
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = reason is None
        return column


def lacking(context: Context) -> str | None:
    """Why nothing can be done with a result; None where one is chosen."""
    if active_result(context) is not None:
        return None
    return "Select one of the results." if results_in(context.scene) else "Apply a preview first."


def title_of_result(result: Result) -> str:
    """What people see of its name: its root object's."""
    root = result.find("root")
    return root.name if root is not None else f"{result.clip.stem} {result.person}"
