"""What the bones of a rig hang on, found out by moving those of a copy.

Where a bone is before anything of it is keyed may follow from its parents alone, or from
constraints, drivers and settings of bones that are no parents at all, as in rigs for animators. So
nothing is read off the rig's build: the bones that are to be driven are put into some poses that
have nothing to do with each other, and each is found to go along with another one, or with none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import Object, PoseBone
from mathutils import Matrix, Quaternion
from numpy.typing import NDArray

from ..errors import JumpsError
from .bake import scratch_scene
from .keyframes import clear_motion

Switches = Mapping[tuple[str, str], float]  # (bone, custom property) -> value
# Per bone: where it is moved to (3,) and how it is turned (4,), wxyz; what pose bones are keyed by.
Channels = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

_POSES = 5  # that bones are tried in
_TURN, _SHIFT = 0.5, 0.05  # radians, shares of the rig's size
_SLACK = 2e-3  # by how much something may miss what it goes along with, as a share
_TWIST = 6  # how many times more a bone may be twisted about itself than point elsewhere
_FLAT = 1e-9  # volume of a bone's axes below which it has none
_REST = (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


@dataclass(frozen=True)
class Base:
    """Where a bone is while it isn't moved itself.

    turns_with, placed_on: the driven bones that it goes along with; empty: with none
    turn: (3, 3), its axes, scaled as it is, in those of ``turns_with``
    point: (3,), its head in the axes of ``placed_on``, from that one's head
    moves_along: (3, 3), the axes of its location, in its own
    scale: (3,), which it has of its own and keeps
    """

    turns_with: str
    turn: NDArray[np.float64]
    placed_on: str
    point: NDArray[np.float64]
    moves_along: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """What was found out about a rig.

    still: each bone's matrix (4, 4), armature space, while no driven bone is moved
    lengths: of the bones at rest
    bases: of the driven bones
    """

    still: Mapping[str, NDArray[np.float64]]
    lengths: Mapping[str, float]
    bases: Mapping[str, Base]

    def head(self, name: str) -> NDArray[np.float64]:
        """(3,), armature space."""
        return self.still[name][:3, 3]

    def tail(self, name: str) -> NDArray[np.float64]:
        """(3,), armature space."""
        return self.still[name][:3, 3] + self.lengths[name] * self.still[name][:3, 1]


def tried(
    target: Object,
    driven: Sequence[str],
    placed: Collection[str],
    held: Collection[str],
    switches: Switches,
) -> Trial:
    """Find out what the driven bones hang on.

    driven: names of bones; placed: those among them that are moved, not only turned; held: other
    bones, kept at rest. Raises JumpsError for a bone that goes along with no single one.
    """
    rng = np.random.default_rng(0)
    with double_of(target, switches) as double:
        double.mute(driven)
        still = double.posed(dict.fromkeys((*driven, *held), _REST))
        size = float(np.ptp(still[:, :3, 3], axis=0).max())
        names = double.names
        for name in driven:
            if abs(np.linalg.det(still[names[name], :3, :3])) < _FLAT:
                raise JumpsError(f"{target.name}: {name} is scaled to nothing; clear its scale.")
        scales = {name: np.array(target.pose.bones[name].scale) for name in driven}
        rotscale = {name: [still[names[name], :3, :3] / scales[name]] for name in driven}
        heads = {name: [still[names[name], :3, 3]] for name in driven}
        posed = [still]
        along = {name: _moves_along(target.pose.bones[name]) for name in driven}
        for _ in range(_POSES):
            channels = {
                name: (
                    rng.normal(0, _SHIFT * size, 3) if name in placed else np.zeros(3),
                    _normed(np.concatenate([[1.0], rng.normal(0, _TURN / 2, 3)])),
                )
                for name in driven
            }
            posed.append(double.posed(channels))
            for name, (location, turn) in channels.items():
                matrix = posed[-1][names[name]]
                own = np.array(Quaternion(turn).to_matrix()) * scales[name]
                base = matrix[:3, :3] @ np.linalg.inv(own)
                rotscale[name].append(base)
                heads[name].append(matrix[:3, 3] - base @ along[name] @ location)
    frames = {name: np.array([pose[names[name]] for pose in posed]) for name in driven}
    bases = {}
    for name in driven:
        turns_with, turn, missed = _companion(name, np.array(rotscale[name]), frames)
        if missed > _SLACK:
            raise JumpsError(_astray(target, name))
        placed_on, point, missed = _carrier(name, np.array(heads[name]), frames)
        if missed > _SLACK * size and name in placed:
            raise JumpsError(_astray(target, name))
        bases[name] = Base(turns_with, turn, placed_on, point, along[name], scales[name])
    matrices = {name: still[index] for name, index in names.items()}
    return Trial(matrices, {b.name: b.length for b in target.pose.bones}, bases)


def that_move(
    target: Object, names: Sequence[str], driven: Sequence[str], switches: Switches
) -> list[str]:
    """Those of the named bones that take driven ones along."""
    if not names:
        return []
    with double_of(target, switches) as double:
        double.mute(driven)
        rows = [double.names[name] for name in driven]
        still = double.posed(dict.fromkeys((*driven, *names), _REST))[rows]
        shift = _SHIFT * float(np.ptp(still[:, :3, 3], axis=0).max())
        moved = np.full(3, shift), _normed(np.array([1.0, *[_TURN / 2] * 3]))
        found = []
        waiting = [list(names)]
        while waiting:
            some = waiting.pop()
            matrices = double.posed(dict.fromkeys(some, moved))[rows]
            double.posed(dict.fromkeys(some, _REST))
            if np.abs(matrices - still).max() < _SLACK * min(shift, 1.0):
                continue
            if len(some) == 1:
                found += some
            else:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
    return found


def check_poses(
    target: Object,
    poses: Sequence[Channels],
    wanted: Sequence[Mapping[str, NDArray[np.float64]]],
    heads: Sequence[Mapping[str, NDArray[np.float64]]],
    held: Collection[str],
    switches: Switches,
    most: float,
) -> None:
    """Raise JumpsError for a bone that constraints keep from where its channels should take it.

    wanted: for each pose, the turn (3, 3) in armature space of each bone that matters; heads: the
    places (3,) of those that are moved, too; most: by how many radians one may point elsewhere,
    and by what share of the rig's size lie there
    """
    moved = movers(target)
    watched = [name for name in wanted[0] if name in moved]
    placed = [name for name in heads[0] if name in moved]
    if not (watched or placed):
        return
    with double_of(target, switches) as double:
        size = float(np.ptp(double.posed(dict.fromkeys(held, _REST))[:, :3, 3], axis=0).max())
        for channels, turns, places in zip(poses, wanted, heads, strict=True):
            found = double.posed(channels)
            for name in placed:
                missed = np.linalg.norm(found[double.names[name], :3, 3] - places[name])
                if missed > most * size:
                    raise JumpsError(_astray(target, name))
            for name in watched:
                matrix = found[double.names[name], :3, :3]
                matrix = matrix / np.linalg.norm(matrix, axis=0)
                along = matrix[:, 1] @ turns[name][:, 1]
                whole = (np.trace(matrix.T @ turns[name]) - 1) / 2
                # A limb that is held by its ends is twisted by its hinge, straight or not.
                if not (along > np.cos(most) and whole > np.cos(_TWIST * most)):
                    raise JumpsError(_astray(target, name))


class _Double:
    """A copy of a rig, alone in a scene of its own, that depends on nothing of the rig's pose."""

    def __init__(self, armature: Object, layer: bpy.types.ViewLayer) -> None:
        self.armature = armature
        self.names = {bone.name: index for index, bone in enumerate(armature.pose.bones)}
        self._layer = layer

    def mute(self, names: Sequence[str]) -> None:
        """Let nothing but their keys and what they hang on move these bones."""
        for name in names:
            for constraint in self.armature.pose.bones[name].constraints:
                constraint.mute = True

    def posed(self, channels: Channels) -> NDArray[np.float64]:
        """(B, 4, 4), armature space: all bones, with these moved and turned and the others as
        they are."""
        bones = self.armature.pose.bones
        for name, (location, turn) in channels.items():
            bone = bones[name]
            bone.matrix_basis = Matrix.LocRotScale(location, Quaternion(turn), bone.scale)
        self.armature.update_tag()
        self._layer.update()
        matrices = np.empty((len(bones), 4, 4), np.float32)
        evaluated = self.armature.evaluated_get(self._layer.depsgraph)
        evaluated.pose.bones.foreach_get("matrix", matrices.ravel())
        return matrices.swapaxes(-1, -2).astype(np.float64)


@contextmanager
def double_of(target: Object, switches: Switches) -> Iterator[_Double]:
    """A copy without animation, with switches set; it goes away afterwards."""
    armature = target.copy()
    try:
        armature.hide_viewport = False  # what is hidden isn't evaluated
        clear_motion(armature)
        _point_at_itself(armature, target)
        for (name, key), value in switches.items():
            bone = armature.pose.bones[name]
            bone[key] = type(bone[key])(value)
        with scratch_scene([armature]) as scene:
            yield _Double(armature, scene.view_layers[0])
    finally:
        bpy.data.objects.remove(armature)


def _point_at_itself(armature: Object, original: Object) -> None:
    """Constraints and drivers of a copy refer to the original, which wouldn't move."""
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            for key in ("target", "pole_target"):
                if getattr(constraint, key, None) == original:
                    setattr(constraint, key, armature)
            for item in getattr(constraint, "targets", ()):
                if item.target == original:
                    item.target = armature
    for curve in armature.animation_data.drivers if armature.animation_data is not None else ():
        for variable in curve.driver.variables:
            for item in variable.targets:
                if item.id == original:
                    item.id = armature


def _moves_along(bone: PoseBone) -> NDArray[np.float64]:
    """(3, 3): see ``Base``; bones without Local Location move along their parent's axes."""
    if bone.bone.use_local_location:
        return np.eye(3)
    rest = np.array(bone.bone.matrix_local)[:3, :3]
    if bone.parent is not None:
        rest = np.array(bone.parent.bone.matrix_local)[:3, :3].T @ rest
    return rest.T


def _companion(
    name: str, found: NDArray, frames: Mapping[str, NDArray]
) -> tuple[str, NDArray[np.float64], float]:
    """With which bone these axes (P, 3, 3) turn, how they lie in its, and by how much they miss."""
    best = "", found[0], float(np.abs(found - found[0]).max())
    for other, matrices in frames.items():
        if other != name and best[2] > _SLACK / 10:
            turn = np.linalg.inv(matrices[0, :3, :3]) @ found[0]
            missed = float(np.abs(matrices[:, :3, :3] @ turn - found).max())
            best = min(best, (other, turn, missed), key=lambda choice: choice[2])
    return best


def _carrier(
    name: str, found: NDArray, frames: Mapping[str, NDArray]
) -> tuple[str, NDArray[np.float64], float]:
    """The same for points (P, 3)."""
    best = "", found[0], float(np.linalg.norm(found - found[0], axis=-1).max())
    for other, matrices in frames.items():
        if other != name:
            point = np.linalg.inv(matrices[0]) @ np.append(found[0], 1.0)
            missed = float(np.linalg.norm((matrices @ point)[:, :3] - found, axis=-1).max())
            best = min(best, (other, point[:3], missed), key=lambda choice: choice[2])
    return best


def _astray(target: Object, name: str) -> str:
    """What users are told of a bone that doesn't go where its keys should take it."""
    mover = movers(target).get(name)
    if mover is None:
        return (
            f"{target.name}: {name} would not go where it should, because drivers or settings of "
            "the rig move it; choose another bone."
        )
    return (
        f"{target.name}: {name} would not go where it should, because the constraint "
        f"{mover[1]} moves {mover[0]}; mute it, or choose another bone."
    )


def movers(target: Object) -> dict[str, tuple[str, str]]:
    """Bones that constraints take elsewhere than keys say: the bone, of those above it the
    nearest, that has the constraint or is in its chain, and the constraint's name; of several
    rather one that moves it than one that only keeps it within limits."""
    acting = [
        (bone, constraint)
        for bone in target.pose.bones
        for constraint in bone.constraints
        if constraint.enabled and constraint.influence > 0
    ]
    acting.sort(key=lambda pair: pair[1].type.startswith("LIMIT"))
    found: dict[str, tuple[str, str]] = {}
    for bone, constraint in acting:
        found.setdefault(bone.name, (bone.name, constraint.name))
        if constraint.type in ("IK", "SPLINE_IK"):
            chain = [bone, *bone.parent_recursive][: constraint.chain_count or None]
            for each in chain:
                found.setdefault(each.name, (each.name, constraint.name))
    for bone in parents_first(target):
        if bone.parent is not None and bone.parent.name in found:
            found.setdefault(bone.name, found[bone.parent.name])
    return found


def parents_first(target: Object) -> list[PoseBone]:
    """All bones, each after its parent."""
    found = [bone for bone in target.pose.bones if bone.parent is None]
    for bone in found:
        found.extend(bone.children)
    return found


def _normed(vector: NDArray) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))
