"""RTMPose through the real rtmlib and ONNX Runtime, with stub models that the test makes."""

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import read_pose_file
from jumps_blender.processes.job import drain
from jumps_blender.video.estimate import EstimateJob, EstimateSettings

from ...films import write_film
from ...onnx_models import write_detector, write_pose_model

BOXES = [[4, 4, 20, 30], [40, 4, 56, 30]]  # of a picture that is 64 wide
PLACES = [(20 + 5 * joint, 30 + 7 * joint) for joint in range(26)]
SCORES = [0.9] * 24 + [0.3, 0.1]


@pytest.fixture
def models(tmp_path):
    return {
        "detector": write_detector(tmp_path / "detector.onnx", BOXES),
        "pose": write_pose_model(tmp_path / "pose.onnx", PLACES, SCORES),
    }


@pytest.fixture
def film(tmp_path):
    """Eight frames; in the fourth and the fifth, which are black, nobody is found."""
    pictures = [np.full((180, 320, 3), 0 if i in (3, 4) else 220, np.uint8) for i in range(8)]
    return write_film(tmp_path / "film.mp4", pictures)


@pytest.fixture
def estimate(rtmpose, tmp_path):
    def run(film, models, **settings):
        chosen = EstimateSettings("rtmpose", models, **settings)
        job = EstimateJob(rtmpose, film, chosen, cache=tmp_path / "cache")
        drain(job)
        return read_pose_file(job.poses)

    return run


def test_people_are_found_where_the_models_say(estimate, film, models):
    poses = estimate(film, models)
    assert (poses.joint_set.name, poses.frame_count) == ("halpe26", 8)
    assert len(poses.tracks) == 2
    for track, (left, top, right, below) in zip(
        sorted(poses.tracks, key=lambda each: each.positions[0, 0, 0]), BOXES, strict=True
    ):
        # The picture is five times as wide as the detector's. RTMPose looks at a box a quarter
        # larger, of the proportions of its own picture.
        box = 5 * np.array([right - left, below - top]) * 1.25
        box = np.maximum(box, box[::-1] * [192 / 256, 256 / 192])
        corner = 5 * np.array([left + right, top + below]) / 2 - box / 2
        wanted = corner + np.array(PLACES) / [192, 256] * box
        seen = [0, 1, 2, 5, 6, 7]
        assert np.allclose(track.positions[seen], wanted, atol=0.02)
        # Score 0.3 is the limit and becomes 0.5; nobody in black pictures, and no whole picture.
        assert np.allclose(track.confidence[seen, 24], 0.5, atol=1e-4)
        assert np.allclose(track.confidence[seen, 25], 0.5 / 3, atol=1e-3)
        assert not track.confidence[[3, 4]].any()


def test_fewer_people_are_the_largest(estimate, film, models, tmp_path):
    models["detector"] = write_detector(tmp_path / "d.onnx", [[4, 4, 10, 12], [30, 4, 56, 34]])
    (track,) = estimate(film, models, people=1).tracks
    assert track.positions[0, 0, 0] > 100


def test_models_that_are_none_are_said(estimate, film, models, tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(JumpsError, match="is no ONNX model for pictures") as raised:
        estimate(film, models | {"detector": tmp_path / "text.onnx"})
    assert "\n" not in str(raised.value)
    seventeen = write_pose_model(tmp_path / "coco.onnx", PLACES[:17], SCORES[:17])
    with pytest.raises(JumpsError, match="finds 17 joints in place of 26"):
        estimate(film, models | {"pose": seventeen})
