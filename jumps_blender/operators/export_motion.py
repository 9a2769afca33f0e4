"""Export: a result, or the user's rig that it was retargeted to, as a file for other programs."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Object, Operator
from bpy_extras.io_utils import ExportHelper

from ..errors import JumpsError
from ..processes.job import SteppedJob
from ..scene.export import FORMATS, export_steps
from ..scene.result import Result, active_result, required_result
from ..scene.stage import Options, take_of
from .long_operator import WORK_FOR, LongOperator, hand_over, refuse_if_running
from .settings import chosen_rig


class _Exports:
    """Mixed into operators: there is something to export."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if refuse_if_running(cls):
            return False
        settings = context.scene.jumps
        if context.mode == "EDIT_ARMATURE":
            reason = "Leave the armature's Edit Mode first."
        elif settings.export_of == "RIG" and chosen_rig(context.scene) is None:
            reason = "Choose the rig first, under Retarget."
        elif settings.export_of == "RESULT" and active_result(context) is None:
            reason = "Select a JUMPS result first."
        else:
            return True
        cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return False


class JUMPS_OT_export_motion(_Exports, Operator, ExportHelper):
    """Write the motion to a file for a game engine or another program"""

    bl_idname = "jumps.export_motion"
    bl_label = "Export"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filename_ext = ""
    filter_glob: StringProperty(options={"HIDDEN"})

    _in_window = False

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._in_window = not bpy.app.background
        suffixes = FORMATS[context.scene.jumps.export_format].suffixes
        self.filename_ext, self.filter_glob = suffixes[0], ";".join(f"*{s}" for s in suffixes)
        if not self.properties.is_property_set("filepath"):
            try:
                title = take_of(_chosen(context)).title
            except JumpsError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{bpy.path.clean_name(title)}{suffixes[0]}")
        return ExportHelper.invoke(self, context, event)

    def check(self, _context: Context) -> bool:
        """Keep the suffix while the user types; USD has several."""
        if Path(self.filepath).suffix.lower() in self.filter_glob.replace("*", "").split(";"):
            return False
        return bool(ExportHelper.check(self, _context))

    def execute(self, _context: Context) -> set[str]:
        return hand_over(self, bpy.ops.jumps.write_motion, self._in_window, filepath=self.filepath)


class JUMPS_OT_write_motion(_Exports, LongOperator, Operator):
    """What Export does once its file is known"""

    bl_idname = "jumps.write_motion"
    bl_label = "Write File"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    filepath: StringProperty(name="File", description="File to write")

    def start(self, context: Context) -> SteppedJob:
        settings, source = context.scene.jumps, _chosen(context)
        first, last = take_of(source).frames
        self._path, self._frames = bpy.path.abspath(self.filepath), last - first + 1
        options = Options(settings.in_place, settings.export_meshes, settings.deform_only)
        steps = export_steps(context.scene, source, self._path, settings.export_format, options)
        return SteppedJob(steps, "Exporting", WORK_FOR)

    def frames(self) -> int:
        return self._frames

    def finish(self, _context: Context, _job: SteppedJob) -> str:
        return f"Wrote {self._path}"


def _chosen(context: Context) -> Result | Object:
    if context.scene.jumps.export_of == "RESULT":
        return required_result(context)
    rig = chosen_rig(context.scene)
    if rig is None:
        raise JumpsError("Choose the rig first, under Retarget.")
    return rig
