"""Whether a movie's file is whole, by how its container is built.

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
from pathlib import Path

from ..keypoints.source import MOVIE_ATOMS

_PICTURES = frozenset([b"mdat", b"moov", b"moof"])
_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MOST_PARTS = 200_000  # of a file; a day of Matroska has fewer


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
    name = 9 - head[0].bit_length()
    if name > 4:
        return 0, False
    digits = 9 - head[name].bit_length()
    if digits > 8:
        return 0, False
    first = name + digits
    length = int.from_bytes(head[name:first], "big") - (1 << 7 * digits)
    pictures = head[:name] in (_SEGMENT, _CLUSTER)
    if length == (1 << 7 * digits) - 1:
        # Not known. A segment's parts then follow as if they stood beside it.
        return (first if head[:name] == _SEGMENT else 0), False
    return first + length, pictures
