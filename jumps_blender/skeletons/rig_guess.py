"""Which bones of an unknown rig are which parts of a body: by their names, then by their places.

Names count for more than places. Two limbs that mirror each other and hang lower on the trunk than
two others, in whose direction the trunk goes on, are legs; so a rig without any words in its names
is understood as long as it stands upright. What nothing speaks for is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .rig_bones import BoneTree, RigBone
from .rig_slots import ARM_PARTS, LEG_PARTS, SLOTS
from .rig_words import Meaning, meanings

Slots = dict[str, tuple[str, ...]]
Vector = NDArray[np.float64]

# How much a name speaks for each part of a limb, which begins at the bone's head.
_LIMB_WORDS: dict[str, dict[str, float]] = {
    "clavicle": {"clavicle": 10},
    "shoulder": {"clavicle": 4, "upper_arm": 6},
    "upper_arm": {"upper_arm": 10},
    "arm": {"upper_arm": 7, "forearm": 4},
    "forearm": {"forearm": 10},
    "hand": {"hand": 10},
    "thigh": {"thigh": 10},
    "hips": {"thigh": 6},
    "leg": {"thigh": 6, "shin": 5},
    "shin": {"shin": 10},
    "ankle": {"foot": 10},
    "foot": {"foot": 8, "toe": 5},
    "toe": {"toe": 10},
}
_VAGUE = ("", "shoulder", "arm", "leg", "hips")  # names beside which a bone's place counts
_PLACE = 3.0
_CONTROL = 1.0  # a bone for animators is preferred, a copy of another bone is not
_COPY = 0.5


def guessed(bones: Sequence[RigBone]) -> Slots:
    """Bones for those slots about which something is known; IK controls are never guessed."""
    everything = BoneTree(bones)
    read = dict(
        zip(everything.number, meanings([bone.name for bone in everything.bones]), strict=True)
    )
    tree = everything.without(
        {number for name, number in everything.number.items() if read[name].helper}
    )
    words = [read[bone.name] for bone in tree.bones]
    shape = _shape(tree, words)
    found: dict[str, int] = {}
    for side in "lr":
        for parts in (ARM_PARTS, LEG_PARTS):
            found |= _limb(tree, words, side, parts, shape)
    chains = {slot: [number] for slot, number in found.items()}
    chains |= _trunk(tree, words, found, shape)
    chains |= _root(tree, chains)
    return {
        slot: tuple(tree.bones[number].name for number in chains[slot])
        for slot in SLOTS
        if chains.get(slot)
    }


@dataclass
class _Shape:
    """What the places at rest say, as far as they say anything.

    slots: bone -> the slot it looks like; side: bone -> l or r
    """

    slots: dict[int, str]
    side: dict[int, str]

    def looks_like(self, slot: str) -> int | None:
        """The bone that looks like a slot."""
        return next((bone for bone, other in self.slots.items() if other == slot), None)


@dataclass
class _Link:
    """A bone taken for a part of a limb, after those above it."""

    score: float
    bone: int
    part: str
    above: _Link | None


def _limb(
    tree: BoneTree, words: Sequence[Meaning], side: str, parts: Sequence[str], shape: _Shape
) -> dict[str, int]:
    """The bones, each below the one before, that speak most for being this side's limb."""
    # For each bone and part: the best chain on the way to the bone that ends with this part.
    ways: list[list[_Link | None]] = []
    best: _Link | None = None
    for bone, meaning in enumerate(words):
        parent = tree.parents[bone]
        before: list[_Link | None] = ways[parent] if parent >= 0 else [None] * len(parts)
        way = list(before)
        if (meaning.side or shape.side.get(bone)) == side:
            for rank, part in enumerate(parts):
                weight = _weight(meaning, part, shape.slots.get(bone) == f"{side}_{part}")
                if weight <= 0:
                    continue
                above = max(
                    (link for link in before[:rank] if link),
                    key=lambda link: link.score,
                    default=None,
                )
                link = _Link(weight + (above.score if above else 0), bone, part, above)
                standing = way[rank]
                if standing is None or link.score > standing.score:
                    way[rank] = link
                if best is None or link.score > best.score:
                    best = link
        ways.append(way)
    alone = best and not best.above and words[best.bone].part in _VAGUE
    if best and alone and shape.slots.get(best.bone) != f"{side}_{best.part}":
        best = None  # a shoulder and nothing else may be anything
    found = {}
    while best is not None:
        found[f"{side}_{best.part}"] = best.bone
        best = best.above
    if "clavicle" in parts and f"{side}_clavicle" not in found:
        # The arms of rigs for animators may be held to the shoulder without hanging on it.
        called = [
            bone
            for bone, meaning in enumerate(words)
            if meaning.part in ("clavicle", "shoulder") and meaning.side == side
        ]
        called = [bone for bone in called if bone not in found.values() and not words[bone].copy]
        if called and found:
            found[f"{side}_clavicle"] = called[0]
    return found


def _weight(meaning: Meaning, part: str, looks: bool) -> float:
    weight = _LIMB_WORDS.get(meaning.part, {}).get(part, 0.0)
    if looks and (weight or meaning.part in _VAGUE):
        weight += _PLACE
    if weight and meaning.control:
        weight += _CONTROL
    return weight * _COPY if meaning.copy else weight


def _trunk(
    tree: BoneTree, words: Sequence[Meaning], limbs: Mapping[str, int], shape: _Shape
) -> dict[str, list[int]]:
    """Hips, spine, neck and head, on the way from what the legs hang on to the head."""
    arms = [
        next(limbs[f"{side}_{part}"] for part in ARM_PARTS if f"{side}_{part}" in limbs)
        for side in "lr"
        if any(f"{side}_{part}" in limbs for part in ARM_PARTS)
    ]
    legs = [limbs[f"{side}_thigh"] for side in "lr" if f"{side}_thigh" in limbs]
    head = _head(tree, words, shape, [*arms, *legs])
    ends = ([head] if head is not None else []) + arms
    taken = set(limbs.values())
    hips = _hips(tree, words, legs, ends, taken)
    top = head if head is not None else tree.common(arms)
    if hips is None or top is None or top == hips or not tree.is_below(top, hips):
        # Parts that don't hang on one another: only what is called so.
        spine = _called_spine(tree, words)
        found = {"spine": [bone for bone in spine if bone not in (hips, head)]}
        necks = [bone for bone in _called(words, "neck") if bone not in (hips, head)]
        found["neck"] = necks[:1]
    else:
        way = [bone for bone in tree.above(top)[::-1] if tree.is_below(bone, hips)][1:]
        way += [top] if head is None else []
        way = [bone for bone in way if bone not in taken]
        necks = [step for step, bone in enumerate(way) if words[bone].part == "neck"]
        chest = tree.common(ends) if head is not None and arms else top
        backs = [step + 1 for step, bone in enumerate(way) if bone == chest]
        if not backs or (head is not None and words[head].part == "head"):
            # Otherwise even neck and head may be called spine, as in Rigify's meta-rig.
            backs += [step + 1 for step, bone in enumerate(way) if words[bone].part == "spine"]
        end = min(necks) if necks else max(backs, default=len(way))
        found = {"spine": way[:end], "neck": way[end:]}
    if hips is not None:
        found["hips"] = [hips]
    if head is not None:
        found["head"] = [head]
    return found


def _called(words: Sequence[Meaning], part: str) -> list[int]:
    """The bones of the middle that have a part's name, those for animators first."""
    bones = [n for n, meaning in enumerate(words) if meaning.part == part and not meaning.side]
    return sorted(bones, key=lambda bone: (words[bone].copy, not words[bone].control))


def _called_spine(tree: BoneTree, words: Sequence[Meaning]) -> list[int]:
    """The longest chain of bones with a name of the spine."""
    count: dict[int, int] = {}  # how many of them are above a bone, itself included
    above: list[int] = []  # the nearest of them that is above a bone or is the bone
    for bone, meaning in enumerate(words):
        over = above[tree.parents[bone]] if tree.parents[bone] >= 0 else -1
        if meaning.part == "spine" and not meaning.side and not meaning.copy:
            count[bone] = count.get(over, 0) + 1
            over = bone
        above.append(over)
    last = max(count, key=lambda bone: count[bone], default=-1)
    return [bone for bone in [*tree.above(last)[::-1], last] if bone in count] if count else []


_MANY = 20  # bones of one name, of which the first are looked at


def _head(
    tree: BoneTree, words: Sequence[Meaning], shape: _Shape, limbs: Sequence[int]
) -> int | None:
    """The bone called head, of several the one with most limbs beside it on its way to the root."""
    called = _called(words, "head")
    if not called:
        return shape.looks_like("head")
    necks = set(_called(words, "neck"))
    related = [
        (
            not words[bone].copy,
            tree.common([bone, *limbs]) is not None,
            not necks.isdisjoint(tree.above(bone)),
            words[bone].control,
            -step,
        )
        for step, bone in enumerate(called[:_MANY])
    ]
    return called[max(range(len(related)), key=lambda step: related[step])]


def _hips(
    tree: BoneTree,
    words: Sequence[Meaning],
    legs: Sequence[int],
    ends: Sequence[int],
    taken: set[int],
) -> int | None:
    """What legs, arms and head hang on: the bone called hips, if it is such a one.

    ends: arms and head; taken: the limbs' bones
    """
    called = _called(words, "hips")
    carrier = tree.common([*legs, *ends]) if legs and ends else None
    if carrier is None and len(legs) == 2:
        carrier = tree.common(legs)
    if carrier is None:
        return next((bone for bone in called if bone not in taken), None)
    if carrier in taken or carrier in ends:
        return None
    named = set(called) - taken
    return next((bone for bone in [carrier, *tree.above(carrier)] if bone in named), carrier)


_FLOOR = 0.2  # share of a leg's height that a bone on the floor may be above or below it


def _root(tree: BoneTree, chains: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """The highest bone in the hierarchy that lies on the floor and carries the hips."""
    feet = [chains[slot][0] for slot in ("l_foot", "r_foot") if slot in chains]
    thighs = [chains[slot][0] for slot in ("l_thigh", "r_thigh") if slot in chains]
    if not (feet and thighs and chains.get("hips")):
        return {}
    foot, top = _middle(tree, feet), _middle(tree, thighs)
    leg = float(np.linalg.norm(top - foot))
    if leg <= 0:
        return {}
    up = (top - foot) / leg
    taken = {bone for chain in chains.values() for bone in chain}
    for bone in tree.above(chains["hips"][0])[::-1]:
        if bone not in taken and abs((np.array(tree.bones[bone].head) - foot) @ up) < _FLOOR * leg:
            return {"root": [bone]}
    return {}


def _middle(tree: BoneTree, bones: Sequence[int]) -> Vector:
    return np.mean([tree.bones[bone].head for bone in bones], axis=0)


# Places. Lengths are shares of the leg's, from hip to toes, unless something else is said.
_ALIKE = 0.05  # by how much left and right may differ
_UPRIGHT = 0.7  # cosine of the greatest angle between the legs and the trunk
_ARM_LENGTH = (0.35, 1.6)
_TRUNK_LENGTH = (0.1, 1.5)
_ANKLE = 0.25  # share of the leg's height below which its foot begins
_SHOULDER = 0.19  # share of the arm's length: where it begins nearer to the middle, a clavicle does
_ARM_RATIO = 1.1  # upper arm to forearm
_HEAD_RATIO = 1.6  # of a last-but-one bone to the one before it, above which it is the head
_NECK_RISE = 0.1  # how far the head goes above the arms
_FINGERS = 3
_PAIRS = 8  # of limbs that are looked at


@dataclass
class _Pair:
    """Two limbs that mirror each other, hung on one bone."""

    carrier: int
    limbs: tuple[list[int], list[int]]  # bones from the trunk to the longest limb's end
    points: tuple[Vector, Vector]  # (bones + 1, 3): their heads, and the last one's tail
    length: float

    def middle(self, step: int) -> Vector:
        """Between left and right, at the start of a bone or, with -1, at the end."""
        return np.asarray((self.points[0][step] + self.points[1][step]) / 2)

    def across(self) -> Vector:
        """From one limb to the other, where they are farthest from each other."""
        apart = self.points[0] - self.points[1]
        return np.asarray(apart[np.linalg.norm(apart, axis=1).argmax()])


def _shape(tree: BoneTree, words: Sequence[Meaning]) -> _Shape:
    """What each bone looks like; nothing where no body is found, or one on all fours."""
    places = _Places(tree)
    body = places.body()
    if body is None:
        return _Shape({}, {})
    legs, arms = body
    up = _unit(legs.middle(0) - legs.middle(-1))
    normal = _unit(legs.across())
    normal = _unit(normal - (normal @ up) * up)
    middle = float(legs.middle(0) @ normal)
    offsets = places.heads @ normal - middle
    apart = np.abs(offsets) > _ALIKE / 2 * legs.length
    left = _left(words, offsets, apart) or _left_of_feet(legs, up, normal)
    letters = np.where(offsets * left > 0, "l", "r")
    side = {int(bone): str(letters[bone]) for bone in np.flatnonzero(apart)}
    slots: dict[int, str] = {}
    for pair, parts in ((legs, places.leg(legs, up)), (arms, places.arm(arms, normal, middle))):
        for limb, points in zip(pair.limbs, pair.points, strict=True):
            letter = "l" if (points.mean(axis=0) @ normal - middle) * left > 0 else "r"
            for part, step in parts.items():
                slots[limb[step]] = f"{letter}_{part}"
                side[limb[step]] = letter
    head = places.head(arms, up, normal, middle, legs.length)
    if head is not None:
        slots[head] = "head"
    return _Shape(slots, side)


def _left(words: Sequence[Meaning], offsets: Vector, apart: NDArray[np.bool_]) -> float:
    """1 if bones that are called left lie along the normal, -1 against it, 0 if none are."""
    votes = 0
    for meaning, offset, counts in zip(words, offsets, apart, strict=True):
        if counts and meaning.side:
            votes += 1 if (offset > 0) == (meaning.side == "l") else -1
    return float(np.sign(votes))


def _left_of_feet(legs: _Pair, up: Vector, normal: Vector) -> float:
    """The same by where the feet point; without feet, of somebody who faces Blender's front."""
    ahead = np.zeros(3)
    for points in legs.points:
        height = (points - points.min(axis=0)) @ up
        height -= height.min()
        low = np.flatnonzero(height < _ANKLE * height.max())
        if len(low) > 1:
            # From heads alone where the foot has two bones: tails may point anywhere.
            ahead += points[low[-2] if len(low) > 2 else low[-1]] - points[low[0]]
    ahead -= (ahead @ up) * up
    if np.linalg.norm(ahead) < 0.02 * legs.length:
        ahead = np.array([0.0, -1.0, 0.0]) if abs(up[1]) < _UPRIGHT else np.array([0.0, 0.0, 1.0])
    return 1.0 if np.cross(up, ahead) @ normal > 0 else -1.0


class _Places:
    """The tree's bones as points in space."""

    def __init__(self, tree: BoneTree) -> None:
        self._tree = tree
        self.heads = np.array([bone.head for bone in tree.bones], float).reshape(-1, 3)
        self._tails = np.array([bone.tail for bone in tree.bones], float).reshape(-1, 3)
        count = len(tree.bones)
        # The longest way from a bone's head to an end below it, the child it begins with (-1: the
        # bone's own tail), and how many bones it has.
        self._reach = [float(x) for x in np.linalg.norm(self._tails - self.heads, axis=1)]
        self._next = [-1] * count
        self._depth = [1] * count
        for bone in range(count - 1, 0, -1):
            parent = tree.parents[bone]
            if parent < 0:
                continue
            way = float(np.linalg.norm(self.heads[bone] - self.heads[parent])) + self._reach[bone]
            if self._next[parent] < 0 or way >= self._reach[parent]:
                self._reach[parent], self._next[parent] = way, bone
                self._depth[parent] = self._depth[bone] + 1

    def body(self) -> tuple[_Pair, _Pair] | None:
        """Legs and arms: the longest two pairs of limbs that stand and hang as these do."""
        pairs = sorted(self._pairs(), key=lambda pair: -pair.length)[:_PAIRS]
        best: tuple[float, _Pair, _Pair] | None = None
        for legs in pairs:
            for arms in pairs:
                if legs is arms or not self._fit(legs, arms):
                    continue
                up = _unit(legs.middle(0) - legs.middle(-1))
                normal = _unit(legs.across())
                middle = float(legs.middle(0) @ normal)
                head = self.head(arms, up, normal, middle, legs.length)
                score = legs.length + arms.length + (0.5 * legs.length if head is not None else 0)
                if best is None or score > best[0]:
                    best = score, legs, arms
        return best[1:] if best else None

    def _pairs(self) -> list[_Pair]:
        result = []
        for carrier, children in enumerate(self._tree.children):
            limbs = [bone for bone in children if self._depth[bone] > 1]
            limbs.sort(key=lambda bone: self._reach[bone])
            for one, two in pairwise(limbs):
                if pair := self._pair(carrier, one, two):
                    result.append(pair)
        return result

    def _pair(self, carrier: int, one: int, two: int) -> _Pair | None:
        length = self._reach[two]
        if self._depth[one] != self._depth[two] or self._reach[one] < (1 - _ALIKE) * length:
            return None
        limbs = self._way(one), self._way(two)
        points = self._points(limbs[0]), self._points(limbs[1])
        pair = _Pair(carrier, limbs, points, length)
        normal = _unit(pair.across())
        apart = points[0] - points[1]
        aside = apart - (apart @ normal)[:, None] * normal
        middles = (points[0] + points[1]) @ normal / 2
        unlike = max(np.linalg.norm(aside, axis=1).max(), np.ptp(middles))
        return pair if unlike <= _ALIKE * length and np.linalg.norm(normal) > 0 else None

    def _way(self, bone: int) -> list[int]:
        result = [bone]
        while (bone := self._next[bone]) >= 0:
            result.append(bone)
        return result

    def _points(self, limb: Sequence[int]) -> Vector:
        return np.concatenate([self.heads[list(limb)], self._tails[[limb[-1]]]])

    def _fit(self, legs: _Pair, arms: _Pair) -> bool:
        """Whether these can be the legs and arms of one body that stands."""
        tree, length = self._tree, legs.length
        beside = not any(
            tree.is_below(carrier, limb[0])
            for carrier, pair in ((arms.carrier, legs), (legs.carrier, arms))
            for limb in pair.limbs
        )
        if legs.carrier == arms.carrier or not beside:
            return False
        if not _ARM_LENGTH[0] * length < arms.length < _ARM_LENGTH[1] * length:
            return False
        trunk, stand = arms.middle(0) - legs.middle(0), legs.middle(0) - legs.middle(-1)
        if not _TRUNK_LENGTH[0] * length < np.linalg.norm(trunk) < _TRUNK_LENGTH[1] * length:
            return False
        normals = abs(_unit(legs.across()) @ _unit(arms.across()))
        return bool(_unit(trunk) @ _unit(stand) > _UPRIGHT and normals > 0.95)

    def leg(self, legs: _Pair, up: Vector) -> dict[str, int]:
        """Which bone of the way to the toes is which part."""
        points, count = (legs.points[0] + legs.points[1]) / 2, len(legs.limbs[0])
        height = (points - points[-1]) @ up
        height -= height.min()
        low = np.flatnonzero(height < _ANKLE * height[0])
        foot = int(low[0]) if len(low) else count
        points = legs.points[0]
        aside = points[1] - points[0]  # from the middle of the hips to the hip
        far = np.linalg.norm(aside)
        top = int(foot > 2 and far < 0.3 * height[0] and abs(aside @ up) < 0.6 * far)
        if foot < top + 2:
            return {}
        knee = max(
            range(top + 1, foot),
            key=lambda step: min(_apart(points, top, step), _apart(points, step, foot)),
        )
        parts = {"thigh": top, "shin": knee}
        if foot < count:
            parts["foot"] = foot
            if foot + 1 < count and self._alone(legs.limbs[0][foot + 1]):
                parts["toe"] = foot + 1
        return parts

    def arm(self, arms: _Pair, normal: Vector, middle: float) -> dict[str, int]:
        """Which bone of the way to the fingertips is which part."""
        points, limb = arms.points[0], arms.limbs[0]
        count = len(limb)
        near = abs(points[0] @ normal - middle) < _SHOULDER * arms.length
        top = int(near and count > 2)
        parts = {"clavicle": 0} if top else {}
        parts["upper_arm"] = top
        if count - top < 3:
            return parts | ({"forearm": top + 1} if count - top == 2 else {})
        fanned = (s for s in range(top + 2, count) if self._fingers(limb[s]) >= _FINGERS)
        known = next(fanned, None)
        wrists = range(top + 2, count) if known is None else [known]

        def unlikely(elbow: int, wrist: int) -> float:
            upper, lower = _apart(points, top, elbow), _apart(points, elbow, wrist)
            if min(upper, lower) <= 0:
                return float("inf")
            rest = np.linalg.norm(np.diff(points[wrist:], axis=0), axis=1).sum()
            return abs(float(np.log(upper / lower / _ARM_RATIO))) + 0.5 * rest / (upper + lower)

        elbow, wrist = min(
            ((elbow, wrist) for wrist in wrists for elbow in range(top + 1, wrist)),
            key=lambda joints: unlikely(*joints),
        )
        return parts | {"forearm": elbow, "hand": wrist}

    def _fingers(self, bone: int) -> int:
        return len(self._tree.children[bone])

    def _alone(self, bone: int) -> bool:
        """Whether a bone is no toe among toes."""
        return len(self._tree.children[self._tree.parents[bone]]) < _FINGERS

    def head(
        self, arms: _Pair, up: Vector, normal: Vector, middle: float, length: float
    ) -> int | None:
        """The head: in the middle, above the arms, where the chain of the neck ends or spreads."""
        best: tuple[float, list[int]] = (_NECK_RISE * length, [])
        shoulders = float(arms.middle(0) @ up)
        for child in self._tree.children[arms.carrier]:
            way = self._way_up(child, normal, middle, _ALIKE * length)
            rise = float((self._points(way) @ up).max()) - shoulders if way else 0.0
            best = max(best, (rise, way))
        way = best[1]
        if not way:
            return None
        spread = [s for s, bone in enumerate(way) if s and len(self._tree.children[bone]) > 1]
        points = self._points(way)
        step = len(way) - 1
        if spread:
            step = spread[0]
        elif step > 1:
            # A last bone may be an end without a purpose: then the one before it is no neck.
            ratio = _apart(points, step - 1, step) / max(_apart(points, step - 2, step - 1), 1e-12)
            step -= ratio > _HEAD_RATIO
        while step and _apart(points, step - 1, step) < 0.1 * _ALIKE * length:
            step -= 1  # bones of the face that begin where the head does
        return way[step]

    def _way_up(self, bone: int, normal: Vector, middle: float, aside: float) -> list[int]:
        """From a bone on, the longest way that stays in the middle."""
        result: list[int] = []
        children = [bone]
        while children:
            central = [b for b in children if abs(self.heads[b] @ normal - middle) < aside]
            if not central:
                break
            result.append(max(central, key=lambda b: self._reach[b]))
            children = self._tree.children[result[-1]]
        return result


def _apart(points: Vector, one: int, two: int) -> float:
    return float(np.linalg.norm(points[one] - points[two]))


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
