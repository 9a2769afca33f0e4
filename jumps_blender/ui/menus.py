"""Menu entries, through which Blender's search finds the operators."""

from __future__ import annotations

import bpy
from bpy.types import Context, Menu

from ..operators.apply_preview import JUMPS_OT_apply_preview, JUMPS_OT_discard_preview
from ..operators.bake_to_armature import JUMPS_OT_bake_to_armature
from ..operators.clear_result import JUMPS_OT_clear_result
from ..operators.estimate_poses import JUMPS_OT_open_video
from ..operators.export_motion import JUMPS_OT_export_motion
from ..operators.footage_plane import JUMPS_OT_footage_plane
from ..operators.import_poses import JUMPS_OT_import_poses
from ..operators.rerun_result import JUMPS_OT_rerun_result
from ..operators.retarget_result import JUMPS_OT_retarget
from ..operators.upsample_skeleton import JUMPS_OT_upsample_skeleton


class JUMPS_MT_object(Menu):
    """The operators in the order of the work."""

    bl_label = "JUMPS"

    def draw(self, _context: Context) -> None:
        for operator in (
            JUMPS_OT_import_poses,
            JUMPS_OT_open_video,
            JUMPS_OT_upsample_skeleton,
            JUMPS_OT_apply_preview,
            JUMPS_OT_discard_preview,
            JUMPS_OT_bake_to_armature,
            JUMPS_OT_footage_plane,
            JUMPS_OT_retarget,
            JUMPS_OT_export_motion,
            JUMPS_OT_rerun_result,
            JUMPS_OT_clear_result,
        ):
            self.layout.operator(operator.bl_idname)


def _draw_import(self: Menu, _context: Context) -> None:
    self.layout.operator(
        JUMPS_OT_import_poses.bl_idname, text="2D Poses (.json/.jsonl/.csv/.h5/.npz)"
    )
    self.layout.operator(JUMPS_OT_open_video.bl_idname, text="2D Poses from Video (.mp4/.mov/…)")


def _draw_object(self: Menu, _context: Context) -> None:
    self.layout.menu("JUMPS_MT_object")


def register() -> None:
    """Add the entries, once even when called twice."""
    unregister()
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)
    bpy.types.VIEW3D_MT_object.append(_draw_object)


def unregister() -> None:
    """Take the entries out; those that aren't there are no error."""
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
    bpy.types.VIEW3D_MT_object.remove(_draw_object)
