"""The process that estimates poses; ``processes/server.py`` serves it.

Its one task is ``estimate``; see there. What it finds is kept frame by frame (``records.py``), so
that a run that was ended goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError, WorkCancelledError
from ...processes.messages import Arrays
from ...processes.server import Control, serve
from .records import MAX_PEOPLE, Record, Records

if TYPE_CHECKING:
    from .frames import Frame, Video

IDLE_SECONDS = 60.0
_MODULES = {
    "mediapipe": "mediapipe_solutions",
    "rtmpose": "rtmpose",
    "mediapipe-task": "landmarker",
}
# Where an estimator is led to the people that were found before: how much around them it sees at
# first, in their size, and for which share of the frames.
_ROOM, _NEAR = 2.0, 0.25
MAX_FRAMES = 500_000  # of a pose file that can still be read: four and a half hours
_SHOW_EVERY = 0.25  # seconds between two pictures of what was found


class Estimator(Protocol):
    """What each estimator's module has as ``Estimator``, made with the models' paths by name and
    with the most people to find (0: as it usually does).

    Beside it a module has ``SCORES``, the C scores of each joint, ``confidence``, which makes one
    of them, and ``WARM_UP``, frames that it takes to follow a person in the midst of a video.
    """

    version: str

    def find(self, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:
        """People in a picture (h, w, 3), RGB: (people, K, 2 + C), x and y in its pixels, scores."""


def main(idle_seconds: float = IDLE_SECONDS) -> None:
    """Serve standard input and output; ends when idle for long, or with its client."""
    # Matplotlib, which MediaPipe imports, would write into the user's own folders.
    os.environ["MPLCONFIGDIR"] = str(Path(sys.prefix, "matplotlib"))
    # They would fill the console with what is of no use there.
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(run, idle_seconds)


def run(name: str, arguments: dict[str, Any], control: Control) -> tuple[dict[str, Any], Arrays]:
    """Do a task; raises JumpsError, and KeyError for a task that isn't known."""
    return {"estimate": estimate}[name](control, **arguments)


def estimate(
    control: Control,
    video: str,
    records: str,
    poses: str,
    backend: str,
    models: dict[str, str],
    joint_names: Sequence[str],
    source: str,
    missing: dict[str, float],
    start: float,
    stop: float | None,
    step: int,
    longest_side: int,
    people: int,
) -> tuple[dict[str, Any], Arrays]:
    """Find the people in a video's frames and write them as a pose file.

    video, records, poses: paths of what is read, of what is kept meanwhile, and of the pose file,
        which is written there as it is: whoever asks gives a temporary name
    source: the video's name, for the pose file
    missing: what counts as missing, for the pose file; see docs/pose_files.md
    start, stop: seconds from the first frame; stop None is the end
    step: 2 looks at every second frame
    longest_side: larger pictures are scaled down to it; 0 leaves them
    people: how many to find at most; 0 leaves that to the estimator

    Facts: ``frames`` that were looked at, ``with_people``, and ``digest`` of the pose file.
    """
    control.progress(0.0, "Starting the estimator")
    with _told(backend):
        from . import drawing, frames
        from .poses import write_poses

        module = importlib.import_module(f"{__package__}.{_MODULES[backend]}")
    film = frames.Video(Path(video))
    settings = {
        "start": start,
        "stop": stop,
        "step": step,
        "longest_side": longest_side,
        "people": people,
    }
    header = {"estimator": backend, "size": film.size, "settings": settings}
    shape = len(joint_names), len(module.SCORES)
    estimator: Estimator | None = None
    edges = drawing.edges(joint_names)
    shown = -math.inf
    with Records(Path(records), header, shape) as kept:
        if kept.count:
            control.note(f"Went on after frame {kept.last}, where the last run was ended.")
        last_kept, known = kept.last, {each.index: each.joints for each in kept.tail}
        warm = module.WARM_UP * step
        expected = max(film.expected(start, stop) // step, 1)
        if expected > MAX_FRAMES:
            raise JumpsError(_too_long(source))
        control.progress(0.0, "Going to the start" if kept.count or start > 0 else "Starting")
        wanted = film.frames(start, stop, step, longest_side, last_kept + 1 - warm)
        with contextlib.closing(wanted) as pictures:
            for frame in pictures:
                if control.cancelled():
                    raise WorkCancelledError
                if estimator is None and frame.picture is not None:
                    estimator = _made(module, backend, models, people)
                if frame.index <= last_kept:
                    passed = 1 - (last_kept - frame.index) / max(warm, 1)
                    _lead_in(estimator, frame, known.get(frame.index), film, passed)
                    continue
                if kept.count >= MAX_FRAMES:
                    raise JumpsError(_too_long(source))
                joints = _found(estimator, frame, film, shape)
                kept.append(Record(frame.index, frame.time, joints))
                done = kept.count, max(expected, kept.count)
                control.progress(0.98 * done[0] / done[1], f"Frame {done[0]} of {done[1]}")
                now = time.monotonic()
                if frame.picture is not None and now - shown >= _SHOW_EVERY:
                    shown = now
                    sure = module.confidence(joints[..., 2:])
                    small = drawing.small(frame.picture, joints, sure, film.size, edges)
                    control.preview({"picture": small})
        if not kept.count:
            raise JumpsError(_nothing(source, start, stop))
        control.progress(0.99, "Writing the poses")
        ends_early = film.stated - (kept.last + step)
        if stop is None and film.stated and ends_early > max(2 * step, 0.01 * film.stated):
            control.note(
                f"The file says that it has {film.stated} frames, but {kept.last + 1} could be "
                "decoded: it may be cut off."
            )
        facts = write_poses(
            Path(poses),
            kept,
            module.confidence,
            estimator={
                "name": backend,
                "version": estimator.version if estimator else "",
                **settings,
            },
            source=source,
            joint_names=joint_names,
            size=film.size,
            step=step,
            fps=film.fps,
            missing=missing,
        )
    if not facts["with_people"]:
        raise JumpsError(f"{source}: nobody was found in any of {facts['frames']} frames.")
    return facts, {}


@contextlib.contextmanager
def _told(backend: str) -> Iterator[None]:
    """Say in a line what is wrong with the environment."""
    try:
        yield
    except JumpsError:
        raise
    except (ImportError, OSError, AttributeError) as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise JumpsError(
            f"The estimator's packages cannot be imported ({words}); make the environment for "
            f"{backend} anew."
        ) from error


def _made(module: ModuleType, backend: str, models: dict[str, str], people: int) -> Estimator:
    with _told(backend):
        estimator: Estimator = module.Estimator(models, people)
        return estimator


def _found(
    estimator: Estimator | None, frame: Frame, film: Video, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The people in a frame, in pixels of the whole picture; joints that are no numbers are 0."""
    nobody = np.zeros((0, shape[0], 2 + shape[1]), np.float32)
    if estimator is None or frame.picture is None:
        return nobody
    joints = estimator.find(frame.picture, _seconds(frame, film.fps))
    if joints.shape[1:] != nobody.shape[1:]:
        raise JumpsError(
            f"The model finds {joints.shape[1]} joints in place of {shape[0]}; choose another."
        )
    height, width = frame.picture.shape[:2]
    joints[..., :2] *= np.array(film.size, np.float32) / (width, height)
    joints[~np.isfinite(joints).all(axis=2)] = 0
    return joints[joints.any(axis=(1, 2))][:MAX_PEOPLE]


def _lead_in(
    estimator: Estimator | None,
    frame: Frame,
    joints: NDArray[np.float32] | None,
    film: Video,
    passed: float,
) -> None:
    """Let an estimator that follows people find those of the last run, before it goes on.

    It begins with what is around them, and sees more with each frame until it is the whole picture:
    in the whole picture it might begin with somebody else.

    joints: those that were found in the frame, in pixels of the whole picture
    passed: share of these frames, in [0, 1]
    """
    picture = frame.picture
    if estimator is None or picture is None:
        return
    if joints is not None and len(joints):
        height, width = picture.shape[:2]
        places = joints[..., :2].reshape(-1, 2) * (np.array([width, height]) / film.size)
        low, high = places.min(axis=0), places.max(axis=0)
        middle, reach = (low + high) / 2, _ROOM / 2 * (high - low).max()
        near = np.concatenate([middle - reach, middle + reach])
        share = max((passed - _NEAR) / (1 - _NEAR), 0.0) ** 2
        sides = (1 - share) * near + share * np.array([0, 0, width, height])
        left, top = np.clip(sides[:2], 0, (width - 2, height - 2)).astype(int)
        right, below = np.clip(np.ceil(sides[2:]), (left + 2, top + 2), (width, height)).astype(int)
        picture = np.ascontiguousarray(picture[top:below, left:right])
    estimator.find(picture, _seconds(frame, film.fps))


def _seconds(frame: Frame, fps: float) -> float:
    """A frame's time, also where it isn't known."""
    return frame.time if math.isfinite(frame.time) else frame.index / (fps or 30.0)


def _too_long(source: str) -> str:
    return (
        f"{source}: more than {MAX_FRAMES:,} frames are too many for one pose file; estimate it in "
        "parts (start and stop), or look at fewer frames (step)."
    )


def _nothing(source: str, start: float, stop: float | None) -> str:
    if start > 0 or stop is not None:
        until = "its end" if stop is None else f"{stop:g} s"
        return f"{source}: there is no frame between {start:g} s and {until}."
    return f"{source}: no frame of it can be decoded; the file may be cut off or broken."
