"""How known families of rigs call the parts of a body, and which of them a rig belongs to.

A map's names are those of the family without what all names of one rig begin with: Mixamo's
``mixamorig:Hips`` is ``Hips`` here. Capitals, separators and numbers at the end don't count either.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .rig_bones import BoneTree, RigBone
from .rig_guess import guessed
from .rig_slots import IK_FOLLOWS, NEEDED, SIDED_PARTS, SLOTS, title_of
from .rig_words import meanings

__all__ = [
    "RIG_MAPS",
    "SLOTS",
    "SWITCHES",
    "RigBone",
    "RigMap",
    "guessed",
    "mapped",
    "problems",
]

GUESSED = "guessed"


@dataclass(frozen=True)
class RigMap:
    """One family of rigs.

    title: for users
    bones: for each slot that the family has, its bone; of spine and neck, all of them from the
        hips up, of which a rig may lack some
    """

    name: str
    title: str
    bones: Mapping[str, tuple[str, ...]]


def _map(name: str, title: str, sides: tuple[str, str], **names: str) -> RigMap:
    """names: for each slot, its bone, or bones with commas between; {} stands for the side."""
    bones = {}
    for part, spelt in names.items():
        for side, word in zip(("l_", "r_"), sides, strict=True):
            slot = part if part in SLOTS else side + part
            bones[slot] = tuple(one.strip().replace("{}", word) for one in spelt.split(","))
    return RigMap(name, title, {slot: bones[slot] for slot in sorted(bones, key=SLOTS.index)})


_LEFT_RIGHT = ("Left", "Right")
_HUMAN_IK = {
    "hips": "Hips",
    "spine": "Spine, Spine1, Spine2, Spine3, Spine4",
    "neck": "Neck, Neck1",
    "head": "Head",
    "clavicle": "{}Shoulder",
    "upper_arm": "{}Arm",
    "forearm": "{}ForeArm",
    "hand": "{}Hand",
    "thigh": "{}UpLeg",
    "shin": "{}Leg",
    "foot": "{}Foot",
    "toe": "{}ToeBase",
}
_HUMANOID = {
    "clavicle": "{}Shoulder",
    "upper_arm": "{}UpperArm",
    "forearm": "{}LowerArm",
    "hand": "{}Hand",
    "thigh": "{}UpperLeg",
    "shin": "{}LowerLeg",
    "foot": "{}Foot",
}

# Of two maps that fit a rig equally well, the first is taken.
RIG_MAPS: dict[str, RigMap] = {
    rig_map.name: rig_map
    for rig_map in (
        # The armature that this extension makes itself: a bone begins at the joint of its name.
        _map(
            "jumps",
            "JUMPS (28 joints)",
            ("l", "r"),
            hips="pelvis",
            spine="spine, spine2, spine3, spine4",
            neck="neck",
            head="head",
            clavicle="{}_clavicle",
            upper_arm="{}_shoulder",
            forearm="{}_elbow",
            hand="{}_wrist",
            thigh="{}_hip",
            shin="{}_knee",
            foot="{}_ankle",
            toe="{}_foot",
        ),
        _map("mixamo", "Mixamo, MotionBuilder", _LEFT_RIGHT, **_HUMAN_IK),
        # cgspeed's conversions of the CMU motion capture database.
        _map(
            "cmu",
            "CMU motion capture (BVH)",
            _LEFT_RIGHT,
            **_HUMAN_IK | {"spine": "LowerBack, Spine, Spine1"},
        ),
        # The same with the names of its own ASF files; their wrist is the forearm's second half.
        _map(
            "asf",
            "CMU motion capture (ASF)",
            ("l", "r"),
            hips="root",
            spine="lowerback, upperback, thorax",
            neck="lowerneck, upperneck",
            head="head",
            clavicle="{}clavicle",
            upper_arm="{}humerus",
            forearm="{}radius",
            hand="{}hand",
            thigh="{}femur",
            shin="{}tibia",
            foot="{}foot",
            toe="{}toes",
        ),
        _map("lafan", "LAFAN1 (BVH)", _LEFT_RIGHT, **_HUMAN_IK | {"toe": "{}Toe"}),
        # UE4 has three bones of the spine and one of the neck. Its ik_… bones drive nothing here,
        # but the engine wants them where hands and feet are, and the gun's in the right hand.
        _map(
            "unreal",
            "Unreal Engine mannequins, MetaHuman",
            ("l", "r"),
            root="root",
            hips="pelvis",
            spine="spine_01, spine_02, spine_03, spine_04, spine_05",
            neck="neck_01, neck_02",
            head="head",
            clavicle="clavicle_{}",
            upper_arm="upperarm_{}",
            forearm="lowerarm_{}",
            hand="hand_{}",
            thigh="thigh_{}",
            shin="calf_{}",
            foot="foot_{}",
            toe="ball_{}",
            hand_ik="ik_hand_{}",
            r_hand_ik="ik_hand_gun, ik_hand_r",
            foot_ik="ik_foot_{}",
        ),
        # VRM 1.0 names the same parts in the same words: hips, leftUpperArm, leftToes …
        _map(
            "unity",
            "Unity Humanoid, VRM",
            _LEFT_RIGHT,
            root="Root",
            hips="Hips",
            spine="Spine, Chest, UpperChest",
            neck="Neck",
            head="Head",
            toe="{}Toes",
            **_HUMANOID,
        ),
        _map(
            "vroid",
            "VRoid Studio",
            ("J_Bip_L_", "J_Bip_R_"),
            root="Root",
            hips="J_Bip_C_Hips",
            spine="J_Bip_C_Spine, J_Bip_C_Chest, J_Bip_C_UpperChest",
            neck="J_Bip_C_Neck",
            head="J_Bip_C_Head",
            toe="{}ToeBase",
            **_HUMANOID,
        ),
        _map(
            "rigify",
            "Rigify (generated rig)",
            ("L", "R"),
            root="root",
            # The torso carries all of it. The lower half of the spine (spine_fk, spine_fk.001)
            # turns the hips beneath it, so it is no part of the way from hips to head.
            hips="torso",
            spine="spine_fk.002, spine_fk.003",
            neck="neck",
            head="head",
            clavicle="shoulder.{}",
            upper_arm="upper_arm_fk.{}",
            forearm="forearm_fk.{}",
            hand="hand_fk.{}",
            thigh="thigh_fk.{}",
            shin="shin_fk.{}",
            foot="foot_fk.{}",
            toe="toe_fk.{}",
            hand_ik="hand_ik.{}",
            elbow_pole="upper_arm_ik_target.{}",
            foot_ik="foot_ik.{}",
            toe_ik="toe_ik.{}",
            knee_pole="thigh_ik_target.{}",
        ),
        _map(
            "rigify_meta",
            "Rigify (human meta-rig)",
            ("L", "R"),
            hips="spine",
            spine="spine.001, spine.002, spine.003",
            neck="spine.004, spine.005",
            head="spine.006",
            clavicle="shoulder.{}",
            upper_arm="upper_arm.{}",
            forearm="forearm.{}",
            hand="hand.{}",
            thigh="thigh.{}",
            shin="shin.{}",
            foot="foot.{}",
            toe="toe.{}",
        ),
        # Names begin with Bip001 or the like, which is also the bone above the pelvis.
        _map(
            "biped",
            "3ds Max Biped",
            ("L", "R"),
            hips="Pelvis",
            spine="Spine, Spine1, Spine2, Spine3, Spine4",
            neck="Neck, Neck1, Neck2",
            head="Head",
            clavicle="{} Clavicle",
            upper_arm="{} UpperArm",
            forearm="{} Forearm",
            hand="{} Hand",
            thigh="{} Thigh",
            shin="{} Calf",
            foot="{} Foot",
            toe="{} Toe0",
        ),
        # In Daz's and Reallusion's rigs the pelvis is below the hip and carries the legs alone.
        _map(
            "genesis8",
            "Daz Genesis 3, 8",
            ("l", "r"),
            hips="hip",
            spine="abdomenLower, abdomenUpper, chestLower, chestUpper",
            neck="neckLower, neckUpper",
            head="head",
            clavicle="{}Collar",
            upper_arm="{}ShldrBend",
            forearm="{}ForearmBend",
            hand="{}Hand",
            thigh="{}ThighBend",
            shin="{}Shin",
            foot="{}Foot",
            toe="{}Toe",
        ),
        _map(
            "genesis9",
            "Daz Genesis 9",
            ("l", "r"),
            hips="hip",
            spine="spine1, spine2, spine3, spine4",
            neck="neck1, neck2",
            head="head",
            clavicle="{}_shoulder",
            upper_arm="{}_upperarm",
            forearm="{}_forearm",
            hand="{}_hand",
            thigh="{}_thigh",
            shin="{}_shin",
            foot="{}_foot",
            toe="{}_toes",
        ),
        _map(
            "character_creator",
            "Character Creator",
            ("L", "R"),
            root="BoneRoot",
            hips="Hip",
            spine="Waist, Spine01, Spine02",
            neck="NeckTwist01, NeckTwist02",
            head="Head",
            clavicle="{}_Clavicle",
            upper_arm="{}_Upperarm",
            forearm="{}_Forearm",
            hand="{}_Hand",
            thigh="{}_Thigh",
            shin="{}_Calf",
            foot="{}_Foot",
            toe="{}_ToeBase",
        ),
        _map(
            "rokoko",
            "Rokoko",
            _LEFT_RIGHT,
            **_HUMAN_IK
            | {
                "spine": "Spine1, Spine2, Spine3, Spine4",
                "thigh": "{}Thigh",
                "shin": "{}Shin",
                "toe": "{}Toe",
            },
        ),
        _map(
            "xsens",
            "Xsens (BVH)",
            _LEFT_RIGHT,
            hips="Hips",
            spine="Chest, Chest2, Chest3, Chest4",
            neck="Neck",
            head="Head",
            clavicle="{}Collar",
            upper_arm="{}Shoulder",
            forearm="{}Elbow",
            hand="{}Wrist",
            thigh="{}Hip",
            shin="{}Knee",
            foot="{}Ankle",
            toe="{}Toe",
        ),
        _map(
            "smpl",
            "SMPL, SMPL-X",
            ("left", "right"),
            hips="pelvis",
            spine="spine1, spine2, spine3",
            neck="neck",
            head="head",
            clavicle="{}_collar",
            upper_arm="{}_shoulder",
            forearm="{}_elbow",
            hand="{}_wrist",
            thigh="{}_hip",
            shin="{}_knee",
            foot="{}_ankle",
            toe="{}_foot",
        ),
    )
}


def mapped(bones: Sequence[RigBone]) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The name of the rig's map, or "guessed", and the rig's own bones for each slot.

    Slots without a bone are left out. The result may lack what is needed: see problems().
    """
    best = _best(bones)
    if best is None:
        return GUESSED, guessed(bones)
    return best[0].name, best[1]


# Custom properties of a rig's bones that decide what moves what, and the values at which what is
# keyed does: with limbs by FK, and by IK.
SWITCHES: dict[str, tuple[float, float]] = {
    # Rigify: IK reaches everything, poles are used, and neck and head go with the chest.
    "IK_FK": (1.0, 0.0),
    "IK_Stretch": (1.0, 1.0),
    "pole_vector": (1.0, 1.0),
    "neck_follow": (1.0, 1.0),
    "head_follow": (1.0, 1.0),
}

# What hangs on what: the first of these slots that the rig has. In rigs for animators a root, a
# clavicle and IK controls may hold others by constraints alone.
_BELOW: dict[str, tuple[str, ...]] = {
    "spine": ("hips",),
    "neck": ("spine", "hips"),
    "head": ("neck", "spine", "hips"),
    "clavicle": ("hips",),
    "upper_arm": ("hips",),
    "forearm": ("upper_arm",),
    "hand": ("forearm",),
    "thigh": ("hips",),
    "shin": ("thigh",),
    "foot": ("shin",),
    "toe": ("foot",),
}


def problems(mapping: Mapping[str, Sequence[str]], bones: Sequence[RigBone]) -> list[str]:
    """What is wrong with a mapping, a line each, for users; empty if it can be used."""
    tree = BoneTree(bones)
    lines = [f"{slot} is no part of a body." for slot in mapping if slot not in SLOTS]
    given = {slot: [name for name in mapping.get(slot, ()) if name] for slot in SLOTS}
    lines += [f"No bone is given for the {title_of(slot)}." for slot in NEEDED if not given[slot]]
    used: dict[str, str] = {}
    for slot in SLOTS:
        is_chain = slot in ("spine", "neck") or slot[2:] in IK_FOLLOWS
        if not is_chain and len(given[slot]) > 1:
            lines.append(f"The {title_of(slot)} is one bone, not {' and '.join(given[slot])}.")
        for name in given[slot]:
            if name not in tree.number:
                lines.append(f"The rig has no bone {name} for the {title_of(slot)}.")
            elif name not in used:
                used[name] = slot
            elif used[name] == slot:
                lines.append(f"{name} is given twice for the {title_of(slot)}.")
            else:
                lines.append(
                    f"{name} is given for the {title_of(used[name])} and the {title_of(slot)}."
                )
    for slot in SLOTS:
        lines += _broken(slot, given, tree)
    if not _stands(given, tree):
        lines.append("At rest the trunk lies across the legs: this seems to be no human body.")
    return lines


def _broken(slot: str, given: dict[str, list[str]], tree: BoneTree) -> list[str]:
    """A line for each bone of a slot that doesn't hang on the bone before it."""
    side, part = (slot[:2], slot[2:]) if slot[:2] in ("l_", "r_") else ("", slot)
    above = [side + other if other in SIDED_PARTS else other for other in _BELOW.get(part, ())]
    before = next((other for other in above if given[other]), None)
    chain = [(name, slot) for name in given[slot] if name in tree.number]
    if before and given[before][-1] in tree.number:
        chain.insert(0, (given[before][-1], before))
    lines = []
    for (over, over_slot), (name, _) in pairwise(chain):
        if name != over and not tree.is_below(tree.number[name], tree.number[over]):
            where = over if over_slot == slot else f"the {title_of(over_slot)} ({over})"
            lines.append(f"The {title_of(slot)} ({name}) doesn't hang on {where}.")
    return lines


_LYING = 0.4  # cosine of the angle between legs and trunk below which nobody stands


def _stands(given: Mapping[str, Sequence[str]], tree: BoneTree) -> bool:
    """Whether the trunk goes on where the legs point from; also where that cannot be told."""
    places = {}
    for slot in ("l_thigh", "r_thigh", "l_foot", "r_foot", "l_upper_arm", "r_upper_arm"):
        name = next(iter(given.get(slot, ())), "")
        if name not in tree.number:
            return True
        places[slot] = np.array(tree.bones[tree.number[name]].head)
    hips, feet, shoulders = (
        places[f"l_{part}"] + places[f"r_{part}"] for part in ("thigh", "foot", "upper_arm")
    )
    legs, trunk = hips - feet, shoulders - hips
    return not legs @ trunk < _LYING * np.linalg.norm(legs) * np.linalg.norm(trunk)


def _arms_fit(given: Mapping[str, Sequence[str]], tree: BoneTree) -> bool:
    """Whether the arms hang on the end of the spine, or on a neck that is called so.

    Where bones are but numbered, as in Rigify's meta-rig, a rig with one more bone in its spine
    has the same names for other parts.
    """
    tops = [given.get(f"{side}_clavicle") or given[f"{side}_upper_arm"] for side in "lr"]
    carrier = tree.common(tree.number[top[0]] for top in tops)
    if carrier is None or not tree.is_below(carrier, tree.number[given["hips"][0]]):
        return True  # held by constraints
    necks = [*given.get("neck", ()), *given["head"]]
    on_neck = tree.is_below(carrier, tree.number[necks[0]])
    return tree.is_below(carrier, tree.number[given["spine"][-1]]) and (
        not on_neck or meanings(necks[:1])[0].part == "neck"
    )


def _plain(name: str) -> str:
    """A name without its namespace, capitals and separators."""
    name = unicodedata.normalize("NFKC", re.split(r"[:|]", name)[-1])
    return re.sub(r"[\W_]", "", name.casefold())


_WANTED = frozenset(
    _plain(name)
    for rig_map in RIG_MAPS.values()
    for names in rig_map.bones.values()
    for name in names
)
_LONGEST_NAME = 64
_COPIES = ("def", "org", "mch", "deform")  # bones that follow others; taken if there are no others
_PREFIXES = 4


def _best(bones: Sequence[RigBone]) -> tuple[RigMap, dict[str, tuple[str, ...]]] | None:
    best: tuple[tuple[int, float], RigMap, dict[str, tuple[str, ...]]] | None = None
    tree = BoneTree(bones)
    for names in _readings(bones):
        for rig_map in RIG_MAPS.values():
            found = _found(rig_map, names)
            if not found.keys() >= set(NEEDED):
                continue
            count = sum(map(len, found.values()))
            score = (count, count / sum(map(len, rig_map.bones.values())))
            better = best is None or score > best[0]
            if better and _stands(found, tree) and _arms_fit(found, tree):
                best = score, rig_map, found
    return best[1:] if best else None


def _found(rig_map: RigMap, names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The slots of a map that a rig has; names: the rig's bones by the names to look them up."""
    found = {}
    for slot, wanted in rig_map.bones.items():
        keys = (_plain(name) for name in wanted)
        if there := tuple(names[key] for key in keys if key in names):
            found[slot] = there
    return found


def _readings(bones: Sequence[RigBone]) -> list[dict[str, str]]:
    """Ways to read the bones' names, the most literal first: what a map may say -> bone.

    Without a prefix that many bones share, without the number that a bone was given when it was
    copied (.001) or exported (_07).
    """
    readings = []
    for cut in (False, True):
        keys = [
            (_plain(re.sub(r"(?<=[^\W_])[._\s-]+\d+$", "", b.name) if cut else b.name), b.name)
            for b in bones
        ]
        prefixes = Counter(
            key[:start]
            for key, _ in keys
            for start in range(1, min(len(key), _LONGEST_NAME))
            if key[start:] in _WANTED
        )
        common = [prefix for prefix, count in prefixes.most_common(_PREFIXES) if count > 1]
        for prefix in ("", *sorted(common, key=lambda word: word in _COPIES)):
            names: dict[str, str] = {}
            for key, name in keys:
                if key.startswith(prefix):
                    names.setdefault(key[len(prefix) :], name)
            readings.append(names)
    return readings
