"""Observed joints are put back; holes join on without a jump."""

import numpy as np
import pytest

from jumps_blender.keypoints.sequence import JointState
from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime.compose import _smoothed, joint_states, put_back
from jumps_blender.skeletons import COMMON12, JOINTS

from .conftest import observation_of, walking_figure

WRIST = JOINTS.index("l_wrist")


def test_observed_joints_come_out_bit_for_bit():
    points = walking_figure(3000)
    seen = np.random.default_rng(1).random((3000, 28)) < 0.7
    observation = observation_of(points, seen=seen)
    estimate = points + 13.7
    put_back(observation, estimate)
    assert np.array_equal(estimate[observation.mask], observation.positions[observation.mask])


def test_a_constant_error_is_taken_out_of_a_short_hole():
    points = walking_figure(90)
    seen = np.ones((90, 28), bool)
    seen[40:50, WRIST] = False  # a third of a second
    estimate = points + np.float32(25)
    put_back(observation_of(points, seen=seen), estimate)
    assert np.abs(estimate[40:50, WRIST] - points[40:50, WRIST]).max() < 1e-3


def test_no_jump_at_the_edges_of_a_long_hole_and_the_estimate_in_its_middle():
    points = walking_figure(200)
    seen = np.ones((200, 28), bool)
    seen[50:150, WRIST] = False
    estimate = points + np.float32(30)
    put_back(observation_of(points, seen=seen), estimate)
    step = np.linalg.norm(np.diff(estimate[:, WRIST] - points[:, WRIST], axis=0), axis=1)
    assert step.max() < 30 * np.sqrt(2) / 15 + 0.01  # the error fades in over half a second
    assert np.allclose(estimate[100, WRIST] - points[100, WRIST], 30, atol=1e-3)


@pytest.mark.parametrize("frames", [1023, 1024, 1025, 2500])
def test_chunks_leave_no_seam(frames, monkeypatch):
    points = walking_figure(frames)
    seen = np.random.default_rng(2).random((frames, 28)) < 0.9
    seen[1000:1040, WRIST] = False
    observation = observation_of(points, seen=seen)
    noise = np.random.default_rng(3).normal(0, 5, points.shape).astype(np.float32)
    chunked, whole = points + noise, points + noise
    put_back(observation, chunked)
    monkeypatch.setattr("jumps_blender.model_runtime.compose._CHUNK", 10**9)
    put_back(observation, whole)
    assert np.allclose(chunked, whole, atol=1e-4)


def test_denoising_moves_a_joint_no_farther_than_its_confidence_leaves_free():
    points = walking_figure(30)
    observation = observation_of(points)
    observation.confidence[10, WRIST] = 0.25
    observation.confidence[20] = np.minimum(observation.confidence[20], 0.96)
    near = points + np.float32(8)
    put_back(observation, near, denoise=True)
    assert np.allclose(near[10, WRIST] - points[10, WRIST], 8, atol=0.5)
    assert np.array_equal(near[11, WRIST], points[11, WRIST])
    far = points + np.float32((500, 0))
    put_back(observation, far, denoise=True)
    trunk = [JOINTS.index(name) for name in ("l_shoulder", "r_shoulder", "l_hip", "r_hip")]
    spread = np.linalg.norm(points[20, trunk] - points[20, trunk].mean(axis=0), axis=1)
    height = 3 * np.sqrt((spread**2).mean())
    moved = np.linalg.norm(far[20, WRIST] - points[20, WRIST])
    assert moved == pytest.approx(0.12 * height, rel=1e-3)


def test_denoising_takes_jitter_away_and_keeps_the_swing():
    points = walking_figure(200)
    noise = np.random.default_rng(4).normal(0, 3, points.shape).astype(np.float32)
    observation = observation_of(points + noise)
    observation.confidence[:] *= 0.8
    result = points + noise  # an estimate that is as noisy as what was seen
    put_back(observation, result, denoise=True)

    def jitter(positions):
        error = (positions - points)[:, list(COMMON12)]
        return np.linalg.norm(np.diff(error, 2, axis=0), axis=-1).mean()

    assert jitter(result) < jitter(points + noise) / 5
    seen = list(COMMON12)
    middle = (result - points)[20:-20, seen]
    assert np.abs(middle.mean(axis=0)).max() < 0.6
    assert np.linalg.norm(middle, axis=-1).mean() < 0.6 * np.linalg.norm(noise, axis=-1).mean()


def test_smoothing_keeps_parabolas_also_on_uneven_times():
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 60))
    path = np.zeros((60, 28, 2), np.float32)
    path[..., 0] = (50 - 80 * times + 300 * times**2)[:, None]
    assert np.abs(_smoothed(path, times) - path).max() < 0.02
    assert np.array_equal(_smoothed(path[:3], times[:3]), path[:3])


def test_states():
    confidence = np.zeros((2, 28), np.float32)
    confidence[0, list(COMMON12)] = 0.5
    tracked = np.zeros(28, bool)
    tracked[list(COMMON12)] = True
    observation = Observation(np.zeros((2, 28, 2), np.float32), confidence, tracked, np.arange(2.0))
    states = joint_states(observation)
    assert states.dtype == np.int8
    assert (states[0, list(COMMON12)] == JointState.OBSERVED).all()
    assert (states[1, list(COMMON12)] == JointState.INPAINTED).all()
    assert (states[:, JOINTS.index("l_hand")] == JointState.UPSAMPLED).all()
