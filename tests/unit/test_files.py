"""Output files are whole or not there at all, and only files."""

import os
import stat

import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole


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
