"""A process that serves requests on its standard streams until its client goes away.

To it (``messages.py`` frames them; ``client.py`` is the other side)::

    {"type": "request", "id": 1, "task": "upsample", "arguments": {...}}
    {"type": "cancel", "id": 1}

and back::

    {"type": "hello", "version": "0.2.0"}
    {"type": "alive"}, every few seconds while it computes
    {"type": "progress", "id": 1, "share": 0.5, "status": "Upsampling"}
    {"type": "preview", "id": 1}, with arrays: what can be shown of what is being done
    {"type": "note", "id": 1, "text": "..."}
    {"type": "done", "id": 1, "facts": {...}}, with the arrays
    {"type": "failed", "id": 1, "text": "..."}        and {"type": "cancelled", "id": 1}

Runs in the Pythons of pose estimators too: from 3.9 on, with numpy and the standard library.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, NoReturn

from .. import __version__
from ..errors import JumpsError, WorkCancelledError
from .messages import Arrays, BrokenMessageError, read_message, write_message

_TELL_EVERY = 0.05  # seconds between two messages of progress
_ALIVE_EVERY = 5.0  # seconds


@dataclass
class Control:
    """How a task speaks with whoever asked for it.

    progress(share, status); note(text): one line for people; cancelled(): asked often;
    preview(arrays): the latest counts
    """

    progress: Callable[[float, str], None] = lambda _share, _status: None
    note: Callable[[str], None] = lambda _text: None
    cancelled: Callable[[], bool] = lambda: False
    preview: Callable[[Arrays], None] = lambda _arrays: None


# Does a task, given its name, its arguments and the way to tell about it; returns facts and arrays.
# It raises JumpsError or WorkCancelledError.
RunTask = Callable[[str, "dict[str, Any]", Control], "tuple[dict[str, Any], Arrays]"]


def serve(run: RunTask, idle_seconds: float) -> NoReturn:
    """Serve standard input and output; ends when idle for long, or with its client."""
    # Ctrl+C in the terminal from which Blender was started is meant for Blender.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The window comes first.
    if hasattr(os, "nice"):
        os.nice(19)
    # Libraries print to standard output, which would break the messages there.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _Server(run, sys.stdin.buffer, output).serve(idle_seconds)


class _Server:
    def __init__(self, run: RunTask, requests: BinaryIO, replies: BinaryIO) -> None:
        self._run, self._requests, self._replies = run, requests, replies
        self._inbox: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled: set[int] = set()
        self._sending = threading.Lock()

    def serve(self, idle_seconds: float) -> NoReturn:
        """Answer one request after the other, until none has come for so long."""
        for work in (self._listen, self._pulse):
            threading.Thread(target=work, daemon=True).start()
        try:
            self._send({"type": "hello", "version": __version__})
            while True:
                self._answer(self._inbox.get(timeout=idle_seconds))
        except queue.Empty:
            # Python's own way out would wait for the thread that listens.
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _pulse(self) -> None:
        """Tell that it lives for as long as it computes, however long a step takes.

        What hangs takes no time of the processor; then nothing is told, and the client ends it.
        """
        spent = time.process_time()
        while True:
            time.sleep(_ALIVE_EVERY)
            before, spent = spent, time.process_time()
            if spent - before > 0.1 * _ALIVE_EVERY:
                self._send({"type": "alive"})

    def _listen(self) -> None:
        """Take in requests and cancellations while the main thread computes."""
        with contextlib.suppress(BrokenMessageError, OSError):
            while (message := read_message(self._requests)) is not None:
                header, _ = message
                if header["type"] == "cancel":
                    self._cancelled.add(header["id"])
                else:
                    self._inbox.put(header)
        # Blender is gone, or was killed: nobody waits for what is being computed.
        os._exit(0)

    def _answer(self, request: dict[str, Any]) -> None:
        number = request["id"]
        last_told = -1.0

        def progress(share: float, status: str) -> None:
            nonlocal last_told
            now = time.monotonic()
            if now - last_told >= _TELL_EVERY or share in (0.0, 1.0):
                last_told = now
                self._send({"type": "progress", "id": number, "share": share, "status": status})

        control = Control(
            progress=progress,
            note=lambda text: self._send({"type": "note", "id": number, "text": text}),
            cancelled=lambda: number in self._cancelled,
            preview=lambda arrays: self._send({"type": "preview", "id": number}, arrays),
        )
        reply: dict[str, Any] = {"type": "done"}
        arrays: Arrays = {}
        try:
            if control.cancelled():
                raise WorkCancelledError
            reply["facts"], arrays = self._run(request["task"], request["arguments"], control)
        except WorkCancelledError:
            reply = {"type": "cancelled"}
        except JumpsError as error:
            reply = {"type": "failed", "text": str(error)}
        except Exception as error:
            reply, arrays = _unexpected(error), {}
        try:
            self._send({**reply, "id": number}, arrays)
        except (TypeError, ValueError, MemoryError) as error:
            self._send({**_unexpected(error), "id": number})

    def _send(self, header: dict[str, Any], arrays: Arrays | None = None) -> None:
        try:
            with self._sending:
                write_message(self._replies, header, arrays)
        except OSError:
            os._exit(0)  # nobody reads any more


def _unexpected(error: Exception) -> dict[str, Any]:
    """The answer after a bug of ours, or where the installation is broken.

    The client quotes its line; the traceback goes to Blender's console, by standard error.
    """
    traceback.print_exc()
    words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return {"type": "failed", "text": f"What was asked for stopped unexpectedly ({words})."}
