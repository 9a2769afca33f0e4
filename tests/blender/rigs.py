"""A body that moves as a result, and rigs that are made for it."""

from collections.abc import Iterable
from dataclasses import replace

import bpy
import numpy as np
from mathutils import Vector

from jumps_blender.keypoints.space import SpaceSequence
from jumps_blender.scene.bake import sample_pose
from jumps_blender.scene.result import Result, create_result
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index

from ..walking import HELD_JOINTS, camera, picture
from .test_orientation import REST, about, posed

# A bone for each part: where it begins and ends.
BONES = {
    "hips": ("pelvis", "spine"),
    "spine": ("spine", "spine2"),
    "spine2": ("spine2", "spine3"),
    "spine3": ("spine3", "spine4"),
    "spine4": ("spine4", "neck"),
    "neck": ("neck", "head"),
    "head": ("head", "head_top"),
} | {
    f"{side}_{slot}": (f"{side}_{begin}", f"{side}_{end}")
    for side in "lr"
    for slot, begin, end in (
        ("clavicle", "clavicle", "shoulder"),
        ("upper_arm", "shoulder", "elbow"),
        ("forearm", "elbow", "wrist"),
        ("hand", "wrist", "hand"),
        ("thigh", "hip", "knee"),
        ("shin", "knee", "ankle"),
        ("foot", "ankle", "foot"),
        ("toe", "foot", "toe"),
    )
}


def moving(frames: int = 24) -> np.ndarray:
    """World joints (F, 28, 3) of a body that walks and gesticulates, its bones rigid."""
    clip = []
    for t in np.linspace(0, 2 * np.pi, frames):
        swing = 35 * np.sin(t)
        turns = {
            "pelvis": about((0, 0, 1), 40 * t / 6),
            "spine2": about((0.2, 0.1, 1), 8 * np.sin(t)),
            "head": about((1, 0, 0), 12 * np.cos(t)),
            "l_hip": about((1, 0, 0), swing),
            "r_hip": about((1, 0, 0), -swing),
            "l_knee": about((1, 0, 0), 30 + 20 * np.sin(t)),
            "r_knee": about((1, 0, 0), 30 - 20 * np.sin(t)),
            "l_ankle": about((1, 0, 0), 10 * np.sin(t)),
            "l_shoulder": about((0.3, 1, 0.2), 25 + 20 * np.sin(t)),
            "r_shoulder": about((1, 0.2, 0.1), -30 * np.sin(t)),
        }
        for side in "lr":
            upper = REST[joint_index(f"{side}_elbow")] - REST[joint_index(f"{side}_shoulder")]
            hinge = np.cross(upper, (0, -1, 0))
            turns[f"{side}_elbow"] = about(hinge, 45 + 25 * np.cos(t))
        clip.append(posed(turns)[0] + (0.1 * t, -0.2 * t, 0.05 * np.sin(2 * t)))
    return np.array(clip)


def lifted(points: np.ndarray, person: str = "1") -> Result:
    """A result with these world joints (F, 28, 3), at 30 frames a second from frame 1 on."""
    given = SpaceSequence(
        picture=replace(picture(len(points)), person=person),
        positions=points.astype(np.float32),
        uncertainty=np.zeros(points.shape[:2], np.float32),
        contact=np.zeros((len(points), 4), np.float32),
        stands=np.zeros((len(points), 4), bool),
        free=points[:, HELD_JOINTS].astype(np.float32),
        camera=camera(),
        height=1.75,
        lifter="lift test",
    )
    return create_result(bpy.context, given.picture, space=given, use_clip_fps=True)


def t_pose() -> np.ndarray:
    """The same bones with arms stretched out to the sides."""
    turns = {}
    for side, sign in (("l", -1), ("r", 1)):
        turns[f"{side}_shoulder"] = about((0, 1, 0), 45 * sign)
    return posed(turns)[0]


def make_rig(
    joints: np.ndarray, called: dict[str, str], scale: float = 1.0, seed: int = 0
) -> tuple[bpy.types.Object, dict[str, tuple[str, ...]]]:
    """An armature with a bone for each part, rolled at random; and what is mapped to what."""
    rng = np.random.default_rng(seed)
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    begins = {begin: part for part, (begin, _) in BONES.items()}
    bones = {}
    for part, (begin, end) in BONES.items():
        bone = data.edit_bones.new(called.get(part, part))
        bone.head = Vector(joints[joint_index(begin)] * scale)
        bone.tail = Vector(joints[joint_index(end)] * scale)
        bone.roll = rng.uniform(-3, 3)
        bones[part] = bone
    for part, (begin, _) in BONES.items():
        above = PARENTS[joint_index(begin)]
        if above >= 0:
            bones[part].parent = bones[begins[JOINTS[above]]]
    bpy.ops.object.mode_set(mode="OBJECT")
    names = {part: called.get(part, part) for part in BONES}
    spine = tuple(names[part] for part in ("spine", "spine2", "spine3", "spine4"))
    mapped = {part: (name,) for part, name in names.items() if not part.startswith("spine")} | {
        "spine": spine
    }
    return rig, mapped


def heads(rig: bpy.types.Object, names: Iterable[str], frames: np.ndarray) -> np.ndarray:
    """(F, B, 3), world."""
    matrices, world = sample_pose(rig, frames)
    order = [rig.pose.bones.find(name) for name in names]
    return (world[:, None] @ matrices)[..., :3, 3][:, order]
