"""A rig's channels, keyed into an action that lies on a track of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import Action, ActionChannelbag, NlaTrack, Object, PoseBone
from bpy.utils import escape_identifier
from mathutils import Euler, Quaternion
from numpy.typing import NDArray

from .keyframes import check_tweak_mode, push_down, put_in_strip, write_curve
from .rig_trial import Switches


@dataclass(frozen=True)
class Keys:
    """A bone's channels, None where it has none: turn (F, 4), wxyz without jumps of sign;
    location (F, 3)."""

    turn: NDArray[np.float64] | None
    location: NDArray[np.float64] | None

    def at(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Location and turn in one frame."""
        return (
            np.zeros(3) if self.location is None else self.location[row],
            np.array([1.0, 0.0, 0.0, 0.0]) if self.turn is None else self.turn[row],
        )


def write_keys(action: Action, bone: PoseBone, frames: NDArray[np.integer], key: Keys) -> None:
    """Key a bone's channels."""
    channelbag = action.layers[0].strips[0].channelbag(action.slots[-1])
    if key.location is not None:
        _write_location(channelbag, bone, frames, key.location)
    if key.turn is not None:
        _write_rotation(channelbag, bone, frames, key.turn)


def write_still(
    target: Object,
    action: Action,
    first: NDArray[np.integer],
    turned: Iterable[str],
    held: Iterable[str],
    switches: Switches,
) -> None:
    """One key each: the places of bones that are only turned, which the pose or tracks below might
    have moved; bones that are held at rest; and settings of the rig."""
    channelbag = action.layers[0].strips[0].channelbag(action.slots[-1])
    for name in turned:
        bone = target.pose.bones[name]
        if not bone.bone.use_connect:  # or nothing moves it
            _write_location(channelbag, bone, first, np.zeros((1, 3)))
    for name in held:
        bone = target.pose.bones[name]
        _write_location(channelbag, bone, first, np.zeros((1, 3)))
        _write_rotation(channelbag, bone, first, np.array([[1.0, 0.0, 0.0, 0.0]]))
    for (name, key), value in switches.items():
        path = f'{target.pose.bones[name].path_from_id()}["{escape_identifier(key)}"]'
        write_curve(channelbag, path, 0, first, np.array([value]), "CONSTANT")


def _write_location(
    channelbag: ActionChannelbag,
    bone: PoseBone,
    frames: NDArray[np.integer],
    location: NDArray[np.float64],
) -> None:
    for axis in range(3):
        write_curve(channelbag, bone.path_from_id("location"), axis, frames, location[:, axis])


def _write_rotation(
    channelbag: ActionChannelbag,
    bone: PoseBone,
    frames: NDArray[np.integer],
    turn: NDArray[np.float64],
) -> None:
    """Key a bone's turn (F, 4), wxyz without jumps of sign, in the bone's own rotation mode."""
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


def put_on_track(target: Object, action: Action, name: str, first: int) -> None:
    """The action on a new track on top; what was active goes on a track below it.

    What the same result, or one that it replaced, was retargeted to before goes away, and the new
    action takes the place of its strip, with all that the user has laid above it. Raises JumpsError
    in tweak mode.
    """
    check_tweak_mode(target)
    animation = target.animation_data_create()
    slot = action.slots[-1]
    ours = [track for track in animation.nla_tracks if is_ours(track, action["jumps_lineage"])]
    old = {strip.action for track in ours for strip in track.strips}
    for track in ours[:-1]:
        animation.nla_tracks.remove(track)
    if ours and len(ours[-1].strips) == 1:
        put_in_strip(ours[-1].strips[0], action, slot)
        ours[-1].mute = ours[-1].strips[0].mute = False
    else:
        if ours:
            track = animation.nla_tracks.new(prev=ours[-1])
            track.name = ours[-1].name
            animation.nla_tracks.remove(ours[-1])
        else:
            push_down(animation)
            track = animation.nla_tracks.new()
            track.name = name
        strip = track.strips.new(name, first, action)
        strip.action_slot = slot
        strip.extrapolation = "NOTHING"
    names = [each.name for each in old]
    for each in old:
        if not each.users:
            bpy.data.actions.remove(each)
    if names and names[0] not in bpy.data.actions:
        action.name = names[0]


def is_ours(track: NlaTrack, lineage: str) -> bool:
    """Whether a track holds nothing but what a result, or one before it, was retargeted to."""
    actions = {strip.action for strip in track.strips}
    return bool(actions) and all(
        action is not None and lineage == action.get("jumps_lineage", action.get("jumps_result"))
        for action in actions
    )
