"""Nothing but the project's own error leaves a reader, whatever it is given."""

from __future__ import annotations

import contextlib
import io
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import FORMATS, read_pose_file, read_sequence

from .samples import LIMBS, check_file, person, text_of_each_format

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXTS = text_of_each_format()
TEXTS["estimate"] = json.dumps(  # of format "jumps", as made from video
    {
        "format": "jumps",
        "fps": 30,
        "image_size": [640, 480],
        "missing": {"min_confidence": 0.5, "shaking": 2.5, "edge": 0.01, "dilation": 1},
        "joint_names": LIMBS,
        "first_frame": 2,
        "times": [0.1, 0.2, 0.3, 0.4],
        "frames": [2, 2, 4, 5],
        "positions": [person(200 + 9 * n, 200, len(LIMBS)).tolist() for n in range(4)],
        "confidence": [[0.9] * len(LIMBS)] * 4,
    }
)
FORCED = st.sampled_from([None, *FORMATS])


def survives(content: bytes, forced: str | None = None, name: str = "poses.json") -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with contextlib.suppress(JumpsError):
            check_file(read_pose_file(path, format=forced))
        with contextlib.suppress(JumpsError):
            read_sequence(path)


@FUZZ
@given(content=st.binary(max_size=200), forced=FORCED)
def test_any_bytes(content: bytes, forced: str | None) -> None:
    survives(content, forced)


@FUZZ
@given(content=st.text(max_size=200), forced=FORCED)
def test_any_text(content: str, forced: str | None) -> None:
    survives(content.encode("utf-8", "surrogatepass"), forced)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.text(max_size=8),
)
KEYS = st.sampled_from(
    [
        *("image_id", "keypoints", "idx", "box", "people", "pose_keypoints_2d", "person_id"),
        *("frame_id", "instances", "keypoint_scores", "instance_info", "meta_info"),
        *("annotations", "images", "id", "file_name", "width", "height", "track_id"),
        *("type", "kp", "i", "t", "columns", "fps", "count", "x", "y", "landmarks"),
        *("format", "version", "joint_names", "positions", "confidence", "state", "times"),
        *(
            "frames",
            "missing",
            "person",
            "first_frame",
            "image_size",
            "bodies",
            "joints",
            "keypoint_id2name",
        ),
    ]
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(KEYS, st.text(max_size=5)), inner, max_size=6),
    ),
    max_leaves=12,
)


@FUZZ
@given(value=ANY_JSON, forced=FORCED)
def test_any_json_value(value: Any, forced: str | None) -> None:
    survives(json.dumps(value).encode(), forced)


@FUZZ
@given(values=st.lists(ANY_JSON, min_size=2, max_size=4), forced=FORCED)
def test_any_json_lines(values: list[Any], forced: str | None) -> None:
    survives("\n".join(map(json.dumps, values)).encode(), forced)


@FUZZ
@given(
    rows=st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        *("scorer", "bodyparts", "individuals", "coords", "x", "y", "likelihood"),
                        *("track", "frame_idx", "frame", "landmark", "left_hip.x", "left_hip"),
                        *LIMBS[:4],
                    ]
                ),
                st.floats().map(str),
                st.integers().map(str),
                st.text(max_size=4),
            ),
            max_size=8,
        ),
        max_size=8,
    ),
    forced=FORCED,
)
def test_any_table(rows: list[list[str]], forced: str | None) -> None:
    text = "\n".join(",".join(row) for row in rows)
    survives(text.encode("utf-8", "surrogatepass"), forced, "poses.csv")


@pytest.mark.parametrize("name", sorted(TEXTS))
@FUZZ
@given(data=st.data())
def test_valid_files_with_damage(name: str, data: st.DataObject) -> None:
    content = bytearray(TEXTS[name].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["cut", "change", "remove", "insert"]))
        if kind == "cut":
            del content[place + 1 :]
        elif kind == "change":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "remove":
            del content[place : place + data.draw(st.integers(1, 30))]
            content = content or bytearray(b"[")
        else:
            piece = data.draw(st.sampled_from([b"NaN", b"-", b"9" * 30, b"[", b"{}", b",", b'"']))
            content[place:place] = piece
    survives(bytes(content))


def _replaced(value: Any, path: list[int], new: Any) -> Any:
    """The value with one of its parts, reached by ``path``, replaced."""
    if not path or not isinstance(value, list | dict) or not value:
        return new
    if isinstance(value, list):
        place = path[0] % len(value)
        return [
            _replaced(item, path[1:], new) if i == place else item for i, item in enumerate(value)
        ]
    key = list(value)[path[0] % len(value)]
    return {k: _replaced(v, path[1:], new) if k == key else v for k, v in value.items()}


@pytest.mark.parametrize("name", ["alphapose", "openpose", "mmpose", "coco", "jumps", "mediapipe"])
@FUZZ
@given(path=st.lists(st.integers(0, 100), min_size=1, max_size=6), new=ANY_JSON)
def test_valid_files_with_another_value_inside(name: str, path: list[int], new: Any) -> None:
    if name == "mediapipe":
        lines = [json.loads(line) for line in TEXTS[name].splitlines()]
        text = "\n".join(map(json.dumps, _replaced(lines, [*path, 0], new)))
    else:
        text = json.dumps(_replaced(json.loads(TEXTS[name]), path, new))
    survives(text.encode())


def test_damaged_hdf5_and_npz(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    points = np.stack([person(200 + f, 200, 12) for f in range(4)])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = points[None].transpose(0, 3, 2, 1)
        file["node_names"] = np.array(LIMBS, "S")
    archive = io.BytesIO()
    np.savez(archive, positions=points, joint_names=np.array(LIMBS), fps=30)
    draw = random.Random(1)
    for content in ((tmp_path / "a.h5").read_bytes(), archive.getvalue()):
        survives(content)
        for _ in range(150):
            damaged = bytearray(content)
            for _ in range(draw.randint(1, 8)):
                damaged[draw.randrange(8, len(damaged))] = draw.randrange(256)
            survives(bytes(damaged[: draw.randrange(9, len(damaged) + 1)]))
            survives(bytes(damaged))
