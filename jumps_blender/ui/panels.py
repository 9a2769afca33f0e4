"""The JUMPS tab of the 3D viewport's sidebar, in the order of the work."""

from __future__ import annotations

from pathlib import Path

from bpy.types import Context, Panel, PropertyGroup, UILayout, UIList

from ..operators.bake_to_armature import JUMPS_OT_bake_to_armature
from ..operators.clear_result import JUMPS_OT_clear_result
from ..operators.export_fbx import JUMPS_OT_export_fbx
from ..operators.import_poses import JUMPS_OT_import_poses
from ..operators.upsample_skeleton import JUMPS_OT_upsample_skeleton
from ..scene.result import active_result


class _SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "JUMPS"


class JUMPS_UL_people(UIList):
    """People of the imported file: id, frames, how much is missing."""

    def draw_item(
        self,
        _context: Context,
        layout: UILayout,
        _data: PropertyGroup,
        item: PropertyGroup,
        _icon: int,
        _active_data: PropertyGroup,
        _active_property: str,
    ) -> None:
        layout.label(text=item.person, icon="ARMATURE_DATA", translate=False)
        layout.label(text=f"{item.frames} frames")
        layout.label(text=f"{item.missing_share:.0%} missing")


class JUMPS_PT_source(_SidebarPanel, Panel):
    """The pose file and its people."""

    bl_label = "Source"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        layout = self.layout
        layout.operator(JUMPS_OT_import_poses.bl_idname, icon="IMPORT")
        if settings.source:
            layout.label(text=f"{Path(settings.source).name} ({settings.format})", translate=False)
        if settings.people:
            layout.template_list(
                "JUMPS_UL_people", "", settings, "people", settings, "person_index", rows=3
            )


class JUMPS_PT_upsample(_SidebarPanel, Panel):
    """How the chosen person is upsampled and placed."""

    bl_label = "Upsample"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for names in (
            ("engine", "device", "min_confidence"),
            ("height",),
            ("start_frame", "use_clip_fps", "extend_range"),
        ):
            column = layout.column(align=True)
            for name in names:
                column.prop(settings, name)
        layout.operator(JUMPS_OT_upsample_skeleton.bl_idname, icon="OUTLINER_OB_ARMATURE")


class JUMPS_PT_result(_SidebarPanel, Panel):
    """What can be done with a finished result."""

    bl_label = "Result"

    def draw(self, context: Context) -> None:
        layout = self.layout
        result = active_result(context)
        if result is not None:
            layout.label(
                text=f"{Path(result.source).name}, person {result.person}", translate=False
            )
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(context.scene.jumps, "show_states")
        layout.operator(JUMPS_OT_bake_to_armature.bl_idname, icon="ACTION")
        layout.operator(JUMPS_OT_clear_result.bl_idname, icon="TRASH")


class JUMPS_PT_export(_SidebarPanel, Panel):
    """Ways out of Blender."""

    bl_label = "Export"

    def draw(self, _context: Context) -> None:
        self.layout.operator(JUMPS_OT_export_fbx.bl_idname, icon="EXPORT")
