"""Every format: what is written comes back as the right joints, numbers, frames and people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import FORMATS, choose_person, read_pose_file
from jumps_blender.keypoints.track import PoseFileError

from .samples import (
    LIMBS,
    alphapose_records,
    check_file,
    deeplabcut_csv,
    jumps_object,
    mediapipe_lines,
    mmpose_instances,
    openpose_frame,
    person,
    sleap_csv,
    text_of_each_format,
    triplets,
    write_json,
    write_lines,
)


@pytest.mark.parametrize("name", sorted(text_of_each_format()))
def test_each_format_is_recognised_from_its_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(text_of_each_format()[name], encoding="utf-8")
    found = read_pose_file(path)
    check_file(found)
    assert found.format == name
    forced = read_pose_file(path, format=name)
    np.testing.assert_array_equal(forced.tracks[0].positions, found.tracks[0].positions)


def test_every_format_has_a_sample() -> None:
    assert set(FORMATS) == set(text_of_each_format())


@pytest.mark.parametrize(
    ("joints", "name"),
    [(17, "coco17"), (26, "halpe26"), (136, "halpe136"), (133, "coco_wholebody133")],
)
def test_alphapose_joint_sets(tmp_path: Path, joints: int, name: str) -> None:
    found = read_pose_file(write_json(tmp_path / "a.json", alphapose_records(3, joints)))
    assert found.joint_set.name == name
    track = found.tracks[0]
    np.testing.assert_allclose(track.positions[2], person(104, 200, joints), atol=1e-4)
    np.testing.assert_allclose(track.confidence, 0.9, atol=1e-6)
    assert found.fps is None
    np.testing.assert_allclose(track.times, [0, 1 / 30, 2 / 30])
    assert any("30 frames per second assumed" in note for note in found.notes)


def test_alphapose_frames_are_sorted_as_numbers_and_gaps_are_missing(tmp_path: Path) -> None:
    records = alphapose_records(13)
    records = [records[i] for i in (10, 2, 0, 12, 9)]
    found = read_pose_file(write_json(tmp_path / "a.json", records), fps=10)
    track = found.tracks[0]
    assert (found.first_frame, found.frame_count) == (0, 13)
    assert track.present.any(axis=1).nonzero()[0].tolist() == [0, 2, 9, 10, 12]
    np.testing.assert_allclose(track.positions[10], person(120, 200, 17), atol=1e-4)
    assert track.fps == 10
    assert track.times[12] == pytest.approx(1.2)


@pytest.mark.parametrize(
    "names",
    [["10.jpg", "2.jpg", "9.jpg"], [10, 2, 9], ["v2_0010.png", "v2_0002.png", "v2_0009.png"]],
)
def test_image_ids_are_numbers_or_names(tmp_path: Path, names: list[str | int]) -> None:
    records = alphapose_records(3)
    for record, name in zip(records, names, strict=True):
        record["image_id"] = name
    track = read_pose_file(write_json(tmp_path / "a.json", records)).tracks[0]
    assert track.frames.tolist() == list(range(2, 11))
    assert track.present.any(axis=1).nonzero()[0].tolist() == [0, 7, 8]


def test_image_names_without_digits_are_in_order_of_appearance(tmp_path: Path) -> None:
    records = alphapose_records(3)
    for record, name in zip(records, "cab", strict=True):
        record["image_id"] = f"{name}.jpg"
    found = read_pose_file(write_json(tmp_path / "a.json", records))
    np.testing.assert_allclose(found.tracks[0].positions[2], person(104, 200, 17), atol=1e-4)
    assert any("order of appearance" in note for note in found.notes)


@pytest.mark.parametrize("shape", ["int", "float", "list", "nested", "text"])
def test_alphapose_ids_in_all_their_shapes(tmp_path: Path, shape: str) -> None:
    records = alphapose_records(4, people=2)
    for record in records:
        number = record["idx"][0]
        record["idx"] = {
            "int": int(number),
            "float": number,
            "list": [number],
            "nested": [[number], [number]],
            "text": str(int(number)),
        }[shape]
    found = read_pose_file(write_json(tmp_path / "a.json", records))
    assert {track.person for track in found.tracks} == {"0", "1"}
    first = choose_person(found, "1")
    np.testing.assert_allclose(first.positions[0], person(400, 200, 17), atol=1e-4)


def test_alphapose_without_ids_or_with_one_id_for_all_follows_the_motion(tmp_path: Path) -> None:
    records = alphapose_records(6, people=2)
    records[4], records[5] = records[5], records[4]
    for record in records:
        record["idx"] = [0.0]
    same = read_pose_file(write_json(tmp_path / "a.json", records))
    for record in records:
        del record["idx"]
    absent = read_pose_file(write_json(tmp_path / "b.json", records))
    for found in (same, absent):
        check_file(found)
        assert len(found.tracks) == 2
        for track in found.tracks:
            start = 100 if track.positions[0].mean() < 260 else 400
            for frame in range(6):
                np.testing.assert_allclose(
                    track.positions[frame], person(start + 2 * frame, 200, 17), atol=1e-4
                )
    assert any("don't tell people apart" in note for note in same.notes)


def test_alphapose_confidences_up_to_six(tmp_path: Path) -> None:
    records = alphapose_records(2)
    for record in records:
        record["keypoints"][2::3] = [6.0, 3.0, 0.6] + [1.2] * 14
    track = read_pose_file(write_json(tmp_path / "a.json", records)).tracks[0]
    np.testing.assert_allclose(track.confidence[0, :4], [1, 0.5, 0.1, 0.2], atol=1e-6)


def test_alphapose_heat_map_peaks_above_one_are_clipped(tmp_path: Path) -> None:
    records = alphapose_records(1)
    records[0]["keypoints"][2::3] = [1.07, 0.5] + [0.9] * 15
    track = read_pose_file(write_json(tmp_path / "a.json", records)).tracks[0]
    np.testing.assert_allclose(track.confidence[0, :3], [1, 0.5, 0.9], atol=1e-6)


def test_alphapose_id_twice_in_a_frame_keeps_the_motion(tmp_path: Path) -> None:
    records = alphapose_records(30)
    stray = {**records[7], "keypoints": triplets(person(500, 400, 17))}
    found = read_pose_file(write_json(tmp_path / "a.json", [*records[:7], stray, *records[7:]]))
    assert [track.person for track in found.tracks] == ["0"]
    np.testing.assert_allclose(found.tracks[0].positions[7], person(114, 200, 17), atol=1e-4)
    assert any(note.startswith("frame 7: a person's id stands twice") for note in found.notes)


@pytest.mark.parametrize(
    ("people", "joints"), [("people", "pose_keypoints_2d"), ("bodies", "joints")]
)
def test_alphapose_frame_objects(tmp_path: Path, people: str, joints: str) -> None:
    value = {
        f"{frame}.jpg": {
            "version": "AlphaPose v0.3",
            people: [{joints: triplets(person(100 + frame, 200, 18))}],
        }
        for frame in (2, 10, 9)
    }
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert (found.format, found.joint_set.name) == ("alphapose", "openpose_coco18")
    assert found.tracks[0].frames.tolist() == list(range(2, 11))
    np.testing.assert_allclose(found.tracks[0].positions[8], person(110, 200, 18), atol=1e-4)


def _openpose_folder(folder: Path, frames: dict[int, list[np.ndarray]]) -> Path:
    folder.mkdir()
    for number, people in frames.items():
        write_json(folder / f"clip2_{number:012d}_keypoints.json", openpose_frame(*people))
    return folder


def test_openpose_folder_with_a_gap_and_empty_frames(tmp_path: Path) -> None:
    points = person(100, 200, 25)
    points[3] = 0
    frames = {0: [], 1: [points], 2: [points + 1], 5: [points + 4], 6: []}
    folder = _openpose_folder(tmp_path / "json", frames)
    file = folder / "clip2_000000000001_keypoints.json"
    value = json.loads(file.read_text())
    value["people"][0]["pose_keypoints_2d"][9:12] = [0, 0, 0]
    write_json(file, value)
    found = read_pose_file(folder)
    assert (found.format, found.joint_set.name) == ("openpose", "openpose_body25")
    assert (found.first_frame, found.frame_count) == (0, 7)
    (track,) = found.tracks
    assert track.present.any(axis=1).tolist() == [False, True, True, False, False, True, False]
    assert not track.present[1, 3]
    np.testing.assert_allclose(track.positions[5, 4:], points[4:] + 4, atol=1e-4)


def test_openpose_people_swap_their_order(tmp_path: Path) -> None:
    a, b = person(100, 200, 18), person(600, 200, 18)
    frames = {f: [a + 3 * f, b - 3 * f] if f % 2 else [b - 3 * f, a + 3 * f] for f in range(20)}
    found = read_pose_file(_openpose_folder(tmp_path / "json", frames))
    assert len(found.tracks) == 2
    left = min(found.tracks, key=lambda track: float(track.positions[0].mean()))
    for frame in range(20):
        np.testing.assert_allclose(left.positions[frame], a + 3 * frame, atol=1e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_openpose_normalised(tmp_path: Path, signed: bool) -> None:
    points = person(320, 240, 25)
    share = points / [640, 480]
    value = openpose_frame(share * 2 - 1 if signed else share)
    file = write_json(tmp_path / "a.json", value)
    found = read_pose_file(file, image_size=(640, 480))
    np.testing.assert_allclose(found.tracks[0].positions[0], points, atol=1e-3)
    assumed = read_pose_file(file)
    np.testing.assert_allclose(
        assumed.tracks[0].positions[0], share * [1920, 1080], rtol=1e-5, atol=1e-3
    )
    assert any("1920x1080 assumed" in note for note in assumed.notes)


@pytest.mark.parametrize("dialect", ["inferencer", "demo", "image"])
def test_mmpose_dialects(tmp_path: Path, dialect: str) -> None:
    instances = [mmpose_instances(person(100 + f, 200, 17), 1.4) for f in range(3)]
    if dialect == "inferencer":
        value: object = [{"frame_id": f, "instances": i} for f, i in enumerate(instances)]
    elif dialect == "demo":
        frames = [{"frame_id": f + 1, "instances": i} for f, i in enumerate(instances)]
        value = {"meta_info": {"dataset_name": "coco"}, "instance_info": frames}
    else:
        value = instances[0]
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert (found.format, found.joint_set.name) == ("mmpose", "coco17")
    assert found.tracks[0].frames.tolist() == ([0] if dialect == "image" else [0, 1, 2])
    np.testing.assert_allclose(
        found.tracks[0].positions[-1],
        person(100 if dialect == "image" else 102, 200, 17),
        atol=1e-4,
    )
    np.testing.assert_array_equal(found.tracks[0].confidence, 1)


def test_mmpose_joint_names_decide_between_two_sets_of_17(tmp_path: Path) -> None:
    from jumps_blender.skeletons import JOINT_SETS

    names = {str(i): name for i, name in enumerate(JOINT_SETS["h36m17"].joints)}
    frames = [{"frame_id": 1, "instances": mmpose_instances(person(100, 200, 17))}]
    value = {"meta_info": {"keypoint_id2name": names}, "instance_info": frames}
    assert read_pose_file(write_json(tmp_path / "a.json", value)).joint_set.name == "h36m17"


def test_coco_visibility_flags_are_no_confidences(tmp_path: Path) -> None:
    keypoints = triplets(person(100, 200, 17))
    keypoints[2::3] = [2, 1, 0] + [2] * 14
    value = [{"image_id": 7, "category_id": 1, "keypoints": keypoints, "score": 0.7}]
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert found.format == "coco"
    assert found.tracks[0].confidence[0, :4].tolist() == [1, 1, 0, 1]
    assert found.tracks[0].positions[0, 2].tolist() == [0, 0]


def test_coco_ids_with_a_stride_are_counted(tmp_path: Path) -> None:
    value = [
        {"image_id": i, "category_id": 1, "keypoints": triplets(person(100 + i / 100, 200, 17))}
        for i in (1000, 1100, 1300)
    ]
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert found.tracks[0].present.any(axis=1).tolist() == [True, True, False, True]
    assert any("100 apart" in note for note in found.notes)


def test_coco_annotations_take_frames_and_size_from_the_images(tmp_path: Path) -> None:
    images = [
        {"id": 900 + i, "file_name": f"clip_{n:04d}.jpg", "width": 640, "height": 480}
        for i, n in enumerate((3, 4, 5))
    ]
    annotations = [{"image_id": 901, "keypoints": triplets(person(100, 200, 17), 2)}]
    value = {"images": images, "annotations": annotations}
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert (found.first_frame, found.frame_count, found.image_size) == (3, 3, (640, 480))
    assert found.tracks[0].present.any(axis=1).tolist() == [False, True, False]


def test_mediapipe_lines(tmp_path: Path) -> None:
    lines = mediapipe_lines(5)
    lines[1]["kp"] = lines[4]["kp"] = None
    found = read_pose_file(write_lines(tmp_path / "a.jsonl", lines))
    assert (found.format, found.fps, found.image_size) == ("mediapipe", 25.0, (640, 480))
    (track,) = found.tracks
    assert track.present.any(axis=1).tolist() == [False, True, True, False, True]
    np.testing.assert_allclose(track.confidence[1], 0.4, atol=1e-6)
    np.testing.assert_allclose(track.positions[1], person(201, 200, 33), atol=1e-4)
    np.testing.assert_allclose(track.times, np.arange(5) / 25)


def test_mediapipe_own_times_and_forced_rate(tmp_path: Path) -> None:
    lines = mediapipe_lines(4)
    for line, time in zip(lines[1:], (0.0, 0.04, 0.09, 0.11), strict=True):
        line["t"] = time
    file = write_lines(tmp_path / "a.jsonl", lines)
    np.testing.assert_allclose(read_pose_file(file).tracks[0].times, [0, 0.04, 0.09, 0.11])
    np.testing.assert_allclose(read_pose_file(file, fps=50).tracks[0].times, np.arange(4) / 50)


def test_mediapipe_normalised_list(tmp_path: Path) -> None:
    points = person(320, 240, 33)
    landmarks = [
        {"x": x / 640, "y": y / 480, "z": 0.1, "visibility": 0.5} for x, y in points.tolist()
    ]
    value = [None, landmarks, {"landmarks": landmarks}]
    file = write_json(tmp_path / "a.json", value)
    found = read_pose_file(file, image_size=(640, 480))
    assert found.format == "mediapipe"
    assert found.tracks[0].present.any(axis=1).tolist() == [False, True, True]
    np.testing.assert_allclose(found.tracks[0].positions[2], points, atol=1e-3)
    np.testing.assert_allclose(found.tracks[0].confidence[2], 0.5)
    assert read_pose_file(file).image_size == (1920, 1080)


def test_mediapipe_long_table(tmp_path: Path) -> None:
    rows = ["frame,landmark,x,y,z,visibility"]
    for frame in (4, 6):
        rows += [
            f"{frame},{k},{x},{y},0,0.75"
            for k, (x, y) in enumerate(person(100 + frame, 200, 33).tolist())
        ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    found = read_pose_file(tmp_path / "a.csv")
    assert found.format == "mediapipe"
    assert found.tracks[0].frames.tolist() == [4, 5, 6]
    np.testing.assert_allclose(found.tracks[0].positions[2], person(106, 200, 33), atol=1e-4)
    np.testing.assert_allclose(found.tracks[0].confidence[2], 0.75)


def test_mediapipe_world_landmarks_are_refused(tmp_path: Path) -> None:
    points = (person(0, 0, 33) / 100).tolist()
    value = [[{"x": x, "y": y, "z": 0.0, "visibility": 0.9} for x, y in points]]
    with pytest.raises(PoseFileError, match="world landmarks"):
        read_pose_file(write_json(tmp_path / "a.json", value))


def test_deeplabcut_single(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(deeplabcut_csv(3))
    found = read_pose_file(tmp_path / "a.csv")
    assert found.format == "deeplabcut"
    np.testing.assert_allclose(found.tracks[0].positions[2], person(202, 200, 12), atol=1e-4)
    np.testing.assert_allclose(found.tracks[0].confidence, 0.9, atol=1e-6)


def test_deeplabcut_individuals_and_empty_cells(tmp_path: Path) -> None:
    people = ("anna", "ben")
    rows = [
        ["scorer", *["net"] * 72],
        ["individuals", *[name for name in people for _ in range(36)]],
        ["bodyparts", *[name for _ in people for name in LIMBS for _ in range(3)]],
        ["coords", *["x", "y", "likelihood"] * 24],
    ]
    for frame in range(3):
        ben = [""] * 36 if frame == 1 else map(str, triplets(person(500, 200, 12)))
        rows.append([str(frame), *map(str, triplets(person(100, 200, 12))), *ben])
    (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in rows))
    found = read_pose_file(tmp_path / "a.csv")
    assert [track.person for track in found.tracks] == ["anna", "ben"]
    assert choose_person(found, "ben").present.any(axis=1).tolist() == [True, False, True]
    np.testing.assert_allclose(
        choose_person(found, "ben").positions[2], person(500, 200, 12), atol=1e-4
    )


def test_deeplabcut_labels_have_no_likelihood(tmp_path: Path) -> None:
    rows = [
        ["scorer", "", "", *["me"] * 24],
        ["bodyparts", "", "", *[name for name in LIMBS for _ in range(2)]],
        ["coords", "", "", *["x", "y"] * 12],
        ["labeled-data", "clip1", "img007.png", *map(str, person(100, 200, 12).ravel())],
        ["labeled-data", "clip1", "img009.png", *map(str, person(102, 200, 12).ravel())],
    ]
    (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in rows))
    track = read_pose_file(tmp_path / "a.csv").tracks[0]
    assert track.frames.tolist() == [7, 8, 9]
    np.testing.assert_array_equal(track.confidence[2], 1)
    np.testing.assert_allclose(track.positions[2], person(102, 200, 12), atol=1e-4)


def test_sleap_csv_of_two_tracks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(sleap_csv(3, ("track_0", "track_1")))
    found = read_pose_file(tmp_path / "a.csv")
    assert found.format == "sleap"
    assert [track.person for track in found.tracks] == ["track_0", "track_1"]
    np.testing.assert_allclose(
        choose_person(found, "track_1").positions[2], person(502, 200, 12), atol=1e-4
    )


def test_sleap_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    points = np.stack([person(200 + 5 * f, 200, 12) for f in range(4)])  # frames, nodes, 2
    tracks = np.stack([points, points + 300])  # tracks, frames, nodes, 2
    tracks[1, 2] = np.nan
    scores = np.full((2, 12, 4), 0.7)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = tracks.transpose(0, 3, 2, 1)
        file["point_scores"] = scores
        file["node_names"] = [name.encode() for name in LIMBS]
        file["track_names"] = [b"anna", b"ben"]
    found = read_pose_file(tmp_path / "a.h5")
    assert [track.person for track in found.tracks] == ["anna", "ben"]
    ben = choose_person(found, "ben")
    assert ben.present.any(axis=1).tolist() == [True, True, False, True]
    np.testing.assert_allclose(ben.positions[3], points[3] + 300, atol=1e-4)
    np.testing.assert_allclose(ben.confidence[3], 0.7, atol=1e-6)


@pytest.mark.parametrize(
    ("tracks", "names", "words"),
    [
        ((1, 2, 12, 2_000_000), "S9", "tracks.* is too large"),
        ((1, 2, 100, 900_000), "S9", "tracks.* is too large"),
        ((1, 2, 12, 9), "S5000", "node_names.* has names of 5000 characters"),
    ],
)
def test_sleap_hdf5_that_claims_too_much(
    tracks: tuple[int, ...], names: str, words: str, tmp_path: Path
) -> None:
    """What is never written takes no room in the file, and all of it once it is read."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("tracks", tracks, "f8")
        file.create_dataset("node_names", (12,), names)
    with pytest.raises(JumpsError, match=words):
        read_pose_file(tmp_path / "a.h5")


def test_sleap_hdf5_with_named_axes(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    points = np.stack([person(200 + 5 * f, 200, 12) for f in range(4)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = points[:, None]
        file["tracks"].attrs["dims"] = '["frame", "track", "node", "xy"]'
        file["node_names"] = [name.encode() for name in LIMBS]
    track = read_pose_file(tmp_path / "a.h5").tracks[0]
    np.testing.assert_allclose(track.positions, points, atol=1e-4)


def test_own_format_by_hand(tmp_path: Path) -> None:
    value = jumps_object(3)
    value["positions"][1][4] = None
    value["positions"][2][5] = [None, 3]
    value["confidence"] = [[0.5] * 12, [1] * 12, [1] * 12]
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    (track,) = found.tracks
    assert (found.format, found.fps, track.person) == ("jumps", 25.0, "1")
    assert not track.present[1, 4]
    assert not track.present[2, 5]
    np.testing.assert_allclose(track.confidence[0], 0.5)
    np.testing.assert_allclose(track.positions[2, 6], person(202, 200, 12)[6], atol=1e-4)
    assert track.joint_set.to_target["l_knee"] == ("left_knee",)


def test_own_format_with_several_people_and_times(tmp_path: Path) -> None:
    value = {
        "joint_names": LIMBS,
        "image_size": [640, 480],
        "people": [
            {"person": "anna", "positions": [person(100, 200, 12).tolist()] * 3},
            {"person": "ben", "first_frame": 2, "positions": [person(110, 200, 12).tolist()] * 2},
        ],
    }
    found = read_pose_file(write_json(tmp_path / "a.json", value))
    assert found.image_size == (640, 480)
    assert [track.person for track in found.tracks] == ["anna", "ben"]
    assert choose_person(found, "ben").frames.tolist() == [2, 3]
    one = {**jumps_object(3), "times": [2.0, 2.04, 2.1]}
    track = read_pose_file(write_json(tmp_path / "b.json", one)).tracks[0]
    assert track.frames.tolist() == [50, 51, 52]
    np.testing.assert_allclose(track.times, [2.0, 2.04, 2.1])


def test_people_are_ordered_by_how_much_is_seen_of_them(tmp_path: Path) -> None:
    records = [
        r for r in alphapose_records(6, people=2) if r["idx"] == [1.0] or r["image_id"] < "3"
    ]
    found = read_pose_file(write_json(tmp_path / "a.json", records))
    assert [track.person for track in found.tracks] == ["1", "0"]
    assert choose_person(found).person == "1"
    assert choose_person(found, "0").frames.tolist() == [0, 1, 2]
    with pytest.raises(JumpsError, match=r"no person 'x'; the file has 1, 0\."):
        choose_person(found, "x")


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    text = json.dumps(alphapose_records(2), indent=1).replace("\n", "\r\n")
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_pose_file(tmp_path / "a.json").frame_count == 2


def test_frame_numbers_that_begin_late(tmp_path: Path) -> None:
    records = alphapose_records(3)
    for i, record in enumerate(records):
        record["image_id"] = 20261120000000 + i
    found = read_pose_file(write_json(tmp_path / "a.json", records))
    assert (found.first_frame, found.frame_count) == (0, 3)
    assert any("counted from 0" in note for note in found.notes)
