"""The lifter: its view of a clip, its network's geometry, one skeleton for a clip, its figures."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from jumps_blender.cli import main
from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import Lens
from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime import lift_features, weights_files
from jumps_blender.model_runtime.cameras import FOCAL
from jumps_blender.model_runtime.contacts import CONTACTS, contacts
from jumps_blender.model_runtime.evaluation import Protocol
from jumps_blender.model_runtime.lift import Lift, Lifter
from jumps_blender.model_runtime.lift_evaluation import evaluate_lift, procrustes
from jumps_blender.model_runtime.lift_network import LiftConfig, on_rays
from jumps_blender.model_runtime.lift_refine import refined, rigid
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.proportions import USUAL, bone_lengths, stature
from jumps_blender.skeletons import JOINTS, MIRROR, joint_index
from training import export as export_module
from training.lift_data import LiftSettings, LiftStream
from training.train_lift import LiftTrainSettings, train

from .conftest import walking_figure
from .test_evaluation import write_archive

PELVIS, TOE = JOINTS.index("pelvis"), JOINTS.index("l_toe")


def walker_in_space(frames: int = 60) -> np.ndarray:
    """(F, 28, 3), metres, camera axes: a stick figure that walks across the view, 4 m away."""
    flat = walking_figure(frames).astype(np.float64)
    points = np.zeros((frames, 28, 3))
    points[..., 0] = (flat[..., 0] - flat[:, PELVIS, 0].mean()) / 100
    points[..., 1] = (flat[..., 1] - flat[0, PELVIS, 1]) / 100
    for joint, name in enumerate(JOINTS):
        side = {"l_": 1, "r_": -1}.get(name[:2], 0)
        points[:, joint, 2] = 4 + 0.15 * side
    points[..., 1] += 0.3
    return points


def seen(points: np.ndarray, focal: float = FOCAL, centre=(0.0, 0.0)) -> Observation:
    """What a lens shows of points in its axes."""
    pixels = points[..., :2] / points[..., 2:] * focal + centre
    count = len(points)
    return Observation(
        pixels.astype(np.float32),
        np.ones((count, 28), np.float32),
        np.ones(28, bool),
        np.arange(count) / 30,
    )


def view(points: np.ndarray) -> lift_features.LiftView:
    pixels = (points[..., :2] / points[..., 2:] * FOCAL).astype(np.float32)
    sure = np.ones(pixels.shape[:-1], np.float32)
    return lift_features.look(pixels, 0 * sure, sure, 1 / 30)


def turned_aside(points: np.ndarray, angle: float) -> np.ndarray:
    """The same scene before a camera turned about its upright."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


def test_a_body_stands_as_tall_as_its_bones_say():
    lengths = np.zeros(28)
    for name, length in {
        "spine": 0.1, "spine2": 0.1, "spine3": 0.1, "spine4": 0.1, "neck": 0.1, "head": 0.12,
        "head_top": 0.15, "l_hip": 0.14, "r_hip": 0.14, "l_knee": 0.42, "r_knee": 0.44,
        "l_ankle": 0.4, "r_ankle": 0.42,
    }.items():  # fmt: skip
        lengths[JOINTS.index(name)] = length
    assert stature(lengths) == pytest.approx(0.77 + 0.14 + 0.84)
    xyz = np.zeros((2, 28, 3))
    xyz[:, TOE] = (0, 3, 4)
    assert bone_lengths(xyz)[0, TOE] == 5
    assert bone_lengths(xyz)[:, PELVIS].max() == 0


def test_the_turned_camera_looks_at_the_body_and_stays_upright():
    centre = np.array([[300.0, -200.0], [0, 0], [-2000, 900]])
    turn = lift_features.turned_to(centre).astype(float)
    assert np.allclose(turn @ turn.transpose(0, 2, 1), np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)
    rays = np.concatenate([centre, np.full((3, 1), FOCAL)], axis=1)
    aimed = np.einsum("fij,fj->fi", turn, rays)
    assert np.allclose(aimed[:, :2], 0, atol=1e-2)
    assert (aimed[:, 2] > 0).all()
    assert np.allclose(turn[:, 0, 1], 0)  # right stays level
    assert np.allclose(turn[1], np.eye(3), atol=1e-7)


def test_the_view_depends_neither_on_place_in_the_picture_nor_on_the_lens():
    points = walker_in_space()
    first, aside = view(points), view(turned_aside(points, 0.4))
    assert np.allclose(first.place, aside.place, atol=2e-3)
    assert np.allclose(first.unit, aside.unit, rtol=2e-3)
    assert np.abs(first.place).max() > 0.3


def test_the_mirrored_view_is_the_view_of_the_mirrored():
    points = walker_in_space()
    flipped = points[:, list(MIRROR)] * (-1, 1, 1)
    own = lift_features.mirrored(view(points).features)
    assert np.allclose(own, view(flipped).features, atol=1e-4)
    assert np.array_equal(lift_features.mirrored(own), view(points).features)


def test_joints_lie_on_their_rays_at_the_depth_that_is_found():
    points = walker_in_space()
    found = view(points)
    turned = np.einsum("fij,fkj->fki", found.turn, points)
    height = 1.8
    offsets = (turned - turned[:, PELVIS, None]) / height
    log_distance = np.log(turned[:, PELVIS, 2] * found.unit / height)
    again = on_rays(
        torch.from_numpy(found.features),
        torch.from_numpy(offsets[..., 2]),
        torch.full((60, 28, 2), 0.3),  # what is surely seen isn't moved
        torch.from_numpy(log_distance)[:, None],
    )
    assert np.allclose(again.numpy(), offsets, atol=1e-4)


def test_procrustes_finds_a_similarity_and_no_reflection():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3, 28, 3))
    q, _ = np.linalg.qr(rng.standard_normal((3, 3, 3)))
    q[np.linalg.det(q) < 0] *= -1
    moved = 2.5 * points @ q + rng.standard_normal((3, 1, 3))
    assert np.allclose(procrustes(moved, points), points)
    mirrored = points * (-1, 1, 1)
    assert np.linalg.norm(procrustes(mirrored, points) - points, axis=-1).mean() > 0.3


def test_feet_stand_where_they_are_low_and_slow():
    xyz = np.ones((1, 10, 28, 3), np.float32)
    xyz[..., [JOINTS.index(f"{side}_ankle") for side in "lr"], 2] = 0.08
    for name, height in (("l_foot", 0.03), ("l_toe", 0.06), ("r_foot", 0.06), ("r_toe", 0.06)):
        xyz[..., JOINTS.index(name), 2] = height
    xyz[:, 5:, JOINTS.index("l_ankle"), 0] += np.arange(5) * 0.02  # 0.6 m/s
    found = contacts(xyz, np.array([1 / 30]))[0]
    left, left_toe, right, right_toe = found.T
    assert CONTACTS == ("l_ankle", "l_toe", "r_ankle", "r_toe")
    assert left[:4].all()
    assert not left[6:].any()
    assert left_toe.all()
    assert right.all()
    assert not right_toe.any()


def test_refining_gives_one_skeleton_as_tall_as_said_on_the_rays():
    rng = np.random.default_rng(1)
    points = walker_in_space(200)
    rays = (points[..., :2] / points[..., 2:]).astype(np.float32)
    lengths = bone_lengths(points).mean(axis=0)
    guess = points.copy()
    guess[..., 2] += 0.06 * rng.standard_normal((1, 28))
    guess[..., :2] = rays * guess[..., 2:]
    height = float(stature(lengths))
    result, lengths_found = refined(
        guess.astype(np.float32),
        np.full((200, 28), 0.06, np.float32),
        rays,
        np.ones((200, 28), np.float32),
        height,
        1 / 30,
    )
    spread = bone_lengths(result).std(axis=0)
    assert spread.max() < 1e-4
    assert stature(bone_lengths(result)[0]) == pytest.approx(height, rel=1e-3)
    assert np.allclose(bone_lengths(result), lengths_found, atol=1e-5)
    assert np.isfinite(result).all()


def test_bones_that_a_clip_hardly_shows_are_as_long_as_usual():
    points = walker_in_space(60)
    height = float(stature(bone_lengths(points).mean(axis=0)))
    rays = (points[..., :2] / points[..., 2:]).astype(np.float32)
    trust, arm = np.ones((60, 28), np.float32), JOINTS.index("l_wrist")
    usual = USUAL * height
    # The figure's forearms are shorter than most people's.
    own = bone_lengths(points)[:, arm].mean() / usual[arm]
    assert own < 0.85

    def found(uncertainty: float, step: float) -> float:
        spread = np.full((60, 28), uncertainty, np.float32)
        _, lengths = refined(points.astype(np.float32), spread, rays, trust, height, step)
        assert lengths[JOINTS.index("pelvis")] == 0
        return float(lengths[arm] / usual[arm])

    assert found(0.01, 1 / 30) == pytest.approx(own, abs=0.03)
    assert found(0.15, 1 / 30) == pytest.approx(1, abs=0.03)
    # The same frames in less time tell less.
    assert found(0.05, 1 / 240) > found(0.05, 1 / 30) + 0.05


def test_who_comes_back_into_the_picture_neither_jumps_nor_snaps_an_arm():
    """Bug: frame by frame the rays put the body where its size says, and where nobody saw it it
    stood at the network's distance: by 5 % of that it jumped when it left and when it came back."""
    points = rigid(walker_in_space(90), USUAL * 1.75)
    rays = (points[..., :2] / points[..., 2:]).astype(np.float32)
    wrist, pelvis = joint_index("l_wrist"), joint_index("pelvis")
    guess = points + 0.05 * points[:, pelvis, None]
    guess[:, [wrist, joint_index("l_hand")], 2] += 0.15
    trust = np.ones((90, 28), np.float32)
    trust[30:60] = 0
    spread = np.full((90, 28), 0.05, np.float32)
    found, _ = refined(guess.astype(np.float32), spread, rays, trust, 1.75, 1 / 30)
    off = found - points
    steps = np.linalg.norm(np.diff(off, axis=0), axis=-1)
    assert steps[:, pelvis].max() < 0.01  # 0.20 before
    assert steps[:, wrist].max() < 0.05  # 0.25 before


@pytest.fixture
def archive(tmp_path):
    clips = {"cmu_02.a": 200, "s1.a": 300, "s1.b": 90, "s2.a": 200}
    return write_archive(tmp_path / "train.npz", clips)


@pytest.fixture
def trained(archive, tmp_path, monkeypatch):
    """A lifter that was trained for a moment, exported and loaded as users load it."""
    samples = LiftSettings(frames=16, upsampled_share=0.5)
    settings = LiftTrainSettings(steps=2, batch=4, validate_every=2, samples=samples)
    monkeypatch.setattr("training.train_lift._POOL", 4)
    monkeypatch.setattr("training.train_lift._HELD_POOL", 2)
    shutil.copytree(weights_files.FOLDER, tmp_path / "weights")
    train(archive, tmp_path / "run", settings, LiftConfig(width=16, dilations=(1, 2)))
    for module in (export_module, weights_files):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "weights")
    export_module.export(tmp_path / "run")
    return Lifter.load("cpu")


def test_damaged_weights_are_a_message(tmp_path, monkeypatch):
    for suffix in (".json", ".safetensors"):
        shutil.copy((weights_files.FOLDER / "lift").with_suffix(suffix), tmp_path)
    (tmp_path / "lift.safetensors").write_bytes(b"\xff" * 100)
    monkeypatch.setattr(weights_files, "FOLDER", tmp_path)
    with pytest.raises(JumpsError, match=r"lift.safetensors: the weights cannot be read .*reinst"):
        Lifter.load("cpu")


@pytest.mark.usefixtures("trained")
def test_training_goes_on_from_weights_as_they_ship(archive, tmp_path):
    shipped, _, _ = weights_files.load_weights("lift")
    settings = LiftTrainSettings(
        steps=1,
        batch=2,
        learning_rate=0.0,
        validate_every=1,
        samples=LiftSettings(frames=16, upsampled_share=0),
    )
    config = LiftConfig(width=16, dilations=(1, 2))
    train(archive, tmp_path / "more", settings, config, weights_files.FOLDER / "lift.safetensors")
    later = load_file(tmp_path / "more" / "best.safetensors")
    assert later.keys() == shipped.keys()
    for name, values in later.items():
        assert np.allclose(values, shipped[name], atol=1e-6), name


def test_samples_are_repeatable_finite_and_on_their_rays(archive):
    settings = LiftSettings(upsampled_share=0, noisy_share=0, hidden_share=0)
    streams = [LiftStream(MocapArchive(archive), [1, 2, 3], settings, 7) for _ in range(2)]
    for _ in range(2):
        one, two = (stream.batch(8) for stream in streams)
        for name, value in vars(one).items():
            assert np.isfinite(value).all(), name
            assert np.array_equal(value, getattr(two, name)), name
    found = on_rays(
        torch.from_numpy(one.features),
        torch.from_numpy(one.offsets[..., 2]),
        torch.zeros(*one.offsets.shape[:3], 2),
        torch.from_numpy(one.log_distance)[..., None],
    ).numpy()
    inside = one.inside[..., 0] > 0
    assert np.allclose(found[inside], one.offsets[inside], atol=2e-3)
    assert np.allclose(np.linalg.norm(one.up, axis=-1), 1, atol=1e-5)


def test_training_exports_what_the_lifter_loads(trained, tmp_path):
    card = json.loads((tmp_path / "weights" / "lift.json").read_text())
    assert card["architecture"] == {
        "features": lift_features.FEATURES,
        "width": 16,
        "dilations": [1, 2],
    }
    assert card["task"] == "lift"
    assert trained.identity.startswith("lift ")
    points = walker_in_space(50)
    lens = Lens(900.0, (320.0, 240.0))
    found = trained.lift(seen(points, 900.0, (320.0, 240.0)), lens, 1.8)
    assert np.isfinite(found.positions).all()
    assert found.positions.shape == (50, 28, 3)
    assert np.allclose(np.linalg.norm(found.up, axis=1), 1, atol=1e-5)
    assert ((found.contact >= 0) & (found.contact <= 1)).all()


def test_the_lens_changes_the_pixels_and_not_the_result():
    points, shipped = walker_in_space(40), Lifter.load("cpu")
    found = shipped.lift(seen(points, 900.0, (320.0, 240.0)), Lens(900.0, (320.0, 240.0)), 1.8)
    same = shipped.lift(seen(points), Lens(FOCAL, (0.0, 0.0)), 1.8)
    assert np.allclose(found.positions, same.positions, atol=2e-4)


def test_the_mirrored_clip_is_lifted_to_the_mirror_image():
    points, shipped = walker_in_space(40), Lifter.load("cpu")
    lens = Lens(FOCAL, (0.0, 0.0))
    one = shipped.lift(seen(points), lens, 1.8)
    two = shipped.lift(seen(points[:, list(MIRROR)] * (-1, 1, 1)), lens, 1.8)
    assert np.allclose(one.positions, two.positions[:, list(MIRROR)] * (-1, 1, 1), atol=2e-3)
    assert np.allclose(one.contact, two.contact[:, [2, 3, 0, 1]], atol=1e-4)


@pytest.mark.parametrize("fps", [10, 24, 60, 120])
def test_any_frame_rate_holes_and_single_frames_are_lifted(trained, fps):
    observation = seen(walker_in_space(30))
    confidence = observation.confidence.copy()
    confidence[5:9] = 0
    confidence[:, 12] = 0
    observation = replace(observation, confidence=confidence, times=observation.times * (30 / fps))
    found = trained.lift(observation, Lens(FOCAL, (0.0, 0.0)), 1.8)
    assert found.positions.shape == (30, 28, 3)
    assert all(np.isfinite(value).all() for value in vars(found).values())
    single = seen(walker_in_space(1))
    assert np.isfinite(trained.lift(single, Lens(FOCAL, (0.0, 0.0)), 1.8).positions).all()


def test_where_passes_end_makes_no_difference(trained, monkeypatch):
    observation, lens = seen(walker_in_space(60)), Lens(FOCAL, (0.0, 0.0))
    whole = trained.lift(observation, lens, 1.8)
    monkeypatch.setattr("jumps_blender.model_runtime.lift._CHUNK", 17)
    pieces = trained.lift(observation, lens, 1.8)
    assert np.allclose(whole.positions, pieces.positions, atol=1e-4)


class Knowing:
    """Returns the truth, moved along the view by half a metre, scaled, and with one joint off."""

    identity = "knowing"

    def __init__(self, clip, off: float = 0.0, scale: float = 1.0) -> None:
        self.clip, self.off, self.scale = clip, off, scale

    def lift(self, observation, lens, height):
        del observation, lens
        self.height = height
        from jumps_blender.model_runtime.cameras import protocol_camera

        camera = protocol_camera(self.clip.clip_id, 0, 0, self.clip.xyz[:, PELVIS])
        positions = camera.local(self.clip.xyz) * self.scale + (0, 0, 0.5)
        positions[:, TOE, 0] += self.off
        count = len(positions)
        return Lift(
            positions.astype(np.float32),
            np.ones((count, 28), np.float32),
            np.tile(camera.axes[:, 2], (count, 1)).astype(np.float32),
            contacts(self.clip.xyz, np.float64(1 / self.clip.fps)).astype(np.float32),
        )


def test_figures_of_a_known_error_in_space(tmp_path):
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"s1": 121}))
    clip = archive.clip(0).at_rate(30)
    result = evaluate_lift(archive, Knowing(clip), Protocol(cameras=1))
    assert result["all"]["mpjpe"] == pytest.approx(0, abs=2e-3)
    assert result["all"]["p_mpjpe"] == pytest.approx(0, abs=2e-3)
    assert result["all"]["pck3d@150mm"] == 1.0
    assert result["all"]["root_error"] == pytest.approx(500, rel=1e-4)
    assert result["floor"]["contact_f1"] == 1.0
    assert result["floor"]["up_error"] < 3
    result = evaluate_lift(archive, Knowing(clip, 0.28), Protocol(cameras=1))
    assert result["all"]["mpjpe"] == pytest.approx(10, rel=1e-3)
    assert result["all"]["pck3d@150mm"] == pytest.approx(27 / 28)
    assert result["subjects"]["s1"]["all"]["mpjpe"] == result["all"]["mpjpe"]
    assert result["settings"]["given"] == 28
    result = evaluate_lift(archive, Knowing(clip, scale=1.1), Protocol(cameras=1))
    assert result["all"]["p_mpjpe"] == pytest.approx(0, abs=2e-3)
    assert result["all"]["mpjpe"] > 10


@pytest.mark.parametrize("hide", ["scattered:x", "scattered:0", "scattered:100", "tail:3"])
def test_what_cannot_be_hidden_is_a_message(tmp_path, hide):
    archive = MocapArchive(write_archive(tmp_path / "a.npz", {"s1": 60}))
    knowing = Knowing(archive.clip(0).at_rate(30))
    with pytest.raises(JumpsError, match="--hide"):
        evaluate_lift(archive, knowing, Protocol(cameras=1, hide=hide))


def test_evaluating_the_lifter_from_the_command_line(archive, trained, tmp_path, capsys):
    assert trained.identity
    output = tmp_path / "out.json"
    arguments = ["evaluate", str(archive), "--task", "lift", "--cameras", "1", "--json"]
    assert main([*arguments, str(output), "--hide", "scattered:10"]) == 0
    assert "mpjpe" in capsys.readouterr().out
    written = json.loads(output.read_text())
    assert set(written["all"]) >= {"mpjpe", "p_mpjpe", "bone_std", "pck3d@150mm"}
    assert main([*arguments, "-", "--given", "12", "--engine", "ridge"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["given"] == 12
    assert main([*arguments, "-", "--hide", "scattered:200"]) == 2
