"""The parts of a body that a retargeted animation drives."""

from __future__ import annotations

TRUNK_PARTS = ("hips", "spine", "neck", "head")  # spine and neck: chains, from the hips up
ARM_PARTS = ("clavicle", "upper_arm", "forearm", "hand")
LEG_PARTS = ("thigh", "shin", "foot", "toe")
SIDED_PARTS = (*ARM_PARTS, *LEG_PARTS)
IK_PARTS = ("hand_ik", "elbow_pole", "foot_ik", "knee_pole")

# "root" is a bone on the floor, above the hips in the hierarchy.
SLOTS: tuple[str, ...] = (
    "root",
    *TRUNK_PARTS,
    *(f"{side}_{part}" for side in "lr" for part in (*SIDED_PARTS, *IK_PARTS)),
)
NEEDED: tuple[str, ...] = tuple(
    slot
    for slot in SLOTS
    if slot not in ("root", "neck") and slot[2:] not in (*IK_PARTS, "toe", "clavicle")
)
_SIDES = {"l_": "left ", "r_": "right "}


def title_of(slot: str) -> str:
    """What users call a slot: l_upper_arm is the left upper arm."""
    part = slot[2:] if slot[:2] in _SIDES else slot
    words = part.removesuffix("_ik").replace("_", " ") + ("'s IK" * part.endswith("_ik"))
    return _SIDES.get(slot[:2], "") + words
