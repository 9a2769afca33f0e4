"""Holes bridged in time, block by block."""

import numpy as np

from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime.gaps import BridgedTrajectories
from training.data import bridged as bridged_batch


def _observation(frames: int, seed: int = 0) -> Observation:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.1, 1, (frames, 28)).astype(np.float32)
    confidence *= rng.random((frames, 28)) < 0.3
    confidence[100 : frames - 100, 3] = 0  # a hole over several blocks
    confidence[:, 7] = 0
    positions = rng.uniform(0, 1000, (frames, 28, 2)).astype(np.float32)
    positions *= (confidence > 0)[..., None]
    return Observation(positions, confidence, np.ones(28, bool), np.arange(frames) / 30)


def test_equals_numpy_interpolation_whatever_the_piece():
    seen = _observation(1500)
    bridged = BridgedTrajectories(seen)
    for start, stop in ((0, 1500), (0, 1), (255, 257), (700, 1100), (1499, 1500)):
        part = bridged.at(seen.times[start:stop])
        for joint in (0, 3, 12):
            known = seen.confidence[:, joint] > 0
            for axis in (0, 1):
                expected = np.interp(
                    seen.times[start:stop], seen.times[known], seen.positions[known, joint, axis]
                )
                assert np.allclose(part.positions[:, joint, axis], expected, atol=2e-3)
            distance = np.abs(seen.times[start:stop, None] - seen.times[known])
            assert np.allclose(part.age[:, joint], distance.min(axis=1), atol=1e-6)


def test_a_joint_that_is_never_seen_is_told_by_its_age():
    seen = _observation(300)
    part = BridgedTrajectories(seen).at(seen.times)
    assert np.isinf(part.age[:, 7]).all()
    assert (part.positions[:, 7] == 0).all()


def test_moments_between_frames():
    seen = _observation(400)
    moments = np.linspace(0, seen.times[-1], 777)
    part = BridgedTrajectories(seen).at(moments)
    known = seen.confidence[:, 5] > 0
    expected = np.interp(moments, seen.times[known], seen.positions[known, 5, 0])
    assert np.allclose(part.positions[:, 5, 0], expected, atol=2e-3)


def test_training_bridges_as_inference_does():
    clips = [_observation(120), _observation(120, seed=1)]
    positions, age, curve = bridged_batch(
        np.stack([seen.positions for seen in clips]),
        np.stack([seen.mask for seen in clips]),
        np.full(2, 1 / 30),
    )
    for number, seen in enumerate(clips):
        part, bend = BridgedTrajectories(seen).curved_at(seen.times)
        assert np.allclose(positions[number], part.positions, atol=2e-3)
        assert np.allclose(age[number], part.age, atol=1e-5)
        assert np.allclose(curve[number], bend, atol=0.05)
        assert np.abs(bend).max() > 1


def _moving(frames: int, acceleration: float) -> Observation:
    """All 28 joints: the trunk flies in a curve, and joint 12 swings beside it."""
    t = np.arange(frames) / 30
    positions = np.zeros((frames, 28, 2))
    positions[..., 0] = (300 * t + acceleration * t**2)[:, None] + np.arange(28)
    positions[..., 1] = (80 * np.sin(2 * t))[:, None]
    positions[:, 12, 0] += 40 * t**3 - 60 * t
    confidence = np.ones((frames, 28), np.float32)
    return Observation(positions.astype(np.float32), confidence, np.ones(28, bool), t)


def _with_hole(seen: Observation, joints: list[int], start: int, stop: int) -> Observation:
    confidence = seen.confidence.copy()
    confidence[start:stop, joints] = 0
    positions = seen.positions * (confidence > 0)[..., None]
    return Observation(positions, confidence, seen.tracked, seen.times)


def test_a_hole_is_bridged_beside_the_trunk_and_by_the_velocity_at_its_edges():
    truth = _moving(60, 500)
    part, curve = BridgedTrajectories(_with_hole(truth, [12], 20, 35)).curved_at(truth.times)
    line = BridgedTrajectories(_with_hole(truth, [12], 20, 35)).at(truth.times)
    errors = [
        np.abs(positions - truth.positions)[20:35, 12].max()
        for positions in (line.positions, part.positions, part.positions + curve)
    ]
    assert errors[0] > 30  # in the picture, the trunk's own curve is missed
    assert errors[1] < 8  # beside the trunk, only the swing is
    assert errors[2] < 1.5
    seen = np.delete(np.arange(60), np.arange(20, 35))
    assert np.array_equal(part.positions[seen], truth.positions[seen])
    assert not curve[seen].any()


def test_a_hole_in_everything_follows_the_velocity_in_the_picture():
    truth = _moving(60, 500)
    part, curve = BridgedTrajectories(_with_hole(truth, list(range(28)), 20, 30)).curved_at(
        truth.times
    )
    line = np.abs(part.positions - truth.positions)[20:30, 3].max()
    bent = np.abs(part.positions + curve - truth.positions)[20:30, 3].max()
    assert line > 10
    assert bent < 0.2 * line


def test_a_joint_coasts_beyond_its_last_observation():
    truth = _moving(60, 0)
    _, curve = BridgedTrajectories(_with_hole(truth, list(range(28)), 40, 60)).curved_at(
        truth.times
    )
    assert 0 < curve[40, 3, 0] < curve[50, 3, 0] < 300 * 0.15 * 1.01
    _, curve = BridgedTrajectories(_with_hole(truth, list(range(28)), 0, 20)).curved_at(truth.times)
    assert -300 * 0.15 * 1.01 < curve[0, 3, 0] < curve[19, 3, 0] < 0
