"""The programs that make a Python environment by a recipe: venv, pip, and a first import.

They run one after the other, can be ended at any time, and what they say is kept in a log, told as
progress, and made one clear line when they fail.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from ..errors import JumpsError, WorkCancelledError
from .recipe import PipRun, Recipe

_USUAL_WHEELS = 12  # what is installed, and what that needs

_CHECK_SECONDS = 120.0  # for the first import; a cold disk takes a while
_GRACE_SECONDS = 10.0  # between the end of a program's output and its own end
_TICK_SECONDS = 0.1  # how often a silent program is looked after
_LOG_BYTES = 2_000_000
_LAST_LINES = 200  # kept to explain a failure

_DOWNLOADED = "downloads"  # a folder in the environment, until it is finished
# Shares of the whole at which a step begins.
_PIP_BEGINS, _CHECK_BEGINS = 0.05, 0.95
# What part of pip's work is the download.
_DOWNLOAD_PART = 0.8

# Settings of pip that would put packages elsewhere, or others than asked for.
_MISLEADING = {
    "__PYVENV_LAUNCHER__",
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_UPGRADE",
    "PIP_USER",
}

_NO_SPACE = re.compile(r"Errno 28\b|No space left on device|WinError 112\b")
DISK_FULL = "the disk is full; make room or choose another folder"


class Programs:
    """What an installation runs, one program at a time; to be used in a ``with``, for the log."""

    def __init__(
        self,
        *,
        wheels: Path | None,
        log: Path | None,
        silence_seconds: float,
        cancelled: threading.Event,
        tell: Callable[[float, str], None],
    ) -> None:
        """Nothing is started yet.

        wheels: a folder to install from, without the network; None for the package index
        log: a file that all output is appended to
        silence_seconds: a program that prints nothing for so long is ended
        cancelled: once it is set, what runs is ended and nothing more is started
        tell: called with the share done, in [0, 1], and what is being done, for people
        """
        self._wheels = wheels
        self._log = _Log(log)
        self._silence = silence_seconds
        self._cancelled = cancelled
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None
        self._process_lock = threading.Lock()

    def __enter__(self) -> Programs:
        self._log.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._log.__exit__(*error)

    def make_environment(self, base: Path, environment: Path, recipe: Recipe) -> dict[str, Any]:
        """Fill an environment; what the recipe's check answers.

        base: the Python to make it with
        environment: its folder, which is there; programs run in it

        Raises JumpsError when a program fails, and WorkCancelledError.
        """
        self._tell(0.0, "Making an environment")
        downloads = environment / _DOWNLOADED
        downloads.mkdir()
        python = python_in(environment)
        code, lines = self._run(
            [str(base), "-I", "-X", "utf8", "-m", "venv", str(environment)],
            environment,
            str(base),
        )
        pip = _pip_version(environment)
        if code != 0 or pip is None or not python.is_file():
            raise self.failed(_environment_error(base, environment, code, lines))

        runs = [run for run in recipe.runs if self._wheels is None or run.index is None]
        expected = sum(run.download for run in runs)
        begins = _PIP_BEGINS
        for run in runs:
            ends = begins + (_CHECK_BEGINS - _PIP_BEGINS) * run.download / expected
            command = pip_command(python, run, self._wheels, pip >= (24, 1))
            output = PipOutput(run.download)
            self._run_pip(command, environment, output, (begins, ends), recipe)
            begins = ends

        self._tell(_CHECK_BEGINS, "Checking")
        facts = self.check(python, environment, recipe)
        shutil.rmtree(downloads, ignore_errors=True)
        return facts

    def check(self, python: Path, environment: Path, recipe: Recipe) -> dict[str, Any]:
        """Import what was installed: its facts; raises JumpsError when that fails."""
        code, lines = self._run(
            [str(python), "-I", "-X", "utf8", "-c", recipe.check],
            environment,
            f"Importing {recipe.name}",
            limit=_CHECK_SECONDS,
        )
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"code {code}")
        if code == 0:
            with suppress(ValueError):
                facts = json.loads(last)
                if isinstance(facts, dict):
                    return facts
        raise self.failed(f"What was installed cannot be imported: {last.rstrip('.')}")

    def abandon(self) -> None:
        """Stop for good, when Blender ends: no thread will come to it any more."""
        self._cancelled.set()
        self._kill()

    def failed(self, reason: str) -> JumpsError:
        """The error with the place where more is told."""
        see = f"; see {self._log.path}" if self._log.path is not None else ""
        return JumpsError(f"{reason}{see}.")

    def _run_pip(
        self,
        command: list[str],
        environment: Path,
        output: PipOutput,
        shares: tuple[float, float],
        recipe: Recipe,
    ) -> None:
        """Run pip, which takes the work from the first of the shares to the second."""
        begins, ends = shares

        def tell() -> None:
            self._tell(begins + (ends - begins) * output.share, output.status)

        def hear(line: str) -> None:
            output.take(line)
            tell()

        def downloaded() -> int:
            # pip before 24.1 says nothing while it downloads: look at the file that grows.
            size = 0
            if output.file:
                pattern = f"*/{glob.escape(output.file)}"
                for path in (environment / _DOWNLOADED).glob(pattern):
                    with suppress(OSError):
                        size = max(size, path.stat().st_size)
                if size:
                    output.downloaded(size)
                    tell()
            return size

        tell()
        grown = None if "raw" in command else downloaded
        code, lines = self._run(command, environment, "pip", hear=hear, grown=grown)
        if code != 0:
            where = f"{_python_version(environment)} on {platform.system()} {platform.machine()}"
            raise self.failed(pip_error(lines, environment.parent, self._wheels, where, recipe))

    def _run(
        self,
        command: list[str],
        environment: Path,
        what: str,
        *,
        limit: float | None = None,
        hear: Callable[[str], None] = lambda _line: None,
        grown: Callable[[], int] | None = None,
    ) -> tuple[int, list[str]]:
        """Run a program to its end: its exit code and its last lines.

        what: the program, to begin a sentence with
        limit: seconds that it may be silent, if less than the limit for all
        hear: called with each line
        grown: called while it is silent; a number that changes counts as a sign of life

        Raises JumpsError when it can't be started or is silent for too long, and
        WorkCancelledError; its children are dead then, too.
        """
        limit = min(self._silence, limit or self._silence)
        self._log.write(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n")
        process = self._start(command, environment)
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(process, lines), daemon=True).start()
        last: deque[str] = deque(maxlen=_LAST_LINES)
        heard_at, size = time.monotonic(), 0
        try:
            while True:
                self._check_cancelled()
                try:
                    line = lines.get(timeout=_TICK_SECONDS)
                except queue.Empty:
                    if grown is not None and (now := grown()) != size:
                        heard_at, size = time.monotonic(), now
                    if time.monotonic() - heard_at > limit:
                        minutes = f"{limit / 60:.0f} minutes" if limit >= 60 else f"{limit:g} s"
                        raise self.failed(
                            f"{what} gave no sign of life for {minutes} and was ended; check the "
                            "connection and the disk, and try again"
                        ) from None
                    continue
                if line is None:
                    break
                heard_at = time.monotonic()
                if not line.startswith("Progress "):
                    self._log.write(line)
                    last.append(line.rstrip())
                hear(line)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        finally:
            if process.returncode is None:
                self._kill()
                process.wait()
            with self._process_lock:
                self._process = None
        return process.returncode, list(last)

    def _start(self, command: list[str], environment: Path) -> subprocess.Popen[str]:
        # With the lock, so that no program is started unseen by ``abandon``.
        with self._process_lock:
            self._check_cancelled()
            try:
                self._process = process = start_group(
                    command,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    cwd=environment,
                    env=self._variables(environment),
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise JumpsError(
                    f"{command[0]}: cannot be started ({reason}); choose another Python."
                ) from error
        return process

    def _variables(self, environment: Path) -> dict[str, str]:
        """The environment variables for what is run."""
        variables = {n: v for n, v in other_pythons().items() if n.upper() not in _MISLEADING}
        if self._wheels is not None:
            # The folder alone: no links and no constraints from anywhere else.
            variables = {n: v for n, v in variables.items() if not n.upper().startswith("PIP_")}
            variables["PIP_CONFIG_FILE"] = os.devnull
        # The system's temporary folder may be a small one in memory.
        if (environment / _DOWNLOADED).is_dir():
            for name in ("TMPDIR", "TEMP", "TMP"):
                variables[name] = str(environment / _DOWNLOADED)
        return variables

    def _kill(self) -> None:
        """End the running program and all that it has started."""
        with self._process_lock:
            process = self._process
            # Once it has been waited for, its number may be another's.
            if process is not None and process.returncode is None:
                end_group(process)

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise WorkCancelledError


def other_pythons() -> dict[str, str]:
    """This process' variables without those for its own Python, which would mislead another one."""
    return {n: v for n, v in os.environ.items() if not n.upper().startswith("PYTHON")}


def start_group(command: list[str], **options: Any) -> subprocess.Popen:
    """Start a program whose output is read, and which ``end_group`` ends with its children."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        options["creationflags"] = flags
    else:
        options["start_new_session"] = True
    return subprocess.Popen(  # noqa: S603 - the caller's Python
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options
    )


def end_group(process: subprocess.Popen) -> None:
    """End a program that hasn't been waited for, and all that it has started."""
    with suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "win32":
            system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32")
            subprocess.run(  # noqa: S603 - Windows' own program
                [str(system / "taskkill.exe"), "/T", "/F", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_GRACE_SECONDS,
                check=False,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(OSError):
        process.kill()


def pip_command(python: Path, run: PipRun, wheels: Path | None, raw: bool) -> list[str]:
    """The command line of a run of pip.

    python: the environment's
    wheels: the one folder to install from; None for the package index, or the run's own
    raw: whether this pip can tell its progress in bytes (from version 24.1 on)
    """
    command = [
        *(str(python), "-I", "-X", "utf8", "-m", "pip", "install"),
        *("--disable-pip-version-check", "--no-input", "--no-user", "--no-warn-script-location"),
        # Nobody would find gigabytes in pip's cache; and nobody here has a compiler.
        *("--no-cache-dir", "--only-binary", ":all:"),
        *("--progress-bar", "raw" if raw else "off"),
    ]
    if wheels is not None:
        command += ["--no-index", "--find-links", str(wheels)]
    elif run.index is not None:
        command += ["--index-url", run.index]
    if run.alone:
        command.append("--no-deps")
    return [*command, *run.packages]


class PipOutput:
    """What pip's output lines mean.

    share: how much of the command is done, in [0, 1], never falling
    status: what it does, a few words for people
    file: the name of the file that is downloaded, "" when none is
    """

    def __init__(self, expected: float) -> None:
        """expected: how many bytes the command will download, roughly"""
        self.share = 0.0
        self.status = "Looking for packages"
        self.file = ""
        self._expected = expected
        self._package = ""
        self._before = self._current = self._total = 0.0  # bytes
        self._wheels = 0
        self._installing = False

    def take(self, line: str) -> None:
        """Take in a line."""
        line = line.strip()
        if match := re.fullmatch(r"Progress (\d+) of (\d+)", line):
            self._progress(float(match[1]), float(match[2]))
        elif match := re.fullmatch(r"Downloading (\S+\.whl) \(([\d.]+) (bytes|kB|MB|GB)\)", line):
            unit = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}[match[3]]
            self._before += self._total
            self._current, self._total = 0.0, float(match[2]) * unit
            self.file = unquote(match[1]).rpartition("/")[2]
            self._package = self.file.partition("-")[0]
            self._tell_download()
        elif match := re.match(r"Processing (?:.*[/\\])?([^/\\]+\.whl)$", line):
            # A file from a folder of wheels: copied, not downloaded.
            self._wheels += 1
            self._reach(_DOWNLOAD_PART * min(self._wheels / _USUAL_WHEELS, 1.0))
            self.status = f"Reading {match[1].partition('-')[0]}"
        elif match := re.match(r"Collecting ([\w.-]+)", line):
            self.status = f"Looking for {match[1]}"
        elif line.startswith("Installing collected packages"):
            self._installing = True
            self.file = ""
            self._reach(_DOWNLOAD_PART)
            self.status = "Installing"
        elif line.startswith("Successfully installed"):
            self._reach(1.0)

    def downloaded(self, size: float) -> None:
        """So many bytes of ``file`` are there: for a pip that doesn't tell it itself."""
        self._current = min(size, self._total)
        self._tell_download()

    def _progress(self, current: float, total: float) -> None:
        if self._installing:
            return  # counts packages, if anything
        self._current, self._total = current, max(current, total)
        self._tell_download()

    def _tell_download(self) -> None:
        everything = max(self._expected, self._before + self._total)
        self._reach(_DOWNLOAD_PART * (self._before + self._current) / everything)
        self.status = f"Downloading {self._package or 'packages'}"
        if self._total >= 1e6:
            self.status += f" ({self._current / 1e6:.0f} of {self._total / 1e6:.0f} MB)"

    def _reach(self, share: float) -> None:
        self.share = max(self.share, share)


def pip_error(
    lines: list[str], folder: Path, wheels: Path | None, python: str, recipe: Recipe
) -> str:
    """Why pip failed and what to do, by its last output lines; no full stop at the end.

    folder: where to; wheels: where from, None for the package index
    python: the Python and the machine that wheels must fit, in words
    recipe: what was to be installed
    """
    text = "\n".join(lines)
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]

    def says(*patterns: str) -> bool:
        return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)

    if _NO_SPACE.search(text):
        return f"{folder}: {DISK_FULL}"
    if says("Windows Long Path"):
        return f"{folder}: the path is too long for Windows; choose a shorter folder"
    missing = re.search(r"No matching distribution found for ([\w.-]+)", text)
    if wheels is None:
        none_seen = missing is None or says(r"from versions: none\)")
        if none_seen and says("CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError"):
            return (
                "The package index's certificate is not trusted (a proxy in between?); set PIP_CERT"
                " to the certificate of your company, or choose a folder of wheels"
            )
        if none_seen and says(
            "connection broken by",
            "NewConnectionError",
            "NameResolutionError",
            "Connection refused",
            "ConnectionResetError",
            "ProxyError",
            "ProtocolError",
            "IncompleteRead",
            "timed out",
            "network is unreachable",
            r"HTTP error 5\d\d",
        ):
            return (
                "The package index cannot be reached; check the connection, or choose a folder of "
                "wheels"
            )
    if missing is not None:
        # pip turns the order of the bounds round; ours reads better.
        package = recipe.requirement(missing[1])
        if wheels is not None:
            return f"{wheels}: no wheel of {package} for {python} is there; add one"
        return (
            f"The package index has no wheel of {package} for {python}; {recipe.no_wheel}, or "
            "choose a folder of wheels"
        )
    if errors and errors[-1] != "Exception:":
        return f"pip failed: {errors[-1].rstrip('.')}"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")
    return f"pip failed: {last.rstrip('.')}"


def python_in(environment: Path) -> Path:
    """Where an environment's Python is."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def _pip_version(environment: Path) -> tuple[int, ...] | None:
    """The version of an environment's pip, None if it has none."""
    for pattern in (
        "lib/python*/site-packages/pip-*.dist-info",
        "Lib/site-packages/pip-*.dist-info",
    ):
        for path in environment.glob(pattern):
            return tuple(int(part) for part in re.findall(r"\d+", path.name)[:2])
    return None


def _python_version(environment: Path) -> str:
    """An environment's Python in words, such as "Python 3.11"."""
    with suppress(OSError, ValueError):
        config = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
        if version := re.search(r"^version *= *(\d+\.\d+)", config, re.MULTILINE):
            return f"Python {version[1]}"
    return "this Python"


def _environment_error(python: Path, environment: Path, code: int, lines: list[str]) -> str:
    """Why ``python`` made no environment, and what to do; no full stop at the end."""
    text = "\n".join(lines)
    if _NO_SPACE.search(text):
        return f"{environment.parent}: {DISK_FULL}"
    # Debian's Python without ensurepip says so at length, others show the command that failed.
    if re.search("No module named '?venv|ensurepip", text):
        return (
            f"{python}: its venv or ensurepip is missing or fails; choose another Python, or on "
            "Debian and Ubuntu install python3-venv"
        )
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {code}")
    return f"{python}: made no environment ({last.rstrip('.')}); choose another Python"


class _Log:
    """A file that output is appended to; a failure to write it stops nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[str] | None = None
        self._left = _LOG_BYTES

    def __enter__(self) -> _Log:
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                full = self.path.is_file() and self.path.stat().st_size > _LOG_BYTES
                self._file = self.path.open(
                    "w" if full else "a", encoding="utf-8", errors="backslashreplace"
                )
            except OSError:
                self.path = None  # errors must not send people there
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def write(self, text: str) -> None:
        if self._file is not None and self._left > 0:
            self._left -= len(text)
            with suppress(OSError):
                self._file.write(text)
                self._file.flush()


def _read_lines(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Hand over what a program prints; None is the end."""
    with suppress(OSError, ValueError):
        for line in process.stdout or ():
            lines.put(line)
    if process.stdout is not None:
        process.stdout.close()
    lines.put(None)
