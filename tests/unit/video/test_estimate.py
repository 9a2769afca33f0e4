"""A video's poses as a job: found again, gone on with, cancelled, and every way in which it fails.

The estimator's process is the real one; OpenCV and MediaPipe are stubs (``stubs/``), so that this
needs no environment.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.keypoints import read_pose_file
from jumps_blender.keypoints.missing import ESTIMATED
from jumps_blender.processes.client import Runtime
from jumps_blender.processes.job import drain
from jumps_blender.video.estimate import EstimateJob, EstimateSettings

STUBS = Path(__file__).parent / "stubs"
RUNTIME = Runtime(Path(sys.executable), (str(STUBS),))


@pytest.fixture
def film(tmp_path):
    """Writes a stub of a video."""

    def write(name="clip.mp4", frames=30, **facts) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"frames": frames, **facts}))
        return path

    return write


@pytest.fixture
def estimate(tmp_path):
    made = []

    def make(video, runtime=RUNTIME, **settings) -> EstimateJob:
        made.append(
            EstimateJob(runtime, video, EstimateSettings(**settings), cache=tmp_path / "cache")
        )
        return made[-1]

    yield make
    for job in made:
        job.cancel()


def kept_size(frames: Iterable[int]) -> int:
    """What these frames take where they are kept, in bytes; in every tenth there is nobody."""
    return sum(24 if n % 10 == 7 else 24 + 33 * 4 * 4 for n in frames)


def until_kept(job: EstimateJob, cache: Path, frames: int) -> None:
    """Poll until so many frames were found and kept."""
    while sum(path.stat().st_size for path in cache.glob("*.part")) < kept_size(range(frames)):
        assert not job.poll(0.05), "it ended before"


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be counted has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z")
    except OSError:
        return True


def test_every_frame_is_a_frame_of_the_pose_file(film, estimate):
    job = estimate(film())
    drain(job)
    assert (job.share, job.status, job.notes) == (1.0, "Estimated", [])
    assert job.picture.dtype == np.uint8
    assert job.picture.shape == (48, 64, 3)
    poses = read_pose_file(job.poses)
    assert (poses.format, poses.first_frame, poses.frame_count) == ("jumps", 0, 30)
    assert (poses.fps, poses.image_size, poses.missing) == (30.0, (64, 48), ESTIMATED)
    (track,) = poses.tracks
    assert track.joint_set.name == "mediapipe33"
    assert np.allclose(track.times, np.arange(30) / 30, atol=1e-6)
    seen = np.arange(30) % 10 != 7
    assert np.array_equal(track.confidence[:, 0] > 0, seen)
    assert np.allclose(track.positions[seen, 5], np.stack([np.arange(30), np.full(30, 6)], 1)[seen])
    # Presence of half a person is far below its limit; visibility of 0.9 is above its own.
    assert track.confidence[0, 15] == pytest.approx(0.5 * 0.5 / 0.97, abs=1e-4)
    assert track.confidence[0, 0] == pytest.approx(0.5 + 0.5 * 0.25 / 0.35, abs=1e-4)
    facts = json.loads(job.poses.read_text())
    assert facts["source"] == "clip.mp4"
    assert facts["estimator"] == {
        "name": "mediapipe",
        "version": "0.0.stub",
        "start": 0.0,
        "stop": None,
        "step": 1,
        "longest_side": 1920,
        "people": 0,
    }


def test_a_second_time_it_is_there_at_once(film, estimate, tmp_path):
    video = film()
    first = estimate(video)
    drain(first)
    # No process is needed: this Python isn't there.
    drain(again := estimate(video, Runtime(tmp_path / "none")))
    assert again.poses == first.poses
    other = film("copy.mp4")
    drain(copied := estimate(other, Runtime(tmp_path / "none")))
    assert copied.poses == first.poses
    assert estimate(other, Runtime(tmp_path / "none"), step=2).poses is None


def test_range_and_step_choose_frames(film, estimate):
    job = estimate(film(), start=0.2, stop=0.8, step=2)
    drain(job)
    poses = read_pose_file(job.poses)
    # Frames 6, 8 … 22 of the video are 3, 4 … 11 of those that were looked at.
    assert (poses.first_frame, poses.frame_count, poses.fps) == (3, 9, 15.0)
    (track,) = poses.tracks
    assert np.allclose(track.times, np.arange(6, 24, 2) / 30, atol=1e-6)
    seen = track.confidence[:, 0] > 0
    assert np.allclose(track.positions[seen, 0, 0], np.arange(6, 24, 2)[seen])


def test_what_follows_the_start_is_taken_where_times_begin_anew(film, estimate):
    times = [*(n / 30 for n in range(20)), *((n + 1) / 30 for n in range(20))]
    job = estimate(film(frames=40, times=times), start=0.3)
    drain(job)
    poses = read_pose_file(job.poses)
    assert poses.frame_count == 31  # frames 9 to 39
    (track,) = poses.tracks
    seen = track.confidence[:, 0] > 0
    assert np.allclose(track.positions[seen, 0, 0], np.arange(9, 40)[seen])


def test_what_another_run_has_just_written_stays(film, estimate, tmp_path):
    job = estimate(film())
    while not list((tmp_path / "cache").glob("*.part")):
        assert not job.poll(0.05)
    written = next((tmp_path / "cache").glob("*.part")).with_suffix(".written")
    drain(job)
    job.poses.unlink()
    written.write_bytes(b"of another run, which is about to take it over")
    again = estimate(film())
    while again.status == "Looking at the video":
        assert not again.poll(0.05)
    assert written.exists()


def test_large_pictures_are_scaled_down_and_places_are_not(film, estimate):
    job = estimate(film(size=(640, 480), frames=5), longest_side=64)
    drain(job)
    poses = read_pose_file(job.poses)
    assert poses.image_size == (640, 480)
    assert np.allclose(poses.tracks[0].positions[3, 8], (30, 96))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_cancelling_ends_the_process_and_keeps_what_was_found(film, estimate, tmp_path):
    job = estimate(film(stops=12))
    until_kept(job, tmp_path / "cache", 12)
    pid = job._worker.pid
    job.cancel()
    assert gone(pid)
    with pytest.raises(WorkCancelledError):
        job.poll()
    assert job.poll()
    job.cancel()


@pytest.fixture
def goes_on(film, estimate, tmp_path, monkeypatch):
    """Estimates a film of 60 frames at once, and another one that is killed at frame 47, then gone
    on with; parts have 20 frames. Returns both pose files' contents and the notes of going on.
    """

    def run(kept: int, **settings) -> tuple[dict, dict, list[str]]:
        monkeypatch.setattr("jumps_blender.video.estimate.PART", 20)
        whole = estimate(film("whole.mp4", frames=60), **settings)
        drain(whole)
        ended = estimate(film(frames=60, stops=47), **settings)
        while sum(path.stat().st_size for path in (tmp_path / "cache").glob("*.part")) < kept:
            assert not ended.poll(0.05), "it ended before"
        os.kill(ended._worker.pid, signal.SIGKILL)
        with pytest.raises(JumpsError, match=r"was ended \(SIGKILL\); what was found is kept"):
            drain(ended)
        # The same video, as far as the cache can tell, that no longer hangs.
        video, state = tmp_path / "clip.mp4", (tmp_path / "clip.mp4").stat()
        video.write_text(json.dumps({"frames": 60}).ljust(state.st_size))
        os.utime(video, ns=(state.st_atime_ns, state.st_mtime_ns))
        job = estimate(video, **settings)
        drain(job)
        assert not list((tmp_path / "cache").glob("*.part"))
        one, other = (json.loads(each.poses.read_text()) for each in (whole, job))
        return one | {"source": ""}, other | {"source": ""}, job.notes

    return run


@pytest.mark.parametrize(
    ("settings", "last"), [({}, 39), ({"start": 0.2}, 45), ({"step": 2}, 38), ({"step": 3}, None)]
)
def test_a_run_that_was_ended_finds_what_it_would_have_found(goes_on, settings, last):
    looked_at = range(round(30 * settings.get("start", 0)), 47, settings.get("step", 1))
    whole, gone_on, notes = goes_on(kept_size(looked_at), **settings)
    assert gone_on == whole
    said = f"Went on after frame {last}: what was found until there was kept."
    assert notes == ([] if last is None else [said])


def test_the_landmarker_finds_what_it_would_have_found(goes_on, tmp_path):
    model = tmp_path / "pose.task"
    model.write_bytes(b"PK\x03\x04task")
    size = 47 * (24 + 2 * 33 * 4 * 4)
    settings = {"backend": "mediapipe-task", "models": {"landmarker": model}, "people": 2}
    whole, gone_on, notes = goes_on(size, **settings)
    assert gone_on == whole
    assert notes == ["Went on after frame 39: what was found until there was kept."]


def test_what_looks_at_each_picture_by_itself_goes_on_where_it_was_ended(goes_on, tmp_path):
    models = {name: tmp_path / f"{name}.onnx" for name in ("detector", "pose")}
    for path in models.values():
        path.write_bytes(b"\x08\x07")
    whole, gone_on, notes = goes_on(47 * (24 + 26 * 3 * 4), backend="rtmpose", models=models)
    assert gone_on == whole
    assert notes == ["Went on after frame 46: what was found until there was kept."]


def test_damaged_poses_are_made_anew(film, estimate):
    video = film()
    job = estimate(video)
    drain(job)
    content = job.poses.read_bytes()
    job.poses.write_bytes(content[:-100])
    drain(again := estimate(video))
    assert again.poses.read_bytes() == content


def test_a_video_that_changes_meanwhile_is_said(film, estimate, tmp_path):
    video = film(frames=250)
    job = estimate(video)
    until_kept(job, tmp_path / "cache", 1)
    with video.open("a") as file:
        file.write("  ")
    with pytest.raises(JumpsError, match="changed while it was read"):
        drain(job)
    assert not list((tmp_path / "cache").glob("*.json*-*"))


def test_a_video_that_goes_meanwhile_leaves_nothing(film, estimate, tmp_path):
    video = film(frames=250)
    job = estimate(video)
    until_kept(job, tmp_path / "cache", 1)
    video.unlink()
    with pytest.raises(JumpsError, match=r"cannot be read \(No such file"):
        drain(job)
    left = [path for path in (tmp_path / "cache").iterdir() if path.name != "digests.json"]
    assert left == []


def test_several_people_by_the_landmarker(film, estimate, tmp_path):
    model = tmp_path / "pose.task"
    model.write_bytes(b"PK\x03\x04task")
    job = estimate(film(frames=8), backend="mediapipe-task", models={"landmarker": model}, people=2)
    drain(job)
    poses = read_pose_file(job.poses)
    assert [len(track.frames) for track in poses.tracks] == [8, 8]
    starts = sorted(float(track.positions[0, 0, 0]) for track in poses.tracks)
    assert starts == [0, 20]


def test_a_model_that_is_none_is_said(film, estimate, tmp_path):
    model = tmp_path / "pose.task"
    model.write_bytes(b"PK\x03\x04")
    job = estimate(film(), backend="mediapipe-task", models={"landmarker": model})
    with pytest.raises(JumpsError, match="no pose landmarker that MediaPipe can use"):
        drain(job)


def test_times_that_are_uneven_or_absent(film, estimate):
    uneven = np.cumsum([0, 1, 1, 3, 1, 2, 5, 1, 1, 4]) / 60
    # What can't be decoded before the first frame takes its time; another clock doesn't.
    for late, begins in ((3, 3), (300, 0)):
        video = film(f"{late}.mp4", frames=10, times=[t + late for t in uneven], fps=25.0)
        drain(job := estimate(video))
        (track,) = read_pose_file(job.poses).tracks
        assert np.allclose(track.times, begins + uneven, atol=1e-6)
    job = estimate(film("b.mp4", frames=10, times=[0.0] * 10, fps=25.0))
    drain(job)
    (track,) = read_pose_file(job.poses).tracks
    assert np.allclose(track.times, np.arange(10) / 25, atol=1e-6)


def test_headers_that_lie_about_the_count(film, estimate):
    job = estimate(film("short.mp4", frames=10, stated=300))
    drain(job)
    assert read_pose_file(job.poses).frame_count == 10
    assert job.notes == []
    job = estimate(film("ticks.ts", frames=10, stated=10**6, fps=1000.0))
    drain(job)
    assert read_pose_file(job.poses).frame_count == 10
    job = estimate(film("long.mp4", frames=40, stated=10))
    drain(job)
    assert read_pose_file(job.poses).frame_count == 40
    assert job.notes == []


def test_what_comes_after_damage_is_found(film, estimate):
    job = estimate(film("midst.mp4", frames=40, broken=list(range(10, 15))))
    drain(job)
    assert job.notes == ["midst.mp4 is damaged: some of its pictures are missing or wrong."]
    (track,) = read_pose_file(job.poses).tracks
    seen = track.confidence[:, 0] > 0
    numbers = np.array([*range(10), *range(15, 40)])
    assert np.allclose(track.positions[seen, 0, 0], numbers[seen])
    assert np.allclose(track.times, numbers / 30, atol=1e-6)
    # As recordings of broadcasts begin.
    drain(job := estimate(film("start.mp4", frames=40, broken=[0, 1, 2])))
    assert read_pose_file(job.poses).frame_count == 37
    assert job.notes == []


@pytest.mark.parametrize(
    ("facts", "settings", "words"),
    [
        ({"frames": 0}, {}, "no frame of it can be decoded"),
        ({"frames": 5}, {"start": 3.0}, "no frame between 3 s and its end"),
        ({"frames": 5, "size": [20000, 20000]}, {}, "20000x20000 are too large"),
        ({"frames": 256 + 5}, {}, "the stub breaks at 255"),
        ({"frames": 5, "stated": 10**7}, {}, "more than 500,000 frames are too many"),
    ],
)
def test_what_cannot_be_estimated_is_a_line(film, estimate, facts, settings, words):
    with pytest.raises(JumpsError, match=words) as raised:
        drain(estimate(film(**facts), **settings))
    assert "\n" not in str(raised.value)


def test_a_clip_of_nobody_is_said(film, estimate, tmp_path):
    with pytest.raises(JumpsError, match="nobody was found in any of 1 frames"):
        drain(estimate(film(frames=30), start=7 / 30, stop=8 / 30))
    assert not list((tmp_path / "cache").glob("*.written"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_where_the_folder_of_poses_is_full_they_are_given_all_the_same(film, estimate, tmp_path):
    video = film()
    drain(whole := estimate(video))
    content = whole.poses.read_bytes()
    whole.poses.unlink()
    whole._written.symlink_to("/dev/full")
    drain(job := estimate(video))
    assert job.poses.read_bytes() == content
    assert job.poses.parent != tmp_path / "cache"
    (note,) = job.notes
    assert note == (
        f"{job._written}: cannot be written (No space left on device). So the poses are not kept "
        "for the next time: make room there."
    )
    assert not job._written.is_symlink()
    assert not list((tmp_path / "cache").glob("*.json*-*"))


def test_files_that_hold_no_video(estimate, tmp_path):
    for name, content, words in (
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"no video", "no video that can be decoded"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(JumpsError, match=words):
            drain(estimate(tmp_path / name))
    with pytest.raises(JumpsError, match="there is no such file"):
        estimate(tmp_path / "none.mp4")
    with pytest.raises(JumpsError, match="there is no such file"):
        estimate(tmp_path)


def test_names_of_any_kind(film, estimate, tmp_path):
    folder = tmp_path / "Ünïcode 動画 – with spaces"
    folder.mkdir()
    video = film("a.mp4", frames=3).rename(folder / "клип 1 'x' %03d.mp4")
    job = estimate(video)
    drain(job)
    assert json.loads(job.poses.read_text())["source"] == video.name


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs names that are bytes")
def test_names_that_are_not_unicode(film, estimate, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe4"))
    folder.mkdir()
    video = film("a.mp4", frames=3).rename(folder / os.fsdecode(b"\xff clip.mp4"))
    job = estimate(video)
    drain(job)
    assert json.loads(job.poses.read_text())["source"] == "\ufffd clip.mp4"
    assert read_pose_file(job.poses).frame_count == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"backend": "openpose"}, "choose one of mediapipe, rtmpose, mediapipe-task"),
        ({"models": {"x": Path("y")}}, "has no model 'x'; it brings its own"),
        (
            {"backend": "rtmpose"},
            r"Person Detector: a file \(.onnx\), named as 'detector'",
        ),
        ({"start": 2.0, "stop": 1.0}, "no frame from 2 s to 1 s"),
        ({"start": float("nan")}, "no frame from nan s"),
        ({"start": -1.0}, "no frame from -1 s"),
        ({"step": 0}, "step of 0"),
        ({"longest_side": 10}, "10 pixels are not usable"),
        ({"people": -1}, "-1 people"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(film, estimate, settings, words):
    with pytest.raises(JumpsError, match=words):
        estimate(film(), **settings)


def test_an_environment_without_its_packages_is_said(film, estimate):
    with pytest.raises(JumpsError, match=r"packages cannot be imported .*No module named"):
        drain(estimate(film(), Runtime(Path(sys.executable))))


def test_the_folder_of_poses_has_a_limit(film, tmp_path):
    jobs = []
    for number in range(3):
        job = EstimateJob(
            RUNTIME, film(f"{number}.mp4", frames=20 + number), cache=tmp_path / "c", cache_limit=1
        )
        drain(job)
        jobs.append(job.poses)
    assert [path.exists() for path in jobs] == [False, False, True]
