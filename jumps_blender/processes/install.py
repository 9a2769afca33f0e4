"""Python environments of the add-on's own: installed by a recipe, found, checked, removed.

A folder holds numbered environments (``env-1``, ``env-2``) and ``environment.json``, which names
the finished one. A new environment is made beside the old one and named there last, so that a
failed or cancelled installation leaves the old one as it was. Each recipe has a folder to itself.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import JumpsError, WorkCancelledError
from ..files import written_whole
from ..locks import lock
from .programs import DISK_FULL, Programs, python_in
from .recipe import Recipe, package_name

SILENCE_SECONDS = 600.0  # without output; unpacking beside a virus scanner takes minutes

_RECORD = "environment.json"
_LOCK = "lock"
_OURS = "made-by-jumps.txt"  # without it a folder isn't deleted, whatever it is called
_NAME = re.compile(r"env-[1-9]\d*")


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


def environment_facts(folder: Path) -> dict[str, Any]:
    """What was told of the finished environment under ``folder`` when it was made.

    Empty when there is none. Reads a small file, and never raises.
    """
    try:
        facts = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


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


class _Work:
    """Programs that run one after the other in a thread of their own; see ``Job``."""

    def __init__(
        self,
        folder: Path,
        *,
        wheels: Path | None = None,
        log: Path | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.share = 0.0
        self.status = "Starting"
        self.notes: list[str] = []
        self.folder = folder.absolute()
        self._wheels = None if wheels is None else wheels.absolute()
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._programs = Programs(
            wheels=self._wheels,
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

    def _do(self) -> str:
        """The work itself, in the thread; what it has come to, in a word."""
        raise NotImplementedError

    def _work(self) -> None:
        try:
            with self._programs, _alone_in(self.folder):
                done = self._do()
            self.share, self.status = 1.0, done
        except WorkCancelledError as error:
            self._error, self.status = error, "Cancelled"
        except OSError as error:
            if error.errno == errno.ENOSPC:
                reason = f"{self.folder}: {DISK_FULL}"
            else:
                reason = f"{error.filename or self.folder}: {error.strerror or error}"
            self._error, self.status = self._programs.failed(reason), "Failed"
        except Exception as error:
            # JumpsError, or a bug of ours, which must not leave the window waiting.
            self._error, self.status = error, "Failed"
        finally:
            atexit.unregister(self._programs.abandon)
            self._ended.set()


class Install(_Work):
    """Installs what a recipe says under a folder; see ``Job``.

    It works in a thread of its own, and is finished, failed or cancelled only when everything
    half made is deleted again. A finished environment that was there before is replaced at the
    very end, and stays when the installation fails.
    """

    def __init__(
        self,
        base_python: Callable[[Callable[[], bool]], Path],
        folder: Path,
        recipe: Callable[[], Recipe],
        *,
        wheels: Path | None = None,
        log: Path | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """Start it.

        base_python: tells the Python that the environment is made with; may take its time in the
            thread, raise JumpsError, and ask whether the work was cancelled
        folder: where the environment is made; itself made if need be
        recipe: tells what is installed, in the thread, too
        wheels: a folder to install from, without the network; None for the package index
        log: a file that all output is appended to
        silence_seconds: a program that prints nothing for so long is ended
        """
        self._base_python, self._find_recipe = base_python, recipe
        super().__init__(folder, wheels=wheels, log=log, silence_seconds=silence_seconds)

    def _do(self) -> str:
        recipe = self._find_recipe()
        if self._wheels is not None:
            _check_wheels(self._wheels, recipe)
        base = self._base_python(self._cancelled.is_set).absolute()
        self._replace(base, recipe)
        return "Installed"

    def _replace(self, base: Path, recipe: Recipe) -> None:
        """Make a new environment and put it in the place of the old one."""
        old = _finished(self.folder)
        _delete_environments(self.folder, but=old)
        self._check_space(recipe.space)
        environment = _new_environment(self.folder)
        try:
            installed = self._programs.make_environment(base, environment, recipe)
            if self._cancelled.is_set():
                raise WorkCancelledError
            with written_whole(self.folder / _RECORD) as temporary:
                record = {"environment": environment.name, **recipe.facts, **installed}
                temporary.write_text(json.dumps(record, indent=2), encoding="utf-8")
        except BaseException:
            if self._cancelled.is_set():
                self.status = "Cancelling"
            with suppress(OSError):
                _delete(environment)
            raise
        _delete_environments(self.folder, but=environment.name)
        self.notes.extend(recipe.notes(installed, self.folder))

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise JumpsError(
                f"{self.folder}: {free / 1e9:.1f} GB are free and about {needed / 1e9:.0f} GB are "
                "needed; make room or choose another folder."
            )


class Check(_Work):
    """Imports once more what was installed under a folder; see ``Job``. It changes nothing there.

    facts: what the recipe's check answers, when it is finished
    """

    def __init__(self, folder: Path, recipe: Recipe, *, log: Path | None = None) -> None:
        """Start it; a log keeps all output."""
        self.facts: dict[str, Any] = {}
        self._recipe = recipe
        super().__init__(folder, log=log)

    def _do(self) -> str:
        python = environment_python(self.folder)
        if python is None:
            raise JumpsError(f"{self._recipe.name} is not installed in {self.folder}.")
        self._tell(0.0, "Checking")
        self.facts = self._programs.check(python, python.parents[1], self._recipe)
        return "Checked"


def _check_wheels(wheels: Path, recipe: Recipe) -> None:
    """Raise JumpsError for a folder without a wheel of what is to be installed."""
    *others, last = recipe.wheels
    package = recipe.wheels[0]
    words = f"{', '.join(others)} and {last}" if others else last
    choose = f"choose a folder that holds the wheels of {words}"
    try:
        found = any(
            path.suffix == ".whl" and package_name(path.name.partition("-")[0]) == package
            for path in wheels.iterdir()
        )
    except OSError as error:
        raise JumpsError(f"{wheels}: cannot be read ({error.strerror}); {choose}.") from error
    if not found:
        raise JumpsError(f"{wheels}: no wheel of {package} is there ({package}-….whl); {choose}.")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep all others, in this Blender and in others, from changing ``folder`` meanwhile.

    Makes the folder, and deletes it when it is empty in the end. Raises JumpsError when it can't
    be written or another is at work there.
    """
    path = folder / _LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked_file(path)
    except OSError as error:
        raise JumpsError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder."
        ) from error
    if file is None:
        raise JumpsError(f"{folder}: an installation goes on there; wait for its end.")
    try:
        yield
    finally:
        with suppress(OSError):
            # While it is locked, or whoever opened it meanwhile would lock what is no longer there.
            if sys.platform == "win32":  # which deletes no open files, and so none of others
                file.close()
            path.unlink()
        file.close()
        with suppress(OSError):
            folder.rmdir()


def _locked_file(path: Path) -> IO[str] | None:
    """The file, open and locked; None while another has it. Raises OSError."""
    while True:
        file = path.open("a")
        if not lock(file):
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        # It was deleted between opening and locking by who had it before.
        file.close()


def _finished(folder: Path) -> str | None:
    """The name of the finished environment in ``folder``, None if there is none."""
    name = environment_facts(folder).get("environment")
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
