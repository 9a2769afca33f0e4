"""Each of these was a fault once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.keypoints import PoseFileError, read_pose_file
from jumps_blender.keypoints import source as source_module

JOINTS = ["left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee"]


def _mediapipe_line(frame: int, fps: float) -> str:
    points = [[100.0 + 5 * joint, 200.0 + 7 * joint, 0.9, 0.99] for joint in range(33)]
    return json.dumps({"type": "frame", "i": frame, "t": round(frame / fps, 6), "kp": points})


def _own(tmp_path: Path, **keys: object) -> Path:
    path = tmp_path / "own.json"
    positions = [[[10.0 * j + f, 20.0 * j] for j in range(5)] for f in range(6)]
    path.write_text(
        json.dumps({"format": "jumps", "joint_names": JOINTS, "positions": positions, **keys})
    )
    return path


def test_the_rate_follows_from_the_frames_own_times(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    path.write_text("\n".join(_mediapipe_line(frame, 60) for frame in range(120)))
    found = read_pose_file(path)
    assert found.fps == 60
    assert found.tracks[0].fps == 60
    assert found.tracks[0].times[-1] == pytest.approx(119 / 60, abs=1e-5)
    assert not any("assumed" in note for note in found.notes)
    timed = read_pose_file(_own(tmp_path, times=[10 + i / 25 for i in range(6)]))
    assert timed.fps == 25
    assert timed.first_frame == 250


def test_times_that_make_no_sense_are_told(tmp_path: Path) -> None:
    found = read_pose_file(_own(tmp_path, times=[5, 4, 3, 2, 1, 0]))
    assert any("frame times" in note for note in found.notes)
    assert (np.diff(found.tracks[0].times) > 0).all()


def test_one_line_of_mediapipe_is_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(_mediapipe_line(0, 30))
    assert read_pose_file(path).format == "mediapipe"
    assert len(read_pose_file(path).tracks[0].frames) == 1


def test_a_rate_beside_the_person_counts(tmp_path: Path) -> None:
    positions = [[[float(j), 2.0 * j] for j in range(5)]] * 3
    path = tmp_path / "people.json"
    people = [{"person": "a", "fps": 50, "positions": positions}]
    path.write_text(json.dumps({"format": "jumps", "joint_names": JOINTS, "people": people}))
    assert read_pose_file(path).fps == 50


def test_a_lone_id_is_one_person_wherever_she_goes(tmp_path: Path) -> None:
    records = []
    for frame in [*range(100), *range(220, 300)]:
        shift, scale = (0.0, 1.0) if frame < 100 else (420.0, 0.5)
        keypoints = []
        for joint in range(17):
            keypoints += [100 + shift + 10 * joint * scale, 100 + 20 * joint * scale, 0.9]
        records.append(
            {"image_id": f"{frame}.jpg", "category_id": 1, "keypoints": keypoints, "idx": 7}
        )
    path = tmp_path / "id7.json"
    path.write_text(json.dumps(records))
    assert [(track.person, len(track.frames)) for track in read_pose_file(path).tracks] == [
        ("7", 300)
    ]


def test_ids_that_cannot_be_shown(tmp_path: Path) -> None:
    path = _own(tmp_path, person="\ud800a\x1b[31m\x07b")
    (track,) = read_pose_file(path).tracks
    assert track.person == "a [31m b"
    track.person.encode("utf-8")


def test_line_separators_within_strings(tmp_path: Path) -> None:
    header = {"type": "header", "width": 640, "height": 480, "fps": 30, "backend": "a\u2028b\x85"}
    path = tmp_path / "poses.jsonl"
    lines = [json.dumps(header, ensure_ascii=False), *(_mediapipe_line(i, 30) for i in range(3))]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_pose_file(path).frame_count == 3


def test_damaged_archives_are_refused_in_a_short_line(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, positions=np.zeros((50, 28, 2)), joint_names=np.array(["a"] * 28))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 6):
            damaged[place] = int(rng.integers(256))
        path.write_bytes(damaged)
        with pytest.raises(PoseFileError) as refusal:
            read_pose_file(path)
        assert len(str(refusal.value)) < len(str(path)) + 200
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': [[]]}\n")
    with pytest.raises(PoseFileError):
        read_pose_file(path)


def test_tables_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_TABLE_CELLS", 100)
    path = tmp_path / "a.csv"
    path.write_text("a\n" * 200)
    with pytest.raises(PoseFileError, match="split the clip"):
        read_pose_file(path)


def test_a_broken_link_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a_000_keypoints.json").symlink_to(tmp_path / "gone.json")
    with pytest.raises(PoseFileError, match="a_000_keypoints"):
        read_pose_file(tmp_path)


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x20ftypisom", b"RIFF\x10\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3\x01\0"]
)
def test_a_video_is_called_one(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "walk.mp4"
    path.write_bytes(head + bytes(500))
    with pytest.raises(PoseFileError, match="a video, not a pose file"):
        read_pose_file(path)
