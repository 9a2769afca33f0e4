"""People are told apart by how they move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from jumps_blender.keypoints.detections import Detections
from jumps_blender.keypoints.tracking import follow
from jumps_blender.skeletons import JOINT_SETS

COCO = JOINT_SETS["coco17"]


def walkers(
    centres: NDArray[np.float64],
    seen: NDArray[np.bool_] | None = None,
    heights: tuple[float, ...] = (200.0, 180.0),
    seed: int = 0,
) -> tuple[Detections, NDArray[np.int64]]:
    """Detections, in random order within each frame, of people with given centres (F, P, 2).

    Limbs swing, joints tremble by 2 px. Returns the detections and who each truly shows.
    """
    random = np.random.default_rng(seed)
    frames, people = centres.shape[:2]
    shape = random.uniform(-0.5, 0.5, (17, 2)) * [0.4, 1]
    swing = np.sin(np.arange(frames)[:, None, None] * 0.4 + shape.sum(axis=1)[:, None] * 9)
    positions, numbers, who = [], [], []
    for frame in range(frames):
        for p in random.permutation(people):
            if seen is not None and not seen[frame, p]:
                continue
            body = shape * heights[p % len(heights)] * (1 if p % 2 else [-1, 1])
            body = body + swing[frame] * [8, 2] + random.normal(0, 2, (17, 2))
            positions.append(centres[frame, p] + body)
            numbers.append(frame)
            who.append(p)
    detections = Detections(
        joint_set=COCO,
        frames=np.array(numbers),
        positions=np.array(positions, np.float32),
        confidence=np.full((len(numbers), 17), 0.9, np.float32),
        ids=[None] * len(numbers),
    )
    return detections, np.array(who)


def same_grouping(found: NDArray[np.int64], truth: NDArray[np.int64]) -> bool:
    """Whether two labellings put the same detections together."""
    pairs = set(zip(found.tolist(), truth.tolist(), strict=True))
    return len(pairs) == len(set(found.tolist())) == len(set(truth.tolist()))


def crossing(frames: int, speed: float) -> NDArray[np.float64]:
    """Two people who walk through each other at mid-clip; (F, 2, 2)."""
    x = speed * (np.arange(frames) - frames / 2)
    y = np.full(frames, 300.0)
    return np.stack([np.stack([500 + x, y], 1), np.stack([500 - x, y + 5], 1)], 1)


@pytest.mark.parametrize("speed", [3.0, 6.0, 15.0])
@pytest.mark.parametrize("hidden", [0, 8, 25])
def test_a_crossing_with_one_person_hidden(speed: float, hidden: int) -> None:
    seen = np.ones((80, 2), bool)
    seen[40 - hidden // 2 : 40 + hidden // 2, 1] = False
    for seed in range(5):
        detections, truth = walkers(crossing(80, speed), seen, seed=seed)
        assert same_grouping(follow(detections, 30), truth)


def test_a_crossing_where_the_detector_sees_now_the_one_and_now_the_other() -> None:
    seen = np.ones((80, 2), bool)
    seen[36:44:2, 0] = False
    seen[37:44:2, 1] = False
    detections, truth = walkers(crossing(80, 4.0), seen)
    assert same_grouping(follow(detections, 30), truth)


def test_a_gap_is_bridged_for_a_second_and_not_for_ten() -> None:
    centres = crossing(400, 1.0)[:, :1]
    for gap, people in ((25, 1), (300, 2)):
        seen = np.ones((400, 1), bool)
        seen[50 : 50 + gap] = False
        assert follow(walkers(centres, seen)[0], 30).max() + 1 == people


def test_a_jump_is_cut_and_the_return_joined() -> None:
    centres = np.full((120, 1, 2), 300.0)
    centres[:, 0, 0] += 2 * np.arange(120)
    centres[50:90, 0] = [1500, 700]
    detections, _ = walkers(centres)
    tall = np.isin(detections.frames, np.arange(50, 90))
    positions = detections.positions.copy()
    positions[tall] += 0.5 * (positions[tall] - positions[tall].mean(axis=1, keepdims=True))
    found = follow(replace(detections, positions=positions), 30)
    assert found.tolist() == [0] * 50 + [1] * 40 + [0] * 30


def test_somebody_of_another_build_is_no_return() -> None:
    centres = np.full((120, 1, 2), 300.0)
    detections, _ = walkers(centres)
    keep = ~np.isin(detections.frames, np.arange(40, 90))
    positions = detections.positions.copy()
    later = detections.frames >= 90
    positions[later] += 0.8 * (positions[later] - positions[later].mean(axis=1, keepdims=True))
    found = follow(
        replace(
            detections,
            frames=detections.frames[keep],
            positions=positions[keep],
            confidence=detections.confidence[keep],
            ids=[None] * int(keep.sum()),
        ),
        30,
    )
    assert found.tolist() == [0] * 40 + [1] * 30


def test_fast_motion_is_not_cut() -> None:
    frames = np.arange(60)
    for step in (20.0, 60.0, 100.0):
        centres = np.stack([300 + step * frames, 400 + 60 * np.sin(frames)], 1)[:, None]
        assert follow(walkers(centres)[0], 30).max() == 0


def test_a_clip_of_every_tenth_frame() -> None:
    detections, truth = walkers(crossing(40, 8.0))
    detections = replace(detections, frames=detections.frames * 10)
    assert same_grouping(follow(detections, 300), truth)


def test_six_people_in_a_row() -> None:
    start = np.array([[150.0 * p, 300.0] for p in range(6)])
    centres = start + np.stack([np.arange(90) * 3.0, np.zeros(90)], 1)[:, None]
    seen = np.random.default_rng(5).random((90, 6)) > 0.15
    detections, truth = walkers(centres, seen)
    assert same_grouping(follow(detections, 30), truth)


def test_nobody_is_twice_in_a_frame() -> None:
    random = np.random.default_rng(2)
    detections = Detections(
        joint_set=COCO,
        frames=random.integers(0, 15, 200),
        positions=random.uniform(0, 300, (200, 17, 2)).astype(np.float32),
        confidence=np.ones((200, 17), np.float32),
        ids=[None] * 200,
    )
    found = follow(detections, 30)
    pairs = set(zip(found.tolist(), detections.frames.tolist(), strict=True))
    assert len(pairs) == 200


def test_doubted_joints_do_not_cut() -> None:
    detections, _ = walkers(np.full((40, 1, 2), 300.0))
    random = np.random.default_rng(4)
    positions, confidence = detections.positions.copy(), detections.confidence.copy()
    positions[:, 5:] = random.uniform(0, 2000, (40, 12, 2))
    confidence[:, 5:] = 0.05
    assert follow(replace(detections, positions=positions, confidence=confidence), 30).max() == 0
