"""No joint bends farther than people's do, and bones keep their lengths."""

import numpy as np
import pytest

from jumps_blender.model_runtime.joint_limits import bends, limited
from jumps_blender.model_runtime.proportions import bone_lengths
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index

from ..walking import walker


@pytest.fixture
def person() -> np.ndarray:
    """Somebody who stands with the arms down and the trunk straight, (20, 28, 3)."""
    world, _ = walker(20)
    world = world.copy()
    places = {
        "spine": (0, 0, 1.05),
        "spine2": (0, 0, 1.15),
        "spine3": (0, 0, 1.25),
        "spine4": (0, 0, 1.35),
        "neck": (0, 0, 1.45),
        "head": (0.03, 0, 1.55),
        "head_top": (0.05, 0, 1.75),
    }
    for side, way in (("l", 1), ("r", -1)):
        places |= {
            f"{side}_clavicle": (0, 0.04 * way, 1.44),
            f"{side}_shoulder": (0, 0.2 * way, 1.45),
            f"{side}_elbow": (0, 0.22 * way, 1.15),
            f"{side}_wrist": (0.05, 0.22 * way, 0.9),
            f"{side}_hand": (0.08, 0.22 * way, 0.82),
        }
    along = world[:, joint_index("pelvis")] * (1, 1, 0)
    for name, place in places.items():
        world[:, joint_index(name)] = along + place
    return world


def test_a_walk_stays_as_it_is(person):
    assert np.array_equal(limited(person), person)


@pytest.mark.parametrize(
    ("name", "bend", "limit"),
    [
        ("l_toe", 170, 75),
        ("r_hand", 140, 100),
        ("head_top", 100, 65),
        ("l_wrist", 170, 152),
        ("r_foot", 5, 15),
        ("l_hand", 180, 100),
    ],
)
def test_what_bends_too_far_bends_as_far_as_it_may(person, name, bend, limit):
    joint = joint_index(name)
    middle = PARENTS[joint]
    before = person[:, middle] - person[:, PARENTS[middle]]
    before /= np.linalg.norm(before, axis=1, keepdims=True)
    across = np.cross(before, (0.3, 0.9, 0.1))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.deg2rad(bend)
    length = np.linalg.norm(person[:, joint] - person[:, middle], axis=1, keepdims=True)
    bent = person.copy()
    moved = person[:, middle] + length * (np.cos(angle) * before + np.sin(angle) * across)
    hanging = [j for j, n in enumerate(JOINTS) if j == joint or PARENTS[j] == joint]
    bent[:, hanging] += (moved - person[:, joint])[:, None]
    assert bends(bent, joint) == pytest.approx(bend, abs=1e-4)
    result = limited(bent)
    assert bends(result, joint) == pytest.approx(limit, abs=1e-4)
    assert bone_lengths(result) == pytest.approx(bone_lengths(bent), abs=1e-9)
    if 0 < bend < 180:  # in the plane in which it was bent
        new = result[:, joint] - result[:, middle]
        normal = np.cross(before, across)
        assert (new * normal).sum(axis=1) == pytest.approx(0, abs=1e-9)
        assert ((new * across).sum(axis=1) > 0).all()
    still = [j for j in range(28) if j not in hanging and PARENTS[j] not in hanging]
    assert np.array_equal(result[:, still], bent[:, still])


def test_what_hangs_on_a_joint_turns_with_it(person):
    knee, ankle, foot, toe = (joint_index(f"l_{n}") for n in ("knee", "ankle", "foot", "toe"))
    bent = person.copy()
    # The shin lies against the thigh.
    shin = bent[:, ankle] - bent[:, knee]
    thigh = bent[:, knee] - bent[:, joint_index("l_hip")]
    up = -thigh / np.linalg.norm(thigh, axis=1, keepdims=True)
    moved = bent[:, knee] + np.linalg.norm(shin, axis=1, keepdims=True) * up + (0.02, 0, 0)
    shift = moved - bent[:, ankle]
    for joint in (ankle, foot, toe):
        bent[:, joint] += shift
    result = limited(bent)
    assert (bends(bent, ankle) > 170).all()
    assert (bends(result, ankle) <= 158 + 1e-6).all()
    assert bone_lengths(result) == pytest.approx(bone_lengths(bent), abs=1e-9)


def test_a_kinked_trunk_is_straightened_and_carries_the_arms_along(person):
    bent = person.copy()
    spine2, spine3 = joint_index("spine2"), joint_index("spine3")
    bent[5:8, spine2] += (0.08, 0, 0)
    bent[5:8, spine3] -= (0.06, 0, 0)
    result = limited(bent)
    chain = [joint_index(name) for name in ("spine2", "spine3", "spine4", "neck")]
    for joint, limit in zip(chain, (16, 25, 22, 12), strict=True):
        assert bends(bent, joint)[5] > limit or joint == chain[-1]
        assert (bends(result, joint) <= limit + 1e-6).all()
    assert bone_lengths(result) == pytest.approx(bone_lengths(bent), abs=1e-9)
    shift = result - bent
    arms = [joint for joint, name in enumerate(JOINTS) if name[2:] in ("shoulder", "wrist", "hand")]
    assert np.allclose(shift[5:8, arms], shift[5:8, arms[:1]])
    assert np.abs(shift[5:8, arms]).max() < 0.2
    assert np.array_equal(np.delete(result, [5, 6, 7], 0), np.delete(bent, [5, 6, 7], 0))


def test_numbers_stay_finite_where_bones_have_no_length():
    assert np.isfinite(limited(np.zeros((3, 28, 3)))).all()
