"""A lifted clip on Rigify's rigs, generated and not, whose controls hang on each other by
constraints and drivers."""

from collections.abc import Iterator

import bpy
import numpy as np
import pytest
from mathutils import Vector

from jumps_blender.errors import JumpsError
from jumps_blender.scene.retarget import retarget, rig_bones
from jumps_blender.skeletons import joint_index
from jumps_blender.skeletons.rig_maps import mapped

from .rigs import heads, lifted, moving
from .test_orientation import REST, about, posed
from .test_rig_maps import rigify  # noqa: F401

LIMBS = {
    f"{side}_{joint}": f"{bone}.{side.upper()}"
    for side in "lr"
    for joint, bone in (
        ("clavicle", "shoulder"),
        ("shoulder", "upper_arm"),
        ("elbow", "forearm"),
        ("wrist", "hand"),
        ("hip", "thigh"),
        ("knee", "shin"),
        ("ankle", "foot"),
        ("foot", "toe"),
    )
}
# Joints, and the meta-rig's bones that begin at them.
STARTS = {
    "pelvis": "spine",
    "spine": "spine.001",
    "spine2": "spine.002",
    "spine3": "spine.003",
    "neck": "spine.004",
    "head": "spine.006",
} | LIMBS
ENDS = {"clavicle": "shoulder", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand"} | {
    "hip": "knee",
    "knee": "ankle",
    "ankle": "foot",
    "foot": "toe",
}
JOINTS_AT = [joint_index(joint) for joint in STARTS]
FRAMES = np.arange(1, 25, 4)


@pytest.fixture
def meta(rigify: None) -> Iterator[bpy.types.Object]:  # noqa: ARG001, F811
    """The basic human meta-rig, with the proportions of the body that moves, limbs a bit bent."""
    turns = {}
    for side in "lr":
        upper = REST[joint_index(f"{side}_elbow")] - REST[joint_index(f"{side}_shoulder")]
        turns[f"{side}_elbow"] = about(np.cross(upper, (0, -1, 0)), 12)
        turns[f"{side}_hip"] = about((1, 0, 0), -5)
        turns[f"{side}_knee"] = about((1, 0, 0), 12)
    joints = {name: Vector(posed(turns)[0][joint_index(name)]) for name in NAMES}
    between = (joints["neck"] + joints["head"]) / 2
    places = {
        "spine": (joints["pelvis"], joints["spine"]),
        "spine.001": (joints["spine"], joints["spine2"]),
        "spine.002": (joints["spine2"], joints["spine3"]),
        "spine.003": (joints["spine3"], joints["neck"]),
        "spine.004": (joints["neck"], between),
        "spine.005": (between, joints["head"]),
        "spine.006": (joints["head"], joints["head_top"]),
    } | {
        bone: (joints[joint], joints[joint[:2] + ENDS[joint[2:]]]) for joint, bone in LIMBS.items()
    }
    for side in "LR":
        heel = joints[f"{side.lower()}_ankle"].copy()
        heel.z = 0
        places[f"heel.02.{side}"] = (
            heel + Vector((-0.03, 0.05, 0)),
            heel + Vector((0.03, 0.05, 0)),
        )
    bpy.ops.object.armature_basic_human_metarig_add()
    armature = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail) in places.items():
        bone = armature.data.edit_bones[name]
        bone.head, bone.tail = head, tail
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


NAMES = [*STARTS, "head_top", *(f"{side}_{end}" for side in "lr" for end in ("hand", "toe"))]


@pytest.fixture
def generated(meta: bpy.types.Object) -> bpy.types.Object:
    bpy.context.view_layer.objects.active = meta
    assert bpy.ops.pose.rigify_generate() == {"FINISHED"}
    return next(o for o in bpy.data.objects if o.type == "ARMATURE" and o is not meta)


def missed(rig: bpy.types.Object, prefix: str = "") -> dict[str, float]:
    """By how much each joint's bone misses where the body has it, at worst, metres."""
    found = heads(rig, [prefix + name for name in STARTS.values()], FRAMES)
    errors = np.linalg.norm(found - moving()[FRAMES - 1][:, JOINTS_AT], axis=-1).max(axis=0)
    return dict(zip(STARTS, errors, strict=True))


def test_the_meta_rig(meta) -> None:
    family, slots = mapped(rig_bones(meta))
    assert family == "rigify_meta"
    retarget(lifted(moving()), meta, slots)
    assert max(missed(meta).values()) < 0.01


@pytest.mark.parametrize("limbs", ["FK", "IK"])
def test_a_generated_rig(generated, limbs: str) -> None:
    family, slots = mapped(rig_bones(generated))
    assert family == "rigify"
    result = lifted(moving())
    action = retarget(result, generated, slots, limbs=limbs)
    for prefix in ("DEF-", "ORG-"):
        found = missed(generated, prefix)
        bent = {"l_knee", "r_knee", "l_elbow", "r_elbow"} if limbs == "IK" else set()
        assert max(error for joint, error in found.items() if joint not in bent) < 0.01
        # Rigify's IK itself lets limbs stretch a little.
        assert max(found.values()) < 0.015
    # The rig's settings are keyed in the same action.
    parent = generated.pose.bones["thigh_parent.L"]
    bag = action.layers[0].strips[0].channelbag(action.slots[0])
    switch = bag.fcurves.find(parent.path_from_id() + '["IK_FK"]')
    assert switch.evaluate(1) == (1.0 if limbs == "FK" else 0.0)
    # Once more is as once.
    keys = {(curve.data_path, curve.array_index) for curve in bag.fcurves}
    again = retarget(result, generated, slots, limbs=limbs)
    (track,) = generated.animation_data.nla_tracks
    assert track.strips[0].action == again
    bag = again.layers[0].strips[0].channelbag(again.slots[0])
    assert {(curve.data_path, curve.array_index) for curve in bag.fcurves} == keys


def test_other_objects_and_settings_of_the_rig_stay_as_they_are(generated) -> None:
    before = {o.name for o in bpy.data.objects}, {s.name for s in bpy.data.scenes}
    result = lifted(moving())
    made = {o.name for o in bpy.data.objects} - before[0]
    targets = [
        constraint.target
        for bone in generated.pose.bones
        for constraint in bone.constraints
        if hasattr(constraint, "target")
    ]
    generated.pose.bones["upper_arm_fk.L"].rotation_quaternion = (0.9, 0.1, 0.0, 0.0)
    retarget(result, generated, mapped(rig_bones(generated))[1])
    assert ({o.name for o in bpy.data.objects} - made, {s.name for s in bpy.data.scenes}) == before
    assert set(targets) <= {generated, None}
    assert tuple(generated.pose.bones["upper_arm_fk.L"].rotation_quaternion) == pytest.approx(
        (0.9, 0.1, 0.0, 0.0)
    )


def test_a_control_that_its_rig_moves_half_is_a_message(generated) -> None:
    _, slots = mapped(rig_bones(generated))
    # Between the chest and the root, so that no bone tells where it will be.
    generated.pose.bones["MCH-ROT-neck"].constraints[0].influence = 0.5
    driver = next(
        curve
        for curve in generated.animation_data.drivers
        if "MCH-ROT-neck" in curve.data_path and curve.data_path.endswith("influence")
    )
    generated.driver_remove(driver.data_path)
    result = lifted(moving())
    with pytest.raises(JumpsError, match="neck would not go where it should"):
        retarget(result, generated, slots)
    assert generated.animation_data.action is None
    assert not generated.animation_data.nla_tracks


def test_what_an_older_action_does_to_other_controls_is_held(generated) -> None:
    for name in ("root", "chest", "breast.L"):
        bone = generated.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = (0.95, 0.1, 0.3, 0.0)
        bone.keyframe_insert("rotation_quaternion", frame=1)
    action = retarget(lifted(moving()), generated, mapped(rig_bones(generated))[1])
    assert max(missed(generated, "DEF-").values()) < 0.01
    bag = action.layers[0].strips[0].channelbag(action.slots[0])
    still = {curve.data_path for curve in bag.fcurves if len(curve.keyframe_points) == 1}
    held = {path.split('"')[1] for path in still if path.endswith("rotation_quaternion")}
    assert held == {"root", "chest"}
