"""A stick figure that walks through the picture: input with known answers."""

from __future__ import annotations

import numpy as np

from jumps_blender.keypoints import JointState, PoseSequence
from jumps_blender.skeletons import JOINTS, joint_index

PIXELS_PER_METRE = 200.0
HEIGHT = 1.70  # metres, crown to toes
# Metres, x to the picture's right and z up, of a person of that height who faces the viewer: the
# person's left is on the picture's right.
_AXIS = {
    "pelvis": 0.95,
    "spine": 1.02,
    "spine2": 1.09,
    "spine3": 1.16,
    "spine4": 1.23,
    "neck": 1.30,
    "head": 1.50,
    "head_top": 1.70,
}
_LEFT = {
    "clavicle": (0.06, 1.32),
    "shoulder": (0.19, 1.35),
    "elbow": (0.28, 1.07),
    "wrist": (0.36, 0.80),
    "hand": (0.38, 0.73),
    "hip": (0.09, 0.85),
    "knee": (0.10, 0.44),
    "ankle": (0.10, 0.06),
    "foot": (0.15, 0.01),
    "toe": (0.18, 0.0),
}
FLOOR_Y = 800.0
FIRST_PELVIS_X = 300.0


def walker(
    frames: int = 60, fps: float = 30.0, person: str = "1", source: str = "/clips/walk.json"
) -> PoseSequence:
    """A person who walks to the right at 0.5 m/s, swinging arms and legs.

    The first 16 joints that detectors lack are upsampled; the left wrist is inpainted in frames
    10 to 19.
    """
    standing = np.zeros((len(JOINTS), 2))
    for name, z in _AXIS.items():
        standing[joint_index(name)] = 0.0, z
    for name, (x, z) in _LEFT.items():
        standing[joint_index(f"l_{name}")] = x, z
        standing[joint_index(f"r_{name}")] = -x, z
    times = np.arange(frames) / fps
    metres = np.repeat(standing[None], frames, axis=0)
    metres[..., 0] += 0.5 * times[:, None]
    swing = 0.08 * np.sin(2 * np.pi * times)
    for sign, side in ((1, "l"), (-1, "r")):
        for share, name in ((0.4, "elbow"), (1.0, "wrist"), (1.1, "hand")):
            metres[:, joint_index(f"{side}_{name}"), 0] += sign * share * swing
        for share, name in ((0.5, "knee"), (1.0, "ankle"), (1.0, "foot"), (1.0, "toe")):
            metres[:, joint_index(f"{side}_{name}"), 0] -= sign * share * swing
    positions = np.empty_like(metres, np.float32)
    positions[..., 0] = FIRST_PELVIS_X + PIXELS_PER_METRE * metres[..., 0]
    positions[..., 1] = FLOOR_Y - PIXELS_PER_METRE * metres[..., 1]

    state = np.full((frames, len(JOINTS)), JointState.UPSAMPLED, np.int8)
    for side in "lr":
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
            state[:, joint_index(f"{side}_{name}")] = JointState.OBSERVED
    state[10:20, joint_index("l_wrist")] = JointState.INPAINTED
    return PoseSequence(
        positions=positions,
        state=state,
        confidence=(state == JointState.OBSERVED).astype(np.float32),
        uncertainty=np.ones(state.shape, np.float32),
        times=times,
        fps=fps,
        image_size=(1280, 960),
        person=person,
        source=source,
        engine="walker",
    )
