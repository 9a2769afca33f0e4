"""How fast a lifted clip of 1000 frames is put on a rig of 65 bones, such as Mixamo's.

Against playing the same clip once, frame by frame, on the rig that it was put on: what Blender
itself needs to show it.
"""

from __future__ import annotations

import os
import tempfile
import time

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="jumps-bench-")

import bpy
import numpy as np

from jumps_blender.keypoints.sequence import PoseSequence
from jumps_blender.keypoints.space import Lens, SpaceSequence, StillCamera
from jumps_blender.scene.rest_pose import rest_pose
from jumps_blender.scene.result import Result, create_result
from jumps_blender.scene.retarget import retarget, rig_bones
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index
from jumps_blender.skeletons.rig_maps import RIG_MAPS, mapped

FRAMES = 1000
ROUNDS = 3
TARGET = 1.5  # seconds
BONES = 65
# Where the parts of a body begin; a bone ends where the next one begins.
BEGINS = {"hips": "pelvis", "neck": "neck", "head": "head"} | {
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
SPINE = ("spine", "spine2", "spine4")


def main() -> None:
    """Print seconds and the ratio."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rest = rest_pose(np.zeros((1, 28, 3)), 1.75, deep=True)
    result, rig = _clip(rest), _rig(rest)
    family, slots = mapped(rig_bones(rig))
    assert family == "mixamo"
    seconds, played = [], []
    for mode in ("QUATERNION", "XYZ"):
        for bone in rig.pose.bones:
            bone.rotation_mode = mode
        for _ in range(ROUNDS):
            start = time.perf_counter()
            retarget(result, rig, slots)
            seconds.append(time.perf_counter() - start)
            start = time.perf_counter()
            for frame in range(1, FRAMES + 1):
                bpy.context.scene.frame_set(frame)
            played.append(time.perf_counter() - start)
    best = min(seconds)
    print(
        f"retargeting {FRAMES} frames to {len(rig.data.bones)} bones: {best:.2f} s, slowest of "
        f"{len(seconds)} rounds {max(seconds):.2f} s (target: {TARGET}); {min(played) / best:.1f} "
        "times as fast as playing them once"
    )


def _clip(rest: np.ndarray) -> Result:
    """A body that sways and swings its limbs, lifted."""
    times = np.arange(FRAMES) / 30
    swing = np.sin(2 * np.pi * times)[:, None] * np.random.default_rng(0).normal(size=28) * 0.1
    points = np.repeat(rest[None], FRAMES, axis=0).astype(np.float32)
    points[..., 1] += swing
    shape = points.shape[:2]
    picture = PoseSequence(
        positions=points[..., :2] * 100,
        state=np.zeros(shape, np.int8),
        confidence=np.ones(shape, np.float32),
        uncertainty=np.ones(shape, np.float32),
        times=times,
        fps=30.0,
        image_size=(1920, 1080),
        person="1",
        source="benchmark",
        engine="benchmark",
    )
    space = SpaceSequence(
        picture=picture,
        positions=points,
        uncertainty=np.zeros(shape, np.float32),
        contact=np.zeros((FRAMES, 4), np.float32),
        camera=StillCamera(np.eye(3), np.zeros(3), Lens(1500.0, (960, 540)), (1920, 1080)),
        height=1.75,
        lifter="benchmark",
    )
    return create_result(bpy.context, picture, space=space, use_clip_fps=True)


def _rig(rest: np.ndarray) -> bpy.types.Object:
    """Mixamo's names, and fingers and ends besides, up to the number of bones."""
    begins = BEGINS | {f"spine {n}": joint for n, joint in enumerate(SPINE)}
    names = {slot: names[0] for slot, names in RIG_MAPS["mixamo"].bones.items()}
    names |= {f"spine {n}": RIG_MAPS["mixamo"].bones["spine"][n] for n in range(len(SPINE))}
    data = bpy.data.armatures.new("Rig")
    rig = bpy.data.objects.new("Rig", data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = {}
    for slot, joint in begins.items():
        bone = bones[joint] = data.edit_bones.new(f"mixamorig:{names[slot]}")
        bone.head = rest[joint_index(joint)]
        children = [n for n, parent in enumerate(PARENTS) if parent == joint_index(joint)]
        bone.tail = rest[children[0]]
    for joint, bone in bones.items():
        above = PARENTS[joint_index(joint)]
        while above >= 0 and JOINTS[above] not in bones:
            above = PARENTS[above]
        bone.parent = bones[JOINTS[above]] if above >= 0 else None
    for number in range(BONES - len(bones)):
        finger = data.edit_bones.new(f"mixamorig:Finger{number}")
        finger.parent = bones["l_wrist" if number % 2 else "r_wrist"]
        finger.head = finger.parent.tail
        finger.tail = finger.head + finger.parent.vector / 3
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


if __name__ == "__main__":
    main()
