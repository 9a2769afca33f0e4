"""Estimate Poses: a video in, its people listed as after an import, the video as their footage."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, FileHandler, Operator
from bpy_extras.io_utils import ImportHelper

from ..errors import JumpsError
from ..model_runtime.tasks import unpacked_tracks
from ..processes.client import Runtime
from ..processes.job import ChainedJob
from ..scene.result import by_uid
from ..video.backends import BACKENDS, Backend
from ..video.estimate import EstimateJob, EstimateSettings
from .estimators import estimator_models, estimator_python, missing_for
from .long_operator import LongOperator, hand_over, refuse_if_running
from .read_poses import read_job, take_poses
from .runtime import own_folder

_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts"),
    *(".wmv", ".ogv", ".3gp", ".flv", ".ts", ".asf", ".vob", ".gif"),
)  # Blender's filter holds 255 characters: others are chosen with the filter off.
# What is kept of an estimation, and the types that it must have: users can edit it.
_KEPT: dict[str, Any] = {
    "estimator": str,
    "start": (int, float),
    "stop": (int, float, type(None)),
    "step": int,
    "longest_side": int,
    "people": int,
}
# The panel's settings by the names of ``EstimateSettings``.
PANEL = {
    "start": "video_start",
    "stop": "video_end",
    "step": "video_step",
    "longest_side": "video_side",
    "people": "video_people",
}


def poses_folder() -> Path:
    """Where estimated poses are kept."""
    return own_folder() / "poses"


def estimation(settings: Any, video: Path) -> dict[str, Any]:
    """A video and the panel's settings for it, as a result keeps them."""
    found: dict[str, Any] = {"path": str(video), "estimator": settings.estimator}
    for name, prop in PANEL.items():
        value = getattr(settings, prop)
        found[name] = round(value, 4) if isinstance(value, float) else value
    found["stop"] = found["stop"] or None
    return found


def kept_estimation(text: str) -> dict[str, Any]:
    """The same, from what the scene keeps; empty where that makes no sense."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return usable_estimation(found)


def usable_estimation(found: Any) -> dict[str, Any]:
    """Those parts of it that have the right type; empty where there is no video."""
    if not isinstance(found, Mapping) or not isinstance(found.get("path"), str):
        return {}
    parts = {key: found[key] for key, kind in _KEPT.items() if isinstance(found.get(key), kind)}
    return {"path": found["path"], **parts}


def estimate_job(context: Context, wanted: Mapping[str, Any]) -> EstimateJob:
    """Start estimating; raises JumpsError where that can't be done.

    wanted: as ``estimation`` tells it
    """
    path = Path(bpy.path.abspath(wanted["path"]))
    name = wanted.get("estimator", next(iter(BACKENDS)))
    backend = BACKENDS.get(name)
    if backend is None:
        raise JumpsError(
            f"Estimator {name} is not known to this version of the add-on; estimate the poses of "
            f"{path.name} with another."
        )
    missing = missing_for(context, backend)
    python = estimator_python(backend)
    if missing is not None or python is None:
        raise JumpsError(missing or f"{backend.label} is not installed.")
    settings = EstimateSettings(
        backend=name,
        models=estimator_models(context, backend),
        **{key: wanted[key] for key in PANEL if key in wanted},
    )
    return EstimateJob(Runtime(python), path, settings, cache=poses_folder())


def chosen_backend(context: Context) -> Backend:
    """The estimator that the panel names."""
    return BACKENDS[context.scene.jumps.estimator]


class JUMPS_OT_estimate_poses(LongOperator, Operator):
    """Find the people in the video, beside Blender. What was found before is there at once"""

    bl_idname = "jumps.estimate_poses"
    bl_label = "Estimate Poses"

    filepath: StringProperty(
        name="Video",
        description="The video; empty: the one that the panel names",
        subtype="FILE_PATH",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if refuse_if_running(cls):
            return False
        missing = missing_for(context, chosen_backend(context))
        if missing is not None:
            cls.poll_message_set(missing)
        return missing is None

    def start(self, context: Context) -> ChainedJob:
        settings = context.scene.jumps
        path = self.filepath or settings.video
        if not path:
            raise JumpsError("No video was given; choose one in the Source panel.")
        self._scene = context.scene.session_uid
        self._shown = path
        self._wanted = estimation(settings, Path(bpy.path.abspath(path)))
        return ChainedJob(
            estimate_job(context, self._wanted),
            lambda done: read_job(str(done.poses), "jumps", None),
        )

    def prepare(self, job: ChainedJob) -> None:
        """See ``LongOperator.prepare``."""
        self._people = unpacked_tracks(job.last.facts, job.last.arrays)

    def finish(self, _context: Context, job: ChainedJob) -> str:
        settings = by_uid(bpy.data.scenes, self._scene).jumps
        name = Path(self._wanted["path"]).name
        notes = len(job.last.notes)
        words = take_poses(settings, job.last, self._people, 0.0, name)
        job.notes += job.last.notes[notes:]
        settings.video = settings.footage = self._shown
        settings.estimated = json.dumps(self._wanted, sort_keys=True)
        return words


class JUMPS_OT_open_video(Operator, ImportHelper):
    """Choose a video, and find the people in it"""

    bl_idname = "jumps.open_video"
    bl_label = "Estimate Poses from Video"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filter_glob: StringProperty(
        default=";".join(f"*{suffix}" for suffix in _SUFFIXES), options={"HIDDEN"}
    )

    _in_window = False

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._in_window = not bpy.app.background
        # Dropped files come with their path: only the settings are left to ask for.
        if self.properties.is_property_set("filepath"):
            return context.window_manager.invoke_props_dialog(
                self,
                title=f"Estimate Poses in {Path(self.filepath).name}",
                confirm_text="Estimate Poses",
            )
        return ImportHelper.invoke(self, context, event)

    def draw(self, context: Context) -> None:
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        self.layout.prop(context.scene.jumps, "estimator")
        draw_estimation(self.layout, context)

    def execute(self, context: Context) -> set[str]:
        missing = missing_for(context, chosen_backend(context))
        if missing is not None:
            # Said here, because Blender cuts what another operator's poll says.
            self.report({"ERROR"}, missing)
            return {"CANCELLED"}
        return hand_over(
            self, bpy.ops.jumps.estimate_poses, self._in_window, filepath=self.filepath
        )


def draw_estimation(layout: Any, context: Context) -> None:
    """How much of a video is looked at, in a panel or a dialog."""
    settings = context.scene.jumps
    column = layout.column(align=True)
    column.prop(settings, "video_start")
    column.prop(settings, "video_end")
    layout.prop(settings, "video_step")
    layout.prop(settings, "video_side")
    if chosen_backend(context).people != 1:
        layout.prop(settings, "video_people")


class JUMPS_FH_video(FileHandler):
    """Videos dropped into a 3D viewport."""

    bl_idname = "JUMPS_FH_video"
    bl_label = "Video to Find Poses In"
    bl_import_operator = JUMPS_OT_open_video.bl_idname
    bl_file_extensions = ";".join(_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"
