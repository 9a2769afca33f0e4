"""Make the project's own example: ``jumps-train example ARCHIVE CLIP``.

Ten seconds of a motion-capture clip through a virtual camera, with a detector's noise and an arm
hidden for a while, written as AlphaPose would (COCO-17, 30 frames per second).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime.cameras import head_size_px, look_at
from jumps_blender.model_runtime.detector_noise import detect
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import JOINT_SETS, joint_index

_SECONDS, _FPS = 10.0, 30.0
_STRENGTH = 0.25  # of the detector's noise: a clear film of one person
_HIDDEN = ("r_elbow", "r_wrist")
_HIDDEN_FRAMES = slice(135, 195)
# Face points as offsets from the head joint in metres along the person's left, forward and up.
_FACE = {
    "nose": (0.0, 0.13, 0.07),
    "left_eye": (0.035, 0.11, 0.10),
    "right_eye": (-0.035, 0.11, 0.10),
    "left_ear": (0.075, 0.02, 0.08),
    "right_ear": (-0.075, 0.02, 0.08),
}


def make_example(archive: Path, clip_id: str, out: Path) -> None:
    """Write the example; raises JumpsError where the archive has no such clip, long enough."""
    data = MocapArchive(archive)
    if clip_id not in data.clip_ids:
        raise JumpsError(f"{archive}: has no clip {clip_id}.")
    clip = data.clip(data.clip_ids.index(clip_id)).at_rate(_FPS)
    frames = int(_SECONDS * _FPS)
    if len(clip.xyz) < frames:
        raise JumpsError(f"{archive}: clip {clip_id} is shorter than {_SECONDS:g} s.")
    xyz = clip.xyz[:frames]
    pelvis = xyz[:, joint_index("pelvis")]
    centre = pelvis.mean(axis=0)
    reach = float(np.linalg.norm(pelvis - centre, axis=1).max())
    view = look_at(centre, np.deg2rad(-60), np.deg2rad(8), np.deg2rad(1), 4.5 + reach)
    points, depth = view.project(xyz)
    head = head_size_px(xyz, clip.valid, depth)
    rng = np.random.default_rng(0)
    found = detect(points, depth, head, rng, _STRENGTH)
    positions, confidence = found.positions.copy(), found.confidence.copy()
    # A detector never leaves a joint out; where it sees nothing it guesses and is unsure.
    for name in _HIDDEN:
        joint = joint_index(name)
        guess = points[_HIDDEN_FRAMES, joint_index("r_shoulder")]
        positions[_HIDDEN_FRAMES, joint] = guess + rng.normal(0, 40, guess.shape)
        confidence[_HIDDEN_FRAMES, joint] = rng.uniform(0.005, 0.04, len(guess))
    face, face_confidence = _face(xyz, view.project, head, rng)

    coco = JOINT_SETS["coco17"]
    keypoints = np.zeros((frames, len(coco.joints), 3))
    keypoints[:, : len(_FACE), :2], keypoints[:, : len(_FACE), 2] = face, face_confidence
    for target, (source,) in coco.target_sources().items():
        keypoints[:, source, :2] = positions[:, target]
        keypoints[:, source, 2] = confidence[:, target]
    records = []
    for frame, joints in enumerate(keypoints):
        seen = joints[joints[:, 2] > 0.05, :2]
        low, high = seen.min(axis=0) - 12, seen.max(axis=0) + 12
        records.append(
            {
                "image_id": f"{frame}.jpg",
                "category_id": 1,
                "keypoints": [round(float(value), 3) for value in joints.ravel()],
                "score": round(float(joints[:, 2].mean() + 1.25 * joints[:, 2].max()), 4),
                "box": [round(float(value), 2) for value in (*low, *(high - low))],
                "idx": [1],
            }
        )
    with written_whole(out) as temporary:
        temporary.write_text(json.dumps(records, separators=(",", ":")) + "\n", encoding="utf-8")


def _face(xyz: NDArray, project, head: NDArray, rng: np.random.Generator) -> tuple:
    """Pixels (F, 5, 2) and confidences (F, 5) of nose, eyes and ears."""
    shoulders = xyz[:, joint_index("l_shoulder")] - xyz[:, joint_index("r_shoulder")]
    up = xyz[:, joint_index("head_top")] - xyz[:, joint_index("head")]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    left = shoulders - (shoulders * up).sum(axis=1, keepdims=True) * up
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    axes = np.stack([left, np.cross(left, up), up], axis=1)
    offsets = np.array(list(_FACE.values()))
    points, _ = project(xyz[:, None, joint_index("head")] + np.einsum("kc,fcd->fkd", offsets, axes))
    noise = rng.normal(0, 0.06, points.shape) * head[:, None, None]
    return points + noise, np.clip(rng.normal(0.9, 0.03, points.shape[:2]), 0, 1)
