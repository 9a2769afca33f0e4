"""The protocol: cameras, groups and figures, on archives whose answers are known."""

from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.baselines import RidgeEngine
from jumps_blender.model_runtime.cameras import FOCAL, head_size_px, look_at, protocol_camera
from jumps_blender.model_runtime.detector_noise import detect
from jumps_blender.model_runtime.engine import Estimate
from jumps_blender.model_runtime.evaluation import Protocol, evaluate, hidden_joints
from jumps_blender.model_runtime.lift import Lifter
from jumps_blender.model_runtime.lift_evaluation import evaluate_lift
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12, JOINTS

from .conftest import walking_figure


def write_archive(path: Path, clips: dict[str, int], **changes) -> Path:
    """An archive of walking figures; ``clips`` maps ids (subject before the dot) to lengths."""
    flat = [walking_figure(frames, 60) for frames in clips.values()]
    xyz = np.concatenate([np.stack([p[..., 0], p[..., 0] * 0, 500 - p[..., 1]], -1) for p in flat])
    xyz /= 100  # centimetre-like pixels to metres
    root = xyz[:, 4]
    data = {
        "offsets": np.rint((xyz - root[:, None]) * 1000).astype(np.int16),
        "root": root.astype(np.float32),
        "clip_start": np.cumsum([0, *clips.values()]),
        "clip_id": np.array(list(clips)),
        "subject": np.array([clip.split(".")[0] for clip in clips]),
        "valid": np.ones((len(clips), 28), bool),
        "fps": np.int16(60),
        "joint_names": np.array(JOINTS),
    }
    np.savez(path, **(data | changes))
    return path


class Shifted:
    """Returns the truth, moved by a number of head sizes: the truth is what it was given."""

    name = identity = "shifted"

    def __init__(self, heads: float) -> None:
        self.heads = heads

    def estimate(self, observation, progress=None, cancelled=None):
        del progress, cancelled
        shift = np.array([self.heads * self.head_px, 0], np.float32)
        positions = self.truth[: len(observation.times)] + shift
        return Estimate(positions.copy(), np.ones(positions.shape[:2], np.float32))


def test_camera_looks_where_it_should():
    camera = look_at(np.zeros(3), yaw=-np.pi / 2, elevation=0, roll=0, distance=5)
    pixels, depth = camera.project(np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]))
    assert np.allclose(camera.position, (0, -5, 0))
    assert np.allclose(pixels, [(960, 540), (1260, 540), (960, 240), (960, 540)], atol=1e-3)
    assert np.allclose(depth, [5, 5, 5, 6])
    above = look_at(np.zeros(3), yaw=0, elevation=np.pi / 6, roll=0, distance=4)
    assert above.position[2] == pytest.approx(2)


def test_protocol_cameras_are_repeatable_and_within_their_ranges():
    pelvis = np.zeros((10, 3))
    pelvis[:, 0] = np.linspace(0, 4, 10)
    first = protocol_camera("clip", 0, 0, pelvis)
    assert np.array_equal(first.position, protocol_camera("clip", 0, 0, pelvis).position)
    for number in range(50):
        camera = protocol_camera("clip", 0, number, pelvis)
        offset = camera.position - pelvis.mean(axis=0)
        distance = np.linalg.norm(offset)
        assert 4.5 <= distance <= 10.5  # 2.5 to 8.5 plus half the extent of 4
        assert -15 <= np.rad2deg(np.arcsin(offset[2] / distance)) <= 30
    others = [protocol_camera(*key, pelvis).position for key in (("clip", 1, 0), ("other", 0, 0))]
    assert not any(np.allclose(first.position, other) for other in others)


def test_head_size():
    xyz = np.zeros((3, 28, 3), np.float32)
    xyz[:, JOINTS.index("head_top"), 2] = 0.25
    depth = np.full((3, 28), 5.0, np.float32)
    valid = np.ones(28, bool)
    assert np.allclose(head_size_px(xyz, valid, depth), 0.25 * FOCAL / 5)
    valid[JOINTS.index("head")] = False
    assert np.allclose(head_size_px(xyz, valid, depth), 0.20 * FOCAL / 5)


@pytest.mark.parametrize(("heads", "auc"), [(0.0, 100 / 101), (0.305, 70 / 101), (2.0, 0.0)])
def test_figures_of_a_known_error(tmp_path, heads, auc):
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"s1": 121}))
    clip = archive.clip(0).at_rate(30)
    view = protocol_camera("s1", 0, 0, clip.xyz[:, 4])
    points, depth = view.project(clip.xyz)
    engine = Shifted(heads)
    engine.truth = points
    engine.head_px = head_size_px(clip.xyz, clip.valid, depth)[:, None].repeat(28, 1)
    shift = np.stack([engine.head_px * heads, engine.head_px * 0], -1)
    engine.estimate = lambda *_: Estimate(points + shift, np.ones((len(points), 28), np.float32))
    result = evaluate(archive, engine, Protocol(cameras=1))
    # An error of 0 is below every alpha but alpha = 0 itself.
    assert result["missing"]["auc"] == pytest.approx(auc, abs=1e-6)
    assert result["missing"]["mean_error"] == pytest.approx(heads, abs=1e-4)
    assert result["missing"]["pckh@0.5"] == (1.0 if heads < 0.5 else 0.0)
    assert result["missing"]["jitter"] < 1e-4
    # Observed joints are put back, so only 16 of 28 joints are wrong in "all", but all in "raw".
    assert result["all"]["mean_error"] == pytest.approx(heads * 16 / 28, abs=1e-4)
    assert result["raw"]["mean_error"] == pytest.approx(heads, abs=1e-4)
    assert result["hidden"] == {}
    # What was given was exact, and stays.
    assert result["input"]["mean_error"] == result["given"]["mean_error"] == 0
    assert len(result["curve"]) == 101
    assert result["curve"][31] == (1.0 if heads < 0.31 else 0.0)


def test_given_joints_are_measured_before_and_after(tmp_path):
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"s1": 200}))
    engine = RidgeEngine()
    kept = evaluate(archive, engine, Protocol(cameras=1, noise="detector"))
    assert kept["given"] == {**kept["input"], "fps": kept["given"]["fps"]}
    assert kept["input"]["mean_error"] > 0.1
    moved = evaluate(archive, engine, Protocol(cameras=1, noise="detector", denoise=True))
    assert moved["input"]["auc"] == kept["input"]["auc"]
    assert moved["given"]["jitter"] < 0.5 * moved["input"]["jitter"]


def test_subjects_count_alike_whatever_their_length(tmp_path):
    from jumps_blender.model_runtime import load_engine

    clips = {"long.1": 400, "long.2": 300, "short.1": 61}
    archive = MocapArchive(write_archive(tmp_path / "a.npz", clips))
    result = evaluate(archive, load_engine("interpolate"), Protocol(cameras=2))
    subjects = result["subjects"]
    assert set(subjects) == {"long", "short"}
    for group in ("all", "missing", "raw"):
        mean = np.mean([subject[group]["auc"] for subject in subjects.values()])
        assert result[group]["auc"] == pytest.approx(mean)


def test_joints_that_are_not_valid_neither_count_nor_are_given(tmp_path):
    from jumps_blender.model_runtime import load_engine

    path = write_archive(tmp_path / "a.npz", {"s": 121})
    data = dict(np.load(path))
    data["valid"][0, [JOINTS.index("l_hand"), JOINTS.index("r_knee"), JOINTS.index("head")]] = False
    reference_path = tmp_path / "b.npz"
    np.savez(reference_path, **data)
    data["offsets"][:, JOINTS.index("l_hand")] = 30000
    data["offsets"][:, JOINTS.index("r_knee")] = -30000
    np.savez(path, **data)
    results = [
        evaluate(MocapArchive(p), load_engine("interpolate"), Protocol(cameras=2))
        for p in (path, reference_path)
    ]
    for group in ("all", "missing", "raw"):
        assert results[0][group]["auc"] == pytest.approx(results[1][group]["auc"])
        assert results[0][group]["mean_error"] < 1


def test_hiding():
    hidden = hidden_joints("l_arm:24", 100)
    names = {JOINTS[joint] for joint in np.flatnonzero(hidden.any(axis=0))}
    assert names == {"l_shoulder", "l_elbow", "l_wrist"}
    assert list(np.flatnonzero(hidden.any(axis=1))[[0, -1]]) == [38, 61]
    assert hidden_joints("body:6", 7).sum() == 0  # nothing would be left on one side
    assert set(np.flatnonzero(hidden_joints("body:6", 8).any(axis=0))) == set(COMMON12)
    for pattern in ("l_arm", "l_arm:", "l_arm:0", "l_arm:x", "wing:5", ":5", "l_arm:-3"):
        with pytest.raises(JumpsError, match="--hide"):
            hidden_joints(pattern, 50)


def test_nearest_frames_at_another_rate(tmp_path):
    clip = MocapArchive(write_archive(tmp_path / "a.npz", {"s": 121})).clip(0)
    assert np.array_equal(clip.at_rate(30).xyz, clip.xyz[::2])
    assert np.array_equal(clip.at_rate(60).xyz, clip.xyz)
    quarter = clip.at_rate(25)
    assert len(quarter.xyz) == 51
    assert np.array_equal(quarter.xyz[1], clip.xyz[2])  # 2.4 is nearest to 2
    assert np.array_equal(quarter.xyz[2], clip.xyz[5])  # 4.8 to 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offsets": np.zeros((3, 27, 3), np.int16)}, "offsets is"),
        ({"clip_start": np.array([0, 400])}, "clip_start"),
        ({"joint_names": np.array(JOINTS[::-1])}, "joint_names"),
        ({"fps": np.int16(0)}, "fps is 0"),
        ({"fps": np.float64("inf")}, "fps is inf"),
        ({"fps": np.float64(1e-6)}, "fps is 1e-06"),
        ({"clip_start": np.array([0, np.nan])}, "clip_start holds float64"),
        ({"root": np.full((121, 3), 1e300)}, "root must be finite"),
        ({"offsets": np.full((121, 28, 3), 1e38)}, "offsets lie more than 1e.06 m away"),
    ],
)
def test_archives_that_are_none_are_refused(tmp_path, change, words):
    with pytest.raises(JumpsError, match=words):
        MocapArchive(write_archive(tmp_path / "a.npz", {"s": 121}, **change))


def test_starts_that_count_backwards_are_refused(tmp_path):
    """Differences of unsigned numbers are never negative."""
    path = write_archive(tmp_path / "a.npz", {"a": 20, "b": 20, "c": 20})
    change = {**np.load(path), "clip_start": np.array([0, 50, 10, 60], np.uint64)}
    np.savez(path, **change)
    with pytest.raises(JumpsError, match="clip_start doesn't cut the frames into clips"):
        MocapArchive(path)


def test_a_body_in_one_point_has_finite_errors_and_cannot_be_lifted(tmp_path):
    offsets = np.zeros((121, 28, 3), np.int16)
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"s": 121}, offsets=offsets))
    scores = evaluate(archive, RidgeEngine(), Protocol(cameras=1))
    assert np.isfinite(list(scores["all"].values())).all()
    with pytest.raises(JumpsError, match=r"a\.npz: clip s has no body: its bones are 0 long"):
        evaluate_lift(archive, Lifter.load("cpu"), Protocol(cameras=1))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rubbish", b"\x93NUMPY\x01\x00", b"{}"])
def test_files_that_are_no_archive_are_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(JumpsError, match=r"a\.npz"):
        MocapArchive(path)
    with pytest.raises(JumpsError, match="cannot be read"):
        MocapArchive(tmp_path / "none.npz")


def test_detector_noise_is_repeatable_and_grows_with_strength():
    points = walking_figure(300)
    depth = np.full((300, 28), 5, np.float32)
    head = np.full(300, 20, np.float32)
    one = detect(points, depth, head, np.random.default_rng(4))
    two = detect(points, depth, head, np.random.default_rng(4))
    assert np.array_equal(one.positions, two.positions)
    errors = []
    for strength in (0.1, 0.5, 1.0):
        noisy = detect(points, depth, head, np.random.default_rng(4), strength)
        seen = noisy.confidence > 0
        errors.append(np.linalg.norm(noisy.positions - points, axis=-1)[seen].mean())
        assert (noisy.positions[~seen] == 0).all()
        assert noisy.confidence.max() <= 1
    assert errors[0] < errors[1] < errors[2]


def test_detector_noise_scores_as_alphapose_does(shared):
    archive = MocapArchive(shared / "mocap" / "train.npz")
    scores = []
    for number in range(0, len(archive), 41):
        clip = archive.clip(number).at_rate(30)
        points, depth = protocol_camera(clip.clip_id, 0, 0, clip.xyz[:, 4]).project(clip.xyz)
        head = head_size_px(clip.xyz, clip.valid, depth)
        noisy = detect(points, depth, head, np.random.default_rng(number))
        common = list(COMMON12)
        error = np.linalg.norm(noisy.positions - points, axis=-1)[:, common] / head[:, None]
        # A joint that was not found counts as not correct, as AlphaPose's misses do.
        error = np.where(noisy.confidence[:, common] > 0, error, np.inf)
        scores.append((error[..., None] < np.arange(101) / 100).mean())
    assert np.mean(scores) == pytest.approx(0.63, abs=0.02)
