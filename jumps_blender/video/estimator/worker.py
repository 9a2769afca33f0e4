"""The process that estimates poses; ``processes/server.py`` serves it.

Its one task is ``estimate``; see there. What it finds is kept frame by frame (``records.py``), so
that a run that was ended goes on from the last part that was whole (``finder.py``).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable

from ...errors import JumpsError, WorkCancelledError
from ...processes.messages import Arrays
from ...processes.server import Control, serve
from .finder import Estimator, Finder
from .records import Record, Records

IDLE_SECONDS = 60.0
_MODULES = {
    "mediapipe": "mediapipe_solutions",
    "rtmpose": "rtmpose",
    "mediapipe-task": "landmarker",
}
MAX_FRAMES = 500_000  # of a pose file that can still be read: four and a half hours
# Frames per second. More are mostly the ticks of uneven times, by which no frames are counted.
_FASTEST = 500.0
_SHOW_EVERY = 0.25  # seconds between two pictures of what was found


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
    part: int,
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
    part: frames after which an estimator that follows people is made anew; see ``finder.py``

    Facts: ``frames`` that were looked at, ``with_people``, whether the video is ``damaged``, and
    the ``digest`` of the pose file. It is at ``poses``: a temporary file elsewhere, and not kept,
    where its folder is full.
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
    header = {"estimator": backend, "size": film.size, "settings": settings, "part": part}
    shape = len(joint_names), len(module.SCORES)

    def make() -> Estimator:
        with _told(backend):
            estimator: Estimator = module.Estimator(models, people)
            return estimator

    finder = Finder(make, film, shape, module.LEAD_IN, part)
    edges = drawing.edges(joint_names)
    shown = -math.inf
    whole = part if module.LEAD_IN else 1
    with Records(Path(records), header, shape, whole, module.LEAD_IN) as kept:
        if kept.count:
            control.note(f"Went on after frame {kept.last}: what was found until there was kept.")
        numbered = enumerate(kept.tail, kept.count - len(kept.tail))
        leading = {each.index: (number, each.joints) for number, each in numbered}
        expected = max(film.expected(start, stop) // step, 1)
        if expected > MAX_FRAMES and film.fps <= _FASTEST:
            raise JumpsError(_too_long(source))
        control.progress(0.0, "Going to the start" if kept.count or start > 0 else "Starting")
        first = kept.tail[0].index if kept.tail else kept.last + 1
        wanted = film.frames(start, stop, step, longest_side, first)
        with contextlib.closing(wanted) as pictures:
            for frame in pictures:
                if control.cancelled():
                    raise WorkCancelledError
                # Of the part before, whose estimator saw all of it in the last run.
                if frame.index <= kept.last:
                    if frame.index in leading:
                        finder.lead_in(frame, *leading[frame.index])
                    continue
                if kept.count >= MAX_FRAMES:
                    raise JumpsError(_too_long(source))
                joints = finder.find(frame, kept.count)
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
        write = functools.partial(
            write_poses,
            records=kept,
            confidence=module.confidence,
            estimator={
                "name": backend,
                "version": finder.version,
                **settings,
            },
            source=source,
            joint_names=joint_names,
            size=film.size,
            step=step,
            fps=film.fps,
            missing=missing,
        )
        return {**_written(write, Path(poses), control), "damaged": film.damaged}, {}


def _written(
    write: Callable[[Path], dict[str, Any]], poses: Path, control: Control
) -> dict[str, Any]:
    """Write the pose file, elsewhere if its folder is full; returns facts."""
    try:
        return {**write(poses), "poses": str(poses)}
    except JumpsError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        try:
            handle, name = tempfile.mkstemp(prefix="jumps-", suffix=".json")
        except OSError:
            raise error from None
        os.close(handle)
        facts = write(Path(name))
        control.note(f"{error} So the poses are not kept for the next time: make room there.")
        return {**facts, "poses": name}


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
