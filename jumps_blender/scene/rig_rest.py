"""Where a body's 28 joints are in a rig at rest, which needn't have a bone for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINTS, joint_index
from .orientation import body_frames
from .rig_trial import Trial

Mapped = Mapping[str, tuple[str, ...]]  # slots of ``skeletons.rig_maps`` to the rig's bones

# The joint whose bone a slot's bone follows.
FOLLOWS = {"hips": "pelvis", "head": "head"} | {
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
SPINE = [joint_index(name) for name in ("pelvis", "spine", "spine2", "spine3", "spine4", "neck")]
# How far ends of limbs reach beyond the last bone that a rig has, as shares of the stature.
_HAND, _FOOT, _TOE, _CROWN = 0.04, 0.074, 0.035, 0.115
_ARM = 0.17  # a forearm, likewise
_ALIKE = 0.6  # cosine of the angle by which a last bone's tail may be away from where it likely is
# Shares of the stature: from the thighs to the neck, of it to the pelvis, from neck to head.
_TRUNK, _PELVIS, _NECK = 0.26, 0.055, 0.113


@dataclass(frozen=True)
class RestBody:
    """The rig at rest, in its armature's space.

    joints: float64 (28, 3); frames: float64 (28, 3, 3), see ``body_frames``; trunk: (V, 3), the
    middle of the thighs, where the spine's bones begin, and where the last one ends
    """

    joints: NDArray[np.float64]
    frames: NDArray[np.float64]
    trunk: NDArray[np.float64]


def at_rest(trial: Trial, mapped: Mapped) -> RestBody:
    """Where the 28 joints are in a rig that needn't have a bone for each.

    Bones point at the next one's head; where there is none, at their tails, unless these point
    elsewhere than such a bone can: in rigs that were made by other programs they often do.
    """

    def head(slot: str) -> NDArray[np.float64] | None:
        names = mapped.get(slot)
        return trial.head(names[0]) if names else None

    def end(slot: str, likely: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where a last bone points: where its tail is, if that is about where it likely does."""
        for name in mapped.get(slot, ())[-1:]:
            way = _direction(trial.tail(name) - trial.head(name), likely)
            if way @ likely > _ALIKE:
                return way
        return likely

    found = {joint: place for slot, joint in FOLLOWS.items() if (place := head(slot)) is not None}
    # The hips' bone may begin anywhere near; the pelvis is a little up the spine from the thighs.
    thighs = 0.5 * (found["l_hip"] + found["r_hip"])
    neck = head("neck")
    chest = 0.5 * (found["l_shoulder"] + found["r_shoulder"]) if neck is None else neck
    trunk = np.array([thighs, *(trial.head(name) for name in mapped.get("spine", ())), chest])
    tall = float(np.linalg.norm(chest - thighs)) / _TRUNK
    up = _direction(chest - thighs, np.array([0.0, 0.0, 1.0]))
    ahead = _direction(np.cross(found["l_hip"] - found["r_hip"], up), np.array([0.0, -1.0, 0.0]))
    cuts = shares(np.linalg.norm(np.diff(trunk, axis=0), axis=-1))
    places = np.linspace(_PELVIS / _TRUNK, 1.0, len(SPINE))
    for joint, share in zip(SPINE, places, strict=True):
        found[JOINTS[joint]] = np.array([np.interp(share, cuts, axis) for axis in trunk.T])
    found.setdefault("head", chest + _NECK * tall * up)
    found["head_top"] = found["head"] + _CROWN * tall * end("head", up)
    for side in "lr":
        shoulder = found[f"{side}_shoulder"]
        found.setdefault(f"{side}_clavicle", 0.73 * chest + 0.27 * shoulder)
        upper = _direction(shoulder - found[f"{side}_clavicle"], up)
        elbow = found.setdefault(f"{side}_elbow", shoulder + _ARM * tall * upper)
        upper = _direction(elbow - shoulder, upper)
        wrist = found.setdefault(f"{side}_wrist", elbow + _ARM * tall * upper)
        fore = _direction(wrist - elbow, upper)
        found[f"{side}_hand"] = wrist + _HAND * tall * end(f"{side}_hand", fore)
        down = found[f"{side}_knee"] - found[f"{side}_hip"]
        ankle = found.setdefault(f"{side}_ankle", found[f"{side}_knee"] + down)
        slope = _direction(ahead - 0.6 * up, ahead)
        ball = found.setdefault(f"{side}_foot", ankle + _FOOT * tall * end(f"{side}_foot", slope))
        flat = ball - ankle
        flat = _direction(flat - (flat @ up) * up, ahead)
        toes = end(f"{side}_toe", flat)
        toes = _direction(toes - (toes @ up) * up, flat)
        found[f"{side}_toe"] = ball + _TOE * tall * toes
    joints = np.array([found[name] for name in JOINTS])
    return RestBody(joints, body_frames(joints[None], joints)[0], trunk)


def shares(lengths: NDArray) -> NDArray[np.float64]:
    """(N + 1,): how far along a way each end of its N parts lies, from 0 to 1."""
    way = np.concatenate([[0.0], np.cumsum(lengths)])
    return np.asarray(way / max(float(way[-1]), 1e-9))


def _direction(vector: NDArray, otherwise: NDArray) -> NDArray[np.float64]:
    length = np.linalg.norm(vector)
    if length < 1e-9:
        vector, length = otherwise, np.linalg.norm(otherwise)
    return np.asarray(vector / max(float(length), 1e-9))
