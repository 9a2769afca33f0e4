"""Jitter taken out of a lifted motion."""

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.proportions import bone_lengths
from jumps_blender.model_runtime.smooth import smoothed
from jumps_blender.model_runtime.space import lift_sequence

from ..walking import PELVIS, picture, times, walker


def shaken(size: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """The walker as it is and with jitter, on the bones of its first frame."""
    world, _ = walker()
    noise = np.random.default_rng(0).normal(0, size, world.shape)
    return world, world + noise


def bend(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean())


def test_the_stronger_the_calmer_and_nearer_to_the_truth():
    world, noisy = shaken()
    results = [smoothed(noisy, times(120), strength) for strength in (0.0, 0.25, 0.6, 1.0)]
    assert results[0] is noisy
    bends = [bend(each) for each in results]
    assert bends == sorted(bends, reverse=True)
    assert bends[1] < 0.85 * bends[0]
    assert bends[3] < 0.55 * bends[0]

    def error(points: np.ndarray) -> float:
        # Feet: the figure's other bones change their lengths as it walks.
        legs = list(range(18, 28))
        off = points[:, legs] - points[:, PELVIS, None] - world[:, legs] + world[:, PELVIS, None]
        return float(np.linalg.norm(off, axis=-1).mean())

    assert error(results[2]) < error(results[0])
    for result in results[1:]:
        assert bone_lengths(result).std(axis=0).max() < 1e-9


def test_it_lags_behind_nothing_and_stays_still():
    line = np.zeros((90, 28, 3))
    line[..., 2] = np.linspace(0.1, 1.7, 28)
    assert np.allclose(smoothed(line, times(90), 1.0), line, atol=1e-12)
    line[:, :, 0] = np.arange(90)[:, None] / 30
    found = smoothed(line, times(90), 1.0)
    assert np.allclose(found[30:60], line[30:60], atol=2e-3)
    backwards = smoothed(line[::-1], times(90), 1.0)[::-1]
    assert np.allclose(found, backwards, atol=1e-12)


def test_the_frame_rate_hardly_matters():
    world, _ = walker()
    fast = smoothed(world, times(120), 1.0)
    slow = smoothed(world[::2], times(120)[::2], 1.0)
    apart, moved = (np.linalg.norm(x, axis=-1).mean() for x in (fast[::2] - slow, fast - world))
    assert moved > 1e-3
    assert apart < 0.6 * moved


def test_before_a_moving_camera_the_pelvis_stays():
    _, noisy = shaken()
    found = smoothed(noisy, times(120), 1.0, only_body=True)
    assert np.allclose(found[:, PELVIS], noisy[:, PELVIS], atol=1e-12)
    assert bend(found - found[:, PELVIS, None]) < 0.55 * bend(noisy - noisy[:, PELVIS, None])


@pytest.mark.parametrize("frames", [1, 2])
def test_a_frame_or_two_stay_as_they_are(frames):
    world, _ = walker(frames)
    assert smoothed(world, times(frames), 1.0) is world


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_impossible_strengths_are_a_message(strength):
    with pytest.raises(JumpsError, match="smoothing is"):
        lift_sequence(picture(), smoothing=strength)
