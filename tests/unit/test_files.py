"""Output files are whole or not there at all, and only files."""

import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.files import all_or_none, npz_arrays, written_whole


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


def test_one_file_named_twice_is_a_message(tmp_path):
    (tmp_path / "a.npz").symlink_to(tmp_path / "a.json")
    paths = [tmp_path / "a.json", None, tmp_path / "a.npz"]
    with (
        pytest.raises(JumpsError, match=r"a\.npz: is the same file as .*a\.json"),
        all_or_none(paths),
    ):
        pytest.fail("not asked for")


def test_messages_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "a.glb"
    with pytest.raises(JumpsError) as raised, all_or_none([path]) as (outer,):  # noqa: PT012
        assert outer is not None
        with written_whole(outer) as inner:
            raise JumpsError(f"{inner}: could not be written.")
    assert str(raised.value) == f"{path}: could not be written."


def archive_of(path, dtype, shape, kind):
    """A ZIP whose one array has only a heading."""
    with zipfile.ZipFile(path, "w", kind) as archive, archive.open("x.npy", "w") as content:
        facts = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(content, facts)


@pytest.mark.parametrize("dtype", ["|b1", "<U0", "<f8"])
def test_arrays_that_claim_to_be_huge_are_not_read(dtype, tmp_path):
    archive_of(tmp_path / "a.npz", dtype, (3 * 10**8, 4), zipfile.ZIP_DEFLATED)
    with pytest.raises(
        JumpsError, match=r"a.npz: holds 1,200,000,000 values, more than the 1,000 that are read"
    ):
        npz_arrays(tmp_path / "a.npz", 1000)
    assert npz_arrays(tmp_path / "a.npz", 1000, {"other"}) == {}
    archive_of(tmp_path / "a.npz", dtype, (3,), zipfile.ZIP_BZIP2)
    with pytest.raises(JumpsError, match=r"a.npz: is compressed as NumPy compresses nothing"):
        npz_arrays(tmp_path / "a.npz", 1000)
    # One value is as long as one likes, if it is a text.
    archive_of(tmp_path / "d.npz", "|S800000000", (), zipfile.ZIP_DEFLATED)
    with pytest.raises(JumpsError, match=r"d.npz: holds 100,000,000 values"):
        npz_arrays(tmp_path / "d.npz", 1000)
    given = {"a": np.arange(6).reshape(2, 3), "b": np.array("text"), "c": np.float32(0.5)}
    np.savez_compressed(tmp_path / "b.npz", **given)
    found = npz_arrays(tmp_path / "b.npz", 9)
    assert all((found[name] == value).all() for name, value in given.items())
    np.savez(tmp_path / "c.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        npz_arrays(tmp_path / "c.npz", 8)
