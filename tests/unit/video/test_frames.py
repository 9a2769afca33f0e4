"""Frames by the real OpenCV: times, turns, ranges, and files that aren't what they seem."""

import json
import os
import shutil
import struct
import sys

import av
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import read_pose_file
from jumps_blender.processes.job import drain
from jumps_blender.video.estimate import EstimateJob, EstimateSettings

from ...films import TICKS, number_of, numbered, turn_upright, write_film

LOOK = """
from pathlib import Path
from jumps_blender.video.estimator.frames import Video
video = Video(Path(path))
found = []
for frame in video.frames(start, stop, step, longest, first):
    picture = frame.picture
    found.append([frame.index, frame.time if frame.time == frame.time else None,
                  None if picture is None else picture.tolist() if whole else picture.shape])
answer = {"size": video.size, "stated": video.stated, "fps": video.fps, "frames": found,
          "damaged": video.damaged}
"""


@pytest.fixture
def look(in_estimator):
    def run(path, start=0.0, stop=None, step=1, longest=0, first=0, whole=False):
        return in_estimator(
            LOOK,
            path=str(path),
            start=start,
            stop=stop,
            step=step,
            longest=longest,
            first=first,
            whole=whole,
        )

    return run


@pytest.fixture
def estimate(mediapipe, tmp_path):
    def run(path, **settings):
        job = EstimateJob(mediapipe, path, EstimateSettings(**settings), cache=tmp_path / "cache")
        drain(job)
        return job

    return run


def uneven(count: int) -> list[int]:
    """Ticks like a phone's: 30 per second, with frames that come late and frames that are lost."""
    gaps = np.random.default_rng(0).choice([15, 18, 20, 20, 20, 25, 40, 100], count - 1)
    return [0, *np.cumsum(gaps).tolist()]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_uneven_times_are_right_to_the_end(look, tmp_path, suffix):
    ticks = uneven(90)
    path = write_film(tmp_path / f"film.{suffix}", numbered(90, (64, 48)), ticks=ticks)
    found = look(path)
    assert [index for index, _, _ in found["frames"]] == list(range(90))
    times = np.array([time for _, time, _ in found["frames"]])
    assert np.abs(times - np.array(ticks) / TICKS).max() < 1e-4


def test_a_stream_that_begins_late_begins_at_nought(look, tmp_path):
    ticks = uneven(30)
    late = write_film(tmp_path / "a.mp4", numbered(30, (64, 48)), ticks=[t + 900 for t in ticks])
    times = np.array([time for _, time, _ in look(late)["frames"]])
    assert np.abs(times - np.array(ticks) / TICKS).max() < 1e-4


def test_frames_that_cannot_be_decoded_at_the_start_take_their_time(look, tmp_path):
    """Bug: the first frame that could be decoded was time 0. Blender counts the others, too, and
    the footage was late by as many frames for good. (Cutting without encoding leaves such films.)
    """
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(whole), "w") as film:
        stream = film.add_stream("libx264", rate=30, options={"bf": "3"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.gop_size = 24
        for picture in numbered(60, (64, 48)):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    with av.open(str(whole)) as film, av.open(str(cut), "w") as rest:
        stream = rest.add_stream_from_template(film.streams.video[0])
        packets = [packet for packet in film.demux(video=0) if packet.dts is not None]
        for packet in packets[18:]:
            packet.stream = stream
            rest.mux(packet)
    begins = float(min(packet.pts * packet.time_base for packet in packets[18:]) * 30)
    found = look(cut, whole=True)["frames"]
    assert found[0][1] > 0.1
    for _, time, picture in found:
        assert number_of(np.array(picture, np.uint8)) == round(begins + 30 * time) % 32


def test_pictures_are_in_order_upright_and_rgb(look, tmp_path):
    path = write_film(tmp_path / "film.mp4", numbered(12, (64, 48)))
    found = look(path, whole=True)
    pictures = [np.array(picture, np.uint8) for _, _, picture in found["frames"]]
    assert found["size"] == [64, 48]
    assert [number_of(picture) for picture in pictures] == list(range(12))
    assert pictures[0][:10, :10, 0].mean() > 150
    turn_upright(path)
    found = look(path, whole=True)
    upright = [np.array(picture, np.uint8) for _, _, picture in found["frames"]]
    assert found["size"] == [48, 64]
    for picture, turned in zip(pictures, upright, strict=True):
        assert np.array_equal(np.rot90(picture, -1), turned)


def test_ranges_steps_and_scaling(look, tmp_path):
    path = write_film(tmp_path / "film.mp4", numbered(40, (320, 180)))
    frames = look(path, start=0.5, stop=1.0, step=2, longest=64)["frames"]
    assert [index for index, _, _ in frames] == list(range(16, 30, 2))
    assert {tuple(shape) for _, _, shape in frames} == {(36, 64, 3)}
    frames = look(path, first=30)["frames"]
    assert [shape is not None for _, _, shape in frames] == [False] * 30 + [True] * 10
    assert look(path, start=9.0)["frames"] == []


def test_a_film_of_one_frame(look, estimate, tmp_path):
    path = write_film(tmp_path / "film.mp4", numbered(1, (64, 48)))
    assert [index for index, _, _ in look(path)["frames"]] == [0]
    with pytest.raises(JumpsError, match="nobody was found in any of 1 frames"):
        estimate(path)


def test_a_truncated_film_gives_what_it_has(look, tmp_path):
    path = tmp_path / "film.avi"
    whole = write_film(path, numbered(60, (320, 180))).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = look(path)
    assert 5 < len(found["frames"]) < 60
    path = tmp_path / "film.mp4"
    whole = write_film(path, numbered(60, (320, 180))).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "no video that can be decoded is in it" in look(path)


def test_after_damage_the_film_goes_on(look, tmp_path):
    noise = np.random.default_rng(0).integers(0, 40, (120, 180, 320, 3), np.uint8)
    pictures = [picture | shade for picture, shade in zip(numbered(120), noise, strict=True)]
    path = write_film(tmp_path / "film.mp4", pictures)
    assert not look(path)["damaged"]
    content = bytearray(path.read_bytes())
    start = len(content) // 3
    content[start : start + len(content) // 20] = bytes(len(content) // 20)
    path.write_bytes(content)
    found = look(path)
    assert found["damaged"]
    assert 80 < len(found["frames"]) < 120


def test_a_header_that_lies_about_its_frames(look, tmp_path):
    path = write_film(tmp_path / "film.avi", numbered(20, (320, 180)))
    content = bytearray(path.read_bytes())
    # The AVI's main header, and its stream's: how many frames there are.
    for name, place in ((b"avih", 16), (b"strh", 32)):
        at = content.index(name) + 8 + place
        content[at : at + 4] = struct.pack("<I", 5000)
    path.write_bytes(content)
    found = look(path)
    assert found["stated"] > 1000
    assert len(found["frames"]) == 20


def sound(path) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("aac", rate=44100)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        film.mux(stream.encode(frame))
        film.mux(stream.encode())


def test_what_is_no_video_is_a_line(estimate, tmp_path):
    sound(tmp_path / "sound.mp4")
    (tmp_path / "text.mp4").write_text("This is a text.\n" * 1000)
    (tmp_path / "bytes.mp4").write_bytes(np.random.default_rng(0).bytes(100_000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    # A playlist that names a place in a network, and one that names a file elsewhere.
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    (tmp_path / "list.txt").write_text("ffconcat version 1.0\nfile '/etc/hostname'\n")
    for name in ("sound.mp4", "text.mp4", "bytes.mp4", "list.m3u8", "list.txt"):
        with pytest.raises(JumpsError, match="no video that can be decoded") as raised:
            estimate(tmp_path / name)
        assert "\n" not in str(raised.value)
    with pytest.raises(JumpsError, match="the file is empty"):
        estimate(tmp_path / "empty.mp4")


def test_encodings_that_opencv_cannot_decode_are_named(look, tmp_path):
    path = tmp_path / "av1.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libsvtav1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for picture in numbered(3, (64, 64)):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())
    found = look(path)
    # Another OpenCV may decode it.
    assert "encoded as AV1, which the estimator's OpenCV cannot decode; convert" in found or (
        len(found["frames"]) == 3
    )
    # H.264 that says it is something else.
    content = write_film(tmp_path / "film.mp4", numbered(3, (64, 48))).read_bytes()
    place = content.index(b"avc1", content.index(b"stsd"))
    for code, words in (
        (b"vvc1", "as H.266, which"),
        (b"zz8-", "as zz8-, which"),
        (b"\1\2\3\4", "in a way that"),
    ):
        path = tmp_path / "other.mp4"
        path.write_bytes(content[:place] + code + content[place + 4 :])
        found = look(path)
        assert f"its pictures are encoded {words} the estimator's OpenCV" in found
        assert "convert it to H.264, as by ffmpeg" in found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs names that are bytes")
def test_a_name_that_is_not_unicode_is_read(look, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    write_film(tmp_path / "film.mp4", numbered(3, (64, 48))).rename(path)
    assert len(look(path)["frames"]) == 3
    path.write_bytes(b"This is a text.")
    assert "no video that can be decoded" in look(path)


def test_8k(look, tmp_path):
    picture = np.zeros((4320, 7680, 3), np.uint8)
    path = write_film(tmp_path / "film.mp4", [picture, picture])
    found = look(path, longest=1920)
    assert found["size"] == [7680, 4320]
    assert [shape for _, _, shape in found["frames"]] == [[1080, 1920, 3]] * 2


@pytest.fixture
def sample(shared):
    return shared / "samples" / "video" / "sports2d_demo.mp4"


def test_a_real_video_whatever_it_is_called(sample, estimate, tmp_path):
    folder = tmp_path / "Ünïcode 動画 %d"
    folder.mkdir()
    path = folder / "клип with spaces.txt"
    shutil.copyfile(sample, path)
    job = estimate(path, start=4.0, stop=4.5)
    poses = read_pose_file(job.poses)
    assert (poses.first_frame, poses.frame_count) == (120, 15)
    assert poses.image_size == (1768, 994)
    assert json.loads(job.poses.read_text())["estimator"]["version"].startswith("0.10.")
    assert job.picture.shape == (180, 320, 3)


def test_a_file_that_grows_is_a_line(sample, mediapipe, tmp_path):
    path = tmp_path / "film.mp4"
    shutil.copyfile(sample, path)
    job = EstimateJob(
        mediapipe, path, EstimateSettings(start=4.0, stop=4.2), cache=tmp_path / "cache"
    )
    while job.picture is None:
        assert not job.poll(0.05)
    with path.open("ab") as file:
        file.write(bytes(8))
    with pytest.raises(JumpsError, match="changed while it was read; wait until it is complete"):
        drain(job)
