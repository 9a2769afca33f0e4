"""The JUMPS tab of the 3D viewport's sidebar, in the order of the work.

A panel that cannot act yet is greyed, and its first line says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.types import Context, Menu, Operator, Panel, PropertyGroup, UILayout, UIList

from ..keypoints import JointState
from ..operators.apply_preview import (
    JUMPS_OT_apply_preview,
    JUMPS_OT_discard_preview,
    waiting,
)
from ..operators.bake_to_armature import JUMPS_OT_bake_to_armature
from ..operators.clear_result import JUMPS_OT_clear_result
from ..operators.estimate_poses import (
    PANEL,
    JUMPS_OT_estimate_poses,
    chosen_backend,
    draw_estimation,
    kept_estimation,
)
from ..operators.estimators import estimator_python, missing_for
from ..operators.export_motion import JUMPS_OT_export_motion, JUMPS_OT_write_motion
from ..operators.import_poses import JUMPS_OT_import_poses
from ..operators.install_estimators import (
    JUMPS_OT_install_estimator,
    JUMPS_OT_install_estimator_wheels,
)
from ..operators.install_runtime import (
    JUMPS_OT_install_runtime,
    JUMPS_OT_install_wheels,
)
from ..operators.lock_feet import JUMPS_OT_lock_feet
from ..operators.long_operator import running
from ..operators.pick_person import JUMPS_OT_pick_person
from ..operators.preferences import preferences
from ..operators.read_poses import JUMPS_OT_read_again, JUMPS_OT_read_poses
from ..operators.rerun_result import JUMPS_OT_rerun_result
from ..operators.retarget_result import JUMPS_OT_map_rig, JUMPS_OT_retarget
from ..operators.runtime import missing_package
from ..operators.select_result import JUMPS_OT_select_result
from ..operators.settings import source_of
from ..operators.show_footage import JUMPS_OT_hide_footage, JUMPS_OT_show_footage
from ..operators.upsample_skeleton import JUMPS_OT_upsample_skeleton
from ..scene.bake import is_baked
from ..scene.detections import find_detections
from ..scene.feet import CONTACT, contact_owners
from ..scene.footage_view import footage_camera
from ..scene.preview import replaced
from ..scene.result import active_result, results_in, scene_frames
from ..scene.retarget import CONTROLS, DRIVEN, has_switch
from ..skeletons.rig_maps import RIG_MAPS
from ..skeletons.rig_slots import title_of
from .live_picture import draw_picture
from .presets import JUMPS_PT_bones_presets, JUMPS_PT_upsample_presets
from .progress import draw_running

_NO_POSES = "Import or estimate poses first."


class _SidebarPanel:
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


class JUMPS_UL_people(UIList):
    """People of the imported file: id, length, share of missing joints."""

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
        layout.label(text=item.person, icon="OUTLINER_OB_ARMATURE", translate=False)
        layout.label(text=f"{item.frames}", translate=False)
        layout.label(text=f"{item.missing_share:.0%}", translate=False)


class JUMPS_PT_source(_SidebarPanel, Panel):
    """The pose file."""

    bl_label = "Source"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        layout = self.layout
        if not draw_running(layout, JUMPS_OT_read_poses):
            layout.operator(JUMPS_OT_import_poses.bl_idname, icon="IMPORT")
        if settings.source:
            column = layout.column(align=True)
            column.label(text=_source_name(settings), icon="FILE", translate=False)
            rate = f"{settings.file_fps:g} fps" if settings.file_fps else "30 fps assumed"
            row = column.row()
            row.alert = not settings.file_fps
            video = kept_estimation(settings.estimated)
            style = f"by {video['estimator']}" if "estimator" in video else settings.format
            row.label(text=f"{style}, {rate}", icon="BLANK1", translate=False)
            layout.prop(settings, "footage", icon="FILE_MOVIE")
            if footage_camera(context.scene) is not None:
                layout.operator(JUMPS_OT_hide_footage.bl_idname, icon="HIDE_ON")
            elif settings.footage:
                layout.operator(JUMPS_OT_show_footage.bl_idname, icon="CAMERA_DATA")
        else:
            layout.label(text="Or drop a pose file or a video here.", icon="INFO")


class JUMPS_PT_video(_SidebarPanel, Panel):
    """Poses from a video: which, how, and how far it is."""

    bl_label = "From Video"
    bl_parent_id = "JUMPS_PT_source"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        layout = self.layout
        column = self.column()
        column.prop(settings, "video", icon="FILE_MOVIE")
        work = running()
        if draw_running(layout, JUMPS_OT_estimate_poses) and work is not None:
            job = getattr(work.job, "first", None)
            draw_picture(layout, getattr(job, "picture", None))
            return
        column.prop(settings, "estimator")
        missing = missing_for(context, chosen_backend(context))
        if missing is None:
            row = layout.row()
            row.enabled = bool(settings.video)
            row.operator(JUMPS_OT_estimate_poses.bl_idname, icon="OUTLINER_DATA_ARMATURE")
        else:
            _draw_estimator_missing(layout, context, missing)


class JUMPS_PT_video_range(_SidebarPanel, Panel):
    """How much of the video is looked at."""

    bl_label = "Range and Size"
    bl_parent_id = "JUMPS_PT_video"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        draw_estimation(self.column(), context)


class JUMPS_PT_person(_SidebarPanel, Panel):
    """Who of the file's people is upsampled."""

    bl_label = "Person"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        column = self.column(None if settings.people else _NO_POSES)
        row = column.row()
        for title in ("Person", "Frames", "Missing"):
            row.label(text=title)
        column.template_list(
            "JUMPS_UL_people", "", settings, "people", settings, "person_index", rows=3
        )
        column.operator(JUMPS_OT_pick_person.bl_idname, icon="RESTRICT_SELECT_OFF")


class JUMPS_PT_missing(_SidebarPanel, Panel):
    """What of the person counts as missing."""

    bl_label = "What Counts as Missing"
    bl_parent_id = "JUMPS_PT_person"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        column = self.column()
        column.enabled = bool(settings.people)
        for name in ("min_confidence", "shaking", "edge", "dilation", "show_detection"):
            column.prop(settings, name)
        if draw_running(self.layout, JUMPS_OT_read_again) or not settings.people:
            return
        if find_detections(*source_of(settings)) is None:
            self.layout.operator(JUMPS_OT_read_again.bl_idname, icon="FILE_REFRESH")


class JUMPS_PT_upsample(_SidebarPanel, Panel):
    """How the chosen person is upsampled."""

    bl_label = "Upsample"

    def draw_header_preset(self, _context: Context) -> None:
        JUMPS_PT_upsample_presets.draw_panel_header(self.layout)

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        column = self.column(None if settings.people else _NO_POSES)
        for name in ("engine", "denoise", "repair_swaps", "device", "lift"):
            column.prop(settings, name)
        shown = ("camera_from", "focal_from", "focal_mm", "smoothing", "foot_lock")
        for name in shown if settings.lift else ():
            column.prop(settings, name)
        layout = self.layout
        if draw_running(layout, JUMPS_OT_upsample_skeleton, JUMPS_OT_rerun_result):
            return
        package = missing_package(context, settings.engine, settings.lift)
        if package is None:
            layout.operator(JUMPS_OT_upsample_skeleton.bl_idname, icon="OUTLINER_OB_ARMATURE")
        else:
            _draw_install(layout, package)


class JUMPS_PT_result(_SidebarPanel, Panel):
    """What waits to be applied, and what has been."""

    bl_label = "Result"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        if waiting(context) is not None:
            _draw_preview(self.layout.box(), context)
        elif settings.preview:
            row = self.layout.row()
            row.label(text="Preview gone: upsample again", icon="INFO")
            row.operator(JUMPS_OT_discard_preview.bl_idname, text="", icon="X")
        result = active_result(context)
        results = results_in(context.scene)
        reason = _lacking(context)
        if result is not None and result.linked_from:
            reason = f"Lies in {Path(result.linked_from).name}."
        if results:
            title = "Choose a result" if result is None else _title(result)
            self.layout.menu("JUMPS_MT_results", text=title, icon="OUTLINER_OB_ARMATURE")
        column = self.column(reason)
        column.prop(settings, "show_states")
        if not draw_running(column, JUMPS_OT_bake_to_armature):
            words = "Bake Again" if result is not None and is_baked(result) else "Bake to Armature"
            column.operator(JUMPS_OT_bake_to_armature.bl_idname, text=words, icon="ACTION")
        row = column.row(align=True)
        row.operator(JUMPS_OT_rerun_result.bl_idname, icon="FILE_REFRESH")
        row.operator(JUMPS_OT_clear_result.bl_idname, text="Clear", icon="TRASH")


class JUMPS_PT_placement(_SidebarPanel, Panel):
    """How a preview lies in the scene when it is applied."""

    bl_label = "Placement"
    bl_parent_id = "JUMPS_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        column = self.column()
        if waiting(context) is None:
            column.label(text="For the next Apply:")
        for name in ("height", "start_frame", "use_clip_fps", "extend_range", "keep_previous"):
            column.prop(context.scene.jumps, name)


class JUMPS_PT_feet(_SidebarPanel, Panel):
    """Which parts of the feet stand at the current frame: keys, to be edited."""

    bl_label = "Feet"
    bl_parent_id = "JUMPS_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        result = active_result(context)
        return result is not None and bool(result.lifter)

    def draw(self, context: Context) -> None:
        result = active_result(context)
        if result is None:
            return
        owners = contact_owners(result)
        column = self.column(None if owners else "Choose Run Again: it has no contacts yet.")
        column.use_property_decorate = True  # keys are set and removed here
        for title, owner in owners:
            column.prop(owner, f'["{CONTACT}"]', text=title)
        if not draw_running(column, JUMPS_OT_lock_feet):
            column.operator(JUMPS_OT_lock_feet.bl_idname, icon="CON_KINEMATIC")


class JUMPS_PT_history(_SidebarPanel, Panel):
    """What the chosen result was made of."""

    bl_label = "How It Was Made"
    bl_parent_id = "JUMPS_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return active_result(context) is not None

    def draw(self, context: Context) -> None:
        result = active_result(context)
        if result is None:
            return
        column = self.layout.column(align=True)
        engine, _, weights = result.engine.partition(" ")
        lines = [
            ("File", result.clip.name),
            ("Person", result.person),
            ("Engine", engine.capitalize()),
            ("Weights", weights),
            ("Version", result.version or "before 0.2.0"),
        ]
        names = context.scene.jumps.bl_rna.properties
        lines += [
            (names[key].name if key in names else key.capitalize(), _value(value))
            for key, value in result.settings.items()
            if value is not None and key not in ("engine", "video")
        ]
        video = result.settings.get("video")
        lines += [
            (names[PANEL[key]].name if key in PANEL else key.capitalize(), _value(value))
            for key, value in (video.items() if isinstance(video, dict) else ())
            if value is not None and key != "path"
        ]
        for name, value in lines:
            split = column.split(factor=0.38)
            split.label(text=name)
            split.label(text=value, translate=False)


class JUMPS_PT_retarget(_SidebarPanel, Panel):
    """The motion on the user's own character."""

    bl_label = "Retarget"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        settings, result = context.scene.jumps, active_result(context)
        flat = result is not None and not result.lifter
        reason = "This result is flat: use Lift to 3D." if flat else _lacking(context)
        column = self.column(reason)
        column.prop(settings, "rig")
        if settings.rig is not None:
            family = RIG_MAPS[settings.rig_map].title if settings.rig_map in RIG_MAPS else None
            column.label(text=f"Bones: {family or settings.rig_map}", translate=False)
            slots = {row.slot for row in settings.slots if row.bone}
            row = column.row()
            row.enabled = has_switch(settings.rig)
            row.prop(settings, "limbs", expand=True)
            row = column.row()
            row.enabled = "root" in slots
            row.prop(settings, "root_motion")
        if not draw_running(column, JUMPS_OT_retarget):
            column.operator(JUMPS_OT_retarget.bl_idname, icon="CON_ARMATURE")


class JUMPS_PT_bones(_SidebarPanel, Panel):
    """Which of the rig's bones is which part of the body."""

    bl_label = "Bones"
    bl_parent_id = "JUMPS_PT_retarget"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return context.scene.jumps.rig is not None

    def draw_header_preset(self, _context: Context) -> None:
        JUMPS_PT_bones_presets.draw_panel_header(self.layout)

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        column = self.column()
        _draw_slots(column, settings, DRIVEN)
        column.operator(JUMPS_OT_map_rig.bl_idname, icon="FILE_REFRESH")


class JUMPS_PT_controls(_SidebarPanel, Panel):
    """The rig's root, and what it has for IK."""

    bl_label = "Root and IK"
    bl_parent_id = "JUMPS_PT_bones"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        _draw_slots(self.column(), context.scene.jumps, CONTROLS)


def _draw_slots(layout: UILayout, settings: PropertyGroup, slots: Sequence[str]) -> None:
    """The table's rows for some parts of the body."""
    for row in settings.slots:
        if row.slot in slots:
            words = title_of(row.slot)
            words = words[0].upper() + words[1:]
            layout.prop_search(row, "bone", settings.rig.data, "bones", text=words, translate=False)


class JUMPS_PT_export(_SidebarPanel, Panel):
    """Ways out of Blender."""

    bl_label = "Export"

    def draw(self, context: Context) -> None:
        settings = context.scene.jumps
        is_rig = settings.export_of == "RIG"
        if is_rig:
            reason = "Choose a rig under Retarget." if settings.rig is None else None
        else:
            reason = _lacking(context)
        self.layout.row().prop(settings, "export_of", expand=True)
        column = self.column(reason)
        column.prop(settings, "export_format")
        for name in ("in_place", *(("export_meshes", "deform_only") if is_rig else ())):
            column.prop(settings, name)
        if not draw_running(column, JUMPS_OT_write_motion):
            column.operator(JUMPS_OT_export_motion.bl_idname, icon="EXPORT")


class JUMPS_MT_results(Menu):
    """The scene's results; choosing one selects it."""

    bl_label = "Results"

    def draw(self, context: Context) -> None:
        for result in results_in(context.scene):
            root = result.find("root")
            if root is not None:
                operator = self.layout.operator(
                    JUMPS_OT_select_result.bl_idname, text=root.name, translate=False
                )
                operator.root = root.name


def _lacking(context: Context) -> str | None:
    """Why nothing can be done with a result; None where one is chosen."""
    if active_result(context) is not None:
        return None
    return "Select one of the results." if results_in(context.scene) else "Apply a preview first."


def _draw_preview(layout: UILayout, context: Context) -> None:
    preview = waiting(context)
    if preview is None:
        return
    sequence = preview.sequence
    settings, scene = context.scene.jumps, context.scene
    layout.label(
        text=f"Preview: {preview.clip.stem}, person {sequence.person}",
        icon="HIDE_OFF",
        translate=False,
    )
    frames = scene_frames(scene, sequence, settings.start_frame, settings.use_clip_fps)
    row = layout.row()
    row.alert = not frames[0] - 0.5 <= scene.frame_current_final <= frames[-1] + 0.5
    away = ": not at this one" if row.alert else ""
    row.label(text=f"Frames {frames[0]:.0f} to {frames[-1]:.0f}{away}", translate=False)
    previous = replaced(context, preview, settings.keep_previous)
    if previous is not None and not previous.linked_from:
        layout.label(text=f"Replaces {_title(previous)}", translate=False)
    own = preferences(context)
    if own is not None:
        column = layout.column(align=True)
        for state, share in preview.shares.items():
            _draw_state(column, own, state, share)
    row = layout.row(align=True)
    row.scale_y = 1.3
    row.operator(JUMPS_OT_apply_preview.bl_idname, icon="CHECKMARK")
    row.operator(JUMPS_OT_discard_preview.bl_idname, icon="X")


def _draw_state(layout: UILayout, own: Any, state: JointState, share: float) -> None:
    """A state's colour, which can be changed here, its name and its share."""
    split = layout.split(factor=0.15)
    split.prop(own, state.name.lower(), text="")
    split.label(text=f"{state.name.capitalize()}: {share:.0%}", translate=False)


def _draw_install(layout: UILayout, package: str) -> None:
    box = layout.box().column()
    name = "PyTorch" if package == "torch" else package
    box.label(text=f"Upsampling needs {name}.", icon="ERROR")
    installers: tuple[type[Operator], ...] = (JUMPS_OT_install_runtime, JUMPS_OT_install_wheels)
    if draw_running(box, *installers):
        return
    if not bpy.app.online_access:
        show = box.operator("screen.userpref_show", text="Allow Online Access", icon="INTERNET")
        show.section = "SYSTEM"
    for operator in installers:
        box.operator(operator.bl_idname, icon="IMPORT")


def _draw_estimator_missing(layout: UILayout, context: Context, missing: str) -> None:
    """Why the estimator isn't ready, and the button that mends it."""
    backend = chosen_backend(context)
    box = layout.box().column()
    installers: tuple[type[Operator], ...] = (
        JUMPS_OT_install_estimator,
        JUMPS_OT_install_estimator_wheels,
    )
    if estimator_python(backend) is not None:
        box.label(text="The estimator needs a file:", icon="ERROR")
        box.label(text=missing, translate=False)
        show = box.operator("screen.userpref_show", text="Open Preferences", icon="PREFERENCES")
        show.section = "ADDONS"
        return
    box.label(text=f"{backend.label} is not installed.", icon="ERROR", translate=False)
    if draw_running(box, *installers):
        return
    if not bpy.app.online_access:
        show = box.operator("screen.userpref_show", text="Allow Online Access", icon="INTERNET")
        show.section = "SYSTEM"
    for operator in installers:
        box.operator(operator.bl_idname, icon="IMPORT").backend = backend.name


def _source_name(settings: PropertyGroup) -> str:
    """What people call the source: poses that were estimated are called by their video."""
    video = kept_estimation(settings.estimated)
    return Path(video.get("path") or settings.source).name


def _title(result: Any) -> str:
    root = result.find("root")
    return root.name if root is not None else f"{result.clip.stem} {result.person}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
