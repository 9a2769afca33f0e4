"""Bones of a rig at rest, and the tree that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Point = tuple[float, float, float]


@dataclass(frozen=True)
class RigBone:
    """A bone at rest: the armature's space, any orientation, any unit."""

    name: str
    parent: str | None
    head: Point
    tail: Point


class BoneTree:
    """Bones in an order in which parents come first, with all that is below one in one piece.

    A bone whose parent is not among them is a root; of bones with one name the first counts.
    """

    def __init__(self, bones: Iterable[RigBone]) -> None:
        named: dict[str, RigBone] = {}
        for bone in bones:
            named.setdefault(bone.name, bone)
        below: dict[str | None, list[str]] = {}
        for bone in named.values():
            below.setdefault(bone.parent if bone.parent in named else None, []).append(bone.name)
        self.bones: list[RigBone] = []
        self.parents: list[int] = []  # -1: a root
        waiting = [(name, -1) for name in reversed(below.get(None, []))]
        while waiting:
            name, parent = waiting.pop()
            number = len(self.bones)
            self.bones.append(named[name])
            self.parents.append(parent)
            waiting += [(child, number) for child in reversed(below.get(name, []))]
        self.number = {bone.name: number for number, bone in enumerate(self.bones)}
        self.children: list[list[int]] = [[] for _ in self.bones]
        for number, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(number)
        self._size = [1] * len(self.bones)  # of all that is below a bone, itself included
        for number in range(len(self.bones) - 1, 0, -1):
            if self.parents[number] >= 0:
                self._size[self.parents[number]] += self._size[number]

    def is_below(self, bone: int, other: int) -> bool:
        """Whether ``bone`` hangs on ``other``, directly or not; a bone hangs on itself."""
        return other <= bone < other + self._size[other]

    def common(self, bones: Iterable[int]) -> int | None:
        """The lowest bone on which all of these hang, or None."""
        bones = list(bones)
        top = bones[0] if bones else -1
        while top >= 0 and not all(self.is_below(bone, top) for bone in bones):
            top = self.parents[top]
        return top if top >= 0 else None

    def above(self, bone: int) -> list[int]:
        """From a bone's parent to its root."""
        result = []
        while (bone := self.parents[bone]) >= 0:
            result.append(bone)
        return result

    def without(self, dropped: set[int]) -> BoneTree:
        """The tree of the other bones, each hung on the nearest one above it that is left."""
        kept: list[RigBone] = []
        nearest: list[str | None] = []  # for each bone, itself or the nearest kept one above it
        for number, (bone, parent) in enumerate(zip(self.bones, self.parents, strict=True)):
            over = nearest[parent] if parent >= 0 else None
            if number in dropped:
                nearest.append(over)
            else:
                nearest.append(bone.name)
                kept.append(RigBone(bone.name, over, bone.head, bone.tail))
        return BoneTree(kept)
