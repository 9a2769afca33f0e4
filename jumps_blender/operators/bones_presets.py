"""The table of a rig's bones kept for other rigs with the same names, and taken from there."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..skeletons.rig_preset import SUFFIX, lacking, read_preset, write_preset
from .retarget_result import chosen_bones
from .settings import chosen_rig, show_bones

SUBFOLDER = "jumps/bones"


class JUMPS_OT_load_bones_preset(Operator):
    """Take the table of bones from this preset"""

    bl_idname = "jumps.load_bones_preset"
    bl_label = "Load Bones Preset"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: StringProperty(  # type: ignore[valid-type]
        name="File", description="The preset", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _has_rig(cls, context)

    def execute(self, context: Context) -> set[str]:
        settings, path = context.scene.jumps, Path(self.filepath)
        try:
            found = read_preset(path)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        show_bones(settings, found)
        settings.rig_map = bpy.path.display_name(path.name)
        gone = lacking(found, settings.rig.data.bones.keys())
        if gone:
            self.report({"WARNING"}, f"{settings.rig.name} has no bones {gone}.")
        else:
            self.report({"INFO"}, f"Took the bones from {settings.rig_map}.")
        return {"FINISHED"}


class JUMPS_OT_add_bones_preset(Operator):
    """Keep the table of bones as a preset, or remove one"""

    bl_idname = "jumps.add_bones_preset"
    bl_label = "Add Bones Preset"

    name: StringProperty(  # type: ignore[valid-type]
        name="Name", description="What the preset is called", maxlen=64, options={"SKIP_SAVE"}
    )
    remove_name: BoolProperty(  # type: ignore[valid-type]
        name="Remove",
        description="Remove the preset of that name",
        default=False,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _has_rig(cls, context)

    def execute(self, context: Context) -> set[str]:
        try:
            words = self._remove() if self.remove_name else self._save(context)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, words)
        return {"FINISHED"}

    def _save(self, context: Context) -> str:
        settings = context.scene.jumps
        name = self.name.strip()
        path = _path(name)
        chosen = chosen_bones(settings)
        if not chosen:
            raise JumpsError("The table names no bones; fill it first.")
        write_preset(path, chosen)
        settings.rig_map = name
        return f"Saved the bones as {name}."

    def _remove(self) -> str:
        path = _path(self.name)
        try:
            path.unlink()
        except OSError as error:
            raise JumpsError(f"{self.name}: cannot be removed ({error.strerror}).") from error
        return f"Removed {self.name}."


def _path(name: str) -> Path:
    """The file of the preset of that name in the user's own folder, which is made if need be."""
    stem = bpy.path.clean_name(name.strip()).lstrip(".")
    if not stem.strip("_"):
        raise JumpsError("Give the preset a name.")
    folder = bpy.utils.user_resource("SCRIPTS", path=f"presets/{SUBFOLDER}", create=True)
    if not folder:
        raise JumpsError("Blender's folder for presets can't be made; check its permissions.")
    # What menus show of a file's name has its underscores as spaces.
    for path in Path(folder).glob(f"*{SUFFIX}"):
        if bpy.path.display_name(path.name) == name:
            return path
    return Path(folder) / f"{stem}{SUFFIX}"


def _has_rig(operator: type[Operator], context: Context) -> bool:
    if chosen_rig(context.scene) is None:
        operator.poll_message_set("Choose the rig first.")
        return False
    return True
