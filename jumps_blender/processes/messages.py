"""What the worker process and its client say to each other: JSON headers and raw arrays.

A message is the four bytes ``JMP1``, the header's length (uint32, little-endian), the header (UTF-8
JSON), then the bytes of each array that the header's ``arrays`` names, in order, C-contiguous and
little-endian. No pickles: nothing that arrives can run.

Runs in the Pythons of pose estimators too: from 3.9 on.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = b"JMP1"
MAX_HEADER = 64 * 2**20
MAX_ARRAYS = 8 * 2**30  # bytes in one message; a clip of a million frames takes 0.5 GiB
_DTYPES = ("float32", "float64", "int8", "uint8", "int64")

Arrays = dict[str, NDArray[Any]]


class BrokenMessageError(Exception):
    """What came is no message: somebody else writes to the stream, or it was cut off."""


class CutOffError(BrokenMessageError):
    """The stream ended in the midst of a message."""


def write_message(
    stream: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, NDArray] | None = None
) -> None:
    """Write one message and flush it; raises OSError when nobody reads any more."""
    parts = {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        for name, array in (arrays or {}).items()
    }
    described = [
        {"name": name, "dtype": part.dtype.name, "shape": part.shape}
        for name, part in parts.items()
    ]
    text = json.dumps({**header, "arrays": described}, allow_nan=False).encode()
    stream.write(MAGIC + struct.pack("<I", len(text)) + text)
    for part in parts.values():
        stream.write(part.tobytes())
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], Arrays] | None:
    """The next message, None where the stream ends between two.

    Raises BrokenMessageError for anything that is no message.
    """
    head = stream.read(len(MAGIC) + 4)
    if not head:
        return None
    if len(head) < len(MAGIC) + 4 and (MAGIC.startswith(head) or head.startswith(MAGIC)):
        raise CutOffError(f"the stream ended after {head!r}")
    if not head.startswith(MAGIC) or len(head) < len(MAGIC) + 4:
        raise BrokenMessageError(f"{head[:40]!r} where a message belongs")
    (length,) = struct.unpack("<I", head[len(MAGIC) :])
    if length > MAX_HEADER:
        raise BrokenMessageError(f"a header of {length} bytes")
    try:
        header = json.loads(_exactly(stream, length))
        described = header.pop("arrays")
        shapes = [(str(d["name"]), d["dtype"], tuple(d["shape"])) for d in described]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BrokenMessageError(f"a broken header ({error})") from error
    total = 0
    for name, dtype, shape in shapes:
        if dtype not in _DTYPES or not all(type(n) is int and n >= 0 for n in shape):
            raise BrokenMessageError(f"an array {name!r} of type {dtype!r} and shape {shape}")
        total += math.prod(shape) * np.dtype(dtype).itemsize
    if total > MAX_ARRAYS:
        raise BrokenMessageError(f"arrays of {total} bytes")
    arrays = {}
    for name, dtype, shape in shapes:
        kind = np.dtype(dtype).newbyteorder("<")
        content = _exactly(stream, math.prod(shape) * kind.itemsize)
        arrays[name] = np.frombuffer(content, kind).reshape(shape)
    return header, arrays


def _exactly(stream: BinaryIO, count: int) -> bytearray:
    content = bytearray(count)
    view, filled = memoryview(content), 0
    while filled < count:
        got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not got:
            raise CutOffError(f"the stream ended {count - filled} bytes too early")
        filled += got
    return content
