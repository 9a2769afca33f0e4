"""Upsample Skeleton: the chosen person's 28 joints, as a preview over the viewport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..keypoints.pose_file import ASSUMED_FPS
from ..model_runtime.tasks import unpacked
from ..processes.client import Runtime, WorkerJob
from ..processes.job import ChainedJob, SteppedJob
from ..scene.footage import Footage, find_footage
from ..scene.preview import Preview, keep
from ..scene.result import by_uid
from .estimate_poses import estimate_job, kept_estimation, usable_estimation
from .filmed import Filmed, filmed_by
from .footage_check import MotionCheck
from .long_operator import WORK_FOR, LongOperator, redraw, refuse_if_running
from .runtime import chosen_runtime, missing_package, worker
from .settings import chosen_index, rule_of, set_preview
from .show_footage import follow

# What a result keeps of its settings that isn't about upsampling.
_KEPT_ONLY = ("camera_from", "video")


class Upsampling(LongOperator):
    """What all operators share that end with a preview.

    again_uid: see ``Preview``
    """

    again_uid = 0
    _filmed: Filmed | None = None
    _footage = ""
    _is_estimated = False

    def request(
        self,
        context: Context,
        source: str,
        person: str,
        frames: int,
        settings: dict[str, Any],
        footage: Footage | None,
        filmed: Filmed | None = None,
    ) -> WorkerJob | ChainedJob:
        """Start upsampling; ``settings`` as ``upsample_track`` takes them, and format and fps.

        Poses that were estimated from a video and are not kept any more are estimated again.

        filmed: the scene's camera to lift with; what of the settings is about cameras is left out
        """
        self._scene = context.scene.session_uid
        self._frames, self._settings, self._filmed = frames, settings, filmed
        self._footage = "" if footage is None else str(footage.path)
        runtime = chosen_runtime(context)
        video = usable_estimation(settings.get("video"))
        path = bpy.path.abspath(source)
        self._is_estimated = bool(video) and not Path(path).is_file()
        if not self._is_estimated:
            return self._upsampling(runtime, path, person, footage)
        self._frames = 0
        return ChainedJob(
            estimate_job(context, video),
            lambda done: self._upsampling(runtime, str(done.poses), person, footage),
        )

    def _upsampling(
        self, runtime: Runtime, path: str, person: str, footage: Footage | None
    ) -> WorkerJob | ChainedJob:
        settings, filmed = self._settings, self._filmed

        def begin(**more: Any) -> WorkerJob:
            return worker(runtime).request(
                "upsample",
                path=path,
                person=person,
                video_fps=(footage.fps or None) if footage else None,
                video_size=footage.size if footage else None,
                **{key: value for key, value in settings.items() if key not in _KEPT_ONLY},
                **more,
            )

        if filmed is not None:
            scene = by_uid(bpy.data.scenes, self._scene)
            steps = SteppedJob(filmed.sample_steps(scene), "Reading the camera", WORK_FOR)
            return ChainedJob(
                steps, lambda done: begin(lens=filmed.lens(done.result), as_seen=True)
            )
        if footage is None or not settings["lift"]:
            return begin()

        def check(done: WorkerJob) -> MotionCheck:
            return MotionCheck(footage, unpacked(done.facts, done.arrays)[0])

        return ChainedJob(begin(), check)

    def frames(self) -> int:
        """See ``LongOperator.frames``."""
        return self._frames

    def prepare(self, job: WorkerJob | ChainedJob) -> None:
        """See ``LongOperator.prepare``."""
        if self._is_estimated:
            job = job.last  # type: ignore[union-attr]
        answer: Any = job
        if isinstance(job, ChainedJob):
            answer = job.first if self._filmed is None else job.last
        sequence, space = unpacked(answer.facts, answer.arrays)
        placed = None
        if isinstance(job, ChainedJob) and self._filmed is not None and space is not None:
            space = self._filmed.placed(space, job.first.result, self._settings["foot_lock"])
            placed = self._filmed.start_frame, self._filmed.use_clip_fps
        self._preview = Preview(
            sequence, space, self._settings, self.again_uid, placed, self._footage
        )
        self._preview.plane(1.0)

    def finish(self, context: Context, _job: WorkerJob | ChainedJob) -> str:
        """Show the sequence over the viewport."""
        preview, scene = self._preview, by_uid(bpy.data.scenes, self._scene)
        set_preview(scene, keep(preview))
        if scene == context.scene:
            follow(context)
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
            cls.poll_message_set("Import or estimate poses first.")
            return False
        package = missing_package(context, settings.engine, settings.lift)
        if package is not None:
            cls.poll_message_set(missing_words(package))
            return False
        return True

    def start(self, context: Context) -> WorkerJob | ChainedJob:
        settings = context.scene.jumps
        if not settings.people:
            raise JumpsError("Import or estimate poses first.")
        person = settings.people[chosen_index(settings, settings.people)]
        # Read anew: the .blend keeps the way to the file and not its content.
        footage = find_footage(settings.footage) if settings.footage else None
        chosen, told = upsampling_settings(context), None
        if footage is not None and settings.lift and settings.focal_from == "footage":
            told = footage.focal_mm
        if told is not None:
            chosen["focal_mm"] = told
        filmed = None
        if settings.lift and settings.camera_from == "scene":
            rate = settings.file_fps or (footage.fps if footage else 0.0) or ASSUMED_FPS
            last = (person.first_frame + person.frames) / rate
            filmed = filmed_by(
                context.scene, settings.start_frame, settings.use_clip_fps, last, rate, footage
            )
        if settings.lift:
            chosen["camera_from"] = "still" if filmed is None else "scene"
        job = self.request(
            context, settings.source, person.person, person.frames, chosen, footage, filmed
        )
        if filmed is not None:
            job.notes.append(f"Lifted for the scene's moving camera, {filmed.name}.")
        elif footage is not None and told is not None:
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
        **rule_of(settings).as_data(),
        "denoise": settings.denoise,
        "repair_swaps": settings.repair_swaps,
        "lift": settings.lift,
    }
    if settings.lift:
        chosen |= {
            "height": round(settings.height, 6),
            "focal_mm": round(settings.focal_mm, 6),
            "smoothing": round(settings.smoothing, 6),
            "foot_lock": settings.foot_lock,
        }
    video = kept_estimation(settings.estimated)
    if video:
        chosen["video"] = video
    return chosen


def missing_words(package: str) -> str:
    """What to do where the engine's Python lacks a package."""
    name = {"torch": "PyTorch"}.get(package, package)
    return f"{name} is not installed; press Install PyTorch below, or see the add-on's preferences."
