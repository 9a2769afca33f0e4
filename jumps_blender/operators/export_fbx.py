"""Export FBX: one result's armature and motion for a game engine."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator
from bpy_extras.io_utils import ExportHelper

from ..errors import JumpsError
from ..model_runtime.job import SteppedJob
from ..scene.export import export_steps
from ..scene.result import required_result
from .long_operator import WORK_FOR, LongOperator, hand_over
from .needs_result import NeedsResult


class JUMPS_OT_export_fbx(NeedsResult, Operator, ExportHelper):
    """Write the armature with its motion, and nothing else, as FBX for a game engine"""

    bl_idname = "jumps.export_fbx"
    bl_label = "Export FBX"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})

    _in_window = False

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._in_window = not bpy.app.background
        if not self.properties.is_property_set("filepath"):
            try:
                title = required_result(context).root.name
            except JumpsError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{bpy.path.clean_name(title)}.fbx")
        return ExportHelper.invoke(self, context, event)

    def execute(self, _context: Context) -> set[str]:
        return hand_over(self, bpy.ops.jumps.write_fbx, self._in_window, filepath=self.filepath)


class JUMPS_OT_write_fbx(NeedsResult, LongOperator, Operator):
    """What Export FBX does once its file is known"""

    bl_idname = "jumps.write_fbx"
    bl_label = "Write FBX"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    filepath: StringProperty(name="File", description="FBX file to write")

    def start(self, context: Context) -> SteppedJob:
        result = required_result(context)
        first, last = result.frame_range
        self._path, self._frames = bpy.path.abspath(self.filepath), last - first + 1
        return SteppedJob(export_steps(context.scene, result, self._path), "Exporting", WORK_FOR)

    def frames(self) -> int:
        return self._frames

    def finish(self, _context: Context, _job: SteppedJob) -> str:
        return f"Wrote {self._path}"
