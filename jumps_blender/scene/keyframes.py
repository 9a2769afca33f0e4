"""F-curves written in bulk: one slot, one channelbag, whole arrays.

``keyframe_insert`` looks up the curve and re-sorts it for every single key.
"""

from __future__ import annotations

from typing import Literal

import bpy
import numpy as np
from bpy.types import (
    Action,
    ActionChannelbag,
    ActionSlot,
    AnimData,
    Camera,
    FCurve,
    NlaStrip,
    Object,
    Scene,
)
from numpy.typing import NDArray

from ..errors import JumpsError

Interpolation = Literal["CONSTANT", "LINEAR"]

# Blender's last frame (MAXFRAME).
MAX_FRAME = 1_048_574


def frame_rate(scene: Scene) -> float:
    """Frames per second that the scene plays at."""
    return float(scene.render.fps / scene.render.fps_base)


def rate_of(item: Object) -> float:
    """Frames per second of the scene that an object is in: its first one, if it is in several."""
    scenes = item.users_scene
    return frame_rate(scenes[0] if scenes else bpy.context.scene)


def channelbag_for(action: Action, owner: Object | Camera) -> ActionChannelbag:
    """A new, empty channelbag in ``action`` that animates ``owner``, through a slot of its own."""
    channelbag = new_channelbag(action, owner.name, owner.id_type)
    assign(action, owner)
    return channelbag


def new_channelbag(action: Action, name: str, kind: str = "OBJECT") -> ActionChannelbag:
    """A new, empty channelbag in ``action``, with a slot that nothing of that kind uses yet."""
    if not action.layers:
        action.layers.new("Layer").strips.new(type="KEYFRAME")
    slot = action.slots.new(id_type=kind, name=name)
    return action.layers[0].strips[0].channelbag(slot, ensure=True)


def assign(action: Action, owner: Object | Camera) -> None:
    """Let the action's newest slot animate ``owner``."""
    animation = owner.animation_data_create()
    animation.action = action
    animation.action_slot = action.slots[-1]


def push_down(animation: AnimData) -> None:
    """Lay the active action, if there is one, on a new track on top, on which it plays as before.

    As Blender's own Push Down, which is an operator of the Nonlinear Animation editor.
    """
    action, slot = animation.action, animation.action_slot
    if action is None:
        return
    track = animation.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, 0, action)
    strip.action_slot = slot
    # Blender begins the strip where it is told to, and takes the frames of a slot that it chooses.
    span = _span(action, slot)
    if span is not None:
        if _goes_on(action, slot):
            # Beyond its strip an action is held still.
            scenes = bpy.data.scenes
            span = (
                min(span[0], *(each.frame_start for each in scenes)),
                max(span[1], *(each.frame_end for each in scenes)),
            )
        _take_frames(strip, *span)
    strip.frame_start_raw, strip.frame_end_raw = strip.action_frame_start, strip.action_frame_end
    strip.blend_type = animation.action_blend_type
    strip.extrapolation = animation.action_extrapolation
    if animation.action_influence < 1:
        strip.influence = animation.action_influence
        strip.use_animated_influence = True  # with a key of that influence
    animation.action = None


def put_in_strip(strip: NlaStrip, action: Action, slot: ActionSlot) -> None:
    """Let a strip play another action from where it began, as long as that lasts."""
    start, before = strip.frame_start_raw, strip.action_frame_start
    strip.action, strip.action_slot = action, slot
    span = _span(action, slot)
    if span is not None:
        _take_frames(strip, *span)
        start += strip.action_frame_start - before
        length = strip.action_frame_end - strip.action_frame_start
        # The end first where it moves away from the start: a strip is never shorter than nothing.
        strip.frame_end_raw = max(strip.frame_end_raw, start + 1)
        strip.frame_start_raw = start
        strip.frame_end_raw = start + length * strip.scale * strip.repeat


def _take_frames(strip: NlaStrip, first: float, last: float) -> None:
    """Let a strip play these frames of its action, at least one."""
    last = max(last, first + 1)
    strip.action_frame_end = max(strip.action_frame_end, last)
    strip.action_frame_start = first
    strip.action_frame_end = last


def _goes_on(action: Action, slot: ActionSlot | None) -> bool:
    """Whether its curves move before their first key or after their last one."""
    return any(
        curve.extrapolation != "CONSTANT" or len(curve.modifiers) > 0
        for curve in _curves(action, slot)
    )


def _curves(action: Action, slot: ActionSlot | None) -> list[FCurve]:
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        if slot is not None
        if (channelbag := strip.channelbag(slot)) is not None
        for curve in channelbag.fcurves
        if len(curve.keyframe_points) > 0
    ]


def _span(action: Action, slot: ActionSlot | None) -> tuple[float, float] | None:
    """First and last frame of a slot's keys; None where it has none."""
    spans = [curve.range() for curve in _curves(action, slot)]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def check_tweak_mode(owner: Object) -> None:
    """Raise JumpsError where Blender lets nobody change what animates ``owner``."""
    if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
        raise JumpsError(f"Leave the tweak mode of {owner.name}'s animation strips first.")


def clear_motion(double: Object) -> None:
    """Take actions and tracks off a copy of an object; drivers stay."""
    animation = double.animation_data
    if animation is None:
        return
    animation.use_tweak_mode = False
    animation.action = None
    for track in list(animation.nla_tracks):
        animation.nla_tracks.remove(track)


def write_curve(
    channelbag: ActionChannelbag,
    data_path: str,
    index: int,
    frames: NDArray[np.floating] | NDArray[np.integer],
    values: NDArray[np.floating] | NDArray[np.integer],
    interpolation: Interpolation = "LINEAR",
) -> None:
    """Write one new F-curve.

    frames, values: (N,), finite, N at least 1, frames ascending (scene frames, may be fractional)
    """
    curve = channelbag.fcurves.new(data_path, index=index)
    keys = curve.keyframe_points
    keys.add(len(frames))
    co = np.empty((len(frames), 2), np.float32)
    co[:, 0] = frames
    co[:, 1] = values
    kinds = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items
    keys.foreach_set("co", co.ravel())
    keys.foreach_set("interpolation", np.full(len(frames), kinds[interpolation].value, np.int32))
    curve.update()


def changes(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """Indices into (F,) values at which a new value begins; 0 is always one of them."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def channelbag_of(owner: Object | Camera) -> ActionChannelbag | None:
    """What animates ``owner`` by the action that it uses; None where nothing does."""
    animation = owner.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return None
    return animation.action.layers[0].strips[0].channelbag(animation.action_slot)


def keys_of(curve: FCurve) -> NDArray[np.float32]:
    """(N, 2): frames and values of an F-curve's keys."""
    keys = np.empty((len(curve.keyframe_points), 2), np.float32)
    curve.keyframe_points.foreach_get("co", keys.ravel())
    return keys


def held_at(keys: NDArray[np.float32], frames: NDArray) -> NDArray[np.float32]:
    """(F,): values at frames of keys (N, 2) that hold until the next one; N at least 1."""
    # Half a thousandth of a frame: keys are single precision.
    at = np.searchsorted(keys[:, 0], frames + 5e-4, side="right") - 1
    return keys[np.maximum(at, 0), 1]
