"""Joint sets of 2D pose estimators, and which of their joints are which of the 28.

A joint is mapped only where the definitions agree. Joints that merely look alike are left out on
purpose: ears, eyes and noses are not ``head``; heels are not ``foot`` (the ball of the foot); a
detector's mid-hip and neck lie on the hip and shoulder lines, whereas ``pelvis`` lies about 10 cm
above the one and ``neck`` about 5 cm below the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .target28 import COMMON12, JOINTS


@dataclass(frozen=True)
class JointSet:
    """The joints of one estimator and their map to the target skeleton.

    ``to_target`` maps a target joint's name to the source joints whose mean it is.
    """

    name: str
    joints: tuple[str, ...]
    to_target: Mapping[str, tuple[str, ...]]

    def target_sources(self) -> dict[int, tuple[int, ...]]:
        """The map as indices: target joint -> source joints whose mean it is."""
        return {
            JOINTS.index(target): tuple(self.joints.index(source) for source in sources)
            for target, sources in self.to_target.items()
        }

    def common_columns(self) -> list[int]:
        """Those of its joints that are the 12 common ones, or the first source of each."""
        given = self.target_sources()
        return [given[joint][0] for joint in COMMON12 if joint in given]


_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_SIDES = {"left": "l", "right": "r"}
_COMMON: dict[str, tuple[str, ...]] = {
    f"{short}_{part}": (f"{long}_{part}",) for long, short in _SIDES.items() for part in _LIMBS
}


def _both(target: str, *sources: str) -> dict[str, tuple[str, ...]]:
    """One map entry for each side: target ``hand`` from sources ``hand_5``, ``hand_9`` …"""
    return {
        f"{short}_{target}": tuple(f"{long}_{source}" for source in sources)
        for long, short in _SIDES.items()
    }


_FACE5 = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_COCO17 = _FACE5 + tuple(f"{side}_{part}" for part in _LIMBS for side in _SIDES)
_HALPE_EXTRA = (
    *("head", "neck", "hip"),
    *("left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe"),
    *("left_heel", "right_heel"),
)
_HALPE26 = _COCO17 + _HALPE_EXTRA
_FACE68 = tuple(f"face_{i}" for i in range(68))
_HANDS42 = tuple(f"{side}_hand_{i}" for side in _SIDES for i in range(21))
_WHOLEBODY_FEET = tuple(
    f"{side}_{part}" for side in _SIDES for part in ("big_toe", "small_toe", "heel")
)
_OPENPOSE_ARMS = (
    *("nose", "neck"),
    *("right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)
_OPENPOSE_LEGS = tuple(f"{side}_{part}" for side in ("right", "left") for part in _LIMBS[3:])
_OPENPOSE_HEAD = ("right_eye", "left_eye", "right_ear", "left_ear")
_MEDIAPIPE33 = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear"),
    *("mouth_left", "mouth_right"),
    *(
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
        for side in _SIDES
    ),
    *(
        f"{side}_{part}"
        for part in ("hip", "knee", "ankle", "heel", "foot_index")
        for side in _SIDES
    ),
)
_H36M17 = (
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("spine", "thorax", "neck_base", "head"),
    *("left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist"),
)
# The knuckles (metacarpophalangeal joints) of index, middle, ring and little finger among a
# hand's 21 keypoints: the target's "hand" lies about there.
_KNUCKLES = ("hand_5", "hand_9", "hand_13", "hand_17")
_BIG_TOES = _both("toe", "big_toe")

JOINT_SETS: dict[str, JointSet] = {
    joint_set.name: joint_set
    for joint_set in (
        JointSet("coco17", _COCO17, _COMMON),
        JointSet("halpe26", _HALPE26, {**_COMMON, **_BIG_TOES, "head_top": ("head",)}),
        JointSet(
            "halpe136",
            _HALPE26 + _FACE68 + _HANDS42,
            {**_COMMON, **_BIG_TOES, "head_top": ("head",), **_both("hand", *_KNUCKLES)},
        ),
        JointSet(
            "coco_wholebody133",
            _COCO17 + _WHOLEBODY_FEET + _FACE68 + _HANDS42,
            {**_COMMON, **_BIG_TOES, **_both("hand", *_KNUCKLES)},
        ),
        JointSet(
            "openpose_body25",
            (
                *_OPENPOSE_ARMS,
                "mid_hip",
                *_OPENPOSE_LEGS,
                *_OPENPOSE_HEAD,
                *("left_big_toe", "left_small_toe", "left_heel"),
                *("right_big_toe", "right_small_toe", "right_heel"),
            ),
            {**_COMMON, **_BIG_TOES},
        ),
        JointSet("openpose_coco18", (*_OPENPOSE_ARMS, *_OPENPOSE_LEGS, *_OPENPOSE_HEAD), _COMMON),
        JointSet(
            "mediapipe33",
            _MEDIAPIPE33,
            {**_COMMON, **_both("toe", "foot_index"), **_both("hand", "index", "pinky")},
        ),
        JointSet("h36m17", _H36M17, {**_COMMON, "head_top": ("head",)}),
        JointSet("mpi_inf_3dhp28", JOINTS, {name: (name,) for name in JOINTS}),
    )
}

_SIDE_WORDS = {"l": "l", "left": "l", "lt": "l", "r": "r", "right": "r", "rt": "r"}
_PART_WORDS = {
    **{part: part for part in _LIMBS},
    **{name.removeprefix("l_"): name.removeprefix("l_") for name in JOINTS if name[:2] != "r_"},
    "bigtoe": "toe",
    "footindex": "toe",
    "headtop": "head_top",
    "topofhead": "head_top",
}
_SIDED_PARTS = {name[2:] for name in JOINTS if name.startswith("l_")}
# In files whose names the user chose, these words name a different point than the target's.
_AMBIGUOUS = {"head", "neck", "pelvis", "hand", "foot", "spine", "clavicle"}


def joint_set_from_names(name: str, joints: Sequence[str]) -> JointSet:
    """A joint set from names that a user chose (DeepLabCut, SLEAP), mapped by those names.

    ``left_shoulder``, ``shoulder_l``, ``LShoulder``, ``Left Shoulder`` and ``shoulder.L`` all mean
    the same. Names whose definition is anybody's guess (head, neck, pelvis, hand, foot, spine …)
    are not mapped, unless the file uses the target's own 28 names.
    """
    is_target = len(joints) == len(JOINTS) and set(joints) == set(JOINTS)
    to_target: dict[str, tuple[str, ...]] = {}
    for joint in joints:
        target = joint if is_target else _target_of(joint)
        if target is not None and target not in to_target:
            to_target[target] = (joint,)
    return JointSet(name, tuple(joints), to_target)


def _target_of(joint: str) -> str | None:
    # "LShoulder" and "leftShoulder" -> "L Shoulder", "left Shoulder"; then split at separators.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=^[LR])(?=[A-Z][a-z])", " ", joint)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", spaced.lower()) if word]
    sides = [_SIDE_WORDS[word] for word in words if word in _SIDE_WORDS]
    part = _PART_WORDS.get("".join(word for word in words if word not in _SIDE_WORDS))
    if part is None or part in _AMBIGUOUS:
        return None
    if part in _SIDED_PARTS:
        return f"{sides[0]}_{part}" if len(sides) == 1 else None
    return part if not sides else None
