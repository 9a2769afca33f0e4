"""Tiny ONNX models that answer in the shapes of the real ones; written without the onnx package.

The field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_TYPES = {"float32": 1, "int64": 7}


def write_detector(path: Path, boxes: Sequence[Sequence[float]], side: int = 64) -> Path:
    """A person detector for pictures of (side, side) that finds these boxes in bright pictures.

    boxes: (n, 4) left, top, right, below, in pixels of its own picture; their score is the
        picture's mean (0 to 255) by 300, and rtmlib takes those above 0.3
    """
    found = np.zeros((1, len(boxes), 5), np.float32)
    found[0, :, :4] = boxes
    by_score = np.array([0, 0, 0, 0, 1 / 300], np.float32)
    nodes = [
        _node("ReduceMean", ["input"], ["mean"], keepdims=0),
        _node("Mul", ["mean", "by_score"], ["score"]),
        _node("Add", ["boxes", "score"], ["dets"]),
    ]
    return _write(
        path,
        nodes,
        {"boxes": found, "by_score": by_score},
        (1, 3, side, side),
        {"dets": found.shape},
    )


def write_pose_model(
    path: Path,
    places: Sequence[Sequence[float]],
    scores: Sequence[float],
    size: tuple[int, int] = (192, 256),
) -> Path:
    """A pose model that finds K joints at the same places of each person's picture.

    places: (K, 2), pixels of the person's picture of that (width, height), in halves
    """
    peaks = []
    for axis, length in enumerate(size):
        bins = np.zeros((1, len(places), 2 * length), np.float32)
        for joint, (place, score) in enumerate(zip(places, scores, strict=True)):
            bins[0, joint, round(2 * place[axis])] = score
        peaks.append(bins)
    constants = {"x": peaks[0], "y": peaks[1], "nothing": np.zeros((), np.float32)}
    # What doesn't depend on the picture at all would be computed away, and the input with it.
    nodes = [
        _node("ReduceMean", ["input"], ["mean"], keepdims=0),
        _node("Mul", ["mean", "nothing"], ["zero"]),
        _node("Add", ["x", "zero"], ["simcc_x"]),
        _node("Add", ["y", "zero"], ["simcc_y"]),
    ]
    return _write(
        path,
        nodes,
        constants,
        (1, 3, size[1], size[0]),
        {"simcc_x": peaks[0].shape, "simcc_y": peaks[1].shape},
    )


def _write(
    path: Path,
    nodes: list[bytes],
    constants: dict[str, np.ndarray],
    taken: tuple[int, ...],
    given: dict[str, tuple[int, ...]],
) -> Path:
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"stub")
    graph += b"".join(_field(5, _tensor(name, array)) for name, array in constants.items())
    graph += _field(11, _value("input", taken))
    graph += b"".join(_field(12, _value(name, shape)) for name, shape in given.items())
    opset = _field(1, b"") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, opset))
    return path


def _node(kind: str, taken: list[str], given: list[str], **numbers: int) -> bytes:
    parts = [_field(1, name.encode()) for name in taken] + [
        _field(2, name.encode()) for name in given
    ]
    parts.append(_field(4, kind.encode()))
    for name, value in numbers.items():
        parts.append(_field(5, _field(1, name.encode()) + _number(3, value) + _number(20, 2)))
    return b"".join(parts)


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(_number(1, length) for length in array.shape)
    kind = _number(2, _TYPES[array.dtype.name])
    return dims + kind + _field(8, name.encode()) + _field(9, array.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _number(1, length)) for length in shape)
    kind = _field(1, _number(1, 1) + _field(2, dims))
    return _field(1, name.encode()) + _field(2, kind)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return struct.pack(f"{len(parts) + 1}B", *parts, value)
