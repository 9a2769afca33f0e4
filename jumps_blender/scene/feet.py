"""Standing feet in the scene: contacts as keys that the user edits, and the legs they hold.

Heels (the ankles' empties) and toes carry ``jumps_contact``, keyed where a part of the foot begins
and ends to stand. Knees, ankles, balls and toes carry ``jumps_free``, keyed on every frame: where
they were before standing feet were held, in the root's space, so that a contact which is taken away
lets the foot go. Both are ordinary curves: they follow when the action is moved or stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from bpy.types import ActionChannelbag, FCurve, Object, Scene
from numpy.typing import NDArray

from ..errors import FLAT, JumpsError
from ..keypoints.space import CONTACTS, HELD, SpaceSequence
from ..skeletons import JOINTS, joint_index
from .keyframes import changes, channelbag_of, frame_rate, held_at, keys_of, write_curve

if TYPE_CHECKING:  # it keys what is read here
    from .result import Result

CONTACT, FREE = "jumps_contact", "jumps_free"
UNITS = "jumps_units_per_metre"  # of the root: scene units in a metre of what was lifted
_TITLES = {
    "l_ankle": "Left Heel Stands",
    "l_toe": "Left Toes Stand",
    "r_ankle": "Right Heel Stands",
    "r_toe": "Right Toes Stand",
}
_HELD = [joint_index(name) for name in HELD]


@dataclass(frozen=True)
class Feet:
    """What holding the feet of a result needs.

    frames: float64 (F,), the scene frames of its keys; times: the same in seconds
    free: float64 (F, 28, 3), metres, z up: the joints, with the legs as they were before
    stands: bool (F, 4), as ``CONTACTS``
    units: scene units in a metre
    """

    frames: NDArray[np.float64]
    times: NDArray[np.float64]
    free: NDArray[np.float64]
    stands: NDArray[np.bool_]
    units: float


def key_foot(
    channelbag: ActionChannelbag,
    empty: Object,
    joint: str,
    frames: NDArray[np.float64],
    space: SpaceSequence,
    scale: float,
) -> None:
    """Key what a joint's empty carries for its foot; of most joints that is nothing.

    scale: scene units in a metre
    """
    if joint in HELD:
        free = space.free[:, HELD.index(joint)].astype(float) * scale
        empty[FREE] = free[0].tolist()
        for axis in range(3):
            write_curve(channelbag, f'["{FREE}"]', axis, frames, free[:, axis])
    if joint in CONTACTS:
        stands = space.stands[:, CONTACTS.index(joint)].astype(np.int8)
        at = changes(stands)
        empty[CONTACT] = bool(stands[0])
        write_curve(channelbag, f'["{CONTACT}"]', 0, frames[at], stands[at], "CONSTANT")


def contact_owners(result: Result) -> list[tuple[str, Object]]:
    """What each part of the feet that may stand is called, and its empty; those that are there."""
    found = {item.get("jumps_joint"): item for item in result.members if CONTACT in item}
    return [(_TITLES[name], found[name]) for name in CONTACTS if name in found]


def read_feet(result: Result, scene: Scene) -> Feet:
    """What the result's keys say now, the user's changes among them.

    Raises JumpsError where it is flat, too old to carry it, or has lost keys of a joint.
    """
    if "jumps_lifter" not in result.root:
        raise JumpsError(FLAT)
    empties = dict(zip(JOINTS, result.empties, strict=True))
    if UNITS not in result.root or any(FREE not in empties[name] for name in HELD):
        raise JumpsError(
            "This result does not know how its legs were before: choose Run Again first."
        )
    units = float(result.root[UNITS])
    # Keys of the legs may have been taken away; where the clip has frames their copies tell.
    kept = [keys_of(_curve(empties[name], f'["{FREE}"]', 0))[:, 0] for name in HELD]
    frames = np.unique(np.concatenate(kept)).astype(float)
    free = np.stack(
        [
            _vector(empty, f'["{FREE}"]' if name in HELD else "location", frames)
            for name, empty in empties.items()
        ],
        axis=1,
    )
    stands = np.stack([_stands(empties[name], frames) for name in CONTACTS], axis=1)
    fps = frame_rate(scene)
    if not (units > 0 and np.isfinite(free).all()):
        raise JumpsError("The result's keys are no usable numbers; choose Run Again.")
    return Feet(frames, frames / fps, free / units, stands, units)


def write_legs(result: Result, feet: Feet, legs: NDArray[np.floating]) -> None:
    """Key the joints ``HELD`` at places (F, 8, 3), metres, in place of their keys."""
    for column, joint in enumerate(_HELD):
        empty = result.empties[joint]
        bag = _channelbag(empty)
        for axis in range(3):
            bag.fcurves.remove(_curve(empty, "location", axis))
            values = legs[:, column, axis] * feet.units
            write_curve(bag, "location", axis, feet.frames, values)


def held_joints(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of joints (F, 28, 3) those of ``HELD``."""
    return points[:, _HELD]


def _channelbag(empty: Object) -> ActionChannelbag:
    bag = channelbag_of(empty)
    if bag is None:
        raise JumpsError(f"{empty.name} has lost its keys; undo that, or choose Run Again.")
    return bag


def _curve(empty: Object, path: str, index: int) -> FCurve:
    found = _channelbag(empty).fcurves.find(path, index=index)
    if found is None or not len(found.keyframe_points):
        raise JumpsError(f"{empty.name} has lost keys of its {path}; undo that, or Run Again.")
    return found


def _vector(empty: Object, path: str, frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, 3)"""
    return np.stack([_values(_curve(empty, path, axis), frames) for axis in range(3)], axis=1)


def _values(curve: FCurve, frames: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve at these frames; asking Blender for each would take long."""
    keys = keys_of(curve)
    if len(keys) == len(frames) and np.allclose(keys[:, 0], frames, rtol=0, atol=1e-3):
        return keys[:, 1].astype(float)
    return np.array([curve.evaluate(frame) for frame in frames])


def _stands(empty: Object, frames: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(F,): of its keys the one at a frame or before it counts, without any its value now."""
    curve = _channelbag(empty).fcurves.find(f'["{CONTACT}"]')
    if curve is None or not len(curve.keyframe_points):
        return np.full(len(frames), bool(empty.get(CONTACT, False)))
    return held_at(keys_of(curve), frames) > 0.5
