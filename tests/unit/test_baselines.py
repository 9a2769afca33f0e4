"""Engines that look at one frame at a time."""

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import load_engine
from jumps_blender.skeletons import COMMON12, JOINTS, MIRROR
from training.fit_baselines import fit_baselines

from .conftest import observation_of, walking_figure
from .test_evaluation import write_archive

WRIST, ELBOW = JOINTS.index("l_wrist"), JOINTS.index("l_elbow")


@pytest.mark.parametrize("name", ["interpolate", "ridge", "pca"])
def test_place_and_size_do_not_matter_and_all_is_finite(name):
    engine, points = load_engine(name), walking_figure(40)
    seen = np.random.default_rng(0).random((40, 28)) < 0.8
    seen[20] = False
    plain = engine.estimate(observation_of(points, seen=seen))
    moved = engine.estimate(observation_of(points * 3 + 100, seen=seen))
    assert np.isfinite(plain.positions).all()
    assert (plain.uncertainty >= 0).all()
    assert np.abs((moved.positions - 100) / 3 - plain.positions).max() < 0.05
    assert np.allclose(moved.uncertainty / 3, plain.uncertainty, rtol=1e-3)


def test_pca_follows_what_it_sees_and_is_less_sure_of_what_it_does_not():
    engine, points = load_engine("pca"), walking_figure(30)
    whole = engine.estimate(observation_of(points))
    height = np.ptp(points[0, :, 1])
    error = np.linalg.norm(whole.positions - points, axis=-1)[:, list(COMMON12)]
    assert error.mean() < 0.02 * height
    seen = np.ones((30, 28), bool)
    seen[:, WRIST] = False
    hidden = engine.estimate(observation_of(points, seen=seen))
    assert (hidden.uncertainty[:, WRIST] > 2 * whole.uncertainty[:, WRIST]).all()
    # The wrist is told by the rest, which knows where the elbow is.
    reach = np.linalg.norm(hidden.positions[:, WRIST] - points[:, ELBOW], axis=-1)
    assert reach.max() < 0.4 * height


def test_pca_of_the_mirror_image_is_the_mirror_image():
    engine, points, order = load_engine("pca"), walking_figure(10), list(MIRROR)
    plain = engine.estimate(observation_of(points)).positions
    flipped = engine.estimate(observation_of(points[:, order] * (-1, 1))).positions
    assert np.abs(flipped[:, order] * (-1, 1) - plain).max() < 0.5


def test_an_archive_without_whole_bodies_is_refused(tmp_path):
    valid = np.ones((2, 28), bool)
    valid[:, JOINTS.index("l_toe")] = False
    archive = write_archive(tmp_path / "a.npz", {"s1": 60, "s2": 60}, valid=valid)
    with pytest.raises(JumpsError, match="no clip has all 28 joints"):
        fit_baselines(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
