"""A body before a camera whose way is known lies where that camera saw it, on its world's floor."""

from dataclasses import replace

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import Lens, MovingCamera, SpaceSequence, StillCamera
from jumps_blender.model_runtime.space import before_moving

from ..walking import FEET, HELD_JOINTS, picture, times, walker

FRAMES = 90
LENS, SIZE = Lens(1500.0, (960.0, 540.0)), (1920, 1080)


def way(frames: int = FRAMES) -> MovingCamera:
    """Half a circle of 4 m around somebody who walks, rising, looking at her."""
    angle = np.linspace(0, np.pi, frames)
    middle = np.stack(
        [np.linspace(0, (FRAMES - 1) / 30, frames), 0 * angle, 0 * angle + 1], axis=-1
    )
    aside = np.stack([np.sin(angle), -np.cos(angle), 0.1 * angle], axis=-1)
    eye = middle + 4 * aside
    forward = (middle - eye) / np.linalg.norm(middle - eye, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    turn = np.stack([right, np.cross(forward, right), forward], axis=-1)
    return MovingCamera(turn, eye, LENS, SIZE)


def seen(positions: np.ndarray, stands: np.ndarray) -> SpaceSequence:
    """As a lifter leaves it in a camera's axes (F, 28, 3)."""
    return SpaceSequence(
        picture=picture(len(positions)),
        positions=positions.astype(np.float32),
        uncertainty=np.full(positions.shape[:2], 0.02, np.float32),
        contact=stands.astype(np.float32),
        stands=stands.astype(bool),
        free=positions[:, HELD_JOINTS].astype(np.float32),
        camera=StillCamera(np.eye(3), np.zeros(3), LENS, SIZE),
        height=1.75,
        lifter="lift test",
    )


def test_what_is_seen_exactly_is_where_it_was() -> None:
    world, stands = walker(FRAMES)
    camera = way()
    found = before_moving(seen(camera.to_camera(world), stands), camera)
    assert found.positions == pytest.approx(world, abs=0.02)
    assert found.camera is camera
    rays = camera.to_camera(found.positions)
    expected = camera.to_camera(world)
    assert rays[..., :2] / rays[..., 2:] == pytest.approx(
        expected[..., :2] / expected[..., 2:], abs=0.004
    )


@pytest.mark.parametrize("level", [0.0, 0.8, -2.0])
def test_the_floor_is_where_the_cameras_world_or_the_steps_have_it(level: float) -> None:
    world, stands = walker(FRAMES)
    shift = np.array([0, 0, level])
    camera = replace(way(), eye=way().eye + shift)
    # Depth is what a lifter knows least: it wanders by 5 cm.
    local = camera.to_camera(world + shift)
    wander = 1 + 0.012 * np.sin(np.arange(FRAMES) / 12)[:, None, None]
    found = before_moving(seen(local * wander, stands), camera)
    assert found.positions[:, FEET, 2].min() == pytest.approx(level, abs=0.05)
    assert found.positions == pytest.approx(world + shift, abs=0.08)


def test_a_camera_is_known_between_its_frames() -> None:
    camera = way()
    between = camera.at(times(FRAMES), times(FRAMES)[:-1] + 1 / 60)
    fine = way(2 * FRAMES - 1)
    assert between.eye == pytest.approx(fine.eye[1::2], abs=0.02)
    assert between.turn == pytest.approx(fine.turn[1::2], abs=0.01)
    identity = between.turn @ between.turn.swapaxes(-1, -2)
    assert identity == pytest.approx(np.tile(np.eye(3), (FRAMES - 1, 1, 1)), abs=1e-9)
    # Before and after, it stays where it was; and one frame is enough.
    ends = camera.at(times(FRAMES), np.array([-1.0, 99.0]))
    assert ends.eye == pytest.approx(camera.eye[[0, -1]])
    still = MovingCamera(camera.turn[:1], camera.eye[:1], LENS, SIZE)
    assert still.at(np.zeros(1), times(3)).eye == pytest.approx(np.tile(camera.eye[0], (3, 1)))


def test_a_camera_without_a_place_is_a_message() -> None:
    world, stands = walker(FRAMES)
    camera = way()
    given = seen(camera.to_camera(world), stands)
    with pytest.raises(JumpsError, match="not a finite number"):
        before_moving(given, replace(camera, eye=camera.eye * np.nan))
