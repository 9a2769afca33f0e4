"""What a movie's container tells: whether the file is whole, and how many films are in it.

What a container says of its length tells nothing: sound may be longer than the pictures, frames
come unevenly, and an edit list may show a part only. But containers of these kinds are made of
parts that say how many bytes they have, and in a file that is cut off one has more than are there.

- QuickTime and MP4: ISO/IEC 14496-12, 4.2
- Matroska and WebM: RFC 8794 (EBML), 4 and 5; RFC 9559
- AVI: RIFF, and OpenDML's further RIFFs
- Windows Media: Advanced Systems Format (ASF), 2.1
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..keypoints.source import MOVIE_ATOMS

_PICTURES = frozenset([b"mdat", b"moov", b"moof"])
_HANDLER = (b"moov", b"trak", b"mdia", b"hdlr")
_TRACK_HEADER = (b"moov", b"trak", b"tkhd")
_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_TRACK_TYPE = (_SEGMENT, b"\x16\x54\xae\x6b", b"\xae", b"\x83")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MOST_PARTS = 20_000  # of a file; a recording in pieces of a second has as many in five hours
_MOST_INSIDE = 1000  # of one part, and before what is looked for

# Name, and where the content begins and ends, of each part between two places.
_Walk = Callable[[BinaryIO, int, int], Iterator[tuple[bytes, int, int]]]


def cut_off(path: Path) -> bool:
    """Whether a part with pictures says that it goes on after the file's end; never raises.

    False for containers that don't tell.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(24)
            if head[4:8] in MOVIE_ATOMS:
                end_of = _atom
            elif head.startswith(_EBML):
                end_of = _element
            elif head.startswith(b"RIFF"):
                end_of = _riff
            elif head.startswith(_ASF):
                end_of = _object
            else:
                return False
            at = 0
            for _ in range(_MOST_PARTS):
                length, pictures = end_of(head)
                at += length
                if not length or at >= size:
                    return pictures and at > size
                file.seek(at)
                head = file.read(24)
    except (OSError, ValueError, IndexError, struct.error):
        pass
    return False


def film_count(path: Path) -> int:
    """How many streams of pictures QuickTime, MP4 and Matroska have; 1 for others; never raises."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(24)
            count = 0
            if head[4:8] in MOVIE_ATOMS:
                for first, _ in _inside(atoms, file, 0, size, _HANDLER):
                    file.seek(first + 8)
                    count += file.read(4) == b"vide"
            elif head.startswith(_EBML):
                for first, last in _inside(_elements, file, 0, size, _TRACK_TYPE):
                    file.seek(first)
                    count += int.from_bytes(file.read(min(last - first, 8)), "big") == 1
    except (OSError, ValueError, IndexError, struct.error):
        return 1
    return max(count, 1)


def is_mirrored(path: Path) -> bool:
    """Whether an MP4 or QuickTime film is to be shown with left and right exchanged; never raises.

    OpenCV and Blender alike take that for upside down.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(8)[4:8] not in MOVIE_ATOMS:
                return False
            for first, _ in _inside(atoms, file, 0, size, _TRACK_HEADER):
                file.seek(first)
                header = file.read(96)
                a, b, _, c, d = struct.unpack_from(">5i", header, 52 if header[0] == 1 else 40)
                if a < 0 < d and not (b or c):
                    return True
    except (OSError, ValueError, IndexError, struct.error):
        pass
    return False


def _inside(
    walk: _Walk, file: BinaryIO, start: int, stop: int, names: tuple[bytes, ...]
) -> Iterator[tuple[int, int]]:
    """Where the parts begin and end that lie within others of these names, the outermost first."""
    if not names:
        yield start, stop
        return
    for name, first, last in walk(file, start, stop):
        if name == names[0]:
            yield from _inside(walk, file, first, last, names[1:])


def atoms(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where the content begins and ends, of each QuickTime atom between two places."""
    for _ in range(_MOST_INSIDE):
        if stop - start < 8:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = stop - start
        if size < header or size > stop - start:
            return
        yield kind, start + header, start + size
        start += size


def _elements(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MOST_INSIDE):
        if start >= stop:
            return
        file.seek(start)
        name, header, length = _element_head(file.read(24))
        end = stop if length is None else min(start + header + length, stop)
        yield name, start + header, end
        start = end


# Each takes a part's first 24 bytes. It tells how many bytes there are to the next one, 0 if that
# isn't known, and whether the part holds pictures: what follows them may be anything.


def _atom(head: bytes) -> tuple[int, bool]:
    length, kind = struct.unpack_from(">I4s", head)
    if length == 1:
        (length,) = struct.unpack_from(">Q", head, 8)
    return (length if length >= 8 else 0), kind in _PICTURES


def _riff(head: bytes) -> tuple[int, bool]:
    (length,) = struct.unpack_from("<I", head, 4)
    if not head.startswith(b"RIFF") or not length:  # not filled in before the recording ends
        return 0, False
    return 8 + length, True


def _object(head: bytes) -> tuple[int, bool]:
    (length,) = struct.unpack_from("<Q", head, 16)
    return (length if length >= 24 else 0), head.startswith(_ASF_DATA)


def _element(head: bytes) -> tuple[int, bool]:
    name, header, length = _element_head(head)
    if length is None:
        # A segment's parts then follow as if they stood beside it.
        return (header if name == _SEGMENT else 0), False
    return header + length, name in (_SEGMENT, _CLUSTER)


def _element_head(head: bytes) -> tuple[bytes, int, int | None]:
    """An element's name, how long its head is, and its content; None if that isn't known.

    Raises ValueError and IndexError where there is none.
    """
    name, digits = 9 - head[0].bit_length(), 0
    if name <= 4:
        digits = 9 - head[name].bit_length()
    if not 1 <= digits <= 8:
        raise ValueError("no element begins here")
    header = name + digits
    unknown = (1 << 7 * digits) - 1
    length = int.from_bytes(head[name:header], "big") & unknown
    return head[:name], header, None if length == unknown else length
