"""Read Poses: what Import Poses does once its file and options are known."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..keypoints.detected import Detected
from ..keypoints.missing import IMPORTED, missing_from
from ..model_runtime.tasks import unpacked_tracks
from ..processes.client import WorkerJob
from ..scene.detections import keep_detections
from ..scene.result import by_uid
from .long_operator import LongOperator, redraw, refuse_if_running
from .runtime import blender_runtime, worker
from .settings import AUTOMATIC, FORMAT_ITEMS, assign_quietly, placed, rule_changed, source_of


class PoseOptions:
    """What a pose file's import asks for, mixed into operators."""

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


class JUMPS_OT_read_poses(LongOperator, PoseOptions, Operator):
    """Read 2D poses of people from a file, or from a folder of OpenPose files"""

    bl_idname = "jumps.read_poses"
    bl_label = "Read Poses"
    bl_options: ClassVar[set[str]] = {"INTERNAL", "UNDO"}

    filepath: StringProperty(name="File", description="Pose file, or folder of OpenPose files")

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def start(self, context: Context) -> WorkerJob:
        if not self.filepath:
            raise JumpsError("No file was given; choose a pose file.")
        self._scene = context.scene.session_uid
        return read_job(
            bpy.path.abspath(self.filepath),
            None if self.format == AUTOMATIC else self.format,
            self.fps or None,
        )

    def prepare(self, job: WorkerJob) -> None:
        """See ``LongOperator.prepare``."""
        self._people = unpacked_tracks(job.facts, job.arrays)

    def finish(self, _context: Context, job: WorkerJob) -> str:
        settings = by_uid(bpy.data.scenes, self._scene).jumps
        if settings.source != job.facts["path"]:
            settings.footage = ""  # another clip's
        settings.estimated = ""
        return take_poses(settings, job, self._people, self.fps, Path(job.facts["path"]).name)


def read_job(path: str, style: str | None, fps: float | None) -> WorkerJob:
    """Start reading a pose file."""
    return worker(blender_runtime()).request("read", path=path, format=style, fps=fps)


def take_poses(
    settings: Any, job: WorkerJob, people: tuple[Detected, ...], fps: float, name: str
) -> str:
    """Make what was read the source, and tell it.

    people: what is shown of it; fps: as given at import, or 0; name: what the source is called
    """
    facts = job.facts
    settings.source = facts["path"]
    settings.format = facts["format"]
    settings.source_fps = fps
    settings.file_fps = facts["fps"] or 0.0
    keep_detections(*source_of(settings), people)
    list_people(settings, facts["people"])
    rule = missing_from(facts["missing"])
    if rule is not None or settings.rule_is_files:
        for key, value in (rule or IMPORTED).as_data().items():
            assign_quietly(settings, key, value)
    settings.rule_is_files = rule is not None
    redraw(bpy.context, {"WINDOW"})  # the panels are drawn a tick later
    rule_changed(settings, bpy.context)
    placed(settings, bpy.context)
    job.notes += [f"{name}: {note}" for note in facts["notes"]]
    noun = "person" if len(facts["people"]) == 1 else "people"
    return (
        f"{name}: {len(facts['people'])} {noun} in {facts['frames']} frames ({facts['format']}); "
        f"person {facts['people'][0]['person']} is seen most."
    )


class JUMPS_OT_read_again(LongOperator, Operator):
    """Read the source's detections again: they are kept in memory, and not in the .blend"""

    bl_idname = "jumps.read_again"
    bl_label = "Read Again"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not context.scene.jumps.source:
            cls.poll_message_set("Import or estimate poses first.")
            return False
        return not refuse_if_running(cls)

    def start(self, context: Context) -> WorkerJob:
        self._source = source, style, fps = source_of(context.scene.jumps)
        return read_job(source, style or None, fps or None)

    def prepare(self, job: WorkerJob) -> None:
        """See ``LongOperator.prepare``."""
        self._people = unpacked_tracks(job.facts, job.arrays)

    def finish(self, context: Context, _job: WorkerJob) -> str:
        keep_detections(*self._source, self._people)
        redraw(context, {"WINDOW"})
        return f"Read the detections of {Path(self._source[0]).name}."


def list_people(settings: Any, people: list[dict[str, Any]]) -> None:
    """Fill the settings' list of people anew; the first one is chosen."""
    settings.people.clear()
    for found in people:
        person = settings.people.add()
        person.name = person.person = found["person"]
        person.first_frame = found["first_frame"]
        person.frames = found["frames"]
        person.missing_share = found["missing_share"]
    assign_quietly(settings, "person_index", 0)
