"""From a video to its people, its footage and what counts as missing, as a user's click does it."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest

from jumps_blender import __version__
from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.keypoints.missing import ESTIMATED
from jumps_blender.model_runtime import upsample_track
from jumps_blender.processes.client import Runtime
from jumps_blender.processes.job import drain
from jumps_blender.scene.result import results_in
from jumps_blender.video.estimate import EstimateJob, EstimateSettings

from ..fake_estimator import fake_environment
from ..films import numbered, write_film

MODULE = "bl_ext.user_default.jumps_blender"


@pytest.fixture
def estimator(extension: None) -> Iterator[Callable[..., Path]]:  # noqa: ARG001
    """``estimator(people=2)`` installs the stub; see ``stub_estimator.SETTINGS``."""
    modules = sys.modules
    backend = modules[f"{MODULE}.video.backends"].BACKENDS["mediapipe"]
    folder = modules[f"{MODULE}.operators.estimators"].estimator_folder(backend)
    poses = modules[f"{MODULE}.operators.estimate_poses"].poses_folder()

    def install(**settings: Any) -> Path:
        return fake_environment(folder, __version__, sys.executable, **settings)

    yield install
    for path in (folder, poses):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "gångart 1.mp4", numbered(60, (640, 480)))


def panel() -> Any:
    return bpy.context.scene.jumps


def test_a_video_becomes_the_source_and_its_footage(
    estimator: Callable[..., Path], film: Path, tmp_path: Path
) -> None:
    home = estimator(people=2)
    images = len(bpy.data.images)
    assert bpy.ops.jumps.open_video(filepath=str(film)) == {"FINISHED"}
    settings = panel()
    assert [(each.person, each.frames) for each in settings.people] == [("1", 60), ("2", 60)]
    assert settings.footage == settings.video == str(film)
    assert (settings.format, settings.file_fps) == ("jumps", 30.0)
    source = Path(settings.source)
    assert source.parent == sys.modules[f"{MODULE}.operators.runtime"].own_folder() / "poses"
    # What counts as missing is as the file says: so is what the list tells.
    assert settings.min_confidence == pytest.approx(ESTIMATED.min_confidence)
    assert settings.edge == pytest.approx(ESTIMATED.edge)
    track = choose_person(read_pose_file(source))
    assert settings.people[0].missing_share == pytest.approx(track.missing_share, abs=1e-6)
    assert track.missing_share == pytest.approx(15 / (12 * 60))
    # The function does the same.
    job = EstimateJob(
        Runtime(home / "bin" / "python"), film, EstimateSettings(), cache=tmp_path / "cache"
    )
    drain(job)
    assert job.poses.read_bytes() == source.read_bytes()
    assert job.poses.name == source.name
    # Nothing of it is data of the file, and no process goes on.
    assert len(bpy.data.images) == images
    assert not Path(f"/proc/{(home / 'PID').read_text()}").exists()
    # The second click asks nobody.
    (home / "ASKED").unlink()
    assert bpy.ops.jumps.estimate_poses() == {"FINISHED"}
    assert not (home / "ASKED").exists()
    assert len(settings.people) == 2


def test_the_panels_settings_are_used(estimator: Callable[..., Path], film: Path) -> None:
    home = estimator()
    settings = panel()
    settings.video = str(film)
    settings.video_start, settings.video_end, settings.video_step = 0.5, 1.5, 2
    settings.video_side, settings.video_people = 640, 3
    bpy.ops.jumps.estimate_poses()
    asked = json.loads((home / "ASKED").read_text())
    told = {name: asked[name] for name in ("start", "stop", "step", "longest_side", "people")}
    assert told == {"start": 0.5, "stop": 1.5, "step": 2, "longest_side": 640, "people": 3}
    assert settings.file_fps == 15.0
    assert settings.people[0].frames == 15
    settings.video_end = 0.2
    with pytest.raises(RuntimeError, match="the end comes after the start"):
        bpy.ops.jumps.estimate_poses()


def test_it_is_one_step_to_undo(
    estimator: Callable[..., Path], film: Path, pose_file: Path
) -> None:
    estimator()
    bpy.ops.jumps.import_poses("EXEC_DEFAULT", True, filepath=str(pose_file))
    panel().min_confidence = 0.2
    bpy.ops.ed.undo_push(message="imported")
    bpy.ops.jumps.estimate_poses("EXEC_DEFAULT", True, filepath=str(film))
    assert panel().footage == str(film)
    bpy.ops.ed.undo()
    assert panel().source == str(pose_file)
    assert (panel().footage, panel().estimated) == ("", "")
    assert panel().min_confidence == pytest.approx(0.2)
    bpy.ops.ed.redo()
    assert panel().footage == str(film)
    # A file that doesn't say what counts as missing is read as usual again.
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    assert panel().min_confidence == pytest.approx(0.05)
    assert panel().edge == 0
    assert (panel().footage, panel().estimated) == ("", "")
    panel().min_confidence = 0.3
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    assert panel().min_confidence == pytest.approx(0.3), "the user's own choice"


def test_a_result_is_run_again_when_the_poses_are_gone(
    estimator: Callable[..., Path], film: Path
) -> None:
    home = estimator()
    bpy.ops.jumps.estimate_poses(filepath=str(film))
    settings = panel()
    settings.engine = "interpolate"
    settings.edge, settings.dilation = 0.02, 1
    source = Path(settings.source)
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert result.root.name == f"{film.stem} person 1"
    assert result.settings["edge"] == pytest.approx(0.02)
    assert result.settings["dilation"] == 1
    assert result.settings["footage"] == str(film)
    assert result.settings["video"] == {
        "path": str(film),
        "estimator": "mediapipe",
        "start": 0.0,
        "stop": None,
        "step": 1,
        "longest_side": 1920,
        "people": 0,
    }
    expected = upsample_track(
        choose_person(read_pose_file(source)), engine="interpolate", edge=0.02, dilation=1
    )
    before = np.array([tuple(empty.location) for empty in result.empties])

    # A year later: the poses were deleted, and the panel is about something else.
    source.unlink()
    (home / "ASKED").unlink()
    settings.edge, settings.dilation, settings.footage = 0.0, 0, ""
    bpy.ops.jumps.rerun_result()
    assert json.loads((home / "ASKED").read_text())["video"] == str(film)
    preview = sys.modules[f"{MODULE}.scene.preview"].find(settings.preview)
    assert np.array_equal(preview.sequence.positions, expected.positions)
    assert np.array_equal(preview.sequence.state, expected.state)
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert np.allclose([tuple(empty.location) for empty in result.empties], before)
    assert result.settings["video"]["path"] == str(film)
    # So does Upsample Skeleton, whose source it still is.
    source.unlink()
    bpy.ops.jumps.upsample_skeleton()
    assert source.exists()

    source.unlink()
    film.unlink()
    with pytest.raises(RuntimeError, match=r"gångart 1\.mp4: there is no such file; choose the"):
        bpy.ops.jumps.rerun_result()


def test_a_dropped_video_without_an_estimator_changes_nothing(
    extension: None,  # noqa: ARG001
    film: Path,
) -> None:
    estimators = sys.modules[f"{MODULE}.operators.estimators"]
    backend = sys.modules[f"{MODULE}.video.backends"].BACKENDS["mediapipe"]
    panel().video = "before.mp4"
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.jumps.open_video(filepath=str(film))
    said = str(caught.value).strip()
    assert said == f"Error: {estimators.missing_for(bpy.context, backend)}"
    assert said.startswith("Error: MediaPipe Pose is not installed; press Install")
    assert (panel().video, panel().footage, panel().source) == ("before.mp4", "", "")


def test_what_another_operators_poll_says_is_passed_on_alone(
    extension: None,  # noqa: ARG001
) -> None:
    said = []
    asked = SimpleNamespace(report=lambda kind, words: said.append((kind, words)))
    hand_over = sys.modules[f"{MODULE}.operators.long_operator"].hand_over
    assert hand_over(asked, bpy.ops.jumps.bake_to_armature, False) == {"CANCELLED"}
    assert said == [({"ERROR"}, "Select a JUMPS result first.")]


def test_a_video_that_fails_is_not_left_in_the_panel(
    estimator: Callable[..., Path], film: Path
) -> None:
    estimator(die_at=7)
    panel().video = "before.mp4"
    with pytest.raises(RuntimeError, match="out of luck"):
        bpy.ops.jumps.open_video(filepath=str(film))
    assert panel().video == "before.mp4"


def test_what_cannot_be_done_is_said(estimator: Callable[..., Path], film: Path) -> None:
    assert not bpy.ops.jumps.estimate_poses.poll()
    with pytest.raises(RuntimeError, match="MediaPipe Pose is not installed"):
        bpy.ops.jumps.estimate_poses(filepath=str(film))
    home = estimator(die_at=7)
    with pytest.raises(RuntimeError, match="No video was given"):
        bpy.ops.jumps.estimate_poses()
    with pytest.raises(RuntimeError, match=r"absent\.mp4: there is no such file"):
        bpy.ops.jumps.estimate_poses(filepath="/absent.mp4")
    with pytest.raises(RuntimeError, match="out of luck") as caught:
        bpy.ops.jumps.open_video(filepath=str(film))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert (panel().source, len(panel().people)) == ("", 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int((home / "PID").read_text()), 0)


def test_the_share_of_missing_joints_follows_the_slider(
    estimator: Callable[..., Path], film: Path
) -> None:
    estimator(people=2)
    bpy.ops.jumps.estimate_poses(filepath=str(film))
    settings = panel()
    settings.min_confidence = 0.1
    assert settings.people[0].missing_share == pytest.approx(0.0, abs=1e-6)
    settings.min_confidence = 0.3
    assert settings.people[0].missing_share == pytest.approx(15 / 720, abs=1e-6)
    settings.dilation = 2
    assert settings.people[1].missing_share == pytest.approx(19 / 720, abs=1e-6)
    settings.min_confidence = 0.99
    assert settings.people[0].missing_share == 1.0


def test_nonsense_in_the_scene_does_no_harm(
    estimator: Callable[..., Path], pose_file: Path
) -> None:
    estimator()
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    panel().engine = "interpolate"
    for nonsense in ("[", "[]", '{"path": 5}', '{"step": "x"}', "[" * 100_000):
        panel().estimated = nonsense
        bpy.ops.jumps.upsample_skeleton()
        assert panel().preview
