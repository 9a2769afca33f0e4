"""Panels for what comes in: pose files, videos, whose poses, and how they are upsampled."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.types import Context, Operator, Panel, PropertyGroup, UILayout, UIList

from ..operators.estimate_poses import (
    JUMPS_OT_estimate_poses,
    chosen_backend,
    draw_estimation,
    kept_estimation,
)
from ..operators.estimators import estimator_python, missing_for
from ..operators.import_poses import JUMPS_OT_import_poses
from ..operators.install_estimators import (
    JUMPS_OT_install_estimator,
    JUMPS_OT_install_estimator_wheels,
)
from ..operators.install_runtime import JUMPS_OT_install_runtime, JUMPS_OT_install_wheels
from ..operators.long_operator import running
from ..operators.pick_person import JUMPS_OT_pick_person
from ..operators.read_poses import JUMPS_OT_read_again, JUMPS_OT_read_poses
from ..operators.rerun_result import JUMPS_OT_rerun_result
from ..operators.runtime import missing_package
from ..operators.settings import source_of
from ..operators.show_footage import JUMPS_OT_hide_footage, JUMPS_OT_show_footage, footage_of
from ..operators.upsample_skeleton import JUMPS_OT_upsample_skeleton
from ..scene.detections import find_detections
from ..scene.footage_view import footage_camera
from .live_picture import draw_picture
from .presets import JUMPS_PT_upsample_presets
from .progress import draw_running
from .sidebar import SidebarPanel

_NO_POSES = "Import or estimate poses first."


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


class JUMPS_PT_source(SidebarPanel, Panel):
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
            elif footage_of(context):
                layout.operator(JUMPS_OT_show_footage.bl_idname, icon="CAMERA_DATA")
        else:
            layout.label(text="Or drop a pose file or a video here.", icon="INFO")


class JUMPS_PT_video(SidebarPanel, Panel):
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


class JUMPS_PT_video_range(SidebarPanel, Panel):
    """How much of the video is looked at."""

    bl_label = "Range and Size"
    bl_parent_id = "JUMPS_PT_video"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        draw_estimation(self.column(), context)


class JUMPS_PT_person(SidebarPanel, Panel):
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


class JUMPS_PT_missing(SidebarPanel, Panel):
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


class JUMPS_PT_upsample(SidebarPanel, Panel):
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


def _source_name(settings: PropertyGroup) -> str:
    """What people call the source: poses that were estimated are called by their video."""
    video = kept_estimation(settings.estimated)
    return Path(video.get("path") or settings.source).name


def _draw_install(layout: UILayout, package: str) -> None:
    """That the upsampler lacks a package, and the buttons that mend it."""
    box = layout.box().column()
    name = "PyTorch" if package == "torch" else package
    box.label(text=f"Upsampling needs {name}.", icon="ERROR")
    _draw_installers(box, JUMPS_OT_install_runtime, JUMPS_OT_install_wheels)


def _draw_estimator_missing(layout: UILayout, context: Context, missing: str) -> None:
    """Why the estimator isn't ready, and the buttons that mend it."""
    backend = chosen_backend(context)
    box = layout.box().column()
    if estimator_python(backend) is not None:
        box.label(text="The estimator needs a file:", icon="ERROR")
        box.label(text=missing, translate=False)
        show = box.operator("screen.userpref_show", text="Open Preferences", icon="PREFERENCES")
        show.section = "ADDONS"
        return
    box.label(text=f"{backend.label} is not installed.", icon="ERROR", translate=False)
    _draw_installers(
        box, JUMPS_OT_install_estimator, JUMPS_OT_install_estimator_wheels, backend=backend.name
    )


def _draw_installers(layout: UILayout, *operators: type[Operator], backend: str = "") -> None:
    """Buttons that install, or how far one of them is; ``backend``: the estimator they are for."""
    if draw_running(layout, *operators):
        return
    if not bpy.app.online_access:
        show = layout.operator("screen.userpref_show", text="Allow Online Access", icon="INTERNET")
        show.section = "SYSTEM"
    for operator in operators:
        button = layout.operator(operator.bl_idname, icon="IMPORT")
        if backend:
            button.backend = backend
