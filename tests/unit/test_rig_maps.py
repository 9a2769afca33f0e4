"""Rigs of known and unknown families: the right bones for the right parts, or none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest

from jumps_blender.skeletons import JOINTS, PARENTS
from jumps_blender.skeletons.rig_maps import (
    RIG_MAPS,
    SLOTS,
    RigBone,
    guessed,
    mapped,
    problems,
)
from jumps_blender.skeletons.rig_slots import NEEDED, title_of
from jumps_blender.skeletons.rig_words import PARTS

# A figure in metres that faces -y; where a part begins, on the left side.
PLACES = {
    "root": (0, 0, 0),
    "hips": (0, 0.01, 0.97),
    "clavicle": (0.03, -0.01, 1.43),
    "upper_arm": (0.17, 0.02, 1.44),
    "forearm": (0.37, 0.04, 1.27),
    "hand": (0.55, 0.0, 1.11),
    "thigh": (0.09, 0, 0.92),
    "shin": (0.1, -0.01, 0.5),
    "foot": (0.1, 0.02, 0.08),
    "toe": (0.11, -0.11, 0.02),
    "hand_ik": (0.55, 0.0, 1.11),
    "foot_ik": (0.1, 0.02, 0.08),
    "toe_ik": (0.11, -0.11, 0.02),
    "elbow_pole": (0.37, 0.5, 1.27),
    "knee_pole": (0.1, -0.6, 0.5),
}
ENDS = {
    "root": (0, -0.3, 0),
    "head": (0, 0, 1.78),
    "hand": (0.67, -0.02, 1.0),
    "foot": (0.11, -0.11, 0.02),
    "toe": (0.11, -0.17, 0.02),
}
HEAD = (0, 0, 1.58)
SPINE, NECK = ((0, 0.02, 1.04), (0, 0.0, 1.42)), ((0, 0.01, 1.48), HEAD)
ON = {
    "spine": ("hips",),
    "neck": ("spine", "hips"),
    "head": ("neck", "spine"),
    "clavicle": ("spine",),
    "upper_arm": ("clavicle", "spine"),
    "forearm": ("upper_arm",),
    "hand": ("forearm",),
    "thigh": ("hips",),
    "shin": ("thigh",),
    "foot": ("shin",),
    "toe": ("foot",),
    "hips": ("root",),
}
Names = Mapping[str, tuple[str, ...]]


def between(ends: tuple, step: int, count: int) -> tuple[float, ...]:
    low, high = ends
    return tuple(a + (b - a) * step / count for a, b in zip(low, high, strict=True))


def mirrored(point: tuple, slot: str) -> tuple:
    return (-point[0], *point[1:]) if slot.startswith("r_") else point


def part_of(slot: str) -> str:
    return slot[2:] if slot[:2] in ("l_", "r_") else slot


def figure(names: Names) -> list[RigBone]:
    """Bones with these names, where the parts of a body are, hung on each other as these are."""
    bones = []
    for slot, chain in names.items():
        part = part_of(slot)
        side = slot[: len(slot) - len(part)]
        above = [side + on if side + on in names else on for on in ON.get(part, ())]
        parent = next((names[on][-1] for on in above if on in names), None)
        for step, name in enumerate(chain):
            if part in ("spine", "neck"):
                ends = SPINE if part == "spine" else NECK
                head, tail = (between(ends, n, len(chain)) for n in (step, step + 1))
            else:
                head = HEAD if part == "head" else PLACES[part]
                below = next((p for p, on in ON.items() if on[0] == part and side + p in names), "")
                tail = ENDS.get(part) or PLACES.get(below) or (head[0], head[1], head[2] + 0.1)
            bones.append(RigBone(name, parent, mirrored(head, slot), mirrored(tail, slot)))
            parent = name
    return bones


def leaf(name: str, parent: str, bones: Iterable[RigBone], along: float = 0.0) -> RigBone:
    """A short bone that begins at this share of its parent."""
    over = next(bone for bone in bones if bone.name == parent)
    head = between((over.head, over.tail), along, 1)
    return RigBone(name, parent, head, (head[0], head[1] - 0.03, head[2]))


def renamed(bones: Iterable[RigBone], spell: Callable[[str], str]) -> list[RigBone]:
    return [
        replace(b, name=spell(b.name), parent=spell(b.parent) if b.parent else None) for b in bones
    ]


def turned(bones: Iterable[RigBone], turn: Callable[[tuple], tuple]) -> list[RigBone]:
    return [replace(bone, head=turn(bone.head), tail=turn(bone.tail)) for bone in bones]


def sided(names: Mapping[str, str], left: str = "L", right: str = "R") -> dict[str, tuple]:
    """Slots and bones from parts and names; {} stands for the side, commas part a chain."""
    result = {}
    for part, name in names.items():
        slots = {"": part} if "{}" not in name else {left: f"l_{part}", right: f"r_{part}"}
        for word, slot in slots.items():
            result[slot] = tuple(one.replace("{}", word) for one in name.split(","))
    return result


def numbered(bones: Iterable[RigBone], spell: str = "Bone.{:03d}") -> dict[str, str]:
    """A meaningless name for each bone."""
    return {bone.name: spell.format(number) for number, bone in enumerate(bones)}


def without_ik(names: Names) -> dict[str, tuple[str, ...]]:
    return {slot: n for slot, n in names.items() if not slot.endswith(("_ik", "_pole"))}


def with_extras(bones: list[RigBone], names: Names) -> list[RigBone]:
    """Twist bones, fingers, hair, a skirt, eyes and a sword besides."""
    extras = []
    for side in "lr":
        arm, forearm, hand, thigh = (
            names[f"{side}_{part}"][0] for part in ("upper_arm", "forearm", "hand", "thigh")
        )
        word = {"l": "Left", "r": "Right"}[side]
        extras += [
            leaf(f"{word}ArmTwist", arm, bones, 0.5),
            leaf(f"{word}ForeArmRoll", forearm, bones, 0.5),
            leaf(f"{word}ThighTwist", thigh, bones, 0.5),
            leaf(f"{word}Sword", hand, bones, 0.5),
            leaf(f"{word}Eye", names["head"][0], bones, 0.3),
            leaf(f"{word}Skirt1", names["hips"][0], bones),
        ]
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky"):
            parent = hand
            for step in range(3):
                extras.append(leaf(f"{word}Hand{finger}{step + 1}", parent, [*bones, *extras], 0.9))
                parent = extras[-1].name
    return bones + extras + [leaf("HeadTop_End", names["head"][0], bones, 1.0)]


@pytest.mark.parametrize("rig_map", RIG_MAPS.values(), ids=lambda rig_map: rig_map.name)
class TestMaps:
    def test_data(self, rig_map):
        assert set(NEEDED) <= set(rig_map.bones) <= set(SLOTS)
        names = [name for chain in rig_map.bones.values() for name in chain]
        assert len(names) == len(set(names))
        for slot, chain in rig_map.bones.items():
            mirror = slot.replace("l_", "r_", 1) if slot.startswith("l_") else slot
            # Unreal's weapons are in the right hand.
            armed = rig_map.name == "unreal" and slot[2:] == "hand_ik"
            assert slot in ("spine", "neck") or armed or len(chain) == 1
            assert armed or len(rig_map.bones[mirror]) == len(chain)

    def test_is_recognised(self, rig_map):
        bones = figure(rig_map.bones)
        assert mapped(bones) == (rig_map.name, dict(rig_map.bones))
        assert problems(rig_map.bones, bones) == []
        assert mapped(bones[::-1])[0] == rig_map.name

    @pytest.mark.parametrize(
        "spell",
        [
            lambda name: "mixamorig:" + name,
            lambda name: "mixamorig2:" + name,
            lambda name: "Armature|" + name,
            lambda name: "Bip001 " + name,
            lambda name: "hero_" + name,
            lambda name: name.upper(),
            lambda name: name.lower(),
            lambda name: name.replace("_", ".").replace(" ", "-"),
            lambda name: name.replace("_", "").replace(" ", ""),
            lambda name: name + ".001",
            lambda name: f"mixamorig_{name}_{sum(map(ord, name)) % 90:02d}",
        ],
    )
    def test_spellings_do_not_matter(self, rig_map, spell):
        bones = with_extras(figure(rig_map.bones), rig_map.bones)
        wanted = {slot: tuple(map(spell, names)) for slot, names in rig_map.bones.items()}
        assert mapped(renamed(bones, spell)) == (rig_map.name, wanted)

    def test_what_may_be_absent(self, rig_map):
        absent = {slot: n for slot, n in rig_map.bones.items() if slot in NEEDED}
        least = absent | {"spine": rig_map.bones["spine"][:1]}
        assert mapped(figure(least))[1] == least
        bones = figure(rig_map.bones)
        for slot in NEEDED:
            rest = [bone for bone in bones if bone.name not in rig_map.bones[slot]]
            assert mapped(rest)[0] != rig_map.name

    def test_the_guess_agrees(self, rig_map):
        bones = with_extras(figure(rig_map.bones), rig_map.bones)
        assert guessed(bones) == without_ik(rig_map.bones)

    def test_the_guess_by_places_alone_agrees(self, rig_map):
        names = without_ik(rig_map.bones)
        bones = figure(names)
        new = numbered(bones)
        wanted = {slot: tuple(new[name] for name in chain) for slot, chain in names.items()}
        assert guessed(renamed(bones, new.__getitem__)) == wanted


def test_copies_are_taken_where_there_is_nothing_else():
    copies = renamed(figure(RIG_MAPS["rigify_meta"].bones), "DEF-{}".format)
    name, found = mapped(copies)
    assert (name, found["l_hand"]) == ("rigify_meta", ("DEF-hand.L",))
    originals = figure(RIG_MAPS["rigify_meta"].bones)
    assert mapped(copies + originals)[1] == RIG_MAPS["rigify_meta"].bones
    assert mapped(copies + figure(RIG_MAPS["rigify"].bones))[0] == "rigify"
    names = sided(PLAIN)
    deforming = renamed(figure(names), "DEF_{}".format)
    assert guessed(deforming + renamed(figure(names), "CTRL_{}".format)) == {
        slot: tuple(f"CTRL_{name}" for name in chain) for slot, chain in names.items()
    }


def test_a_meta_rig_with_another_spine_is_guessed():
    names = dict(RIG_MAPS["rigify_meta"].bones)
    spine = [f"spine.{n:03d}" for n in range(1, 8)]
    for count in (2, 4):  # instead of 3
        names |= {
            "spine": tuple(spine[:count]),
            "neck": tuple(spine[count : count + 2]),
            "head": (spine[count + 2],),
        }
        assert mapped(figure(names)) == ("guessed", names)


def test_the_projects_own_armature():
    bones = [
        RigBone(name, JOINTS[parent] if parent >= 0 else None, (0, 0, 0), (0, 0, 1))
        for name, parent in zip(JOINTS, PARENTS, strict=True)
    ]
    name, found = mapped(bones)
    assert name == "jumps"
    assert found["spine"] == ("spine", "spine2", "spine3", "spine4")
    assert found["l_thigh"] == ("l_hip",)
    assert problems(found, bones) == []


PLAIN = {
    "hips": "pelvis",
    "spine": "spine_lower,spine_upper",
    "neck": "neck",
    "head": "head",
    "clavicle": "collar_{}",
    "upper_arm": "arm_upper_{}",
    "forearm": "arm_lower_{}",
    "hand": "hand_{}",
    "thigh": "leg_upper_{}",
    "shin": "leg_lower_{}",
    "foot": "foot_{}",
    "toe": "toes_{}",
}
GLUED = {
    "root": "MASTER",
    "hips": "PELVIS",
    "spine": "LOWERSPINE,CHEST",
    "neck": "NECK",
    "head": "HEAD",
    "clavicle": "{}CLAVICLE",
    "upper_arm": "{}UPPERARM",
    "forearm": "{}FOREARM",
    "hand": "{}HAND",
    "thigh": "{}THIGH",
    "shin": "{}CALF",
    "foot": "{}FOOT",
    "toe": "{}TOE",
}
JOINT_NAMES = {
    "hips": "Root",
    "spine": "Back1,Back2,Back3,Back4,Back5",
    "head": "Skull",
    "upper_arm": "Shoulder{}",
    "forearm": "Elbow{}",
    "hand": "Wrist{}",
    "thigh": "Hip{}",
    "shin": "Knee{}",
    "foot": "Ankle{}",
    "toe": "Foot{}",
}
LEG_AND_KNEE = {
    "hips": "Hips",
    "spine": "Spine,Chest",
    "neck": "Neck",
    "head": "Head",
    "clavicle": "{} shoulder",
    "upper_arm": "{} arm",
    "forearm": "{} elbow",
    "hand": "{} wrist",
    "thigh": "{} leg",
    "shin": "{} knee",
    "foot": "{} ankle",
    "toe": "{} toe",
}
GERMAN = {
    "hips": "Hüfte",
    "spine": "Bauch,Brust",
    "neck": "Hals",
    "head": "Kopf",
    "clavicle": "Schulter_{}",
    "upper_arm": "Oberarm_{}",
    "forearm": "Unterarm_{}",
    "hand": "Hand_{}",
    "thigh": "Oberschenkel_{}",
    "shin": "Unterschenkel_{}",
    "foot": "Fuß_{}",
}
COUNTED = {
    "hips": "hips",
    "spine": "spine",
    "neck": "neck",
    "head": "head",
    "upper_arm": "arm.{}",
    "forearm": "arm.{}.001",
    "hand": "arm.{}.002",
    "thigh": "leg.{}",
    "shin": "leg.{}.001",
    "foot": "leg.{}.002",
    "toe": "leg.{}.003",
}
HALF_A_NAME = {
    "hips": "Bone",
    "spine": "Bone.001,Bone.002",
    "neck": "Bone.003",
    "head": "Bone.004",
    "clavicle": "Bone.{}",
    "upper_arm": "Bone.{}.001",
    "forearm": "Bone.{}.002",
    "hand": "Bone.{}.003",
    "thigh": "Bone.{}.004",
    "shin": "Bone.{}.005",
    "foot": "Bone.{}.006",
    "toe": "Bone.{}.007",
}
MMD = {
    "root": "全ての親",
    "hips": "腰",
    "spine": "上半身,上半身2",
    "neck": "首",
    "head": "頭",
    "clavicle": "{}肩",
    "upper_arm": "{}腕",
    "forearm": "{}ひじ",
    "hand": "{}手首",
    "thigh": "{}足",
    "shin": "{}ひざ",
    "foot": "{}足首",
    "toe": "{}つま先",
}
UNLISTED = {
    "plain": sided(PLAIN),
    "plain, other letters": sided(PLAIN, "lft", "rgt"),
    "glued": sided(GLUED, "LEFT", "RIGHT"),
    "glued letters": sided(GLUED),
    "joints": sided(JOINT_NAMES),
    "leg and knee": sided(LEG_AND_KNEE, "Left", "Right"),
    "german": sided(GERMAN, "links", "rechts"),
    "counted": sided(COUNTED),
    "sides only": sided(HALF_A_NAME),
    "japanese": sided(MMD, "左", "右"),
}


@pytest.mark.parametrize("rig", UNLISTED)
class TestGuesses:
    def test_guess(self, rig):
        names = UNLISTED[rig]
        bones = figure(names)
        assert mapped(bones) == ("guessed", names)
        assert problems(names, bones) == []
        assert mapped(with_extras(bones, names)) == ("guessed", names)

    def test_figures_that_face_elsewhere(self, rig):
        names = UNLISTED[rig]
        bones = figure(names)
        for turn in TURNS.values():
            assert guessed(turned(bones, turn)) == names
            # Names count for more than the side of a figure whose left and right are exchanged.
            assert guessed(turned(bones, lambda p: (-p[0], p[1], p[2]))) == names

    def test_places_alone(self, rig):
        names = UNLISTED[rig]
        bones = figure(names)
        new = numbered(bones, "b{}")
        wanted = {slot: tuple(new[name] for name in chain) for slot, chain in names.items()}
        for turn in TURNS.values():
            assert guessed(renamed(turned(bones, turn), new.__getitem__)) == wanted


TURNS: dict[str, Callable[[tuple], tuple]] = {
    "facing -y": lambda p: p,
    "facing +y": lambda p: (-p[0], -p[1], p[2]),
    "y up, facing z, centimetres": lambda p: (100 * p[0], 100 * p[2], -100 * p[1]),
    "facing x, far away": lambda p: (-p[1] + 30, p[0] - 50, p[2] + 7),
}


@pytest.mark.parametrize(
    ("left", "right"),
    [("左", "右"), (".L", ".R")],
    ids=["in the file", "as mmd_tools renames them"],
)
def test_a_whole_mmd_rig(left, right):
    def name(word: str, side: str) -> str:
        return word + side if side.startswith(".") else side + word

    names = {
        slot: tuple(name(one[1:], left if slot[0] == "l" else right) for one in chain)
        if slot[1] == "_"
        else chain
        for slot, chain in UNLISTED["japanese"].items()
    }
    bones = [bone for bone in figure(names) if bone.name != "腰"]
    bones += [
        RigBone("センター", "全ての親", (0, 0, 0.6), (0, 0, 0.7)),
        RigBone("グルーブ", "センター", (0, 0, 0.65), (0, 0, 0.7)),
        RigBone("腰", "グルーブ", (0, 0.01, 0.97), (0, 0, 1.1)),
        RigBone("下半身", "腰", (0, 0, 1.04), (0, 0, 0.9)),
        RigBone("両目", "頭", (0, 0, 1.9), (0, 0, 2)),
    ]
    for side in (left, right):
        # Twist bones stand in the chain; the D bones are copies of the legs.
        for word, twist, over in (("ひじ", "腕捩", "腕"), ("手首", "手捩", "ひじ")):
            below = next(n for n, bone in enumerate(bones) if bone.name == name(word, side))
            bones.append(leaf(name(twist, side), name(over, side), bones, 0.6))
            bones[below] = replace(bones[below], parent=name(twist, side))
            bones += [leaf(name(twist, side) + str(n), name(over, side), bones) for n in (1, 2)]
        thigh = next(n for n, bone in enumerate(bones) if bone.name == name("足", side))
        bones.append(leaf(name("腰キャンセル", side), "下半身", bones))
        bones[thigh] = replace(bones[thigh], parent="下半身")
        parent = name("腰キャンセル", side)
        for word in ("足", "ひざ", "足首"):
            over = next(bone for bone in bones if bone.name == name(word, side))
            bones.append(replace(over, name=name(word + "D", side), parent=parent))
            parent = bones[-1].name
        bones.append(leaf(name("足先EX", side), parent, bones, 0.5))
        bones.append(leaf(name("肩P", side), "上半身2", bones))
        bones.append(leaf(name("肩C", side), name("肩", side), bones))
        bones.append(RigBone(name("足ＩＫ", side), "全ての親", (0, 0, 0.1), (0, 0, 0)))
        bones.append(leaf(name("つま先ＩＫ", side), name("足ＩＫ", side), bones))
        bones += [
            leaf(name(f"{f}指{n}", side), name("手首", side), bones)
            for f in "親人中薬小"
            for n in "０１"
        ]
    assert mapped(bones) == ("guessed", names)
    assert problems(names, bones) == []


def test_twist_bones_in_the_chain_of_a_rig_without_names():
    names = sided(HALF_A_NAME)
    halves = {"upper_arm", "forearm", "thigh", "shin"}
    bones = []
    for bone in figure(names):
        slot = next(slot for slot, chain in names.items() if bone.name in chain)
        parent = bone.parent
        if parent and any(parent in names[f"{side}_{p}"] for side in "lr" for p in halves):
            parent += " half"
        middle = between((bone.head, bone.tail), 1, 2)
        if part_of(slot) in halves:
            bones.append(RigBone(bone.name, parent, bone.head, middle))
            bones.append(RigBone(bone.name + " half", bone.name, middle, bone.tail))
        else:
            bones.append(replace(bone, parent=parent))
    new = numbered(bones)
    wanted = {slot: tuple(new[name] for name in chain) for slot, chain in names.items()}
    assert guessed(renamed(bones, new.__getitem__)) == wanted


def test_a_t_pose_and_fingers_and_hair_without_names():
    names = sided(HALF_A_NAME)
    spread = {"forearm": (0.46, 0.03, 1.44), "hand": (0.72, 0.02, 1.44)}
    bones = []
    for bone in figure(names):
        slot = next(slot for slot, chain in names.items() if bone.name in chain)
        head = mirrored(spread[part_of(slot)], slot) if part_of(slot) in spread else bone.head
        bones.append(replace(bone, head=head))
    for side, sign in (("L", 1), ("R", -1)):
        for finger in range(5):
            parent = f"Bone.{side}.003"
            for step in range(3):
                x, y = 0.8 + 0.03 * step, 0.05 - 0.02 * finger
                name = f"f {side} {finger} {step}"
                bones.append(
                    RigBone(name, parent, (sign * x, y, 1.44), (sign * (x + 0.03), y, 1.44))
                )
                parent = name
        parent = "Bone.004"
        for step in range(6):  # as long as the arms
            x, z = sign * 0.06, 1.7 - 0.15 * step
            bones.append(RigBone(f"h {side} {step}", parent, (x, 0.1, z), (x, 0.1, z - 0.15)))
            parent = f"h {side} {step}"
    new = numbered(bones)
    wanted = {slot: tuple(new[name] for name in chain) for slot, chain in names.items()}
    assert guessed(renamed(bones, new.__getitem__)) == wanted


def test_arms_that_hang_on_no_clavicle_control():
    """As in rigs for animators, where constraints hold the one to the other."""
    names = sided(PLAIN)
    bones = [
        replace(bone, parent="spine_upper") if bone.name.startswith("arm_upper") else bone
        for bone in figure(names)
    ]
    assert guessed(bones) == names
    assert problems(names, bones) == []


def test_what_nothing_speaks_for_is_left_out():
    names = sided(PLAIN)
    bones = figure(names)
    handless = [bone for bone in bones if not bone.name.startswith("hand")]
    found = guessed(handless)
    assert found == {slot: chain for slot, chain in names.items() if not slot.endswith("_hand")}
    assert problems(found, handless) == [
        "No bone is given for the left hand.",
        "No bone is given for the right hand.",
    ]
    one_armed = [bone for bone in bones if not bone.name.endswith("_R") or bone.name[:3] == "leg"]
    assert not any(slot[:2] == "r_" and "arm" in slot for slot in guessed(one_armed))


def quadruped(spell: Callable[[str], str]) -> list[RigBone]:
    """A dog, its nose towards -y."""
    bones = [RigBone("pelvis", None, (0, 0.4, 0.6), (0, 0.3, 0.62))]
    for name, parent, y, z in (
        ("back", "pelvis", 0.3, 0.62),
        ("chest", "back", -0.1, 0.6),
        ("neck", "chest", -0.4, 0.7),
        ("head", "neck", -0.55, 0.9),
        ("snout", "head", -0.7, 0.85),
        ("tail", "pelvis", 0.5, 0.6),
    ):
        bones.append(RigBone(name, parent, (0, y, z), (0, y - 0.1, z)))
    for sign, side in ((1, "L"), (-1, "R")):
        for leg, on, y in (("front", "chest", -0.35), ("hind", "pelvis", 0.4)):
            parent = on
            for step, z in enumerate((0.55, 0.3, 0.08, 0.02)):
                name = f"{leg}_{step}.{side}"
                bones.append(
                    RigBone(name, parent, (sign * 0.1, y, z), (sign * 0.1, y - 0.05, z - 0.1))
                )
                parent = name
    return renamed(bones, spell)


def chain(count: int) -> list[RigBone]:
    return [
        RigBone(f"Bone.{n:03d}", f"Bone.{n - 1:03d}" if n else None, (0, 0, n), (0, 0, n + 1))
        for n in range(count)
    ]


def circle() -> list[RigBone]:
    return [RigBone("a", "b", (0, 0, 0), (0, 0, 1)), RigBone("b", "a", (0, 0, 1), (0, 0, 2))]


DOG = {
    "back": "spine_01",
    "chest": "spine_02",
    **{
        f"{leg}_{step}.{side}": f"{name}_{side.lower()}"
        for side in "LR"
        for leg, words in (
            ("front", ("upperarm", "lowerarm", "hand", "paw")),
            ("hind", ("thigh", "calf", "foot", "ball")),
        )
        for step, name in enumerate(words)
    },
}
WRONG = {
    "nothing": [],
    "three bones": chain(3),
    "a long chain": chain(2000),
    "a hub": [RigBone("hub", None, (0, 0, 0), (0, 0, 1))]
    + [RigBone(f"b{n}", "hub", (n, 0, 0), (n, 0, 1)) for n in range(2000)],
    "loose bones": [RigBone(f"b{n}", None, (0, 0, 0), (0, 0, 0)) for n in range(50)],
    "one name": [RigBone("arm", None, (0, 0, 0), (0, 0, 1))] * 3,
    "a circle": circle(),
    "a dog": quadruped(lambda name: name),
    "a dog without names": quadruped(lambda name: f"x{sum(map(ord, name)):05d}{len(name)}"),
    "a dog in human words": quadruped(lambda name: DOG.get(name, name)),
    "points": [replace(bone, head=(0, 0, 0), tail=(0, 0, 0)) for bone in quadruped(str.upper)],
    "odd names": [
        RigBone(name, None, (0, 0, 0), (0, 0, 1))
        for name in ("", ".", ":", "|", "左", "l", "\u0301")
    ],
}


@pytest.mark.parametrize("rig", WRONG)
def test_wrong_rigs(rig):
    bones = WRONG[rig]
    assert mapped(bones)[0] == "guessed"
    name, found = mapped(bones)
    assert name == "guessed"
    lines = problems(found, bones)
    assert len(lines) == len(set(lines))
    if rig == "a dog in human words":
        assert lines == ["At rest the trunk lies across the legs: this seems to be no human body."]
    else:
        assert not any(part in slot for slot in found for part in ("arm", "thigh", "shin"))
        assert "No bone is given for the left thigh." in lines


@pytest.mark.parametrize("seed", range(30))
def test_any_bones_are_a_guess_without_an_exception(seed):
    rng = random.Random(seed)
    words = [word for spelt in PARTS.values() for word in spelt.split()] + ["Bone", "twist", "x"]
    bones: list[RigBone] = []
    for number in range(rng.randint(1, 60)):
        name = (
            rng.choice(words) + rng.choice(["", ".L", "_r", "左"]) + rng.choice(["", f".{number}"])
        )
        parent = rng.choice(bones).name if bones and rng.random() < 0.95 else None
        head, tail = (tuple(rng.choice([0, 0.1, -0.1, rng.random()]) for _ in "xyz") for _ in "ht")
        bones.append(RigBone(name, parent, head, tail))
    _, found = mapped(bones)
    used = [name for chain in found.values() for name in chain]
    assert len(used) == len(set(used))
    assert set(used) <= {bone.name for bone in bones}
    assert set(found) <= set(SLOTS)
    problems(found, bones)


def test_a_crowded_rig():
    names = sided(PLAIN)
    bones = figure(names)
    for number in range(2000):
        parent = bones[number % 23 if number < 400 else -1].name
        bones.append(leaf(f"cloth_{number}", parent, bones[-1:] + bones[:23], 0.5))
    assert mapped(bones) == ("guessed", names)


def test_problems():
    names = sided(PLAIN)
    bones = figure(names)

    def lines(**changes: tuple[str, ...]) -> list[str]:
        return problems({**names, **changes}, bones)

    assert lines() == []
    assert lines(neck=(), l_toe=(), r_clavicle=()) == []
    assert lines(l_hand=()) == ["No bone is given for the left hand."]
    assert lines(l_hand=("",)) == ["No bone is given for the left hand."]
    assert lines(head=("Kopf",)) == ["The rig has no bone Kopf for the head."]
    assert lines(spine=()) == ["No bone is given for the spine."]
    assert lines(l_toe=("foot_L",)) == ["foot_L is given for the left foot and the left toe."]
    assert lines(neck=("neck", "neck")) == ["neck is given twice for the neck."]
    assert lines(l_toe=("toes_L", "toes_R")) == [
        "The left toe is one bone, not toes_L and toes_R.",
        "toes_R is given for the left toe and the right toe.",
        "The left toe (toes_R) doesn't hang on toes_L.",
    ]
    assert lines(l_forearm=("arm_lower_R",), r_forearm=("arm_lower_L",)) == [
        "The left forearm (arm_lower_R) doesn't hang on the left upper arm (arm_upper_L).",
        "The left hand (hand_L) doesn't hang on the left forearm (arm_lower_R).",
        "The right forearm (arm_lower_L) doesn't hang on the right upper arm (arm_upper_R).",
        "The right hand (hand_R) doesn't hang on the right forearm (arm_lower_L).",
    ]
    assert lines(spine=("spine_upper", "spine_lower")) == [
        "The spine (spine_lower) doesn't hang on spine_upper."
    ]
    assert lines(wing=("wing",)) == ["wing is no part of a body."]
    assert len(problems({}, [])) == len(NEEDED)


def test_titles():
    assert [title_of(slot) for slot in ("hips", "l_upper_arm", "r_foot_ik", "l_knee_pole")] == [
        "hips",
        "left upper arm",
        "right foot's IK",
        "left knee pole",
    ]
