"""How fast a clip of 1000 frames is lifted, and put on a rig of 65 bones, such as Mixamo's.

Lifting is all of it: joints, contacts, floor and locked feet, once PyTorch and the weights are
loaded. Both are compared with playing the same clip once, frame by frame, on the rig that it was
put on: what Blender itself needs to show it.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="jumps-bench-")

import bpy
import numpy as np

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.keypoints.sequence import PoseSequence
from jumps_blender.model_runtime import upsample_track
from jumps_blender.model_runtime.space import lift_sequence
from jumps_blender.scene.rest_pose import rest_pose
from jumps_blender.scene.result import create_result
from jumps_blender.scene.retarget import retarget, rig_bones
from jumps_blender.scene.rig_rest import FOLLOWS
from jumps_blender.skeletons import JOINTS, PARENTS, joint_index
from jumps_blender.skeletons.rig_maps import RIG_MAPS, mapped

FRAMES = 1000
ROUNDS = 3
TARGET = 3.0  # seconds, of both
EXAMPLE = next((Path(__file__).parents[1] / "examples").glob("*.json"))
BONES = 65
# Where the parts of a body begin; a bone ends where the next one begins.
BEGINS = FOLLOWS | {"neck": "neck"}
SPINE = ("spine", "spine2", "spine4")


def main() -> None:
    """Print seconds and the ratios."""
    sequence = _clip()
    space = lift_sequence(sequence, device="cpu")
    lifting = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        space = lift_sequence(sequence, device="cpu")
        lifting.append(time.perf_counter() - start)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    result = create_result(bpy.context, sequence, space=space, use_clip_fps=True)
    rig = _rig(rest_pose(np.zeros((1, 28, 3)), 1.75, deep=True))
    family, slots = mapped(rig_bones(rig))
    assert family == "mixamo"
    retargeting, played = [], []
    for mode in ("QUATERNION", "XYZ"):
        for bone in rig.pose.bones:
            bone.rotation_mode = mode
        for _ in range(ROUNDS):
            start = time.perf_counter()
            retarget(result, rig, slots)
            retargeting.append(time.perf_counter() - start)
            start = time.perf_counter()
            for frame in range(1, FRAMES + 1):
                bpy.context.scene.frame_set(frame)
            played.append(time.perf_counter() - start)
    once = min(played)
    for name, seconds in (
        (f"lifting {FRAMES} frames", lifting),
        (f"retargeting them to {len(rig.data.bones)} bones", retargeting),
    ):
        print(
            f"{name}: {min(seconds):.2f} s, slowest of {len(seconds)} rounds {max(seconds):.2f} s; "
            f"playing them once takes {once / min(seconds):.1f} times as long"
        )
    best, worst = (limit(lifting) + limit(retargeting) for limit in (min, max))
    print(f"both: {best:.2f} s, at the slowest {worst:.2f} s (target: {TARGET})")


def _clip() -> PoseSequence:
    """The example, forwards and backwards until it is long enough."""
    short = upsample_track(choose_person(read_pose_file(EXAMPLE)), device="cpu")
    count = len(short.times)
    order = np.abs((np.arange(FRAMES) + count - 1) % (2 * count - 2) - (count - 1))
    arrays = ("positions", "state", "confidence", "uncertainty")
    return replace(
        short,
        times=np.arange(FRAMES) / short.fps,
        **{name: getattr(short, name)[order] for name in arrays},
    )


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
