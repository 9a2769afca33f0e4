"""Limbs that a detector took for each other."""

from dataclasses import replace

import numpy as np
import pytest

from jumps_blender.keypoints.swaps import swaps_repaired
from jumps_blender.keypoints.track import Observation, PoseTrack
from jumps_blender.model_runtime import upsample_track
from jumps_blender.skeletons import JOINT_SETS, JOINTS

from .conftest import walking_figure

LEGS = [[JOINTS.index(f"{s}_{part}") for part in ("knee", "ankle", "foot", "toe")] for s in "lr"]
ARMS = [[JOINTS.index(f"{s}_{part}") for part in ("elbow", "wrist", "hand")] for s in "lr"]


def walk(frames: int = 120, fps: float = 30.0) -> Observation:
    points = walking_figure(frames).astype(np.float32)
    return Observation(
        points,
        np.full((frames, 28), 0.9, np.float32),
        np.ones(28, bool),
        np.arange(frames) / fps,
    )


def exchanged(observation: Observation, frames: slice, limbs: list[list[int]]) -> Observation:
    """As a detector that takes one limb for the other in these frames."""
    left, right = limbs
    positions, confidence = observation.positions.copy(), observation.confidence.copy()
    for values in (positions, confidence):
        values[frames, left], values[frames, right] = (
            values[frames, right].copy(),
            values[frames, left].copy(),
        )
    return replace(observation, positions=positions, confidence=confidence)


def test_a_walk_whose_legs_cross_is_left_alone():
    given = walk()
    apart = given.positions[:, LEGS[0][1], 0] - given.positions[:, LEGS[1][1], 0]
    assert (np.diff(np.sign(apart)) != 0).sum() > 3  # they do
    found, swapped = swaps_repaired(given)
    assert not any(frames.any() for frames in swapped.values())
    assert found.positions is given.positions


@pytest.mark.parametrize(("limbs", "name"), [(LEGS, "legs"), (ARMS, "arms")])
@pytest.mark.parametrize("frames", [slice(40, 44), slice(0, 3), slice(117, 120), slice(77, 78)])
def test_exchanged_limbs_are_put_right(limbs, name, frames):
    given = walk()
    given.confidence[:, limbs[0]] = 0.7
    found, swapped = swaps_repaired(exchanged(given, frames, limbs))
    assert np.flatnonzero(swapped[name]).tolist() == list(range(*frames.indices(120)))
    assert not swapped["arms" if name == "legs" else "legs"].any()
    assert np.array_equal(found.positions, given.positions)
    assert np.array_equal(found.confidence, given.confidence)


def test_what_was_not_seen_tells_nothing_and_stays():
    given = exchanged(walk(), slice(40, 44), LEGS)
    given.confidence[60:70, LEGS[0]] = 0
    given.positions[60:70, LEGS[0]] = 0
    found, swapped = swaps_repaired(given)
    assert np.flatnonzero(swapped["legs"]).tolist() == [40, 41, 42, 43]
    assert not found.confidence[60:70, LEGS[0]].any()
    assert np.array_equal(found.positions[60:70], given.positions[60:70])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_clips_of_a_few_frames_and_bodies_without_limbs(frames):
    given = walk(frames)
    assert np.array_equal(swaps_repaired(given)[0].positions, given.positions)
    given = replace(walk(9), tracked=np.zeros(28, bool))
    assert not any(x.any() for x in swaps_repaired(given)[1].values())
    nothing = replace(walk(9), confidence=np.zeros((9, 28), np.float32))
    assert np.array_equal(swaps_repaired(nothing)[0].positions, nothing.positions)


def test_upsampling_repairs_and_says_so_only_where_asked_to():
    joint_set = JOINT_SETS["h36m17"]
    seen = exchanged(walk(90), slice(40, 44), LEGS)
    sources = joint_set.target_sources()
    positions = np.zeros((90, len(joint_set.joints), 2), np.float32)
    for joint, columns in sources.items():
        for column in columns:
            positions[:, column] = seen.positions[:, joint]
    track = PoseTrack(
        joint_set=joint_set,
        positions=positions,
        confidence=np.ones(positions.shape[:2], np.float32),
        frames=np.arange(90),
        times=np.arange(90) / 30,
        fps=30.0,
        image_size=None,
        person="1",
        source="walk.json",
        format="test",
    )
    notes: list[str] = []
    repaired = upsample_track(track, engine="interpolate", repair_swaps=True, notify=notes.append)
    assert notes == ["Left and right were exchanged: legs in 4 frames; put right."]
    ankle = JOINTS.index("l_ankle")
    assert np.array_equal(repaired.positions[:, ankle], walk(90).positions[:, ankle])
    notes.clear()
    kept = upsample_track(track, engine="interpolate", notify=notes.append)
    assert notes == []
    assert np.array_equal(kept.positions[:, ankle], seen.positions[:, ankle])
