"""The armature of the 28 joints: bones named like the joints, held to the empties."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.types import Armature, Collection, Context, Object
from mathutils import Vector
from numpy.typing import NDArray

from ..skeletons import JOINTS, PARENTS, joint_index
from .rest_pose import parents_first

# Where a joint has several children, the one that its bone points at.
_AIMED_AT = {joint_index("pelvis"): joint_index("spine"), joint_index("neck"): joint_index("head")}
# Bones at the ends of the limbs are drawn this share of their parent's length.
_END_LENGTH = 0.5
_TOWARDS = 0.7  # share of its length by which a bone comes towards the viewer

FOLLOWS_POSITION = "JUMPS Position"
FOLLOWS_DIRECTION = "JUMPS Direction"


def child_of(joint: int) -> int | None:
    """The joint at which this joint's bone points; None at the end of a limb."""
    if joint in _AIMED_AT:
        return _AIMED_AT[joint]
    return PARENTS.index(joint) if joint in PARENTS else None


def create_armature(
    context: Context, collection: Collection, rest: NDArray[np.float64], name: str
) -> Object:
    """An armature object with one bone per joint, not connected, in ``collection``.

    rest: (28, 3), joint positions at rest in the object's space. Heads lie on the joints. Bones'
    local z axes point towards the viewer (-y), so that a turn in the picture is a turn about one
    local axis; those of bones that point there themselves point up. Needs Object Mode; the
    armature becomes the active object.
    """
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    collection.objects.link(armature)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        _add_bones(data, rest)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    data.display_type = "STICK"
    return armature


def _add_bones(data: Armature, rest: NDArray[np.float64]) -> None:
    bones = [data.edit_bones.new(name) for name in JOINTS]
    for joint in parents_first():
        bone, parent, child = bones[joint], PARENTS[joint], child_of(joint)
        if parent >= 0:
            bone.parent = bones[parent]
        end = rest[joint] + _END_LENGTH * (rest[joint] - rest[parent])
        bone.head = Vector(rest[joint])
        bone.tail = Vector(rest[child] if child is not None else end)
        along = (bone.tail - bone.head).normalized()
        bone.align_roll(Vector((0, 0, 1)) if along.y < -_TOWARDS else Vector((0, -1, 0)))


def follow(armature: Object, empties: tuple[Object, ...]) -> None:
    """Hold each bone's head to its joint's empty and turn it to the next joint's.

    empties: 28, in the order of the joints
    """
    for joint, name in enumerate(JOINTS):
        constraints = armature.pose.bones[name].constraints
        position = constraints.new("COPY_LOCATION")
        position.name = FOLLOWS_POSITION
        position.target = empties[joint]
        child = child_of(joint)
        if child is not None:
            direction = constraints.new("DAMPED_TRACK")
            direction.name = FOLLOWS_DIRECTION
            direction.target = empties[child]
            direction.track_axis = "TRACK_Y"
