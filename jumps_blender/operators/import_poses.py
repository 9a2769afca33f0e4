"""Import Poses: choose a pose file, or drop one; then its people are read and listed."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import CollectionProperty, StringProperty
from bpy.types import Context, Event, FileHandler, Operator, OperatorFileListElement
from bpy_extras.io_utils import ImportHelper

from .long_operator import hand_over, refuse_if_running
from .read_poses import PoseOptions

_SUFFIXES = (".json", ".jsonl", ".csv", ".h5", ".npz")


class JUMPS_OT_import_poses(PoseOptions, Operator, ImportHelper):
    """Read 2D poses of people from a file, or from a folder of OpenPose files"""

    bl_idname = "jumps.import_poses"
    bl_label = "Import Poses"
    # What changes data, and is undone, is the reading.
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filter_glob: StringProperty(
        default=";".join(f"*{suffix}" for suffix in _SUFFIXES), options={"HIDDEN"}
    )
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})

    _in_window = False

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._in_window = not bpy.app.background
        # Dropped files come with their path: only the options are left to ask for.
        if self.properties.is_property_set("filepath"):
            return context.window_manager.invoke_props_dialog(
                self, title=f"Import {Path(self.filepath).name}", confirm_text="Import"
            )
        return ImportHelper.invoke(self, context, event)

    def execute(self, _context: Context) -> set[str]:
        if len(self.files) > 1 and "_keypoints" not in self.filepath:
            self.report(
                {"WARNING"},
                f"Of {len(self.files)} files only {Path(self.filepath).name} is read; import the "
                "others one by one.",
            )
        return hand_over(
            self,
            bpy.ops.jumps.read_poses,
            self._in_window,
            filepath=self.filepath or self.directory,
            format=self.format,
            fps=self.fps,
        )


class JUMPS_FH_poses(FileHandler):
    """Pose files dropped into a 3D viewport."""

    bl_idname = "JUMPS_FH_poses"
    bl_label = "2D Poses"
    bl_import_operator = JUMPS_OT_import_poses.bl_idname
    bl_file_extensions = ";".join(_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"
