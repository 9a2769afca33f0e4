"""Upsample Skeleton: the chosen person's 28 joints as empties with an armature."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..keypoints import choose_person, read_pose_file
from ..model_runtime import upsample_track
from ..scene.result import create_result
from .progress import shown_progress


class JUMPS_OT_upsample_skeleton(Operator):
    """Find all 28 joints of the chosen person in every frame and build an animated armature"""

    bl_idname = "jumps.upsample_skeleton"
    bl_label = "Upsample Skeleton"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not context.scene.jumps.people:
            cls.poll_message_set("Import a pose file first.")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Switch to Object Mode first.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.jumps
        people = settings.people
        person = people[min(settings.person_index, len(people) - 1)].person
        try:
            with shown_progress(context) as progress:
                # Read anew: the .blend keeps the way to the file and not its content.
                poses = read_pose_file(
                    Path(bpy.path.abspath(settings.source)),
                    format=settings.format,
                    fps=settings.source_fps or None,
                )
                sequence = upsample_track(
                    choose_person(poses, person),
                    engine=settings.engine,
                    device=settings.device,
                    min_confidence=settings.min_confidence,
                    progress=progress,
                )
                create_result(
                    context,
                    sequence,
                    height=settings.height,
                    start_frame=settings.start_frame,
                    use_clip_fps=settings.use_clip_fps,
                    extend_range=settings.extend_range,
                )
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"28 joints in {len(sequence.times)} frames for person {person}.")
        return {"FINISHED"}
