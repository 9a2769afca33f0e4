"""The worker process that reads pose files and upsamples; ``processes/server.py`` serves it."""

from __future__ import annotations

import os

from ..processes.server import serve
from .tasks import Tasks

IDLE_SECONDS = 600.0  # then the worker goes, and gives the memory of PyTorch back


def main(idle_seconds: float = IDLE_SECONDS) -> None:
    """Serve standard input and output; ends when idle for long, or with its client."""
    # Of several cores one is left to the window.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) - 1)))
    serve(Tasks().run, idle_seconds)
