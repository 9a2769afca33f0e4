"""Registers everything that Blender sees: settings, operators, panels, menus."""

from __future__ import annotations

import bpy

from .operators import settings
from .operators.bake_to_armature import JUMPS_OT_bake_to_armature
from .operators.clear_result import JUMPS_OT_clear_result
from .operators.export_fbx import JUMPS_OT_export_fbx
from .operators.import_poses import JUMPS_FH_poses, JUMPS_OT_import_poses
from .operators.upsample_skeleton import JUMPS_OT_upsample_skeleton
from .ui import menus, overlay, panels

# In order: a class follows those that it refers to, and panels stand in the sidebar like this.
_CLASSES = (
    settings.JUMPS_PG_person,
    settings.JUMPS_PG_settings,
    JUMPS_OT_import_poses,
    JUMPS_FH_poses,
    JUMPS_OT_upsample_skeleton,
    JUMPS_OT_bake_to_armature,
    JUMPS_OT_export_fbx,
    JUMPS_OT_clear_result,
    panels.JUMPS_UL_people,
    panels.JUMPS_PT_source,
    panels.JUMPS_PT_upsample,
    panels.JUMPS_PT_result,
    panels.JUMPS_PT_export,
    menus.JUMPS_MT_object,
)


def register() -> None:
    """Register what is not registered yet."""
    for cls in _CLASSES:
        if not cls.is_registered:
            bpy.utils.register_class(cls)
    settings.register()
    menus.register()
    overlay.register()


def unregister() -> None:
    """Unregister what is registered."""
    overlay.unregister()
    menus.unregister()
    settings.unregister()
    for cls in reversed(_CLASSES):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
