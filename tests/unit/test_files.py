"""Output files are whole or not there at all, and only files."""

import os
import stat
from pathlib import Path

import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.files import all_or_none, written_whole


def test_a_read_only_file_is_left_alone(tmp_path, monkeypatch):
    """Version control marks files so; the folder's permissions would let it be replaced."""
    path = tmp_path / "walk.fbx"
    path.write_text("hers")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(JumpsError, match=r"walk.fbx: is read-only"), written_whole(path):
        pytest.fail("not asked for")
    assert path.read_text() == "hers"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_a_plain_file(tmp_path):
    plain, whole = tmp_path / "plain", tmp_path / "whole"
    plain.write_text("")
    with written_whole(whole) as temporary:
        temporary.write_text("")
    assert stat.S_IMODE(plain.stat().st_mode) == stat.S_IMODE(whole.stat().st_mode)


def test_links_are_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with written_whole(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_pipes_and_folders_and_long_names_are_refused(tmp_path):
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / ("a" * 300), tmp_path / "none" / "a.txt"):
        with pytest.raises(JumpsError), written_whole(path):
            pass
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def write_all(paths: list[Path | None]) -> None:
    with all_or_none(paths) as temporary:
        for path in filter(None, temporary):
            path.write_text("after")


def test_outputs_are_replaced_together_or_not_at_all(tmp_path, monkeypatch):
    one, two, new = (tmp_path / name for name in ("one.fbx", "two.bvh", "new.glb"))
    for path in (one, two):
        path.write_text("before")
    replace = Path.replace

    def stubborn(self: Path, target: Path) -> Path:
        if Path(target) == one and self.read_text() == "after":
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stubborn)
    with pytest.raises(JumpsError, match=r"one\.fbx: could not be written"):
        write_all([one, None, two, new])
    assert [one.read_text(), two.read_text(), new.exists()] == ["before", "before", False]
    monkeypatch.undo()
    write_all([one, None, two, new])
    assert [path.read_text() for path in (one, two, new)] == ["after"] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.glb", "one.fbx", "two.bvh"]
