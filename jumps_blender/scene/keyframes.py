"""F-curves written in bulk: one slot, one channelbag, whole arrays.

``keyframe_insert`` looks up the curve and re-sorts it for every single key.
"""

from __future__ import annotations

from typing import Literal

import bpy
import numpy as np
from bpy.types import Action, ActionChannelbag, Camera, FCurve, Object
from numpy.typing import NDArray

Interpolation = Literal["CONSTANT", "LINEAR"]

# Blender's last frame (MAXFRAME).
MAX_FRAME = 1_048_574


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


def channelbag_of(owner: Object) -> ActionChannelbag | None:
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
