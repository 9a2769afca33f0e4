"""Pose files that the tests write, and what every track must obey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jumps_blender.keypoints import PoseFile, PoseTrack
from jumps_blender.skeletons import JOINT_SETS

LIMBS = [
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]


def check_track(track: PoseTrack) -> None:
    """PoseTrack's contract, as its docstring states it."""
    frames, joints = len(track.frames), len(track.joint_set.joints)
    assert frames >= 1
    assert track.positions.dtype == np.float32
    assert track.positions.shape == (frames, joints, 2)
    assert track.confidence.dtype == np.float32
    assert track.confidence.shape == (frames, joints)
    assert track.frames.dtype == np.int64
    assert (np.diff(track.frames) == 1).all()
    assert track.frames[0] >= 0
    assert track.times.dtype == np.float64
    assert track.times.shape == (frames,)
    assert np.isfinite(track.times).all()
    assert (np.diff(track.times) > 0).all()
    assert np.isfinite(track.positions).all()
    assert (np.abs(track.positions) <= 1e6).all()
    assert ((track.confidence >= 0) & (track.confidence <= 1)).all()
    assert (track.positions[track.confidence == 0] == 0).all()
    assert track.confidence.any()
    assert track.fps is None or track.fps > 0
    assert track.person


def check_file(pose_file: PoseFile) -> None:
    """Every track's contract, and that the file's own figures agree with them."""
    assert pose_file.tracks
    last = pose_file.first_frame + pose_file.frame_count - 1
    for track in pose_file.tracks:
        check_track(track)
        assert track.frames[0] >= pose_file.first_frame
        assert track.frames[-1] <= last
        assert track.joint_set == pose_file.joint_set
    names = [track.person for track in pose_file.tracks]
    assert len(set(names)) == len(names)
    assert all("\n" not in note for note in pose_file.notes)


def person(x: float, y: float, joints: int) -> np.ndarray:
    """A fixed constellation of joints about (x, y), 200 px high; (K, 2), all different."""
    k = np.arange(joints)
    return np.stack([x + 30 * np.sin(k * 1.7), y - 100 + 200 * k / joints], axis=1).round(2)


def triplets(points: np.ndarray, confidence: float = 0.9) -> list[float]:
    return np.column_stack([points, np.full(len(points), confidence)]).ravel().tolist()


def alphapose_records(frames: int = 4, joints: int = 17, people: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "image_id": f"{frame}.jpg",
            "category_id": 1,
            "keypoints": triplets(person(100 + 300 * p + 2 * frame, 200, joints)),
            "score": 2.5,
            "box": [0.0, 0.0, 10.0, 20.0],
            "idx": [float(p)],
        }
        for frame in range(frames)
        for p in range(people)
    ]


def openpose_frame(*people: np.ndarray) -> dict[str, Any]:
    return {
        "version": 1.3,
        "people": [
            {"person_id": [-1], "pose_keypoints_2d": triplets(points), "face_keypoints_2d": []}
            for points in people
        ],
    }


def mediapipe_lines(frames: int = 4) -> list[dict[str, Any]]:
    columns = ["x_px", "y_px", "visibility", "presence"]
    header = {"type": "header", "width": 640, "height": 480, "fps": 25.0, "columns": columns}
    return [
        header,
        *(
            {
                "type": "frame",
                "i": frame,
                "t": frame / 25,
                "kp": [[x, y, 0.8, 0.5] for x, y in person(200 + frame, 200, 33).tolist()],
            }
            for frame in range(frames)
        ),
    ]


def mmpose_instances(points: np.ndarray, score: float = 0.9) -> list[dict[str, Any]]:
    return [
        {
            "keypoints": points.tolist(),
            "keypoint_scores": [score] * len(points),
            "bbox": [[0.0, 0.0, 10.0, 20.0]],
            "bbox_score": 0.9,
        }
    ]


def deeplabcut_csv(frames: int = 4) -> str:
    rows = [
        ["scorer", *["net"] * 36],
        ["bodyparts", *[name for name in LIMBS for _ in range(3)]],
        ["coords", *["x", "y", "likelihood"] * 12],
    ]
    rows += [
        [str(frame), *map(str, triplets(person(200 + frame, 200, 12)))] for frame in range(frames)
    ]
    return "\n".join(",".join(row) for row in rows) + "\n"


def sleap_csv(frames: int = 4, tracks: tuple[str, ...] = ("track_0",)) -> str:
    columns = [f"{name}.{axis}" for name in LIMBS for axis in ("x", "y", "score")]
    rows = [["track", "frame_idx", "instance.score", *columns]]
    rows += [
        [track, str(frame), "0.9", *map(str, triplets(person(200 + 300 * p + frame, 200, 12)))]
        for frame in range(frames)
        for p, track in enumerate(tracks)
    ]
    return "\n".join(",".join(row) for row in rows) + "\n"


def jumps_object(frames: int = 4) -> dict[str, Any]:
    return {
        "format": "jumps",
        "version": 1,
        "fps": 25,
        "joint_names": LIMBS,
        "positions": [person(200 + frame, 200, 12).tolist() for frame in range(frames)],
    }


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, values: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(value) for value in values) + "\n", encoding="utf-8")
    return path


def text_of_each_format() -> dict[str, str]:
    """A small valid file of each text format, by the format's name."""
    frames = [
        {"frame_id": f, "instances": mmpose_instances(person(100 + f, 200, 17))} for f in range(4)
    ]
    coco = [
        {"image_id": f, "category_id": 1, "keypoints": triplets(person(9 + f, 200, 17)), "score": 1}
        for f in range(4)
    ]
    values: dict[str, Any] = {
        "alphapose": alphapose_records(people=2),
        "openpose": openpose_frame(person(100, 200, 25), person(400, 200, 25)),
        "mmpose": frames,
        "coco": coco,
        "jumps": jumps_object(),
    }
    dump: Callable[[Any], str] = json.dumps
    return {
        **{name: dump(value) for name, value in values.items()},
        "mediapipe": "\n".join(map(dump, mediapipe_lines())),
        "deeplabcut": deeplabcut_csv(),
        "sleap": sleap_csv(),
    }


BODY25 = JOINT_SETS["openpose_body25"]
