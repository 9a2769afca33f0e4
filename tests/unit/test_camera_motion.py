"""Whether a camera moves, told from backgrounds that this test draws."""

import numpy as np
import pytest

from jumps_blender.video.motion import camera_motion, moments, person_boxes

N, HEIGHT, WIDTH = 16, 135, 240
STILL = [(0.0, 0.0)] * N


def world() -> np.ndarray:
    """A wall with texture of several sizes, grey (700, 1000)."""
    rng = np.random.default_rng(1)
    wall = np.full((700, 1000), 120.0)
    for size in (4, 10, 25):
        coarse = rng.normal(0, 22, (700 // size + 2, 1000 // size + 2))
        y, x = np.mgrid[:700, :1000] / size
        top, left = y.astype(int), x.astype(int)
        u, v = x - left, y - top
        wall += (1 - v) * ((1 - u) * coarse[top, left] + u * coarse[top, left + 1])
        wall += v * ((1 - u) * coarse[top + 1, left] + u * coarse[top + 1, left + 1])
    return wall


def film(
    path: list[tuple[float, float]],
    zoom: np.ndarray | float = 1.0,
    contrast: float = 1.0,
    noise: float = 2.0,
    others: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of the wall with somebody who walks through, and her boxes."""
    wall, rng = world(), np.random.default_rng(2)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    zooms = np.broadcast_to(zoom, N)
    pictures, boxes = [], []
    for (right, down), closer, i in zip(path, zooms, range(N), strict=True):
        at_x = (x - WIDTH / 2) / closer + 500 + right
        at_y = (y - HEIGHT / 2) / closer + 350 + down
        left, top = at_x.astype(int), at_y.astype(int)
        u, v = at_x - left, at_y - top
        shown = (1 - v) * ((1 - u) * wall[top, left] + u * wall[top, left + 1])
        shown += v * ((1 - u) * wall[top + 1, left] + u * wall[top + 1, left + 1])
        shown = 120 + contrast * (shown - 120) + rng.normal(0, noise, shown.shape)
        for person in range(others + 1):
            place = 30 + (8 - 20 * person) * i % 180
            shown[30:120, place : place + 30] = rng.normal(200 - 60 * person, 30, (90, 30))
        pictures.append(shown)
        boxes.append([30 + 8 * i % 180, 30, 60 + 8 * i % 180, 120])
    return np.array(pictures), np.array(boxes, float)


@pytest.mark.parametrize("options", [{}, {"noise": 8.0}, {"others": 1}], ids=str)
def test_a_still_camera_stands_still_whoever_walks_through(options: dict) -> None:
    motion = camera_motion(*film(STILL, **options))
    assert motion.is_known
    assert not motion.moves
    assert motion.reach < 0.004


def test_a_pan_is_measured() -> None:
    path = [(2.0 * i, 0.5 * i) for i in range(N)]
    motion = camera_motion(*film(path))
    # From the middle of the time to the end: 7.5 steps.
    assert motion.reach == pytest.approx(np.hypot(2, 0.5) * 7.5 / HEIGHT, rel=0.1)
    assert motion.moves


@pytest.mark.parametrize(
    ("path", "zoom"),
    [
        (STILL, np.linspace(1, 1.2, N)),
        ([(20.0 * i, 0.0) for i in range(N)], 1.0),
        ([(5.0 * (-1) ** i, 3.0 * (i % 3)) for i in range(N)], 1.0),
        ([(75.0 * (i * 7 % 5), 40.0 * (i % 3)) for i in range(N)], 1.0),
    ],
    ids=["zoom", "whip", "shake", "cuts"],
)
def test_other_ways_to_move(path: list[tuple[float, float]], zoom: np.ndarray) -> None:
    motion = camera_motion(*film(path, zoom=zoom))
    assert motion.is_known
    assert motion.moves


def test_nothing_is_said_before_a_bare_wall() -> None:
    motion = camera_motion(*film([(3.0 * i, 0.0) for i in range(N)], contrast=0.01, noise=0.5))
    assert not motion.is_known
    assert not motion.moves


def test_a_person_that_fills_the_picture_leaves_nothing_to_tell() -> None:
    pictures, boxes = film(STILL)
    motion = camera_motion(pictures, boxes * 0 + (0, 0, WIDTH, HEIGHT))
    assert not motion.is_known


def test_moments_are_spread_over_any_clip() -> None:
    assert moments(np.array([2.0])).tolist() == [0]
    short = moments(np.arange(60) / 60)
    assert (short[0], short[-1]) == (0, 59)
    assert len(short) == 5
    long = moments(np.arange(20_000) / 30)
    assert (long[0], long[-1], len(long)) == (0, 19_999, 48)


def test_boxes_leave_room_around_the_joints() -> None:
    joints = np.array([[[10.0, 20.0], [20.0, 120.0]]])
    assert person_boxes(joints) == pytest.approx(np.array([[-5.0, 5.0, 35.0, 135.0]]))
