"""Run Again: a result's source upsampled once more, as it was when the result was made."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..model_runtime import ENGINES
from ..processes.client import WorkerJob
from ..processes.job import ChainedJob
from ..scene.footage import find_footage
from ..scene.keyframes import frame_rate
from ..scene.result import active_result, by_uid, required_result
from .estimate_poses import usable_estimation
from .filmed import filmed_by
from .long_operator import refuse_if_running
from .runtime import missing_package
from .upsample_skeleton import Upsampling, missing_words, upsampling_settings

# What a result keeps of its settings, and the types that they must have: users can edit them.
_UPSAMPLING = {
    "format": (str, type(None)),
    "fps": (int, float, type(None)),
    "engine": str,
    "min_confidence": (int, float),
    "shaking": (int, float),
    "edge": (int, float),
    "dilation": int,
    "denoise": bool,
    "repair_swaps": bool,
    "lift": bool,
    "height": (int, float),
    "focal_mm": (int, float),
    "smoothing": (int, float),
    "foot_lock": bool,
    "camera_from": str,
}
_LARGEST = 1_000_000
_PLACING = {
    "footage": str,
    "height": (int, float),
    "start_frame": int,
    "use_clip_fps": bool,
}


class JUMPS_OT_rerun_result(Upsampling, Operator):
    """Read this result's source again and upsample it with the settings that it was made with"""

    bl_idname = "jumps.rerun_result"
    bl_label = "Run Again"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if active_result(context) is None:
            cls.poll_message_set("Select a JUMPS result first.")
            return False
        return not refuse_if_running(cls)

    def start(self, context: Context) -> WorkerJob | ChainedJob:
        result = required_result(context)
        made_with = result.settings
        settings = upsampling_settings(context)
        # The panel's file may be another one.
        settings["format"] = settings["fps"] = None
        # What says nothing of it comes from a version that left everything flat and as named.
        for key in (
            "shaking",
            "edge",
            "dilation",
            "video",
            "height",
            "focal_mm",
            "smoothing",
            "foot_lock",
            "camera_from",
        ):
            settings.pop(key, None)
        settings["lift"] = settings["repair_swaps"] = False
        settings.update(_usable(made_with, _UPSAMPLING))
        if video := usable_estimation(made_with.get("video")):
            settings["video"] = video
        if settings["engine"] not in ENGINES:
            raise JumpsError(
                f"This result was made with engine {settings['engine']}, which this version of "
                "the add-on doesn't have; import its source and upsample it with another."
            )
        package = missing_package(context, settings["engine"], settings["lift"])
        if package is not None:
            raise JumpsError(missing_words(package))
        self._placing = _usable(made_with, _PLACING)
        self.again_uid = result.members[0].session_uid
        # What says nothing of it had none.
        self._placing.setdefault("footage", "")
        lost, footage = "", None
        try:
            if self._placing["footage"]:
                footage = find_footage(self._placing["footage"])
        except JumpsError as error:
            lost, self._placing["footage"] = str(error), ""
        filmed, camera_gone = None, False
        if settings["lift"] and settings.get("camera_from") == "scene":
            start = self._placing.get("start_frame", context.scene.jumps.start_frame)
            use_clip_fps = self._placing.get("use_clip_fps", False)
            rate = frame_rate(context.scene)
            seconds = (result.frame_range[1] - start) / rate
            filmed = filmed_by(context.scene, start, use_clip_fps, seconds, rate, footage)
            camera_gone = filmed is None
            settings["camera_from"] = "still" if camera_gone else "scene"
        job = self.request(context, result.source, result.person, 0, settings, footage, filmed)
        if lost:
            job.notes.append(f"{lost} It was left out.")
        if camera_gone:
            job.notes.append(
                "The camera that this result was lifted for moves no more, or is gone: it was "
                "lifted for one that stands still."
            )
        if not made_with:
            job.notes.append(
                "This result comes from an earlier version, which kept no settings: the panel's "
                "were used."
            )
        return job

    def finish(self, context: Context, job: WorkerJob | ChainedJob) -> str:
        words = super().finish(context, job)
        settings = by_uid(bpy.data.scenes, self._scene).jumps
        if settings.source != self._preview.sequence.source:
            del self._placing["footage"]  # the panel's is another clip's
        for key, value in self._placing.items():
            setattr(settings, key, value)
        return words


def _usable(kept: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    """The settings among ``kept`` that have the right type and, for numbers, a possible size."""
    return {
        key: kept[key]
        for key, kind in types.items()
        if key in kept
        and isinstance(kept[key], kind)
        and not (isinstance(kept[key], (int, float)) and not abs(kept[key]) <= _LARGEST)
    }
