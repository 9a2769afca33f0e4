"""Real files of real estimators."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.keypoints import choose_person, observe, read_pose_file

from .samples import check_file


def test_alphapose(shared: Path) -> None:
    path = shared / "samples" / "alphapose" / "halpe26_one_person_809f.json"
    found = read_pose_file(path)
    check_file(found)
    assert (found.format, found.joint_set.name) == ("alphapose", "halpe26")
    assert (found.first_frame, found.frame_count, found.fps) == (0, 809, None)
    assert [track.person for track in found.tracks] == ["0"]
    records = json.loads(path.read_text())
    track = found.tracks[0]
    # Frame 144 has two detections with one id; the first continues the dancer's motion.
    for record in [r for i, r in enumerate(records) if i != 145]:
        frame = int(record["image_id"].removesuffix(".jpg"))
        written = np.array(record["keypoints"]).reshape(26, 3)
        np.testing.assert_allclose(track.positions[frame], written[:, :2], atol=1e-3)
        np.testing.assert_allclose(track.confidence[frame], np.clip(written[:, 2], 0, 1), atol=1e-6)
    assert any(note.startswith("frame 144:") for note in found.notes)
    assert observe(track).tracked.sum() == 12 + 3


def test_openpose(shared: Path) -> None:
    folder = shared / "samples" / "openpose_body25" / "workout_march"
    found = read_pose_file(folder)
    check_file(found)
    assert (found.format, found.joint_set.name) == ("openpose", "openpose_body25")
    assert (found.first_frame, found.frame_count) == (0, 120)
    (track,) = found.tracks
    for file in sorted(folder.iterdir()):
        frame = int(file.name.split("_")[1])
        written = np.array(json.loads(file.read_text())["people"][0]["pose_keypoints_2d"])
        written = written.reshape(25, 3)
        np.testing.assert_allclose(track.positions[frame], written[:, :2], atol=1e-3)
        np.testing.assert_allclose(track.confidence[frame], written[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "size"),
    [("pose2sim_single_cam01", (1080, 1920)), ("pose2sim_single_cam03", (1088, 1920))],
)
def test_mediapipe_of_one_person(shared: Path, name: str, size: tuple[int, int]) -> None:
    found = read_pose_file(shared / "samples" / "mediapipe" / f"{name}.jsonl")
    check_file(found)
    assert (found.format, found.fps, found.image_size) == ("mediapipe", 60.0, size)
    assert len(found.tracks) == 1
    assert (found.tracks[0].frames[0], len(found.tracks[0].frames)) == (0, 100)
    assert found.notes == ()


def test_the_jump_between_two_people_is_cut_and_the_return_joined(shared: Path) -> None:
    path = shared / "samples" / "mediapipe" / "sports2d_demo.jsonl"
    found = read_pose_file(path)
    check_file(found)
    assert (found.first_frame, found.frame_count, found.image_size) == (0, 230, (1768, 994))
    assert [track.person for track in found.tracks] == ["1", "2"]
    acrobat, walker = found.tracks
    seen = acrobat.frames[acrobat.present.any(axis=1)]
    assert (seen[0], seen[-1]) == (3, 226)
    assert not set(range(169, 202)) & set(seen.tolist())
    assert len(acrobat.frames) == 230
    assert choose_person(found) is acrobat
    assert (walker.frames[0], walker.frames[-1]) == (170, 200)
    assert any(note.startswith("frame 170: the person jumps") for note in found.notes)
    assert any(note.startswith("frame 202: person 1 is back") for note in found.notes)
    rows = {
        row["i"]: np.array(row["kp"])
        for row in map(json.loads, path.read_text().splitlines())
        if row["type"] == "frame" and row["kp"]
    }
    for track in found.tracks:
        for place, frame in enumerate(track.frames):
            if track.present[place].any():
                np.testing.assert_allclose(track.positions[place], rows[frame][:, :2], atol=1e-3)
                np.testing.assert_allclose(
                    track.confidence[place], rows[frame][:, 2] * rows[frame][:, 3], atol=1e-6
                )
