"""What is shown of a detection while its rule is changed is what upsampling will go by."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jumps_blender.keypoints import PoseTrack, observe, read_pose_file
from jumps_blender.keypoints.detected import Detected, inside
from jumps_blender.keypoints.missing import Missing, unrest
from jumps_blender.model_runtime.tasks import Tasks, packed_tracks, unpacked_tracks
from jumps_blender.processes.server import Control
from jumps_blender.skeletons import JOINT_SETS


def track(joint_set: str = "mediapipe33", frames: int = 40) -> PoseTrack:
    """Joints anywhere in the picture and a little beyond, as sure as it happens."""
    rng = np.random.default_rng(7)
    joints = JOINT_SETS[joint_set]
    sure = rng.random((frames, len(joints.joints))).astype(np.float32)
    sure[rng.random(sure.shape) < 0.1] = 0
    places = rng.random((*sure.shape, 2)) * (1400, 800) - (60, 40)
    return PoseTrack(
        joint_set=joints,
        positions=np.where(sure[..., None] > 0, places, 0).astype(np.float32),
        confidence=sure,
        frames=np.arange(5, 5 + frames),
        times=np.arange(5, 5 + frames) / 25,
        fps=25.0,
        image_size=(1280, 720),
        person="1",
        source="clip.json",
        format="jumps",
    )


RULES = [
    Missing(),
    Missing(0.5),
    Missing(0.3, edge=0.05),
    Missing(0.3, shaking=1.3),
    Missing(0.2, edge=0.01, dilation=1),
    Missing(0.02, shaking=2.0, edge=0.02, dilation=3),
    Missing(0.0, dilation=100),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("joint_set", ["coco17", "mediapipe33", "openpose_body25"])
def test_it_is_what_upsampling_observes(joint_set: str, rule: Missing) -> None:
    one = replace(track(joint_set), missing=rule)
    shown = Detected(one, inside(one), unrest(one))
    assert shown.missing_share(rule) == pytest.approx(one.missing_share, abs=1e-12)
    if rule.dilation == 100:
        return  # nothing is left to observe
    seen = observe(one)
    for frame in range(len(one.frames)):
        sighting = shown.at(frame, rule)
        is_observed = sighting.found & ~sighting.missing
        assert np.array_equal(is_observed, seen.mask[frame])
        assert sighting.places[is_observed] == pytest.approx(
            seen.positions[frame][is_observed], abs=1e-3
        )
        assert not sighting.places[~sighting.found].any()
        assert not (sighting.missing & ~sighting.found).any()


def test_without_the_pictures_size_nothing_is_at_its_edge() -> None:
    one = replace(track(), image_size=None)
    shown = Detected(one, inside(one), unrest(one))
    assert shown.missing_share(Missing(0.1, edge=0.5)) == shown.missing_share(Missing(0.1))


def test_the_window_gets_the_joints_that_are_used(pose_file_of_two) -> None:
    facts, people = pose_file_of_two
    shown = unpacked_tracks(*facts)
    assert [each.track.person for each in shown] == [each.person for each in people]
    for one, whole in zip(shown, people, strict=True):
        assert one.track.confidence.shape[1] == 12  # of COCO's 17
        assert np.array_equal(one.track.frames, whole.frames)
        assert np.array_equal(one.track.times, whole.times)
        assert one.track.image_size == whole.image_size
        for rule in RULES[:-1]:
            expected = replace(whole, missing=rule).missing_share
            assert one.missing_share(rule) == pytest.approx(expected, abs=1e-12)


@pytest.fixture
def pose_file_of_two(tmp_path):
    """What a worker answers to "read", and the tracks of the same file."""
    names = JOINT_SETS["coco17"].joints
    people = []
    for person, frames, left in ((1, 20, 100.0), (2, 7, 700.0)):
        for frame in range(frames):
            joints = []
            for j, _ in enumerate(names):
                joints += [left + 7 * j + frame, 50.0 + 11 * j, 0.2 + 0.04 * j]
            people.append(
                {"image_id": f"{frame}.jpg", "keypoints": joints, "score": 1.0, "idx": person}
            )
    path = tmp_path / "two.json"
    path.write_text(json.dumps([{**each, "category_id": 1} for each in people]))
    tracks = read_pose_file(path).tracks
    assert packed_tracks(read_pose_file(path))[1]["times"].shape == (27,)
    return Tasks().run("read", {"path": str(path)}, Control()), tracks
