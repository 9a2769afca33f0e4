"""What counts as missing: each part by itself, and what files want of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import choose_person, observe, read_pose_file
from jumps_blender.keypoints.missing import (
    ESTIMATED,
    IMPORTED,
    Missing,
    at_edge,
    dilated,
    missing_from,
    missing_joints,
    sureness,
    unrest,
)
from jumps_blender.keypoints.track import PoseTrack
from jumps_blender.skeletons import JOINT_SETS, joint_index
from jumps_blender.video.estimator import landmarks

COCO = JOINT_SETS["coco17"]
WRIST = COCO.joints.index("left_wrist")


def swaying(frames: int = 120, fps: float = 30.0, noise: float = 2.0) -> PoseTrack:
    """A body that sways and waves its left arm fast, with a detector's noise, in 1920 x 1080."""
    rng = np.random.default_rng(0)
    body = rng.uniform((800, 200), (1100, 900), (17, 2))
    t = np.arange(frames) / fps
    places = body + 40 * np.sin(2 * np.pi * 0.5 * t)[:, None, None]
    places[:, WRIST] += 80 * np.stack([np.sin(8 * t), np.cos(8 * t)], 1)
    places += rng.normal(0, noise, places.shape)
    return PoseTrack(
        COCO,
        places.astype(np.float32),
        np.full((frames, 17), 0.9, np.float32),
        np.arange(frames),
        t,
        fps,
        (1920, 1080),
        "1",
        "test",
        "jumps",
    )


def made_up(track: PoseTrack, joint: int, hidden: slice, spread: float) -> PoseTrack:
    """The track with a joint that is somewhere else in each of some frames."""
    positions = track.positions.copy()
    rng = np.random.default_rng(1)
    positions[hidden, joint] += rng.normal(0, spread, positions[hidden, joint].shape)
    return replace(track, positions=positions)


def test_the_confidence_of_half_is_the_rule():
    scores = np.array([[0.65, 0.97], [0.6499, 1.0], [1.0, 0.9699], [1.0, 1.0], [0.0, 1.0]])
    found = landmarks.confidence(scores)
    assert found[0] == 0.5
    assert (found[1:3] < 0.5).all()
    assert found[3] == 1
    assert found[4] == 0
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 101), np.linspace(0.9, 1, 101)), -1)
    kept = (grid[..., 0] >= 0.65) & (grid[..., 1] >= 0.97)
    assert np.array_equal(landmarks.confidence(grid) >= 0.5, kept)
    # One slider makes it stricter: what is kept at 0.75 is surer of both.
    stricter = landmarks.confidence(grid) >= 0.75
    assert stricter.sum() < kept.sum()
    assert kept[stricter].all()


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_a_joint_that_shakes_is_unsure_and_one_that_moves_is_not(fps):
    track = swaying(int(4 * fps), fps)
    seconds = int(fps)
    hidden = slice(seconds, 2 * seconds)
    steady = sureness(track, 2.5)
    assert (steady[:, WRIST] >= 0.5).mean() > 0.97, "waving is no shaking"
    shaken = sureness(made_up(track, WRIST, hidden, 30.0), 2.5) < 0.5
    # At the ends it takes half of what is looked at together, 0.07 s, to see it.
    assert shaken[hidden, WRIST].mean() > 0.84
    assert shaken[hidden, WRIST][seconds // 8 : -seconds // 8].all()
    outside = np.ones(len(shaken), bool)
    outside[hidden] = False
    assert shaken[outside, WRIST].mean() < 0.08
    others = np.arange(17) != WRIST
    assert shaken[:, others].mean() < 0.03


def test_steadiness_is_half_at_the_limit():
    track = swaying(600)
    # Noise that adds up to four times as much.
    louder = made_up(track, WRIST, slice(None), 2.0 * np.sqrt(15))
    sure = sureness(replace(louder, confidence=np.ones_like(track.confidence)), 4.0)
    assert np.median(sure[:, WRIST]) == pytest.approx(0.55, abs=0.1)
    assert (sureness(louder, 0.0) == louder.confidence).all()


def test_short_and_broken_tracks_shake_nobody():
    track = swaying(3)
    assert np.array_equal(sureness(track, 2.5), track.confidence)
    confidence = swaying(60).confidence.copy()
    confidence[::2] = 0  # nothing has neighbours
    broken = replace(swaying(60), confidence=confidence)
    assert np.array_equal(sureness(broken, 2.5), confidence)
    nobody = replace(swaying(60), confidence=np.zeros_like(confidence))
    assert not sureness(nobody, 2.5).any()


def test_the_edge_of_the_picture():
    track = swaying(2)
    positions = track.positions.copy()
    positions[0, :6] = [(19, 500), (20, 500), (1901, 500), (900, 10), (900, 1070), (900, 1069)]
    track = replace(track, positions=positions)
    assert at_edge(track, 0.01)[0, :6].tolist() == [True, False, True, True, True, False]
    assert not at_edge(track, 0.0).any()
    assert not at_edge(replace(track, image_size=None), 0.01).any()


def test_dilation_goes_both_ways():
    missing = np.zeros((10, 2), bool)
    missing[4, 0] = missing[9, 1] = missing[0, 1] = True
    assert dilated(missing, 2)[:, 0].tolist() == [i in (2, 3, 4, 5, 6) for i in range(10)]
    assert dilated(missing, 2)[:, 1].tolist() == [i in (0, 1, 2, 7, 8, 9) for i in range(10)]
    assert np.array_equal(dilated(missing, 0), missing)
    assert dilated(missing, 1000).all()
    assert dilated(missing[:0], 3).shape == (0, 2)


def test_observing_takes_what_the_file_wants_and_the_user_overrules_it():
    shaken = made_up(swaying(), WRIST, slice(30, 60), 20.0)
    wrist = joint_index("l_wrist")

    def seen(track, **settings):
        return observe(track, **settings).mask[30:60, wrist].mean()

    assert seen(shaken) == 1, "imported files say nothing, and nothing is done"
    estimated = replace(shaken, missing=ESTIMATED)
    assert seen(estimated) < 0.2
    assert seen(estimated, shaking=0.0) == 1
    assert seen(estimated, min_confidence=0.05) > seen(estimated)
    assert seen(shaken, shaking=2.5, min_confidence=0.5) == seen(estimated)


def test_the_slider_makes_it_stricter_or_looser():
    track = replace(made_up(swaying(), WRIST, slice(30, 60), 15.0), missing=ESTIMATED)
    counts = [
        int(missing_joints(track, replace(ESTIMATED, min_confidence=limit)).sum())
        for limit in (0.05, 0.25, 0.5, 0.75, 0.89)
    ]
    assert counts == sorted(counts)
    assert len(set(counts)) == len(counts)


def pose_file(path, **changes):
    track = made_up(swaying(), WRIST, slice(30, 60), 30.0)
    data = {
        "format": "jumps",
        "version": 1,
        "fps": 30,
        "image_size": [1920, 1080],
        "joint_names": list(COCO.joints),
        "missing": ESTIMATED.as_data(),
        "first_frame": 0,
        "times": track.times.tolist(),
        "frames": list(range(120)),
        "positions": track.positions.tolist(),
        "confidence": track.confidence.tolist(),
    } | changes
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
    return path


def test_files_say_what_they_want(tmp_path):
    poses = read_pose_file(pose_file(tmp_path / "a.json"))
    assert poses.missing == ESTIMATED
    track = choose_person(poses)
    assert track.missing == ESTIMATED
    assert track.joint_set is COCO
    assert not track.present[35:55, WRIST].any()
    assert track.missing_share == pytest.approx(30 / (12 * 120), abs=0.01)
    plain = read_pose_file(pose_file(tmp_path / "b.json", missing=None))
    assert plain.missing is None
    assert choose_person(plain).missing_share == 0


def test_detections_of_single_frames_are_followed(tmp_path):
    one, two = swaying(40), swaying(40)
    frames = [frame for frame in range(40) for _ in range(2)]
    positions = [
        place for a, b in zip(one.positions, two.positions + 700, strict=True) for place in (a, b)
    ]
    # The second is found first now and then: their order in a frame says nothing.
    positions[20], positions[21] = positions[21], positions[20]
    path = pose_file(
        tmp_path / "a.json",
        frames=frames,
        positions=[place.tolist() for place in positions],
        confidence=[[0.9] * 17] * 80,
        times=[(5 + n) / 30 for n in range(40)],
        first_frame=5,
    )
    with pytest.raises(JumpsError, match='"frames" lies beyond the frames that have "times"'):
        read_pose_file(path)
    data = json.loads(path.read_text())
    data["frames"] = [frame + 5 for frame in frames]
    path.write_text(json.dumps(data))
    poses = read_pose_file(path)
    assert (poses.first_frame, poses.frame_count) == (5, 40)
    assert [len(track.frames) for track in poses.tracks] == [40, 40]
    for track in poses.tracks:
        shift = 700 * (track.positions[0, 0, 0] > 1400)
        assert np.allclose(track.positions - shift, one.positions, atol=1e-3)
        assert np.allclose(track.times, (5 + np.arange(40)) / 30)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"missing": 3}, '"missing" may hold'),
        ({"missing": {"min_confidence": 2}}, '"missing" may hold'),
        ({"missing": {"min_confidence": "x"}}, '"missing" may hold'),
        ({"missing": {"shaking": 0.5}}, '"missing" may hold'),
        ({"missing": {"dilation": 1.5}}, '"missing" may hold'),
        ({"missing": {"edge": True}}, '"missing" may hold'),
        ({"frames": []}, '"frames" must be a list'),
        ({"frames": "x"}, '"frames" must be a list'),
        ({"frames": [0.5] * 120}, "not a frame number"),
        ({"frames": list(range(119))}, "where 119 values belong"),
        ({"positions": None}, 'has no "positions"'),
        ({"confidence": [[1] * 16] * 120}, "where 17 values belong"),
        ({"first_frame": -1}, '"first_frame" is -1'),
        ({"first_frame": "x"}, "not a frame number"),
        ({"joint_names": ["a"]}, "where 1 values belong"),
        ({"version": 2}, "version 2 of the format"),
    ],
)
def test_files_that_make_no_sense_are_a_line(tmp_path, changes, words):
    with pytest.raises(JumpsError, match=words) as raised:
        read_pose_file(pose_file(tmp_path / "a.json", **changes))
    assert "\n" not in str(raised.value)


def test_what_a_file_says_comes_back():
    for missing in (IMPORTED, ESTIMATED, Missing(0.3, 4.0, 0.02, 3)):
        assert missing_from(json.loads(json.dumps(missing.as_data()))) == missing
    assert missing_from({}) == IMPORTED
    for value in (float("nan"), float("inf"), -1, None, [], {}):
        assert missing_from({"min_confidence": value}) is None


@pytest.mark.parametrize("fps", [500.0, 100_000.0])
def test_frames_however_near_are_looked_at_a_few_at_a_time(fps, monkeypatch):
    widths = []
    median = np.nanmedian

    def watched(values, **how):
        if values.ndim == 3:
            widths.append(values.shape[-1])
        return median(values, **how)

    monkeypatch.setattr(np, "nanmedian", watched)
    for frames in (5, 200):
        assert np.isfinite(unrest(swaying(frames, fps))).all()
    assert max(widths) == 65
