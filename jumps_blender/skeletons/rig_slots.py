"""The parts of a body that a retargeted animation drives."""

from __future__ import annotations

TRUNK_PARTS = ("hips", "spine", "neck", "head")  # spine and neck: chains, from the hips up
ARM_PARTS = ("clavicle", "upper_arm", "forearm", "hand")
LEG_PARTS = ("thigh", "shin", "foot", "toe")
SIDED_PARTS = (*ARM_PARTS, *LEG_PARTS)
# Controls of IK: what holds a limb's end, and what its hinge points at.
IK_FOLLOWS = {"hand_ik": "hand", "foot_ik": "foot", "toe_ik": "toe"}
IK_POLES = {"elbow_pole": "upper_arm", "knee_pole": "thigh"}
IK_PARTS = (*IK_FOLLOWS, *IK_POLES)

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
