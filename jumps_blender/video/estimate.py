"""Poses from a video: what the add-on and the command line call."""

from __future__ import annotations

import atexit
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError, WorkCancelledError
from ..files import printable
from ..keypoints.missing import ESTIMATED
from ..processes.client import Program, Runtime, Worker, WorkerJob
from ..processes.job import ThreadedJob
from ..skeletons import JOINT_SETS
from .backends import BACKENDS, Backend
from .cache import LIMIT, Cache, changed
from .containers import cut_off, film_count, is_mirrored
from .model_files import check_models

ESTIMATOR = Program("video.estimator.worker", oldest="3.9")
LONGEST_SIDE = 1920  # pixels; what 4K shows beyond that helps no estimator
# Frames after which an estimator that follows people begins anew, and from which an ended run goes
# on: making another one and leading it in takes as long as about 20 frames.
PART = 3600
# Loading a model from a cold disk computes nothing, and says nothing.
_SILENCE_SECONDS = 180.0


@dataclass(frozen=True)
class EstimateSettings:
    """How a video is looked at.

    backend: a name among ``backends.BACKENDS``
    models: files of the backend's ``models``, by their names
    start, stop: seconds from the first frame; stop None is the end
    step: 2 looks at every second frame, and so on; the file's frames are those that were looked at
    longest_side: pixels; larger pictures are scaled down for the estimator; 0 leaves them
    people: how many to find at most in a picture; 0 leaves that to the backend
    """

    backend: str = "mediapipe"
    models: Mapping[str, Path] = field(default_factory=dict)
    start: float = 0.0
    stop: float | None = None
    step: int = 1
    longest_side: int = LONGEST_SIDE
    people: int = 0

    def check(self) -> Backend:
        """The backend; raises JumpsError for what can't be done."""
        backend = BACKENDS.get(self.backend)
        if backend is None:
            raise JumpsError(
                f"Estimator {self.backend!r} is not known; choose one of {', '.join(BACKENDS)}."
            )
        names = [model.name for model in backend.models]
        for name in self.models:
            if name not in names:
                has = f"its models are {', '.join(names)}" if names else "it brings its own"
                raise JumpsError(f"{backend.label} has no model {name!r}; {has}.")
        check_models(backend, {name: Path(path) for name, path in self.models.items()})
        stop = math.inf if self.stop is None else self.stop
        if not 0 <= self.start < math.inf or math.isnan(stop) or stop <= self.start:
            raise JumpsError(
                f"There is no frame from {self.start:g} s to {stop:g} s; the end comes after the "
                "start, and that at 0 s or later."
            )
        if not 1 <= self.step <= 1000:
            raise JumpsError(f"A step of {self.step} frames is not usable; give 1 to 1000.")
        if self.longest_side and not 64 <= self.longest_side <= 16384:
            raise JumpsError(
                f"Pictures of {self.longest_side} pixels are not usable; give 64 to 16384, or 0."
            )
        if not 0 <= self.people <= 100:
            raise JumpsError(f"{self.people} people are not usable; give 0 to 100.")
        return backend


class EstimateJob:
    """Estimates the poses of the people in a video; see ``processes.job.Job``.

    A process of its own does the work, ended with the job. What was estimated before is there at
    once; what was begun before goes on from the last part that was whole, and finds the same.

    picture: the latest picture with what was found, uint8 (h, w, 3), RGB, at most 320 pixels wide
        and high, new a few times per second; None while there is none
    poses: once finished, the pose file, in the cache's folder; where that is full, a temporary file
        that lasts as long as this process
    """

    def __init__(
        self,
        runtime: Runtime,
        video: Path,
        settings: EstimateSettings = EstimateSettings(),
        *,
        cache: Path,
        cache_limit: int = LIMIT,
    ) -> None:
        """Begin; raises JumpsError for settings that make no sense and a video that isn't there.

        runtime: a Python that has the backend's packages
        cache: the folder in which poses are kept, made if need be; it holds at most
            ``cache_limit`` bytes
        """
        self.share, self.status = 0.0, "Looking at the video"
        self.notes: list[str] = []
        self.picture: NDArray[np.uint8] | None = None
        self.poses: Path | None = None
        self._backend = settings.check()
        self._settings = settings
        self._video = video.absolute()
        if not self._video.is_file():
            raise JumpsError(f"{video}: there is no such file; choose the video anew.")
        self._cache = Cache(cache, cache_limit)
        self._worker = Worker(
            runtime,
            ESTIMATOR,
            silence_seconds=_SILENCE_SECONDS,
            lost=(
                "what was found is kept up to the last whole part, and the next start goes on "
                "from there"
            ),
            echo=False,
        )
        self._cancelled = threading.Event()
        self._finished = False
        self._key = ""
        self._asked: WorkerJob | None = None
        files = [self._video, *map(Path, settings.models.values())]
        self._before = self._cache.state(self._video)
        self._film_notes: list[str] = []
        self._is_cut_off = False
        # Gigabytes take seconds to read through, and even a container's parts may be many.
        self._looking: ThreadedJob | None = ThreadedJob(lambda: self._look(files), self.status)

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        if self._finished:
            return True
        try:
            if self._cancelled.is_set():
                raise WorkCancelledError
            self._finished = self._advanced(seconds)
        except BaseException:
            self._finished = True
            self._worker.close()
            raise
        return self._finished

    def cancel(self) -> None:
        """See ``Job.cancel``; its process has ended when this returns."""
        if not self._finished:
            self._cancelled.set()
            self._worker.close()

    def _advanced(self, seconds: float) -> bool:
        if self._looking is not None:
            if not self._looking.poll(seconds):
                return False
            self._looking = None
        if self.poses is None and self._asked is None:
            self.poses = self._cache.poses(self._key)
            if self.poses is None:
                self._ask()
        if self._asked is not None:
            done = self._asked.poll(seconds)
            self.share, self.status = self._asked.share, self._asked.status
            self.picture = self._asked.preview.get("picture", self.picture)
            if not done:
                return False
            self._take(self._asked)
        self.notes += self._film_notes
        if self._asked is not None and self._asked.facts["damaged"] and not self._is_cut_off:
            name = printable(self._video.name)
            self.notes.append(f"{name} is damaged: some of its pictures are missing or wrong.")
        self.share, self.status = 1.0, "Estimated"
        return True

    def _look(self, files: list[Path]) -> None:
        """Find by what the poses are kept, and what people should know of the file."""
        with suppress(WorkCancelledError):
            digests = [self._cache.digest(file, self._cancelled.is_set) for file in files]
            self._key = self._cache.key(digests, list(self._settings.models), self._arguments())
        name, notes = printable(self._video.name), self._film_notes
        self._is_cut_off = self._settings.stop is None and cut_off(self._video)
        if self._is_cut_off:
            notes.append(f"{name} is cut off: its last pictures are missing.")
        if (films := film_count(self._video)) > 1:
            # OpenCV and Blender alike take it.
            notes.append(
                f"{name} holds {films} streams of pictures, and the poses are of the first; "
                "ffmpeg -i OLD -map 0:v:1 -c copy NEW takes out the second."
            )
        if is_mirrored(self._video):
            notes.append(
                f"{name} is to be shown mirrored, and neither its poses nor Blender's footage are: "
                "they are upside down; ffmpeg -i OLD NEW makes it as it should be."
            )

    def _arguments(self) -> dict[str, Any]:
        """What decides about the poses, beside the files' contents."""
        settings = self._settings
        return {
            "backend": settings.backend,
            "start": float(settings.start),
            "stop": None if settings.stop is None else float(settings.stop),
            "step": settings.step,
            "longest_side": settings.longest_side,
            "people": settings.people,
            "part": PART,
            "joint_names": JOINT_SETS[self._backend.joint_set].joints,
            "missing": ESTIMATED.as_data(),
        }

    def _ask(self) -> None:
        self._cache.trim(but=self._cache.part(self._key))
        self._asked = self._worker.request(
            "estimate",
            video=str(self._video),
            source=printable(self._video.name),
            records=str(self._cache.part(self._key)),
            poses=str(self._written),
            models={
                name: str(Path(path).absolute()) for name, path in self._settings.models.items()
            },
            **self._arguments(),
        )

    @property
    def _written(self) -> Path:
        return self._cache.folder / f"{self._key}.written"

    def _take(self, done: WorkerJob) -> None:
        """Take in what the process has written."""
        self.notes += done.notes
        self._worker.close()
        written = Path(str(done.facts["poses"]))
        try:
            # Another content than the one whose digest was taken?
            if self._cache.state(self._video) != self._before:
                raise changed(self._video)
        except JumpsError:
            written.unlink(missing_ok=True)
            self._cache.part(self._key).unlink(missing_ok=True)
            raise
        if written == self._written:
            self.poses = self._cache.keep(self._key, written, str(done.facts["digest"]))
        else:
            atexit.register(written.unlink, missing_ok=True)
            self.poses = written
