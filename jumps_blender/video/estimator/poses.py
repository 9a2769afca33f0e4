"""What was found, written as a pose file of the project's own format (docs/pose_files.md).

Written record by record, so that memory doesn't grow with the clip.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError
from .records import ASSUMED_FPS, Records

_SAME_RATE = 0.02  # how much a container's rate may differ from that of its own timestamps
# Hundredths of a pixel and of a per cent: far below what any estimator is sure of.
_DECIMALS, _CONFIDENCE_DECIMALS = 2, 4


def write_poses(
    path: Path,
    records: Records,
    confidence: Callable[[NDArray[np.floating[Any]]], NDArray[np.float64]],
    *,
    estimator: dict[str, Any],
    source: str,
    joint_names: Sequence[str],
    size: tuple[int, int],
    step: int,
    fps: float,
    missing: dict[str, float],
) -> dict[str, Any]:
    """Write the file; raises JumpsError where nobody is to be written, or that fails.

    Then there is no file.

    confidence: makes one number of each joint's scores
    step: the clip's frames that one of the file's stands for; fps: the container's rate, or 0

    Returns ``frames``, how many of them show people (``with_people``) and the file's ``digest``.
    """
    indices, stamps, people = [], [], []
    for record in records:
        indices.append(record.index)
        stamps.append(record.time)
        people.append(len(record.joints))
    if not any(people):
        raise JumpsError(f"{source}: nobody was found in any of {len(people)} frames.")
    numbers = np.array(indices) // step
    times = rising(np.array(stamps), np.array(indices), fps)
    head: dict[str, Any] = {
        "format": "jumps",
        "version": 1,
        "source": source,
        "estimator": estimator,
        "fps": rate(times, fps / step),
        "image_size": list(size),
        "missing": missing,
        "joint_names": list(joint_names),
        "first_frame": int(numbers[0]),
        "times": [round(t, 6) for t in times.tolist()],
        "frames": np.repeat(numbers, people).tolist(),
    }

    def positions(joints: NDArray[np.float32]) -> Any:
        return joints[:, :2].astype(np.float64).round(_DECIMALS).tolist()

    def sure(joints: NDArray[np.float32]) -> Any:
        # Downwards: what is below a limit must not be rounded up to it.
        scale = 10**_CONFIDENCE_DECIMALS
        return (np.floor(confidence(joints[:, 2:]) * scale) / scale).tolist()

    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("wb") as file:

            def write(text: str) -> None:
                digest.update(text.encode())
                file.write(text.encode())

            # One key per line keeps the file readable from its first screen.
            lines = [f"{json.dumps(key)}:{_json(value)}" for key, value in head.items()]
            write("{\n" + ",\n".join(lines))
            for key, values in (("positions", positions), ("confidence", sure)):
                write(f",\n{json.dumps(key)}:[")
                comma = ""
                for record in records:
                    for joints in record.joints:
                        write(f"{comma}\n{_json(values(joints))}")
                        comma = ","
                write("]")
            write("\n}\n")
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error
        raise
    return {
        "frames": len(numbers),
        "with_people": int(np.count_nonzero(people)),
        "digest": digest.hexdigest(),
    }


def rising(
    stamps: NDArray[np.float64], indices: NDArray[np.int64], fps: float
) -> NDArray[np.float64]:
    """Times in seconds that rise strictly, from timestamps some of which may be missing or wrong.

    stamps: (F,), NaN where unknown; indices: (F,), the frames' numbers; fps: 0 where unknown

    A timestamp that doesn't lie after all before it is not believed; frames without one lie
    evenly between their neighbours, at the clip's rate before the first and after the last.
    """
    before = np.maximum.accumulate(np.where(np.isfinite(stamps), stamps, -np.inf))
    known = np.isfinite(stamps) & (stamps > np.concatenate([[-np.inf], before[:-1]]))
    if known.sum() < 2:
        return indices / (fps or ASSUMED_FPS)
    own = np.interp(indices, indices[known], stamps[known])
    paces = np.diff(stamps[known]) / np.diff(indices[known])
    pace = float(np.median(paces))
    first, last = np.flatnonzero(known)[[0, -1]]
    own[:first] = own[first] + pace * (indices[:first] - indices[first])
    own[last + 1 :] = own[last] + pace * (indices[last + 1 :] - indices[last])
    return own


def rate(times: NDArray[np.float64], stated: float) -> float:
    """Frames per second: as stated where the times are about that far apart, else by these."""
    if len(times) < 2:
        return stated or ASSUMED_FPS
    own = 1 / float(np.median(np.diff(times)))
    fits = stated > 0 and abs(own / stated - 1) <= _SAME_RATE
    return stated if fits else round(min(max(own, 0.01), 10_000.0), 4)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
