"""Results are written whole, read back equal, and serve as input again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import (
    PoseSequence,
    observe,
    read_pose_file,
    read_sequence,
    write_sequence,
)
from jumps_blender.keypoints.track import PoseFileError
from jumps_blender.skeletons import JOINTS

from .samples import check_file, write_json


def sequence(frames: int = 5) -> PoseSequence:
    random = np.random.default_rng(3)
    state = np.zeros((frames, 28), np.int8)
    state[2] = 1
    state[:, :4] = 2
    confidence = np.where(state == 0, random.uniform(0.2, 1, state.shape), 0)
    return PoseSequence(
        positions=random.uniform(-50, 900, (frames, 28, 2)).astype(np.float32),
        state=state,
        confidence=confidence.astype(np.float32),
        uncertainty=random.uniform(0, 9, (frames, 28)).astype(np.float32),
        times=np.arange(7, 7 + frames) / 25,
        fps=25.0,
        image_size=(640, 480),
        person="anna",
        source='a "clip," [1].json,',
        engine="direct 1a2b3c4d",
    )


@pytest.mark.parametrize("suffix", [".json", ".npz", ".NPZ"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    written = sequence()
    write_sequence(written, tmp_path / f"out{suffix}")
    assert [file.name for file in tmp_path.iterdir()] == [f"out{suffix}"]
    found = read_sequence(tmp_path / f"out{suffix}")
    exact = suffix != ".json"
    for name in ("positions", "uncertainty", "confidence"):
        tolerance = 0 if exact else 6e-5
        np.testing.assert_allclose(getattr(found, name), getattr(written, name), atol=tolerance)
        assert getattr(found, name).dtype == np.float32
    np.testing.assert_array_equal(found.state, written.state)
    assert found.state.dtype == np.int8
    np.testing.assert_array_equal(found.times, written.times)
    for name in ("fps", "image_size", "person", "source", "engine"):
        assert getattr(found, name) == getattr(written, name)


def test_unknown_image_size(tmp_path: Path) -> None:
    for name in ("out.json", "out.npz"):
        write_sequence(replace(sequence(), image_size=None), tmp_path / name)
        assert read_sequence(tmp_path / name).image_size is None


def test_npz_holds_what_is_promised(tmp_path: Path) -> None:
    write_sequence(sequence(), tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        shapes = {name: (archive[name].dtype.str, archive[name].shape) for name in archive.files}
        assert tuple(archive["joint_names"]) == JOINTS
        assert float(archive["fps"]) == 25
    assert shapes["positions"] == ("<f4", (5, 28, 2))
    assert shapes["state"] == ("|i1", (5, 28))
    assert shapes["uncertainty"] == ("<f4", (5, 28))
    assert shapes["times"] == ("<f8", (5,))
    assert shapes["joint_names"][0].startswith("<U")


def test_json_holds_the_same(tmp_path: Path) -> None:
    written = sequence()
    write_sequence(written, tmp_path / "out.json")
    value = json.loads((tmp_path / "out.json").read_text())
    assert (value["format"], value["version"], value["fps"]) == ("jumps", 1, 25)
    assert value["joint_names"] == list(JOINTS)
    np.testing.assert_allclose(value["positions"], written.positions, atol=6e-5)
    np.testing.assert_array_equal(value["state"], written.state)


@pytest.mark.parametrize("name", ["out.json", "out.npz"])
def test_a_result_is_a_pose_file_of_its_observed_joints(tmp_path: Path, name: str) -> None:
    written = sequence()
    write_sequence(written, tmp_path / name)
    found = read_pose_file(tmp_path / name)
    check_file(found)
    (track,) = found.tracks
    assert (found.format, track.joint_set.name, track.person) == ("jumps", "mpi_inf_3dhp28", "anna")
    assert (track.fps, track.image_size) == (25.0, (640, 480))
    assert track.frames.tolist() == [7, 8, 9, 10, 11]
    np.testing.assert_array_equal(track.times, written.times)
    np.testing.assert_array_equal(track.present, written.state == 0)
    np.testing.assert_allclose(track.confidence, written.confidence, atol=1e-6)
    observed = written.state == 0
    np.testing.assert_allclose(track.positions[observed], written.positions[observed], atol=6e-5)
    # The joints that the first run had to make up entirely are not taken as tracked.
    assert observe(track).tracked.tolist() == [False] * 4 + [True] * 24


def test_a_result_is_not_cut_where_its_person_jumps(tmp_path: Path) -> None:
    written = sequence()
    written.positions[3:] += 5000
    write_sequence(written, tmp_path / "out.json")
    assert len(read_pose_file(tmp_path / "out.json").tracks) == 1


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path / "out.csv", tmp_path / "out", tmp_path / "no" / "out.json", tmp_path):
        with pytest.raises(JumpsError):
            write_sequence(sequence(), path)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(JumpsError, match="is a folder"):
        write_sequence(sequence(), tmp_path / "folder.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.json"]


def test_what_is_no_result(tmp_path: Path) -> None:
    write_sequence(sequence(), tmp_path / "out.json")
    value = json.loads((tmp_path / "out.json").read_text())
    for change in (
        {"state": None},
        {"fps": None},
        {"times": [0, 0, 1, 2, 3]},
        {"positions": [[None] * 28] * 5},
        {"joint_names": value["joint_names"][::-1]},
    ):
        with pytest.raises(PoseFileError, match="a result file"):
            read_sequence(write_json(tmp_path / "a.json", {**value, **change}))
    with pytest.raises(PoseFileError, match="is not a result file"):
        read_sequence(write_json(tmp_path / "a.json", [1]))
