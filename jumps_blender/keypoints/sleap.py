"""SLEAP: the analysis file, as CSV and as HDF5.

Source: SLEAP, sleap/info/write_tracking_h5.py and its CSV export.

- CSV: track, frame_idx, instance.score and <node>.x, <node>.y, <node>.score for each node.
- HDF5: ``tracks`` is stored transposed, (tracks, 2, nodes, frames), and so are ``point_scores``,
  (tracks, nodes, frames); ``node_names`` and ``track_names`` are byte strings. Read through h5py,
  which is optional.
  sleap-io may write other orders, and then names the axes in the attribute ``dims``.
- Nodes are named by the user, and mapped by these names. NaN or an empty cell is a missing joint.
- Confidence: the node's score, clipped at 1; nodes without one (labelled by hand) count 1.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .detections import Detections, frame_numbers, named_joint_set, person_id
from .source import MAX_FRAMES, Source, brief, cells, listing
from .track import PoseFileError

# Bounds what is read, whatever sizes a file claims: 24 nodes in a million frames are 48 million.
_MOST_VALUES = 60_000_000
_MOST_NAMES, _LONGEST_NAME = 10_000, 1000
_TRACK_AXES = ("track", "xy", "node", "frame")
_SCORE_AXES = ("track", "node", "frame")


def recognise(source: Source) -> bool:
    if source.kind == "hdf5":
        return True
    return source.kind == "table" and {"track", "frame_idx"} <= set(source.data[0])


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if source.kind == "hdf5":
        return _read_hdf5(source)
    if source.kind == "table":
        return _read_csv(source)
    raise source.error("not a SLEAP analysis file: neither HDF5 nor CSV.")


def _read_csv(source: Source) -> Detections:
    header, rows = source.data[0], source.data[1:]
    for name in ("track", "frame_idx"):
        if name not in header:
            raise source.error(f"not a SLEAP analysis CSV: no column {name}.")
    if not rows:
        raise source.error("no person in this file: it has no rows below its header.")
    nodes = [name[:-2] for name in header if name.endswith(".x")]
    joint_set = named_joint_set(source, "sleap", nodes)
    columns = []
    for node in nodes:
        if f"{node}.y" not in header:
            raise source.error(f"no column {node}.y beside {node}.x.")
        columns += [header.index(f"{node}.x"), header.index(f"{node}.y")]
    positions = cells(source, rows, columns, first_row=2).reshape(len(rows), len(nodes), 2)
    scores = np.ones((len(rows), len(nodes)))
    for k, node in enumerate(nodes):
        if f"{node}.score" in header:
            score = cells(source, rows, [header.index(f"{node}.score")], first_row=2)[:, 0]
            scores[:, k] = np.where(np.isnan(score), 1.0, score)
    index, track = header.index("frame_idx"), header.index("track")
    for i, row in enumerate(rows):
        if len(row) <= max(index, track):
            raise source.error(f"row {2 + i}: has only {len(row)} columns.")
        if not row[index].strip().removesuffix(".0").isdecimal():
            raise source.error(f"row {2 + i}: {brief(row[index])} where a frame number belongs.")
    names = [row[index].strip().removesuffix(".0") for row in rows]
    frames, notes = frame_numbers(source, names, lambda i: f"row {2 + i}")
    return Detections(
        joint_set=joint_set,
        frames=frames,
        positions=positions,
        confidence=scores,
        ids=[person_id(row[track]) for row in rows],
        notes=notes,
    )


def _read_hdf5(source: Source) -> Detections:
    try:
        import h5py  # Blender doesn't bring it, and nothing else needs it.
    except ImportError:
        raise source.error(
            "reading HDF5 needs h5py (pip install h5py); or export the analysis as CSV in SLEAP."
        ) from None
    try:
        with h5py.File(source.path, "r") as file:
            tracks = _dataset(source, file, "tracks", _TRACK_AXES)
            scores = None
            if "point_scores" in file:
                scores = _dataset(source, file, "point_scores", _SCORE_AXES)
            nodes = _names(source, file, "node_names")
            people = _names(source, file, "track_names") if "track_names" in file else []
    except PoseFileError:
        raise
    # h5py raises nearly every built-in exception for a damaged file.
    except Exception as error:
        raise source.error(f"the HDF5 file is damaged ({brief(str(error))}).") from None
    count, axes, joints, frames = tracks.shape
    if axes != 2 or joints != len(nodes) or 0 in tracks.shape:
        raise source.error(
            f"tracks is {'x'.join(map(str, tracks.shape))}; "
            f"a SLEAP analysis file has tracks x 2 x {len(nodes)} nodes x frames."
        )
    if scores is None:
        scores = np.ones((count, joints, frames))
    elif scores.shape != (count, joints, frames):
        raise source.error("point_scores does not have the shape of tracks.")
    if len(people) != count or len(set(people)) != count:
        people = [f"track_{i}" for i in range(count)]
    return Detections(
        joint_set=named_joint_set(source, "sleap", nodes),
        frames=np.tile(np.arange(frames), count),
        positions=tracks.transpose(0, 3, 2, 1).reshape(-1, joints, 2),
        confidence=np.where(np.isnan(scores), 1.0, scores).transpose(0, 2, 1).reshape(-1, joints),
        ids=[name for name in people for _frame in range(frames)],
        ids_trusted=True,
        stated=(0, frames - 1),
    )


def _dataset(source: Source, file: Any, name: str, axes: tuple[str, ...]) -> NDArray[np.float64]:
    """A numeric dataset with its axes in that order."""
    import h5py

    data = file.get(name)
    if not isinstance(data, h5py.Dataset):
        raise source.error(
            f'not a SLEAP analysis file: no dataset "{name}" among {listing(list(file))}.'
        )
    if data.shape is None or len(data.shape) != len(axes) or data.dtype.kind not in "fiu":
        raise source.error(f'"{name}" is not a numeric array of {len(axes)} dimensions.')
    if data.size > _MOST_VALUES or max(data.shape) > MAX_FRAMES:
        raise source.error(f'"{name}" is too large ({data.shape}); split the clip.')
    values = np.asarray(data[...], dtype=np.float64)
    written = json.loads(data.attrs["dims"]) if "dims" in data.attrs else None
    if isinstance(written, list) and sorted(map(str, written)) == sorted(axes):
        values = values.transpose([written.index(axis) for axis in axes])
    return values


def _names(source: Source, file: Any, name: str) -> list[str]:
    import h5py

    data = file.get(name)
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.size > _MOST_NAMES:
        raise source.error(f'not a SLEAP analysis file: "{name}" is not a list of names.')
    if data.dtype.itemsize > _LONGEST_NAME:
        raise source.error(f'"{name}" has names of {data.dtype.itemsize} characters.')
    return [
        item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
        for item in data[...].tolist()
    ]
