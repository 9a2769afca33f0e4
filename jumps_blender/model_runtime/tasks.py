"""What the worker process can be asked to do; plain functions that run in any process."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..keypoints import PoseFile, PoseSequence, PoseTrack, choose_person, read_pose_file
from ..keypoints.detected import Detected, inside
from ..keypoints.missing import missing_from, unrest
from ..keypoints.space import Lens, SpaceSequence, StillCamera
from ..processes.messages import Arrays
from ..processes.server import Control
from ..skeletons import JointSet
from .smooth import USUAL_SMOOTHING
from .space import USUAL_FOCAL, lift_sequence
from .upsample import upsample_track

_SEQUENCE_ARRAYS = ("positions", "state", "confidence", "uncertainty", "times")
_SPACE_ARRAYS = ("positions", "uncertainty", "contact", "free")
# Of detections that are handed to the window; it shows none of those of an endless crowd.
_MOST_SHOWN = 256 * 2**20
_UPSAMPLING_SHARE = 0.7  # of the time that upsampling and lifting take


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
        """The people of a pose file: what the panel's list shows, and what ``unpacked_tracks``
        makes tracks of.
        """
        control.progress(0.0, "Reading")
        poses = self._read(path, format, fps)
        # File browsers choose files, but OpenPose writes one for each frame: take its folder.
        if poses.format == "openpose" and Path(path).is_file() and "_keypoints" in Path(path).stem:
            poses = self._read(str(Path(path).parent), format, fps)
        joints, arrays = packed_tracks(poses)
        return {
            "path": str(poses.path),
            "format": poses.format,
            "fps": poses.fps,
            "image_size": poses.image_size,
            "frames": poses.frame_count,
            "notes": list(poses.notes),
            "joints": joints,
            "missing": poses.missing and poses.missing.as_data(),
            "people": [
                {
                    "person": track.person,
                    "first_frame": int(track.frames[0]),
                    "frames": len(track.frames),
                    "missing_share": track.missing_share,
                }
                for track in poses.tracks
            ],
        }, arrays

    def upsample(
        self,
        control: Control,
        path: str,
        person: str,
        format: str | None = None,  # noqa: A002 - the field's word
        fps: float | None = None,
        video_fps: float | None = None,
        video_size: Sequence[int] | None = None,
        lift: bool = False,
        height: float = 1.75,
        focal_mm: float = USUAL_FOCAL,
        lens: Sequence[float] | None = None,
        smoothing: float = USUAL_SMOOTHING,
        foot_lock: bool = True,
        as_seen: bool = False,
        **settings: Any,
    ) -> tuple[dict[str, Any], Arrays]:
        """A person's 28 joints; ``settings`` as ``upsample_track`` takes them.

        video_fps, video_size: as ``read_pose_file`` takes them
        lift: also into space, with a person of that height as ``lift_sequence`` does it
        """
        control.progress(0.0, "Reading")
        track = choose_person(self._read(path, format, fps, video_fps, video_size), person)
        control.progress(0.0, "Starting the engine")
        until = _UPSAMPLING_SHARE if lift else 1.0
        sequence = upsample_track(
            track,
            progress=lambda share: control.progress(until * share, "Upsampling"),
            cancelled=control.cancelled,
            notify=control.note,
            **settings,
        )
        space = None
        if lift:
            control.progress(until, "Lifting")
            space = lift_sequence(
                sequence,
                height=height,
                focal_mm=focal_mm,
                lens=(lens[0], lens[1], lens[2]) if lens else None,
                smoothing=smoothing,
                foot_lock=foot_lock,
                as_seen=as_seen,
                device=settings.get("device", "auto"),
                progress=lambda share: control.progress(until + (1 - until) * share, "Lifting"),
                cancelled=control.cancelled,
                notify=control.note,
            )
        return packed(sequence, space)

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

    def _read(
        self,
        path: str,
        style: str | None,
        fps: float | None,
        video_fps: float | None = None,
        video_size: Sequence[int] | None = None,
    ) -> PoseFile:
        file = Path(path)
        # A folder's time doesn't tell whether the files in it have changed.
        status = file.stat() if file.is_file() else None
        size = (video_size[0], video_size[1]) if video_size else None
        key = status and (path, style, fps, video_fps, size, status.st_mtime_ns, status.st_size)
        if self._last is not None and key is not None and self._last[0] == key:
            return self._last[1]
        self._last = None
        poses = read_pose_file(file, format=style, fps=fps, video_fps=video_fps, video_size=size)
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


def packed_tracks(poses: PoseFile) -> tuple[dict[str, Any], Arrays]:
    """The joints that are used of a pose file, and what was detected of them, person by person.

    The arrays are empty where that is too much to be shown.
    """
    whole = poses.joint_set
    used = [name for name in whole.joints if any(name in each for each in whole.to_target.values())]
    columns = [whole.joints.index(name) for name in used]
    joints = {"name": whole.name, "names": used, "to_target": dict(whole.to_target)}
    frames = sum(len(track.frames) for track in poses.tracks)
    if not used or frames * len(used) * 16 > _MOST_SHOWN:
        return joints, {}
    return joints, {
        "positions": np.concatenate([track.positions[:, columns] for track in poses.tracks]),
        "confidence": np.concatenate([track.confidence[:, columns] for track in poses.tracks]),
        "inside": np.concatenate([inside(track)[:, columns] for track in poses.tracks]),
        "unrest": np.concatenate([unrest(track)[:, columns] for track in poses.tracks]),
        "times": np.concatenate([track.times for track in poses.tracks]),
    }


def unpacked_tracks(facts: dict[str, Any], arrays: Arrays) -> tuple[Detected, ...]:
    """The people of what ``Tasks.read`` answered, with the joints that are used.

    None of them where ``packed_tracks`` left them out.
    """
    if not arrays:
        return ()
    joints, size = facts["joints"], facts["image_size"]
    to_target = {name: tuple(sources) for name, sources in joints["to_target"].items()}
    joint_set = JointSet(joints["name"], tuple(joints["names"]), to_target)
    tracks, start = [], 0
    for person in facts["people"]:
        first, count = person["first_frame"], person["frames"]
        rows = slice(start, start + count)
        start += count
        track = PoseTrack(
            joint_set=joint_set,
            positions=arrays["positions"][rows],
            confidence=arrays["confidence"][rows],
            frames=np.arange(first, first + count),
            times=arrays["times"][rows],
            fps=facts["fps"],
            image_size=(size[0], size[1]) if size else None,
            person=person["person"],
            source=facts["path"],
            format=facts["format"],
            missing=missing_from(facts["missing"]),
        )
        tracks.append(Detected(track, arrays["inside"][rows], arrays["unrest"][rows]))
    return tuple(tracks)


def packed(
    sequence: PoseSequence, space: SpaceSequence | None = None
) -> tuple[dict[str, Any], Arrays]:
    """A sequence, and what it was lifted to, as plain data and arrays; ``unpacked``'s inverse."""
    facts: dict[str, Any] = {
        "fps": sequence.fps,
        "image_size": sequence.image_size,
        "person": sequence.person,
        "source": sequence.source,
        "engine": sequence.engine,
        "space": None,
    }
    arrays = {name: getattr(sequence, name) for name in _SEQUENCE_ARRAYS}
    if space is not None:
        camera = space.camera
        assert isinstance(camera, StillCamera), "moving cameras stay where they are known"  # noqa: S101
        facts["space"] = {
            "height": space.height,
            "lifter": space.lifter,
            "turn": camera.turn.tolist(),
            "eye": camera.eye.tolist(),
            "focal": camera.lens.focal,
            "centre": camera.lens.centre,
            "size": camera.size,
        }
        arrays |= {f"space_{name}": getattr(space, name) for name in _SPACE_ARRAYS}
        arrays["space_stands"] = space.stands.astype(np.int8)
    return facts, arrays


def unpacked(facts: dict[str, Any], arrays: Arrays) -> tuple[PoseSequence, SpaceSequence | None]:
    """What ``packed`` was given."""
    size, lifted = facts["image_size"], facts["space"]
    values: dict[str, Any] = {name: arrays[name] for name in _SEQUENCE_ARRAYS}
    values |= {name: facts[name] for name in ("fps", "person", "source", "engine")}
    sequence = PoseSequence(**values, image_size=tuple(size) if size else None)
    if lifted is None:
        return sequence, None
    camera = StillCamera(
        np.array(lifted["turn"], float),
        np.array(lifted["eye"], float),
        Lens(lifted["focal"], tuple(lifted["centre"])),
        tuple(lifted["size"]),
    )
    found = {name: arrays[f"space_{name}"] for name in _SPACE_ARRAYS}
    return sequence, SpaceSequence(
        picture=sequence,
        camera=camera,
        height=lifted["height"],
        lifter=lifted["lifter"],
        stands=arrays["space_stands"].astype(bool),
        **found,
    )
