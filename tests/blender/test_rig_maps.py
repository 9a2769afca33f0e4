"""Rigify's own rigs, and the project's, as Blender makes them."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import pytest

from jumps_blender.scene.armature import create_armature
from jumps_blender.scene.rest_pose import rest_pose
from jumps_blender.skeletons.rig_maps import (
    RIG_MAPS,
    RigBone,
    guessed,
    mapped,
    problems,
)


@pytest.fixture
def rigify() -> Iterator[None]:
    import addon_utils  # bpy brings it

    if addon_utils.enable("rigify", default_set=True) is None:
        pytest.skip("Rigify cannot be enabled in this Blender")
    yield
    addon_utils.disable("rigify", default_set=True)


def bones_of(armature: bpy.types.Object) -> list[RigBone]:
    return [
        RigBone(
            bone.name,
            bone.parent.name if bone.parent else None,
            tuple(bone.head_local),
            tuple(bone.tail_local),
        )
        for bone in armature.data.bones
    ]


def nameless(bones: list[RigBone]) -> tuple[list[RigBone], dict[str, str]]:
    """The bones with numbers for names, and their names by number."""
    new = {bone.name: f"b{number}" for number, bone in enumerate(bones)}
    renamed = [RigBone(new[b.name], b.parent and new[b.parent], b.head, b.tail) for b in bones]
    return renamed, {number: name for name, number in new.items()}


@pytest.mark.usefixtures("rigify")
@pytest.mark.parametrize("kind", ["human", "basic_human"])
def test_rigify(kind):
    getattr(bpy.ops.object, f"armature_{kind}_metarig_add")()
    meta = bpy.context.object
    bones = bones_of(meta)
    wanted = dict(RIG_MAPS["rigify_meta"].bones)
    assert mapped(bones) == ("rigify_meta", wanted)
    assert problems(wanted, bones) == []
    assert guessed(bones) == wanted
    numbered, names = nameless(bones)
    by_place = guessed(numbered)
    assert {slot: tuple(names[b] for b in chain) for slot, chain in by_place.items()} == wanted

    assert bpy.ops.pose.rigify_generate() == {"FINISHED"}
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE" and o is not meta)
    bones = bones_of(rig)
    wanted = dict(RIG_MAPS["rigify"].bones)
    assert mapped(bones) == ("rigify", wanted)
    assert {name for chain in wanted.values() for name in chain} <= set(rig.data.bones.keys())
    assert problems(wanted, bones) == []
    # What the names alone tell is the same, but for what only constraints connect.
    found = guessed(bones)
    assert found == {slot: chain for slot, chain in wanted.items() if slot in found}
    assert set(wanted) - set(found) == {"root"} | {s for s in wanted if s[-3:] in ("_ik", "ole")}


@pytest.mark.usefixtures("rigify")
def test_rigifys_controls_move_what_they_stand_for():
    bpy.ops.object.armature_basic_human_metarig_add()
    meta = bpy.context.object
    bpy.ops.pose.rigify_generate()
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE" and o is not meta)
    for side in "LR":
        rig.pose.bones[f"thigh_parent.{side}"]["IK_FK"] = 1.0
        rig.pose.bones[f"upper_arm_parent.{side}"]["IK_FK"] = 1.0
    rig.pose.bones["torso"]["neck_follow"] = rig.pose.bones["torso"]["head_follow"] = 1.0
    # Each slot and the deforming bones that turn with its bone, and one that doesn't.
    for slot, step, moved, still in (
        ("hips", 0, ("spine", "spine.003", "thigh.L", "spine.006", "forearm.R"), None),
        ("spine", 0, ("spine.002", "spine.003", "upper_arm.L", "spine.006"), "spine.001"),
        ("spine", 1, ("spine.003", "upper_arm.L", "spine.006"), "spine.002"),
        ("neck", 0, ("spine.004", "spine.006"), "spine.003"),
        ("head", 0, ("spine.006",), "spine.004"),
        ("l_clavicle", 0, ("shoulder.L", "forearm.L"), "spine.003"),
        ("l_upper_arm", 0, ("upper_arm.L", "hand.L"), "shoulder.L"),
        ("l_forearm", 0, ("forearm.L", "hand.L"), "upper_arm.L"),
        ("l_hand", 0, ("hand.L",), "upper_arm.L"),
        ("r_thigh", 0, ("thigh.R", "foot.R"), "spine"),
        ("r_shin", 0, ("shin.R", "foot.R"), "thigh.R"),
        ("r_foot", 0, ("foot.R", "toe.R"), "shin.R"),
        ("r_toe", 0, ("toe.R",), "foot.R"),
    ):
        control = rig.pose.bones[RIG_MAPS["rigify"].bones[slot][step]]
        control.rotation_mode = "XYZ"
        control.rotation_euler = (0.3, 0, 0)
        rig.update_tag()
        bpy.context.view_layer.update()
        for name in moved:
            assert turn(rig, name) > 0.05, (slot, name)
        assert still is None or turn(rig, still) < 0.02, (slot, still)
        control.rotation_euler = (0, 0, 0)


def turn(rig: bpy.types.Object, name: str) -> float:
    """By how much a deforming bone is turned from its rest, radians."""
    bone = rig.pose.bones[f"DEF-{name}"]
    rest = bone.bone.matrix_local.to_quaternion()
    return (bone.matrix.to_quaternion() @ rest.inverted()).angle


@pytest.mark.usefixtures("rigify")
@pytest.mark.parametrize("animal", ["cat", "wolf", "horse", "bird", "shark", "basic_quadruped"])
def test_animals_are_no_humans(animal):
    getattr(bpy.ops.object, f"armature_{animal}_metarig_add")()
    bones = bones_of(bpy.context.object)
    assert mapped(bones)[0] == "guessed"
    assert problems(mapped(bones)[1], bones)
    assert guessed(nameless(bones)[0]) == {}


def test_the_projects_own_armature():
    rest = rest_pose(np.zeros((1, 28, 3)), 1.75, deep=True)
    armature = create_armature(bpy.context, bpy.context.scene.collection, rest, "A")
    bones = bones_of(armature)
    wanted = dict(RIG_MAPS["jumps"].bones)
    assert mapped(bones) == ("jumps", wanted)
    assert problems(wanted, bones) == []
    # By places alone the neck, which carries the arms, ends the spine; the limbs are clear.
    numbered, names = nameless(bones)
    found = {slot: tuple(names[b] for b in chain) for slot, chain in guessed(numbered).items()}
    for slot in ("hips", *(slot for slot in wanted if slot[:2] in ("l_", "r_"))):
        assert found[slot] == wanted[slot]
