"""Bone lengths of the 28 joints, and how tall a body with such bones stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import PARENTS, joint_index

_PARENT = [joint if parent < 0 else parent for joint, parent in enumerate(PARENTS)]
_BACKBONE = [
    joint_index(name)
    for name in ("spine", "spine2", "spine3", "spine4", "neck", "head", "head_top")
]
_LEGS = [joint_index(f"{side}_{part}") for side in "lr" for part in ("hip", "knee", "ankle")]

# Bones as shares of the standing height: the mean over the CMU subjects to train on, both sides.
USUAL = np.array(
    [
        *(0.0404, 0.0404, 0.0404, 0.0404, 0.0, 0.0404, 0.1144, 0.1171),
        *(0.0310, 0.0837, 0.1700, 0.1630, 0.0397),
        *(0.0310, 0.0837, 0.1700, 0.1630, 0.0397),
        *(0.0818, 0.2320, 0.2526, 0.0688, 0.0346),
        *(0.0818, 0.2320, 0.2526, 0.0688, 0.0346),
    ]
)
# By how much they differ from person to person: standard deviations of their logarithms.
SPREAD = np.array(
    [
        *(0.045, 0.045, 0.045, 0.045, 0.045, 0.045, 0.045, 0.06),
        *(0.055, 0.055, 0.06, 0.09, 0.16),
        *(0.055, 0.055, 0.06, 0.09, 0.16),
        *(0.045, 0.05, 0.03, 0.075, 0.08),
        *(0.045, 0.05, 0.03, 0.075, 0.08),
    ]
)


def bone_lengths(xyz: NDArray) -> NDArray:
    """(…, 28): from each joint's parent to the joint, in the unit of xyz (…, 28, 3); pelvis 0."""
    return np.linalg.norm(xyz - xyz[..., _PARENT, :], axis=-1)


def stature(lengths: NDArray) -> NDArray:
    """(…,): standing height of a body with bones of these lengths (…, 28).

    The chain of bones from the top of the head to the ankles. A hip lies beside the pelvis, not
    only below; by what that makes the chain too long, about 4 cm, the ankles stand above the floor.
    """
    legs = lengths[..., _LEGS].sum(axis=-1) / 2
    return np.asarray(lengths[..., _BACKBONE].sum(axis=-1) + legs)
