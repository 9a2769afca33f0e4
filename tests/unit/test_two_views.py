"""Real footage: one person seen by two cameras, each view lifted alone."""

from pathlib import Path

import numpy as np
import pytest

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track
from jumps_blender.model_runtime.lift_evaluation import procrustes
from jumps_blender.model_runtime.proportions import bone_lengths
from jumps_blender.model_runtime.space import SpaceSequence, lift_sequence
from jumps_blender.skeletons import JOINTS

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
LIMBS = [
    JOINTS.index(f"{side}_{part}") for side in "lr" for part in ("elbow", "wrist", "knee", "ankle")
]


def lifted(name: str) -> SpaceSequence:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return lift_sequence(upsample_track(choose_person(read_pose_file(path)), device="cpu"))


def off_its_picture(space: SpaceSequence) -> float:
    """Mean reprojection error of the joints that the detector was sure of, in picture heights."""
    seen = space.camera.project(space.positions.astype(float)) - space.picture.positions
    error = np.linalg.norm(seen, axis=-1) / space.camera.size[1]
    return float(error[space.picture.confidence > 0.5].mean())


def test_two_views_of_one_person_agree():
    views = [lifted(f"mediapipe/pose2sim_single_cam{number}.jsonl") for number in ("01", "03")]
    first, second = (view.positions.astype(float) for view in views)
    apart = np.linalg.norm(procrustes(first, second) - second, axis=-1)
    assert apart.mean() < 0.09
    lengths = np.array([bone_lengths(points)[0, LIMBS] for points in (first, second)])
    assert np.abs(lengths[0] / lengths[1] - 1).max() < 0.05
    assert max(map(off_its_picture, views)) < 0.01


@pytest.mark.parametrize("name", ["mediapipe/sports2d_demo.jsonl", "openpose_body25/workout_march"])
def test_what_is_lifted_lies_on_its_picture(name):
    assert off_its_picture(lifted(name)) < 0.01
