"""Upsample Skeleton: the chosen person's 28 joints, as a preview over the viewport."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..model_runtime.client import WorkerJob
from ..model_runtime.tasks import unpacked
from ..scene.footage import Footage, find_footage
from ..scene.preview import Preview, keep
from ..scene.result import by_uid
from .long_operator import LongOperator, redraw, refuse_if_running
from .runtime import chosen_runtime, missing_package, worker
from .settings import set_preview


class Upsampling(LongOperator):
    """What all operators share that end with a preview.

    again_uid: see ``Preview``
    """

    again_uid = 0

    def request(
        self,
        context: Context,
        source: str,
        person: str,
        frames: int,
        settings: dict[str, Any],
        footage: Footage | None,
    ) -> WorkerJob:
        """Start upsampling; ``settings`` as ``upsample_track`` takes them, and format and fps."""
        self._scene = context.scene.session_uid
        self._frames, self._settings = frames, settings
        return worker(chosen_runtime(context)).request(
            "upsample",
            path=bpy.path.abspath(source),
            person=person,
            video_fps=(footage.fps or None) if footage else None,
            video_size=footage.size if footage else None,
            **settings,
        )

    def frames(self) -> int:
        """See ``LongOperator.frames``."""
        return self._frames

    def prepare(self, job: WorkerJob) -> None:
        """See ``LongOperator.prepare``."""
        sequence, space = unpacked(job.facts, job.arrays)
        self._preview = Preview(sequence, space, self._settings, self.again_uid)
        self._preview.plane(1.0)

    def finish(self, context: Context, _job: WorkerJob) -> str:
        """Show the sequence over the viewport."""
        preview = self._preview
        set_preview(by_uid(bpy.data.scenes, self._scene), keep(preview))
        redraw(context, {"WINDOW"})
        found = ", ".join(
            f"{share:.0%} {state.name.lower()}" for state, share in preview.shares.items()
        )
        return (
            f"28 joints in {len(preview.sequence.times)} frames for person "
            f"{preview.sequence.person}: {found}. Apply or Discard it."
        )


class JUMPS_OT_upsample_skeleton(Upsampling, Operator):
    """Find all 28 joints of the chosen person in every frame; shown first, then applied"""

    bl_idname = "jumps.upsample_skeleton"
    bl_label = "Upsample Skeleton"

    @classmethod
    def poll(cls, context: Context) -> bool:
        settings = context.scene.jumps
        if refuse_if_running(cls):
            return False
        if not settings.people:
            cls.poll_message_set("Import a pose file first.")
            return False
        package = missing_package(context, settings.engine, settings.lift)
        if package is not None:
            cls.poll_message_set(missing_words(package))
            return False
        return True

    def start(self, context: Context) -> WorkerJob:
        settings = context.scene.jumps
        if not settings.people:
            raise JumpsError("Import a pose file first.")
        person = settings.people[max(0, min(settings.person_index, len(settings.people) - 1))]
        # Read anew: the .blend keeps the way to the file and not its content.
        footage = find_footage(settings.footage) if settings.footage else None
        chosen, told = upsampling_settings(context), None
        if footage is not None and settings.lift and settings.focal_from == "footage":
            told = footage.focal_mm
        if told is not None:
            chosen["focal_mm"] = told
        job = self.request(context, settings.source, person.person, person.frames, chosen, footage)
        if footage is not None and told is not None:
            job.notes.append(f"Focal length {told:g} mm, as {footage.path.name} tells.")
        return job


def upsampling_settings(context: Context) -> dict[str, Any]:
    """What the panel says about upsampling."""
    settings = context.scene.jumps
    chosen = {
        "format": settings.format or None,
        "fps": settings.source_fps or None,
        "engine": settings.engine,
        "device": settings.device,
        # Properties are single precision: 0.05 is 0.05000000074505806 there.
        "min_confidence": round(settings.min_confidence, 6),
        "denoise": settings.denoise,
        "lift": settings.lift,
    }
    if settings.lift:
        chosen |= {
            "height": round(settings.height, 6),
            "focal_mm": round(settings.focal_mm, 6),
            "foot_lock": settings.foot_lock,
        }
    return chosen


def missing_words(package: str) -> str:
    """What to do where the engine's Python lacks a package."""
    name = {"torch": "PyTorch"}.get(package, package)
    return f"{name} is not installed; press Install PyTorch below, or see the add-on's preferences."
