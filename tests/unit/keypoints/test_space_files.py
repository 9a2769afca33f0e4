"""Joints in space, written and read again by other programs' means."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import CONTACTS, SpaceSequence
from jumps_blender.keypoints.space_files import SpaceClip, clip_of, write_space
from jumps_blender.skeletons import JOINTS

from ...walking import HELD_JOINTS, camera, picture, walker

FRAMES = 40


@pytest.fixture
def clip() -> SpaceClip:
    world, stands = walker(FRAMES)
    return clip_of(
        SpaceSequence(
            picture=picture(FRAMES),
            positions=world.astype(np.float32),
            uncertainty=np.full((FRAMES, 28), 0.015, np.float32),
            contact=stands.astype(np.float32),
            stands=stands,
            free=world[:, HELD_JOINTS].astype(np.float32),
            camera=camera(),
            height=1.75,
            lifter="lift 12345678",
        )
    )


def test_json_says_everything(clip: SpaceClip, tmp_path: Path) -> None:
    write_space(clip, tmp_path / "walk.json")
    found = json.loads((tmp_path / "walk.json").read_text())
    assert (found["format"], found["version"]) == ("jumps-space", 1)
    assert found["units"] == "metres"
    assert "z up" in found["axes"]
    assert found["joint_names"] == list(JOINTS)
    assert np.array(found["positions"]) == pytest.approx(clip.positions, abs=1e-6)
    assert found["times"] == clip.times.tolist()
    assert (found["fps"], found["height"]) == (30.0, 1.75)
    assert found["contact_names"] == list(CONTACTS)
    assert np.array_equal(found["contact"], clip.contact)
    assert np.array(found["uncertainty"]) == pytest.approx(0.015)
    assert np.array_equal(found["state"], clip.state)
    names = ("source", "person", "engine", "lifter")
    assert [found[name] for name in names] == ["walk.json", "1", "test", "lift 12345678"]
    # The camera, used as the file describes it, sees the joints where the picture has them.
    seen = found["camera"]
    assert seen["axes"] == "right, down, forward"
    local = (np.array(found["positions"]) - seen["place"]) @ np.array(seen["to_world"])
    pixels = local[..., :2] / local[..., 2:] * seen["focal"] + seen["centre"]
    assert pixels == pytest.approx(picture(FRAMES).positions, abs=1e-2)
    assert seen["image_size"] == [1920, 1080]


def test_npz_says_the_same(clip: SpaceClip, tmp_path: Path) -> None:
    write_space(clip, tmp_path / "walk.npz")
    with np.load(tmp_path / "walk.npz", allow_pickle=False) as found:
        assert np.array_equal(found["positions"], clip.positions)
        assert np.array_equal(found["times"], clip.times)
        assert np.array_equal(found["contact"], clip.contact)
        assert found["joint_names"].tolist() == list(JOINTS)
        assert found["units"] == "metres"
        assert "z up" in str(found["axes"])
        assert np.array_equal(found["camera_to_world"], camera().turn)
        assert found["camera_focal"] == 1500.0
        assert found["camera_axes"] == "right, down, forward"


def test_what_is_not_known_is_left_out(clip: SpaceClip, tmp_path: Path) -> None:
    bare = replace(clip, state=None, uncertainty=None, contact=None, camera=None, height=None)
    write_space(bare, tmp_path / "walk.npz")
    write_space(bare, tmp_path / "walk.json")
    names = {"state", "uncertainty", "contact", "height"}
    with np.load(tmp_path / "walk.npz", allow_pickle=False) as found:
        assert not names & set(found.files)
        assert not [name for name in found.files if name.startswith("camera")]
    found = json.loads((tmp_path / "walk.json").read_text())
    assert {found[name] for name in (*names, "camera")} == {None}


def read_trc(path: Path) -> tuple[dict[str, str], list[str], np.ndarray, np.ndarray]:
    """As OpenSim documents the format: header, markers, times (F,), places (F, N, 3)."""
    lines = path.read_text().split("\n")
    assert lines[0].split("\t")[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    markers = [name for name in lines[3].split("\t")[2:] if name]
    axes = lines[4].split("\t")
    assert axes[:2] == ["", ""]
    assert axes[2:] == [f"{a}{n + 1}" for n in range(len(markers)) for a in "XYZ"]
    assert lines[5] == ""
    rows = np.array([[float(x) for x in line.split("\t")] for line in lines[6:] if line])
    assert rows[:, 0].tolist() == list(range(1, len(rows) + 1))
    return header, markers, rows[:, 1], rows[:, 2:].reshape(len(rows), -1, 3)


def test_times_in_another_unit_are_refused_before_memory_is_taken(clip, tmp_path: Path) -> None:
    slow = replace(clip, times=clip.times * 10_000, fps=30.0)
    with pytest.raises(JumpsError, match="40 frames last 13000 s, which 30 frames per second make"):
        write_space(slow, tmp_path / "walk.trc")
    assert not (tmp_path / "walk.trc").exists()


def test_trc_is_as_opensim_reads_it(clip: SpaceClip, tmp_path: Path) -> None:
    write_space(clip, tmp_path / "walk.trc")
    header, markers, times, places = read_trc(tmp_path / "walk.trc")
    assert header == {
        "DataRate": "30",
        "CameraRate": "30",
        "NumFrames": "40",
        "NumMarkers": "28",
        "Units": "mm",
        "OrigDataRate": "30",
        "OrigDataStartFrame": "1",
        "OrigNumFrames": "40",
    }
    assert markers == list(JOINTS)
    assert times == pytest.approx(np.arange(40) / 30, abs=1e-6)
    x, y, z = np.moveaxis(clip.positions * 1000, -1, 0)
    assert places == pytest.approx(np.stack([x, z, -y], -1), abs=1e-3)
    assert "-0.000\t" not in (tmp_path / "walk.trc").read_text()


def test_c3d_is_as_others_read_it(clip: SpaceClip, tmp_path: Path) -> None:
    pytest.importorskip("c3d", reason="the Python package c3d is not installed")
    ezc3d = pytest.importorskip("ezc3d", reason="the Python package ezc3d is not installed")
    write_space(clip, tmp_path / "walk.c3d")
    found = ezc3d.c3d(str(tmp_path / "walk.c3d"))
    points = found["parameters"]["POINT"]
    assert points["LABELS"]["value"] == list(JOINTS)
    assert points["UNITS"]["value"] == ["mm"]
    assert points["RATE"]["value"][0] == pytest.approx(30.0)
    assert (points["X_SCREEN"]["value"], points["Y_SCREEN"]["value"]) == (["+X"], ["+Z"])
    assert points["FRAMES"]["value"][0] == 40
    places = found["data"]["points"]
    assert np.isfinite(places).all()
    expected = clip.positions.transpose(2, 1, 0) * 1000
    assert places[:3] == pytest.approx(expected, abs=1e-3)
    assert (found["data"]["meta_points"]["residuals"] == 0).all()


def test_uneven_times_are_made_even(clip: SpaceClip, tmp_path: Path) -> None:
    """A camera that missed frames: TRC has the frame rate's times, and what lay between."""
    seen = np.delete(np.arange(FRAMES), [3, 10, 11])
    given = replace(
        clip, positions=clip.positions[seen], times=clip.times[seen], state=None, contact=None
    )
    write_space(given, tmp_path / "walk.trc")
    header, _, times, places = read_trc(tmp_path / "walk.trc")
    assert header["NumFrames"] == "40"
    assert times == pytest.approx(np.arange(40) / 30, abs=1e-6)
    x = clip.positions[..., 0] * 1000
    assert places[seen, :, 0] == pytest.approx(x[seen], abs=1e-3)
    assert places[3, :, 0] == pytest.approx((x[2] + x[4]) / 2, abs=1e-3)


def test_c3d_without_its_package_is_a_message(
    clip: SpaceClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c3d", None)
    with pytest.raises(JumpsError, match="needs the Python package c3d; install it with"):
        write_space(clip, tmp_path / "walk.c3d")
    assert list(tmp_path.iterdir()) == []


def test_another_name_is_a_message(clip: SpaceClip, tmp_path: Path) -> None:
    with pytest.raises(JumpsError, match=r"must end in \.json or \.npz or \.trc or \.c3d"):
        write_space(clip, tmp_path / "walk.csv")
