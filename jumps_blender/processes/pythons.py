"""A Python of a version that something supports, among those that a machine has.

Pythons tell their version themselves: each is run once, with a time limit. So nothing here may be
called in a window's own thread.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import JumpsError, WorkCancelledError
from .programs import end_group, other_pythons, start_group

Version = tuple[int, int]

_ASK_SECONDS = 10.0  # a virus scanner looks at a program that it hasn't seen yet
_TICK_SECONDS = 0.1  # how often it is asked meanwhile whether the work was cancelled
_LONGEST_ANSWER = 10_000

_QUESTION = """
import importlib.util, json, sys, sysconfig
print(json.dumps({
    "python": sys.executable,
    "version": sys.version_info[:3],
    "is_plain": sys.implementation.name == "cpython" and sys.maxsize > 2**32
        and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "makes_environments": all(map(importlib.util.find_spec, ("venv", "ensurepip"))),
}))
"""


@dataclass(frozen=True)
class Need:
    """Which Pythons will do.

    first, last: versions between which all are supported, both included
    who: what needs it, to begin a sentence with
    how: how people name one, such as "in the add-on's preferences"
    """

    first: Version
    last: Version
    who: str
    how: str

    @property
    def words(self) -> str:
        """Such as "Python 3.9 to 3.12"."""
        first, last = (".".join(map(str, version)) for version in (self.first, self.last))
        return f"Python {first}" if first == last else f"Python {first} to {last}"

    def versions(self) -> list[Version]:
        """All of them, the newest first."""
        return [(3, minor) for minor in range(self.last[1], self.first[1] - 1, -1)]


@dataclass(frozen=True)
class Python:
    """What a Python says of itself.

    path: its executable; version: of three numbers
    is_plain: CPython of 64 bits with its lock, which is what packages have wheels for
    makes_environments: has venv and ensurepip, which some distributions leave out
    """

    path: Path
    version: tuple[int, int, int]
    is_plain: bool
    makes_environments: bool

    def fits(self, need: Need) -> bool:
        return self.is_plain and need.first <= self.version[:2] <= need.last

    @property
    def words(self) -> str:
        words = f"Python {'.'.join(map(str, self.version))}"
        return words if self.is_plain else f"{words}, but not an ordinary one of 64 bits"


def find_python(
    need: Need,
    *,
    named: Path | None = None,
    own: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The Python that the user names, else the program's own, else one that is found.

    Of those on PATH the newest that fits, else the newest in usual places.

    named: must fit; no other is taken in its place
    own: that which this program runs in, such as Blender's; None if it shall not be taken
    cancelled: asked every now and then

    Raises JumpsError with a line on what is needed when none fits, and WorkCancelledError.
    """
    if named is not None:
        named = Path(shutil.which(named) or named)  # "python3.11" is one on PATH
        python = _ask(named, cancelled)
        if python is not None and python.fits(need):
            return named
        what = "is no Python that can be run" if python is None else f"is {python.words}"
        raise JumpsError(
            f"{named}: {what}, and {need.who} needs {need.words}; name another one {need.how}, or "
            "none and one is looked for."
        )
    lame = None  # fits, but makes no environments: what that takes is told when it is tried
    for path in _each_once([*filter(None, [own]), *candidates(need.versions())]):
        python = _ask(path, cancelled)
        if python is None or not python.fits(need):
            continue
        if python.makes_environments:
            # Of a shim, the Python behind it.
            return path if path == own else python.path
        lame = lame or path
    if lame is not None:
        return lame
    newest = ".".join(map(str, need.last))
    raise JumpsError(
        f"{need.who} needs {need.words}, and none was found on this machine; install Python "
        f"{newest} (python.org has it), or name one {need.how}."
    )


def candidates(
    versions: Iterable[Version],
    system: str = sys.platform,
    variables: Mapping[str, str] = os.environ,
) -> Iterator[Path]:
    """Where Pythons of these versions may be: on PATH, then in usual places, in this order.

    system: as in ``sys.platform``; variables: the environment's

    On Windows this asks Python's launcher.
    """
    home = Path(variables.get("USERPROFILE" if system == "win32" else "HOME") or Path.home())
    versions = list(versions)
    places = {"win32": _on_windows, "darwin": _on_macos}.get(system, _on_linux)
    folders = [
        folder
        for folder in map(Path, variables.get("PATH", "").split(os.pathsep))
        if folder.is_absolute() and not _asks_for_installation(folder, system)
    ]
    found = [folder / f"python{a}.{b}" for a, b in versions for folder in folders]
    found += places(versions, home, variables)
    # These may be of any version.
    names = ("python.exe",) if system == "win32" else ("python3", "python")
    found += [folder / name for name in names for folder in folders]
    for path in found:
        with suppress(OSError):
            if path.is_file() and os.access(path, os.X_OK):
                yield path


def _asks_for_installation(folder: Path, system: str) -> bool:
    """Whether what is called Python in this folder may ask people to install something."""
    if system == "win32":
        # The Microsoft Store's; and what it does install sees other folders than all else.
        return "windowsapps" in str(folder).lower()
    return system == "darwin" and folder == Path("/usr/bin")


def _on_linux(versions: list[Version], home: Path, variables: Mapping[str, str]) -> list[Path]:
    folders = [Path("/usr/bin"), Path("/usr/local/bin"), home / ".local" / "bin"]
    return [
        path
        for a, b in versions
        for path in (
            *(folder / f"python{a}.{b}" for folder in folders),
            *_of_managers(a, b, home, variables),
        )
    ]


def _on_macos(versions: list[Version], home: Path, variables: Mapping[str, str]) -> list[Path]:
    found = []
    for a, b in versions:
        name = f"python{a}.{b}"
        found += [
            Path(f"/Library/Frameworks/Python.framework/Versions/{a}.{b}/bin") / name,
            Path(f"/opt/homebrew/opt/python@{a}.{b}/bin") / name,
            Path(f"/usr/local/opt/python@{a}.{b}/bin") / name,
            Path("/opt/homebrew/bin") / name,
            Path("/usr/local/bin") / name,
            *_of_managers(a, b, home, variables),
        ]
    # What /usr/bin/python3 stands for, where it is installed.
    found.append(Path("/Library/Developer/CommandLineTools/usr/bin/python3"))
    return found


def _of_managers(a: int, b: int, home: Path, variables: Mapping[str, str]) -> list[Path]:
    """What pyenv and uv have installed, the latest patch first."""
    pyenv = Path(variables.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(variables.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [
        folder / "bin" / f"python{a}.{b}"
        for folders, pattern in (
            (pyenv / "versions", f"{a}.{b}.*"),
            (data / "uv" / "python", f"cpython-{a}.{b}.*"),
        )
        for folder in sorted(folders.glob(pattern), key=_numbers, reverse=True)
    ]


def _on_windows(versions: list[Version], home: Path, variables: Mapping[str, str]) -> list[Path]:
    listed = _ask_launcher(variables)
    local = Path(variables.get("LOCALAPPDATA") or home / "AppData" / "Local")
    programs = Path(variables.get("PROGRAMFILES") or r"C:\Program Files")
    pyenv = Path(variables.get("PYENV") or home / ".pyenv" / "pyenv-win")
    for a, b in versions:
        folders = [
            local / "Programs" / "Python" / f"Python{a}{b}",
            programs / f"Python{a}{b}",
            Path(rf"C:\Python{a}{b}"),
            *sorted((pyenv / "versions").glob(f"{a}.{b}.*"), key=_numbers, reverse=True),
        ]
        listed += [folder / "python.exe" for folder in folders]
    return listed


def _ask_launcher(variables: Mapping[str, str]) -> list[Path]:
    """The Pythons that Windows' launcher knows, the newest first; empty where it isn't."""
    program = shutil.which("py", path=variables.get("PATH"))
    return [] if program is None else listed_by_launcher(_answer([program, "-0p"], lambda: False))


def listed_by_launcher(text: str) -> list[Path]:
    """The paths in what ``py -0p`` prints; those of the Microsoft Store are left out."""
    paths = re.findall(r"[A-Za-z]:\\[^*?\"<>|\r\n]*?python[\w.]*\.exe", text, re.IGNORECASE)
    return [Path(path) for path in paths if "windowsapps" not in path.lower()]


def _numbers(path: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", path.name)]


def _each_once(paths: Iterable[Path]) -> Iterator[Path]:
    """Each file once, whatever links lead to it."""
    seen = set()
    for path in paths:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield path


def _ask(path: Path, cancelled: Callable[[], bool]) -> Python | None:
    """What a Python says of itself; None when it is none, or says nothing in time."""
    answer = _answer([str(path), "-I", "-X", "utf8", "-c", _QUESTION], cancelled)
    try:
        facts = json.loads(answer)
        major, minor, patch = facts["version"]
        return Python(
            Path(facts["python"] or path),
            (int(major), int(minor), int(patch)),
            bool(facts["is_plain"]),
            bool(facts["makes_environments"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _answer(command: list[str], cancelled: Callable[[], bool]) -> str:
    """What a program prints, if it ends well and in time, else nothing.

    Raises WorkCancelledError; the program has ended then, too.
    """
    try:
        process = start_group(command, stderr=subprocess.DEVNULL, env=other_pythons())
    except (OSError, ValueError):
        return ""
    printed: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process, printed), daemon=True)
    reader.start()
    until = time.monotonic() + _ASK_SECONDS
    try:
        while reader.is_alive() and time.monotonic() < until:
            if cancelled():
                raise WorkCancelledError
            reader.join(_TICK_SECONDS)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TICK_SECONDS)
    finally:
        if process.poll() is None:
            end_group(process)
            process.wait()
    return printed[0].decode("utf-8", "replace") if printed and process.returncode == 0 else ""


def _read(process: subprocess.Popen[bytes], printed: list[bytes]) -> None:
    """Take what a program prints, as far as it can be an answer."""
    with suppress(OSError, ValueError), process.stdout:  # type: ignore[union-attr]
        printed.append(process.stdout.read(_LONGEST_ANSWER))  # type: ignore[union-attr]
