"""Pose estimators in the preferences: what is ready, what is said, installing and removing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from jumps_blender.video.backends import BACKENDS

from ..fake_wheels import make_estimator_wheels, make_wheels

MODULE = "bl_ext.user_default.jumps_blender"


@pytest.fixture
def estimators(extension: None) -> Iterator[ModuleType]:  # noqa: ARG001
    """The installed extension's module that knows them; everything as before afterwards."""
    found = sys.modules[f"{MODULE}.operators.estimators"]
    yield found
    own = preferences()
    for prop in ("estimators_python", *models()):
        own.property_unset(prop)
    for name in BACKENDS:
        if found.estimator_folder(backend(name)).exists():
            bpy.ops.jumps.remove_estimator(backend=name)


def preferences() -> Any:
    return bpy.context.preferences.addons[MODULE].preferences


def backend(name: str) -> Any:
    """One of the installed extension's own."""
    return sys.modules[f"{MODULE}.video.backends"].BACKENDS[name]


def models() -> list[str]:
    find = sys.modules[f"{MODULE}.operators.estimators"].model_property
    return [find(each, model) for each in BACKENDS.values() for model in each.models]


def test_every_model_has_its_file_picker(estimators: ModuleType) -> None:
    assert models() == ["rtmpose_detector", "rtmpose_pose", "mediapipe_task_landmarker"]
    for name in models():
        prop = preferences().bl_rna.properties[name]
        assert prop.subtype == "FILE_PATH"
        assert prop.description
    items = bpy.ops.jumps.install_estimator.get_rna_type().properties["backend"].enum_items
    assert [(item.identifier, item.name, item.description) for item in items] == [
        (each.name, each.label, each.licence) for each in BACKENDS.values()
    ]
    assert estimators.estimator_folder(backend("rtmpose")).name == "video-rtmpose"


def test_installing_needs_permission_to_go_online(
    estimators: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    with pytest.raises(RuntimeError, match=r"Allow Online Access in Preferences > System"):
        bpy.ops.jumps.install_estimator(backend="mediapipe")
    assert bpy.ops.jumps.install_estimator_wheels.poll()
    assert not estimators.estimator_folder(backend("mediapipe")).exists()


def test_from_a_folder_of_wheels_and_removed(estimators: ModuleType, tmp_path: Path) -> None:
    mediapipe, rtmpose = backend("mediapipe"), backend("rtmpose")
    runtime = sys.modules[f"{MODULE}.operators.runtime"]
    assert estimators.missing_for(bpy.context, mediapipe) == (
        "MediaPipe Pose is not installed; press Install below it in the add-on's preferences."
    )
    with pytest.raises(RuntimeError, match="MediaPipe Pose is not installed; press Install"):
        bpy.ops.jumps.check_estimator(backend="mediapipe")
    with pytest.raises(RuntimeError, match=r"MediaPipe Pose is not installed\."):
        bpy.ops.jumps.remove_estimator(backend="mediapipe")
    with pytest.raises(RuntimeError, match="No folder was given"):
        bpy.ops.jumps.install_estimator_wheels(backend="mediapipe")
    others = make_wheels(tmp_path / "others")
    with pytest.raises(RuntimeError, match="no wheel of mediapipe is there") as caught:
        bpy.ops.jumps.install_estimator_wheels(backend="mediapipe", directory=str(others))
    assert len(str(caught.value).strip().splitlines()) == 1

    wheels = make_estimator_wheels(tmp_path / "wheels", BACKENDS["mediapipe"])
    done = bpy.ops.jumps.install_estimator_wheels(backend="mediapipe", directory=str(wheels))
    assert done == {"FINISHED"}
    folder = estimators.estimator_folder(mediapipe)
    python = estimators.estimator_python(mediapipe)
    assert python.is_relative_to(folder)
    assert folder.parent == runtime.own_folder()
    assert estimators.missing_for(bpy.context, mediapipe) is None
    assert bpy.ops.jumps.check_estimator(backend="mediapipe") == {"FINISHED"}
    assert folder.with_name("video-mediapipe.log").is_file()
    # Neither another estimator nor PyTorch is there now.
    assert estimators.estimator_python(rtmpose) is None
    assert runtime.chosen_runtime(bpy.context) == runtime.blender_runtime()

    assert bpy.ops.jumps.remove_estimator(backend="mediapipe") == {"FINISHED"}
    assert estimators.estimator_python(mediapipe) is None
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="the fake Python is a script")
def test_the_python_of_the_users_own(estimators: ModuleType, tmp_path: Path) -> None:
    python = tmp_path / "python"
    answer = {"python": "", "version": [3, 13, 0], "is_plain": True, "makes_environments": True}
    python.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n", encoding="utf-8")
    python.chmod(0o755)
    wheels = make_estimator_wheels(tmp_path / "wheels", BACKENDS["mediapipe"])
    preferences().estimators_python = str(python)
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.jumps.install_estimator_wheels(backend="mediapipe", directory=str(wheels))
    assert str(caught.value).strip() == (
        f"Error: {python}: is Python 3.13.0, and MediaPipe Pose needs Python 3.9 to 3.12; name "
        "another one in the add-on's preferences, or none and one is looked for."
    )
    assert not estimators.estimator_folder(backend("mediapipe")).exists()


def pretend(estimators: ModuleType, name: str) -> None:
    """What is looked at of an environment, without one."""
    folder = estimators.estimator_folder(backend(name))
    python = sys.modules[f"{MODULE}.processes.programs"].python_in(folder / "env-1")
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "env-1" / "made-by-jumps.txt").touch()
    (folder / "env-1" / "pyvenv.cfg").write_text(f"home = {folder}\n", "utf-8")
    (folder / "environment.json").write_text('{"environment": "env-1"}', "utf-8")


def test_files_that_the_user_brings(estimators: ModuleType, tmp_path: Path) -> None:
    rtmpose, own = backend("rtmpose"), preferences()
    pretend(estimators, "rtmpose")

    def missing() -> str | None:
        return estimators.missing_for(bpy.context, rtmpose)

    assert estimators.estimator_models(bpy.context, rtmpose) == {}
    assert missing() == (
        "RTMPose needs a Person Detector (.onnx); choose its file in the add-on's preferences."
    )
    detector, pose = tmp_path / "yolox.onnx", tmp_path / "rtmpose.onnx"
    own.rtmpose_detector, own.rtmpose_pose = str(detector), str(pose)
    assert missing() == f"{detector}: there is no such file; choose the Person Detector anew."
    detector.write_bytes(b"\x08\x06")
    pose.touch()
    assert missing() == f"{pose}: is empty; get the Pose Model (Halpe-26) anew."
    pose.write_bytes(b"<!DOCTYPE html>")
    assert missing() is None  # what is in it is looked at when it is checked, or used
    assert estimators.estimator_models(bpy.context, rtmpose) == {"detector": detector, "pose": pose}
    with pytest.raises(RuntimeError, match=r"rtmpose\.onnx: is a web page, not the Pose Model"):
        bpy.ops.jumps.check_estimator(backend="rtmpose")
