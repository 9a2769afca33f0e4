"""The project's own format: poses written by hand or by a script, and the results of upsampling.

JSON (described in docs/pose_files.md) or NPZ with the same names; NPZ holds one person.

- ``joint_names``: the target's 28, or names as people choose them, mapped by these names.
- ``positions``: for each frame and joint [x, y] in pixels, null where missing.
- ``confidence``: 0 … 1 as it is; without it, every joint that has a position counts 1.
- ``frames``: in estimates from video; the frame of each detection, several people in one if need
  be, and ``positions`` and ``confidence`` are then the detections' and nobody is followed yet.
- ``missing``: what of it counts as missing; see ``missing.Missing``.
- ``state``: in results; only joints in state 0 (observed) are read back as given, so that
  upsampling a result again starts from what the first run started from.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import npz_arrays, written_whole
from ..skeletons import JOINT_SETS, JOINTS, JointSet
from .detections import (
    Detections,
    frame_number,
    frame_rate,
    named_joint_set,
    person_id,
    picture_size,
)
from .missing import Missing, missing_from
from .sequence import JointState, PoseSequence
from .source import MAX_VALUES, Source, brief, load_source, numbers
from .track import PoseFileError

VERSION = 1
# Fewer decimals than the noise of any detector, by a factor of a thousand.
_DECIMALS = 4
_CONFIDENCE_DECIMALS = 6
_MOST_NAMES = 1000


@dataclass(frozen=True)
class _Clip:
    """One person of a file: F frames, K joints.

    positions: float64 (F, K, 2), NaN where missing; confidence, uncertainty: float64 (F, K);
    state: int64 (F, K); times: float64 (F,); those that the file doesn't have are None
    """

    person: str
    joint_names: list[str]
    first_frame: int
    fps: float | None
    positions: NDArray[np.float64]
    confidence: NDArray[np.float64] | None
    state: NDArray[np.int64] | None
    uncertainty: NDArray[np.float64] | None
    times: NDArray[np.float64] | None


def recognise(source: Source) -> bool:
    if source.kind == "npz":
        return True
    data = source.data
    if source.kind != "json" or not isinstance(data, dict):
        return False
    return data.get("format") == "jumps" or (
        "joint_names" in data and ("positions" in data or "people" in data)
    )


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if source.kind == "json" and isinstance(source.data, dict) and "frames" in source.data:
        return _read_detections(source, source.data)
    header, clips = _load(source)
    joint_set = _joint_set(source, clips)
    rates = {clip.fps for clip in clips if clip.fps is not None}
    if len(rates) > 1:
        raise source.error('people have different "fps"; a file has one frame rate.')
    fps, notes = frame_rate(header.get("fps"))
    fps = fps or next(iter(rates), None)
    frame_times: dict[int, float] = {}
    confidences = []
    for clip in clips:
        confidence = clip.confidence
        if confidence is None:
            confidence = np.ones(clip.positions.shape[:2])
        if clip.state is not None:
            confidence = np.where(clip.state == JointState.OBSERVED, confidence, 0)
        confidences.append(confidence)
        if clip.times is not None:
            frame_times.update(enumerate(clip.times.tolist(), start=clip.first_frame))
    frames = [clip.first_frame + np.arange(len(clip.positions)) for clip in clips]
    return Detections(
        joint_set=joint_set,
        frames=np.concatenate(frames).astype(np.int64),
        positions=np.concatenate([clip.positions for clip in clips]),
        confidence=np.concatenate(confidences),
        ids=[clip.person for clip in clips for _frame in clip.positions],
        ids_trusted=True,
        stated=(min(int(f[0]) for f in frames), max(int(f[-1]) for f in frames)),
        frame_times=frame_times or None,
        fps=fps,
        image_size=picture_size(header.get("image_size")),
        missing=_missing(source, header),
        notes=notes,
    )


def _read_detections(source: Source, data: Mapping[str, Any]) -> Detections:
    """People of single frames, as they were found in a video."""
    _check_version(source, data)
    names = _joint_names(source, data, "the file")
    found = data["frames"]
    if not isinstance(found, list) or not found:
        raise source.error('no person in this file: "frames" must be a list with their frames.')
    frames = [frame_number(value) for value in found]
    if None in frames:
        raise source.error(f'"frames" has {brief(found[frames.index(None)])}, not a frame number.')
    positions = _array(source, data, "positions", "the file", len(frames), len(names), 2)
    if positions is None:
        raise source.error('no person in this file: it has no "positions".')
    confidence = _array(source, data, "confidence", "the file", len(frames), len(names))
    times = _array(source, data, "times", "the file", None)
    first = frame_number(data.get("first_frame", 0))
    if first is None or not 0 <= first < 1e9:
        raise source.error(f'"first_frame" is {brief(data["first_frame"])}, not a frame number.')
    which = np.array(frames, np.int64)
    if times is not None and not (first <= which.min() and which.max() < first + len(times)):
        raise source.error('a number in "frames" lies beyond the frames that have "times".')
    fps, notes = frame_rate(data.get("fps"))
    return Detections(
        joint_set=_named_set(source, names),
        frames=which,
        positions=positions,
        confidence=np.ones(positions.shape[:2]) if confidence is None else confidence,
        ids=[None] * len(frames),
        stated=None if times is None else (first, first + len(times) - 1),
        frame_times=None if times is None else dict(enumerate(times.tolist(), start=first)),
        fps=fps,
        image_size=picture_size(data.get("image_size")),
        missing=_missing(source, data),
        notes=notes,
    )


def _missing(source: Source, data: Mapping[str, Any]) -> Missing | None:
    value = data.get("missing")
    if value is None:
        return None
    missing = missing_from(value)
    if missing is None:
        raise source.error(
            '"missing" may hold min_confidence (0 to 1), shaking (0, or above 1 to 100), edge '
            "(0 to 0.5) and dilation (frames)."
        )
    return missing


def write_sequence(sequence: PoseSequence, path: str | os.PathLike[str]) -> None:
    """Write a result as JSON or NPZ, by the path's suffix.

    The file is whole or not there at all. Raises JumpsError for another suffix or a path that
    cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".json", ".npz"):
        raise JumpsError(f"{path}: results are written as .json or .npz; name the file so.")
    with written_whole(path) as temporary:
        if suffix == ".npz":
            # In memory first: a full disk in mid-archive leaves zipfile unable to close it.
            archive = io.BytesIO()
            np.savez(archive, **_npz_arrays(sequence))
            temporary.write_bytes(archive.getbuffer())
        else:
            # One key per line keeps the file readable from its first screen.
            lines = [
                f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'), allow_nan=False)}"
                for key, value in _json_object(sequence).items()
            ]
            temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_sequence(path: str | os.PathLike[str]) -> PoseSequence:
    """Read a result that ``write_sequence`` wrote. Raises PoseFileError for anything else."""
    source = load_source(path)
    if not recognise(source):
        raise source.error("is not a result file of this project (JSON or NPZ).")
    header, clips = _load(source)
    clip = clips[0]
    if len(clips) != 1 or tuple(clip.joint_names) != JOINTS:
        raise source.error("a result file has one person with the 28 joints in their order.")
    fps, _notes = frame_rate(header.get("fps"))
    state, uncertainty, times = clip.state, clip.uncertainty, clip.times
    if state is None or uncertainty is None or times is None or fps is None:
        raise source.error("a result file has state, uncertainty, times and fps; this one has not.")
    observed = state == JointState.OBSERVED
    confidence = np.where(observed, 1.0, 0.0) if clip.confidence is None else clip.confidence
    with np.errstate(over="ignore"):
        positions = clip.positions.astype(np.float32)
        spread = uncertainty.astype(np.float32)
    complete = (
        np.isfinite(positions).all() and np.isfinite(spread).all() and np.isfinite(confidence).all()
    )
    if not (complete and np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise source.error("a result file is complete: no number is missing, and times increase.")
    return PoseSequence(
        positions=positions,
        state=state.astype(np.int8),
        confidence=np.where(observed, np.clip(confidence, 0, 1), 0).astype(np.float32),
        uncertainty=spread,
        times=times,
        fps=fps,
        image_size=picture_size(header.get("image_size")),
        person=clip.person,
        source=_text(header.get("source")),
        engine=_text(header.get("engine")),
    )


def _npz_arrays(sequence: PoseSequence) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "positions": sequence.positions.astype(np.float32),
        "state": sequence.state.astype(np.int8),
        "confidence": sequence.confidence.astype(np.float32),
        "uncertainty": sequence.uncertainty.astype(np.float32),
        "times": sequence.times.astype(np.float64),
        "joint_names": np.array(JOINTS),
        "fps": np.float64(sequence.fps),
        "person": np.array(sequence.person),
        "source": np.array(sequence.source),
        "engine": np.array(sequence.engine),
    }
    if sequence.image_size is not None:
        arrays["image_size"] = np.array(sequence.image_size, np.int64)
    return arrays


def _json_object(sequence: PoseSequence) -> dict[str, Any]:
    def rounded(values: NDArray[np.float32], decimals: int) -> Any:
        return values.astype(np.float64).round(decimals).tolist()

    return {
        "format": "jumps",
        "version": VERSION,
        "source": sequence.source,
        "person": sequence.person,
        "engine": sequence.engine,
        "fps": sequence.fps,
        "image_size": list(sequence.image_size) if sequence.image_size else None,
        "joint_names": list(JOINTS),
        "times": sequence.times.tolist(),
        "positions": rounded(sequence.positions, _DECIMALS),
        "state": sequence.state.tolist(),
        "confidence": rounded(sequence.confidence, _CONFIDENCE_DECIMALS),
        "uncertainty": rounded(sequence.uncertainty, _DECIMALS),
    }


def _load(source: Source) -> tuple[Mapping[str, Any], list[_Clip]]:
    """The file's own keys, and its people."""
    if source.kind == "npz":
        arrays = _npz_members(source)
        return arrays, [_clip(source, arrays, arrays, "the file")]
    if source.kind != "json" or not isinstance(source.data, dict):
        raise source.error("not the project's own format: it is neither a JSON object nor NPZ.")
    _check_version(source, source.data)
    people = source.data.get("people", [source.data])
    if not isinstance(people, list) or not people:
        raise source.error('no person in this file: "people" must be a list of objects.')
    clips = []
    for i, person in enumerate(people):
        where = f"person {i + 1}" if len(people) > 1 else "the file"
        if not isinstance(person, dict):
            raise source.error(f"{where}: {brief(person)} where an object belongs.")
        clips.append(_clip(source, {**source.data, **person}, person, where, default=str(i + 1)))
    names = [clip.person for clip in clips]
    if len(set(names)) < len(names):
        raise source.error('two people have the same "person"; give each an own id.')
    return source.data, clips


def _check_version(source: Source, data: Mapping[str, Any]) -> None:
    version = data.get("version", VERSION)
    if version != VERSION:
        raise source.error(f"version {brief(version)} of the format; {VERSION} is the one known.")


def _joint_names(source: Source, keys: Mapping[str, Any], where: str) -> list[str]:
    names = keys.get("joint_names")
    if isinstance(names, np.ndarray):
        names = names.tolist() if names.size <= _MOST_NAMES else [""] * names.size
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise source.error(f'{where}: "joint_names" must be a list of names.')
    if not 1 <= len(names) <= _MOST_NAMES:
        raise source.error(f'{where}: {len(names)} "joint_names"; give 1 to {_MOST_NAMES}.')
    return names


def _clip(
    source: Source,
    keys: Mapping[str, Any],
    own: Mapping[str, Any],
    where: str,
    default: str = "1",
) -> _Clip:
    """One person from JSON lists or NPZ arrays; ``keys`` are the file's, overruled by ``own``."""
    names = _joint_names(source, keys, where)
    positions = _array(source, own, "positions", where, None, len(names), 2)
    if positions is None or not len(positions):
        raise source.error(f'no person in this file: {where} has no "positions".')
    shape = positions.shape[:2]
    state = _array(source, own, "state", where, *shape)
    if state is not None and not np.isin(state, list(JointState)).all():
        raise source.error(f'{where}: "state" must be 0, 1 or 2 for each joint.')
    times = _array(source, keys, "times", where, shape[0])
    fps, _notes = frame_rate(keys.get("fps"))
    first = keys.get("first_frame")
    if first is None:
        start = 0.0 if times is None else float(times[0]) * (fps or _rate(times))
        first = round(start) if math.isfinite(start) and 0 <= start < 1e9 else 0
    first_frame = frame_number(first)
    if first_frame is None:
        raise source.error(f'{where}: "first_frame" is {brief(first)}, not a frame number.')
    return _Clip(
        person=person_id(own.get("person")) or default,
        joint_names=names,
        first_frame=first_frame,
        fps=fps,
        positions=positions,
        confidence=_array(source, own, "confidence", where, *shape),
        state=None if state is None else state.astype(np.int64),
        uncertainty=_array(source, own, "uncertainty", where, *shape),
        times=times,
    )


def _rate(times: NDArray[np.float64]) -> float:
    """Frames per second of a clip by its times; 30 where these don't tell."""
    duration = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return 1 / duration if math.isfinite(duration) and duration > 1e-6 else 30.0


def _array(
    source: Source, keys: Mapping[str, Any], key: str, where: str, *shape: int | None
) -> NDArray[np.float64] | None:
    """A numeric array of that shape (None: any) from JSON lists or an NPZ array; None if absent.

    In JSON, null stands for a number or for a whole innermost list of missing numbers.
    """
    value = keys.get(key)
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        fits = len(value.shape) == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, value.shape, strict=True)
        )
        if not fits or value.dtype.kind not in "fiub":
            raise source.error(
                f'{where}: "{key}" is {value.dtype} of shape {value.shape}, not {_wanted(shape)}.'
            )
        return value.astype(np.float64)
    lengths: list[int] = []
    level: list[Any] = [value]
    for depth, wanted in enumerate(shape):
        if depth == len(shape) - 1 and wanted is not None and depth > 0:
            missing = [None] * wanted
            level = [missing if item is None else item for item in level]
        length = wanted if wanted is not None else len(value) if isinstance(value, list) else 0
        for i, item in enumerate(level):
            if type(item) is not list or len(item) != length:
                place = f"{where}: " + _indices(i, lengths)
                what = f"{len(item)} values" if isinstance(item, list) else brief(item)
                raise source.error(f'{place}"{key}" has {what} where {length} values belong.')
        level = list(chain.from_iterable(level))
        lengths.append(length)
    flat = numbers(source, level, lambda i: f'{where}: {_indices(i, lengths)}"{key}"')
    return flat.reshape(lengths)


def _wanted(shape: Sequence[int | None]) -> str:
    return "numbers of shape " + " x ".join("frames" if n is None else str(n) for n in shape)


def _indices(flat: int, lengths: Sequence[int]) -> str:
    """ "frame 3, joint 5, " for the place of an element below the first axes of those lengths."""
    if not lengths[1:] and len(lengths) < 2:
        return f"frame {flat}, " if lengths else ""
    joint = flat // math.prod(lengths[2:])
    return f"frame {joint // lengths[1]}, joint {joint % lengths[1]}, "


def _joint_set(source: Source, clips: list[_Clip]) -> JointSet:
    """The joint set that all people share; of the 28, those that any person was ever given.

    In a result, a joint in state UPSAMPLED throughout was not in the file that it was made from.
    """
    names = clips[0].joint_names
    if any(clip.joint_names != names for clip in clips):
        raise source.error("people have different joint_names; a file must keep to one joint set.")
    if tuple(names) != JOINTS:
        return _named_set(source, names)
    whole = JOINT_SETS["mpi_inf_3dhp28"]
    given = np.zeros(len(JOINTS), bool)
    for clip in clips:
        given |= True if clip.state is None else (clip.state != JointState.UPSAMPLED).any(axis=0)
    if given.all():
        return whole
    return JointSet(
        whole.name,
        whole.joints,
        {name: (name,) for name, is_given in zip(JOINTS, given, strict=True) if is_given},
    )


def _named_set(source: Source, names: list[str]) -> JointSet:
    """An estimator's joint set by its joints' names, else one of names that the user chose."""
    for joint_set in JOINT_SETS.values():
        if list(joint_set.joints) == names:
            return joint_set
    return named_joint_set(source, "jumps", names)


def _npz_members(source: Source) -> dict[str, Any]:
    """The arrays of an NPZ file; single values as Python numbers and strings."""
    try:
        arrays = npz_arrays(source.path, MAX_VALUES)
    except JumpsError as error:
        raise PoseFileError(str(error)) from None
    # NumPy, zipfile, zlib, lzma and tokenize each raise errors of their own for a damaged archive.
    except Exception as error:
        raise source.error(
            f"the NPZ file is damaged or holds other things ({brief(str(error))})."
        ) from None
    return {
        name: array.item()
        if array.ndim == 0
        else array.tolist()
        if name == "image_size" and array.size == 2
        else array
        for name, array in arrays.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
