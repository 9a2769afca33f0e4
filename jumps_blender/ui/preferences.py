"""The add-on's preferences: where PyTorch comes from, and the colours of the states."""

from __future__ import annotations

from bpy.types import AddonPreferences, Context, UILayout

from ..operators.install_runtime import (
    JUMPS_OT_check_runtime,
    JUMPS_OT_install_runtime,
    JUMPS_OT_install_wheels,
    JUMPS_OT_remove_runtime,
    runtime_words,
)
from ..operators.preferences import ADDON, PreferenceProperties
from ..operators.runtime import (
    blender_runtime,
    chosen_runtime,
    described,
    environment_folder,
    missing_package,
    own_version,
)
from .progress import draw_running


class JUMPS_AP_preferences(PreferenceProperties, AddonPreferences):
    """Drawn in Edit > Preferences > Add-ons."""

    bl_idname = ADDON

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_runtime(layout.column(heading="PyTorch"), context)
        layout.prop(self, "python")
        layout.separator()
        column = layout.column(heading="State Colors")
        for name in ("observed", "inpainted", "upsampled"):
            column.prop(self, name)


def _draw_runtime(layout: UILayout, context: Context) -> None:
    runtime = chosen_runtime(context)
    facts = described(runtime)
    lacks = missing_package(context, "direct")
    if runtime == blender_runtime():
        where = "Blender's own Python"
    elif str(runtime.python).startswith(str(environment_folder())):
        where = "the add-on's own folder"
    else:
        where = str(runtime.python)
    box = layout.box().column()
    box.label(text=f"PyTorch from {where}", icon="CONSOLE", translate=False)
    if facts is not None:
        box.label(text=runtime_words(facts), icon="ERROR" if lacks else "CHECKMARK")
    elif lacks:
        box.label(text=f"No {'PyTorch' if lacks == 'torch' else lacks} found", icon="ERROR")
    else:
        version = own_version("torch") if runtime == blender_runtime() else ""
        box.label(text=f"PyTorch {version} found; look for its devices", icon="CHECKMARK")
    if not draw_running(box, JUMPS_OT_install_runtime, JUMPS_OT_install_wheels):
        row = box.row()
        row.operator(JUMPS_OT_check_runtime.bl_idname, icon="VIEWZOOM")
        row.operator(JUMPS_OT_install_runtime.bl_idname, icon="IMPORT")
        row = box.row()
        row.operator(JUMPS_OT_install_wheels.bl_idname, icon="FILE_FOLDER")
        row.operator(JUMPS_OT_remove_runtime.bl_idname, icon="TRASH")
