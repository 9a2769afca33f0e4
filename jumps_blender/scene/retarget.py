"""A lifted result's motion on the user's own rig.

Bodies are compared by what is anatomical about them (see ``orientation.body_frames``): a bone of
the rig is turned from its rest pose as the frame of the same part of the body is, so rest poses,
bone rolls, proportions and the armature's orientation may all differ. Only the hips move; their
path is scaled by the legs' lengths, so that feet that stood still stand still again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import Action, Constraint, Object, PoseBone
from mathutils import Euler, Quaternion
from numpy.typing import NDArray

from ..errors import JumpsError
from ..skeletons import JOINTS, joint_index
from ..skeletons.rig_bones import RigBone
from .bake import continuous, finished, joint_bones, quaternions, sample_steps
from .keyframes import new_channelbag, write_curve
from .orientation import body_frames
from .result import Result, by_uid

Mapped = Mapping[str, tuple[str, ...]]  # slots of ``skeletons.rig_maps`` to the rig's bones

# The joint whose bone a slot's bone follows.
_FOLLOWS = {"hips": "pelvis", "head": "head"} | {
    f"{side}_{slot}": f"{side}_{joint}"
    for side in "lr"
    for slot, joint in (
        ("clavicle", "clavicle"),
        ("upper_arm", "shoulder"),
        ("forearm", "elbow"),
        ("hand", "wrist"),
        ("thigh", "hip"),
        ("shin", "knee"),
        ("foot", "ankle"),
        ("toe", "foot"),
    )
}
CHAINS = {"spine": ("spine", "spine2", "spine3", "spine4"), "neck": ("neck",)}
# What can be driven, from the hips up and outwards.
DRIVEN = ("hips", *CHAINS, *list(_FOLLOWS)[1:])
_HIPS = [joint_index("l_hip"), joint_index("r_hip")]
_SHINS = [joint_index(f"{side}_{part}") for side in "lr" for part in ("knee", "ankle")]
# How far ends of limbs reach beyond the last bone that a rig has, as shares of the stature.
_HAND, _TOE, _CROWN = 0.04, 0.035, 0.115
# Shares of the stature: from the thighs to the neck, of it to the pelvis, from neck to head.
_TRUNK, _PELVIS, _NECK = 0.26, 0.055, 0.113


@dataclass(frozen=True)
class _Rig:
    """The rig at rest, in its armature's space.

    joints: float64 (28, 3); frames: float64 (28, 3, 3), see ``body_frames``
    """

    joints: NDArray[np.float64]
    frames: NDArray[np.float64]


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


def retarget(result: Result, target: Object, mapped: Mapped) -> Action:
    """Key the rig's bones on every whole frame of the result; returns the new action.

    target: an armature object; mapped: which of its bones are which parts of the body. The action
    lies on a new track of the rig's nonlinear animation, and what was active before on a track
    below. Each bone keeps its rotation mode. Raises JumpsError where the result is flat or lacks
    objects, or where the rig can't be animated or lacks bones.
    """
    return bpy.data.actions[finished(retarget_steps(result, target, mapped, piece=10**9), None)]


def retarget_steps(
    result: Result, target: Object, mapped: Mapped, piece: int = 0
) -> Generator[float, None, str]:
    """The same in pieces; yields the share done, returns the action's name.

    Between pieces the user may undo, rename or delete anything: JumpsError when the result's
    armature or the rig is gone or has other bones.
    """
    _check(result, target, mapped)
    first, last = result.frame_range
    frames = np.arange(first, last + 1)
    uid, result_id = target.session_uid, result.id
    name = f"{result.root.name} on {target.name}"[:60]
    order = joint_bones(result.armature)
    matrices, world = yield from sample_steps(result.armature, frames, piece=piece)
    points = (world[:, None] @ matrices)[..., :3, 3][:, order]
    rotations, hips = _posed(by_uid(bpy.data.objects, uid), mapped, points)
    action = bpy.data.actions.new(name)
    action["jumps_result"], action_uid = result_id, action.session_uid
    new_channelbag(action, name)
    try:
        for share in _keyed_steps(action_uid, uid, frames, rotations, mapped["hips"][0], hips):
            yield 0.9 + 0.1 * share
        target, action = by_uid(bpy.data.objects, uid), by_uid(bpy.data.actions, action_uid)
        _put_on_track(target, action, name, first)
    except BaseException:
        for left in [each for each in bpy.data.actions if each.session_uid == action_uid]:
            bpy.data.actions.remove(left)
        raise
    return str(action.name)


def _check(result: Result, target: Object, mapped: Mapped) -> None:
    if not result.lifter:
        raise JumpsError("This result is flat: upsample it again with Lift to 3D.")
    if target.type != "ARMATURE" or target in result.members:
        raise JumpsError(f"{target.name} is no rig of yours; choose the armature of a character.")
    if target.library is not None:
        raise JumpsError(f"{target.name} is linked; make a library override of it first.")
    if target.data.is_editmode:
        raise JumpsError(f"Leave the Edit Mode of {target.name} first.")
    if target.animation_data is not None and target.animation_data.use_tweak_mode:
        raise JumpsError(f"Leave the tweak mode of {target.name}'s animation strips first.")
    bones = target.data.bones
    for slot, names in mapped.items():
        for name in names:
            if name not in bones:
                raise JumpsError(f"{target.name} has no bone {name}, which {slot} is mapped to.")
    sides = [f"{side}_{slot}" for side in "lr" for slot in ("thigh", "shin", "upper_arm")]
    for slot in ("hips", *sides):
        if not mapped.get(slot):
            raise JumpsError(f"{target.name}: no bone is mapped to {slot}; choose one.")
    for name in (name for names in mapped.values() for name in names):
        bone = target.pose.bones[name]
        for above in (bone, *bone.parent_recursive):
            moving = next((each for each in above.constraints if _moves(each)), None)
            if moving is not None:
                raise JumpsError(
                    f"{target.name}: {name} would not go where it should, because the constraint "
                    f"{moving.name} moves {above.name}; mute it, or choose another bone."
                )


def _moves(constraint: Constraint) -> bool:
    """Whether it takes its bone elsewhere than its keys say; limits mostly don't."""
    is_limit = constraint.type.startswith("LIMIT")
    return constraint.enabled and constraint.influence > 0 and not is_limit


def _posed(
    target: Object, mapped: Mapped, points: NDArray[np.float64]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Of each driven bone the turn (F, 3, 3) in armature space; the hips bone's head (F, 3).

    points: (F, 28, 3), world
    """
    rig = _at_rest(target, mapped)
    into = np.array(target.matrix_world.inverted_safe())
    points = points @ into[:3, :3].T + into[:3, 3]
    turns = body_frames(points, rig.joints) @ rig.frames.swapaxes(-1, -2)
    bones = target.data.bones
    rotations = {}
    for slot, joint in _FOLLOWS.items():
        for name in mapped.get(slot, ()):
            rest = np.array(bones[name].matrix_local)[:3, :3]
            rotations[name] = turns[:, joint_index(joint)] @ rest
    for slot, chain in CHAINS.items():
        names = mapped.get(slot, ())
        for index, name in enumerate(names):
            turn = _between(turns, chain, (index + 0.5) / len(names))
            rotations[name] = turn @ np.array(bones[name].matrix_local)[:3, :3]
    legs = [_legs(x) for x in (rig.joints[None], points)]
    scale = legs[0].mean() / max(float(np.median(legs[1])), 1e-6)
    middle = points[:, _HIPS].mean(axis=1) * scale
    rest_middle = rig.joints[_HIPS].mean(axis=0)
    head = np.array(bones[mapped["hips"][0]].head_local)
    pelvis = turns[:, joint_index("pelvis")]
    return rotations, middle + pelvis @ (head - rest_middle)


def _legs(points: NDArray) -> NDArray[np.float64]:
    """(F,): thighs and shins together."""
    parents = {_SHINS[0]: _HIPS[0], _SHINS[1]: _SHINS[0], _SHINS[2]: _HIPS[1], _SHINS[3]: _SHINS[2]}
    return np.sum(
        [np.linalg.norm(points[:, j] - points[:, p], axis=-1) for j, p in parents.items()], axis=0
    )


def _between(turns: NDArray, chain: tuple[str, ...], share: float) -> NDArray[np.float64]:
    """(F, 3, 3): the turn at a share of the way along a chain of joints' bones."""
    place = np.clip(share * len(chain) - 0.5, 0, len(chain) - 1)
    low = int(place)
    high = min(low + 1, len(chain) - 1)
    first, second = (quaternions(turns[:, joint_index(chain[at])]) for at in (low, high))
    second = second * np.sign((first * second).sum(axis=-1, keepdims=True) + 1e-12)
    mixed = (1 - (place - low)) * first + (place - low) * second
    return _matrices(mixed / np.linalg.norm(mixed, axis=-1, keepdims=True))


def _matrices(quaternion: NDArray) -> NDArray[np.float64]:
    """Unit quaternions wxyz (F, 4) -> (F, 3, 3)."""
    w, x, y, z = quaternion.T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=-2,
    )


def _at_rest(target: Object, mapped: Mapped) -> _Rig:
    """Where the 28 joints are in a rig that needn't have a bone for each."""
    bones = target.data.bones

    def head(slot: str) -> NDArray[np.float64] | None:
        names = mapped.get(slot)
        return np.array(bones[names[0]].head_local) if names else None

    def tail(slot: str, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        names = mapped.get(slot)
        return np.array(bones[names[-1]].tail_local) if names else otherwise

    found = {joint: place for slot, joint in _FOLLOWS.items() if (place := head(slot)) is not None}
    # The hips' bone may begin anywhere near; the pelvis is a little up the spine from the thighs.
    thighs = 0.5 * (found["l_hip"] + found["r_hip"])
    chest = next(
        (place for slot in ("neck", "head") if (place := head(slot)) is not None),
        0.5 * (found["l_shoulder"] + found["r_shoulder"]),
    )
    tall = float(np.linalg.norm(chest - thighs)) / _TRUNK
    up = _direction(chest - thighs, np.array([0.0, 0.0, 1.0]))
    found["pelvis"] = thighs + _PELVIS * tall * up
    for step, name in enumerate((*CHAINS["spine"], "neck"), start=1):
        found[name] = found["pelvis"] + step / 5 * (chest - found["pelvis"])
    found.setdefault("head", chest + _NECK * tall * up)
    crown = tail("head", found["head"] + up)
    found["head_top"] = found["head"] + _CROWN * tall * _direction(crown - found["head"], up)
    for side in "lr":
        shoulder = found[f"{side}_shoulder"]
        found.setdefault(f"{side}_clavicle", 0.73 * chest + 0.27 * shoulder)
        elbow = found.setdefault(f"{side}_elbow", tail(f"{side}_upper_arm", shoulder))
        wrist = found.setdefault(f"{side}_wrist", tail(f"{side}_forearm", elbow - up))
        palm = tail(f"{side}_hand", wrist + (wrist - elbow))
        found[f"{side}_hand"] = wrist + _HAND * tall * _direction(palm - wrist, wrist - elbow)
        ankle = found.setdefault(f"{side}_ankle", tail(f"{side}_shin", found[f"{side}_knee"] - up))
        ball = found.setdefault(f"{side}_foot", tail(f"{side}_foot", ankle - _HAND * tall * up))
        ahead = tail(f"{side}_toe", ball + (ball - ankle)) - ball
        ahead = ahead - (ahead @ up) * up
        found[f"{side}_toe"] = ball + _TOE * tall * _direction(ahead, ball - ankle)
    joints = np.array([found[name] for name in JOINTS])
    return _Rig(joints, body_frames(joints[None], joints)[0])


def _direction(vector: NDArray, otherwise: NDArray) -> NDArray[np.float64]:
    length = np.linalg.norm(vector)
    if length < 1e-9:
        vector, length = otherwise, np.linalg.norm(otherwise)
    return np.asarray(vector / max(float(length), 1e-9))


def _keyed_steps(
    action_uid: int,
    uid: int,
    frames: NDArray[np.integer],
    rotations: dict[str, NDArray[np.float64]],
    moves: str,
    hips: NDArray[np.float64],
) -> Generator[float, None, None]:
    """Key bones from their turns in armature space; bones between them keep their rest.

    moves: the bone whose head goes along hips (F, 3). Yields the share done after each bone.
    """
    count = len(frames)
    names = [bone.name for bone in _parents_first(by_uid(bpy.data.objects, uid))]
    posed: dict[str, NDArray[np.float64]] = {}
    for index, name in enumerate(names):
        target, action = by_uid(bpy.data.objects, uid), by_uid(bpy.data.actions, action_uid)
        bone = target.pose.bones.get(name)
        if bone is None:
            raise JumpsError(f"The bones of {target.name} were changed meanwhile; start it again.")
        rest = np.array(bone.bone.matrix_local)
        if bone.parent is None:
            base = np.tile(rest, (count, 1, 1))
        else:
            offset = np.linalg.inv(np.array(bone.parent.bone.matrix_local)) @ rest
            base = posed[bone.parent.name] @ offset
            if not bone.bone.use_inherit_rotation:
                base[:, :3, :3] = rest[:3, :3]
        pose = base.copy()
        if name in rotations:
            channelbag = action.layers[0].strips[0].channelbag(action.slots[-1])
            pose[:, :3, :3] = rotations[name]
            if name == moves:
                pose[:, :3, 3] = hips
                place = (np.linalg.inv(base) @ pose)[:, :3, 3]
                for axis in range(3):
                    path = bone.path_from_id("location")
                    write_curve(channelbag, path, axis, frames, place[:, axis])
            basis = np.linalg.inv(base)[:, :3, :3] @ pose[:, :3, :3]
            _write_rotation(channelbag, bone, frames, quaternions(basis))
        posed[name] = pose
        yield (index + 1) / len(names)


def _parents_first(target: Object) -> list[PoseBone]:
    found = [bone for bone in target.pose.bones if bone.parent is None]
    for bone in found:
        found.extend(bone.children)
    return found


def _write_rotation(
    channelbag: bpy.types.ActionChannelbag,
    bone: PoseBone,
    frames: NDArray[np.integer],
    turn: NDArray[np.float64],
) -> None:
    """Key a bone's basis (F, 4), wxyz, in the bone's own rotation mode."""
    turn = continuous(turn[:, None])[:, 0]
    if bone.rotation_mode == "QUATERNION":
        values, name = turn, "rotation_quaternion"
    elif bone.rotation_mode == "AXIS_ANGLE":
        angle = 2 * np.arctan2(np.linalg.norm(turn[:, 1:], axis=1), turn[:, 0])
        size = np.maximum(np.linalg.norm(turn[:, 1:], axis=1, keepdims=True), 1e-9)
        axis = np.where(size > 1e-8, turn[:, 1:] / size, [0.0, 1.0, 0.0])
        values, name = np.concatenate([angle[:, None], axis], axis=1), "rotation_axis_angle"
    else:
        last: Euler | None = None
        rows = []
        for each in turn:
            last = (
                Quaternion(each).to_euler(bone.rotation_mode)
                if last is None
                else Quaternion(each).to_euler(bone.rotation_mode, last)
            )
            rows.append(tuple(last))
        values, name = np.array(rows), "rotation_euler"
    for index in range(values.shape[1]):
        write_curve(channelbag, bone.path_from_id(name), index, frames, values[:, index])


def _put_on_track(target: Object, action: Action, name: str, first: int) -> None:
    """The action on a new track on top; what was active goes on a track below it.

    What the same result was retargeted to before goes away.
    """
    animation = target.animation_data_create()
    for track in list(animation.nla_tracks):
        old = {strip.action for strip in track.strips}
        if old and all(each and each.get("jumps_result") == action["jumps_result"] for each in old):
            animation.nla_tracks.remove(track)
            for each in old:
                if not each.users:
                    bpy.data.actions.remove(each)
    before = animation.action
    if before is not None:
        slot = animation.action_slot
        kept = animation.nla_tracks.new()
        kept.name = before.name
        strip = kept.strips.new(before.name, int(before.frame_range[0]), before)
        strip.action_slot = slot
        animation.action = None
    track = animation.nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, first, action)
    strip.action_slot = action.slots[-1]
    strip.extrapolation = "NOTHING"
