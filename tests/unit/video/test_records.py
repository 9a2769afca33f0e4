"""What was found so far: whole after any end, nothing of another run."""

import multiprocessing

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.video.estimator.records import Record, Records

HEADER, SHAPE = {"estimator": "stub", "settings": {"start": 0.0}}, (3, 2)


def joints(people: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1000, (people, 3, 4)).astype(np.float32)


def write(path, count: int) -> None:
    with Records(path, HEADER, SHAPE) as records:
        for i in range(records.count, records.count + count):
            time = float("nan") if i == 1 else i / 30
            records.append(Record(i, time, joints(i % 3, i)))


def read(path) -> list[Record]:
    with Records(path, HEADER, SHAPE) as records:
        return list(records)


def test_what_was_written_is_there_again_and_goes_on(tmp_path):
    path = tmp_path / "a.part"
    write(path, 4)
    write(path, 3)
    found = read(path)
    assert [record.index for record in found] == list(range(7))
    assert np.isnan(found[1].time)
    assert found[2].time == 2 / 30
    for i, record in enumerate(found):
        assert np.array_equal(record.joints, joints(i % 3, i))
    with Records(path, HEADER, SHAPE) as records:
        assert (records.count, records.last) == (7, 6)
        assert records.tail == []


@pytest.mark.parametrize(("there", "count"), [(0, 0), (3, 0), (4, 4), (7, 4), (8, 8), (11, 8)])
def test_parts_that_are_not_whole_are_dropped(tmp_path, there, count):
    path = tmp_path / "a.part"
    write(path, there)
    with Records(path, HEADER, SHAPE, part=4, tail=3) as records:
        assert (records.count, records.last) == (count, count - 1)
        assert [record.index for record in records.tail] == list(range(count))[-3:]
        records.append(Record(count, 0.5, joints(2)))
    assert [record.index for record in read(path)] == list(range(count + 1))


def test_what_a_killed_process_had_half_written_is_dropped(tmp_path):
    path = tmp_path / "a.part"
    write(path, 5)
    whole = path.read_bytes()
    write(path, 1)
    cut = path.read_bytes()
    for end in range(len(whole), len(cut)):
        path.write_bytes(cut[:end])
        assert len(read(path)) == 5
    write(path, 1)
    assert [record.index for record in read(path)] == list(range(6))


def test_nothing_counts_after_the_first_damage(tmp_path):
    path = tmp_path / "a.part"
    write(path, 6)
    content = bytearray(path.read_bytes())
    for place in range(40, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        found = read(path)
        assert [record.index for record in found] == list(range(len(found)))
        assert len(found) < 6
        for i, record in enumerate(found):
            assert np.array_equal(record.joints, joints(i % 3, i))


@pytest.mark.parametrize(
    ("header", "shape"), [({"estimator": "other"}, SHAPE), (HEADER | {"settings": {}}, SHAPE)]
)
def test_another_run_s_file_is_begun_anew(tmp_path, header, shape):
    path = tmp_path / "a.part"
    write(path, 3)
    with Records(path, header, shape) as records:
        assert records.count == 0
        records.append(Record(0, 0.0, joints(1)))
    with Records(path, header, shape) as records:
        assert records.count == 1


def test_hostile_counts_allocate_nothing(tmp_path):
    path = tmp_path / "a.part"
    write(path, 1)
    content = path.read_bytes()
    frame = (5).to_bytes(8, "little") + bytes(8) + (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content + frame + bytes(1000))
    assert len(read(path)) == 1


def test_a_full_disk_is_a_message(tmp_path):
    """Bug: closing the file tried to write once more, and that error came out instead."""
    resource = pytest.importorskip("resource", reason="there are no such limits on Windows")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(JumpsError, match=r"a.part: cannot be used \(File too large\)"):
            Records(tmp_path / "a.part", HEADER, SHAPE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_link_is_not_written_through(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "a.part").symlink_to(mine)
    with pytest.raises(JumpsError, match="no plain file"):
        Records(tmp_path / "a.part", HEADER, SHAPE)
    assert mine.read_text() == "mine"


def _hold(path, held, done):
    with Records(path, HEADER, SHAPE):
        held.set()
        done.wait(30)


def test_two_at_once_are_refused(tmp_path):
    path = tmp_path / "a.part"
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(path, held, done))
    other.start()
    try:
        assert held.wait(30)
        with pytest.raises(JumpsError, match="already"):
            Records(path, HEADER, SHAPE)
    finally:
        done.set()
        other.join(30)
    assert read(path) == []
