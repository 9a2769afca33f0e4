"""Signs that are decided over time, and which way bones lean."""

import itertools

import numpy as np

from jumps_blender.model_runtime.lift_refine import refined
from jumps_blender.signs import signs
from jumps_blender.skeletons import PARENTS, joint_index

from ..walking import walker


def test_the_most_likely_signs_are_found():
    """As by trying all of them."""
    rng = np.random.default_rng(0)
    evidence, ties = rng.normal(0, 1, (7, 20)), rng.normal(0.4, 1, (6, 20))
    found = signs(evidence, ties)

    def worth(chosen):
        return (evidence * chosen).sum(axis=0) + (ties * chosen[1:] * chosen[:-1]).sum(axis=0)

    all_of_them = [worth(np.array(one)[:, None]) for one in itertools.product((-1, 1), repeat=7)]
    assert np.allclose(worth(found), np.max(all_of_them, axis=0))
    assert set(np.unique(found)) == {-1.0, 1.0}
    assert (signs(evidence[:1], ties[:0]) == np.sign(evidence[:1])).all()


def reaching(guessed: np.ndarray) -> np.ndarray:
    """How far the left upper arm leans away from the camera, metres (F,), of a walker whose arm
    looks as if it leaned by about 0.15, where the network finds what is guessed."""
    world, _ = walker(len(guessed))
    truth = np.stack([world[..., 0], -world[..., 2], world[..., 1] + 5.0], axis=-1)
    elbow = joint_index("l_elbow")
    shoulder = PARENTS[elbow]
    low = [joint for joint in range(28) if joint == elbow or PARENTS[joint] == elbow]
    low.append(joint_index("l_hand"))
    size = np.linalg.norm(truth[:, elbow] - truth[:, shoulder], axis=-1)
    bone = np.stack([0 * size, 0.8 * size, 0.6 * size], axis=-1)
    truth[:, low] += (truth[:, shoulder] + bone - truth[:, elbow])[:, None]
    rays = (truth[..., :2] / truth[..., 2:]).astype(np.float32)
    guess = truth.copy()
    guess[:, low, 2] += (guessed - bone[:, 2])[:, None]
    spread = np.full(truth.shape[:2], 0.05, np.float32)
    trust = np.ones(truth.shape[:2], np.float32)
    found, _ = refined(guess.astype(np.float32), spread, rays, trust, 1.75, 1 / 30)
    return found[:, elbow, 2] - found[:, shoulder, 2]


def test_a_limb_that_lies_nearly_across_the_view_does_not_flap():
    """Bug: an upper arm that is shorter in the picture than it is long leaned forwards in one frame
    and backwards in the next, by as much, wherever the network's guess wavered about 0."""
    waver = 0.03 + 0.05 * np.where(np.arange(60) % 2, 1, -1)
    lean = reaching(waver)
    assert (lean > 0.1).all()
    assert np.abs(np.diff(lean)).max() < 0.05


def test_a_limb_that_goes_to_the_other_side_does_not_get_there_in_one_frame():
    """Bug: it leaned by as much as the picture tells, forwards and then at once backwards, where
    the network's guess went over smoothly."""
    lean = reaching(np.linspace(0.15, -0.15, 60))
    assert (lean[:20] > 0.1).all()
    assert (lean[-20:] < -0.1).all()
    assert np.abs(np.diff(lean)).max() < 0.2  # 0.54 before
