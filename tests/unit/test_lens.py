"""The focal length that movies and images tell, and files that lie about their sizes."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jumps_blender.video.lens import focal_mm

KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
MAKE = b"com.apple.quicktime.make"


def atom(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I4s", len(inside) + 8, kind) + inside


def meta(kind: int, value: bytes, *, is_mp4: bool = False) -> bytes:
    """A "meta" atom with two keys, the second of which is the focal length."""
    keys = atom(b"keys", bytes(4), struct.pack(">I", 2), atom(b"mdta", MAKE), atom(b"mdta", KEY))
    items = [
        atom(struct.pack(">I", 1), atom(b"data", struct.pack(">II", 1, 0), b"Apple")),
        atom(struct.pack(">I", 2), atom(b"data", struct.pack(">II", kind, 0), value)),
    ]
    version = bytes(4) if is_mp4 else b""
    return atom(b"meta", version, atom(b"hdlr", bytes(24)), keys, atom(b"ilst", *items))


def movie(*content: bytes) -> bytes:
    return atom(b"ftyp", b"qt  ") + atom(b"mdat", bytes(1000)) + atom(b"moov", *content)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (1, b"26"),
        (21, b"\x1a"),
        (22, b"\x00\x1a"),
        (23, struct.pack(">f", 26)),
        (24, struct.pack(">d", 26)),
        (67, struct.pack(">i", 26)),
        (76, struct.pack(">H", 26)),
    ],
)
def test_phones_movies_tell_it_in_any_type(tmp_path: Path, kind: int, value: bytes) -> None:
    path = tmp_path / "IMG_0001.MOV"
    path.write_bytes(movie(atom(b"mvhd", bytes(100)), meta(kind, value)))
    assert focal_mm(path) == 26


@pytest.mark.parametrize(
    "content",
    [
        [atom(b"trak", atom(b"tkhd", bytes(84)), meta(1, b"24"))],
        [atom(b"udta", meta(1, b"24", is_mp4=True))],
        [meta(1, b"nothing"), atom(b"trak", meta(1, b"99"))],
    ],
    ids=["track", "ffmpeg", "broken"],
)
def test_where_else_it_may_stand(tmp_path: Path, content: list[bytes]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(movie(*content))
    # What is broken tells nothing, and nothing else is believed in its place.
    assert focal_mm(path) == (None if len(content) == 2 else 24)


@pytest.mark.parametrize("value", [b"0", b"-13", b"nan", b"inf", b"1e9", b"", b"\xff\xff"])
def test_impossible_lenses_are_not_believed(tmp_path: Path, value: bytes) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(movie(meta(1, value)))
    assert focal_mm(path) is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_images_tell_it_in_exif(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, exif=exif.tobytes())
    assert focal_mm(path) == 26
    bare = tmp_path / f"bare.{suffix}"
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(bare)
    assert focal_mm(bare) is None


def test_what_is_no_file_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for path in (tmp_path, tmp_path / "none.mp4", tmp_path / "empty.mp4", Path("a\0b")):
        assert focal_mm(path) is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_broken_files_tell_nothing_or_a_lens(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(movie(atom(b"trak", meta(23, struct.pack(">f", 26))), meta(1, b"26")))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    del whole[data.draw(st.integers(1, len(whole))) :]
    path = tmp_path_factory.getbasetemp() / "broken.mov"
    path.write_bytes(whole)
    found = focal_mm(path)
    assert found is None or 4 <= found <= 2000


def test_sizes_that_lie_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    # Atoms of no size, as many as fit, and one that says it holds 2^63 bytes.
    path.write_bytes(atom(b"ftyp") + atom(b"moov", atom(b"free") * 100_000))
    assert focal_mm(path) is None
    path.write_bytes(atom(b"ftyp") + struct.pack(">I4sQ", 1, b"moov", 2**63) + bytes(100))
    assert focal_mm(path) is None
    path.write_bytes(b"MM\0*" + struct.pack(">IH", 8, 65535) + bytes(600_000))
    assert focal_mm(path) is None
    path.write_bytes(b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100_000)
    assert focal_mm(path) is None
