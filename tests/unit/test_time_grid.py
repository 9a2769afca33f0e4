"""Frame rates: the network's moments and the way back."""

import numpy as np
import pytest

from jumps_blender.model_runtime.time_grid import cubic_at, working_grid


@pytest.mark.parametrize("fps", [20, 23.976, 24, 25, 29.97, 30, 40])
def test_rates_that_suit_the_network_are_used_as_they_are(fps):
    times = np.arange(100) / fps
    moments, step = working_grid(times)
    assert moments is times
    assert step == pytest.approx(1 / fps)


@pytest.mark.parametrize(("fps", "every"), [(50, 2), (59.94, 2), (60, 2), (120, 4), (240, 8)])
def test_fast_clips_are_seen_at_every_kth_frame(fps, every):
    times = 2.0 + np.arange(101) / fps
    moments, step = working_grid(times)
    assert np.array_equal(moments[:10], times[::every][:10])
    assert step == pytest.approx(every / fps)
    assert moments[-1] >= times[-1] > moments[-2]


@pytest.mark.parametrize("fps", [1, 5, 10, 15])
def test_slow_clips_get_moments_between_their_frames(fps):
    times = np.arange(20) / fps
    moments, step = working_grid(times)
    assert 20 <= 1 / step <= 40 or fps == 1
    assert np.allclose(np.interp(times, moments, moments), times)
    assert np.abs(moments[:, None] - times).min(axis=0).max() < 1e-9


def test_uneven_times_are_covered_evenly():
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, 200))
    moments, step = working_grid(times)
    assert step == pytest.approx(1 / 30)
    assert np.allclose(np.diff(moments), step)
    assert moments[0] == times[0]
    assert moments[-1] >= times[-1]


def test_a_hole_of_years_makes_no_grid_of_years():
    times = np.array([0.0, 0.04, 1e12])
    moments, _ = working_grid(times)
    assert len(moments) == 3


def test_one_frame():
    moments, step = working_grid(np.array([7.0]))
    assert list(moments) == [7.0]
    assert step == pytest.approx(1 / 30)


def test_cubic_interpolation_reproduces_parabolas_and_its_own_points():
    moments = np.arange(10.0)
    values = (moments**2)[:, None].astype(np.float32)
    at = np.array([1.0, 2.5, 3.25, 7.75])
    assert np.allclose(cubic_at(values, moments, at)[:, 0], at**2, atol=1e-4)
    assert np.array_equal(cubic_at(values, moments, moments), values)
