"""JUMPS' networks and how they are trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.features import TRUNK
from jumps_blender.model_runtime.jumps_networks import (
    FRAMES,
    ROWS,
    Discriminator,
    Encoder,
    Generator,
    from_grid,
    to_grid,
    with_velocity,
)
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import JOINTS
from training.train_jumps import (
    JumpsSettings,
    SequenceBank,
    position_error,
    train,
    velocity_error,
)

from .test_evaluation import write_archive


@pytest.mark.parametrize(
    ("network", "count"),
    [(Encoder, 1_148_096), (Generator, 1_144_896), (Discriminator, 1_115_393)],
)
def test_parameters_are_counted_as_in_the_paper(network, count):
    assert sum(parameter.numel() for parameter in network().parameters()) == count


def test_the_grid_holds_every_joint_once_or_an_axial_one_twice():
    assert len(ROWS) == 18
    assert [JOINTS[left] for left, _ in ROWS][::17] == ["l_hand", "l_toe"]
    assert sorted({joint for row in ROWS for joint in row}) == list(range(28))
    x = torch.randn(3, FRAMES, 28, 2)
    grid = to_grid(x)
    assert grid.shape == (3, 4, 18, FRAMES)
    row = [left for left, _ in ROWS].index(JOINTS.index("l_knee"))
    knees = x[:, :, [JOINTS.index("l_knee"), JOINTS.index("r_knee")]].flatten(2)
    assert torch.equal(grid[:, :, row].transpose(1, 2), knees)
    assert torch.allclose(from_grid(grid), x)
    pelvis = ROWS.index((JOINTS.index("pelvis"),) * 2)
    grid[:, :2, pelvis] += 1  # one of the two copies: the mean moves by half
    assert torch.allclose((from_grid(grid) - x)[:, :, JOINTS.index("pelvis")], torch.tensor(0.5))


def test_velocity_is_the_change_since_the_frame_before():
    x = torch.randn(1, FRAMES, 28, 2)
    velocity = from_grid(with_velocity(x)[:, 4:])
    assert torch.allclose(velocity[:, 1:], x[:, 1:] - x[:, :-1], atol=1e-6)
    assert not velocity[:, 0].any()


def test_the_discriminator_scores_each_sequence_on_its_own():
    torch.manual_seed(1)
    network, x = Discriminator(), torch.randn(4, FRAMES, 28, 2)
    assert torch.allclose(network(x)[:1], network(x[:1]), atol=1e-5)


def test_training_on_bodies_that_lack_joints_is_a_message(tmp_path):
    valid = np.ones((3, 28), bool)
    valid[1:, -1] = False
    clips = {"cmu_02.a": 90, "s1.a": 120, "s2.a": 90}
    archive = MocapArchive(write_archive(tmp_path / "part.npz", clips, valid=valid))
    SequenceBank(archive, validation=True, device=torch.device("cpu"))
    with pytest.raises(JumpsError, match="no clip to train on has all 28 joints and 24 frames"):
        SequenceBank(archive, validation=False, device=torch.device("cpu"))


def test_training_sees_whole_bodies_at_one_size_and_resumes(tmp_path):
    clips = {"cmu_02.a": 90, "s1.a": 120, "s2.a": 90}
    archive = write_archive(tmp_path / "train.npz", clips)
    bank = SequenceBank(MocapArchive(archive), validation=False, device=torch.device("cpu"))
    assert bank.windows == (120 - 46) + (90 - 46)
    drawn = bank.draw(16)
    assert drawn.shape == (16, FRAMES, 28, 2)
    trunk = drawn[:, :, TRUNK]
    assert torch.allclose(trunk.mean(dim=(1, 2)), torch.zeros(16, 2), atol=1e-5)
    spread = (trunk - trunk.mean(dim=2, keepdim=True)).square().sum(-1).mean(2).sqrt().mean(1)
    assert torch.allclose(spread, torch.full((16,), 1 / 3), atol=1e-4)

    run = tmp_path / "run"
    settings = JumpsSettings(steps=2, batch=4, validate_every=2)
    train(archive, run, settings)
    train(archive, run, replace(settings, steps=3))
    rows = (run / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "3"]
    assert all(np.isfinite(float(value)) for value in rows[-1].split(","))
    assert (run / "sheet.png").stat().st_size > 1000
    weights = load_file(run / "networks.safetensors")
    assert weights["encoder.code.weight"].shape == (64, 256, 2, 2)


def test_the_losses_are_the_papers():
    real = torch.randn(2, FRAMES, 28, 2)
    assert position_error(real, real + torch.tensor([3.0, 4.0])).item() == pytest.approx(5)
    assert velocity_error(real, real + 7).item() == pytest.approx(0, abs=1e-5)
    drifting = torch.arange(FRAMES, dtype=torch.float32)[None, :, None, None].expand_as(real)
    assert velocity_error(real, real + drifting).item() == pytest.approx(2**0.5, rel=1e-4)
