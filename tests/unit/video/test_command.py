"""``jumps video``, and the other commands given a video."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.cli import main
from jumps_blender.keypoints import read_pose_file, read_sequence
from jumps_blender.keypoints.source import is_video
from jumps_blender.processes.programs import python_in
from jumps_blender.video import environments
from jumps_blender.video.backends import BACKENDS
from jumps_blender.video.environments import estimator_runtime, usual_cache

from ..conftest import EXAMPLE


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JUMPS_VIDEO_CACHE", str(tmp_path / "cache"))


def run(*arguments) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def sample(shared) -> Path:
    return shared / "samples" / "video" / "pose2sim_single_cam03.mp4"


@pytest.mark.usefixtures("mediapipe")
def test_a_video_becomes_a_pose_file(sample, tmp_path, capsys):
    out = tmp_path / "poses.json"
    range_ = ("--start", "0.5", "--stop", "1")
    assert run("video", sample, "-o", out, *range_) == 0
    assert "30 frames, 1 person" in capsys.readouterr().err
    poses = read_pose_file(out)
    assert (poses.first_frame, poses.frame_count, poses.fps) == (30, 30, 60.0)
    assert np.allclose(poses.tracks[0].times, np.arange(30, 60) / 60, atol=1e-4)
    assert run("info", out, "--json", "-") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["joint_set"] == "mediapipe33"
    assert facts["missing"]["shaking"] == 2.5
    # Another command finds the poses again, and needs no estimator for that.
    result = tmp_path / "result.json"
    assert run("upsample", sample, "-o", result, "--python", EXAMPLE, *range_) == 0
    sequence = read_sequence(result)
    assert sequence.source == str(sample)
    assert len(sequence.times) == 30
    stricter = tmp_path / "stricter.json"
    assert run("upsample", out, "-o", stricter, "--min-confidence", "0.9") == 0
    assert (read_sequence(stricter).state == 0).sum() < (sequence.state == 0).sum()


@pytest.mark.usefixtures("mediapipe")
def test_animating_a_video_goes_to_the_end(sample, tmp_path, capsys):
    pytest.importorskip("bpy")
    fbx, preview = tmp_path / "a.fbx", tmp_path / "a.png"
    arguments = ("--stop", "0.25", "--fbx", fbx, "--preview", preview)
    assert run("animate", sample, *arguments) == 0
    assert fbx.stat().st_size > 10_000
    assert preview.stat().st_size > 10_000
    assert "without the video" not in capsys.readouterr().err


def test_info_of_a_video_says_what_to_do(tmp_path, capsys):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    assert run("info", film) == 2
    error = capsys.readouterr().err
    assert "a video, not a pose file; estimate its poses first (jumps video" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--python", "nowhere"), "there is no such Python"),
        (
            ("--backend", "rtmpose"),
            "Person Detector: a file (.onnx), named as 'detector'",
        ),
        (("--model", "pose"), "pose is not NAME=FILE"),
        (("--model", "a=b", "--model", "a=c"), "--model a is given twice"),
        (("--step", "0"), "not a whole number from 1"),
        (("--start", "-1"), "not a number of seconds from 0"),
        (("--start", "2", "--stop", "1"), "no frame from 2 s to 1 s"),
        (("--longest-side", "10"), "10 pixels are not usable"),
        (("--cache", "{file}/x"), "choose another folder for poses"),
    ],
)
def test_what_makes_no_sense_is_a_line_and_nothing_is_written(tmp_path, capsys, arguments, words):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x20ftypisom")
    (tmp_path / "file").write_text("")
    given = [each.format(file=tmp_path / "file") for each in arguments]
    python = () if "--python" in given else ("--python", sys.executable)
    assert run("video", film, "-o", tmp_path / "out.json", *python, *given) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.strip().count("\n") == 0
    assert not (tmp_path / "out.json").exists()


def test_without_an_environment_a_line_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("JUMPS_VIDEO_PYTHON", raising=False)
    monkeypatch.setattr(environments, "_CHECKOUT", tmp_path)
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x20ftypisom")
    assert run("upsample", film, "-o", tmp_path / "out.json") == 2
    error = capsys.readouterr().err
    assert "run 'jumps install-estimator mediapipe'" in error
    assert error.count("\n") == 1


def test_which_python_is_taken(tmp_path, monkeypatch):
    backend = BACKENDS["mediapipe"]
    folder = tmp_path / ".venv-mediapipe"
    made = python_in(folder / "env-1")
    made.parent.mkdir(parents=True)
    made.write_text("")
    (folder / "env-1" / "pyvenv.cfg").write_text(f"home = {tmp_path}\n")
    (folder / "environment.json").write_text('{"environment": "env-1"}')
    monkeypatch.setattr(environments, "_CHECKOUT", tmp_path)
    monkeypatch.delenv("JUMPS_VIDEO_PYTHON", raising=False)
    assert estimator_runtime(backend).python == made
    monkeypatch.setenv("JUMPS_VIDEO_PYTHON", sys.executable)
    assert estimator_runtime(backend).python == Path(sys.executable)
    assert estimator_runtime(backend, made).python == made
    assert usual_cache() == tmp_path / "cache"


def test_videos_are_told_from_pose_files(tmp_path):
    contents = {
        "a.mp4": b"\0\0\0\x18ftypmp42",
        "b.json": b"\0\0\0\x18ftypmp42",
        "c.avi": b"RIFF\0\0\0\0AVI LIST",
        "d.webm": b"\x1a\x45\xdf\xa3",
        "e.ts": b"\x47\x40\x11",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert is_video(tmp_path / name), name
    shutil.copyfile(EXAMPLE, tmp_path / "poses.mp4")
    assert not is_video(tmp_path / "poses.mp4")
    assert not is_video(EXAMPLE)
    assert not is_video(tmp_path)
    assert not is_video(tmp_path / "none.mp4")
