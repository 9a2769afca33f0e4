"""Pose estimators' environments and model files, and the command that installs one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from jumps_blender.cli import main
from jumps_blender.errors import JumpsError
from jumps_blender.processes.install import Check, Install, environment_facts, environment_python
from jumps_blender.processes.job import drain
from jumps_blender.processes.programs import pip_command, python_in
from jumps_blender.processes.recipe import package_name
from jumps_blender.video import environments
from jumps_blender.video.backends import BACKENDS, Backend
from jumps_blender.video.environments import (
    estimator_words,
    is_current,
    need,
    recipe,
    usual_folder,
    video_python,
)
from jumps_blender.video.model_files import LARGEST_MODEL, check_models, model_problem

from ..fake_wheels import make_estimator_wheels, make_wheels
from .conftest import ROOT

MEDIAPIPE, RTMPOSE, TASK = (BACKENDS[name] for name in ("mediapipe", "rtmpose", "mediapipe-task"))
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def install(backend: Backend, folder: Path, wheels: Path, log: Path | None = None) -> Install:
    return Install(
        lambda _cancelled: Path(sys.executable),
        folder,
        partial(recipe, backend),
        wheels=wheels,
        log=log,
    )


def failure(job: Install | Check) -> str:
    with pytest.raises(JumpsError) as caught:
        drain(job)
    return str(caught.value)


def test_what_each_estimator_needs():
    assert need(MEDIAPIPE, "").words == "Python 3.9 to 3.12"
    assert [backend.name for backend in BACKENDS.values() if not backend.models] == ["mediapipe"]
    for name, backend in BACKENDS.items():
        assert backend.name == name
        names = [package_name(package) for package in (*backend.packages, *backend.alone)]
        assert len(set(names)) == len(names)
        # Its version is asked by the name of its package.
        assert backend.modules[0] in names
        # Two OpenCVs would overwrite each other.
        assert [name for name in names if "opencv" in name] == ["opencv-python-headless"]


def test_the_guide_names_what_is_installed():
    guide = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for backend in BACKENDS.values():
        for requirement in (*backend.packages, *backend.alone):
            assert requirement in guide
        assert need(backend, "").words.removeprefix("Python ") in guide


def test_the_commands_of_pip():
    commands = [pip_command(Path("/p"), run, None, True) for run in recipe(MEDIAPIPE).runs]
    assert commands[0][-len(MEDIAPIPE.packages) :] == list(MEDIAPIPE.packages)
    assert "--no-deps" not in commands[0]
    assert commands[1][-2:] == ["--no-deps", "mediapipe==0.10.21"]
    assert len(commands) == 2


def pretend(backend: Backend, folder: Path) -> Path:
    """What is looked at of an environment, without one; its Python."""
    python = python_in(folder / "env-1")
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "env-1" / "pyvenv.cfg").write_text(f"home = {folder}\n", "utf-8")
    facts = {"environment": "env-1", **recipe(backend).facts, "version": "1.2", "python": "3.12.1"}
    (folder / "environment.json").write_text(json.dumps(facts), "utf-8")
    return python


def test_a_real_environment_from_wheels(tmp_path):
    """Installed, checked, not harmed by one that fails, and broken."""
    folder, beside = tmp_path / "with space" / "video-mediapipe", tmp_path / "with space" / "other"
    pretend(RTMPOSE, beside)
    job = install(MEDIAPIPE, folder, make_estimator_wheels(tmp_path / "wheels", MEDIAPIPE))
    drain(job)
    python = environment_python(folder)
    assert python is not None
    facts = environment_facts(folder)
    assert facts["version"] == "0.10.21"
    assert facts["python"].startswith(f"{PYTHON}.")
    assert facts["requirements"] == [*MEDIAPIPE.packages, *MEDIAPIPE.alone]
    assert is_current(MEDIAPIPE, folder)
    words = f"mediapipe 0.10.21, Python {facts['python']}"
    assert estimator_words(MEDIAPIPE, facts) == words
    assert job.notes == [f"Installed MediaPipe Pose ({words}) into {folder}."]

    check = Check(folder, recipe(MEDIAPIPE))
    drain(check)
    assert check.facts == {"version": facts["version"], "python": facts["python"]}
    # Matplotlib writes beside it, not into the user's own folders.
    code = recipe(MEDIAPIPE).check + "print(os.environ['MPLCONFIGDIR'])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert Path(done.stdout.splitlines()[-1]).is_relative_to(folder)

    few = make_estimator_wheels(tmp_path / "few", MEDIAPIPE, without="protobuf")
    log = tmp_path / "log"
    line = failure(install(MEDIAPIPE, folder, few, log))
    assert line.startswith(f"{few}: no wheel of protobuf>=4.25.3,<5 for Python {PYTHON} on ")
    assert line.endswith(f" is there; add one; see {log}.")
    assert environment_facts(folder) == facts
    assert environment_python(folder) == python
    assert is_current(RTMPOSE, beside)

    (module,) = python.parents[1].glob("[Ll]ib/**/site-packages/cv2/__init__.py")
    module.write_text("raise ImportError('libGL.so.1: no such file')", encoding="utf-8")
    assert failure(Check(folder, recipe(MEDIAPIPE))) == (
        "What was installed cannot be imported: ImportError: libGL.so.1: no such file."
    )


def test_a_folder_of_other_wheels(tmp_path):
    line = failure(install(MEDIAPIPE, tmp_path / "video", make_wheels(tmp_path / "wheels")))
    assert line.startswith(f"{tmp_path / 'wheels'}: no wheel of mediapipe is there")
    assert "mediapipe, numpy, protobuf" in line
    assert not (tmp_path / "video").exists()
    line = failure(Check(tmp_path / "video", recipe(MEDIAPIPE)))
    assert line == f"MediaPipe Pose is not installed in {tmp_path / 'video'}."
    assert not (tmp_path / "video").exists()


def test_one_of_earlier_requirements_is_not_current(tmp_path):
    folder = tmp_path / "video"
    pretend(TASK, folder)
    assert is_current(TASK, folder)
    record = folder / "environment.json"
    facts = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**facts, "requirements": ["mediapipe==0.9"]}), "utf-8")
    assert environment_python(folder) is not None
    assert not is_current(TASK, folder)
    for broken in ("[]", "{", ""):
        record.write_text(broken, "utf-8")
        assert environment_facts(folder) == {}
        assert not is_current(TASK, folder)


def test_usual_folders(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/home/jo"))
    wanted = {
        ("linux", ()): "/home/jo/.local/share/jumps/video-mediapipe",
        ("linux", (("XDG_DATA_HOME", "/data"),)): "/data/jumps/video-mediapipe",
        ("darwin", ()): "/home/jo/Library/Application Support/jumps/video-mediapipe",
        ("win32", (("LOCALAPPDATA", "/local"),)): "/local/jumps/video-mediapipe",
    }
    for (system, variables), folder in wanted.items():
        assert usual_folder(MEDIAPIPE, system, dict(variables)) == Path(folder)


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        return int(stop.code or 0)


def test_the_command(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environments, "_CHECKOUT", tmp_path / "checkout")
    assert video_python(RTMPOSE) is None
    wheels = make_estimator_wheels(tmp_path / "wheels", RTMPOSE)
    assert run("install-estimator", "rtmpose", "--wheels", wheels) == 0
    out, err = capfd.readouterr()
    folder = tmp_path / "data" / "jumps" / "video-rtmpose"
    python = environment_python(folder)
    assert out == f"{python}\n"
    assert video_python(RTMPOSE) == python
    assert "jumps: Installed RTMPose (rtmlib 0.0.13, " in err
    assert "Person Detector (.onnx) and Pose Model (Halpe-26) (.onnx)." in err
    assert "Successfully installed" in (folder / "install.log").read_text("utf-8")

    # Again: it is there, and nothing is asked of anyone.
    monkeypatch.setattr(Install, "__init__", None)
    assert run("install-estimator", "rtmpose") == 0
    out, err = capfd.readouterr()
    assert out == f"{python}\n"
    assert err.startswith("jumps: RTMPose (rtmlib 0.0.13, Python ")
    assert err.endswith(f") is installed in {folder}.\n")
    assert sorted(path.name for path in folder.glob("env-*")) == ["env-1"]


def test_what_make_puts_beside_the_package_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "_CHECKOUT", tmp_path)
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    usual = pretend(TASK, usual_folder(TASK))
    assert video_python(TASK) == usual
    beside = pretend(TASK, tmp_path / ".venv-mediapipe-task")
    assert video_python(TASK) == beside


@pytest.mark.skipif(os.name == "nt", reason="the fake Python is a script")
def test_errors_of_the_command(tmp_path, capfd):
    assert run("install-estimator", "openpose") == 2
    err = capfd.readouterr().err
    assert "invalid choice: 'openpose'" in err
    assert len(err.splitlines()) == 1
    python = tmp_path / "python"
    answer = {"python": "", "version": [3, 13, 1], "is_plain": True, "makes_environments": True}
    python.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n", "utf-8")
    python.chmod(0o755)
    folder = tmp_path / "video"
    assert run("install-estimator", "--python", python, "--folder", folder) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (
        f"jumps: {python}: is Python 3.13.1, and MediaPipe Pose needs Python 3.9 to 3.12; name "
        "another one with --python, or none and one is looked for."
    )
    assert environment_python(folder) is None


def test_model_files(tmp_path):
    (detector, pose), (task,) = RTMPOSE.models, TASK.models
    good = tmp_path / "pose.ONNX"
    good.write_bytes(b"\x08\x07\x12\x07pytorch")
    assert model_problem(pose, good) is None
    assert model_problem(task, good) == (
        f"{good}: the Pose Landmarker is a file that ends in .task; choose another."
    )
    absent = tmp_path / "absent.onnx"
    assert model_problem(detector, absent) == (
        f"{absent}: there is no such file; choose the Person Detector anew."
    )
    empty = tmp_path / "empty.onnx"
    empty.touch()
    assert model_problem(pose, empty) == (f"{empty}: is empty; get the Pose Model (Halpe-26) anew.")
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    assert model_problem(detector, folder) == f"{folder}: is no file; choose the Person Detector."
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as file:
        file.truncate(LARGEST_MODEL + 1)
    assert model_problem(detector, huge) == (
        f"{huge}: has 2.0 GB, which no Person Detector has; choose another."
    )
    assert "cannot be read" in (model_problem(task, Path("a\0b.task")) or "")


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.task", b"PK\x03\x04rest", None),
        (
            "a.task",
            b"TFL3",
            "is something else, not the Pose Landmarker itself; get the file anew.",
        ),
        (
            "a.task",
            b"\n<!DOCTYPE html>",
            "is a web page, not the Pose Landmarker itself; get the file anew.",
        ),
        ("a.onnx", b"\x08\x06\x12", None),
        ("a.onnx", b"<html>", "is a web page, not the Person Detector itself; get the file anew."),
        (
            "a.onnx",
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer to a file in Git LFS, not the Person Detector itself; get the file anew.",
        ),
        (
            "a.onnx",
            b"PK\x03\x04",
            "is a zip archive, not the Person Detector itself; get the file anew.",
        ),
    ],
)
def test_how_model_files_begin(tmp_path, name, content, wanted):
    path = tmp_path / name
    path.write_bytes(content)
    backend = TASK if name.endswith(".task") else RTMPOSE
    paths = {model.name: path for model in backend.models}
    if wanted is None:
        check_models(backend, paths)
        return
    with pytest.raises(JumpsError) as caught:
        check_models(backend, paths)
    assert str(caught.value) == f"{path}: {wanted}"


def test_a_model_that_was_not_given(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"\x08\x06")
    with pytest.raises(JumpsError, match=r"^RTMPose needs the Pose Model \(Halpe-26\): a file"):
        check_models(RTMPOSE, {"detector": path})
    check_models(MEDIAPIPE, {})
