"""Import Poses: read a pose file and list its people."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import CollectionProperty, EnumProperty, FloatProperty, StringProperty
from bpy.types import Context, Event, FileHandler, Operator, OperatorFileListElement
from bpy_extras.io_utils import ImportHelper

from ..errors import JumpsError
from ..keypoints import PoseFile, read_pose_file
from .settings import AUTOMATIC, FORMAT_ITEMS

_SUFFIXES = (".json", ".jsonl", ".csv", ".h5", ".npz")


class JUMPS_OT_import_poses(Operator, ImportHelper):
    """Read 2D poses of people from a file, or from a folder of OpenPose files"""

    bl_idname = "jumps.import_poses"
    bl_label = "Import Poses"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(
        default=";".join(f"*{suffix}" for suffix in _SUFFIXES), options={"HIDDEN"}
    )
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    format: EnumProperty(
        name="Format", description="What wrote the file", items=FORMAT_ITEMS, default=AUTOMATIC
    )
    fps: FloatProperty(
        name="Frame Rate",
        description="The source's frames per second; 0: as the file says, else 30",
        default=0.0,
        min=0.0,
        max=10_000.0,
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        # Dropped files come with their path: only the options are left to ask for.
        if self.properties.is_property_set("filepath"):
            return self.invoke_popup(context)
        return ImportHelper.invoke(self, context, event)

    def execute(self, context: Context) -> set[str]:
        chosen = self.filepath or self.directory
        if not chosen:
            self.report({"ERROR"}, "No file was given; choose a pose file.")
            return {"CANCELLED"}
        path = Path(bpy.path.abspath(chosen))
        try:
            poses = self._read(path)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings = context.scene.jumps
        settings.source = str(poses.path)
        settings.format = poses.format
        settings.source_fps = self.fps
        settings.people.clear()
        for track in poses.tracks:
            person = settings.people.add()
            person.name = person.person = track.person
            person.first_frame = int(track.frames[0])
            person.frames = len(track.frames)
            person.missing_share = track.missing_share
        settings.person_index = 0
        for note in poses.notes:
            self.report({"WARNING"}, f"{path.name}: {note}")
        noun = "person" if len(poses.tracks) == 1 else "people"
        self.report(
            {"INFO"},
            f"{path.name}: {len(poses.tracks)} {noun} in {poses.frame_count} frames "
            f"({poses.format}); person {poses.tracks[0].person} is seen most.",
        )
        return {"FINISHED"}

    def _read(self, path: Path) -> PoseFile:
        style = None if self.format == AUTOMATIC else self.format
        fps = self.fps or None
        poses = read_pose_file(path, format=style, fps=fps)
        # File browsers choose files, but OpenPose writes one for each frame: take its folder.
        if poses.format == "openpose" and path.is_file() and path.stem.endswith("_keypoints"):
            poses = read_pose_file(path.parent, format=style, fps=fps)
        return poses


class JUMPS_FH_poses(FileHandler):
    """Pose files dropped into a 3D viewport."""

    bl_idname = "JUMPS_FH_poses"
    bl_label = "2D Poses"
    bl_import_operator = "jumps.import_poses"
    bl_file_extensions = ";".join(_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"
