"""Bones turned by the joints alone: directions and twist."""

import numpy as np
import pytest

from jumps_blender.scene.armature import child_of
from jumps_blender.scene.orientation import orientations
from jumps_blender.scene.rest_pose import parents_first, rest_pose
from jumps_blender.skeletons import JOINTS, MIRROR, PARENTS, joint_index

from ..walking import walker

REST = rest_pose(np.zeros((1, 28, 3)), 1.75, deep=True)


def about(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    """The matrix of a turn (Rodrigues)."""
    x, y, z = np.array(axis, float) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def posed(turns: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Joints (28, 3) with bones turned against their parents, and each bone's whole turn."""
    points, whole = REST.copy(), {}
    for joint in parents_first():
        name, parent = JOINTS[joint], PARENTS[joint]
        above = whole[JOINTS[parent]] if parent >= 0 else np.eye(3)
        whole[name] = above @ turns.get(name, np.eye(3))
        if parent >= 0:
            points[joint] = points[parent] + above @ (REST[joint] - REST[parent])
    return points, whole


def angle(found: np.ndarray, expected: np.ndarray) -> float:
    """Degrees between two turns."""
    return float(np.rad2deg(np.arccos(np.clip((np.trace(found @ expected.T) - 1) / 2, -1, 1))))


def found_in(points: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(JOINTS, orientations(REST, points[None])[0], strict=True))


def test_at_rest_nothing_is_turned() -> None:
    assert orientations(REST, REST[None])[0] == pytest.approx(np.tile(np.eye(3), (28, 1, 1)))


def test_turned_as_a_whole() -> None:
    turn = about((1, 2, 3), 70)
    found = orientations(REST, (REST @ turn.T)[None] + 3.0)[0]
    assert found == pytest.approx(np.tile(turn, (28, 1, 1)), abs=1e-9)


def test_bones_point_where_their_joints_are() -> None:
    world, _ = walker(60)
    world = world + np.random.default_rng(0).normal(0, 0.05, world.shape)
    turns = orientations(REST, world)
    assert np.allclose(turns @ turns.swapaxes(-1, -2), np.eye(3), atol=1e-9)
    assert np.linalg.det(turns) == pytest.approx(np.ones((60, 28)))
    for joint in range(28):
        child = child_of(joint)
        if child is None:
            continue
        at_rest = REST[child] - REST[joint]
        now = world[:, child] - world[:, joint]
        now /= np.linalg.norm(now, axis=1, keepdims=True)
        assert turns[:, joint] @ at_rest / np.linalg.norm(at_rest) == pytest.approx(now, abs=1e-9)


@pytest.mark.parametrize("side", ["l", "r"])
def test_an_elbow_tells_the_twist_of_the_arm(side: str) -> None:
    upper = REST[joint_index(f"{side}_elbow")] - REST[joint_index(f"{side}_shoulder")]
    hinge = np.cross(upper, (0, -1, 0))
    twist = about(upper, 40)
    points, whole = posed({f"{side}_shoulder": twist, f"{side}_elbow": about(hinge, 80)})
    found = found_in(points)
    for part in ("shoulder", "elbow"):
        assert angle(found[f"{side}_{part}"], whole[f"{side}_{part}"]) < 0.5
    # A straight arm tells nothing of it: it stays as at rest.
    points, whole = posed({f"{side}_shoulder": twist})
    assert angle(found_in(points)[f"{side}_shoulder"], np.eye(3)) < 0.5


@pytest.mark.parametrize("side", ["l", "r"])
def test_a_knee_tells_the_twist_of_the_leg_and_the_foot_its_own(side: str) -> None:
    thigh = REST[joint_index(f"{side}_knee")] - REST[joint_index(f"{side}_hip")]
    hinge = np.cross(thigh, (0, 1, 0))
    points, whole = posed(
        {
            f"{side}_hip": about((1, 0, 0), -50) @ about(thigh, 25),
            f"{side}_knee": about(hinge, 70),
            f"{side}_ankle": about((1, 0, 0), 15),
        }
    )
    found = found_in(points)
    for part in ("hip", "knee"):
        assert angle(found[f"{side}_{part}"], whole[f"{side}_{part}"]) < 0.5
    assert angle(found[f"{side}_ankle"], whole[f"{side}_ankle"]) < 15
    # Hyperextended by a little, it is no other leg.
    points, _ = posed({f"{side}_knee": about(hinge, -8)})
    assert angle(found_in(points)[f"{side}_hip"], np.eye(3)) < 10


@pytest.mark.parametrize("side", ["l", "r"])
def test_a_bent_knee_tells_the_twist_however_far_the_leg_is_turned(side: str) -> None:
    """Bug: more than 90 degrees from the twist at rest it was taken for a straight one, and leg and
    foot spun about themselves for some frames."""
    thigh = REST[joint_index(f"{side}_knee")] - REST[joint_index(f"{side}_hip")]
    hinge, out = np.cross(thigh, (0, 1, 0)), 1 if side == "l" else -1
    clip, wholes = [], []
    for twist in 125 * np.sin(np.linspace(0, np.pi, 50)):
        points, whole = posed(
            {
                f"{side}_hip": about((1, 0, 0), -60) @ about(thigh, out * twist),
                f"{side}_knee": about(hinge, 110),
            }
        )
        clip.append(points)
        wholes.append(whole)
    turns = orientations(REST, np.array(clip))
    for part in ("hip", "knee"):
        found = turns[:, joint_index(f"{side}_{part}")]
        true = [whole[f"{side}_{part}"] for whole in wholes]
        assert max(angle(a, b) for a, b in zip(found, true, strict=True)) < 0.5
    feet = turns[:, joint_index(f"{side}_ankle")]
    assert max(angle(a, b) for a, b in zip(feet[1:], feet[:-1], strict=True)) < 15


def test_hips_and_shoulders_turn_the_spine_between_them() -> None:
    points, whole = posed({"spine2": about((0, 0, 1), 30)})
    found = found_in(points)
    assert angle(found["pelvis"], np.eye(3)) < 1
    assert angle(found["neck"], whole["neck"]) < 1
    between = angle(found["spine2"], np.eye(3))
    assert 5 < between < 25


def test_nothing_turns_over_when_limbs_become_straight() -> None:
    upper = REST[joint_index("l_elbow")] - REST[joint_index("l_shoulder")]
    hinge = np.cross(upper, (0, -1, 0))
    bends = 60 * np.abs(np.sin(np.linspace(0, 3 * np.pi, 120)))
    clip = np.array(
        [
            posed({"l_shoulder": about(upper, 60), "l_elbow": about(hinge, bend)})[0]
            for bend in bends
        ]
    )
    turns = orientations(REST, clip)[:, joint_index("l_shoulder")]
    steps = [angle(a, b) for a, b in zip(turns[1:], turns[:-1], strict=True)]
    assert max(steps) < 12


def test_twice_the_frame_rate_turns_nothing_otherwise() -> None:
    """Bug: a straight limb remembered its hinge for five frames, at any frame rate."""
    upper = REST[joint_index("l_elbow")] - REST[joint_index("l_shoulder")]
    hinge = np.cross(upper, (0, -1, 0))
    bends = 60 * np.sin(np.linspace(0, 3 * np.pi, 241)) ** 2
    twists = np.linspace(0, 60, 241)
    clip = np.array(
        [
            posed({"l_shoulder": about(upper, twist), "l_elbow": about(hinge, bend)})[0]
            for twist, bend in zip(twists, bends, strict=True)
        ]
    )
    shoulder = joint_index("l_shoulder")
    often = orientations(REST, clip, 120.0)[::4, shoulder]
    seldom = orientations(REST, clip[::4], 30.0)[:, shoulder]
    away = max(angle(a, b) for a, b in zip(often, seldom, strict=True))
    told = max(
        angle(a, b) for a, b in zip(orientations(REST, clip)[::4, shoulder], seldom, strict=True)
    )
    assert away < 1 < 3 < told


def test_the_mirror_image_is_turned_mirrored() -> None:
    world, _ = walker(30)
    world = world + np.random.default_rng(1).normal(0, 0.04, world.shape)
    flip = np.diag([-1.0, 1.0, 1.0])
    mirrored = (world @ flip)[:, list(MIRROR)]
    one, two = orientations(REST, world), orientations(REST, mirrored)[:, list(MIRROR)]
    assert one == pytest.approx(flip @ two @ flip, abs=1e-9)
