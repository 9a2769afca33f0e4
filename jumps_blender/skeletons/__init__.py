"""Joint sets and the maps between them, as data only."""

from .joint_sets import JOINT_SETS, JointSet, joint_set_from_names
from .target28 import COMMON12, JOINTS, MIRROR, PARENTS, joint_index

__all__ = [
    "COMMON12",
    "JOINTS",
    "JOINT_SETS",
    "MIRROR",
    "PARENTS",
    "JointSet",
    "joint_index",
    "joint_set_from_names",
]
