"""``jumps video``, and the other commands given a video."""

import json
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from jumps_blender.cli import main
from jumps_blender.keypoints import read_pose_file, read_sequence
from jumps_blender.keypoints.source import is_video
from jumps_blender.keypoints.track import PoseFileError
from jumps_blender.processes.programs import python_in
from jumps_blender.video import environments
from jumps_blender.video.backends import BACKENDS
from jumps_blender.video.environments import estimator_runtime, usual_cache

from ...films import numbered
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


@pytest.mark.parametrize(
    ("kind", "codec", "pixels"),
    [
        ("gif", "gif", "rgb8"),
        ("h264", "libx264", "yuv420p"),
        ("hevc", "libx265", "yuv420p"),
        ("mpegts", "libx264", "yuv420p"),
        ("nut", "libx264", "yuv420p"),
        ("ivf", "libvpx", "yuv420p"),
        ("flv", "libx264", "yuv420p"),
        ("asf", "wmv2", "yuv420p"),
        ("mpeg", "mpeg2video", "yuv420p"),
        ("mpeg2video", "mpeg2video", "yuv420p"),
        ("m4v", "mpeg4", "yuv420p"),
        ("ogg", "libvpx", "yuv420p"),
        ("avi", "mjpeg", "yuvj420p"),
        ("mxf", "mpeg2video", "yuv420p"),
        ("yuv4mpegpipe", "wrapped_avframe", "yuv420p"),
    ],
)
def test_films_of_all_kinds_are_told_by_how_they_begin(tmp_path, kind, codec, pixels):
    path = tmp_path / "film"
    with av.open(str(path), "w", format=kind) as film:
        stream = film.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for picture in numbered(12, (64, 48)):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    assert is_video(path)
    with pytest.raises(PoseFileError, match="a video, not a pose file; estimate its poses first"):
        read_pose_file(path)


def test_videos_are_told_from_pose_files(tmp_path):
    contents = {
        "a.mp4": b"\0\0\0\x18ftypmp42",
        "b.json": b"\0\0\0\x18ftypmp42",
        "c.avi": b"RIFF\0\0\0\0AVI LIST",
        "d.webm": b"\x1a\x45\xdf\xa3",
        "e.ts": b"\x47\x40\x11",
        "f.mjpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
        "g.bin": b"\0\0\1\x09\x10",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert is_video(tmp_path / name), name
    packet = b"\x47\x40\x11\x10" + b"\xff" * 184
    for name, stream in (("a", packet), ("b", bytes(4) + packet), ("c", packet + bytes(16))):
        (tmp_path / name).write_bytes(stream * 4)
        assert is_video(tmp_path / name), name
    texts = {
        "poses.ts": "import x\n",
        "poses.csv": "x,y,free\n1,2,3\n",
        "poses.gif": "é,GIF\n" * 200,
        "poses.txt": "G" * 1000,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert not is_video(tmp_path / name), name
    for name, content in (("a.mov", b"\x89HDF\r\n\x1a\n\0"), ("b.mov", b"PK\x03\x04\0")):
        (tmp_path / name).write_bytes(content)
        assert not is_video(tmp_path / name), name
    for name, content in (("a.ico", b"\0\0\1\0\1\0"), ("a.pkl", b"\x80\x04\x95"), ("a.mp4", b"")):
        (tmp_path / name).write_bytes(content)
        assert not is_video(tmp_path / name), name
    shutil.copyfile(EXAMPLE, tmp_path / "poses.mp4")
    assert not is_video(tmp_path / "poses.mp4")
    assert not is_video(EXAMPLE)
    assert not is_video(tmp_path)
    assert not is_video(tmp_path / "none.mp4")
