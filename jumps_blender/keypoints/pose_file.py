"""Any pose file in, its people as PoseTracks out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import printable
from ..skeletons import JointSet
from . import alphapose, coco, deeplabcut, jumps, mediapipe, mmpose, openpose, sleap, tracking
from .detections import MAX_PIXEL, Detections, to_pixels
from .missing import Missing
from .source import MAX_FRAMES, Source, brief, listing, load_source
from .track import PoseTrack

ASSUMED_FPS = 30.0
# From how many frames on a clip is too empty, and for how many of them somebody must be seen once.
_LONG, _MOST_EMPTY = 10_000, 1000
# Joints times frames over all people: 2.4 GB of positions and confidences.
MAX_JOINT_FRAMES = 200_000_000
MAX_PEOPLE_IN_FRAME = 500
# The longest clip in seconds; frame times of a file that are beyond are taken as wrong.
MAX_SECONDS = 1e6
# Ids that stand twice in more than this share of the frames don't tell people apart.
REPEATED_IDS_SHARE = 0.05
MAX_NOTES = 20


@dataclass(frozen=True)
class PoseFile:
    """The people of one pose file.

    joint_set, fps, image_size: as the file states them; fps and image_size None where unknown
    first_frame, frame_count: the range of frames that the file speaks of, gaps counted
    tracks: one per person, the one with most of the 12 common joints first
    notes: what was assumed or decided, one line each, for the user
    missing: what it wants to count as missing; None where it doesn't say
    """

    path: Path
    format: str
    joint_set: JointSet
    fps: float | None
    image_size: tuple[int, int] | None
    first_frame: int
    frame_count: int
    tracks: tuple[PoseTrack, ...]
    notes: tuple[str, ...]
    missing: Missing | None


class _Reader(NamedTuple):
    """One format. ``recognise`` never raises; ``read`` raises PoseFileError for what it can't."""

    recognise: Callable[[Source], bool]
    read: Callable[[Source], Detections]


# In order of recognition: what states its format first, the most permissive last.
_READERS = {
    "jumps": _Reader(jumps.recognise, jumps.read),
    "mediapipe": _Reader(mediapipe.recognise, mediapipe.read),
    "sleap": _Reader(sleap.recognise, sleap.read),
    "deeplabcut": _Reader(deeplabcut.recognise, deeplabcut.read),
    "openpose": _Reader(openpose.recognise, openpose.read),
    "mmpose": _Reader(mmpose.recognise, mmpose.read),
    "alphapose": _Reader(alphapose.recognise, alphapose.read),
    "coco": _Reader(coco.recognise, coco.read),
}
FORMATS: tuple[str, ...] = tuple(sorted(_READERS))


def read_pose_file(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the field's word, and the command line's
    fps: float | None = None,
    image_size: tuple[int, int] | None = None,
    video_fps: float | None = None,
    video_size: tuple[int, int] | None = None,
) -> PoseFile:
    """Read a pose file (or OpenPose's folder of files) and tell its people apart.

    format: one of FORMATS; None recognises it from the content
    fps: the source's frames per second; overrules the file's rate and its frame times
    image_size: (width, height) of the source in pixels; overrules the file's
    video_fps, video_size: the footage's, where the file doesn't tell its own

    People are those of the file's ids, where these tell people apart; otherwise they are followed
    by their motion (see ``tracking``). Raises PoseFileError for a file that cannot be read and
    JumpsError for arguments that make no sense.
    """
    if format is not None and format not in _READERS:
        raise JumpsError(f"unknown pose format {brief(format)}; known are {', '.join(FORMATS)}.")
    if fps is not None and not 0.01 <= fps <= 10_000:
        raise JumpsError(f"a frame rate of {fps} is not usable; give 0.01 to 10000.")
    if image_size is not None and not all(1 <= side <= MAX_PIXEL for side in image_size):
        raise JumpsError(f"an image size of {image_size[0]}x{image_size[1]} is not usable.")
    source = load_source(path)
    name = format or _recognised(source)
    found = _READERS[name].read(source)
    if image_size is not None:
        found = replace(found, image_size=image_size)
    elif found.image_size is None:
        found = replace(found, image_size=video_size)
    if found.may_be_normalised:
        found = to_pixels(found)
    notes = list(found.notes)
    if fps is not None:
        found = replace(found, fps=fps, frame_times=None)
    elif found.fps is None and (rate := _rate_of_times(found.frame_times)) is not None:
        found = replace(found, fps=rate)
    elif found.fps is None and video_fps is not None:
        found = replace(found, fps=video_fps)
    elif found.fps is None:
        notes.append(f"no frame rate in the file; {ASSUMED_FPS:g} frames per second assumed")
    found, stated, range_notes = _in_range(source, found)
    frames = np.arange(stated[0], stated[1] + 1, dtype=np.float64)
    if found.frame_times and _own_times(found, frames) is None:
        notes.append("the file's frame times don't rise evenly over all frames; not used")
    found = _clean(found)
    found = _select(found, (found.confidence > 0).any(axis=1))
    if not len(found.frames):
        raise source.error("no person in this file: no frame has a joint with a confidence.")
    _check_crowd(source, found)
    labels, names, identity_notes = _identities(found)
    kept = labels >= 0
    tracks = _tracks(source, name, _select(found, kept), labels[kept], names, stated)
    notes += [*range_notes, *identity_notes]
    if len(notes) > MAX_NOTES:
        notes = [*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES} more notes"]
    return PoseFile(
        path=source.path,
        format=name,
        joint_set=found.joint_set,
        fps=found.fps,
        image_size=found.image_size,
        first_frame=stated[0],
        frame_count=stated[1] - stated[0] + 1,
        tracks=tracks,
        notes=tuple(notes),
        missing=found.missing,
    )


def choose_person(pose_file: PoseFile, person: str | None = None) -> PoseTrack:
    """The track of a person by id; the most observed one for None. Raises JumpsError."""
    if person is None:
        return pose_file.tracks[0]
    for track in pose_file.tracks:
        if track.person == person:
            return track
    raise JumpsError(
        f"{pose_file.path}: there is no person {brief(person)}; "
        f"the file has {listing([track.person for track in pose_file.tracks])}."
    )


def _recognised(source: Source) -> str:
    for name, reader in _READERS.items():
        if reader.recognise(source):
            return name
    raise source.error(
        f"not a pose file of a known format ({_looks_like(source)}); known are "
        f"{', '.join(FORMATS)}, and the format can be forced."
    )


def _looks_like(source: Source) -> str:
    value = source.data[0] if isinstance(source.data, list) and source.data else source.data
    if source.kind == "table":
        return f"a table that begins with {listing(value, 4)}"
    if source.kind in ("hdf5", "npz"):
        return f"an {source.kind.upper()} file"
    if source.kind == "folder":
        return f"a folder of JSON files such as {value[0]}"
    kind = "JSON lines" if source.kind == "json lines" else "JSON"
    if isinstance(value, dict):
        plural = " objects" if value is not source.data else " object"
        return f"{kind},{plural} with {listing(list(value), 6) or 'nothing in them'}"
    return f"{kind}, an empty list" if value == [] else f"{kind}, {brief(value)}"


def _rate_of_times(frame_times: Mapping[int, float] | None) -> float | None:
    """Frames per second that a file's own frame times amount to; None where they make no sense."""
    if not frame_times or len(frame_times) < 2:
        return None
    known = np.array(sorted(frame_times.items()))
    with np.errstate(all="ignore"):
        durations = np.diff(known[:, 1]) / np.diff(known[:, 0])
    if not (np.isfinite(durations).all() and (durations > 1e-6).all()):
        return None
    # To six digits, so that times written with few decimals give the rate that was meant.
    rate = float(f"{1 / np.median(durations):.6g}")
    nearest = round(rate)
    rate = float(nearest) if abs(rate - nearest) < 1e-3 * rate else rate
    return rate if 0.01 <= rate <= 10_000 else None


def _in_range(
    source: Source, found: Detections
) -> tuple[Detections, tuple[int, int], tuple[str, ...]]:
    """Detections in a sane range of frames, the first and last of these, and notes."""
    ends = [found.frames.min(), found.frames.max()] if len(found.frames) else []
    ends += list(found.stated or ())
    if not ends:
        raise source.error("no person in this file.")
    first, last = int(min(ends)), int(max(ends))
    if first < 0:
        raise source.error(f"frame number {first} is negative; number the frames from 0.")
    if last - first >= MAX_FRAMES:
        raise source.error(
            f"frame numbers run from {first} to {last}, more than {MAX_FRAMES:,} frames; "
            "are these numbers of one clip's frames?"
        )
    if found.stated is None:
        _check_gaps(source, found.frames)
    notes: tuple[str, ...] = ()
    if first > MAX_FRAMES:
        notes = (f"frame numbers begin at {first}; counted from 0 instead",)
        times = found.frame_times and {f - first: t for f, t in found.frame_times.items()}
        found = replace(found, frames=found.frames - first, frame_times=times)
        first, last = 0, last - first
    return found, (first, last), notes


def _check_gaps(source: Source, frames: NDArray[np.int64]) -> None:
    """Raise PoseFileError where nearly all frames are empty, as one wrong number makes them."""
    known = np.unique(frames)
    span = int(known[-1] - known[0]) + 1
    if span <= _LONG or len(known) * _MOST_EMPTY >= span:
        return
    after = int(np.argmax(np.diff(known)))
    raise source.error(
        f"frame {known[after + 1]} comes {known[after + 1] - known[after]:,} frames after the one "
        f"before it, and only {len(known)} of {span:,} frames have anybody; is its number right? "
        "Correct it, or split the clip there."
    )


def _check_crowd(source: Source, found: Detections) -> None:
    frames, people = np.unique(found.frames, return_counts=True)
    if people.max() > MAX_PEOPLE_IN_FRAME:
        raise source.error(
            f"frame {frames[people.argmax()]} has {people.max()} people, "
            f"more than the {MAX_PEOPLE_IN_FRAME} that can be told apart."
        )


def _clean(found: Detections) -> Detections:
    """Positions and confidences as a PoseTrack holds them: float32, all finite, 0 where missing."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        confidence = found.confidence.astype(np.float32)
        present = np.isfinite(found.positions).all(axis=2) & np.isfinite(found.confidence)
        present &= (np.abs(found.positions) <= MAX_PIXEL).all(axis=2) & (confidence > 0)
    confidence = np.where(present, np.minimum(confidence, np.float32(1)), np.float32(0))
    positions = np.where(present[:, :, None], found.positions, 0).astype(np.float32)
    return replace(found, positions=positions, confidence=confidence)


def _select(found: Detections, chosen: NDArray[np.bool_]) -> Detections:
    ids = [name for name, keep in zip(found.ids, chosen, strict=True) if keep]
    return replace(
        found,
        frames=found.frames[chosen],
        positions=found.positions[chosen],
        confidence=found.confidence[chosen],
        ids=ids,
    )


def _identities(found: Detections) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Which person each detection is (-1: left out), the people's names, and notes.

    No person is given two detections of one frame.
    """
    notes: list[str] = []
    fps = found.fps or ASSUMED_FPS
    numbered = sum(name is not None for name in found.ids)
    left_out = np.zeros(len(found.frames), bool)
    if numbered < len(found.ids):
        if numbered:
            notes.append(
                f"{len(found.ids) - numbered} of {len(found.ids)} detections have no person's id; "
                "people are followed by their motion instead"
            )
    else:
        names, labels = np.unique([str(name) for name in found.ids], return_inverse=True)
        left_out = tracking.repeated_ids(found)
        repeated = np.unique(found.frames[left_out])
        if len(repeated) <= REPEATED_IDS_SHARE * len(np.unique(found.frames)):
            if len(repeated):
                notes.append(
                    f"frame {repeated[0]}{' and others' if len(repeated) > 1 else ''}: a person's "
                    "id stands twice; the detection that continues the motion was kept"
                )
            # AlphaPose without its tracker calls everybody 0.
            if found.ids_trusted or list(names) != ["0"]:
                labels = np.where(left_out, -1, labels.reshape(-1))
                return labels, [str(name) for name in names], notes
        else:
            left_out[:] = False
            notes.append(
                f"ids stand twice in {len(repeated)} frames, so they don't tell people apart; "
                "people are followed by their motion instead"
            )
    # No ids, or the same for all, as estimators write it that don't follow people.
    labels = np.full(len(found.frames), -1, np.int64)
    labels[~left_out] = tracking.follow(_select(found, ~left_out), fps)
    people = int(labels.max()) + 1
    if people == 1:
        return labels, [found.ids[0] or "1"], notes
    notes += _jumps(found.frames[labels >= 0], labels[labels >= 0])
    return labels, [str(number + 1) for number in range(people)], notes


def _jumps(frames: NDArray[np.int64], labels: NDArray[np.int64]) -> list[str]:
    """Notes on where a file with one detection per frame changes from one person to another."""
    if len(np.unique(frames)) < len(frames):
        return []
    order = np.argsort(frames)
    who = labels[order]
    notes = []
    for place in np.flatnonzero(who[1:] != who[:-1]) + 1:
        frame, old, new = frames[order[place]], who[place - 1] + 1, who[place] + 1
        if (who[:place] == who[place]).any():
            notes.append(f"frame {frame}: person {new} is back (not person {old} any more)")
        else:
            notes.append(f"frame {frame}: the person jumps; cut into persons {old} and {new}")
    return notes


def _tracks(
    source: Source,
    format_name: str,
    found: Detections,
    labels: NDArray[np.int64],
    names: list[str],
    stated: tuple[int, int],
) -> tuple[PoseTrack, ...]:
    """One PoseTrack per person, the most observed first.

    found: cleaned; labels: (N,), the place in ``names`` of the person that each detection is
    """
    joints = len(found.joint_set.joints)
    order = np.lexsort((found.frames, labels))
    chunks = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    ranges = [(int(found.frames[c[0]]), int(found.frames[c[-1]])) for c in chunks]
    if len(np.unique(found.frames)) == len(found.frames):
        ranges = _over_empty_frames(ranges, [len(chunk) for chunk in chunks], stated)
    total = sum(last - first + 1 for first, last in ranges) * joints
    if total > MAX_JOINT_FRAMES:
        raise source.error(
            f"{len(chunks)} people over {stated[1] - stated[0] + 1} frames with "
            f"{joints} joints do not fit into memory; split the clip."
        )
    seen = (found.confidence > 0)[:, found.joint_set.common_columns()].sum(axis=1)
    all_times = _times(found, stated)
    tracks = []
    for chunk, (first, last) in zip(chunks, ranges, strict=True):
        count = last - first + 1
        rows = found.frames[chunk] - first
        track_positions = np.zeros((count, joints, 2), np.float32)
        track_confidence = np.zeros((count, joints), np.float32)
        track_positions[rows] = found.positions[chunk]
        track_confidence[rows] = found.confidence[chunk]
        start = first - stated[0]
        track = PoseTrack(
            joint_set=found.joint_set,
            positions=track_positions,
            confidence=track_confidence,
            frames=np.arange(first, last + 1, dtype=np.int64),
            times=all_times[start : start + count].copy(),
            fps=found.fps,
            image_size=found.image_size,
            person=names[labels[chunk[0]]],
            source=printable(source.path),
            format=format_name,
            missing=found.missing,
        )
        tracks.append((int(seen[chunk].sum()), track))
    tracks.sort(key=lambda counted: -counted[0])
    return tuple(track for _count, track in tracks)


def _over_empty_frames(
    ranges: list[tuple[int, int]], seen: list[int], stated: tuple[int, int]
) -> list[tuple[int, int]]:
    """Ranges of people who are never seen together, the most seen one's widened.

    Frames before and after in which the file has nobody count as this person's missing frames: a
    file of one person is one track over all its frames.
    """
    main = int(np.argmax(seen))
    first, last = ranges[main]
    others = [frame for i, ends in enumerate(ranges) if i != main for frame in ends]
    first = max([stated[0], *(frame + 1 for frame in others if frame < first)])
    last = min([stated[1], *(frame - 1 for frame in others if frame > last)])
    return [*ranges[:main], (first, last), *ranges[main + 1 :]]


def _times(found: Detections, stated: tuple[int, int]) -> NDArray[np.float64]:
    """Seconds of every frame of the stated range; float64 (frame_count,), strictly increasing.

    The file's own times where it has usable ones (interpolated over frames without), otherwise
    the frame number divided by the frame rate.
    """
    first, last = stated
    frames = np.arange(first, last + 1, dtype=np.float64)
    own = _own_times(found, frames)
    return frames / (found.fps or ASSUMED_FPS) if own is None else own


def _own_times(found: Detections, frames: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The file's own times, interpolated over frames without; None where they are unusable."""
    if not found.frame_times:
        return None
    known = np.array(sorted(found.frame_times.items()))
    number, time = known[:, 0], known[:, 1]
    usable = np.isfinite(time).all() and (np.abs(time) <= MAX_SECONDS).all()
    if not usable or number[0] != frames[0] or number[-1] != frames[-1]:
        return None
    times = np.interp(frames, number, time)
    return times if (np.diff(times) > 1e-6).all() else None
