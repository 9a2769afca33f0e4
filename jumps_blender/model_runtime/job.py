"""What all long work looks like from outside: something that is polled until it is finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# How long ``drain`` listens before it tells how far the job is.
_LISTEN = 0.1


class Job(Protocol):
    """Work that goes on in another process.

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

        Raises JumpsError, once, when the work has failed, and EngineCancelledError when it was
        cancelled; nothing goes on afterwards.
        """

    def cancel(self) -> None:
        """Stop the work; returns at once, and never fails, also when nothing goes on any more."""


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
