"""MMPose 1.x: predictions of MMPoseInferencer and of demo/topdown_demo_with_mmdet.py.

Source: MMPose 1.x, mmpose/apis/inferencers and demo/topdown_demo_with_mmdet.py.

- Inferencer: a list of ``frame_id`` (from 0) and ``instances``; for an image the list of instances.
- Demo: ``meta_info`` and ``instance_info``, the latter such a list with ``frame_id`` from 1.
- An instance has ``keypoints`` [[x, y] …], ``keypoint_scores`` and ``bbox``, in pixels. The joints
  are known by the names in ``meta_info``, or by their number: 17 is COCO, 26 and 136 Halpe, 133
  COCO-WholeBody.
- Confidence: the score, clipped at 1 (SimCC's maxima are no probabilities and may exceed 1).
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from ..skeletons import JOINT_SETS, JointSet
from .alphapose import RECORD_JOINTS
from .detections import Detections, frame_number, named_joint_set, person_id
from .source import Source, brief, numbers


def recognise(source: Source) -> bool:
    if source.kind != "json":
        return False
    if isinstance(source.data, dict):
        return isinstance(source.data.get("instance_info"), list)
    return isinstance(source.data, list) and any(
        isinstance(item, dict)
        and (isinstance(item.get("instances"), list) or "keypoint_scores" in item)
        for item in source.data[:100]
    )


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    data = source.data
    meta = data.get("meta_info") if isinstance(data, dict) else None
    items = data.get("instance_info") if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise source.error("not an MMPose file: no list of frames.")
    if items and not any(isinstance(item, dict) and "instances" in item for item in items):
        items = [{"frame_id": 0, "instances": items}]
    stated: list[int] = []
    frames: list[int] = []
    instances: list[dict[str, Any]] = []
    for i, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("instances"), list):
            raise source.error(f'frame record {i + 1}: has no list "instances".')
        number = frame_number(item.get("frame_id", i))
        if number is None:
            raise source.error(
                f"frame record {i + 1}: {brief(item['frame_id'])} where a frame number belongs."
            )
        stated.append(number)
        for instance in item["instances"]:
            if not isinstance(instance, dict):
                raise source.error(f"frame {number}: {brief(instance)} where a person belongs.")
            frames.append(number)
            instances.append(instance)
    if not instances:
        raise source.error(f"no person in any of {len(items)} frames.")
    # The demo counts frames from 1.
    if isinstance(data, dict) and min(stated) >= 1:
        frames = [number - 1 for number in frames]
        stated = [number - 1 for number in stated]

    def where(i: int) -> str:
        return f"frame {frames[i]}, person {i - frames.index(frames[i]) + 1}"

    pairs: list[Any] = [instance.get("keypoints") for instance in instances]
    scores: list[Any] = [instance.get("keypoint_scores") for instance in instances]
    joint_set = _joint_set(source, meta, pairs[0])
    joints = len(joint_set.joints)
    for i, (points, values) in enumerate(zip(pairs, scores, strict=True)):
        if not isinstance(points, list) or not isinstance(values, list):
            raise source.error(f'{where(i)}: "keypoints" and "keypoint_scores" must be lists.')
        if len(points) != joints or len(values) != joints:
            raise source.error(
                f"{where(i)}: {len(points)} keypoints and {len(values)} scores, but the file's "
                f"first person has {joints} ({joint_set.name}); a file must keep to one joint set."
            )
        if any(type(point) is not list or len(point) != 2 for point in points):
            raise source.error(f"{where(i)}: each keypoint must be [x, y], in pixels (2D).")
    flat = list(chain.from_iterable(chain.from_iterable(pairs)))
    positions = numbers(source, flat, lambda i: where(i // (2 * joints)))
    confidence = numbers(source, list(chain.from_iterable(scores)), lambda i: where(i // joints))
    return Detections(
        joint_set=joint_set,
        frames=np.array(frames, np.int64),
        positions=positions.reshape(len(instances), joints, 2),
        confidence=confidence.reshape(len(instances), joints),
        ids=[person_id(instance.get("track_id")) for instance in instances],
        stated=(min(stated), max(stated)),
    )


def _joint_set(source: Source, meta: Any, first: Any) -> JointSet:
    """By the names in meta_info if they are there, otherwise by the number of joints."""
    if not isinstance(first, list):
        raise source.error('the first person has no list "keypoints".')
    names_by_id = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    names = list(names_by_id.values()) if isinstance(names_by_id, dict) else names_by_id
    if isinstance(names, list) and len(names) == len(first):
        if not all(isinstance(name, str) for name in names):
            raise source.error("keypoint_id2name: joint names must be strings.")
        for joint_set in JOINT_SETS.values():
            if list(joint_set.joints) == names:
                return joint_set
        if len(first) not in RECORD_JOINTS or "nose" not in names:
            return named_joint_set(source, "mmpose", names)
    if len(first) not in RECORD_JOINTS:
        raise source.error(
            f"the first person has {len(first)} keypoints; known are "
            + ", ".join(f"{count} ({RECORD_JOINTS[count].name})" for count in sorted(RECORD_JOINTS))
            + "."
        )
    return RECORD_JOINTS[len(first)]
