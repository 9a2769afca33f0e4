"""OpenPose: a folder of JSON files, one per frame (or a single such file).

Source: OpenPose, doc/02_output.md and include/openpose/flags.hpp.

- ``people[].pose_keypoints_2d`` is x, y, confidence for 25 (BODY_25) or 18 (COCO) joints; 0, 0, 0
  is a joint that was not found. Version 1.0 calls it ``pose_keypoints``.
- The frame number is the last run of digits in the file's name; a hole in the numbering is kept as
  frames in which nobody is seen.
- The order of people means nothing; ``person_id`` counts where it is not -1.
- ``--keypoint_scale 3`` and ``4`` write 0 … 1 and -1 … 1; this is recognised from the range.
- Confidence: as it is, clipped at 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..skeletons import JOINT_SETS
from .detections import Detections, joint_triplets, person_id
from .source import Source, brief, number_in_name

_JOINTS = {
    25: JOINT_SETS["openpose_body25"],
    18: JOINT_SETS["openpose_coco18"],
}


def recognise(source: Source) -> bool:
    if source.kind == "folder":
        return any(_is_frame(value) for _name, value in source.data)
    return source.kind == "json" and _is_frame(source.data)


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if source.kind == "folder":
        files = source.data
    elif source.kind == "json":
        files = [(source.path.name, source.data)]
    else:
        raise source.error("not OpenPose's: neither a folder of JSON files nor a JSON file.")
    named = [number_in_name(name) for name, _value in files]
    numbers = [number for number in named if number is not None]
    if len(numbers) < len(files):
        numbers = list(range(len(files)))
    seen: dict[int, str] = {}
    lists: list[Any] = []
    frames: list[int] = []
    ids: list[str | None] = []
    for number, (name, value) in zip(numbers, files, strict=True):
        if number in seen:
            raise source.error(
                f"{seen[number]} and {name} are both frame {number}; keep one video per folder."
            )
        seen[number] = name
        if not _is_frame(value):
            raise source.error(f'{name}: is not an OpenPose file (it has no list "people").')
        for person in value["people"]:
            if not isinstance(person, dict):
                raise source.error(f"{name}: {brief(person)} where a person belongs.")
            keypoints = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
            if keypoints is None:
                raise source.error(f'{name}: a person has no "pose_keypoints_2d".')
            lists.append(keypoints)
            frames.append(number)
            ids.append(person_id(person.get("person_id")))
    if not lists:
        raise source.error(f"no person in any of {len(files)} frames.")
    joint_set, positions, confidence = joint_triplets(
        source, lists, _JOINTS, lambda i: f"{seen[frames[i]]}, person {_place(frames, i)}"
    )
    confidence = np.where((positions == 0).all(axis=2), 0, confidence)
    shown = positions[confidence > 0]
    if (shown < 0).any() and (np.abs(shown) <= 1).all():
        positions = (positions + 1) / 2
    return Detections(
        joint_set=joint_set,
        frames=np.array(frames, np.int64),
        positions=positions,
        confidence=confidence,
        ids=ids,
        stated=(min(numbers), max(numbers)),
        may_be_normalised=True,
    )


def _is_frame(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("people"), list)


def _place(frames: list[int], index: int) -> int:
    """A detection's place among its frame's people, counted from 1."""
    return index - frames.index(frames[index]) + 1
