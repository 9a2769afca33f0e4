"""The real estimator on real films: every frame, the same poses as ever, no body that jumps, and a
forearm behind a black box.
"""

import os
import signal

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import choose_person, observe, read_pose_file
from jumps_blender.model_runtime import upsample_track
from jumps_blender.processes.job import drain
from jumps_blender.skeletons import JOINT_SETS, joint_index
from jumps_blender.video.estimate import EstimateJob, EstimateSettings

from ...films import write_film

NAMES = JOINT_SETS["mediapipe33"].joints
FPS = 60


@pytest.fixture
def samples(shared):
    return shared / "samples"


@pytest.fixture
def estimate(mediapipe, tmp_path):
    def run(path, **settings):
        job = EstimateJob(mediapipe, path, EstimateSettings(**settings), cache=tmp_path / "cache")
        drain(job)
        return read_pose_file(job.poses)

    return run


def pictures_of(path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_two_people_are_two_tracks_and_nobody_jumps(samples, estimate):
    video = samples / "video" / "sports2d_demo.mp4"
    poses = estimate(video)
    with av.open(str(video)) as film:
        decoded = [frame.time for frame in film.decode(video=0)]
    assert poses.frame_count == len(decoded) == 230
    (one, two) = poses.tracks
    assert np.allclose(one.times, decoded, atol=1e-4)
    assert any("jumps" in note for note in poses.notes)
    assert 165 < two.frames[0] < 175
    assert 195 < two.frames[-1] < 205
    for track in poses.tracks:
        seen = np.flatnonzero((track.confidence > 0).any(axis=1))
        places = np.median(track.positions[seen], axis=1)
        height = np.ptp(track.positions[seen][..., 1], axis=1).mean()
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.diff(seen)
        assert steps.max() < 0.5 * height


def test_it_finds_what_was_found_in_the_samples(samples, estimate):
    poses = estimate(samples / "video" / "pose2sim_single_cam01.mp4", stop=0.5, longest_side=0)
    (track,) = poses.tracks
    (known,) = read_pose_file(samples / "mediapipe" / "pose2sim_single_cam01.jsonl").tracks
    assert (poses.frame_count, poses.fps) == (30, 60.0)
    assert np.abs(track.positions - known.positions[:30]).max() < 2.0
    assert np.allclose(track.times, known.times[:30], atol=1e-4)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_it_goes_on_with_the_same_person_and_finds_the_same(
    samples, mediapipe, tmp_path, monkeypatch
):
    video = samples / "video" / "sports2d_demo.mp4"
    settings = EstimateSettings(start=2.0, stop=5.0)
    # Both people are in the picture: alone, an estimator that begins anew takes the nearer one.
    monkeypatch.setattr("jumps_blender.video.estimate.PART", 30)
    cache = tmp_path / "cache"
    job = EstimateJob(mediapipe, video, settings, cache=cache)
    while job.share < 0.5:
        assert not job.poll(0.05)
    os.kill(job._worker.pid, signal.SIGKILL)
    with pytest.raises(JumpsError, match="the next start goes on from there"):
        drain(job)
    again = EstimateJob(mediapipe, video, settings, cache=cache)
    drain(again)
    assert again.notes[0].startswith(("Went on after frame 89:", "Went on after frame 119:"))
    poses = read_pose_file(again.poses)
    assert poses.frame_count == 90
    assert len(poses.tracks) == 1
    for run in ("whole", "once more"):
        drain(whole := EstimateJob(mediapipe, video, settings, cache=tmp_path / run))
        assert whole.notes == []
        assert whole.poses.read_bytes() == again.poses.read_bytes()


@pytest.mark.parametrize(
    ("clip", "side", "halved"), [("cam03", "left", True), ("cam01", "right", False)]
)
def test_a_forearm_behind_a_box_is_missing(samples, estimate, tmp_path, clip, side, halved):
    name = f"pose2sim_single_{clip}"
    (known,) = read_pose_file(samples / "mediapipe" / f"{name}.jsonl").tracks
    pictures = pictures_of(samples / "video" / f"{name}.mp4")
    limb = [NAMES.index(f"{side}_{part}") for part in ("elbow", "wrist", "index", "pinky", "thumb")]
    painted = slice(8, 8 + FPS)
    for frame in range(painted.start, painted.stop):
        places = known.positions[frame, limb]
        room = np.linalg.norm(places[0] - places[1]) / 4
        picture = Image.fromarray(pictures[frame])
        ends = (*(places.min(axis=0) - room), *(places.max(axis=0) + room))
        ImageDraw.Draw(picture).rectangle(ends, fill=(0, 0, 0))
        pictures[frame] = np.array(picture)
    path = write_film(tmp_path / "painted.mp4", pictures, FPS)
    track = choose_person(estimate(path))
    wrist = joint_index(f"{side[0]}_wrist")
    missing = ~observe(track).mask[:, wrist]
    # The hand leaves the picture at the end, and is rightly missing there.
    size = np.array(known.image_size)
    places = known.positions[:, limb[1]]
    outside = ((places > 0.01 * size) & (places < 0.99 * size)).all(axis=1)
    outside[painted] = False
    assert outside.sum() > 20
    assert missing[painted].mean() >= 0.8
    assert missing[outside].mean() <= 0.15
    # By its own scores alone the estimator would be believed.
    assert missing[painted].mean() > (~observe(track, shaking=0.0).mask[painted, wrist]).mean()
    if halved:
        truth = known.positions[:, limb[1]]
        raw = np.linalg.norm(track.positions[painted, limb[1]] - truth[painted], axis=1)
        sequence = upsample_track(track, device="cpu")
        found = np.linalg.norm(sequence.positions[painted, wrist] - truth[painted], axis=1)
        assert found.mean() <= 0.5 * raw.mean()
