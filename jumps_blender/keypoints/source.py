"""The bytes of a pose file, decoded once and within limits, for the format readers to look at."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .track import PoseFileError

# 512 MiB of JSON are about 2 GB of Python objects, or 3 million AlphaPose detections.
MAX_BYTES = 512 * 2**20
MAX_FOLDER_FILES = 200_000
# A list or an object takes 20 times more memory than the two characters that write it.
MAX_JSON_CONTAINERS = 30_000_000
# A cell takes about 60 bytes, a row about 100 more: 100 000 frames of 50 joints are 15 million.
MAX_TABLE_CELLS = 20_000_000
# Nine hours at 30 frames per second; a wider range of frame numbers is no clip.
MAX_FRAMES = 1_000_000
# Of arrays that a file's headings ask for, whatever else it holds: 1.6 GB.
MAX_VALUES = 200_000_000

# How MP4 and QuickTime go on after their first four bytes, and how other movies begin: AVI, WebM
# and Matroska, Windows Media, MPEG program streams, Flash, Ogg, GIF, NUT, IVF, RealMedia, YUV4MPEG,
# MXF, and with or without a further zero the streams of H.264, H.265, MPEG-1, 2 and 4 alone.
MOVIE_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MOVIE_BEGINNINGS = (
    *(b"RIFF", b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75", b"\0\0\x01\xba", b"\0\0\x01\xb3"),
    *(b"FLV\x01", b"OggS", b"GIF87a", b"GIF89a", b"nut/multimedia container\0", b"DKIF\0\0"),
    *(b".RMF", b"YUV4MPEG2 ", b"\x06\x0e\x2b\x34\x02\x05\x01\x01", b"\0\0\0\x01"),
    *(
        b"\0\0\x01" + unit
        for unit in (b"\x09", b"\x27", b"\x47", b"\x67", b"\x40", b"\x46", b"\xb0")
    ),
)
_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
_TEXT = re.compile(rb"[^\0-\x08\x0e-\x1f]*")
# Of MPEG transport streams: how long packets are, what they begin with, and where that is.
_PACKETS, _PACKET = ((188, 0), (192, 4), (204, 0)), 0x47
_HEAD = 600  # bytes by which movies are told: three packets
_VIDEOS = frozenset(
    (
        *(".264", ".265", ".3g2", ".3gp", ".asf", ".avc", ".avi", ".divx", ".dv", ".f4v", ".flv"),
        *(".gif", ".h264", ".h265", ".hevc", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v"),
        *(".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut"),
        *(".obu", ".ogg", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"),
        ".y4m",
    )
)

Kind = Literal["json", "json lines", "table", "hdf5", "npz", "folder"]


@dataclass(frozen=True)
class Source:
    """A pose file as plain data.

    ``data`` by ``kind``: json, the decoded value; json lines, a list of values; table, a list of
    rows of strings; hdf5 and npz, None (their readers open ``path``); folder, a list of
    (file name, decoded value), sorted by name.
    """

    path: Path
    kind: Kind
    data: Any

    def error(self, message: str) -> PoseFileError:
        """The error to raise: the file's name, then ``message``."""
        return PoseFileError(f"{self.path}: {message}")


def load_source(path: str | os.PathLike[str]) -> Source:
    """Decode a file, or a folder of JSON files, by what its first bytes are.

    Raises PoseFileError for what cannot be read: absent, empty, larger than MAX_BYTES (refused
    before reading), not UTF-8, truncated or deeply nested JSON, JSON of too many parts.
    """
    file = Path(path)
    status = _status(file)
    if stat.S_ISDIR(status.st_mode):
        return Source(file, "folder", _load_folder(file))
    if not stat.S_ISREG(status.st_mode):
        raise PoseFileError(f"{file}: is neither a file nor a folder.")
    if status.st_size > MAX_BYTES:
        raise PoseFileError(
            f"{file}: {status.st_size / 2**20:.0f} MiB, more than the {MAX_BYTES / 2**20:.0f} MiB "
            "that are read; split the clip into shorter files."
        )
    raw = _read_bytes(file)
    if raw.startswith(_HDF5):
        return Source(file, "hdf5", None)
    if raw.startswith(_ZIP):
        return Source(file, "npz", None)
    if _is_movie(file, raw[:_HEAD]):
        raise PoseFileError(
            f"{file}: a video, not a pose file; estimate its poses first (jumps video, or Estimate "
            "Poses in Blender)."
        )
    text = _decode(file, raw)
    del raw
    if text[:1] in "[{":
        return _load_json_text(file, text)
    return Source(file, "table", _load_table(file, text))


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one by its first bytes or, failing that, by its name; never raises."""
    file = Path(path)
    try:
        if not file.is_file():
            return False
        with file.open("rb") as content:
            return _is_movie(file, content.read(_HEAD))
    except (OSError, ValueError):
        return False


def _is_movie(file: Path, head: bytes) -> bool:
    if head.startswith(_MOVIE_BEGINNINGS):
        return True
    # Text is no video, whatever it is called.
    if not head or _TEXT.fullmatch(head) or head.startswith((_HDF5, _ZIP)):
        return False
    if head[4:8] in MOVIE_ATOMS or file.suffix.lower() in _VIDEOS:
        return True
    return any(
        len(head) > first + 2 * length and set(head[first::length]) == {_PACKET}
        for length, first in _PACKETS
    )


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except FileNotFoundError:
        raise PoseFileError(f"{file}: no such file or folder.") from None
    except OSError as error:
        raise PoseFileError(f"{file}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise PoseFileError(f"{str(file)!r}: is not a usable path ({error}).") from error


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PoseFileError(f"{file}: cannot be read ({error.strerror}).") from error
    except MemoryError:
        raise PoseFileError(f"{file}: does not fit into this machine's memory.") from None


def _decode(file: Path, raw: bytes) -> str:
    if not raw.strip():
        raise PoseFileError(f"{file}: the file is empty; was the pose estimator interrupted?")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4]:
        encoding = "UTF-16 or UTF-32" if raw[:4].strip(b"\0") else "binary"
        raise PoseFileError(f"{file}: {encoding}, not a text file in UTF-8; save it as UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PoseFileError(
            f"{file}: not a pose file: byte {error.start} is not UTF-8 text."
        ) from None
    if "\0" in text:
        raise PoseFileError(f"{file}: not a pose file: it holds binary data.")
    text = text.strip()
    if not text:
        raise PoseFileError(f"{file}: the file is empty; was the pose estimator interrupted?")
    return text


def _load_json_text(file: Path, text: str) -> Source:
    """One JSON value, or one value per line."""
    if text.count("[") + text.count("{") > MAX_JSON_CONTAINERS:
        raise PoseFileError(
            f"{file}: more than {MAX_JSON_CONTAINERS:,} JSON lists and objects; "
            "split the clip into shorter files."
        )
    try:
        return Source(file, "json", _parse_json(file, text))
    except json.JSONDecodeError as error:
        first, newline, _rest = text.partition("\n")
        is_lines = error.msg == "Extra data" and newline and error.pos >= len(first)
        if not is_lines:
            raise PoseFileError(
                f"{file}: broken JSON in line {error.lineno}, column {error.colno} ({error.msg}); "
                "the file may be truncated."
            ) from None
    values = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(_parse_json(file, line))
        except json.JSONDecodeError as error:
            raise PoseFileError(
                f"{file}: broken JSON in line {number}, column {error.colno} ({error.msg}); "
                "the file may be truncated."
            ) from None
    return Source(file, "json lines", values)


def _parse_json(file: Path, text: str) -> Any:
    """The value; raises JSONDecodeError for broken JSON and PoseFileError for hostile JSON."""
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # Python refuses integers of more than 4300 digits; such a number is read as infinite.
            return json.loads(text, parse_int=_any_int)
    except RecursionError:
        raise PoseFileError(f"{file}: the JSON is nested too deeply for a pose file.") from None
    except MemoryError:
        raise PoseFileError(f"{file}: does not fit into this machine's memory.") from None


def _any_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)


def _load_table(file: Path, text: str) -> list[list[str]]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    if text.count("\n") + text.count(delimiter) > MAX_TABLE_CELLS:
        raise PoseFileError(
            f"{file}: a table of more than {MAX_TABLE_CELLS:,} cells; split the clip."
        )
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error as error:
        raise PoseFileError(f"{file}: is neither JSON nor a table ({error}).") from None


def read_in_folder(names: Iterable[str]) -> list[str]:
    """Which of a folder's files are read, in their order: every one that is called like OpenPose's;
    every JSON file where none is."""
    found = sorted(name for name in names if name.lower().endswith(".json"))
    return [name for name in found if "keypoints" in name] or found


def _load_folder(folder: Path) -> list[tuple[str, Any]]:
    try:
        with os.scandir(folder) as entries:
            names = read_in_folder(entry.name for entry in entries)
    except OSError as error:
        raise PoseFileError(f"{folder}: cannot be read ({error.strerror}).") from error
    if not names:
        raise PoseFileError(
            f"{folder}: no .json file in this folder; give OpenPose's output folder or a pose file."
        )
    if len(names) > MAX_FOLDER_FILES:
        raise PoseFileError(
            f"{folder}: {len(names)} files, more than the {MAX_FOLDER_FILES} that are read; "
            "split the clip."
        )
    if sum(_status(folder / name).st_size for name in names) > MAX_BYTES:
        raise PoseFileError(
            f"{folder}: the files hold more than {MAX_BYTES / 2**20:.0f} MiB; split the clip."
        )
    values = []
    for name in names:
        file = folder / name
        if not file.is_file():
            raise PoseFileError(f"{file}: is not a file.")
        source = _load_json_text(file, _decode(file, _read_bytes(file)))
        values.append((name, source.data))
    return values


def numbers(
    source: Source, values: Sequence[Any], where: Callable[[int], str]
) -> NDArray[np.float64]:
    """float64 (n,) from JSON values; null becomes NaN and what no float holds becomes infinite.

    ``where(i)`` says where value ``i`` stands. Raises PoseFileError for anything but a number.
    """
    types = set(map(type, values))
    if not types <= {int, float, type(None)}:
        index = next(i for i, v in enumerate(values) if type(v) not in (int, float, type(None)))
        raise source.error(f"{where(index)}: {brief(values[index])} where a number belongs.")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return np.array([_to_float(value) for value in values])


def _to_float(value: float | None) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def cells(
    source: Source, rows: Sequence[Sequence[str]], columns: Sequence[int], first_row: int
) -> NDArray[np.float64]:
    """float64 (len(rows), len(columns)) from a table's cells; an empty or absent cell is NaN.

    ``first_row`` is the line number of ``rows[0]``, for messages. Raises PoseFileError for
    anything but a number.
    """
    result = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for k, column in enumerate(columns):
            cell = row[column] if column < len(row) else ""
            if cell and not cell.isspace():
                try:
                    result[i, k] = float(cell)
                except ValueError:
                    raise source.error(
                        f"row {first_row + i}, column {column + 1}: "
                        f"{brief(cell)} where a number belongs."
                    ) from None
    return result


def brief(value: Any) -> str:
    """A value as a short, printable piece of an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > 10**18:
        return "a huge number"
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def listing(names: Sequence[str], limit: int = 12) -> str:
    """Names for an error message: the first few, cut short, and how many more there are."""
    shown = ", ".join(brief(name).strip("'") for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,4}$")
_DIGITS = re.compile(r"[0-9]+")


def number_in_name(name: str) -> int | None:
    """The frame number in a file's name: its last run of digits, None where there is none.

    "12.jpg" is 12, "frame_000012.png" 12, "clip2_000000000007_keypoints.json" 7.
    """
    stem = _EXTENSION.sub("", re.split(r"[\\/]", name)[-1])
    runs = _DIGITS.findall(stem)
    # 19 digits do not fit into the 64 bits of a frame number, and are none.
    return int(runs[-1]) if runs and len(runs[-1].lstrip("0")) < 19 else None
