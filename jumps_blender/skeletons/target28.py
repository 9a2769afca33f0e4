"""The 28-joint target skeleton: MPI-INF-3DHP's joints in MPI-INF-3DHP's order.

Source: Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN
Supervision", 3DV 2017 (mpii_get_joint_set.m), the skeleton that JUMPS (Mourot et al.) upsamples to.
``l_`` is the person's own left.
"""

JOINTS: tuple[str, ...] = (
    "spine3",
    "spine4",
    "spine2",
    "spine",
    "pelvis",
    "neck",
    "head",
    "head_top",
    "l_clavicle",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "l_hand",
    "r_clavicle",
    "r_shoulder",
    "r_elbow",
    "r_wrist",
    "r_hand",
    "l_hip",
    "l_knee",
    "l_ankle",
    "l_foot",
    "l_toe",
    "r_hip",
    "r_knee",
    "r_ankle",
    "r_foot",
    "r_toe",
)

# Index of each joint's parent; -1 is the root (pelvis).
PARENTS: tuple[int, ...] = (
    *(2, 0, 3, 4, -1, 1, 5, 6),
    *(5, 8, 9, 10, 11),
    *(5, 13, 14, 15, 16),
    *(4, 18, 19, 20, 21),
    *(4, 23, 24, 25, 26),
)


def joint_index(name: str) -> int:
    """Index of a target joint by name; raises ValueError for an unknown one."""
    return JOINTS.index(name)


def _mirrored(name: str) -> str:
    if name.startswith("l_"):
        return "r_" + name[2:]
    if name.startswith("r_"):
        return "l_" + name[2:]
    return name


# MIRROR[j] is the joint that j becomes when the picture is flipped left to right.
MIRROR: tuple[int, ...] = tuple(JOINTS.index(_mirrored(name)) for name in JOINTS)

# The 12 joints that nearly every 2D detector has, and the minimal input of the upsampler.
COMMON12: tuple[int, ...] = tuple(
    JOINTS.index(f"{side}_{part}")
    for limb in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    for side in ("l", "r")
    for part in limb
)
