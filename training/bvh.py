"""Read BVH motion capture: a tree of joints, and one row of numbers per frame."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.errors import JumpsError

MAX_BYTES = 512 * 2**20
MAX_HEAD_BYTES = 4 * 2**20  # of the hierarchy
MAX_JOINTS = 512  # end sites count as well
MAX_DEPTH = 128
MAX_NUMBER = 1e9  # nothing that moves is that far away; keeps sums finite

_CHUNK = 4096  # frames whose rotations are held at once
_CHANNEL = re.compile(r"([XYZ])(position|rotation)", re.IGNORECASE)
_MOTION = re.compile(rb"^[ \t]*MOTION[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_FRAMES = re.compile(r"frames\s*:?\s*(\d{1,12})", re.IGNORECASE)
_FRAME_TIME = re.compile(r"frame\s*time\s*:?\s*(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Bvh:
    """One file. Nodes are the joints and the end sites, in the file's order.

    names: of the J nodes; "" for an end site
    parents: index of each node's parent; -1 for the root
    offsets: float64 (J, 3), from the parent, in the file's units and axes
    channels: of each node, such as ("Zrotation", "Xrotation"); an end site has none
    motion: float64 (F, C), the channels' values, in the file's order; rotations in degrees
    fps: frames per second
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: NDArray[np.float64]
    channels: tuple[tuple[str, ...], ...]
    motion: NDArray[np.float64]
    fps: float

    def positions(self, scale: float = 1.0, up: str = "z") -> NDArray[np.float32]:
        """Where every node is, float32 (F, J, 3): z up; metres if ``scale`` is metres per unit.

        up: the file's own upward axis, "y" or "z"; axes are turned, never mirrored. A position
        channel takes the place of its part of the offset, for the root and for other joints.
        """
        result = np.empty((len(self.motion), len(self.names), 3), np.float32)
        for start in range(0, len(result), _CHUNK):
            placed = self._placed(self.motion[start : start + _CHUNK]) * scale
            result[start : start + _CHUNK] = z_up(placed, up)
        return result

    def _placed(self, motion: NDArray[np.float64]) -> NDArray[np.float64]:
        frames = len(motion)
        xyz = np.empty((frames, len(self.names), 3))
        turns: list[NDArray[np.float64]] = []  # (F, 3, 3), of every node
        column = 0
        for node, (parent, channels) in enumerate(zip(self.parents, self.channels, strict=True)):
            turn = turns[parent] if parent >= 0 else np.broadcast_to(np.eye(3), (frames, 3, 3))
            step = np.repeat(self.offsets[node][None], frames, axis=0)
            own = turn
            for name, values in zip(channels, motion[:, column:].T, strict=False):
                axis = "XYZ".index(name[0])
                if name.endswith("position"):
                    step[:, axis] = values
                else:
                    own = _turned(own, axis, np.radians(values))
            column += len(channels)
            xyz[:, node] = np.einsum("fij,fj->fi", turn, step)
            if parent >= 0:
                xyz[:, node] += xyz[:, parent]
            turns.append(own)
        return xyz


def _turned(turn: NDArray, axis: int, angle: NDArray) -> NDArray:
    """Rotations (F, 3, 3), each followed by one by ``angle`` (F,) about an axis that it turned."""
    result = turn.copy()
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    first, second = turn[..., axis - 2], turn[..., axis - 1]  # the axes after it, in a circle
    result[..., axis - 2] = cos * first + sin * second
    result[..., axis - 1] = cos * second - sin * first
    return result


def z_up(xyz: NDArray, up: str) -> NDArray:
    """Points (..., 3) whose upward axis is ``up`` ("y" or "z"), turned so that z is up."""
    if up == "z":
        return xyz
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)


def read_bvh(path: Path) -> Bvh:
    """Read a file that nobody vouches for.

    Raises JumpsError, naming the file and, where there is one, the line, for what is no BVH file,
    is cut off, contradicts itself or is beyond the limits above.
    """
    if not path.is_file():
        raise JumpsError(f"{path}: cannot be read (no such file).")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise JumpsError(
                f"{path}: has {size / 2**20:.0f} MB, more than {MAX_BYTES // 2**20}; cut the take."
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise JumpsError(f"{path}: cannot be read ({error}).") from error
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    motion_at = _MOTION.search(data)
    head_size = motion_at.start() if motion_at else len(data)
    if head_size > MAX_HEAD_BYTES:
        raise JumpsError(f"{path}: holds no MOTION in its first {MAX_HEAD_BYTES // 2**20} MB.")
    tree = _Tree(path)
    tree.read(data[:head_size].decode("utf-8-sig", errors="replace"))
    if motion_at is None:
        raise JumpsError(f"{path}: holds no MOTION; the file is cut off.")
    line = data.count(b"\n", 0, head_size) + 1
    columns = sum(map(len, tree.channels))
    motion, fps = _motion(path, data[motion_at.end() :], line, columns)
    return Bvh(
        names=tuple(tree.names),
        parents=tuple(tree.parents),
        offsets=np.array(tree.offsets, dtype=np.float64),
        channels=tuple(tree.channels),
        motion=motion,
        fps=fps,
    )


class _Tree:
    """The hierarchy, as it is read from the top down."""

    def __init__(self, path: Path) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float] | None] = []
        self.channels: list[tuple[str, ...]] = []
        self._path, self._line = path, 0
        self._open: list[int] = []  # the nodes whose braces are open
        self._unopened = False  # the last node still waits for its brace

    def read(self, text: str) -> None:
        """Read everything before MOTION."""
        parts = _statements(text)
        self._line, first = next(parts, (1, []))
        if [word.upper() for word in first] != ["HIERARCHY"]:
            raise self._wrong("it doesn't begin with HIERARCHY; this is no BVH file.")
        readers: dict[str, Callable[[list[str]], None]] = {
            "ROOT": self._root,
            "JOINT": self._joint,
            "END": self._end_site,
            "OFFSET": self._offset,
            "CHANNELS": self._channels,
            "{": self._begin,
            "}": self._finish,
        }
        for self._line, words in parts:
            word = words[0].upper()
            if word not in readers:
                raise self._wrong(f"{words[0][:40]!r} has no place in a hierarchy.")
            if self._unopened and word != "{":
                raise self._wrong(f"{words[0][:40]!r} stands where a {{ should.")
            readers[word](words)
        if self._open or self._unopened:
            raise self._wrong("the hierarchy ends before its braces do; the file is cut off.")
        if not self.names:
            raise self._wrong("the hierarchy has no ROOT.")

    def _wrong(self, what: str) -> JumpsError:
        return JumpsError(f"{self._path}, line {self._line}: {what}")

    def _add(self, name: str) -> None:
        if len(self.names) == MAX_JOINTS:
            raise self._wrong(f"more than {MAX_JOINTS} joints and end sites.")
        self.parents.append(self._open[-1] if self._open else -1)
        self.names.append(name)
        self.offsets.append(None)
        self.channels.append(())
        self._unopened = True

    def _root(self, words: list[str]) -> None:
        if self.names:
            raise self._wrong("a second ROOT; export one person per file.")
        self._add(" ".join(words[1:]) or "root")

    def _joint(self, words: list[str]) -> None:
        if not self._open or not self.names[self._open[-1]]:
            raise self._wrong("a JOINT that belongs to no joint.")
        if len(words) == 1:
            raise self._wrong("a JOINT without a name.")
        self._add(" ".join(words[1:]))

    def _end_site(self, _words: list[str]) -> None:
        if not self._open or not self.names[self._open[-1]]:
            raise self._wrong("an End Site that belongs to no joint.")
        self._add("")

    def _begin(self, _words: list[str]) -> None:
        if not self._unopened:
            raise self._wrong("a { that opens nothing.")
        if len(self._open) == MAX_DEPTH:
            raise self._wrong(f"joints more than {MAX_DEPTH} deep.")
        self._open.append(len(self.names) - 1)
        self._unopened = False

    def _finish(self, _words: list[str]) -> None:
        if not self._open:
            raise self._wrong("a } that closes nothing.")
        node = self._open.pop()
        if self.offsets[node] is None:
            raise self._wrong(f"{self.names[node][:40] or 'an End Site'} has no OFFSET.")

    def _offset(self, words: list[str]) -> None:
        if not self._open:
            raise self._wrong("an OFFSET that belongs to no joint.")
        values = [_number(word) for word in words[1:]]
        if len(values) != 3 or None in values:
            raise self._wrong("OFFSET needs three plain numbers.")
        self.offsets[self._open[-1]] = [value for value in values if value is not None]

    def _channels(self, words: list[str]) -> None:
        if not self._open or not self.names[self._open[-1]]:
            raise self._wrong("CHANNELS that belong to no joint.")
        names = []
        for word in words[2:]:
            match = _CHANNEL.fullmatch(word)
            if match is None:
                raise self._wrong(
                    f"the channel {word[:40]!r} is none of X, Y, Z position, rotation."
                )
            names.append(match[1].upper() + match[2].lower())
        if len(words) < 2 or words[1] != str(len(names)):
            raise self._wrong(f"CHANNELS announces {' '.join(words[1:2])[:40]}, not {len(names)}.")
        if len(set(names)) != len(names) or self.channels[self._open[-1]]:
            raise self._wrong("a joint has the same channel twice.")
        self.channels[self._open[-1]] = tuple(names)


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words; braces stand alone, wherever the file puts them."""
    for number, line in enumerate(text.split("\n"), start=1):
        for part in re.split(r"([{}])", line):
            if words := part.split():
                yield number, words


def _number(word: str) -> float | None:
    """A finite number within reason, or None."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if abs(value) <= MAX_NUMBER and "_" not in word else None


def _motion(path: Path, data: bytes, line: int, columns: int) -> tuple[NDArray[np.float64], float]:
    """The rows (F, columns) after MOTION, which stood on ``line``, and frames per second."""
    found: list[str] = []
    at = 0
    for what, pattern in (("Frames:", _FRAMES), ("Frame Time:", _FRAME_TIME)):
        text = ""
        while at < len(data) and not text:
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            text = data[at : min(end, at + 200)].decode("latin-1").strip()
            line += at > 0
            at = end + 1
        match = pattern.fullmatch(text)
        if match is None:
            raise JumpsError(f"{path}, line {line}: {what} and a number should stand here.")
        found.append(match[1])
    frames, seconds = int(found[0]), _number(found[1])
    if seconds is None or not 1e-4 <= seconds <= 1:
        raise JumpsError(f"{path}, line {line}: a frame time of {found[1][:40]} s can't be.")
    if frames < 1 or columns < 1:
        raise JumpsError(f"{path}: holds no motion.")
    rest = data[at:]
    # A number takes two characters, with what parts it from the next.
    if 2 * frames * columns > len(rest) + 1:
        raise JumpsError(f"{path}: ends before the {frames} frames it announces; it is cut off.")
    text_rows = io.TextIOWrapper(io.BytesIO(rest), "latin-1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about empty lines
            rows = np.loadtxt(text_rows, comments=None, ndmin=2, max_rows=frames)
        sound = rows.shape == (frames, columns) and bool((np.abs(rows) <= MAX_NUMBER).all())
    except ValueError:
        sound = False
    if not sound:
        raise _wrong_row(path, rest, line + 1, frames, columns)
    return rows, _frame_rate(seconds)


def _wrong_row(path: Path, data: bytes, line: int, frames: int, columns: int) -> JumpsError:
    """What is wrong with rows that could not be read; ``line`` is the first one's."""
    seen = 0
    for number, text in enumerate(io.BytesIO(data), start=line):
        words = text.decode("latin-1").split()
        if not words:
            continue
        if len(words) != columns:
            return JumpsError(
                f"{path}, line {number}: has {len(words)} numbers for {columns} channels; "
                "the file is damaged."
            )
        for word in words:
            if _number(word) is None:
                return JumpsError(f"{path}, line {number}: {word[:40]!r} is no plain number.")
        seen += 1
        if seen == frames:
            break
    if seen < frames:
        return JumpsError(f"{path}: ends after {seen} of the {frames} frames; it is cut off.")
    return JumpsError(f"{path}: its frames cannot be read.")


def _frame_rate(seconds: float) -> float:
    """Frames per second; files round the time, so a rate within 0.5 % of a whole one is that."""
    rate = 1 / seconds
    whole = round(rate)
    return float(whole) if math.isclose(rate, whole, rel_tol=0.005) else rate
