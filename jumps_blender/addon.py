"""Registers everything that Blender sees: settings, operators, panels, menus, handlers."""

from __future__ import annotations

import atexit

import bpy
from bpy.app.handlers import persistent

from .operators import settings, show_footage
from .operators.apply_preview import JUMPS_OT_apply_preview, JUMPS_OT_discard_preview
from .operators.bake_to_armature import JUMPS_OT_bake_to_armature
from .operators.bones_presets import JUMPS_OT_add_bones_preset, JUMPS_OT_load_bones_preset
from .operators.clear_result import JUMPS_OT_clear_result
from .operators.estimate_poses import (
    JUMPS_FH_video,
    JUMPS_OT_estimate_poses,
    JUMPS_OT_open_video,
)
from .operators.export_motion import JUMPS_OT_export_motion, JUMPS_OT_write_motion
from .operators.footage_plane import JUMPS_OT_footage_plane
from .operators.import_poses import JUMPS_FH_poses, JUMPS_OT_import_poses
from .operators.install_estimators import (
    JUMPS_OT_check_estimator,
    JUMPS_OT_install_estimator,
    JUMPS_OT_install_estimator_wheels,
    JUMPS_OT_remove_estimator,
)
from .operators.install_runtime import (
    JUMPS_OT_check_runtime,
    JUMPS_OT_install_runtime,
    JUMPS_OT_install_wheels,
    JUMPS_OT_remove_runtime,
)
from .operators.lock_feet import JUMPS_OT_lock_feet
from .operators.long_operator import JUMPS_OT_cancel, stop_running
from .operators.pick_person import JUMPS_OT_pick_person, stop_picking
from .operators.read_poses import JUMPS_OT_read_again, JUMPS_OT_read_poses
from .operators.rerun_result import JUMPS_OT_rerun_result
from .operators.retarget_result import JUMPS_OT_map_rig, JUMPS_OT_retarget
from .operators.runtime import close_workers
from .operators.seen import picking
from .operators.select_result import JUMPS_OT_select_result
from .operators.show_footage import JUMPS_OT_hide_footage, JUMPS_OT_show_footage
from .operators.upsample_skeleton import JUMPS_OT_upsample_skeleton
from .scene.detections import forget_detections
from .scene.preview import forget_all
from .ui import (
    live_picture,
    menus,
    overlay,
    presets,
    result_panels,
    rig_panels,
    source_panels,
)
from .ui.preferences import JUMPS_AP_preferences

# In order: a class follows those that it refers to, and panels stand in the sidebar like this.
_CLASSES = (
    JUMPS_AP_preferences,
    settings.JUMPS_PG_person,
    settings.JUMPS_PG_slot,
    settings.JUMPS_PG_settings,
    JUMPS_OT_import_poses,
    JUMPS_OT_read_poses,
    JUMPS_OT_read_again,
    JUMPS_OT_pick_person,
    JUMPS_FH_poses,
    JUMPS_OT_open_video,
    JUMPS_OT_estimate_poses,
    JUMPS_FH_video,
    JUMPS_OT_show_footage,
    JUMPS_OT_hide_footage,
    JUMPS_OT_upsample_skeleton,
    JUMPS_OT_cancel,
    JUMPS_OT_apply_preview,
    JUMPS_OT_discard_preview,
    JUMPS_OT_lock_feet,
    JUMPS_OT_bake_to_armature,
    JUMPS_OT_footage_plane,
    JUMPS_OT_map_rig,
    JUMPS_OT_retarget,
    JUMPS_OT_load_bones_preset,
    JUMPS_OT_add_bones_preset,
    JUMPS_OT_export_motion,
    JUMPS_OT_write_motion,
    JUMPS_OT_select_result,
    JUMPS_OT_rerun_result,
    JUMPS_OT_clear_result,
    JUMPS_OT_check_runtime,
    JUMPS_OT_install_runtime,
    JUMPS_OT_install_wheels,
    JUMPS_OT_remove_runtime,
    JUMPS_OT_check_estimator,
    JUMPS_OT_install_estimator,
    JUMPS_OT_install_estimator_wheels,
    JUMPS_OT_remove_estimator,
    presets.JUMPS_MT_upsample_presets,
    presets.JUMPS_OT_add_upsample_preset,
    presets.JUMPS_PT_upsample_presets,
    presets.JUMPS_PT_bones_presets,
    source_panels.JUMPS_UL_people,
    result_panels.JUMPS_MT_results,
    source_panels.JUMPS_PT_source,
    source_panels.JUMPS_PT_video,
    source_panels.JUMPS_PT_video_range,
    source_panels.JUMPS_PT_person,
    source_panels.JUMPS_PT_missing,
    source_panels.JUMPS_PT_upsample,
    result_panels.JUMPS_PT_result,
    result_panels.JUMPS_PT_placement,
    result_panels.JUMPS_PT_feet,
    result_panels.JUMPS_PT_history,
    rig_panels.JUMPS_PT_retarget,
    rig_panels.JUMPS_PT_bones,
    rig_panels.JUMPS_PT_controls,
    rig_panels.JUMPS_PT_export,
    menus.JUMPS_MT_object,
)


def register() -> None:
    """Register what is not registered yet."""
    for cls in _CLASSES:
        if not cls.is_registered:
            bpy.utils.register_class(cls)
    settings.register()
    show_footage.register()
    presets.register()
    menus.register()
    live_picture.register()
    overlay.register()
    _unhook()
    bpy.app.handlers.load_post.append(_let_go)
    atexit.register(close_workers)


def unregister() -> None:
    """Unregister what is registered, and end what goes on."""
    _unhook()
    _let_go()
    close_workers()
    overlay.unregister()
    live_picture.unregister()
    menus.unregister()
    presets.unregister()
    show_footage.unregister()
    settings.unregister()
    for cls in reversed(_CLASSES):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)


@persistent
def _let_go(*_: object) -> None:
    """Another file is open, or the add-on goes: what waits belongs to the file that was left."""
    stop_running()
    if picking.is_on:
        stop_picking()
    forget_all()
    forget_detections()
    overlay.update()


def _unhook() -> None:
    atexit.unregister(close_workers)
    if _let_go in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_let_go)
