"""Engine direct: what holds for every clip, whatever the weights."""

import numpy as np
import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime import direct as direct_module
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.compose import put_back
from jumps_blender.model_runtime.direct import pick_device
from jumps_blender.skeletons import COMMON12, JOINTS, MIRROR

from .conftest import observation_of, walking_figure

CLOSE = 0.02  # pixels, for a figure 200 pixels high: float32 rounding


@pytest.fixture(scope="module")
def engine():
    return load_engine("direct", "cpu")


def holes(frames: int) -> np.ndarray:
    """A reproducible pattern of missing joints, bool (F, 28)."""
    seen = np.random.default_rng(5).random((frames, 28)) < 0.9
    seen[frames // 3 : frames // 2, JOINTS.index("r_wrist")] = False
    return seen


def test_place_and_size_in_the_picture_do_not_matter(engine):
    points, seen = walking_figure(120), holes(120)
    plain = engine.estimate(observation_of(points, seen=seen))
    moved = engine.estimate(observation_of(points + (900, -250), seen=seen))
    assert np.abs(moved.positions - (900, -250) - plain.positions).max() < CLOSE
    large = engine.estimate(observation_of(points * 4, seen=seen))
    assert np.abs(large.positions / 4 - plain.positions).max() < CLOSE
    assert np.allclose(large.uncertainty / 4, plain.uncertainty, rtol=1e-3)


def test_mirrored_input_gives_the_mirrored_result(engine):
    points, seen, order = walking_figure(100), holes(100), list(MIRROR)
    plain = engine.estimate(observation_of(points, seen=seen))
    flipped = points[:, order] * (-1, 1) + (1920, 0)
    mirrored = engine.estimate(observation_of(flipped, seen=seen[:, order]))
    back = (mirrored.positions - (1920, 0))[:, order] * (-1, 1)
    assert np.abs(back - plain.positions).max() < CLOSE
    assert np.allclose(mirrored.uncertainty[:, order], plain.uncertainty, rtol=1e-3)


@pytest.mark.parametrize("fps", [30, 60, 12])
def test_results_do_not_depend_on_where_the_chunks_end(engine, monkeypatch, fps):
    points, seen = walking_figure(700, fps), holes(700)
    observation = observation_of(points, fps, seen)
    usual = engine.estimate(observation)
    monkeypatch.setattr(engine, "_chunk", 101)
    monkeypatch.setattr(direct_module, "_PIECE", 37)
    pieces = engine.estimate(observation)
    assert np.abs(pieces.positions - usual.positions).max() < CLOSE
    assert np.allclose(pieces.uncertainty, usual.uncertainty, rtol=1e-3)


def test_twice_the_frame_rate_gives_the_same_result_at_the_same_times(engine):
    fast = engine.estimate(observation_of(walking_figure(241, 60), 60))
    slow = engine.estimate(observation_of(walking_figure(241, 60)[::2], 30))
    assert np.abs(fast.positions[::2] - slow.positions).max() < CLOSE


# Pixels, for a figure 180 high; five frames in a swing leave its turning points out. How large the
# error at 5 frames per second is on real motion, `jumps evaluate --fps 5` says.
@pytest.mark.parametrize(
    ("fps", "close"),
    [(5, 7.0), (12, 4.0), *((fps, 4.0) for fps in (24, 25, 50, 59.94, 120, 240))],
)
def test_any_frame_rate_stays_close_to_the_30_fps_result(engine, fps, close):
    seconds = 4
    reference = engine.estimate(observation_of(walking_figure(seconds * 30 + 1)))
    own = engine.estimate(observation_of(walking_figure(int(seconds * fps) + 1, fps), fps))
    at = np.arange(int(seconds * fps) + 1) / fps
    for joint in ("l_hand", "r_toe", "head_top"):
        j = JOINTS.index(joint)
        for axis in (0, 1):
            expected = np.interp(
                at, np.arange(seconds * 30 + 1) / 30, reference.positions[:, j, axis]
            )
            assert np.abs(own.positions[:, j, axis] - expected).max() < close


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_clips_of_a_few_frames(engine, frames):
    points = walking_figure(frames)
    estimate = engine.estimate(observation_of(points))
    assert np.isfinite(estimate.positions).all()
    error = np.linalg.norm(estimate.positions - points, axis=-1)
    assert error[:, list(COMMON12)].max() < 15


def test_a_long_hole_is_filled_without_a_jump(engine):
    frames = 900
    points = walking_figure(frames)
    seen = np.ones((frames, 28), bool)
    seen[300:600] = False  # ten seconds with nobody
    observation = observation_of(points, seen=seen)
    estimate = engine.estimate(observation)
    put_back(observation, estimate.positions)
    step = np.linalg.norm(np.diff(estimate.positions, axis=0), axis=-1)
    usual = np.linalg.norm(np.diff(points, axis=0), axis=-1).max()
    assert step.max() < 2 * usual
    assert (estimate.uncertainty[450] > 3 * estimate.uncertainty[100]).mean() > 0.5


@pytest.mark.parametrize("joint", ["l_hip", "r_wrist"])
def test_a_single_visible_joint_still_gives_finite_results(engine, joint):
    points = walking_figure(40)
    seen = np.zeros((40, 28), bool)
    seen[7, JOINTS.index(joint)] = True
    estimate = engine.estimate(observation_of(points, seen=seen))
    assert np.isfinite(estimate.positions).all()
    assert np.isfinite(estimate.uncertainty).all()
    assert (estimate.uncertainty > 0).all()


def test_all_joints_in_one_point_and_far_away(engine):
    points = np.full((20, 28, 2), 1e6, np.float32)
    estimate = engine.estimate(observation_of(points))
    assert np.isfinite(estimate.positions).all()
    assert np.abs(estimate.positions - 1e6).max() < 10


def test_richer_inputs_are_used(engine):
    points = walking_figure(60)
    rich = observation_of(points)
    toe = JOINTS.index("l_toe")
    rich.positions[:, toe], rich.confidence[:, toe] = points[:, toe], 1
    given = engine.estimate(rich).positions[:, toe] - points[:, toe]
    guessed = engine.estimate(observation_of(points)).positions[:, toe] - points[:, toe]
    assert np.linalg.norm(given, axis=-1).mean() < np.linalg.norm(guessed, axis=-1).mean()


def test_progress_rises_to_one_and_cancelling_stops(engine):
    observation = observation_of(walking_figure(1500))
    seen: list[float] = []
    engine.estimate(observation, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) >= 3
    calls = iter([False, True])
    with pytest.raises(WorkCancelledError):
        engine.estimate(observation, cancelled=lambda: next(calls))


def test_devices():
    assert pick_device("auto").type in ("cpu", "cuda")
    with pytest.raises(JumpsError, match="not known"):
        pick_device("tpu")


def test_unknown_engine():
    with pytest.raises(JumpsError, match="choose one of direct"):
        load_engine("magic")


@pytest.mark.parametrize("name", ["ridge", "interpolate"])
def test_baselines_are_finite_and_keep_what_they_see(name):
    points = walking_figure(80)
    observation: Observation = observation_of(points, seen=holes(80))
    estimate = load_engine(name).estimate(observation)
    assert np.isfinite(estimate.positions).all()
    assert np.isfinite(estimate.uncertainty).all()
    lone = np.zeros((80, 28), bool)
    lone[3, JOINTS.index("l_knee")] = True
    alone = load_engine(name).estimate(observation_of(points, seen=lone))
    assert np.isfinite(alone.positions).all()
