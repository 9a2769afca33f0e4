"""What was found so far, frame by frame, in a file that survives the end of the process.

It begins with ``JMPV``, the length of a header (uint32), the header (UTF-8 JSON) and its CRC-32
(uint32). Then, for each frame: its index (int64), its time in seconds (float64, NaN where unknown),
how many people were found (int32), their joints (float32, people x K x (2 + C): x, y and C scores)
and the CRC-32 of these. All little-endian. What comes after the first damage doesn't count.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError
from ...locks import lock

_MAGIC = b"JMPV"
_HEAD = struct.Struct("<4sI")
_FRAME = struct.Struct("<qdi")
_SUM = struct.Struct("<I")
ASSUMED_FPS = 30.0  # of a video that tells neither its rate nor its frames' times
MAX_PEOPLE = 500  # as many as the reader of pose files tells apart


@dataclass(frozen=True)
class Record:
    """A frame: index, time in seconds, joints float32 (people, K, 2 + C)."""

    index: int
    time: float
    joints: NDArray[np.float32]


class Records:
    """A file of records, opened to go on with it; to be used in a ``with``.

    count: frames that are there; last: the last one's index, -1 for none
    tail: those that were there last when it was opened
    """

    def __init__(
        self,
        path: Path,
        header: dict[str, Any],
        shape: tuple[int, int],
        part: int = 1,
        tail: int = 0,
    ) -> None:
        """Open the file of a run with this header, or begin it anew where there is another.

        shape: K joints, and C scores of each
        part: frames that are taken up together; those of a part that isn't whole are dropped
        tail: how many frames ``tail`` has at most

        Raises JumpsError where another process is at it, or it can't be written.
        """
        self._path, self.shape = path, shape
        self._columns = shape[0] * (2 + shape[1])
        text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
        self._start = _HEAD.pack(_MAGIC, len(text)) + text + _SUM.pack(zlib.crc32(text))
        try:
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise JumpsError(f"{path}: is no plain file; delete it.")
            # Never truncated before the lock is had.
            self._file: BinaryIO = os.fdopen(
                os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644), "r+b"
            )
        except OSError as error:
            raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error
        if not lock(self._file):
            self._file.close()
            raise JumpsError(
                "Poses are being estimated from this video already; wait for the end of that, or "
                "cancel it."
            )
        self.count, self.last = 0, -1
        self.tail: list[Record] = []
        try:
            self._take_up(part, tail)
        except OSError as error:
            with contextlib.suppress(OSError):  # what was not written is tried once more
                self._file.close()
            raise JumpsError(f"{path}: cannot be used ({error.strerror}).") from error

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()

    def append(self, record: Record) -> None:
        """Add a frame; it is there once this returns, also if the process is killed then.

        Raises JumpsError where it can't be written.
        """
        joints = np.ascontiguousarray(record.joints, "<f4")
        content = _FRAME.pack(record.index, record.time, len(joints)) + joints.tobytes()
        try:
            self._file.write(content + _SUM.pack(zlib.crc32(content)))
            self._file.flush()
        except OSError as error:
            raise JumpsError(
                f"{self._path}: cannot be written ({error.strerror}); make room, and start again: "
                "what was found is kept."
            ) from error
        self.count, self.last = self.count + 1, record.index

    def __iter__(self) -> Iterator[Record]:
        """All frames in order; not to be mixed with appending."""
        self._file.seek(len(self._start))
        for _ in range(self.count):
            record = self._read()
            if record is None:
                raise JumpsError("What was found was damaged while it was read; start again.")
            yield record

    def _take_up(self, part: int, tail: int) -> None:
        """Find where to go on, and cut off what is damaged; anew where the header is another's."""
        self._file.seek(0)
        end = len(self._start)
        if self._file.read(end) == self._start:
            count, last, latest = 0, -1, collections.deque[Record](maxlen=tail)
            while (record := self._read()) is not None and record.index > last:
                count, last = count + 1, record.index
                latest.append(record)
                if count % part == 0:
                    self.count, self.last, self.tail = count, last, list(latest)
                    end = self._file.tell()
        else:
            self._file.seek(0)
            self._file.write(self._start)
        self._file.truncate(end)
        self._file.seek(end)
        self._file.flush()

    def _read(self) -> Record | None:
        """The next frame; None at the end and for what is damaged."""
        head = self._file.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return None
        index, time, people = _FRAME.unpack(head)
        if not 0 <= people <= MAX_PEOPLE:
            return None
        content = self._file.read(4 * people * self._columns)
        total = self._file.read(_SUM.size)
        if total != _SUM.pack(zlib.crc32(head + content)):
            return None
        joints = np.frombuffer(content, "<f4").reshape(people, self.shape[0], 2 + self.shape[1])
        return Record(index, time, joints)
