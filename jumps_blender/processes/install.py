"""PyTorch in a Python environment of the add-on's own: installed, found, removed.

A folder holds numbered environments (``env-1``, ``env-2``) and ``environment.json``, which names
the finished one. A new environment is made beside the old one and named there last, so that a
failed or cancelled installation leaves the old one as it was.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import JumpsError, WorkCancelledError
from ..files import written_whole
from .programs import DISK_FULL, Build, Programs, python_in

# Bytes that must be free: the wheels and what is unpacked from them, side by side.
NEEDED_SPACE: dict[Build, int] = {"cpu": 2 * 10**9, "cuda": 8 * 10**9}

SILENCE_SECONDS = 600.0  # without output; unpacking beside a virus scanner takes minutes
_GPU_QUERY_SECONDS = 5.0

_RECORD = "environment.json"
_LOCK = "lock"
_OURS = "made-by-jumps.txt"  # without it a folder isn't deleted, whatever it is called
_NAME = re.compile(r"env-[1-9]\d*")


def machine_build() -> Build:
    """Which build of PyTorch suits this machine: "cuda" where NVIDIA's driver is found.

    May ask ``nvidia-smi``, for 5 seconds at most: not to be called while drawing.
    """
    try:
        if sys.platform == "darwin":
            return "cpu"
        if sys.platform == "win32":
            system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32")
            found = (system / "nvcuda.dll").is_file()
        else:
            found = Path("/proc/driver/nvidia/version").is_file()
        return "cuda" if found or _nvidia_smi_finds_gpu() else "cpu"
    except (OSError, ValueError, subprocess.SubprocessError):
        return "cpu"


def _nvidia_smi_finds_gpu() -> bool:
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    answer = subprocess.run(  # noqa: S603 - NVIDIA's program, without input from anyone
        [program, "-L"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_GPU_QUERY_SECONDS,
        check=False,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    return answer.returncode == 0 and b"GPU 0" in answer.stdout


def environment_python(folder: Path) -> Path | None:
    """The Python of the finished environment under ``folder``, an absolute path.

    None when there is none, or it isn't finished, or the Python it was made with has gone (an
    update of Blender may replace it). Reads two small files, and never raises.
    """
    folder = folder.absolute()
    name = _finished(folder)
    if name is None:
        return None
    python = python_in(folder / name)
    try:
        config = (folder / name / "pyvenv.cfg").read_text(encoding="utf-8")
        home = re.search(r"^home *= *(.+?) *$", config, re.MULTILINE)
        if home is None or not Path(home[1]).is_dir() or not python.is_file():
            return None
    except (OSError, ValueError):
        return None
    return python


def remove(folder: Path) -> None:
    """Delete the environments under ``folder``; nothing there is no error. May take seconds.

    Raises JumpsError when something can't be deleted or an installation goes on there.
    """
    if not folder.is_dir():
        return
    folder = folder.absolute()
    with _alone_in(folder):
        try:
            # First of all: what is half deleted must not be found.
            (folder / _RECORD).unlink(missing_ok=True)
            for environment in _environments(folder):
                _delete(environment)
        except OSError as error:
            raise JumpsError(
                f"{error.filename or folder}: cannot be deleted ({error.strerror}); close what "
                "uses it, such as other Blender windows, and try again."
            ) from error


class Install:
    """Installs PyTorch, numpy and safetensors under a folder; see ``Job``.

    It works in a thread of its own, and is finished, failed or cancelled only when everything
    half made is deleted again. A finished environment that was there before is replaced at the
    very end, and stays when the installation fails.
    """

    def __init__(
        self,
        base_python: Path,
        folder: Path,
        *,
        build: Build | None = None,
        wheels: Path | None = None,
        log: Path | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """Start it; raises JumpsError when ``wheels`` holds no wheel of torch.

        base_python: the Python that the environment is made with, as a path
        folder: where the environment is made; itself made if need be
        build: None is what suits this machine, which is found out in the thread
        wheels: a folder to install from, without the network; None for the package index
        log: a file that all output is appended to
        silence_seconds: a program that prints nothing for so long is ended
        """
        self.share = 0.0
        self.status = "Starting"
        self.notes: list[str] = []
        self._base = base_python.absolute()
        self._folder = folder.absolute()
        self._asked_build = build
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._programs = Programs(
            wheels=None if wheels is None else _with_torch(wheels.absolute()),
            log=None if log is None else log.absolute(),
            silence_seconds=silence_seconds,
            cancelled=self._cancelled,
            tell=self._tell,
        )
        # A daemon thread ends with Blender; the programs it has started would not.
        atexit.register(self._programs.abandon)
        threading.Thread(target=self._work, name="jumps-install", daemon=True).start()

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        if not self._ended.wait(seconds):
            return False
        error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def cancel(self) -> None:
        """See ``Job.cancel``; ``poll`` tells when what was made is deleted."""
        if not self._ended.is_set():
            self._cancelled.set()

    def _tell(self, share: float, status: str) -> None:
        self.share, self.status = share, status

    def _work(self) -> None:
        try:
            with self._programs, _alone_in(self._folder):
                self._build: Build = self._asked_build or machine_build()
                self._replace()
            self.share, self.status = 1.0, "Installed"
        except WorkCancelledError as error:
            self._error, self.status = error, "Cancelled"
        except OSError as error:
            if error.errno == errno.ENOSPC:
                reason = f"{self._folder}: {DISK_FULL}"
            else:
                reason = f"{error.filename or self._folder}: {error.strerror or error}"
            self._error, self.status = self._programs.failed(reason), "Failed"
        except Exception as error:
            # JumpsError, or a bug of ours, which must not leave the window waiting.
            self._error, self.status = error, "Failed"
        finally:
            atexit.unregister(self._programs.abandon)
            self._ended.set()

    def _replace(self) -> None:
        """Make a new environment and put it in the place of the old one."""
        old = _finished(self._folder)
        _delete_environments(self._folder, but=old)
        self._check_space()
        environment = _new_environment(self._folder)
        try:
            installed = self._programs.make_environment(self._base, environment, self._build)
            if self._cancelled.is_set():
                raise WorkCancelledError
            with written_whole(self._folder / _RECORD) as temporary:
                record = {"environment": environment.name, "build": self._build, **installed}
                temporary.write_text(json.dumps(record, indent=2), encoding="utf-8")
        except BaseException:
            if self._cancelled.is_set():
                self.status = "Cancelling"
            with suppress(OSError):
                _delete(environment)
            raise
        _delete_environments(self._folder, but=environment.name)
        self.notes.extend(_notes(installed, self._build, self._folder))

    def _check_space(self) -> None:
        free, needed = shutil.disk_usage(self._folder).free, NEEDED_SPACE[self._build]
        if free < needed:
            raise JumpsError(
                f"{self._folder}: {free / 1e9:.1f} GB are free and about {needed / 1e9:.0f} GB are "
                "needed; make room or choose another folder."
            )


def _with_torch(wheels: Path) -> Path:
    try:
        found = any(name.match("torch-*.whl") for name in wheels.iterdir())
    except OSError as error:
        raise JumpsError(
            f"{wheels}: cannot be read ({error.strerror}); choose a folder that holds the wheels "
            "of torch, numpy and safetensors."
        ) from error
    if not found:
        raise JumpsError(
            f"{wheels}: no wheel of torch is there (torch-….whl); choose a folder that holds the "
            "wheels of torch, numpy and safetensors."
        )
    return wheels


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep all others, in this Blender and in others, from changing ``folder`` meanwhile.

    Makes the folder, and deletes it when it is empty in the end. Raises JumpsError when it can't
    be written or another is at work there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a")
    except OSError as error:
        raise JumpsError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder."
        ) from error
    if not _locked(file):
        file.close()
        raise JumpsError(f"{folder}: an installation goes on there; wait for its end.")
    try:
        yield
    finally:
        file.close()
        with suppress(OSError):
            (folder / _LOCK).unlink()
            folder.rmdir()


def _locked(file: IO[str]) -> bool:
    """Lock a file until it is closed, or the process ends in whatever way; False if it is."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Anything else: a file system without locks, which must do without.
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def _finished(folder: Path) -> str | None:
    """The name of the finished environment in ``folder``, None if there is none."""
    try:
        name = json.loads((folder / _RECORD).read_text(encoding="utf-8"))["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def _environments(folder: Path) -> list[Path]:
    """All environments that were made here, finished or not."""
    return [
        path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / _OURS).is_file()
    ]


def _new_environment(folder: Path) -> Path:
    """Make the folder of an environment with the next free number."""
    taken = [int(path.name[4:]) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    environment = folder / f"env-{max(taken, default=0) + 1}"
    environment.mkdir()
    (environment / _OURS).write_text("The add-on may delete this folder.\n", encoding="utf-8")
    return environment


def _delete_environments(folder: Path, but: str | None) -> None:
    """Delete all other environments as far as possible: one in use stays until the next time."""
    for environment in _environments(folder):
        if environment.name != but:
            with suppress(OSError):
                _delete(environment)


def _delete(environment: Path) -> None:
    """Delete an environment; raises OSError when something stays, and then it stays ours."""
    for path in environment.iterdir():
        if path.is_dir() and not path.is_symlink():
            # As much as possible at first, then once more to learn what is in the way.
            shutil.rmtree(path, ignore_errors=True)
            if path.exists():
                shutil.rmtree(path)
        elif path.name != _OURS:
            path.unlink()
    (environment / _OURS).unlink(missing_ok=True)
    environment.rmdir()


def _notes(installed: dict[str, Any], build: Build, folder: Path) -> list[str]:
    """What people should know of what was installed."""
    cuda = installed["cuda"]
    kind = f"CUDA {cuda}" if cuda else "CPU"
    torch = str(installed["torch"]).partition("+")[0]
    notes = [
        f"Installed torch {torch} ({kind}), numpy {installed['numpy']} and safetensors "
        f"{installed['safetensors']} into {folder}."
    ]
    if build == "cuda" and cuda and not installed["gpu_works"]:
        notes.append(
            "PyTorch can't compute on this machine's GPU and will use the processor; an update of "
            "NVIDIA's driver may help."
        )
    elif build == "cuda" and not cuda and sys.platform != "darwin":
        notes.append("The torch that was found is the build for the processor: no GPU is used.")
    elif build == "cpu" and cuda:
        notes.append(
            "The torch that was found is the larger build for NVIDIA's GPUs; it computes on the "
            "processor as well."
        )
    return notes
