"""Holes bridged in time, block by block."""

import numpy as np

from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime.gaps import BridgedTrajectories
from training.data import _bridged


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
    seen = _observation(120)
    positions, age = _bridged(seen.positions[None], seen.mask[None], np.array([1 / 30]))
    part = BridgedTrajectories(seen).at(seen.times)
    assert np.allclose(positions[0], part.positions, atol=2e-3)
    assert np.allclose(age[0], part.age, atol=1e-5)
