"""The add-on's preferences: where PyTorch and pose estimators come from, and the colours."""

from __future__ import annotations

from bpy.types import AddonPreferences, Context, UILayout

from ..operators.estimators import (
    estimator_folder,
    estimator_python,
    missing_for,
    model_property,
)
from ..operators.install_estimators import (
    JUMPS_OT_check_estimator,
    JUMPS_OT_install_estimator,
    JUMPS_OT_install_estimator_wheels,
    JUMPS_OT_remove_estimator,
)
from ..operators.install_runtime import (
    JUMPS_OT_check_runtime,
    JUMPS_OT_install_runtime,
    JUMPS_OT_install_wheels,
    JUMPS_OT_remove_runtime,
    runtime_words,
)
from ..operators.long_operator import running
from ..operators.preferences import ADDON, PreferenceProperties
from ..operators.runtime import (
    blender_runtime,
    chosen_runtime,
    described,
    environment_folder,
    missing_package,
    own_version,
)
from ..processes.install import environment_facts
from ..video.backends import BACKENDS, Backend
from ..video.environments import estimator_words, need
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
        layout.label(text="Pose Estimators for Video")
        for backend in BACKENDS.values():
            _draw_estimator(layout.box().column(), self, context, backend)
        layout.prop(self, "estimators_python")
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


def _draw_estimator(layout: UILayout, own: object, context: Context, backend: Backend) -> None:
    """What is known of a pose estimator without asking it, and what can be done about it."""
    people = "One person" if backend.people == 1 else "Several people"
    python = estimator_python(backend)
    missing = missing_for(context, backend)
    folder = estimator_folder(backend)
    facts = environment_facts(folder)
    if python is not None:
        state = estimator_words(backend, facts)
    elif facts:
        state = "the Python that it was made with has gone; install it again"
    else:
        state = f"not installed, needs {need(backend, '').words}"
    icon = "CHECKMARK" if missing is None else "ERROR" if python else "RADIOBUT_OFF"
    layout.label(text=f"{backend.label}: {state}", icon=icon, translate=False)
    layout.label(text=f"{people}; {backend.licence}", icon="BLANK1", translate=False)
    if python is not None and missing is not None:
        layout.label(text=missing, icon="BLANK1", translate=False)
    for model in backend.models:
        layout.prop(own, model_property(backend, model))
    # The bar stands where its button was: at most one of these is at work.
    work = running()
    if work is not None and getattr(work.job, "folder", None) == folder:
        draw_running(
            layout,
            JUMPS_OT_check_estimator,
            JUMPS_OT_install_estimator,
            JUMPS_OT_install_estimator_wheels,
        )
        return
    row = layout.row()
    install = row.operator(JUMPS_OT_install_estimator.bl_idname, text="Install", icon="IMPORT")
    wheels = row.operator(
        JUMPS_OT_install_estimator_wheels.bl_idname, text="Install from Folder", icon="FILE_FOLDER"
    )
    row = row.row()
    row.enabled = bool(facts)
    check = row.operator(JUMPS_OT_check_estimator.bl_idname, text="Check", icon="VIEWZOOM")
    removal = row.operator(JUMPS_OT_remove_estimator.bl_idname, text="Remove", icon="TRASH")
    for button in (install, wheels, check, removal):
        button.backend = backend.name
