"""AlphaPose: ``alphapose-results.json``, one record per person and frame.

Source: AlphaPose, docs/output.md and alphapose/utils/pPose_nms.py (write_json).

- ``image_id`` is "12.jpg" or 12; frames without people are absent.
- ``keypoints`` is x, y, confidence for 17 (COCO), 26 or 136 (Halpe) or 133 (COCO-WholeBody) joints.
- ``idx``, the tracker's id, is absent, a number, a list or a nested list; without a tracker it is
  0 for everybody.
- Confidence: AlphaPose documents 0 … 6 for COCO; today's models write heat-map peaks of at most a
  little over 1. A file with a confidence above 2 is taken as 0 … 6 and divided by 6; the rest is
  used as it is, and clipped at 1.
- ``--format open`` and ``--format cmu`` write one object of frames instead, with OpenPose's 18
  joints. AlphaPose makes these from COCO-17 (it adds a neck); the neck is not used here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINT_SETS
from .detections import Detections, frame_numbers, joint_triplets, person_id
from .source import Source, brief

RECORD_JOINTS = {
    len(JOINT_SETS[name].joints): JOINT_SETS[name]
    for name in ("coco17", "halpe26", "halpe136", "coco_wholebody133")
}
FRAME_OBJECT_JOINTS = {18: JOINT_SETS["openpose_coco18"]}
# Keys of the people, and of a person's joints, in the two formats of frame objects.
_FRAME_OBJECTS = {"people": "pose_keypoints_2d", "bodies": "joints"}


def recognise(source: Source) -> bool:
    if source.kind != "json":
        return False
    if isinstance(source.data, dict):
        return _frame_object_key(source.data) is not None
    return any(
        "image_id" in record
        and "keypoints" in record
        and (isinstance(record["image_id"], str) or "idx" in record or "box" in record)
        for record in first_records(source)
    )


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if isinstance(source.data, dict):
        return _read_frame_objects(source)
    records = checked_records(source)
    joint_set, positions, confidence = joint_triplets(
        source, [r["keypoints"] for r in records], RECORD_JOINTS, record_name
    )
    frames, notes = frame_numbers(source, [r["image_id"] for r in records], record_name)
    return Detections(
        joint_set=joint_set,
        frames=frames,
        positions=positions,
        confidence=scaled_confidence(confidence),
        ids=[person_id(record.get("idx")) for record in records],
        notes=notes,
    )


def first_records(source: Source) -> list[dict[str, Any]]:
    """The objects among the first hundred elements of a list; none if it is no list."""
    if not isinstance(source.data, list):
        return []
    return [record for record in source.data[:100] if isinstance(record, dict)]


def checked_records(source: Source) -> list[dict[str, Any]]:
    """The file's records, each an object with ``image_id`` and ``keypoints``."""
    records = source.data
    if not isinstance(records, list):
        raise source.error(f"{brief(records)} where a list of detections belongs.")
    if not records:
        raise source.error("no person in this file: the list of detections is empty.")
    for i, record in enumerate(records):
        if type(record) is not dict:
            raise source.error(f"{record_name(i)}: {brief(record)} where an object belongs.")
        for key in ("image_id", "keypoints"):
            if key not in record:
                raise source.error(f'{record_name(i)}: has no "{key}".')
    return records


def record_name(index: int) -> str:
    return f"record {index + 1}"


def scaled_confidence(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Confidences on a scale to 1; a file whose largest are between 2 and 6 is on a scale to 6."""
    on_scale = confidence[confidence <= 6]
    return confidence / 6 if on_scale.size and on_scale.max() > 2 else confidence


def _frame_object_key(data: dict[str, Any]) -> str | None:
    """Which frame object format ``{image name: frame}`` this is."""
    for frame in list(data.values())[:100]:
        for key in _FRAME_OBJECTS:
            if isinstance(frame, dict) and isinstance(frame.get(key), list):
                return key
    return None


def _read_frame_objects(source: Source) -> Detections:
    people_key = _frame_object_key(source.data)
    if people_key is None:
        raise source.error("not an AlphaPose file: neither a list of records nor frames by name.")
    joints_key = _FRAME_OBJECTS[people_key]
    names = list(source.data)
    numbers, notes = frame_numbers(source, names, lambda i: f"frame {brief(names[i])}")
    lists: list[Any] = []
    frames: list[int] = []
    ids: list[str | None] = []
    for name, number in zip(names, numbers.tolist(), strict=True):
        frame = source.data[name]
        people = frame.get(people_key) if isinstance(frame, dict) else None
        if not isinstance(people, list):
            raise source.error(f'frame {brief(name)}: has no list "{people_key}".')
        for person in people:
            if not isinstance(person, dict) or joints_key not in person:
                raise source.error(f'frame {brief(name)}: a person without "{joints_key}".')
            lists.append(person[joints_key])
            frames.append(number)
            ids.append(person_id(person.get("idx")))
    if not lists:
        raise source.error(f"no person in any of {len(names)} frames.")
    joint_set, positions, confidence = joint_triplets(
        source, lists, FRAME_OBJECT_JOINTS, lambda i: f"frame {frames[i]}"
    )
    return Detections(
        joint_set=joint_set,
        frames=np.array(frames, np.int64),
        positions=positions,
        confidence=scaled_confidence(confidence),
        ids=ids,
        stated=(int(numbers.min()), int(numbers.max())),
        notes=notes,
    )
