"""The armature's rest pose: an A-pose in the picture plane, seen from the front, as data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import JOINTS, MIRROR, PARENTS, joint_index
from .coordinates import bone_lengths

# Bone from the parent to the joint: length as a share of the standing height (median over 390
# clips of CMU motion, both sides averaged) and direction (x, z) of the person's left side, which
# is on the picture's right. The feet hang in the plane because the picture has no depth.
_BONES: dict[str, tuple[float, tuple[float, float]]] = {
    "spine": (0.042, (0.0, 1.0)),
    "spine2": (0.042, (0.0, 1.0)),
    "spine3": (0.042, (0.0, 1.0)),
    "spine4": (0.042, (0.0, 1.0)),
    "neck": (0.042, (0.0, 1.0)),
    "head": (0.113, (0.0, 1.0)),
    "head_top": (0.115, (0.0, 1.0)),
    "l_clavicle": (0.031, (0.97, 0.25)),
    "l_shoulder": (0.084, (0.97, 0.25)),
    "l_elbow": (0.174, (0.7, -0.7)),
    "l_wrist": (0.173, (0.7, -0.7)),
    "l_hand": (0.040, (0.7, -0.7)),
    "l_hip": (0.082, (0.61, -0.79)),
    "l_knee": (0.238, (0.05, -1.0)),
    "l_ankle": (0.258, (0.05, -1.0)),
    "l_foot": (0.074, (0.4, -0.92)),
    "l_toe": (0.037, (0.4, -0.92)),
}
# Directions (x, y, z) of the feet where there is depth: ahead, which is towards the viewer.
_DEEP = {"l_foot": (0.1, -0.85, -0.5), "l_toe": (0.1, -0.98, -0.15)}
# How far a clip's own proportions may lead away from these: a limb that always points at the
# camera must not become a bone without length.
_SHORTEST, _LONGEST = 0.6, 1.4


def rest_pose(
    points: NDArray[np.floating], height: float, deep: bool = False
) -> NDArray[np.float64]:
    """(28, 3) joint positions at rest, with the clip's own bone lengths where these are plausible.

    points: (F, 28, 3), the clip in scene units
    height: the person's standing height, scene units; also the size of the result
    deep: whether the clip has depth, and the feet point ahead
    """
    measured = bone_lengths(points, 50.0)
    measured = (measured + measured[list(MIRROR)]) / 2
    rest = np.zeros((len(JOINTS), 3))
    for joint in parents_first():
        if PARENTS[joint] < 0:
            continue
        name = JOINTS[joint]
        own = "l_" + name[2:] if name.startswith("r_") else name
        share, (x, z) = _BONES[own]
        direction = np.array(_DEEP[own] if deep and own in _DEEP else (x, 0.0, z))
        direction[0] *= -1 if name.startswith("r_") else 1
        length = np.clip(measured[joint], _SHORTEST * share * height, _LONGEST * share * height)
        rest[joint] = rest[PARENTS[joint]] + length * direction / np.linalg.norm(direction)
    rest[:, 2] -= rest[:, 2].min()
    return rest


def parents_first() -> list[int]:
    """The 28 joints in an order in which every parent precedes its children."""
    order = [joint_index("pelvis")]
    for joint in order:
        order.extend(child for child, parent in enumerate(PARENTS) if parent == joint)
    return order
