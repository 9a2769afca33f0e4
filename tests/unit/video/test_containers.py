"""Films that are cut off are told, and nothing else is said to be."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from jumps_blender.processes.client import Runtime
from jumps_blender.processes.job import drain
from jumps_blender.video.containers import cut_off, film_count, is_mirrored
from jumps_blender.video.estimate import EstimateJob

from ...films import numbered, turn_upright, write_film

COUNT = 60


def film(path, codec="libx264", sound=0.0, **options):
    """One whose pictures take 2 seconds, and its sound that many."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        heard = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for picture in numbered(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        for number in range(round(sound * 48000 / 1024)):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 1024 * number
            frame.time_base = Fraction(1, 48000)
            container.mux(heard.encode(frame))
    return path


def without_its_start(source, path):
    """Cut as by copying: pictures from the key frame on, of which an edit list hides some."""
    with av.open(str(source)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.pts is not None:
                packet.pts, packet.dts = (
                    at - round(1 / packet.time_base) for at in (packet.pts, packet.dts)
                )
                packet.stream = stream
                after.mux(packet)
    assert b"elst" in path.read_bytes()
    return path


WHOLE = {
    "a.mp4": {},
    "fast.mp4": {"movflags": "faststart"},
    "parts.mp4": {"movflags": "frag_keyframe+empty_moov"},
    "a.mov": {},
    "a.mkv": {},
    "live.mkv": {"live": "1"},
    "a.webm": {"codec": "libvpx"},
    "a.avi": {},
    "a.wmv": {"codec": "wmv2"},
    "a.ts": {},
}


@pytest.mark.parametrize("name", WHOLE)
def test_films_that_are_whole_and_films_that_are_not(tmp_path, name):
    path = film(tmp_path / name, **WHOLE[name])
    content = path.read_bytes()
    assert not cut_off(path)
    path.write_bytes(content[: len(content) * 2 // 3])
    assert cut_off(path) is (name != "a.ts")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_sound_that_goes_on_is_no_missing_picture(tmp_path, suffix):
    assert not cut_off(film(tmp_path / f"film.{suffix}", sound=5.0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_uneven_times_are_no_missing_pictures(tmp_path, suffix):
    ticks = [number * (number + 20) for number in range(COUNT)]
    assert not cut_off(write_film(tmp_path / f"film.{suffix}", numbered(COUNT), ticks=ticks))


def test_an_edit_list_hides_pictures_that_are_not_missing(tmp_path):
    assert not cut_off(without_its_start(film(tmp_path / "a.mp4"), tmp_path / "b.mp4"))


def test_what_cameras_add_after_the_film_is_not_part_of_it(tmp_path):
    path = film(tmp_path / "film.mp4")
    path.write_bytes(path.read_bytes() + b"\0\0\x01\0sefd" + bytes(30))
    assert not cut_off(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\x18ftyp",
        b"\0\0\0\x08ftyp" * 1000 + b"\0",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\0",
        b"\x1a\x45\xdf\xa3\x80\x18",
        b"RIFF",
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
        b"[1, 2]",
    ],
)
def test_what_is_no_film_is_not_cut_off(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert not cut_off(tmp_path / "a")
    assert not cut_off(tmp_path / "none")
    assert film_count(tmp_path / "a") == film_count(tmp_path / "none") == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("fast.mov", {"movflags": "faststart"}),
        ("a.mkv", {}),
        ("live.mkv", {"live": "1"}),
    ],
)
def test_films_beside_each_other_are_counted(tmp_path, name, options):
    assert film_count(film(tmp_path / f"one-{name}", sound=1.0, **options)) == 1
    with av.open(str(tmp_path / name), "w", options=options) as container:
        streams = [container.add_stream("libx264", rate=30) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in streams:
            for picture in numbered(3, (64, 48)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    assert film_count(tmp_path / name) == 2


def test_mirrored_films_are_told(tmp_path):
    path = film(tmp_path / "a.mp4", sound=1.0)
    assert not is_mirrored(path)
    turn_upright(path)
    assert not is_mirrored(path)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
    content[matrix : matrix + 20] = struct.pack(">5i", -1 << 16, 0, 0, 0, 1 << 16)
    path.write_bytes(content)
    assert is_mirrored(path)
    path.write_bytes(content[: matrix + 4])
    assert not is_mirrored(path)
    assert not is_mirrored(tmp_path / "none")


def test_it_is_said_whether_estimated_or_found_again(mediapipe, shared, tmp_path):
    path = tmp_path / "cut.mkv"
    with (
        av.open(str(shared / "samples" / "video" / "pose2sim_single_cam03.mp4")) as before,
        av.open(str(path), "w") as after,
    ):
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.pts is not None:
                packet.stream = stream
                after.mux(packet)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 10])
    for runtime in (mediapipe, Runtime(tmp_path / "none")):
        drain(job := EstimateJob(runtime, path, cache=tmp_path / "cache"))
        assert job.notes == ["cut.mkv is cut off: its last pictures are missing."]
