"""What is no usable pose file is refused in one line; what merely looks odd is read."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import read_pose_file, source
from jumps_blender.keypoints.track import PoseFileError
from jumps_blender.skeletons import COMMON12, JOINT_SETS, JOINTS

from .samples import (
    alphapose_records,
    check_file,
    deeplabcut_csv,
    jumps_object,
    mediapipe_lines,
    mmpose_instances,
    openpose_frame,
    person,
    sleap_csv,
    triplets,
    write_json,
    write_lines,
)

NAMES12 = [JOINTS[joint] for joint in COMMON12]


def refused(path: Path, **settings: Any) -> str:
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(PoseFileError) as caught:
        read_pose_file(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert len(message) < 1000
    return message


BYTES = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\t ", "the file is empty"),
    "mark only": (b"\xef\xbb\xbf", "the file is empty"),
    "random": (bytes(range(128, 256)) * 9, "not UTF-8"),
    "zeros": (b"\0" * 4096, "binary"),
    "inner zero": (b'[{"a": 1}\0]', "binary"),
    "UTF-16": (json.dumps(alphapose_records(1)).encode("utf-16"), "UTF-16"),
    "UTF-16 without mark": (json.dumps(alphapose_records(1)).encode("utf-16-le"), "UTF-16"),
    "UTF-32": (json.dumps(alphapose_records(1)).encode("utf-32"), "UTF-16 or UTF-32"),
    "truncated": (
        json.dumps(alphapose_records(3), indent=1).encode()[:-9],
        "broken JSON in line 200",
    ),
    "prose": (b"Dear all, please find attached the poses.", "not a pose file"),
    "deep list": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "deep object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "deep unclosed": (b"[" * 1_000_000, "nested too deeply"),
    "long and deep": (
        b"[1" + b"0" * 5000 + b"," + b"[" * 100_000 + b"]" * 100_001,
        "nested too deeply",
    ),
    "empty list": (b"[]", "no person|not a pose file"),
    "empty object": (b"{}", "not a pose file"),
    "number": (b"[1, 2, 3]", "not a pose file"),
    "not NPZ": (b"PK\x03\x04 not really", "damaged"),
    "not HDF5": (b"\x89HDF\r\n\x1a\n" + b"x" * 99, "damaged|h5py"),
}


@pytest.mark.parametrize("name", list(BYTES))
def test_bytes_that_are_no_pose_file(tmp_path: Path, name: str) -> None:
    content, expected = BYTES[name]
    (tmp_path / "poses.json").write_bytes(content)
    message = refused(tmp_path / "poses.json")
    assert any(part in message for part in expected.split("|")), message
    for forced in ("alphapose", "openpose", "mmpose", "coco", "mediapipe", "sleap", "jumps"):
        refused(tmp_path / "poses.json", format=forced)
    refused(tmp_path / "poses.json", format="deeplabcut")


def _records(change: Callable[[list[Any]], Any]) -> Any:
    records: list[Any] = alphapose_records(3)
    changed = change(records)
    return records if changed is None else changed


VALUES: dict[str, tuple[Any, str]] = {
    "keypoints a string": (
        _records(lambda r: r[1].update(keypoints="abc")),
        "record 2: 'abc' where a list of keypoints belongs",
    ),
    "keypoints an object": (_records(lambda r: r[1].update(keypoints={})), "record 2: an object"),
    "a coordinate a string": (
        _records(lambda r: r[2]["keypoints"].__setitem__(3, "7")),
        "record 3, joint left_eye: '7' where a number belongs",
    ),
    "a coordinate true": (
        _records(lambda r: r[2]["keypoints"].__setitem__(0, True)),
        "record 3, joint nose: true where a number belongs",
    ),
    "a coordinate a list": (
        _records(lambda r: r[0]["keypoints"].__setitem__(0, [1])),
        "record 1, joint nose: a list where a number belongs",
    ),
    "no keypoints": (_records(lambda r: r[1].pop("keypoints") and None), 'has no "keypoints"'),
    "no image_id": (_records(lambda r: r[1].pop("image_id") and None), 'has no "image_id"'),
    "image_id a list": (
        _records(lambda r: r[1].update(image_id=[1])),
        "record 2: a list where a frame number belongs",
    ),
    "image_id words and a list": (
        _records(lambda r: [one.update(image_id="abc") for one in r] and r[1].update(image_id=[1])),
        "record 2: a list where a frame number belongs",
    ),
    "image_id a fraction": (_records(lambda r: r[1].update(image_id=1.5)), "record 2: 1.5"),
    "a record null": (_records(lambda r: r.append(None)), "record 4: null"),
    "a record a number": (_records(lambda r: r.append(3)), "record 4: 3"),
    "a wrong count": (
        _records(lambda r: r[1]["keypoints"].extend([1, 2, 0.5])),
        "record 2: 54 keypoint values; known are 51 (coco17), 78 (halpe26)",
    ),
    "not a multiple of three": (
        _records(lambda r: r[1]["keypoints"].append(1)),
        "record 2: 52 keypoint values",
    ),
    "two joint sets": (
        _records(lambda r: r.extend(alphapose_records(1, 26))),
        "record 4: halpe26 joints, but record 1 has coco17",
    ),
    "a negative frame": (_records(lambda r: r[0].update(image_id=-4)), "frame number -4"),
    "frames far apart": (
        _records(lambda r: r[0].update(image_id=10**12)),
        "frame numbers run from 1 to 1000000000000",
    ),
    "nobody": (
        _records(
            lambda r: [rec["keypoints"].__setitem__(slice(None), [0] * 51) for rec in r][:0] or None
        ),
        "no person in this file",
    ),
    "OpenPose people a number": ({"version": 1, "people": 3}, "not a pose file"),
    "OpenPose person null": ({"people": [None]}, "null where a person belongs"),
    "OpenPose keypoints absent": ({"people": [{}]}, 'no "pose_keypoints_2d"'),
    "OpenPose wrong count": (
        {"people": [{"pose_keypoints_2d": [1, 2, 3]}]},
        "3 keypoint values; known are 54 (openpose_coco18), 75 (openpose_body25)",
    ),
    "OpenPose nobody": (openpose_frame(), "no person in any of 1 frames"),
    "MMPose nobody": ([{"frame_id": 0, "instances": []}], "no person in any of 1 frames"),
    "MMPose instances a string": ([{"instances": []}, {"instances": "x"}], 'no list "instances"'),
    "MMPose 3D": (
        [{"keypoints": [[1, 2, 3]] * 17, "keypoint_scores": [1] * 17}],
        "must be [x, y]",
    ),
    "MMPose scores short": (
        [{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 16}],
        "17 keypoints and 16 scores",
    ),
    "MMPose 15 joints": (
        [{"keypoints": [[1, 2]] * 15, "keypoint_scores": [1] * 15}],
        "15 keypoints; known are 17",
    ),
    "MMPose two joint sets": (
        [{"instances": mmpose_instances(person(9, 9, n))} for n in (17, 26)],
        "must keep to one joint set",
    ),
    "COCO unknown image": (
        {"images": [{"id": 1}], "annotations": [{"image_id": 2, "keypoints": [1] * 51}]},
        "image_id 2 is not in images",
    ),
    "own: another version": ({**jumps_object(), "version": 9}, "version 9 of the format"),
    "own: no names": ({"format": "jumps", "positions": [[[1, 2]]]}, '"joint_names"'),
    "own: no positions": ({"format": "jumps", "joint_names": ["a"]}, 'no "positions"'),
    "own: a short frame": (
        {**jumps_object(), "positions": [[[1, 2]] * 12, [[1, 2]] * 11]},
        'frame 1, "positions" has 11 values where 12 values belong',
    ),
    "own: a joint of three": (
        {**jumps_object(), "positions": [[[1, 2]] * 11 + [[1, 2, 3]]]},
        'frame 0, joint 11, "positions" has 3 values where 2',
    ),
    "own: a word for a number": (
        {**jumps_object(), "positions": [[[1, "x"]] + [[1, 2]] * 11]},
        "'x' where a number belongs",
    ),
    "own: confidences for other frames": (
        {**jumps_object(), "confidence": [[1] * 12]},
        "confidence",
    ),
    "own: names twice": ({**jumps_object(), "joint_names": ["left_hip"] * 12}, "is there twice"),
    "own: unknown names": (
        {**jumps_object(), "joint_names": [f"point {i}" for i in range(12)]},
        "only 0 of the 12 joints",
    ),
    "own: first frame a word": ({**jumps_object(), "first_frame": "x"}, '"first_frame" is'),
    "own: people a number": ({**jumps_object(), "people": 3}, '"people" must be a list'),
    "own: a person a number": ({**jumps_object(), "people": [3, 4]}, "person 1: 3"),
    "own: the same person": (
        {**jumps_object(), "people": [{**jumps_object(), "person": "a"}] * 2},
        'the same "person"',
    ),
    "own: another state": (
        {**jumps_object(1), "state": [[7] * 12]},
        '"state" must be 0, 1 or 2',
    ),
}


@pytest.mark.parametrize("name", list(VALUES))
def test_values_that_are_no_pose_file(tmp_path: Path, name: str) -> None:
    value, expected = VALUES[name]
    message = refused(write_json(tmp_path / "poses.json", value))
    assert expected in message, message


TABLES = {
    "other columns": ("a,b,c\n1,2,3\n", "a table that begins with a, b, c"),
    "DeepLabCut without rows": ("".join(deeplabcut_csv(0)), "no rows below its header"),
    "DeepLabCut a word": (
        deeplabcut_csv(2).replace("0.9", "high"),
        "'high' where a number belongs",
    ),
    "DeepLabCut a word for a frame": (
        deeplabcut_csv(2).replace("\n0,", "\nx,").replace("\n1,", "\ny,"),
        "where a frame number belongs",
    ),
    "DeepLabCut unknown body parts": (
        deeplabcut_csv(2).replace("left_", "paw").replace("right_", "fin"),
        "only 0 of the 12 joints",
    ),
    "SLEAP without rows": (sleap_csv(0), "no rows below its header"),
    "SLEAP a word": (sleap_csv(2).replace("0.9", "high"), "'high' where a number belongs"),
    "SLEAP a word for a frame": (
        sleap_csv(2).replace(",1,", ",one,"),
        "'one' where a frame number",
    ),
    "SLEAP short row": (sleap_csv(2) + "track_0\n", "has only 1 columns"),
    "MediaPipe landmark 33": ("frame,landmark,x,y\n0,33,1,2\n", "'33' is not one of MediaPipe's"),
    "MediaPipe a long landmark": (
        "frame,landmark,x,y\n0,00000000099,1,2\n",
        "'00000000099' is not one of MediaPipe's",
    ),
    "MediaPipe without a frame": ("frame,landmark,x,y\n,3,1,2\n", "row 2: has no frame number"),
}


@pytest.mark.parametrize("name", list(TABLES))
def test_tables_that_are_no_pose_file(tmp_path: Path, name: str) -> None:
    text, expected = TABLES[name]
    (tmp_path / "poses.csv").write_text(text)
    message = refused(tmp_path / "poses.csv")
    assert expected in message, message


def test_mediapipe_lines_that_are_wrong(tmp_path: Path) -> None:
    for change, expected in (
        ({"kp": [[1, 2, 1, 1]] * 32}, "frame 1: 32 landmarks"),
        ({"kp": [[1, 2, 1]] * 33}, "frame 1: each landmark must be a list of 4 values"),
        ({"kp": [["a", 2, 1, 1]] * 33}, "frame 1, nose: 'a' where a number belongs"),
        ({"kp": 7}, "frame 1: 7 where 33 landmarks belong"),
        ({"i": "x"}, "line 3: 'x' where a frame number belongs"),
    ):
        lines = mediapipe_lines(3)
        lines[2].update(change)
        assert expected in refused(write_lines(tmp_path / "a.jsonl", lines))
    text = (write_lines(tmp_path / "a.jsonl", mediapipe_lines(3))).read_text()
    (tmp_path / "a.jsonl").write_text(text[:-40])
    assert "broken JSON in line 4" in refused(tmp_path / "a.jsonl")
    lines = mediapipe_lines(3)
    for line in lines[1:]:
        line["kp"] = None
    assert "no person in any of 3 frames" in refused(write_lines(tmp_path / "a.jsonl", lines))


def test_a_file_of_two_gigabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    for name in ("a.json", "a.h5", "a.npz"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 * 2**30)
        assert "2048 MiB, more than the 512 MiB" in refused(tmp_path / name)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "absent.json")
    assert "no .json file in this folder" in refused(tmp_path)
    with pytest.raises(PoseFileError, match="not a usable path"):
        read_pose_file("a\0b.json")
    with pytest.raises(PoseFileError):
        read_pose_file("x" * 5000)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
        assert "neither a file nor a folder" in refused(tmp_path / "pipe.json")


def test_folders_that_are_wrong(tmp_path: Path) -> None:
    write_json(tmp_path / "a_000001_keypoints.json", openpose_frame(person(9, 9, 25)))
    write_json(tmp_path / "b_000001_keypoints.json", openpose_frame(person(9, 9, 25)))
    assert "are both frame 1; keep one video" in refused(tmp_path)
    write_json(tmp_path / "b_000001_keypoints.json", {"x": 1})
    (tmp_path / "b_000001_keypoints.json").rename(tmp_path / "b_000002_keypoints.json")
    assert "b_000002_keypoints.json: is not an OpenPose file" in refused(tmp_path)
    (tmp_path / "b_000002_keypoints.json").write_text("")
    assert "b_000002_keypoints.json: the file is empty" in refused(tmp_path)


def test_a_folder_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        write_json(tmp_path / f"{number}_keypoints.json", openpose_frame(person(9, 9, 25)))
    monkeypatch.setattr(source, "MAX_FOLDER_FILES", 3)
    assert "4 files, more than the 3" in refused(tmp_path)


def test_too_many_json_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_JSON_CONTAINERS", 5)
    assert "more than 5 JSON lists and objects" in refused(
        write_json(tmp_path / "a.json", alphapose_records(3))
    )


def test_many_people_over_a_long_range_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    records = []
    for one in range(200):
        for frame in (0, 900_000) if one else range(0, 900_001, 900):
            keypoints = triplets(person(one, 9, 17))
            records.append({"image_id": frame, "keypoints": keypoints, "idx": one})
    assert "do not fit into memory" in refused(write_json(tmp_path / "a.json", records))


def test_headings_that_ask_for_more_than_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each column an individual and a body part of its own: 40 x 40 x 5 x 3 values.
    names = [f"n{k}" for k in range(40)]
    parts = [*JOINT_SETS["coco17"].joints[5:], *names[12:]]
    rows = [
        "scorer," + ",".join(["s"] * 40),
        "individuals," + ",".join(names),
        "bodyparts," + ",".join(parts),
        "coords," + ",".join(["x"] * 40),
        *(f"{n}," + ",".join(["1"] * 40) for n in range(5)),
    ]
    path = tmp_path / "poses.csv"
    path.write_text("\n".join(rows) + "\n")
    monkeypatch.setattr("jumps_blender.keypoints.deeplabcut.MAX_VALUES", 40 * 40 * 5 * 3 - 1)
    assert "40 individuals with 40 body parts in 5 rows do not fit" in refused(path)
    path.write_text("frame,landmark,x,y\n0,3,1,2\n1,3,1,2\n")
    monkeypatch.setattr("jumps_blender.keypoints.mediapipe.MAX_VALUES", 3 * 2 * 33 - 1)
    assert "2 frames do not fit into memory" in refused(path)


def test_a_crowd_in_one_frame_is_refused(tmp_path: Path) -> None:
    records = [{"image_id": "0.jpg", "keypoints": [5, 5, 1] * 17} for _ in range(501)]
    assert "frame 0 has 501 people" in refused(write_json(tmp_path / "a.json", records))


def test_arguments_that_make_no_sense(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", alphapose_records(1))
    for settings in (
        {"format": "bvh"},
        {"fps": 0},
        {"fps": float("nan")},
        {"fps": -1},
        {"fps": 1e9},
        {"image_size": (0, 5)},
    ):
        with pytest.raises(JumpsError):
            read_pose_file(file, **settings)  # type: ignore[arg-type]


def test_h5py_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    message = refused(tmp_path / "a.h5")
    assert "pip install h5py" in message
    assert "CSV" in message


def test_hdf5_of_other_things(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    nodes = [f"left_{part}" for part in ("hip", "knee", "ankle", "wrist")]
    good = {"tracks": np.ones((1, 2, 4, 3)), "node_names": nodes}
    for change, expected in (
        ({"tracks": np.ones((4, 3))}, "not a numeric array of 4 dimensions"),
        ({"tracks": np.ones((1, 3, 4, 3))}, "tracks is 1x3x4x3"),
        ({"node_names": nodes[:3]}, "x 2 x 3 nodes"),
        ({"node_names": ["a", "b", "c", "d"]}, "only 0 of the 12 joints"),
        ({"tracks": np.full((1, 2, 4, 3), np.nan)}, "no person"),
        ({"point_scores": np.ones((1, 4, 9))}, "point_scores does not have the shape"),
    ):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            for key, value in {**good, **change}.items():
                file[key] = value
        assert expected in refused(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["df_with_missing"] = [1.0]
    assert 'no dataset "tracks"' in refused(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("tracks", (1000, 2, 1000, 1000), "f8", chunks=True)
    assert "too large" in refused(tmp_path / "a.h5")


def test_npz_of_other_things(tmp_path: Path) -> None:
    good = {"positions": np.ones((2, 28, 2)), "joint_names": np.array(JOINTS)}
    for change, expected in (
        ({"positions": np.ones((2, 28))}, "float64 of shape (2, 28)"),
        ({"positions": np.ones((2, 27, 2))}, "shape (2, 27, 2)"),
        ({"positions": np.full((2, 28, 2), "x")}, "positions"),
        ({"joint_names": np.arange(28)}, '"joint_names" must be'),
        ({"positions": np.zeros((0, 28, 2))}, "no person"),
        ({"state": np.full((2, 28), 5)}, "must be 0, 1 or 2"),
        ({"positions": np.array([{"a": 1}])}, "damaged or holds other things"),
    ):
        np.savez(tmp_path / "a.npz", **{**good, **change})
        assert expected in refused(tmp_path / "a.npz")


ODD = {
    "one frame": _records(lambda r: r[:1]),
    "a person in one frame only": _records(
        lambda r: [*r, {**r[2], "keypoints": triplets(person(700, 9, 17)), "idx": [5]}]
    ),
    "a confidence of zero": _records(lambda r: r[1]["keypoints"].__setitem__(2, 0)),
}


@pytest.mark.parametrize("name", list(ODD))
def test_odd_but_usable(tmp_path: Path, name: str) -> None:
    check_file(read_pose_file(write_json(tmp_path / "a.json", ODD[name])))


@pytest.mark.parametrize(
    "literal",
    ["NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e400", "null", "2e6", "9" * 5000],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_numbers_that_are_none_make_the_joint_missing(
    tmp_path: Path, literal: str, place: int
) -> None:
    records = alphapose_records(2)
    records[1]["keypoints"][3 + place] = "HERE"
    text = json.dumps(records).replace('"HERE"', literal)
    (tmp_path / "a.json").write_text(text)
    found = read_pose_file(tmp_path / "a.json")
    check_file(found)
    finite = literal in ("1e308", "2e6")
    is_missing = place < 2 or not finite
    assert bool(found.tracks[0].confidence[1, 1] == 0) == is_missing
    assert found.tracks[0].present[1].sum() == (16 if is_missing else 17)


def test_two_hundred_people(tmp_path: Path) -> None:
    records = []
    for frame in range(10):
        for p in range(200):
            x, y = 60 + 120 * (p % 20) + frame, 200 + 300 * (p // 20)
            records.append({"image_id": f"{frame}.jpg", "keypoints": triplets(person(x, y, 17))})
    found = read_pose_file(write_json(tmp_path / "a.json", records))
    check_file(found)
    assert len(found.tracks) == 200
    assert all(len(track.frames) == 10 for track in found.tracks)


def test_nonsense_rates_and_sizes_in_a_file_are_told_and_not_used(tmp_path: Path) -> None:
    for rate in (0, -5, "fast", 1e300, True, [30]):
        lines = mediapipe_lines(3)
        lines[0].update(fps=rate, width=-3)
        for line in lines[1:]:
            line["t"] = 1e300
        found = read_pose_file(write_lines(tmp_path / "a.jsonl", lines))
        check_file(found)
        assert found.fps is None
        assert found.image_size is None
        assert any("frame rate" in note for note in found.notes)
        np.testing.assert_allclose(found.tracks[0].times, np.arange(3) / 30)


@pytest.mark.parametrize(("key", "dtype"), [("positions", "|b1"), ("joint_names", "<U0")])
def test_npz_with_headings_that_claim_too_much(key: str, dtype: str, tmp_path: Path) -> None:
    good = {"joint_names": np.array(NAMES12), "positions": np.zeros((3, 12, 2))}
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in good.items():
            with archive.open(f"{name}.npy", "w") as content:
                if name == key:
                    facts = {"descr": dtype, "fortran_order": False, "shape": (10**8, 4, 2)}
                    np.lib.format.write_array_header_1_0(content, facts)
                else:
                    np.lib.format.write_array(content, value)
    assert "more than the 200,000,000 that are read" in refused(path)


def test_a_picture_of_many_sizes_has_none(tmp_path: Path) -> None:
    values = {"joint_names": np.array(NAMES12), "positions": np.ones((3, 12, 2)) * 50}
    np.savez(tmp_path / "a.npz", **values, image_size=np.array(["a"] * 3))
    (track,) = read_pose_file(tmp_path / "a.npz").tracks
    assert track.image_size is None
    np.savez(tmp_path / "a.npz", **{**values, "joint_names": np.zeros(10**6, "<U1")})
    assert '1000000 "joint_names"; give 1 to 1000' in refused(tmp_path / "a.npz")


def test_a_stray_frame_number_is_named(tmp_path: Path) -> None:
    """One wrong number would make a clip of nine hours, with nobody in it."""
    records = [
        {"image_id": f"{frame}.jpg", "keypoints": triplets(person(frame, 9, 17))}
        for frame in (*range(30), 900_000)
    ]
    said = refused(write_json(tmp_path / "a.json", records))
    assert "frame 900000 comes 899,971 frames after the one before it" in said
    assert "only 31 of 900,001 frames have anybody" in said
    for frame, record in enumerate(records):
        record["image_id"] = f"{300 * frame}.jpg"  # some seconds between people are none of that
    assert read_pose_file(write_json(tmp_path / "a.json", records)).frame_count == 9001


def test_huge_numbers_of_what_is_missing(tmp_path: Path) -> None:
    for name in ("min_confidence", "shaking", "edge", "dilation"):
        clip = {"joint_names": NAMES12, "positions": [[[9, 9]] * 12] * 2}
        clip["missing"] = {name: 10**400}
        assert '"missing" may hold' in refused(write_json(tmp_path / "a.json", clip))
