"""A lifted result's motion on the user's own rig.

Bodies are compared by what is anatomical about them (see ``orientation.body_frames``): a bone of
the rig is turned from its rest pose as the frame of the same part of the body is, so rest poses,
bone rolls, proportions and the armature's orientation may all differ. Only the hips move; their
path is scaled by the legs' lengths, so that feet that stood still stand still again. What the rig
has for IK follows the limbs that it can hold, as it lies beside them at rest.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

import bpy
import numpy as np
from bpy.types import Action, Object
from numpy.typing import NDArray

from ..errors import FLAT, JumpsError
from ..skeletons import MIRROR, joint_index
from ..skeletons.rig_bones import RigBone
from ..skeletons.rig_maps import SWITCHES
from ..skeletons.rig_slots import IK_FOLLOWS, IK_POLES
from .bake import (
    continuous,
    finished,
    joint_bones,
    places_steps,
    posed_armature,
    quaternions,
    sample_steps,
)
from .keyframes import check_tweak_mode, new_channelbag, rate_of
from .orientation import body_frames, trunk_frames
from .result import Result, by_uid
from .rig_feet import fit_feet, stature
from .rig_rest import FOLLOWS, SPINE, Mapped, RestBody, at_rest, shares
from .rig_track import Keys, is_ours, put_on_track, write_keys, write_still
from .rig_trial import Switches, Trial, check_poses, that_move, tried

Limbs = Literal["FK", "IK"]

CHAINS = ("spine", "neck")  # of as many bones as the rig has
# What a motion drives in every rig, from the hips up and outwards, and what only some have.
DRIVEN = ("hips", *CHAINS, *list(FOLLOWS)[1:])
# What follows what, as it lies beside it at rest: IK targets wholly, poles only in their place.
_BESIDE = {
    f"{side}_{part}": f"{side}_{limb}"
    for side in "lr"
    for part, limb in (IK_FOLLOWS | IK_POLES).items()
}
CONTROLS = ("root", *_BESIDE)
_HIPS = [joint_index("l_hip"), joint_index("r_hip")]
_ANKLES = [joint_index("l_ankle"), joint_index("r_ankle")]
_PART = 0.12  # share of the trunk's length below which a bone's ends don't tell where it points
# How many frames of a clip are tried on a rig whose bones constraints move, and by how many
# radians one may miss where it should be.
_CHECKED, _MOST_ASTRAY = 12, 0.1


@dataclass(frozen=True)
class _Beside:
    """A control that follows a bone of a limb as it lies beside it at rest.

    is_pole: only its place matters
    """

    limb: str
    is_pole: bool


@dataclass(frozen=True)
class _Wanted:
    """Where driven bones are to be, in armature space.

    turns: (F, 3, 3) by bone; heads: (F, 3) of those that are moved, too; beside: those for which
    other bones tell it
    """

    turns: dict[str, NDArray[np.float64]]
    heads: dict[str, NDArray[np.float64]]
    beside: dict[str, _Beside]


def rig_bones(target: Object) -> list[RigBone]:
    """The bones of an armature object at rest, as they are recognised by."""
    return [
        RigBone(
            bone.name,
            bone.parent.name if bone.parent is not None else None,
            tuple(bone.head_local),
            tuple(bone.tail_local),
        )
        for bone in target.data.bones
    ]


def ik_controls(target: Object, mapped: Mapped) -> dict[str, tuple[str, ...]]:
    """Slots of IK controls and the bones for them, from the constraints of the limbs' bones."""
    found: dict[str, tuple[str, ...]] = {}
    if target.pose is None:
        return found  # a new armature that Blender hasn't looked at yet
    for side in "lr":
        for limbs, control, pole in (
            (("forearm", "hand"), "hand_ik", "elbow_pole"),
            (("shin", "foot"), "foot_ik", "knee_pole"),
        ):
            names = [name for limb in limbs for name in mapped.get(f"{side}_{limb}", ())]
            for name in names:
                for constraint in target.pose.bones[name].constraints:
                    if constraint.type != "IK":
                        continue
                    if constraint.target == target and constraint.subtarget:
                        found.setdefault(f"{side}_{control}", (constraint.subtarget,))
                    if constraint.pole_target == target and constraint.pole_subtarget:
                        found.setdefault(f"{side}_{pole}", (constraint.pole_subtarget,))
    return found


def has_switch(target: Object) -> bool:
    """Whether the rig has settings that decide between FK and IK."""
    return target.pose is not None and any("IK_FK" in bone for bone in target.pose.bones)


def retarget(
    result: Result,
    target: Object,
    mapped: Mapped,
    *,
    limbs: Limbs = "FK",
    root_motion: bool = False,
) -> Action:
    """Key the rig's bones on every whole frame of the result; returns the new action.

    target: an armature object; mapped: which of its bones are which parts of the body; limbs: by
    what arms and legs are moved in rigs that have a switch for it (both are keyed); root_motion:
    the root bone goes over the floor beneath the hips. The action
    lies on a new track of the rig's nonlinear animation, and what was active before on a track
    below. Each bone keeps its rotation mode. Raises JumpsError where the result is flat or lacks
    objects, or where the rig can't be animated or lacks bones, or where its bones don't go where
    they should.
    """
    steps = retarget_steps(
        result, target, mapped, limbs=limbs, root_motion=root_motion, piece=10**9
    )
    return bpy.data.actions[finished(steps, None)]


def retarget_steps(
    result: Result,
    target: Object,
    mapped: Mapped,
    *,
    limbs: Limbs = "FK",
    root_motion: bool = False,
    piece: int = 0,
) -> Generator[float, None, str]:
    """The same in pieces; yields the share done, returns the action's name.

    Between pieces the user may undo, rename or delete anything: JumpsError when the result's
    armature or the rig is gone or has other bones.
    """
    _check(result, target, mapped)
    first, last = result.frame_range
    frames = np.arange(first, last + 1)
    uid, lineage, fps = target.session_uid, result.lineage, rate_of(result.armature)
    bones = [bone.name for bone in target.pose.bones]
    target = posed_armature(uid, bones)
    name = f"{result.root.name} on {target.name}"[:60]
    order = joint_bones(result.armature)
    used = {
        slot: names
        for slot, names in mapped.items()
        if slot in (*DRIVEN, *_BESIDE) or (slot == "root" and root_motion)
    }
    driven = list(dict.fromkeys(name for names in used.values() for name in names))
    placed = {
        name
        for slot, names in used.items()
        for name in (names[:1] if slot == "hips" else names)
        if slot in ("hips", "root") or slot in _BESIDE
    }
    held = _held(target, driven, lineage)
    switches = _switches(target, limbs)
    trial = tried(target, driven, placed, held, _switches(target, "FK"))
    yield 0.0
    matrices, world = yield from sample_steps(result.armature, frames, piece=piece)
    points = (world[:, None] @ matrices)[..., :3, 3][:, order]
    if np.linalg.det(world[0, :3, :3]) < 0:
        points = points[:, MIRROR]  # a mirrored body's left arm is a right one
    into = np.linalg.inv((yield from _places(posed_armature(uid, bones), frames, piece)))
    points = points @ into[:, :3, :3].swapaxes(-1, -2) + into[:, None, :3, 3]
    wanted = _wanted(trial, used, points, into[:, :3, 2], fps)
    keys = {}
    for each, key in _keys(trial, wanted):
        keys[each] = key
        yield 0.9
    rows = np.unique(np.linspace(0, len(frames) - 1, _CHECKED).astype(int))
    check_poses(
        posed_armature(uid, bones),
        [{name: key.at(row) for name, key in keys.items()} for row in rows],
        [{name: turns[row] for name, turns in wanted.turns.items()} for row in rows],
        [{name: places[row] for name, places in wanted.heads.items()} for row in rows],
        held,
        switches,
        _MOST_ASTRAY,
    )
    yield 0.9
    action = bpy.data.actions.new(name)
    action["jumps_lineage"], action_uid = lineage, action.session_uid
    new_channelbag(action, name)
    try:
        for done, (each, key) in enumerate(keys.items(), start=1):
            target, action = posed_armature(uid, bones), by_uid(bpy.data.actions, action_uid)
            write_keys(action, target.pose.bones[each], frames, key)
            yield 0.9 + 0.1 * done / len(keys)
        target, action = posed_armature(uid, bones), by_uid(bpy.data.actions, action_uid)
        turned = [name for name, key in keys.items() if key.location is None]
        write_still(target, action, frames[:1], turned, held, switches)
        put_on_track(target, action, name, first)
    except BaseException:
        for left in [each for each in bpy.data.actions if each.session_uid == action_uid]:
            bpy.data.actions.remove(left)
        raise
    return str(action.name)


def _places(
    target: Object, frames: NDArray[np.integer], piece: int
) -> Generator[float, None, NDArray[np.float64]]:
    """Where the rig is, (F, 4, 4); yields one share over and over."""
    steps = places_steps(target, frames, piece)
    name = target.name
    while True:
        try:
            next(steps)
        except StopIteration as end:
            world: NDArray[np.float64] = end.value
            break
        yield 0.9
    volume = np.linalg.det(world[:, :3, :3])
    if (volume <= 0).any():
        fault = "mirrored" if (volume < 0).any() else "scaled to nothing"
        raise JumpsError(f"{name} is {fault}; apply its scale (Object > Apply > Scale).")
    return world


def _check(result: Result, target: Object, mapped: Mapped) -> None:
    if "jumps_lifter" not in result.root:
        raise JumpsError(FLAT)
    if target.type != "ARMATURE" or target in result.members:
        raise JumpsError(f"{target.name} is no rig of yours; choose the armature of a character.")
    if target.library is not None:
        raise JumpsError(f"{target.name} is linked; make a library override of it first.")
    if target.data.is_editmode:
        raise JumpsError(f"Leave the Edit Mode of {target.name} first.")
    check_tweak_mode(target)
    _check_tracks_play(target)
    bones = target.data.bones
    for slot, names in mapped.items():
        for name in names:
            if name not in bones:
                raise JumpsError(f"{target.name} has no bone {name}, which {slot} is mapped to.")
    sides = [f"{side}_{slot}" for side in "lr" for slot in ("thigh", "shin", "upper_arm")]
    for slot in ("hips", *sides):
        if not mapped.get(slot):
            raise JumpsError(f"{target.name}: no bone is mapped to {slot}; choose one.")


def _check_tracks_play(target: Object) -> None:
    animation = target.animation_data
    if animation is None:
        return
    if not animation.use_nla:
        raise JumpsError(
            f"{target.name}'s animation strips are disabled, and a new one would not play; enable "
            "them in the Nonlinear Animation editor."
        )
    for track in animation.nla_tracks:
        if track.is_solo:
            raise JumpsError(
                f"{target.name}: only the track {track.name} plays, because it is soloed; click on "
                "its star in the Nonlinear Animation editor."
            )


def _held(target: Object, driven: Sequence[str], lineage: str) -> list[str]:
    """Bones with which what lies below the new track would move driven ones."""
    animation = target.animation_data
    if animation is None:
        return []
    sources = [(animation.action, animation.action_slot)]
    for track in animation.nla_tracks:
        if not is_ours(track, lineage):
            sources += [(strip.action, strip.action_slot) for strip in track.strips]
    paths = {
        curve.data_path.rpartition(".")[0]
        for action, slot in sources
        if action is not None and slot is not None
        for layer in action.layers
        for strip in layer.strips
        if (channelbag := strip.channelbag(slot)) is not None
        for curve in channelbag.fcurves
    }
    animated = [bone.name for bone in target.pose.bones if bone.path_from_id() in paths]
    others = [name for name in animated if name not in set(driven)]
    return that_move(target, others, driven, _switches(target, "FK"))


def _switches(target: Object, limbs: Limbs) -> Switches:
    """Settings of the rig that decide what moves what, as they must be."""
    return {
        (bone.name, key): SWITCHES[key][limbs == "IK"]
        for bone in target.pose.bones
        for key in SWITCHES.keys() & set(bone.keys())
        if isinstance(bone[key], (bool, int, float))
    }


def _wanted(trial: Trial, mapped: Mapped, points: NDArray, up: NDArray, fps: float) -> _Wanted:
    """Where the body's bones and the root are to be.

    points: (F, 28, 3) and up (F, 3), both in armature space; fps: frames per second
    """
    rig = at_rest(trial, mapped)
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    scale = stature(rig.joints[None]) / max(stature(points), 1e-6)
    steeper, higher = fit_feet(rig.joints, points, up, bool(mapped.get("l_toe")))
    frames = body_frames(points, rig.joints, fps)
    frames[:, _ANKLES] = _sloped(frames[:, _ANKLES], up, steeper)
    frames = frames @ rig.frames.swapaxes(-1, -2)
    parts = {name: frames[:, joint_index("neck")] for name in mapped.get("neck", ())}
    trunk = _trunk_turns(rig, points)
    parts |= dict(zip((mapped["hips"][0], *mapped.get("spine", ())), trunk, strict=True))
    for slot, joint in FOLLOWS.items():
        for name in mapped.get(slot, ()):
            parts.setdefault(name, frames[:, joint_index(joint)])
    turns = {name: turn @ _unscaled(trial.still[name][:3, :3]) for name, turn in parts.items()}
    middle = points[:, _HIPS].mean(axis=1) * scale + higher * up
    hips = mapped["hips"][0]
    aside = trial.head(hips) - rig.joints[_HIPS].mean(axis=0)
    heads = {hips: middle + trunk[0] @ aside}
    for name in mapped.get("root", ()):
        moved = heads[hips] - trial.head(hips)
        heads[name] = trial.head(name) + moved - (moved * up).sum(axis=-1, keepdims=True) * up
        turns[name] = np.tile(_unscaled(trial.still[name][:3, :3]), (len(points), 1, 1))
    return _Wanted(turns, heads, _beside(mapped))


def _sloped(frames: NDArray, up: NDArray, steeper: NDArray) -> NDArray[np.float64]:
    """Feet's axes (F, 2, 3, 3), as of ``body_frames``, turned about their sides, by angles (2,)
    down."""
    side, along, other = np.moveaxis(frames, -1, 0)
    # The third axis goes up or down where one stands, as the side is the left or the right one.
    down = -np.sign(np.median((other * up[:, None]).sum(axis=-1), axis=0))[:, None]
    cos, sin = np.cos(steeper)[:, None], down * np.sin(steeper)[:, None]
    return np.stack([side, cos * along + sin * other, cos * other - sin * along], axis=-1)


def _beside(mapped: Mapped) -> dict[str, _Beside]:
    """What follows hands, feet and toes, and at what elbows and knees point."""
    found = {}
    for slot, limb in _BESIDE.items():
        for name in mapped.get(slot, ()) if limb in mapped else ():
            found[name] = _Beside(mapped[limb][0], slot[2:] in IK_POLES)
    return found


def _keys(trial: Trial, wanted: _Wanted) -> Iterator[tuple[str, Keys]]:
    """Each driven bone with the channels that take it where it is wanted, after those bones that
    it hangs on or lies beside; adds to ``wanted`` where IK controls are to be.

    Raises JumpsError where bones hang on each other in a circle.
    """
    beside = wanted.beside
    order = TopologicalSorter(
        {
            name: {base.turns_with, base.placed_on}.union(
                {beside[name].limb} if name in beside else ()
            )
            - {""}
            for name, base in trial.bases.items()
            if name in wanted.turns or name in beside
        }
    )
    count = len(next(iter(wanted.turns.values())))
    posed: dict[str, NDArray[np.float64]] = {}
    try:
        names = list(order.static_order())
    except CycleError as error:
        raise JumpsError(f"The bones {', '.join(error.args[1])} hang on each other.") from error
    for name in names:
        base = trial.bases[name]
        pose = np.tile(np.eye(4), (count, 1, 1))
        above = posed[base.turns_with][:, :3, :3] if base.turns_with else np.eye(3)
        pose[:, :3, :3] = above @ base.turn
        pose[:, :3, 3] = (
            (posed[base.placed_on] @ np.append(base.point, 1.0))[:, :3]
            if base.placed_on
            else base.point
        )
        if name in beside:
            follow = beside[name]
            place = posed[follow.limb] @ np.linalg.inv(trial.still[follow.limb]) @ trial.still[name]
            wanted.heads[name] = place[:, :3, 3]
            if not follow.is_pole:
                wanted.turns[name] = _unscaled(place[:, :3, :3])
        location = None
        if name in wanted.heads:
            axes = pose[:, :3, :3] @ base.moves_along
            way = (wanted.heads[name] - pose[:, :3, 3])[..., None]
            location = np.linalg.solve(axes, way)[..., 0]
            pose[:, :3, 3] = wanted.heads[name]
        turn = None
        if name in wanted.turns:
            basis = _unscaled(pose[:, :3, :3]).swapaxes(-1, -2) @ wanted.turns[name]
            pose[:, :3, :3] = pose[:, :3, :3] @ basis
            turn = continuous(quaternions(basis)[:, None])[:, 0]
        pose[:, :3, :3] *= base.scale
        posed[name] = pose
        yield name, Keys(turn, location)


def _unscaled(axes: NDArray) -> NDArray[np.float64]:
    """Axes (..., 3, 3) as columns, each of length 1."""
    return np.asarray(axes / np.maximum(np.linalg.norm(axes, axis=-2, keepdims=True), 1e-12))


def _trunk_turns(rig: RestBody, points: NDArray) -> list[NDArray[np.float64]]:
    """Turns (F, 3, 3) of the hips and of each bone of the spine.

    The body's trunk is bent at other places than the rig's: it is cut where the rig's bones begin,
    and each of them points from one cut to the next, as far along the way from hips to neck.
    """
    way = np.concatenate([points[:, _HIPS].mean(axis=1, keepdims=True), points[:, SPINE]], axis=1)
    lengths = np.median(np.linalg.norm(np.diff(way, axis=1), axis=-1), axis=0)
    places, cuts = shares(lengths), shares(np.linalg.norm(np.diff(rig.trunk, axis=0), axis=-1))
    above = np.clip(np.searchsorted(places, cuts), 1, len(places) - 1)
    part = (cuts - places[above - 1]) / np.maximum(places[above] - places[above - 1], 1e-9)
    cut = (1 - part)[:, None] * way[:, above - 1] + part[:, None] * way[:, above]
    spans = []
    for low in range(len(cuts) - 1):
        far = np.flatnonzero(cuts >= cuts[low] + _PART)
        near = np.flatnonzero(cuts <= 1 - _PART)
        spans.append((low, int(far[0])) if len(far) else (int(near[-1]), len(cuts) - 1))
    still = trunk_frames(rig.joints[None], rig.trunk[None], spans)[0]
    frames = trunk_frames(points, cut, spans)
    return [frames[:, step] @ still[step].T for step in range(len(spans))]
