"""MediaPipe Pose: its 33 landmarks, in the ways that people write them down.

MediaPipe has no file of its own. Read are

- JSON lines: a header ({"type": "header", "width", "height", "fps", "count", "columns"}), then one
  line per frame ({"type": "frame", "i", "t", "kp"}), where "kp" holds 33 lists in the order of
  "columns" and is null where nobody was found; "t" is the frame's time in seconds;
- a JSON list with one element per frame: null, or a list of 33 objects with x, y, z, visibility and
  presence, or an object with such a list as "landmarks" or "pose_landmarks";
- a CSV with the columns frame, landmark (0 … 32 or a name), x, y, visibility, presence.

Source: https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker

- Coordinates are normalised by the image's width and height, or pixels; this is recognised from
  their range. World landmarks (metres about the hips) are refused: they are not places in a
  picture.
- Confidence: visibility x presence, those of the two that the file has.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINT_SETS
from .detections import Detections, frame_number, frame_rate, picture_size
from .source import MAX_VALUES, Source, brief, cells, listing, numbers

_JOINT_SET = JOINT_SETS["mediapipe33"]
_LANDMARKS = len(_JOINT_SET.joints)
_X, _Y = ("x_px", "x"), ("y_px", "y")
_WEIGHTS = ("visibility", "presence")
_NUMBER = re.compile("[0-9]{1,9}")
_FRAME_LISTS = ("landmarks", "pose_landmarks")


def recognise(source: Source) -> bool:
    if source.kind == "table":
        header = _header_cells(source.data)
        return {"frame", "landmark", "x", "y"} <= set(header)
    if isinstance(source.data, dict):  # a single line
        return source.kind == "json" and "kp" in source.data
    if not isinstance(source.data, list):
        return False
    if source.kind == "json lines":
        return any(isinstance(line, dict) and "kp" in line for line in source.data[:100])
    frames = (_landmarks_of(frame) for frame in source.data)
    first = next((landmarks for landmarks in frames if landmarks), None)
    return source.kind == "json" and isinstance(first, list) and _is_landmark(first[0])


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if source.kind == "table":
        return _read_table(source)
    if source.kind == "json lines":
        return _read_lines(source)
    if source.kind == "json" and isinstance(source.data, list):
        return _read_list(source)
    if source.kind == "json" and isinstance(source.data, dict):
        return _read_lines(Source(source.path, "json lines", [source.data]))
    raise source.error("not MediaPipe's: neither JSON lines, a JSON list of frames nor a CSV.")


def _read_lines(source: Source) -> Detections:
    header: dict[str, Any] = {}
    numbers_seen: list[int] = []
    times: dict[int, float] = {}
    frames: list[int] = []
    values: list[Any] = []
    for i, line in enumerate(source.data):
        if not isinstance(line, dict):
            raise source.error(f"line {i + 1}: {brief(line)} where an object belongs.")
        if line.get("type") == "header" or (i == 0 and "kp" not in line):
            header = line
            continue
        if line.get("type", "frame") != "frame":
            continue
        if "kp" not in line:
            raise source.error(f'line {i + 1}: has no "kp".')
        number = frame_number(line.get("i", len(numbers_seen)))
        if number is None:
            raise source.error(f"line {i + 1}: {brief(line['i'])} where a frame number belongs.")
        numbers_seen.append(number)
        time = line.get("t")
        if isinstance(time, int | float) and abs(time) < 1e9:
            times[number] = float(time)
        if line["kp"] is not None:
            frames.append(number)
            values.append(line["kp"])
    columns = header.get("columns", ["x", "y", "visibility", "presence"])
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise source.error('line 1: "columns" must be a list of names.')
    flat: list[Any] = []
    for frame, landmarks in zip(frames, values, strict=True):
        _check_count(source, frame, landmarks)
        for landmark in landmarks:
            if type(landmark) is not list or len(landmark) != len(columns):
                raise source.error(
                    f"frame {frame}: each landmark must be a list of {len(columns)} values "
                    f"({listing(columns)})."
                )
            flat.extend(landmark)
    table = numbers(source, flat, lambda i: _place(frames, i // len(columns)))
    stated = _stated(source, numbers_seen)
    count = frame_number(header.get("count"))
    if count is not None and stated[0] == 0 and 0 < count < 10**9:
        stated = (0, max(stated[1], count - 1))
    fps, notes = frame_rate(header.get("fps"))
    return _detections(
        source,
        frames,
        {name: table[k :: len(columns)] for k, name in enumerate(columns)},
        stated,
        image_size=picture_size([header.get("width"), header.get("height")]),
        times=times if len(times) == len(set(numbers_seen)) else None,
        fps=fps,
        notes=notes,
    )


def _read_list(source: Source) -> Detections:
    frames: list[int] = []
    landmarks: list[Any] = []
    for number, frame in enumerate(source.data):
        if frame is None or frame == []:
            continue
        found = _landmarks_of(frame)
        if found is None:
            if isinstance(frame, dict) and any(key in frame for key in _FRAME_LISTS):
                continue
            raise source.error(f"frame {number}: {brief(frame)} where 33 landmarks belong.")
        _check_count(source, number, found)
        if not all(_is_landmark(landmark) for landmark in found):
            raise source.error(f"frame {number}: each landmark must be an object with x and y.")
        frames.append(number)
        landmarks.extend(found)
    columns = {
        name: numbers(
            source, [landmark.get(name) for landmark in landmarks], lambda i: _place(frames, i)
        )
        for name in ("x", "y", *_WEIGHTS)
        if landmarks and name in landmarks[0]
    }
    return _detections(source, frames, columns, _stated(source, range(len(source.data))))


def _read_table(source: Source) -> Detections:
    header = _header_cells(source.data)
    if not {"frame", "landmark", "x", "y"} <= set(header):
        raise source.error("not MediaPipe's: the CSV needs the columns frame, landmark, x and y.")
    names = [name for name in ("frame", "x", "y", *_WEIGHTS) if name in header]
    rows = source.data[1:]
    table = cells(source, rows, [header.index(name) for name in names], first_row=2)
    whole = np.isfinite(table[:, 0]) & (np.abs(table[:, 0]) < 2**53)
    if not whole.all():
        raise source.error(f"row {2 + int(np.argmin(whole))}: has no frame number.")
    column = header.index("landmark")
    joints = np.empty(len(rows), np.int64)
    for i, row in enumerate(rows):
        name = row[column].strip().lower() if column < len(row) else ""
        if name in _JOINT_SET.joints:
            joints[i] = _JOINT_SET.joints.index(name)
        elif _NUMBER.fullmatch(name) and int(name) < _LANDMARKS:
            joints[i] = int(name)
        else:
            raise source.error(f"row {2 + i}: {brief(name)} is not one of MediaPipe's landmarks.")
    frames, place = np.unique(table[:, 0].astype(np.int64), return_inverse=True)
    if len(names) * len(frames) * _LANDMARKS > MAX_VALUES:
        raise source.error(f"{len(frames)} frames do not fit into memory; split the clip.")
    columns = {}
    for k, name in enumerate(names[1:], start=1):
        values = np.full((len(frames), _LANDMARKS), np.nan)
        values[place.reshape(-1), joints] = table[:, k]
        columns[name] = values.reshape(-1)
    return _detections(source, frames.tolist(), columns, _stated(source, frames.tolist()))


def _detections(
    source: Source,
    frames: list[int],
    columns: dict[str, NDArray[np.float64]],
    stated: tuple[int, int],
    *,
    image_size: tuple[int, int] | None = None,
    times: dict[int, float] | None = None,
    fps: float | None = None,
    notes: tuple[str, ...] = (),
) -> Detections:
    """Detections from flat columns (frames times 33 values each) by name."""
    if not frames:
        raise source.error(f"no person in any of {stated[1] - stated[0] + 1} frames.")
    shape = (len(frames), _LANDMARKS)
    x = next((columns[name] for name in _X if name in columns), None)
    y = next((columns[name] for name in _Y if name in columns), None)
    if x is None or y is None:
        raise source.error(f"no columns x and y among {listing(list(columns))}.")
    positions = np.stack([x.reshape(shape), y.reshape(shape)], axis=2)
    confidence = np.ones(shape)
    for name in _WEIGHTS:
        if name in columns:
            confidence = confidence * columns[name].reshape(shape)
    shown = positions[np.isfinite(positions).all(axis=2) & (confidence > 0)]
    if shown.size and np.abs(shown).max() <= 3 and (shown < 0).mean() > 0.25:
        raise source.error(
            "these are world landmarks (metres about the hips); give the normalised landmarks."
        )
    return Detections(
        joint_set=_JOINT_SET,
        frames=np.array(frames, np.int64),
        positions=positions,
        confidence=confidence,
        ids=[None] * len(frames),
        stated=stated,
        frame_times=times,
        fps=fps,
        image_size=image_size,
        may_be_normalised="x" in columns,
        notes=notes,
    )


def _header_cells(rows: list[list[str]]) -> list[str]:
    return [cell.strip().lower() for cell in rows[0]] if rows else []


def _is_landmark(value: Any) -> bool:
    return isinstance(value, dict) and "x" in value and "y" in value


def _landmarks_of(frame: Any) -> list[Any] | None:
    """The list of landmarks of one element of a JSON list, None where there is none."""
    if isinstance(frame, dict):
        frame = next((frame[key] for key in _FRAME_LISTS if key in frame), None)
    return frame if isinstance(frame, list) and frame else None


def _check_count(source: Source, frame: int, landmarks: Any) -> None:
    if not isinstance(landmarks, list):
        raise source.error(f"frame {frame}: {brief(landmarks)} where 33 landmarks belong.")
    if len(landmarks) != _LANDMARKS:
        raise source.error(f"frame {frame}: {len(landmarks)} landmarks; MediaPipe's pose has 33.")


def _stated(source: Source, frames: Any) -> tuple[int, int]:
    if not len(frames):
        raise source.error("no person in this file: it has no frames.")
    return min(frames), max(frames)


def _place(frames: list[int], landmark: int) -> str:
    joint = _JOINT_SET.joints[landmark % _LANDMARKS]
    return f"frame {frames[landmark // _LANDMARKS]}, {joint}"
