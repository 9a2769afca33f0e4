"""Who is who: detections of single frames joined into people over time.

Two steps. First, detections of neighbouring frames that clearly belong together are linked into
tracklets, all frames at once. Then tracklets are joined in order of time: each track predicts
where its person is by constant velocity, and the tracklets that start are given to the tracks that
fit best. All distances are measured in person sizes (the diagonal of the joints' bounding box), so
nothing depends on the picture's size.

The thresholds come from real recordings: a dancer or an acrobat moves by at most 0.25 sizes from
one frame to the next (30 fps, detector noise included); a detector that jumps to somebody else
moves by 1.5 sizes and more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JointSet
from .detections import Detections

# Neighbouring frames are linked without a second look within this distance, if the next best
# candidate on either side is at least twice as far.
SURE_LINK = 0.3
SURE_RATIO = 2.0
# People whose centres are this close meet; for so many frames around, a frame with fewer people
# than its neighbours is looked at twice.
MEETING = 1.0
MEETING_FRAMES = 10
# A track takes a tracklet within this distance of its prediction: after one frame, and at most.
GATE = 0.6
WIDEST_GATE = 1.2
# Added to the distance when a track is continued from where it stopped, not from its prediction.
STANDING_PENALTY = 0.1
# A person lost for longer than this is somebody new, unless place and proportions say otherwise:
# within so many sizes (per second of absence, and at most) and with limbs equal to this factor.
BRIDGED_SECONDS = 1.0
RETURN_SECONDS = 3.0
RETURN_SPEED = 1.5
RETURN_GATE = 2.0
RETURN_LIMBS = 1.2
# Somebody seen for n frames only is waited for during 3 n frames, but during 10 at least.
PATIENCE = 3
LEAST_PATIENCE = 10
# How many of a track's last detections tell its velocity and its limbs.
VELOCITY_MEMORY = 12
LIMB_MEMORY = 30
# Joints below this share of their person's most confident one are left out of the comparison.
DOUBTED = 0.4
# Pairs of detections that are compared at once; bounds the memory.
PAIR_BLOCK = 200_000

_LIMBS = (
    ("shoulder", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
)


@dataclass(frozen=True)
class _Bodies:
    """N detections as the matching sees them, in units of pixels; NaN where a joint is missing.

    joints: float64 (N, J, 2); centre: float64 (N, 2), median joint; size: float64 (N,), > 0
    limbs: float64 (N, 5), lengths of trunk, thigh, shank, upper arm, forearm (longer side)
    """

    frames: NDArray[np.int64]
    joints: NDArray[np.float64]
    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    limbs: NDArray[np.float64]


@dataclass(frozen=True)
class _Track:
    """A person's detections so far, oldest first; never empty once it is in use."""

    number: int
    detections: list[int]

    def awaited_until(self, bodies: _Bodies, fps: float) -> int:
        """The last frame in which this person may still come back."""
        patience = min(
            max(LEAST_PATIENCE, PATIENCE * len(self.detections)),
            max(2, round(RETURN_SECONDS * fps)),
        )
        return int(bodies.frames[self.detections[-1]]) + patience


def follow(detections: Detections, fps: float) -> NDArray[np.int64]:
    """Number of the person that each detection shows, by motion alone.

    detections: cleaned, with at least one joint in each; fps: frames per second
    Returns int64 (N,), people counted from 0 in order of appearance. No person is given two
    detections of one frame.
    """
    bodies = _bodies(detections)
    # Frames of a clip that was sampled (0, 5, 10 …) are neighbours all the same.
    step = int(np.gcd.reduce(np.diff(np.unique(bodies.frames)))) or 1
    first = bodies.frames.min()
    bodies = replace(bodies, frames=(bodies.frames - first) // step)
    return _join(bodies, _tracklets(bodies.frames, _sure_links(bodies)), fps / step)


def repeated_ids(detections: Detections) -> NDArray[np.bool_]:
    """Detections to leave out because their id stands twice in one frame.

    Of those with the same id and frame the one stays that is nearest to the id's last detection
    before (or first after); at the very start, the one with most joints. Returns bool (N,).
    """
    ids = np.unique([str(name) for name in detections.ids], return_inverse=True)[1].reshape(-1)
    order = np.lexsort((detections.frames, ids))
    key = np.stack([ids[order], detections.frames[order]])
    starts = np.flatnonzero(np.r_[True, (key[:, 1:] != key[:, :-1]).any(axis=0)])
    ends = np.r_[starts[1:], len(order)]
    dropped = np.zeros(len(order), bool)
    if len(starts) == len(order):
        return dropped
    bodies = _bodies(detections)
    for group in np.flatnonzero(ends - starts > 1):
        rivals = order[starts[group] : ends[group]]
        best = int(np.argmax((detections.confidence[rivals] > 0).sum(axis=1)))
        for neighbour in (group - 1, group + 1):
            if not 0 <= neighbour < len(starts):
                continue
            others = order[starts[neighbour] : ends[neighbour]]
            others = others[~dropped[others]]
            if ids[others[0]] == ids[rivals[0]]:
                pairs = np.repeat(others[:1], len(rivals))
                best = int(np.argmin(_distance(bodies, pairs, rivals)))
                break
        dropped[np.delete(rivals, best)] = True
    return dropped


def _bodies(detections: Detections) -> _Bodies:
    names = detections.joint_set.joints
    # A joint that the detector itself doubts may be anywhere.
    confidence = detections.confidence
    sure = confidence >= DOUBTED * confidence.max(axis=1, keepdims=True)
    # Faces and hands have many points and say little about where somebody goes.
    body = [i for i, name in enumerate(names) if "face_" not in name and "_hand_" not in name]
    if not sure[:, body].any(axis=1).all():
        body = list(range(len(names)))
    joints = np.where(sure[:, body, None], detections.positions[:, body], np.nan)
    low, high = np.nanmin(joints, axis=1), np.nanmax(joints, axis=1)
    size = np.linalg.norm(high - low, axis=1)
    # Someone of whom a single joint is seen has no size of their own: take the others'.
    sized = size[size > 1]
    size = np.maximum(size, 0.25 * float(np.median(sized)) if sized.size else 1.0)
    limbs = _limbs(detections.joint_set, np.where(sure[:, :, None], detections.positions, np.nan))
    return _Bodies(detections.frames, joints, np.nanmedian(joints, axis=1), size, limbs)


def _limbs(joint_set: JointSet, positions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The longer of left and right, in pixels; NaN where neither is seen; float64 (N, 5)."""
    given = {
        target: joint_set.joints.index(sources[0])
        for target, sources in joint_set.to_target.items()
    }
    lengths = np.full((len(positions), len(_LIMBS)), np.nan)
    for column, (start, end) in enumerate(_LIMBS):
        for side in ("l", "r"):
            a, b = given.get(f"{side}_{start}"), given.get(f"{side}_{end}")
            if a is not None and b is not None:
                length = np.linalg.norm(positions[:, a] - positions[:, b], axis=1)
                lengths[:, column] = np.fmax(lengths[:, column], length)
    return lengths


def _distance(
    bodies: _Bodies,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    shift: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Mean distance of the joints that both of a pair have, in sizes; float64 (P,).

    ``shift`` (P, 2), pixels, is added to the first of each pair. Where the two share no joint,
    the distance of their centres counts.
    """
    offset = bodies.joints[b] - bodies.joints[a]
    centres = bodies.centre[b] - bodies.centre[a]
    if shift is not None:
        offset = offset - shift[:, None]
        centres = centres - shift
    lengths = np.hypot(offset[..., 0], offset[..., 1])
    shared = np.isfinite(lengths)
    count = shared.sum(axis=1)
    mean = np.where(shared, lengths, 0).sum(axis=1) / np.maximum(count, 1)
    mean = np.where(count > 0, mean, np.hypot(centres[:, 0], centres[:, 1]))
    return mean / np.maximum(bodies.size[a], bodies.size[b])


def _sure_links(bodies: _Bodies) -> NDArray[np.int64]:
    """The next frame's detection that clearly shows the same person, -1 where none does; (N,)."""
    order = np.argsort(bodies.frames, kind="stable")
    numbers, starts, counts = np.unique(bodies.frames[order], return_index=True, return_counts=True)
    doubtful = _doubtful_frames(bodies, order, numbers, starts, counts)
    adjacent = np.flatnonzero((np.diff(numbers) == 1) & ~(doubtful[1:] & doubtful[:-1]))
    successor = np.full(len(order), -1, np.int64)
    for chosen in _blocks(adjacent, counts[adjacent] * counts[adjacent + 1]):
        a, b = _pairs(order, starts, counts, chosen, chosen + 1)
        offset = bodies.centre[b] - bodies.centre[a]
        reach = 2 * SURE_RATIO * SURE_LINK * np.maximum(bodies.size[a], bodies.size[b])
        near = np.hypot(offset[:, 0], offset[:, 1]) < reach
        a, b = a[near], b[near]
        cost = _distance(bodies, a, b)
        sure = (cost < SURE_LINK) & _clearly_best(a, cost) & _clearly_best(b, cost)
        successor[a[sure]] = b[sure]
    return successor


def _doubtful_frames(
    bodies: _Bodies,
    order: NDArray[np.int64],
    numbers: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Frames near a meeting of people in which somebody is not detected; bool (frames,).

    When two people meet and the detector sees now the one and now the other, the one's detection
    would be linked to the other's: here only the motion so far can tell.
    """
    meets = np.zeros(len(numbers), bool)
    several = np.flatnonzero(counts > 1)
    for chosen in _blocks(several, counts[several] ** 2):
        a, b = _pairs(order, starts, counts, chosen, chosen)
        offset = bodies.centre[b] - bodies.centre[a]
        size = np.maximum(bodies.size[a], bodies.size[b])
        close = (np.hypot(offset[:, 0], offset[:, 1]) < MEETING * size) & (a != b)
        meets[np.searchsorted(numbers, bodies.frames[a[close]])] = True
    met, most = meets.copy(), counts.copy()
    for shift in range(1, min(MEETING_FRAMES, len(numbers) - 1) + 1):
        met[shift:] |= meets[:-shift]
        met[:-shift] |= meets[shift:]
        most[shift:] = np.maximum(most[shift:], counts[:-shift])
        most[:-shift] = np.maximum(most[:-shift], counts[shift:])
    return met & (counts < most)


def _blocks(frames: NDArray[np.int64], pair_counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The frames in pieces of about PAIR_BLOCK pairs."""
    block = np.cumsum(pair_counts) // PAIR_BLOCK
    return np.split(frames, np.flatnonzero(np.diff(block)) + 1)


def _pairs(
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    firsts: NDArray[np.int64],
    seconds: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every detection of a frame with every one of another, for pairs of frames; (P,), (P,)."""
    pair_counts = counts[firsts] * counts[seconds]
    frame = np.repeat(np.arange(len(firsts)), pair_counts)
    place = np.arange(len(frame)) - np.repeat(np.cumsum(pair_counts) - pair_counts, pair_counts)
    width = counts[seconds][frame]
    a = order[starts[firsts][frame] + place // width]
    b = order[starts[seconds][frame] + place % width]
    return a, b


def _clearly_best(key: NDArray[np.int64], cost: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs whose cost is the least of their key's and SURE_RATIO below the next; bool (P,)."""
    order = np.lexsort((cost, key))
    first = np.r_[True, key[order][1:] != key[order][:-1]] if len(order) else np.zeros(0, bool)
    # The next in order is the runner-up, if it has the same key.
    next_cost = np.full(len(order), np.inf)
    same = ~first[1:]
    next_cost[:-1][same] = cost[order][1:][same]
    best = np.zeros(len(order), bool)
    best[order] = first & (cost[order] * SURE_RATIO <= next_cost)
    return best


def _tracklets(frames: NDArray[np.int64], successor: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Chains of linked detections, in order of their first frame."""
    linked = successor >= 0
    has_predecessor = np.zeros(len(frames), bool)
    has_predecessor[successor[linked]] = True
    heads = np.flatnonzero(~has_predecessor)
    heads = heads[np.argsort(frames[heads], kind="stable")]
    following = successor.tolist()
    chains = []
    for head in heads.tolist():
        chain = [head]
        while (head := following[head]) >= 0:
            chain.append(head)
        chains.append(np.array(chain, np.int64))
    return chains


def _join(bodies: _Bodies, tracklets: list[NDArray[np.int64]], fps: float) -> NDArray[np.int64]:
    """Give each tracklet to a track, in order of time; the person's number of each detection."""
    person = np.empty(len(bodies.frames), np.int64)
    starts = np.array([bodies.frames[chain[0]] for chain in tracklets])
    alive: list[_Track] = []
    people = 0
    begin = 0
    while begin < len(tracklets):
        frame = int(starts[begin])
        end = int(np.searchsorted(starts, frame, side="right"))
        new = tracklets[begin:end]
        alive = [track for track in alive if track.awaited_until(bodies, fps) >= frame]
        absent = [track for track in alive if bodies.frames[track.detections[-1]] < frame]
        for chain, owner in zip(new, _owners(bodies, absent, new, fps), strict=True):
            if owner is None:
                owner = _Track(people, [])
                people += 1
                alive.append(owner)
            owner.detections.extend(chain.tolist())
            person[chain] = owner.number
        begin = end
    return person


def _owners(
    bodies: _Bodies, tracks: list[_Track], tracklets: list[NDArray[np.int64]], fps: float
) -> list[_Track | None]:
    """The track that each tracklet (all start in one frame) continues, None for a new person."""
    owners: list[_Track | None] = [None] * len(tracklets)
    if not tracks:
        return owners
    tails = np.array([track.detections[-1] for track in tracks])
    heads = np.array([chain[0] for chain in tracklets])
    gap = bodies.frames[heads[0]] - bodies.frames[tails]
    shift = np.array([_velocity(bodies, track.detections) for track in tracks]) * gap[:, None]
    returns = gap > max(2, round(BRIDGED_SECONDS * fps))
    gate = np.where(
        returns,
        np.minimum(RETURN_SPEED * gap / fps, RETURN_GATE),
        np.minimum(GATE * np.sqrt(gap), WIDEST_GATE),
    )
    offset = bodies.centre[heads] - bodies.centre[tails][:, None]
    reach = np.hypot(offset[..., 0], offset[..., 1]) - np.hypot(shift[:, 0], shift[:, 1])[:, None]
    size = np.maximum(bodies.size[tails][:, None], bodies.size[heads])
    rows, columns = np.nonzero(reach < (gate[:, None] + 0.5) * size)
    a, b = tails[rows], heads[columns]
    # A person may also have stopped: the nearer of the two predictions counts.
    cost = np.minimum(
        _distance(bodies, a, b, shift[rows]), _distance(bodies, a, b) + STANDING_PENALTY
    )
    allowed = cost < gate[rows]
    for pair in np.flatnonzero(allowed & returns[rows]):
        known = bodies.limbs[tracks[rows[pair]].detections[-LIMB_MEMORY:]]
        found = bodies.limbs[tracklets[columns[pair]][:LIMB_MEMORY]]
        allowed[pair] = _same_limbs(known, found)
    for row, column in _match(rows[allowed], columns[allowed], cost[allowed] / RETURN_GATE):
        owners[column] = tracks[row]
    return owners


def _velocity(bodies: _Bodies, detections: list[int]) -> NDArray[np.float64]:
    """Pixels per frame, a straight line through the last centres; float64 (2,)."""
    last = detections[-VELOCITY_MEMORY:]
    if len(last) < 3:
        return np.zeros(2)
    time = bodies.frames[last].astype(np.float64)
    time -= time.mean()
    centre = bodies.centre[last]
    return time @ (centre - centre.mean(axis=0)) / (time @ time)


def _same_limbs(known: NDArray[np.float64], found: NDArray[np.float64]) -> bool:
    """Whether two stretches of limb lengths (F, 5) can be one person's.

    Foreshortening only ever shortens, so a stretch's longer lengths stand for the limb.
    """
    limbs = np.isfinite(known).any(axis=0) & np.isfinite(found).any(axis=0)
    if limbs.sum() < 2:
        return False
    a = np.nanquantile(known[:, limbs], 0.75, axis=0)
    b = np.nanquantile(found[:, limbs], 0.75, axis=0)
    ratio = np.abs(np.log(np.maximum(a, 1e-3) / np.maximum(b, 1e-3)))
    return bool(np.median(ratio) <= np.log(RETURN_LIMBS))


def _match(
    rows: NDArray[np.int64], columns: NDArray[np.int64], cost: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Pairs with no row or column twice: the cheapest first, then exchanged while that helps.

    rows, columns, cost: (P,), the pairs that are allowed, costs below 1; an unmatched row counts 1.
    """
    price = {
        (int(row), int(column)): float(value)
        for row, column, value in zip(rows, columns, cost, strict=True)
    }
    row_of: dict[int, int] = {}
    column_of: dict[int, int] = {}
    for row, column in sorted(price, key=price.__getitem__):
        if row not in column_of and column not in row_of:
            column_of[row], row_of[column] = column, row
    # Greedy choice may have separated two crossing people: swap columns where the sum is less.
    for _ in range(3):
        changed = False
        for (row, column), value in price.items():
            own, other = column_of.get(row), row_of.get(column)
            if own == column:
                continue
            before = (price[row, own] if own is not None else 1.0) + (
                price[other, column] if other is not None else 1.0
            )
            exchanged = None if other is None or own is None else price.get((other, own))
            after = value + (1.0 if exchanged is None else exchanged)
            if after >= before - 1e-12:
                continue
            for taken in (row, other):
                if taken is not None:
                    row_of.pop(column_of.pop(taken, -1), None)
            column_of[row], row_of[column] = column, row
            if exchanged is not None and other is not None and own is not None:
                column_of[other], row_of[own] = own, other
            changed = True
        if not changed:
            break
    return list(column_of.items())
