"""Poses that are kept: found by content, proved whole, within a limit."""

import errno
import hashlib
import json
import os
from unittest.mock import Mock

import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.video.cache import Cache


def kept(cache: Cache, name: str, content: bytes = b"poses"):
    key = cache.key(name)
    written = cache.folder / f"{key}.written"
    written.write_bytes(content)
    cache.part(key).write_bytes(b"part")
    return key, cache.keep(key, written, hashlib.blake2b(content, digest_size=16).hexdigest())


def test_a_file_is_read_through_once(tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"a" * 3_000_000)
    cache = Cache(tmp_path / "cache")
    assert cache.known_digest(video) is None
    digest = cache.digest(video)
    assert digest == hashlib.blake2b(b"a" * 3_000_000, digest_size=16).hexdigest()
    assert Cache(tmp_path / "cache").known_digest(video) == digest
    video.write_bytes(b"b" * 3_000_000)
    os.utime(video, ns=(1, 1))
    assert cache.known_digest(video) is None
    assert cache.digest(video) != digest
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(b"a" * 3_000_000)
    assert cache.digest(copy) == digest


def test_reading_through_can_be_cancelled(tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"a")
    with pytest.raises(WorkCancelledError):
        Cache(tmp_path / "cache").digest(video, lambda: True)


def test_poses_are_found_by_their_key_and_proved_whole(tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    key, path = kept(cache, "one")
    assert cache.poses(key) == path
    assert path.read_bytes() == b"poses"
    assert not cache.part(key).exists()
    assert cache.poses(cache.key("two")) is None
    with monkeypatch.context() as patched:  # a disk that can only be read
        patched.setattr(os, "utime", Mock(side_effect=OSError(errno.EROFS, "read-only")))
        assert cache.poses(key) == path
    path.write_bytes(b"poset")
    assert cache.poses(key) is None
    assert not path.exists()


def test_settings_that_matter_make_the_key():
    keys = [Cache.key(None, *facts) for facts in (("a", 1), ("a", 2), ("b", 1), ("a", 1))]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"[]", b"{", b'{"a": 1}', b'{"a": [1, 2]}', b"[" * 100_000),
        json.dumps({"a": ["x", None, 5]}).encode(),
    ],
)
def test_damaged_memory_of_digests_is_forgotten(tmp_path, content):
    cache = Cache(tmp_path)
    (tmp_path / "digests.json").write_bytes(content)
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"film")
    assert cache.known_digest(video) is None
    digest = cache.digest(video)
    assert cache.known_digest(video) == digest


def test_what_was_not_used_for_long_goes_first(tmp_path):
    cache = Cache(tmp_path, limit=2500)
    (tmp_path / "notes.txt").write_bytes(bytes(5000))  # somebody else's
    paths = []
    for number, name in enumerate("abc"):
        key, path = kept(cache, name, name.encode() * 1000)
        os.utime(path, ns=(number * 10**9, number * 10**9))
        paths.append((key, path))
        if name == "b":
            assert cache.poses(paths[0][0]) == paths[0][1]  # used, so b is the oldest
    cache.trim()
    assert [path.exists() for _, path in paths] == [True, False, True]
    assert (tmp_path / "notes.txt").exists()
    _, large = kept(cache, "large", bytes(9000))
    assert large.exists(), "what was just made stays, whatever its size"
    assert [path.exists() for _, path in paths] == [False] * 3


def test_a_link_in_the_folder_is_no_pose_file(tmp_path):
    cache = Cache(tmp_path / "cache")
    mine = tmp_path / "mine.json"
    mine.write_bytes(b"poses")
    key = cache.key("one")
    digest = hashlib.blake2b(b"poses", digest_size=16).hexdigest()
    (cache.folder / f"{key}-{digest}.json").symlink_to(mine)
    assert cache.poses(key) is None
    assert mine.read_bytes() == b"poses"


def test_what_cannot_be_taken_in_does_not_stay(tmp_path):
    cache = Cache(tmp_path / "cache")
    key = cache.key("one")
    written = cache.folder / f"{key}.written"
    written.write_bytes(b"poses")
    (cache.folder / f"{key}-{'0' * 32}.json").mkdir()
    with pytest.raises(JumpsError, match="cannot be written"):
        cache.keep(key, written, "0" * 32)
    assert not written.exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JumpsError, match="choose another folder"):
        Cache(tmp_path / "file" / "cache")
