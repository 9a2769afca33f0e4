"""What every format reader returns: all people of all frames, before anyone is followed in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JointSet, joint_set_from_names
from .missing import Missing
from .source import Source, brief, listing, number_in_name, numbers

# A frame of 4K is 3840 wide; no estimator puts a joint this far outside of the picture.
MAX_PIXEL = 1e6
ASSUMED_SIZE = (1920, 1080)


@dataclass(frozen=True)
class Detections:
    """N detections of people with K joints each, in the file's order.

    joint_set: the K joints
    frames: int64 (N,), frame number of each detection
    positions: float64 (N, K, 2), pixels, x right, y down; anything where missing
    confidence: float64 (N, K), brought to [0, 1] but not clipped; 0, negative or not finite
        where missing
    ids: the file's id of each person, None where it gives none
    ids_trusted: one id is one person, without a look at the motion
    stated: first and last frame number that the file speaks of, people or not; None: those
        of the detections
    frame_times: seconds of the frames that the file gives a time for
    fps, image_size: as the file states them, None where it doesn't
    may_be_normalised: coordinates may be shares of the image size instead of pixels
    missing: what the file wants to count as missing; None where it doesn't say
    notes: lines for the user
    """

    joint_set: JointSet
    frames: NDArray[np.int64]
    positions: NDArray[np.floating[Any]]
    confidence: NDArray[np.floating[Any]]
    ids: Sequence[str | None]
    ids_trusted: bool = False
    stated: tuple[int, int] | None = None
    frame_times: Mapping[int, float] | None = None
    fps: float | None = None
    image_size: tuple[int, int] | None = None
    may_be_normalised: bool = False
    missing: Missing | None = None
    notes: tuple[str, ...] = ()


def joint_triplets(
    source: Source,
    lists: Sequence[Any],
    known: Mapping[int, JointSet],
    where: Callable[[int], str],
) -> tuple[JointSet, NDArray[np.float64], NDArray[np.float64]]:
    """Joints from N flat lists ``x, y, confidence, x, y, …`` of one length.

    known: joint sets by number of joints; where(i): where list i stands, for messages.
    Returns the joint set, positions float64 (N, K, 2) and confidence float64 (N, K).
    Raises PoseFileError for other types, unknown counts and mixed joint sets.
    """
    for i, values in enumerate(lists):
        if type(values) is not list:
            raise source.error(f"{where(i)}: {brief(values)} where a list of keypoints belongs.")
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    counts, remainder = np.divmod(lengths, 3)
    unknown = np.flatnonzero((remainder != 0) | ~np.isin(counts, list(known)))
    if unknown.size:
        i = int(unknown[0])
        raise source.error(
            f"{where(i)}: {lengths[i]} keypoint values; known are "
            + ", ".join(f"{3 * count} ({known[count].name})" for count in sorted(known))
            + "."
        )
    other = np.flatnonzero(counts != counts[0])
    if other.size:
        i = int(other[0])
        raise source.error(
            f"{where(i)}: {known[int(counts[i])].name} joints, but {where(0)} has "
            f"{known[int(counts[0])].name}; a file must keep to one joint set."
        )
    joints = int(counts[0])
    flat = numbers(
        source,
        list(chain.from_iterable(lists)),
        lambda i: f"{where(i // (3 * joints))}, joint {known[joints].joints[i // 3 % joints]}",
    ).reshape(len(lists), joints, 3)
    return known[joints], flat[:, :, :2], flat[:, :, 2]


def frame_number(value: Any) -> int | None:
    """A frame number from an integer, a whole float or a file's name; None where there is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**62 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**62 else None
    return number_in_name(value) if isinstance(value, str) else None


def frame_numbers(
    source: Source, names: Sequence[Any], where: Callable[[int], str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Frame numbers from image names or numbers, and notes.

    Where a name has no digits, all frames are numbered in order of first appearance. Raises
    PoseFileError for what is neither a name nor a whole number.
    """
    found: list[int] = []
    for i, name in enumerate(names):
        number = frame_number(name)
        if number is not None:
            found.append(number)
        elif isinstance(name, str):
            order: dict[Any, int] = {}
            for k, other in enumerate(names):
                if isinstance(other, list | dict):
                    raise source.error(f"{where(k)}: {brief(other)} where a frame number belongs.")
                order.setdefault(other, len(order))
            note = f"image name {brief(name)} has no number; frames are in order of appearance"
            return np.array([order[n] for n in names], np.int64), (note,)
        else:
            raise source.error(f"{where(i)}: {brief(name)} where a frame number belongs.")
    return np.array(found, np.int64), ()


def person_id(value: Any) -> str | None:
    """A person's id from an int, a float, a name, or lists of such (the first counts).

    None for null, an empty list, a negative number (OpenPose's "no id") or anything else.
    """
    while isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value)) if 0 <= value < 2**62 else None
    if isinstance(value, str):
        # What no terminal or name can show (control characters, half a surrogate pair) goes.
        name = " ".join("".join(c if c.isprintable() else " " for c in value).split())
        return name[:80] if name else None
    return None


def frame_rate(value: Any) -> tuple[float | None, tuple[str, ...]]:
    """Frames per second as a file states it, None and a note where it is no frame rate."""
    if value is None:
        return None, ()
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 10_000:
        return float(value), ()
    return None, (f"the file's frame rate {brief(value)} is not one",)


def picture_size(value: Any) -> tuple[int, int] | None:
    """Width and height from a pair of whole numbers, None where that is not what it is."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    for side in value:
        if isinstance(side, bool) or not isinstance(side, int | float):
            return None
        if not (1 <= side <= MAX_PIXEL and math.floor(side) == side):
            return None
    return int(value[0]), int(value[1])


def to_pixels(detections: Detections) -> Detections:
    """Detections in pixels, with the image size that this took and a note where it was assumed.

    Coordinates are taken as normalised where 99 in 100 of the confident ones lie within -2 … 2:
    no person is that small in pixels.
    """
    positions = detections.positions
    found = np.isfinite(positions).all(axis=2) & (detections.confidence > 0)
    if not found.any() or np.quantile(np.abs(positions[found]), 0.99) > 2:
        return detections
    notes = detections.notes
    if detections.image_size is None:
        notes += (
            "coordinates are normalised and the image size is unknown; "
            f"{ASSUMED_SIZE[0]}x{ASSUMED_SIZE[1]} assumed (--size says otherwise)",
        )
    size = detections.image_size or ASSUMED_SIZE
    with np.errstate(over="ignore"):  # what no float holds is no place, as in other files
        positions = positions * np.array(size)
    return replace(detections, positions=positions, image_size=size, notes=notes)


def named_joint_set(source: Source, name: str, joints: Sequence[str]) -> JointSet:
    """A joint set from names that the user chose. Raises PoseFileError when too few are known."""
    if len(set(joints)) < len(joints):
        twice = next(joint for i, joint in enumerate(joints) if joint in joints[:i])
        raise source.error(
            f"the joint {brief(twice)} is there twice; give each joint its own name."
        )
    joint_set = joint_set_from_names(name, joints)
    known = len(joint_set.common_columns())
    if known < 4:
        raise source.error(
            f"only {known} of the 12 joints shoulder, elbow, wrist, hip, knee and ankle, left and "
            f"right, are recognised among the names {listing(joints)}; "
            'name them like "left_shoulder".'
        )
    return joint_set
