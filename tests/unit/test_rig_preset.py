"""Presets of bones: what is saved comes back, and what somebody else wrote does no harm."""

import json
from pathlib import Path

import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.skeletons.rig_preset import lacking, read_preset, write_preset

BONES = {"hips": ("Hüfte",), "spine": ("a", "b"), "l_hand_ik": ("ik",)}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    write_preset(path, BONES)
    assert read_preset(path) == BONES
    write_preset(path, {"hips": ("other",)})
    assert read_preset(path) == {"hips": ("other",)}
    assert [item.name for item in tmp_path.iterdir()] == ["mine.json"]


def test_parts_that_nobody_has_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(whole({"tail": ["t"], "hips": ["h"]})))
    assert read_preset(path) == {"hips": ("h",)}


def whole(bones: object) -> dict:
    return {"format": "jumps bones", "version": 1, "bones": bones}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ("import os", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("\x00\xff", "no JSON"),
        ("[1]", "no preset of bones"),
        ('{"format": "else"}', "no preset of bones"),
        ('{"format": "jumps bones", "version": 2}', "newer version"),
        (json.dumps(whole(["hips"])), "names no bones"),
        (json.dumps(whole({"hips": "Hips"})), "hips has no list of bones' names"),
        (json.dumps(whole({"hips": [1]})), "hips has no list"),
        (json.dumps(whole({"hips": [""]})), "hips has no list"),
        (json.dumps(whole({"hips": ["a\nb"]})), "hips has no list"),
        (json.dumps(whole({"hips": ["x" * 300]})), "hips has no list"),
        (json.dumps(whole({"spine": ["x"] * 1000})), "spine has no list"),
        (json.dumps(whole({"hips": None})), "hips has no list"),
        (" " * 300_000, "too large"),
    ],
)
def test_what_is_no_preset_is_a_message(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(JumpsError, match=words) as caught:
        read_preset(path)
    assert str(caught.value).startswith("bad.json: ")


def test_what_is_no_file_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(JumpsError, match="cannot be read"):
        read_preset(tmp_path / "absent.json")
    with pytest.raises(JumpsError, match="is no file"):
        read_preset(tmp_path)


def test_which_bones_a_rig_lacks() -> None:
    assert lacking(BONES, ["Hüfte", "a", "b", "ik"]) == ""
    assert lacking(BONES, ["Hüfte", "a"]) == "b (spine), ik (left hand's IK)"
    many = {"spine": ("a", "b", "c", "d", "e")}
    assert lacking(many, []) == "a (spine), b (spine), c (spine) and 2 more"
