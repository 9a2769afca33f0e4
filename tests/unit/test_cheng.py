"""What the lifter is compared with: what its discriminator sees, its losses, a run, the table."""

import json
import sys

import numpy as np
import pytest
import torch

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import lift_features, weights_files
from jumps_blender.model_runtime.cameras import FOCAL
from jumps_blender.model_runtime.lift import Lens, Lifter
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.proportions import bone_lengths
from jumps_blender.skeletons import JOINTS, PARENTS
from training import lift_results
from training.cheng import (
    ChengConfig,
    ChengNetwork,
    Discriminator,
    applied,
    dilations,
    phi,
    psi,
    rendered,
    rotated,
    rotation,
)
from training.export import export
from training.lift_data import LiftSettings
from training.lift_linear import fit_linear
from training.lift_results import MARKERS, write_lift_results
from training.train import main
from training.train_cheng import (
    Adversary,
    ChengStream,
    ChengTrainSettings,
    flat_loss,
    position_loss,
    train,
    views_loss,
)

from .test_evaluation import write_archive
from .test_lift import seen, walker_in_space

SMALL = ChengConfig(width=16, channels=8)
KNEE = JOINTS.index("l_knee")
BONES = [joint for joint, parent in enumerate(PARENTS) if parent >= 0]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def archive(tmp_path):
    clips = {"cmu_02.a": 200, "s1.a": 300, "s1.b": 90, "s2.a": 200}
    return write_archive(tmp_path / "train.npz", clips)


@pytest.fixture
def batch(archive):
    """Windows in pairs, seen exactly, and of half of them only the picture."""
    settings = LiftSettings(frames=24, upsampled_share=0, noisy_share=0, hidden_share=0)
    return ChengStream(MocapArchive(archive), [1, 2, 3], settings, 3, 0.5).batch(8)


def somebody(frames: int = 5) -> torch.Tensor:
    """(1, F, 28, 3): random joints, the same in all frames."""
    generator = torch.Generator().manual_seed(4)
    return torch.randn(1, 1, 28, 3, generator=generator).expand(-1, frames, -1, -1).clone()


def turning(frames: int) -> torch.Tensor:
    """(1, F, 3, 3): turns that grow from frame to frame."""
    angle = torch.linspace(0, 2, frames)[None]
    return rotation(0.2 * angle, angle, -0.1 * angle)


def test_psi_holds_squared_lengths_and_angles():
    xyz = somebody()
    space = psi(xyz)
    lengths = bone_lengths(xyz.numpy())[..., BONES]
    assert np.allclose(space.diagonal(dim1=-1, dim2=-2), lengths**2, rtol=1e-4)
    bones = (xyz - xyz[:, :, [max(parent, 0) for parent in PARENTS]])[0, 0, BONES]
    cosine = torch.cosine_similarity(bones[3], bones[9], dim=0)
    assert space[0, 0, 3, 9] == pytest.approx(
        float(cosine * bones[3].norm() * bones[9].norm()), rel=1e-4
    )


def test_phi_is_the_change_of_psi_and_no_turn_of_the_body():
    xyz = somebody()
    assert phi(applied(turning(5), xyz)).abs().max() < 1e-4
    xyz[:, 3:, KNEE] *= 1.5
    space = psi(xyz)
    for interval in (1, 2):
        change = phi(xyz, interval)
        assert torch.allclose(change, space[:, interval:] - space[:, :-interval], atol=1e-5)
    # The thigh and the shin changed; the trunk didn't.
    thigh, spine = BONES.index(KNEE), BONES.index(JOINTS.index("spine"))
    assert phi(xyz)[0, 2, thigh, thigh].abs() > 0.1
    assert phi(xyz)[0, 2, spine, spine].abs() < 1e-5
    assert phi(xyz)[0, [0, 1, 3]].abs().max() < 1e-4


def test_turns_at_random_keep_psi_and_mostly_the_upright():
    xyz = somebody(3).repeat(200, 1, 1, 1)
    turned = rotated(xyz)
    assert torch.allclose(psi(turned), psi(xyz), atol=1e-3)
    turn = torch.linalg.lstsq(xyz[:, 0], turned[:, 0]).solution.transpose(-1, -2)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(200), atol=1e-3)
    # Tilted by up to 36 degrees about each of two axes, and turned about y all around.
    assert turn[:, 1, 1].min() > np.cos(0.2 * np.pi) ** 2 - 1e-3
    assert turn[:, 1, 1].min() < 0.8
    heading = torch.atan2(turn[:, 0, 2], turn[:, 0, 0])
    assert heading.max() > 2.8
    assert heading.min() < -2.8
    third = torch.tensor(np.pi / 2)
    east = rotation(third * 0, third, third * 0) @ torch.tensor([0.0, 0, 1])
    assert torch.allclose(east, torch.tensor([1.0, 0, 0]), atol=1e-6)


def test_the_truth_of_two_views_is_consistent_and_flat(batch):
    tensors = {name: torch.from_numpy(value) for name, value in vars(batch).items()}
    truth, weight = tensors["offsets"], tensors["weight"]
    assert torch.equal(tensors["known"][:4], tensors["known"][4:])
    assert (truth[:4] - truth[4:]).abs().max() > 0.1  # the cameras differ
    assert views_loss(truth, tensors["between"], weight) < 1e-7
    aside = truth.clone()
    aside[:4, :, KNEE, 0] += 0.1
    assert views_loss(aside, tensors["between"], weight) == pytest.approx(0.01, rel=1e-3)
    assert position_loss(aside, truth, weight) == pytest.approx(0.005, rel=1e-3)
    # Eq. 3 sees neither depth nor size.
    flat = truth[..., :2]
    stretched = 1.3 * truth * torch.tensor([1.0, 1, 5])
    assert flat_loss(stretched, flat, weight) < 1e-9
    assert flat_loss(aside, flat, weight) > 1e-3
    # Perspective is all that the picture adds to the truth's own x and y.
    assert 0 < flat_loss(truth, tensors["flat"], weight) < 0.05
    assert flat_loss(truth.flip(-2), tensors["flat"], weight) > 0.5


def test_what_is_left_without_its_3d_teaches_by_its_picture_alone(batch):
    torch.manual_seed(0)
    adversary = Adversary(Discriminator(), 1e-3)
    truth = torch.from_numpy(batch.offsets)
    tensors = {name: torch.from_numpy(value) for name, value in vars(batch).items()}
    shift = torch.zeros_like(truth)
    shift[..., KNEE, 2] = 0.2  # along the view

    def losses(known: float) -> dict[str, torch.Tensor]:
        given = tensors | {"known": torch.full((8,), known)}
        network = ChengNetwork(SMALL)
        network.forward = lambda *_: network_result(truth + shift)
        return adversary.losses(network, given)

    def network_result(offsets):
        result = ChengNetwork(SMALL)(tensors["features"])
        return result._replace(offsets=offsets)

    measured, only_seen = losses(1.0), losses(0.0)
    assert measured["position"] == pytest.approx(0.04, rel=1e-3)
    assert measured["flat"] == 0
    assert only_seen["position"] == only_seen["views"] == 0
    assert only_seen["flat"] > 0


def test_the_discriminator_learns_and_sees_only_what_it_is_shown():
    torch.manual_seed(1)
    adversary = Adversary(Discriminator(width=16), 3e-3)
    real = somebody(8).repeat(6, 1, 1, 1) * 0.2
    jumpy = real + 0.05 * torch.randn_like(real)
    whole = torch.ones(6, 8)
    first, *_, last = [float(adversary._improved(jumpy, real, whole)) for _ in range(40)]
    assert last < 0.5 * first
    # A limb that grows from one frame to the next changes phi in that frame, and psi before it.
    xyz = somebody(30)
    grown = xyz.clone()
    grown[:, 15:, KNEE] *= 1.5
    for shown, names in (
        ({}, ["coordinates", "psi", "phi"]),
        ({"tkcs": False}, ["coordinates", "psi"]),
        ({"kcs": False}, ["coordinates", "phi"]),
    ):
        critic = Discriminator(**shown)
        assert list(critic.embed) == names
        with torch.no_grad():
            for name, layer in critic.embed.items():
                if name != "phi":
                    layer.weight.zero_()
            differs = (critic(xyz) - critic(grown)).abs()[0] > 1e-4
        # Then only phi is left to tell the two apart, near the one frame in which it isn't zero.
        assert differs.any() == ("phi" in names)
        assert not differs[:8].any()
        assert not differs[24:].any()


def test_strides_reach_alike_and_between_64_and_128_frames():
    assert [dilations(stride) for stride in (1, 2, 7)] == [[1, 3, 9, 27], [2, 6, 18], [7, 21]]
    network = ChengNetwork(SMALL)
    assert 64 <= 2 * network.reach() + 1 <= 128
    assert ChengNetwork(ChengConfig(strides=(1,))).reach() == network.reach()
    features = torch.randn(1, 120, lift_features.FEATURES, requires_grad=True)
    network(features).offsets[0, 60].sum().backward()
    heard = features.grad.abs().sum(dim=-1)[0] > 0
    assert heard[60 - network.reach()]
    assert not heard[: 60 - network.reach()].any()
    assert not heard[61 + network.reach() :].any()


def test_what_is_not_seen_is_not_shown():
    features = torch.randn(1, 4, lift_features.FEATURES)
    features[..., lift_features.SURE] = 1
    features[..., lift_features.SURE.start + KNEE] = 0
    moved = features.clone()
    moved[..., 2 * KNEE] += 0.3
    elsewhere = features.clone()
    elsewhere[..., 2 * KNEE + 2] += 0.3
    for embedding in ("places", "gaussians"):
        network = ChengNetwork(ChengConfig(16, 8, (1,), embedding))
        first = network(features).offsets
        assert torch.equal(first, network(moved).offsets)
        assert not torch.equal(first, network(elsewhere).offsets)
        assert (first[..., lift_features.PELVIS, :] == 0).all()


def test_gaussians_stand_where_joints_are_as_high_as_they_are_sure():
    place = torch.zeros(1, 1, 28, 2)
    place[..., KNEE, :] = torch.tensor([-1.4, 0.0])
    sure = torch.full((1, 1, 28), 0.5)
    maps = rendered(place, sure).unflatten(-1, (28, 2, 16))[0, 0]
    along_x, along_y = maps[KNEE]
    assert along_x.argmax() == 0
    assert along_x[0] == pytest.approx(0.5)
    assert along_x[1] == pytest.approx(0.5 * np.exp(-0.5))
    assert along_y[7] == along_y[8] == along_y.max()
    assert rendered(place, sure * 0).abs().max() == 0


def trained(archive, folder, *without: str, embedding: str = "places", steps: int = 2):
    samples = LiftSettings(frames=16, upsampled_share=0, noisy_share=0.3, hidden_share=0.3)
    settings = ChengTrainSettings(
        steps=steps, batch=4, validate_every=2, without=without, samples=samples
    )
    train(archive, folder, settings, ChengConfig(16, 8, embedding=embedding))
    return json.loads((folder / "settings.json").read_text())


def test_training_runs_resumes_and_is_measured_beside_the_others(
    archive, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        "training.lift_results.fit_linear", lambda archive: fit_linear(archive, batches=2)
    )
    monkeypatch.setattr(weights_files, "FOLDER", weights_without_a_lifter(tmp_path))
    runs = tmp_path / "runs"
    settings = trained(archive, runs / "cheng")
    assert settings["architecture"]["strides"] == [1, 2, 3, 5, 7]
    assert settings["training"]["samples"]["hidden_share"] == 0.3
    monkeypatch.setattr("training.train_cheng.Validation", Unmeasured)
    monkeypatch.setattr("training.train_cheng.merit", lambda scores: scores["merit"])
    trained(archive, runs / "cheng", steps=4)
    assert "resuming at step 2" in capsys.readouterr().out
    log = (runs / "cheng" / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["step", "2", "4"]
    assert log[0].startswith("step,position,views,flat,adversarial,discriminator,clean_mpjpe")
    bare = trained(archive, runs / "cheng-no-strides", "strides", "occlusion")
    assert bare["architecture"]["strides"] == [1]
    assert bare["training"]["samples"]["hidden_share"] == 0
    assert bare["training"]["samples"]["noisy_share"] == 0
    (runs / "cheng-no-kcs").mkdir()
    (runs / "cheng-no-kcs" / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(JumpsError, match="ships nowhere"):
        export(runs / "cheng")

    test = write_archive(tmp_path / "test.npz", {"s7.a": 121})
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nby hand\n")
    arguments = ["jumps-train", "lift-results", str(test), "--runs", str(runs), "-o", str(page)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--cameras", "1"])
    assert main() == 0
    told = capsys.readouterr()
    text = page.read_text()
    assert text.startswith("# Results\n\nby hand\n\n" + MARKERS[0])
    assert text.endswith(MARKERS[1] + "\n")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == [
        "| lifter", "| linear map of single frames", "| Cheng et al., AAAI 2020",
        "| - stride 1 alone",
    ]  # fmt: skip
    kept = json.loads(next((runs / "results").glob("*cheng-no-strides*")).read_text())
    assert rows[3][1] in {
        f"{json.loads(path.read_text())['all']['mpjpe']:.1f}"
        for path in (runs / "results").glob("*cheng-no-strides*")
    }
    assert kept["lifter"].startswith("cheng-no-strides ")
    assert "were trained for 2 steps of 4 windows or 4 steps of 4 windows." in text
    assert all(np.isfinite(float(cell.strip(" |%"))) for row in rows[1:] for cell in row[1:])
    assert "cheng-no-kcs: holds no checkpoint yet" in told.err
    assert "cheng-gaussians" in told.err
    assert "`lift`, not refined" in told.err

    # Again: nothing is measured, and what was written by hand meanwhile stays.
    page.write_text(text.replace("by hand", "by hand, later") + "\n## More\n")
    write_lift_results(test, runs, page, cameras=1)
    assert capsys.readouterr().out == ""
    assert page.read_text() == text.replace("by hand", "by hand, later") + "\n## More\n"
    page.write_text(MARKERS[1])
    with pytest.raises(JumpsError, match="needs both lines"):
        write_lift_results(test, runs, page)


def test_what_ships_is_measured_with_and_without_refining(tmp_path):
    rows = dict(lift_results._lifters(tmp_path))
    refined, raw = (rows[label]() for label in ("`lift`", "`lift`, not refined"))
    assert raw.identity != refined.identity
    assert raw.identity.replace(" unrefined", "") == refined.identity
    assert refined._refine
    assert not raw._refine


def weights_without_a_lifter(folder):
    """A folder as the shipped one before any lifter was."""
    (folder / "weights").mkdir()
    for path in weights_files.FOLDER.iterdir():
        if not path.stem.startswith("lift"):
            (folder / "weights" / path.name).symlink_to(path)
    return folder / "weights"


class Unmeasured:
    """Validation that takes no time."""

    def __init__(self, archive) -> None:
        del archive

    def score(self, network):
        del network
        return {"merit": 1.0}


def test_its_networks_run_as_lifters(archive):
    torch.manual_seed(2)
    lens = Lens(FOCAL, (0.0, 0.0))
    points = walker_in_space(40)
    for network in (
        ChengNetwork(SMALL).eval(),
        ChengNetwork(ChengConfig(16, 8, embedding="gaussians")).eval(),
        fit_linear(MocapArchive(archive), batches=2),
    ):
        found = Lifter(network, "reference", refine=False).lift(seen(points), lens, 1.8)
        assert np.isfinite(found.positions).all()
        assert np.allclose(found.contact, 0.5)
        assert found.up[:, 1].max() < -0.9
    # The last one, fitted on such walkers, knows at least where a body's joints are.
    own = found.positions - found.positions[:, lift_features.PELVIS, None]
    truth = points - points[:, lift_features.PELVIS, None]
    assert np.linalg.norm(own - truth, axis=-1).mean() < 0.25
