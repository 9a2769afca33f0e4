from pathlib import Path

import numpy as np
import pytest

from jumps_blender.scene.coordinates import picture_plane, standing_height
from jumps_blender.skeletons import JOINTS, joint_index

from .walker import FIRST_PELVIS_X, FLOOR_Y, HEIGHT, PIXELS_PER_METRE, walker

MOCAP = Path(__file__).parents[3] / "shared" / "mocap" / "test.npz"


def test_pixels_become_units_and_back() -> None:
    plane = picture_plane(walker().positions, HEIGHT)
    assert plane.origin_x == pytest.approx(FIRST_PELVIS_X)
    assert plane.floor_y == pytest.approx(FLOOR_Y)
    # The chain's constant is an average person's; the walker is one within 3 %.
    assert plane.units_per_pixel == pytest.approx(1 / PIXELS_PER_METRE, rel=0.03)
    pixels = np.array([[FIRST_PELVIS_X + 100, FLOOR_Y - 50], [FIRST_PELVIS_X, FLOOR_Y]])
    scale = plane.units_per_pixel
    points = plane.to_scene(pixels)
    assert points == pytest.approx(np.array([[100 * scale, 0, 50 * scale], [0, 0, 0]]))
    assert plane.to_pixels(points) == pytest.approx(pixels)


def test_character_stands_upright_and_unmirrored() -> None:
    sequence = walker()
    points = picture_plane(sequence.positions, 1.75).to_scene(sequence.positions)
    first = dict(zip(JOINTS, points[0], strict=True))
    assert first["pelvis"][0] == pytest.approx(0.0)
    assert first["head_top"][2] == pytest.approx(1.75, rel=0.03)
    assert points[..., 2].min() == pytest.approx(0.0, abs=1e-6)
    assert first["l_wrist"][0] > 0.3 > -0.3 > first["r_wrist"][0]
    assert np.all(points[..., 1] == 0)


def test_height_is_that_of_the_image_scaled() -> None:
    positions = walker().positions
    assert standing_height(positions * 3 + 500) == pytest.approx(
        3 * standing_height(positions), rel=1e-5
    )


def test_a_crouching_person_is_as_tall() -> None:
    sequence = walker()
    crouching = sequence.positions.astype(np.float64)
    # Knees bent sideways by 60 degrees with bones of the same length.
    for side, sign in (("l", 1), ("r", -1)):
        hip, knee, ankle = (joint_index(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        for upper, lower, turn in ((hip, knee, sign), (knee, ankle, -sign)):
            length = np.linalg.norm(
                sequence.positions[:, lower] - sequence.positions[:, upper], axis=-1
            )
            step = np.array([turn * np.sin(np.pi / 3), np.cos(np.pi / 3)])
            crouching[:, lower] = crouching[:, upper] + length[:, None] * step
    assert standing_height(crouching) == pytest.approx(
        standing_height(sequence.positions), rel=0.001
    )


@pytest.mark.parametrize("value", [0.0, 1e-20, 1e30, -3e38])
def test_hostile_positions_stay_finite(value: float) -> None:
    positions = np.full((3, 28, 2), value, np.float32)
    positions[1, 5] = 3e38
    plane = picture_plane(positions, 1.75)
    assert plane.units_per_pixel > 0
    assert np.isfinite([plane.units_per_pixel, plane.origin_x, plane.floor_y]).all()
    assert np.isfinite(plane.to_scene(positions)).all()
    assert np.abs(plane.to_scene(positions)).max() <= 1e6


def test_one_point_gives_a_usable_scale() -> None:
    plane = picture_plane(np.full((5, 28, 2), 40, np.float32), 1.75)
    assert plane.units_per_pixel == pytest.approx(1.75 / 500)


def test_height_of_real_people() -> None:
    if not MOCAP.exists():
        pytest.skip(f"{MOCAP} is absent")
    archive = np.load(MOCAP)
    starts = archive["clip_start"]
    ratios = []
    for clip in range(0, len(starts) - 1, 3):
        if not archive["valid"][clip].all():
            continue
        rows = slice(starts[clip], starts[clip + 1])
        joints = archive["root"][rows, None] + archive["offsets"][rows] / 1000
        feet = joints[:, [joint_index("l_toe"), joint_index("r_toe")], 2].min(axis=1)
        height = np.percentile(joints[:, joint_index("head_top"), 2] - feet, 98)
        yaw = clip
        right = np.array([np.cos(yaw), np.sin(yaw), 0])
        picture = np.stack([joints @ right, -joints[..., 2]], -1) * 250
        ratios.append(standing_height(picture) / 250 / height)
    low, median, high = np.percentile(ratios, [10, 50, 90])
    assert median == pytest.approx(1.0, abs=0.03)
    assert low > 0.90
    assert high < 1.10
