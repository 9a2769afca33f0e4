"""Panels for what goes out: onto the user's rig, and into files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bpy.types import Context, Panel, PropertyGroup, UILayout

from ..operators.export_motion import JUMPS_OT_export_motion, JUMPS_OT_write_motion
from ..operators.retarget_result import JUMPS_OT_map_rig, JUMPS_OT_retarget
from ..operators.settings import chosen_rig
from ..scene.result import active_result
from ..scene.retarget import CONTROLS, DRIVEN, has_switch
from ..skeletons.rig_maps import RIG_MAPS
from ..skeletons.rig_slots import title_of
from .presets import JUMPS_PT_bones_presets
from .progress import draw_running
from .sidebar import SidebarPanel, lacking


class JUMPS_PT_retarget(SidebarPanel, Panel):
    """The motion on the user's own character."""

    bl_label = "Retarget"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        settings, result = context.scene.jumps, active_result(context)
        flat = result is not None and not result.lifter
        reason = "This result is flat: use Lift to 3D." if flat else lacking(context)
        column = self.column(reason)
        column.prop(settings, "rig")
        rig = chosen_rig(context.scene)
        if rig is not None:
            family = RIG_MAPS[settings.rig_map].title if settings.rig_map in RIG_MAPS else None
            column.label(text=f"Bones: {family or settings.rig_map}", translate=False)
            slots = {row.slot for row in settings.slots if row.bone}
            row = column.row()
            row.enabled = has_switch(rig)
            row.prop(settings, "limbs", expand=True)
            row = column.row()
            row.enabled = "root" in slots
            row.prop(settings, "root_motion")
        elif settings.rig is not None:
            column.label(text=f"{settings.rig.name} isn't in this scene.", translate=False)
        if not draw_running(self.layout, JUMPS_OT_retarget):
            column.operator(JUMPS_OT_retarget.bl_idname, icon="CON_ARMATURE")


class JUMPS_PT_bones(SidebarPanel, Panel):
    """Which of the rig's bones is which part of the body."""

    bl_label = "Bones"
    bl_parent_id = "JUMPS_PT_retarget"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return chosen_rig(context.scene) is not None

    def draw_header_preset(self, _context: Context) -> None:
        JUMPS_PT_bones_presets.draw_panel_header(self.layout)

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        column = self.column()
        _draw_slots(column, settings, DRIVEN)
        column.operator(JUMPS_OT_map_rig.bl_idname, icon="FILE_REFRESH")


class JUMPS_PT_controls(SidebarPanel, Panel):
    """The rig's root, and what it has for IK."""

    bl_label = "Root and IK"
    bl_parent_id = "JUMPS_PT_bones"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        _draw_slots(self.column(), context.scene.jumps, CONTROLS)


class JUMPS_PT_export(SidebarPanel, Panel):
    """Ways out of Blender."""

    bl_label = "Export"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        is_rig = settings.export_of == "RIG"
        if is_rig:
            is_chosen = chosen_rig(context.scene) is not None
            reason = None if is_chosen else "Choose a rig under Retarget."
        else:
            reason = lacking(context)
        self.layout.row().prop(settings, "export_of", expand=True)
        column = self.column(reason)
        column.prop(settings, "export_format")
        for name in ("in_place", *(("export_meshes", "deform_only") if is_rig else ())):
            column.prop(settings, name)
        if not draw_running(self.layout, JUMPS_OT_write_motion):
            column.operator(JUMPS_OT_export_motion.bl_idname, icon="EXPORT")


def _draw_slots(layout: UILayout, settings: PropertyGroup, slots: Sequence[str]) -> None:
    """The table's rows for some parts of the body."""
    for row in settings.slots:
        if row.slot in slots:
            words = title_of(row.slot)
            words = words[0].upper() + words[1:]
            layout.prop_search(row, "bone", settings.rig.data, "bones", text=words, translate=False)
