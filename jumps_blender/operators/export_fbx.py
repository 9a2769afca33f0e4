"""Export FBX: one result's armature and motion for a game engine."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator
from bpy_extras.io_utils import ExportHelper

from ..errors import JumpsError
from ..scene.export import export_fbx
from ..scene.result import required_result
from .needs_result import NeedsResult
from .progress import shown_progress


class JUMPS_OT_export_fbx(NeedsResult, Operator, ExportHelper):
    """Write the armature with its motion, and nothing else, as FBX for a game engine"""

    bl_idname = "jumps.export_fbx"
    bl_label = "Export FBX"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})

    def execute(self, context: Context) -> set[str]:
        path = bpy.path.abspath(self.filepath)
        try:
            with shown_progress(context) as progress:
                export_fbx(required_result(context), path, progress)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}
