"""What the worker process can be asked to do; plain functions that run in any process."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..keypoints import PoseFile, PoseSequence, choose_person, read_pose_file
from .engine import CancelQuery
from .messages import Arrays
from .upsample import upsample_track

_SEQUENCE_ARRAYS = ("positions", "state", "confidence", "uncertainty", "times")


@dataclass
class Control:
    """How a task speaks with whoever asked for it.

    progress(share, status); note(text): one line for people; cancelled(): asked often.
    """

    progress: Callable[[float, str], None] = lambda _share, _status: None
    note: Callable[[str], None] = lambda _text: None
    cancelled: CancelQuery = lambda: False


@dataclass
class Tasks:
    """Runs tasks by name; remembers the last pose file, because its people are upsampled next."""

    _last: tuple[Any, PoseFile] | None = field(default=None, repr=False)

    def run(
        self, name: str, arguments: dict[str, Any], control: Control
    ) -> tuple[dict[str, Any], Arrays]:
        """Plain data and arrays; raises JumpsError, and KeyError for a task that isn't known."""
        tasks: dict[str, Callable[..., tuple[dict[str, Any], Arrays]]]
        tasks = {"read": self.read, "upsample": self.upsample, "describe": self.describe}
        return tasks[name](control, **arguments)

    def read(
        self,
        control: Control,
        path: str,
        format: str | None = None,  # noqa: A002 - the field's word
        fps: float | None = None,
    ) -> tuple[dict[str, Any], Arrays]:
        """The people of a pose file: what the panel's list shows."""
        control.progress(0.0, "Reading")
        poses = self._read(path, format, fps)
        # File browsers choose files, but OpenPose writes one for each frame: take its folder.
        if poses.format == "openpose" and Path(path).is_file() and "_keypoints" in Path(path).stem:
            poses = self._read(str(Path(path).parent), format, fps)
        return {
            "path": str(poses.path),
            "format": poses.format,
            "fps": poses.fps,
            "frames": poses.frame_count,
            "notes": list(poses.notes),
            "people": [
                {
                    "person": track.person,
                    "first_frame": int(track.frames[0]),
                    "frames": len(track.frames),
                    "missing_share": track.missing_share,
                }
                for track in poses.tracks
            ],
        }, {}

    def upsample(
        self,
        control: Control,
        path: str,
        person: str,
        format: str | None = None,  # noqa: A002 - the field's word
        fps: float | None = None,
        **settings: Any,
    ) -> tuple[dict[str, Any], Arrays]:
        """A person's 28 joints; ``settings`` as ``upsample_track`` takes them."""
        control.progress(0.0, "Reading")
        track = choose_person(self._read(path, format, fps), person)
        control.progress(0.0, "Starting the engine")
        sequence = upsample_track(
            track,
            progress=lambda share: control.progress(share, "Upsampling"),
            cancelled=control.cancelled,
            notify=control.note,
            **settings,
        )
        return packed(sequence)

    def describe(self, control: Control) -> tuple[dict[str, Any], Arrays]:
        """What this Python has: versions (None where absent) and PyTorch's devices."""
        control.progress(0.0, "Looking for PyTorch")
        facts: dict[str, Any] = {"python": platform.python_version(), "executable": sys.executable}
        for name in ("torch", "safetensors", "numpy"):
            facts[name] = _version(name)
        facts["devices"] = ["cpu"]
        facts["device_name"] = ""
        if facts["torch"]:
            import torch

            facts["torch"] = str(torch.__version__)
            if torch.cuda.is_available():
                facts["devices"].append("cuda")
                facts["device_name"] = torch.cuda.get_device_name(0)
            if torch.backends.mps.is_available():
                facts["devices"].append("mps")
        return facts, {}

    def _read(self, path: str, style: str | None, fps: float | None) -> PoseFile:
        file = Path(path)
        # A folder's time doesn't tell whether the files in it have changed.
        status = file.stat() if file.is_file() else None
        key = status and (path, style, fps, status.st_mtime_ns, status.st_size)
        if self._last is not None and key is not None and self._last[0] == key:
            return self._last[1]
        self._last = None
        poses = read_pose_file(file, format=style, fps=fps)
        if key is not None:
            self._last = key, poses
        return poses


def _version(package: str) -> str | None:
    """A package's version, without importing it; None where it is not installed."""
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def packed(sequence: PoseSequence) -> tuple[dict[str, Any], Arrays]:
    """A sequence as plain data and arrays; the inverse of ``unpacked``."""
    facts = {
        "fps": sequence.fps,
        "image_size": sequence.image_size,
        "person": sequence.person,
        "source": sequence.source,
        "engine": sequence.engine,
    }
    return facts, {name: getattr(sequence, name) for name in _SEQUENCE_ARRAYS}


def unpacked(facts: dict[str, Any], arrays: Arrays) -> PoseSequence:
    """The sequence that ``packed`` was given."""
    size = facts["image_size"]
    values: dict[str, Any] = {**facts, **arrays, "image_size": tuple(size) if size else None}
    return PoseSequence(**values)
