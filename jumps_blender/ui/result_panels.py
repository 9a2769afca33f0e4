"""Panels for results: what waits to be applied, what has been, its feet and its history."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from bpy.types import Context, Menu, Panel, UILayout

from ..keypoints import JointState
from ..operators.apply_preview import JUMPS_OT_apply_preview, JUMPS_OT_discard_preview, waiting
from ..operators.bake_to_armature import JUMPS_OT_bake_to_armature
from ..operators.clear_result import JUMPS_OT_clear_result
from ..operators.estimate_poses import PANEL
from ..operators.footage_plane import JUMPS_OT_footage_plane
from ..operators.lock_feet import JUMPS_OT_lock_feet
from ..operators.preferences import preferences
from ..operators.rerun_result import JUMPS_OT_rerun_result
from ..operators.select_result import JUMPS_OT_select_result
from ..scene.bake import is_baked
from ..scene.feet import CONTACT, contact_owners
from ..scene.footage_plane import footage_behind
from ..scene.preview import replaced
from ..scene.result import active_result, has_own_world, results_in, scene_frames
from .progress import draw_running
from .sidebar import SidebarPanel, lacking, title_of_result


class JUMPS_PT_result(SidebarPanel, Panel):
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
        reason = lacking(context)
        if result is not None and result.linked_from:
            reason = f"Lies in {Path(result.linked_from).name}."
        if results:
            title = "Choose a result" if result is None else title_of_result(result)
            self.layout.menu("JUMPS_MT_results", text=title, icon="OUTLINER_OB_ARMATURE")
        column = self.column(reason)
        column.prop(settings, "show_states")
        if not draw_running(self.layout, JUMPS_OT_bake_to_armature):
            words = "Bake Again" if result is not None and is_baked(result) else "Bake to Armature"
            column.operator(JUMPS_OT_bake_to_armature.bl_idname, text=words, icon="ACTION")
        if result is not None and footage_behind(result) is not None:
            column.operator(JUMPS_OT_footage_plane.bl_idname, icon="IMAGE_REFERENCE")
        row = column.row(align=True)
        row.operator(JUMPS_OT_rerun_result.bl_idname, icon="FILE_REFRESH")
        row.operator(JUMPS_OT_clear_result.bl_idname, text="Clear", icon="TRASH")


class JUMPS_PT_placement(SidebarPanel, Panel):
    """How a preview lies in the scene when it is applied."""

    bl_label = "Placement"
    bl_parent_id = "JUMPS_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        column, preview = self.column(), waiting(context)
        fixed: tuple[str, ...] = ()
        if preview is None:
            column.label(text="For the next Apply:")
        else:
            fixed += ("start_frame", "use_clip_fps") if preview.placed is not None else ()
            fixed += ("height",) if has_own_world(preview.space) else ()
        for name in ("height", "start_frame", "use_clip_fps", "extend_range", "keep_previous"):
            row = column.row()
            row.enabled = name not in fixed
            row.prop(context.scene.jumps, name)


class JUMPS_PT_feet(SidebarPanel, Panel):
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
        if not draw_running(self.layout, JUMPS_OT_lock_feet):
            column.operator(JUMPS_OT_lock_feet.bl_idname, icon="CON_KINEMATIC")


class JUMPS_PT_history(SidebarPanel, Panel):
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
    placing = preview.placing(settings.start_frame, settings.use_clip_fps)
    frames = scene_frames(scene, sequence, *placing)
    row = layout.row()
    row.alert = not frames[0] - 0.5 <= scene.frame_current_final <= frames[-1] + 0.5
    away = ": not at this one" if row.alert else ""
    row.label(text=f"Frames {frames[0]:.0f} to {frames[-1]:.0f}{away}", translate=False)
    previous = replaced(context, preview, settings.keep_previous)
    if previous is not None:
        layout.label(text=f"Replaces {title_of_result(previous)}", translate=False)
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


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
