"""Characters as other programs make them: a rig with a family's names, and a mesh on it."""

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix

from .test_retarget import MIXAMO, REST, make_rig, t_pose

_STOOD_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # y up


def _sided(names: dict[str, str], left: str, right: str) -> dict[str, str]:
    """Names for both sides, "%" standing for the side's word."""
    return {
        f"{side}_{slot}": name.replace("%", word)
        for side, word in (("l", left), ("r", right))
        for slot, name in names.items()
    }


UNREAL = {
    "hips": "pelvis",
    "spine": "spine_01",
    "spine2": "spine_02",
    "spine3": "spine_03",
    "spine4": "spine_04",
    "neck": "neck_01",
    "head": "head",
} | _sided(
    {
        "clavicle": "clavicle_%",
        "upper_arm": "upperarm_%",
        "forearm": "lowerarm_%",
        "hand": "hand_%",
        "thigh": "thigh_%",
        "shin": "calf_%",
        "foot": "foot_%",
        "toe": "ball_%",
    },
    "l",
    "r",
)
VRM = {
    "hips": "J_Bip_C_Hips",
    "spine": "J_Bip_C_Spine",
    "spine2": "J_Bip_C_Chest",
    "spine3": "J_Bip_C_UpperChest",
    "spine4": "J_Sec_C_Back",
    "neck": "J_Bip_C_Neck",
    "head": "J_Bip_C_Head",
} | _sided(
    {
        "clavicle": "J_Bip_%_Shoulder",
        "upper_arm": "J_Bip_%_UpperArm",
        "forearm": "J_Bip_%_LowerArm",
        "hand": "J_Bip_%_Hand",
        "thigh": "J_Bip_%_UpperLeg",
        "shin": "J_Bip_%_LowerLeg",
        "foot": "J_Bip_%_Foot",
        "toe": "J_Bip_%_ToeBase",
    },
    "L",
    "R",
)


@dataclass
class Character:
    """rig, and the mesh that it deforms: a small tetrahedron on each bone that deforms."""

    rig: bpy.types.Object
    mesh: bpy.types.Object


def character(family: str) -> Character:
    """One of "mixamo", "unreal" and "vrm", rolled and placed as these come."""
    if family == "mixamo":  # in centimetres with y up, stood up and scaled by the object
        rig, _ = make_rig(t_pose() @ _STOOD_UP.T * 100, MIXAMO, seed=1)
        rig.scale = (0.01,) * 3
        rig.rotation_euler = Euler((np.pi / 2, 0, 0))
    elif family == "unreal":  # with a root on the ground, IK bones beside the body, twist bones
        rig, _ = make_rig(REST, UNREAL, seed=2)
        _edit(rig, _add_unreal_bones)
    else:
        rig, _ = make_rig(t_pose() * 0.9, VRM, seed=3)
        rig.location = (0.5, -0.25, 0.0)
    bpy.context.view_layer.update()
    return Character(rig, _mesh_on(rig))


def _edit(rig: bpy.types.Object, change) -> None:
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    change(rig.data.edit_bones)
    bpy.ops.object.mode_set(mode="OBJECT")


def _add_unreal_bones(bones) -> None:
    root = bones.new("root")
    root.head, root.tail = (0, 0, 0), (0, 0.2, 0)
    bones["pelvis"].parent = root
    for side in "lr":
        ik = bones.new(f"ik_foot_{side}")
        ik.head, ik.tail = bones[f"foot_{side}"].head, bones[f"foot_{side}"].tail
        ik.parent, ik.use_deform = root, False
        twist = bones.new(f"upperarm_twist_01_{side}")
        arm = bones[f"upperarm_{side}"]
        twist.head, twist.tail, twist.parent = arm.head.lerp(arm.tail, 0.5), arm.tail, arm


def _mesh_on(rig: bpy.types.Object) -> bpy.types.Object:
    corners = np.array([[0.0, 0, 0], [0.1, 0.5, 0], [0, 0.5, 0.1], [0, 1, 0]])
    faces = [(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)]
    vertices: list[tuple[float, ...]] = []
    polygons = []
    mesh = bpy.data.meshes.new("Body")
    body = bpy.data.objects.new("Body", mesh)
    for bone in rig.data.bones:
        if bone.use_deform:
            first = len(vertices)
            place = np.array(bone.matrix_local)
            vertices += [tuple(place[:3, :3] @ (c * bone.length) + place[:3, 3]) for c in corners]
            polygons += [tuple(first + each for each in face) for face in faces]
            group = body.vertex_groups.new(name=bone.name)
    mesh.from_pydata(vertices, [], polygons)
    deforming = [bone.name for bone in rig.data.bones if bone.use_deform]
    for index, name in enumerate(deforming):
        group = body.vertex_groups[name]
        group.add(list(range(4 * index, 4 * index + 4)), 1.0, "REPLACE")
    body.modifiers.new("Rig", "ARMATURE").object = rig
    body.parent = rig
    body.matrix_parent_inverse = Matrix.Identity(4)
    bpy.context.scene.collection.objects.link(body)
    return body


def heads(rig: bpy.types.Object, frames: range) -> dict[str, np.ndarray]:
    """Each bone's head in the world, (F, 3)."""
    rows: dict[str, list] = {bone.name: [] for bone in rig.pose.bones}
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        for bone in rig.pose.bones:
            rows[bone.name].append(tuple(rig.matrix_world @ bone.head))
    return {name: np.array(each) for name, each in rows.items()}


def surface(body: bpy.types.Object, frames: range) -> np.ndarray:
    """The deformed mesh's corners in the world, (F, N, 3)."""
    rows = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        evaluated = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
        rows.append([tuple(evaluated.matrix_world @ v.co) for v in evaluated.data.vertices])
    return np.array(rows)
