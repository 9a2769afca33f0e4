"""DeepLabCut: predictions and labels as CSV, one animal (person) or several.

Source: DeepLabCut, docs/HelperFunctions.md and the CSV that analyze_videos(save_as_csv=True) makes.

- Header rows scorer, (individuals,) bodyparts, coords; the columns x, y and likelihood of each body
  part; the first column is the frame number, or the image's name in labels (CollectedData_*.csv,
  where three columns may hold its path).
- Body parts are named by the user, and mapped by these names.
- Confidence: the likelihood; labels have none and count 1.
"""

from __future__ import annotations

import math

import numpy as np

from .detections import Detections, frame_numbers, named_joint_set
from .source import MAX_VALUES, Source, brief, cells, number_in_name

_COORDINATES = ("x", "y", "likelihood")


def recognise(source: Source) -> bool:
    return source.kind == "table" and bool(_header_rows(source))


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    header = _header_rows(source) if source.kind == "table" else {}
    if not header:
        raise source.error(
            "not a DeepLabCut CSV: its first rows must begin with scorer, bodyparts and coords."
        )
    rows = source.data[len(header) :]
    if not rows:
        raise source.error("no person in this file: it has no rows below its header.")
    coords = header["coords"]
    columns = [i for i, cell in enumerate(coords) if cell in _COORDINATES]
    if not columns or columns[0] == 0:
        raise source.error("row coords: no x, y and likelihood after the first column.")
    for row in ("bodyparts", "individuals"):
        if row in header and len(header[row]) <= columns[-1]:
            raise source.error(f"row {row}: is shorter than row coords.")
    names = [_cell(row, columns[0] - 1) for row in rows]
    frames, notes = frame_numbers(source, names, lambda i: f"row {len(header) + 1 + i}")
    if all(number_in_name(name) is None for name in names):
        raise source.error(
            f"row {len(header) + 1}: {brief(names[0])} where a frame number belongs."
        )

    bodyparts = [header["bodyparts"][i] for i in columns]
    people = [header["individuals"][i] if "individuals" in header else "" for i in columns]
    # Multi-animal projects put body parts that belong to no individual under "single".
    named = [name for name in dict.fromkeys(people) if name != "single"] or ["single"]
    joints = list(
        dict.fromkeys(b for b, person in zip(bodyparts, people, strict=True) if person in named)
    )
    joint_set = named_joint_set(source, "deeplabcut", joints)

    values = cells(source, rows, columns, first_row=len(header) + 1)
    shape = (len(named), len(rows), len(joints), 3)
    if math.prod(shape) > MAX_VALUES:
        raise source.error(
            f"{len(named)} individuals with {len(joints)} body parts in {len(rows)} rows do not "
            "fit into memory; split the clip."
        )
    table = np.full(shape, np.nan)
    table[..., 2] = 1
    taken = set()
    for k, column in enumerate(columns):
        if people[k] not in named:
            continue
        place = (named.index(people[k]), joints.index(bodyparts[k]), coords[column])
        if place in taken:
            raise source.error(
                f"column {column + 1}: {bodyparts[k]} {coords[column]} is there twice."
            )
        taken.add(place)
        table[place[0], :, place[1], _COORDINATES.index(place[2])] = values[:, k]
    return Detections(
        joint_set=joint_set,
        frames=np.tile(frames, len(named)),
        positions=table[..., :2].reshape(-1, len(joints), 2),
        confidence=table[..., 2].reshape(-1, len(joints)),
        ids=[name or "1" for name in named for _row in rows],
        ids_trusted=True,
        stated=(int(frames.min()), int(frames.max())),
        notes=notes,
    )


def _cell(row: list[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _header_rows(source: Source) -> dict[str, list[str]]:
    """The header rows by their first cell, empty where this is no such header."""
    header: dict[str, list[str]] = {}
    for row in source.data[:4]:
        name = row[0].strip().lower()
        if name not in ("scorer", "individuals", "bodyparts", "coords"):
            break
        header[name] = [cell.strip() for cell in row]
        if name == "coords":
            return header if "bodyparts" in header else {}
    return {}
