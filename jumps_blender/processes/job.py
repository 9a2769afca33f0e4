"""What all long work looks like from outside: something that is polled until it is finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol

from ..errors import WorkCancelledError

# How long ``drain`` listens before it tells how far the job is.
_LISTEN = 0.1


class Job(Protocol):
    """Work that takes longer than a window may wait.

    A window polls it from a timer; ``drain`` polls it to its end. Both see the same object.

    share: how much is done, in [0, 1]
    status: what is being done, a few words for people
    notes: what people should know about the outcome, one line each
    """

    share: float
    status: str
    notes: list[str]

    def poll(self, seconds: float = 0.0) -> bool:
        """Take in what has happened, waiting at most ``seconds`` for it; True when finished.

        Raises JumpsError, once, when the work has failed, and WorkCancelledError when it was
        cancelled; nothing goes on afterwards.
        """

    def cancel(self) -> None:
        """Stop the work; returns at once, and never fails, also when nothing goes on any more."""


class SteppedJob:
    """Work that must be done where it is asked for, a little at each poll; see ``Job``.

    Between two polls nothing is held: whatever the steps use, they look up again.
    """

    def __init__(
        self, steps: Generator[float, None, Any], status: str, at_least: float = 0.0
    ) -> None:
        """steps: yields the share done after each piece of work, and returns the result

        at_least: seconds for which each poll works, if there is so much to do
        """
        self._at_least = at_least
        self.share, self.status = 0.0, status
        self.notes: list[str] = []
        self.result: Any = None
        self._steps = steps
        self._cancelled = self._finished = False

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``; works instead of waiting, at least one piece."""
        if self._finished:
            return True
        if self._cancelled:
            self._finished = True
            self._steps.close()
            raise WorkCancelledError
        until = time.monotonic() + max(seconds, self._at_least)
        try:
            while True:
                self.share = next(self._steps)
                if time.monotonic() >= until:
                    return False
        except StopIteration as end:
            self.share, self.result, self._finished = 1.0, end.value, True
            return True
        except BaseException:
            self._finished = True
            raise

    def cancel(self) -> None:
        """See ``Job.cancel``."""
        if not self._finished:
            self._cancelled = True


class ChainedJob:
    """One job, and then another that needs what the first found; see ``Job``.

    first: that which is finished when the second begins; last: the second, once it has begun
    """

    def __init__(self, first: Any, begin: Callable[[Any], Job | None]) -> None:
        """begin: starts the second, given the first; None where there is none to do"""
        self.share, self.status = 0.0, first.status
        self.notes: list[str] = first.notes
        self.first = first
        self.last: Any = None
        self._begin = begin

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        now = self.first if self.last is None else self.last
        done = now.poll(seconds)
        self.share, self.status = now.share, now.status
        if now is self.last or not done:
            if done:
                self.notes += self.last.notes
            return done
        self.last = self._begin(self.first)
        return self.last is None

    def cancel(self) -> None:
        """See ``Job.cancel``."""
        (self.first if self.last is None else self.last).cancel()


class ThreadedJob:
    """A function that runs in a thread of its own and can't be interrupted; see ``Job``."""

    def __init__(self, work: Callable[[], None], status: str) -> None:
        self.share, self.status = 0.0, status
        self.notes: list[str] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        self.share = 1.0
        error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def cancel(self) -> None:
        """See ``Job.cancel``: the work goes on, and nobody need hear of its end."""

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # handed to who polls
            self._error = error


def drain(job: Job, progress: Callable[[float], None] | None = None) -> None:
    """Poll a job to its end, telling the share done; raises what it raises.

    The job is cancelled when ``progress`` raises, or a KeyboardInterrupt comes.
    """
    try:
        while not job.poll(_LISTEN):
            if progress is not None:
                progress(job.share)
    except BaseException:
        job.cancel()
        raise
