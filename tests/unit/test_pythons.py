"""Which Python is taken: by what scripts answer that stand in for Pythons."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.processes import pythons
from jumps_blender.processes.pythons import Need, candidates, find_python, listed_by_launcher

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fake Pythons are scripts")

NEED = Need((3, 9), (3, 12), "MediaPipe Pose", "with --python")
VERSIONS = NEED.versions()


def fake(path: Path, version: str = "3.11.4", **facts: object) -> Path:
    """A program that answers as a Python does; it notes each run beside it."""
    answer = {
        "python": str(path),
        "version": [int(part) for part in version.split(".")],
        "is_plain": True,
        "makes_environments": True,
        **facts,
    }
    return script(path, f"echo x >> '{path}.runs'\necho '{json.dumps(answer)}'")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has nothing but what a test puts into its folder bin, and its home."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("PYENV_ROOT", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    usual: list[Path] = []
    monkeypatch.setattr(pythons, "_on_linux", lambda *_: list(usual))
    monkeypatch.setattr(pythons, "_on_macos", lambda *_: list(usual))
    return tmp_path / "bin", usual


def failure(**options: object) -> str:
    with pytest.raises(JumpsError) as caught:
        find_python(NEED, **options)
    assert not isinstance(caught.value, WorkCancelledError)
    return str(caught.value)


def test_a_real_python_answers():
    python = pythons._ask(Path(sys.executable), lambda: False)
    assert python is not None
    assert python.version == sys.version_info[:3]
    assert python.path.samefile(sys.executable)
    assert (python.is_plain, python.makes_environments) == (True, True)


def test_what_is_needed_in_words():
    assert NEED.words == "Python 3.9 to 3.12"
    assert Need((3, 11), (3, 11), "X", "").words == "Python 3.11"
    assert VERSIONS == [(3, 12), (3, 11), (3, 10), (3, 9)]


def test_the_named_one_is_taken_or_refused(machine, tmp_path):
    folder, _ = machine
    fake(folder / "python3.12", "3.12.1")
    own = fake(tmp_path / "own", "3.11.0")
    named = fake(tmp_path / "named", "3.9.2")
    assert find_python(NEED, named=named, own=own) == named

    # By its name alone, it is looked for where the shell does.
    assert find_python(NEED, named=Path("python3.12"), own=own) == folder / "python3.12"

    more = "and MediaPipe Pose needs Python 3.9 to 3.12; name another one with --python, or none"
    for version in ("3.13.0", "3.8.18", "2.7.18", "4.10.0"):
        other = fake(tmp_path / version, version)
        assert failure(named=other, own=own).startswith(f"{other}: is Python {version}, {more}")
    other = fake(tmp_path / "32bit", "3.11.1", is_plain=False)
    line = f"{other}: is Python 3.11.1, but not an ordinary one of 64 bits, {more}"
    assert failure(named=other).startswith(line)
    for other in (tmp_path / "absent", tmp_path, Path("/bin/false"), Path("/bin/echo")):
        line = f"{other}: is no Python that can be run, {more}"
        assert failure(named=other, own=own).startswith(line)


def test_the_programs_own_goes_before_others(machine, tmp_path):
    folder, _ = machine
    newest = fake(folder / "python3.12", "3.12.1")
    own = fake(tmp_path / "own", "3.11.0")
    assert find_python(NEED, own=own) == own
    assert find_python(NEED, own=fake(tmp_path / "blender", "3.13.0")) == newest


def test_the_newest_that_fits(machine, tmp_path):
    folder, usual = machine
    usual.append(fake(tmp_path / "usr" / "python3.11", "3.11.9"))
    anything = fake(folder / "python3", "3.10.1")
    assert find_python(NEED) == usual[0]
    fake(folder / "python3.13", "3.13.0")
    oldest = fake(folder / "python3.9", "3.9.18")
    assert find_python(NEED) == oldest  # on PATH
    newest = fake(folder / "python3.12", "3.12.1")
    assert find_python(NEED) == newest
    # What a name promises doesn't count.
    fake(newest, "3.13.1")
    assert find_python(NEED) == oldest
    oldest.unlink()
    usual.clear()
    assert find_python(NEED) == anything


def test_of_a_shim_the_python_behind_it(machine, tmp_path):
    folder, _ = machine
    behind = fake(tmp_path / "versions" / "3.12.1" / "bin" / "python3.12", "3.12.1")
    fake(folder / "python3.12", "3.12.1", python=str(behind))
    assert find_python(NEED) == behind


def test_one_that_makes_no_environments_comes_last(machine):
    folder, _ = machine
    lame = fake(folder / "python3.12", "3.12.1", makes_environments=False)
    assert find_python(NEED) == lame
    good = fake(folder / "python3.9", "3.9.2")
    assert find_python(NEED) == good


def test_none_that_fits(machine):
    folder, _ = machine
    script(folder / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    script(folder / "python3.11", "echo nonsense")
    script(folder / "python3.10", "echo '[1, 2]'")
    (folder / "python3.9").write_text("no program", encoding="utf-8")
    (folder / "python3").mkdir()
    fake(folder / "python", "3.13.0")
    assert failure() == (
        "MediaPipe Pose needs Python 3.9 to 3.12, and none was found on this machine; install "
        "Python 3.12 (python.org has it), or name one with --python."
    )


def test_each_is_asked_once(machine):
    folder, usual = machine
    only = fake(folder / "python3.8", "3.8.1")
    for name in ("python3.12", "python3", "python"):
        (folder / name).symlink_to(only)
    usual += [only, folder / "python3.12"]
    failure(own=only)
    runs = sorted(folder.glob("*.runs"))
    assert len(runs) == 1
    assert runs[0].read_text("utf-8") == "x\n"


def test_what_hangs_or_prints_without_end_is_left(machine, monkeypatch):
    folder, _ = machine
    monkeypatch.setattr(pythons, "_ASK_SECONDS", 1.0)
    pause = f"'{sys.executable}' -I -S -c 'import signal; signal.pause()'"
    script(folder / "python3.12", pause)  # a child that has the pipe, too
    script(folder / "python3.11", f"exec {pause}")
    script(folder / "python3.10", f"exec '{shutil.which('yes', path='/usr/bin:/bin')}'")
    good = fake(folder / "python3.9", "3.9.1")
    assert find_python(NEED) == good


def test_cancelling_ends_what_is_asked(machine):
    folder, _ = machine
    pause = f"'{sys.executable}' -I -S -c 'import signal; signal.pause()'"
    script(folder / "python3.12", f"exec {pause}")
    answers = iter((False, False, True))
    with pytest.raises(WorkCancelledError):
        find_python(NEED, cancelled=lambda: next(answers))


def test_variables_for_python_do_not_reach_it(machine, monkeypatch):
    folder, _ = machine
    path = folder / "python3.12"
    fake(path, "3.12.1")
    answer = path.read_text("utf-8")
    path.write_text(answer.replace("echo '", 'test -z "$PYTHONHOME" && echo \'', 1), "utf-8")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    assert find_python(NEED) == path


def test_usual_places_on_linux(tmp_path):
    home = tmp_path
    pyenv, uv = home / ".pyenv" / "versions", home / ".local" / "share" / "uv" / "python"
    there = [
        fake(pyenv / "3.12.10" / "bin" / "python3.12"),
        fake(pyenv / "3.12.9" / "bin" / "python3.12"),
        fake(uv / "cpython-3.12.4-linux-x86_64-gnu" / "bin" / "python3.12"),
        fake(home / ".local" / "bin" / "python3.9"),
    ]
    fake(pyenv / "3.13.0" / "bin" / "python3.13")
    (pyenv / "3.10.1").mkdir()
    found = candidates(VERSIONS, "linux", {"HOME": str(home), "PATH": ""})
    assert [path for path in found if path.is_relative_to(home)] == there

    elsewhere = fake(tmp_path / "env" / "versions" / "3.9.2" / "bin" / "python3.9")
    variables = {"HOME": str(tmp_path / "nobody"), "PYENV_ROOT": str(tmp_path / "env")}
    assert elsewhere in list(candidates(VERSIONS, "linux", variables))


def test_what_would_ask_for_an_installation_is_not_touched(tmp_path):
    stub = tmp_path / "Microsoft" / "WindowsApps"
    real = fake(tmp_path / "Python312" / "python.exe")
    fake(stub / "python.exe")
    path = os.pathsep.join((str(stub), str(real.parent)))
    assert list(candidates(VERSIONS, "win32", {"PATH": path, "USERPROFILE": str(tmp_path)})) == [
        real
    ]
    # On a Mac without Apple's tools /usr/bin/python3 opens a window.
    found = candidates(VERSIONS, "darwin", {"PATH": "/usr/bin", "HOME": str(tmp_path)})
    assert all(path.parent != Path("/usr/bin") for path in found)


def test_usual_places_on_windows(tmp_path):
    local, pyenv = tmp_path / "Local", tmp_path / ".pyenv" / "pyenv-win" / "versions"
    there = [
        fake(pyenv / "3.12.1" / "python.exe"),
        fake(local / "Programs" / "Python" / "Python311" / "python.exe"),
    ]
    variables = {"PATH": "", "USERPROFILE": str(tmp_path), "LOCALAPPDATA": str(local)}
    assert list(candidates(VERSIONS, "win32", variables)) == there


def test_what_windows_launcher_lists():
    listed = r"""
 -V:3.13 *        C:\Users\Jo Ä\AppData\Local\Programs\Python\Python313\python.exe
 -V:3.12          C:\Program Files\Python312\python.exe
 -3.9-64        D:\Python39\python.exe *
 -V:3.11          C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.11\python3.11.exe
 -V:Astral/CPython3.10.16 C:\Users\jo\uv\cpython-3.10\python.exe
No installed Pythons found!
"""
    assert [str(path) for path in listed_by_launcher(listed)] == [
        r"C:\Users\Jo Ä\AppData\Local\Programs\Python\Python313\python.exe",
        r"C:\Program Files\Python312\python.exe",
        r"D:\Python39\python.exe",
        r"C:\Users\jo\uv\cpython-3.10\python.exe",
    ]
    assert listed_by_launcher("") == []
