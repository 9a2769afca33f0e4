"""The focal length that a movie or an image says it was filmed with.

Read are

- QuickTime and MP4: the key ``com.apple.quicktime.camera.focal_length.35mm_equivalent`` among the
  metadata of the movie or of one of its tracks, where iPhones write it. Android's recorder writes
  no lens. Source: QuickTime File Format Specification, "Metadata".
- JPEG, PNG and TIFF: Exif's FocalLengthIn35mmFilm. Source: CIPA DC-008 (Exif 2.32).

Whoever cuts or converts a movie mostly drops this. A file can say anything, so every size is
bounded, and what isn't understood counts as not said.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

from ..keypoints.source import MOVIE_ATOMS
from .containers import atoms

_APPLE_KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
_EXIF_POINTER, _FOCAL_35MM = 0x8769, 0xA405
# How QuickTime names the types of numbers ("Well-known types").
_NUMBERS = {
    23: ">f",
    24: ">d",
    65: ">b",
    66: ">h",
    67: ">i",
    74: ">q",
    75: ">B",
    76: ">H",
    77: ">I",
    78: ">Q",
}
# Which atoms' insides metadata lie in, by what these lie in; ffmpeg keeps them in "udta".
_INSIDE = {b"": (b"moov",), b"moov": (b"trak", b"udta")}
_MOST_PARTS = 1000  # of an image; photographs have dozens
_MOST_BYTES = 2**20  # of metadata read at once
_SHORTEST, _LONGEST = 4.0, 2000.0  # millimetres; nobody films people with others


def focal_mm(path: str | os.PathLike[str]) -> float | None:
    """Focal length in millimetres of full frame; None where the file doesn't tell it.

    An unreadable or broken file tells nothing; other functions say what is wrong with it.
    """
    try:
        with Path(path).open("rb") as file:
            found = _of_file(file)
    except (OSError, ValueError, struct.error, OverflowError):
        return None
    return found if found is not None and _SHORTEST <= found <= _LONGEST else None


def _of_file(file: BinaryIO) -> float | None:
    start = file.read(12)
    file.seek(0)
    if start[:2] == b"\xff\xd8":
        return _of_jpeg(file)
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return _of_png(file)
    if start[:4] in (b"II*\0", b"MM\0*"):
        return _of_tiff(file)
    if start[4:8] in MOVIE_ATOMS:
        return _of_movie(file)
    return None


def _of_movie(file: BinaryIO, kind: bytes = b"", start: int = 0, stop: int = -1) -> float | None:
    """Look into the atoms of the file, or of one that holds others."""
    stop = file.seek(0, os.SEEK_END) if stop < 0 else stop
    for inner, first, last in atoms(file, start, stop):
        found = None
        if inner == b"meta":
            found = _of_meta(file, first, last)
        elif inner in _INSIDE.get(kind, ()):
            found = _of_movie(file, inner, first, last)
        if found is not None:
            return found
    return None


def _of_meta(file: BinaryIO, start: int, stop: int) -> float | None:
    file.seek(start)
    # MP4's has a version before its atoms, QuickTime's has none.
    if file.read(8)[4:] != b"hdlr":
        start += 4
    inside = {kind: (first, last) for kind, first, last in atoms(file, start, stop)}
    if not {b"keys", b"ilst"} <= inside.keys():
        return None
    first, last = inside[b"keys"]
    names = [_read(file, a, b) for kind, a, b in atoms(file, first + 8, last) if kind == b"mdta"]
    if _APPLE_KEY not in names:
        return None
    wanted = (names.index(_APPLE_KEY) + 1).to_bytes(4, "big")
    for number, a, b in atoms(file, *inside[b"ilst"]):
        for kind, c, d in atoms(file, a, b) if number == wanted else ():
            if kind == b"data":
                return _value(_read(file, c, d))
    return None


def _value(data: bytes) -> float:
    """A ``data`` atom's number, written as such or as text; raises ValueError."""
    (kind,) = struct.unpack(">I", data[:4])
    content = data[8:]
    if kind in _NUMBERS:
        return float(struct.unpack(_NUMBERS[kind], content)[0])
    if kind in (21, 22):  # whole numbers of any length
        return float(int.from_bytes(content[:8], "big", signed=kind == 21))
    return float(content[:40].decode("utf-8"))


def _of_jpeg(file: BinaryIO) -> float | None:
    file.seek(2)
    for _ in range(_MOST_PARTS):
        marker, size = struct.unpack(">HH", file.read(4))
        if marker >> 8 != 0xFF or marker == 0xFFDA or size < 2:
            return None
        content = file.read(size - 2)
        if marker == 0xFFE1 and content[:6] == b"Exif\0\0":
            return _of_tiff(io.BytesIO(content[6:]))
    return None


def _of_png(file: BinaryIO) -> float | None:
    file.seek(8)
    for _ in range(_MOST_PARTS):
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"eXIf":
            return _of_tiff(io.BytesIO(file.read(min(size, _MOST_BYTES))))
        file.seek(size + 4, os.SEEK_CUR)
    return None


def _of_tiff(file: BinaryIO) -> float | None:
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        return None
    file.seek(4)
    entries = _entries(file, order, struct.unpack(f"{order}I", file.read(4))[0])
    if _EXIF_POINTER in entries:
        entries = _entries(file, order, entries[_EXIF_POINTER])
    return float(entries[_FOCAL_35MM]) if _FOCAL_35MM in entries else None


def _entries(file: BinaryIO, order: str, place: int) -> dict[int, int]:
    """The whole numbers of a directory, by their tags."""
    file.seek(place)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    found = {}
    for _ in range(count):
        tag, kind, _, value = struct.unpack(f"{order}HHI4s", file.read(12))
        if kind in (3, 4):  # two and four bytes
            number = struct.unpack(f"{order}{'H' if kind == 3 else 'I'}", value[: 2 * (kind - 2)])
            found[tag] = number[0]
    return found


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(min(stop - start, _MOST_BYTES))
