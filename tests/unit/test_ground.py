"""Floors, contacts and feet that stand still, on a figure that walks without sliding."""

import numpy as np
import pytest
import torch

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import StillCamera
from jumps_blender.model_runtime import direct
from jumps_blender.model_runtime import lift as lift_module
from jumps_blender.model_runtime import space as space_module
from jumps_blender.model_runtime.contacts import CONTACTS, contacts, soles, spans, standing
from jumps_blender.model_runtime.foot_lock import locked, raised, settled
from jumps_blender.model_runtime.ground import find_ground
from jumps_blender.model_runtime.lift import Lift
from jumps_blender.model_runtime.proportions import bone_lengths
from jumps_blender.model_runtime.space import guessed_size, lift_sequence
from jumps_blender.skeletons import JOINTS

from ..walking import FEET, HELD_JOINTS, LEGS, PELVIS, camera, picture, times, walker


def seen(world: np.ndarray, stands: np.ndarray, eye: StillCamera, up=None) -> Lift:
    direction = eye.turn.T @ (0, 0, 1) if up is None else up
    return Lift(
        eye.to_camera(world).astype(np.float32),
        np.full(world.shape[:2], 0.02, np.float32),
        np.tile(direction, (len(world), 1)).astype(np.float32),
        stands.astype(np.float32),
    )


def speed(world: np.ndarray, stands: np.ndarray) -> float:
    """Mean horizontal speed of soles that stand, metres per second."""
    change = np.linalg.norm(np.diff(soles(world)[..., :2], axis=0), axis=-1) * 30
    return float(change[stands[1:] & stands[:-1]].mean())


def test_a_camera_projects_and_turns_back():
    eye = camera()
    points = np.array([[1.0, 2.0, 0.5], [1.5, 3.0, 1.4]])
    assert np.allclose(eye.to_world(eye.to_camera(points)), points)
    ahead = eye.eye + 3 * eye.turn[:, 2]
    assert np.allclose(eye.project(ahead), (960, 540))
    above = eye.project(ahead + np.array([0, 0, 0.1]))
    assert above[1] < 540
    assert abs(above[0] - 960) < 1e-6


def test_standing_begins_and_ends_at_two_probabilities_and_lasts():
    probability = np.zeros((30, 4), np.float32)
    probability[5:15, 0] = 0.9
    probability[15:20, 0] = 0.5
    probability[7, 3] = 0.9
    assert spans(standing(probability, times(30))) == [(0, 5, 20)]
    assert standing(probability, times(30))[:, 0].tolist() == [5 <= n < 20 for n in range(30)]
    probability[20:, 2] = 1.0
    assert spans(standing(probability, times(30))) == [(0, 5, 20), (2, 20, 30)]


def test_the_walkers_feet_stand_where_they_were_put():
    world, stands = walker()
    found = contacts(world, np.float64(1 / 30))
    # Where a step begins and ends the speed is a matter of a frame.
    inner = (stands[2:] & stands[:-2] & stands[1:-1])[:, [1, 3]]
    assert found[1:-1][:, [1, 3]][inner].all()
    assert speed(world, stands) < 1e-9
    assert CONTACTS[1] == "l_toe"


@pytest.mark.parametrize("pitch", [-0.2, 0.0, 0.3])
def test_the_floor_is_found(pitch):
    world, stands = walker()
    eye = camera(pitch)
    turn, place = find_ground(seen(world, stands, eye), times(120))
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert turn[2] @ eye.turn[2] > np.cos(np.deg2rad(0.2))
    assert place[2] == pytest.approx(1.5, abs=0.01)
    again = StillCamera(turn, place, eye.lens, eye.size).to_world(eye.to_camera(world))
    assert np.allclose(again[0, PELVIS, :2], 0, atol=1e-5)
    assert again[:, FEET, 2].min() > 0.02
    # The camera looks along +y.
    assert turn[:, 2] @ (0, 1, 0) > 0.9


def test_steps_mend_an_upward_direction_that_is_off():
    world, stands = walker()
    eye = camera()
    true_up = eye.turn.T @ (0, 0, 1)
    off = true_up + 0.05 * np.array([1.0, 0, 0])  # leaning along the walk
    off /= np.linalg.norm(off)
    turn, _ = find_ground(seen(world, stands, eye, off), times(120))
    assert np.rad2deg(np.arccos(off @ true_up)) > 2.5
    assert np.rad2deg(np.arccos(turn[2] @ true_up)) < 1.3


def test_without_a_step_the_lowest_foot_is_on_the_floor():
    world, stands = walker()
    eye = camera()
    turn, place = find_ground(seen(world, 0 * stands, eye), times(120))
    lowest = StillCamera(turn, place, eye.lens, eye.size).to_world(eye.to_camera(world))
    assert abs(lowest[:, FEET, 2].min() - 0.034) < 0.02


def disturbed(world: np.ndarray, eye: np.ndarray, size: float = 0.1) -> np.ndarray:
    """The body nearer and farther along the camera's rays, as one picture can't tell."""
    ray = world[:, PELVIS] - eye
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    wave = size * np.sin(np.arange(len(world)) / 7)
    return world + (wave[:, None] * ray)[:, None]


def test_the_body_is_settled_along_the_rays():
    world, stands = walker()
    eye = camera()
    moved = disturbed(world, eye.eye, 0.05)
    assert speed(moved, stands) > 0.1
    result = settled(moved, eye.eye, stands)
    assert speed(result, stands) < 0.35 * speed(moved, stands)
    # As a whole, and hardly aside in the picture.
    shift = result - moved
    assert np.allclose(shift, shift[:, :1])
    assert np.abs(eye.project(result) - eye.project(moved)).max() < 10


def test_a_foot_that_is_said_to_stand_too_early_does_not_jerk_the_body():
    world, stands = walker()
    early = stands.copy()
    early[:-1] |= stands[1:]
    eye = camera()
    before, after = (
        np.linalg.norm(np.diff(x, 2, axis=0), axis=-1).max()
        for x in (world, settled(world, eye.eye, early))
    )
    assert after < 1.1 * before


def test_locked_feet_stand_still_and_nothing_jumps():
    world, stands = walker()
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(0, 0.004, (120, 1, 3)), axis=0)
    drift[..., 2] *= 0.2
    moved = world + drift
    result = locked(moved, stands, times(120))
    assert speed(moved, stands) > 0.1
    assert speed(result, stands) < 0.2 * speed(moved, stands)
    assert np.allclose(bone_lengths(result), bone_lengths(moved), atol=1e-6)
    upper = [
        joint for joint in range(28) if joint not in [j for leg in LEGS.values() for j in leg[1:]]
    ]
    assert np.array_equal(result[:, upper], moved[:, upper])
    jump, before = (np.abs(np.diff(x, 2, axis=0)).max() for x in (result, moved))
    assert jump < 1.5 * before
    assert result[:, FEET, 2].min() > -1e-6


def test_a_foot_that_stands_stays_though_its_toes_were_seen_to_bend():
    """Bug: the foot only turned towards the ball's place, which slid as far as the bent toes drew
    it in."""
    world, stands = walker()
    bent = world.copy()
    for _, _, _, foot, toe in LEGS.values():
        bend = 0.6 * np.sin(np.arange(120) / 4) ** 2
        bent[:, toe] = bent[:, foot] + 0.06 * np.stack(
            [np.cos(bend), np.zeros(120), np.sin(bend)], axis=-1
        )
    result = locked(bent, stands, times(120))

    def slides(points: np.ndarray) -> float:
        feet = soles(points)
        return max(np.ptp(feet[a:b, part, :2], axis=0).max() for part, a, b in spans(stands))

    assert slides(bent) > 0.005
    assert slides(result) < 0.001
    assert np.allclose(bone_lengths(result), bone_lengths(bent), atol=1e-6)


def test_what_stands_already_is_left_alone():
    world, stands = walker()
    result = locked(world, stands, times(120))
    assert np.abs(result - world).max() < 1e-3


def test_who_lies_down_does_not_sink_into_the_floor():
    """Bug: a raised foot of somebody on the ground was said to stand, and hands were 28 cm deep in
    the floor that was found by it."""
    world, stands = walker(60)
    eye = camera()
    lying = world.copy()
    others = [joint for joint in range(28) if joint not in FEET]
    lying[:, others, 2] = 0.05 + 0.1 * (world[:, others, 2] - world[:, others, 2].min())
    lying[:, FEET, 2] += 0.35
    turn, place = find_ground(seen(lying, stands, eye), times(60))
    found = StillCamera(turn, place, eye.lens, eye.size).to_world(eye.to_camera(lying))
    assert found[..., 2].min() == pytest.approx(0.02, abs=0.02)
    # Who falls is on the floor that the steps before have shown.
    falling, frames = world.copy(), np.arange(60)
    deep = np.where((frames > 25) & (frames < 35), 0.1, 0.0)
    falling[:, JOINTS.index("l_hand"), 2] = np.where(deep > 0, -deep, 1.0)
    result = raised(falling, times(60))
    assert result[..., 2].min() > -1e-6
    assert np.array_equal(result[[0, 59]], falling[[0, 59]])
    rise = (result - falling)[..., 2]
    assert np.ptp(rise, axis=1).max() < 1e-9
    assert np.abs(np.diff(rise[:, 0])).max() < 0.03
    # Below stairs there is another floor.
    assert np.array_equal(raised(world - (0, 0, 1.5), times(60)), world - (0, 0, 1.5))


def test_spans_are_told_for_each_part():
    stands = np.zeros((10, 4), bool)
    stands[:3, 0] = stands[5:, 0] = stands[4, 2] = True
    assert spans(stands) == [(0, 0, 3), (0, 5, 10), (2, 4, 5)]


@pytest.mark.parametrize(("down", "toes"), [(0.06, 0.0), (0.1, 0.1)])
def test_no_foot_goes_below_the_floor(down, toes):
    world, stands = walker()
    sunk = world - (0, 0, down)
    for leg in LEGS.values():  # toes up: the heel is lowest
        sunk[:, leg[3:], 2] += toes
    result = locked(sunk, np.zeros_like(stands), times(120))
    assert sunk[:, FEET, 2].min() < -0.02
    assert result[:, FEET, 2].min() > -1e-6
    assert np.allclose(bone_lengths(result), bone_lengths(sunk), atol=1e-6)


class Knowing:
    """Lifts to where the walker is, as seen by the camera of ``picture``."""

    identity = "lift test"

    def lift(self, observation, lens, height, progress=None, cancelled=None):
        del lens, height, progress, cancelled
        world, stands = walker(len(observation.times))
        return seen(world, stands, camera())


def test_a_graphics_card_that_is_too_small_leaves_lifting_to_the_cpu(monkeypatch):
    def load(device):
        if device != "cpu":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return Knowing()

    monkeypatch.setattr(lift_module.Lifter, "load", load)
    monkeypatch.setattr(direct, "pick_device", lambda name: torch.device(name))
    told = []
    assert lift_sequence(picture(), device="cuda", notify=told.append).lifter == "lift test"
    assert told == ["The graphics card's memory is too small: the lifter computed on the CPU."]

    def fail(_device):
        raise MemoryError

    monkeypatch.setattr(lift_module.Lifter, "load", fail)
    with pytest.raises(JumpsError, match=r"^Lifting ran out of memory; close other programs"):
        lift_sequence(picture(), device="cpu")


def test_the_whole_way_into_space(monkeypatch):
    monkeypatch.setattr(lift_module.Lifter, "load", lambda _device: Knowing())
    # No person's trunk is as this figure's.
    monkeypatch.setattr(space_module, "limited", lambda positions: positions)
    found = lift_sequence(picture(), height=1.8, focal_mm=1500 / 1920 * 36)
    assert found.lifter == "lift test"
    assert found.height == 1.8
    assert np.allclose(found.positions[0, PELVIS, :2], 0, atol=1e-6)
    assert np.abs(found.camera.project(found.positions) - picture().positions).max() < 6
    world, _ = walker(60)
    moved = found.positions - world
    assert np.abs(moved - moved[0, 0]).max() < 0.02
    # What the feet were before they were held is kept, and which of them are.
    loose = lift_sequence(picture(), height=1.8, focal_mm=1500 / 1920 * 36, foot_lock=False)
    assert np.array_equal(loose.positions[:, HELD_JOINTS], loose.free)
    assert np.array_equal(found.free, loose.free)
    assert np.array_equal(found.stands, loose.stands)
    assert 0.4 < found.stands.mean() < 0.6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"height": 0.0}, "height is 0 m"),
        ({"height": float("nan")}, "height is nan m"),
        ({"focal_mm": 0.5}, "focal length is 0.5 mm"),
        ({"focal_mm": float("inf")}, "focal length is inf mm"),
    ],
)
def test_impossible_settings_are_a_message(settings, words):
    with pytest.raises(JumpsError, match=words):
        lift_sequence(picture(), **settings)


def test_a_picture_whose_size_nobody_tells_is_guessed():
    points = np.zeros((10, 28, 2), np.float32)
    assert guessed_size(points) == (640, 480)
    assert guessed_size(points + (1000, 700)) == (1280, 720)
    assert guessed_size(points + (700, 1000)) == (720, 1280)
    assert guessed_size(points + (9000, 1000)) == (9000, 1000)
