"""COCO keypoint results, and COCO keypoint annotations.

Source: https://cocodataset.org/#format-results and #format-data.

- A list of ``image_id``, ``category_id``, ``keypoints`` (x, y, v for 17 joints), ``score``; or an
  object with ``images`` and ``annotations``, whose image names then give the frame numbers and the
  image size.
- ``image_id`` is a data set's id. It is taken as the frame number; where all ids are multiples
  apart (10, 20, 30 …), the steps are counted instead, and a note says so.
- Confidence: where the file has no other third value than 0, 1 and 2 it is COCO's visibility flag,
  and every labelled joint counts 1. Otherwise it is a score, treated as AlphaPose's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .alphapose import (
    RECORD_JOINTS,
    checked_records,
    first_records,
    record_name,
    scaled_confidence,
)
from .detections import Detections, frame_numbers, joint_triplets, person_id, picture_size
from .source import Source, brief


def recognise(source: Source) -> bool:
    if source.kind != "json":
        return False
    if isinstance(source.data, dict):
        return isinstance(source.data.get("annotations"), list)
    return any("image_id" in r and "keypoints" in r for r in first_records(source))


def read(source: Source) -> Detections:
    """All detections; see the module's text. Raises PoseFileError."""
    if isinstance(source.data, dict):
        if not isinstance(source.data.get("annotations"), list):
            raise source.error('not a COCO file: the object has no list "annotations".')
        records = checked_records(Source(source.path, "json", source.data["annotations"]))
    else:
        records = checked_records(source)
    joint_set, positions, confidence = joint_triplets(
        source, [r["keypoints"] for r in records], RECORD_JOINTS, record_name
    )
    if np.isin(confidence[np.isfinite(confidence)], (0, 1, 2)).all():
        confidence = np.where(confidence > 0, 1.0, 0.0)
    else:
        confidence = scaled_confidence(confidence)
    image_ids = [record["image_id"] for record in records]
    stated = size = None
    images = source.data.get("images") if isinstance(source.data, dict) else None
    if isinstance(images, list) and images:
        image_ids, names, size = _frames_of_images(source, image_ids, images)
        stated_frames, notes = frame_numbers(source, names, lambda i: f"image {i + 1}")
        stated = int(stated_frames.min()), int(stated_frames.max())
        number_of = dict(zip(names, stated_frames.tolist(), strict=True))
        frames = np.array([number_of[name] for name in image_ids], np.int64)
    else:
        frames, notes = frame_numbers(source, image_ids, record_name)
        step = int(np.gcd.reduce(np.diff(np.unique(frames)))) if len(frames) else 0
        if step > 1:
            notes += (f"image ids are {step} apart; counted as frames 0, 1, 2 …",)
            frames = (frames - frames.min()) // step
    return Detections(
        joint_set=joint_set,
        frames=frames,
        positions=positions,
        confidence=confidence,
        ids=[person_id(record.get("track_id")) for record in records],
        stated=stated,
        image_size=size,
        notes=notes,
    )


def _frames_of_images(
    source: Source, image_ids: list[Any], images: list[Any]
) -> tuple[list[Any], list[Any], tuple[int, int] | None]:
    """The image name of each record, all image names, and the image size if all have the same."""
    names: dict[int | str, Any] = {}
    sizes = set()
    for i, image in enumerate(images):
        key = image.get("id") if isinstance(image, dict) else None
        if not isinstance(key, int | str):
            raise source.error(f"image {i + 1}: has no id.")
        name = image.get("file_name")
        names[key] = name if isinstance(name, str) else key
        sizes.add(picture_size([image.get("width"), image.get("height")]))
    for i, image_id in enumerate(image_ids):
        if not isinstance(image_id, int | str) or image_id not in names:
            raise source.error(f"{record_name(i)}: image_id {brief(image_id)} is not in images.")
    size = sizes.pop() if len(sizes) == 1 else None
    return [names[image_id] for image_id in image_ids], list(names.values()), size
