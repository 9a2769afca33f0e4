"""A worker process as seen from Blender's window: started when needed, polled, replaced.

Nothing here waits for the worker unless it is told to: one thread takes in what the worker says,
another keeps the end of what it prints.
"""

from __future__ import annotations

import collections
import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import JumpsError, WorkCancelledError
from .messages import Arrays, BrokenMessageError, CutOffError, read_message, write_message
from .programs import other_pythons

START_SECONDS = 60.0  # until the worker's first word; a cold disk takes a while
SILENCE_SECONDS = 60.0  # without a word; as long as it computes, it says that it is alive
CANCEL_SECONDS = 3.0  # until a cancelled request is given back; then the worker is killed

START = Path(__file__).with_name("start.py")

# A request that fits into the pipe can't block who sends it, whatever the process does.
_LONGEST_REQUEST = 16_000


@dataclass(frozen=True)
class Program:
    """What a worker process runs.

    module: of this package, with a ``main`` that serves requests
    oldest: the Python that it needs
    start: the script that starts it, which lies in the package
    """

    module: str
    oldest: str
    start: Path = START


@dataclass(frozen=True)
class Runtime:
    """A Python for the worker.

    python: its executable
    paths: folders with packages that it looks in after its own
    isolated: without the user's own packages (Blender's Python); a Python that the user names
        keeps them
    choose: how people name another one
    """

    python: Path
    paths: tuple[str, ...] = ()
    isolated: bool = True
    choose: str = "in the add-on's preferences"

    def command(self, program: Program) -> list[str]:
        """How a program is started in it."""
        python = [str(self.python), "-I" if self.isolated else "-E"]
        folders = [part for path in self.paths for part in ("--path", path)]
        return [*python, str(program.start), program.module, program.oldest, *folders]


class WorkerJob:
    """One request; see ``Job``. Once finished, ``facts`` and ``arrays`` are the answer.

    preview: arrays that show something of what is being done, the latest that were told
    """

    def __init__(self, worker: Worker, number: int, task: str, arguments: dict[str, Any]) -> None:
        self.share = 0.0
        self.status = "Starting"
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        self.arrays: Arrays = {}
        self.preview: Arrays = {}
        self._worker, self._number = worker, number
        self._request = {"type": "request", "id": number, "task": task, "arguments": arguments}
        self._cancelled = self._finished = self._asked_again = False
        try:
            length = len(json.dumps(arguments, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise JumpsError(f"A setting is no usable number ({error}); set it anew.") from error
        if length > _LONGEST_REQUEST:
            raise JumpsError("The path or the person's name is too long; import the file anew.")
        self._process = worker.process()
        self._process.send(self._request)

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        if self._finished:
            return True
        try:
            if self._cancelled:
                raise WorkCancelledError
            for message in self._process.heard(self._number, seconds):
                self._take(*message)
        except _WorkerEndedError as error:
            # It went for another reason, with the request on its way: ask a new one.
            if error.may_ask_again and not self._asked_again:
                self._asked_again = True
                self._process = self._worker.process()
                self._process.send(self._request)
                return False
            self._finished = True
            raise JumpsError(str(error)) from None
        except JumpsError:
            self._finished = True
            raise
        except (KeyError, TypeError, ValueError) as error:
            self._finished = True
            self._process.kill()
            raise JumpsError(_gibberish(repr(error), self._worker.runtime)) from error
        finally:
            if self._finished:
                self._process.forget(self._number)
        return self._finished

    def cancel(self) -> None:
        """See ``Job.cancel``; a worker that doesn't let go of the request soon is killed."""
        if not self._finished and not self._cancelled:
            self._cancelled = True
            self._process.cancel(self._number)

    def _take(self, header: dict[str, Any], arrays: Arrays) -> None:
        match header["type"]:
            case "progress":
                self.share, self.status = float(header["share"]), str(header["status"])
            case "preview":
                self.preview = arrays
            case "note":
                self.notes.append(str(header["text"]))
            case "done":
                self.share, self.facts, self.arrays = 1.0, header["facts"], arrays
                self._finished = True
            case "cancelled":
                raise WorkCancelledError
            case _:
                raise JumpsError(str(header.get("text", "The worker process gave no reason.")))


class Worker:
    """A worker process that is started by the first request and again after it has ended."""

    def __init__(
        self,
        runtime: Runtime,
        program: Program,
        *,
        start_seconds: float = START_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        idle_seconds: float | None = None,
        lost: str = "the scene is unchanged, and the next click starts it again",
        echo: bool = True,
    ) -> None:
        """Nothing is started yet.

        idle_seconds: after which the process ends by itself; None leaves that to it
        lost: what it means for people that the process was ended
        echo: whether what it prints also goes to standard error
        """
        self.runtime, self._program = runtime, program
        self._limits = (start_seconds, silence_seconds)
        self._lost, self._echo = lost, echo
        self._idle = [] if idle_seconds is None else ["--idle", str(idle_seconds)]
        self._process: _Process | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The process' number while it runs."""
        alive = self._process is not None and self._process.runs()
        return self._process.pid if alive and self._process else None

    def request(self, task: str, **arguments: Any) -> WorkerJob:
        """Ask for one of the program's tasks; raises JumpsError when no process can be started."""
        self._requests += 1
        return WorkerJob(self, self._requests, task, arguments)

    def process(self) -> _Process:
        """The running process, started if there is none that answers."""
        if self._process is None or not self._process.runs():
            self.close()
            self._process = _Process(
                self.runtime,
                [*self.runtime.command(self._program), *self._idle],
                *self._limits,
                lost=self._lost,
                echo=self._echo,
            )
        return self._process

    def close(self) -> None:
        """End the process, if there is one; twice is no error."""
        if self._process is not None:
            self._process.kill()
            self._process = None


class _WorkerEndedError(Exception):
    """The process is gone; ``may_ask_again``: idle, or for holding on to another request."""

    def __init__(self, message: str, may_ask_again: bool = False) -> None:
        super().__init__(message)
        self.may_ask_again = may_ask_again


@dataclass
class _Process:
    """One life of the worker process."""

    runtime: Runtime
    command: Sequence[str]
    start_seconds: float
    silence_seconds: float
    lost: str
    echo: bool
    # What has arrived for each request; a string is the last, and tells why no more will come.
    _inboxes: dict[int, queue.SimpleQueue] = field(default_factory=dict)
    _ended: str | None = None
    _printed: collections.deque = field(default_factory=lambda: collections.deque(maxlen=20))
    _unanswered: set[int] = field(default_factory=set)  # cancelled, and not given back yet
    _answered: set[int] = field(default_factory=set)
    _greeted: bool = False
    _held_on: bool = False  # was killed because it didn't let go of a cancelled request

    def __post_init__(self) -> None:
        quiet = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        lower = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - the user's own choice of a Python
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=other_pythons(),
                creationflags=quiet | lower,
            )
        except (OSError, ValueError) as error:
            raise JumpsError(
                f"{self.command[0]} cannot be started ({error}); name another Python "
                f"{self.runtime.choose}."
            ) from error
        self.pid = self._popen.pid
        self._heard_at = time.monotonic()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._reader = threading.Thread(target=self._keep_printed, daemon=True)
        self._listener.start()
        self._reader.start()

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def send(self, request: dict[str, Any]) -> None:
        """Hand over a request; a process that has died is found out by ``heard``."""
        inbox = self._inboxes[request["id"]] = queue.SimpleQueue()
        if self._ended is not None:
            inbox.put(self._ended)
        self._heard_at = time.monotonic()
        self._write(request)

    def cancel(self, number: int) -> None:
        """Ask it to drop a request, and kill it if it doesn't in time."""
        if number in self._answered:
            return
        self._unanswered.add(number)
        self._write({"type": "cancel", "id": number})
        killer = threading.Timer(CANCEL_SECONDS, self._kill_if_unanswered, (number,))
        killer.daemon = True
        killer.start()

    def heard(self, number: int, seconds: float) -> list[tuple[dict[str, Any], Arrays]]:
        """All messages that have arrived for a request, waiting at most ``seconds`` for the first.

        Raises _WorkerEndedError when the process has ended, JumpsError when it is silent for too
        long or says what is no message.
        """
        messages: list[tuple[dict[str, Any], Arrays]] = []
        with contextlib.suppress(queue.Empty):
            inbox = self._inboxes[number]
            item = inbox.get(timeout=seconds) if seconds > 0 else inbox.get_nowait()
            while True:
                if isinstance(item, str):
                    # What it said before it ended comes first.
                    if messages:
                        inbox.put(item)
                        return messages
                    raise self._end(item)
                messages.append(item)
                item = inbox.get_nowait()
        limit = self.silence_seconds if self._greeted else self.start_seconds
        if not messages and time.monotonic() - self._heard_at > limit:
            self.kill()
            raise JumpsError(
                f"The worker process has not answered for {limit:.0f} s and was ended; try again, "
                f"or choose another Python {self.runtime.choose}."
            )
        return messages

    def forget(self, number: int) -> None:
        """Drop what is still said about a request."""
        self._inboxes.pop(number, None)

    def kill(self) -> None:
        """End it now, and wait for its end."""
        with contextlib.suppress(OSError):
            self._popen.kill()
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=1.0)

    def _write(self, header: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, ValueError):
            write_message(self._popen.stdin, header)  # type: ignore[arg-type]

    def _listen(self) -> None:
        """Take messages from the process; a string tells that no more will come, and why."""
        reason = ""
        try:
            while (message := read_message(self._popen.stdout)) is not None:  # type: ignore[arg-type]
                header, _ = message
                self._heard_at = time.monotonic()
                if header["type"] == "hello":
                    if header["version"] != __version__:
                        raise BrokenMessageError(f"version {header['version']} of the add-on")
                    self._greeted = True
                if header["type"] in ("hello", "alive"):
                    continue
                if header["type"] in ("done", "failed", "cancelled"):
                    self._answered.add(header["id"])
                    self._unanswered.discard(header["id"])
                inbox = self._inboxes.get(header["id"])
                if inbox is not None:  # else it was cancelled
                    inbox.put(message)
        except (BrokenMessageError, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, CutOffError):
                # Killed while it was speaking: what counts is that it was.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    reason = "" if self._popen.wait(timeout=1.0) < 0 else reason
            with contextlib.suppress(OSError):
                self._popen.kill()
        finally:
            self._popen.stdout.close()  # type: ignore[union-attr]
            self._ended = reason
            for waiting in list(self._inboxes.values()):
                waiting.put(reason)
            self._popen.wait()  # so that an idle one that goes is no zombie until the next request

    def _keep_printed(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._popen.stderr:  # type: ignore[union-attr]
                text = line[:2000].decode("utf-8", "replace").rstrip()
                if text:
                    self._printed.append(text.strip())
                if (
                    self.echo and sys.stderr is not None
                ):  # Blender's console; on Windows there may be none
                    sys.stderr.write(f"JUMPS worker: {text}\n")
        self._popen.stderr.close()  # type: ignore[union-attr]

    def _kill_if_unanswered(self, number: int) -> None:
        if number in self._unanswered:
            self._held_on = True
            with contextlib.suppress(OSError):
                self._popen.kill()

    def _end(self, reason: str) -> _WorkerEndedError:
        """Why it ended, in one line."""
        self.kill()
        self._reader.join(timeout=1.0)
        if reason:
            return _WorkerEndedError(_gibberish(reason, self.runtime))
        code = self._popen.returncode
        if self._held_on or (code == 0 and self._greeted):
            return _WorkerEndedError("The worker process has gone.", may_ask_again=True)
        last = f": {self._printed[-1]}" if self._printed else ""
        if not self._greeted:
            return _WorkerEndedError(
                f"{self.command[0]} ended at once (code {code}){last}; choose another Python "
                f"{self.runtime.choose}."
            )
        how = _signal_name(-code) if code is not None and code < 0 else f"code {code}"
        return _WorkerEndedError(
            f"The worker process was ended ({how}){last if code and code > 0 else ''}; {self.lost}."
        )


def _gibberish(reason: str, runtime: Runtime) -> str:
    return (
        f"The worker process said what cannot be understood ({reason}) and was ended; try again, "
        f"or choose another Python {runtime.choose}."
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
