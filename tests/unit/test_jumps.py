"""JUMPS' networks and engine latent: what holds whatever the weights."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jumps_blender.model_runtime import latent as latent_module
from jumps_blender.model_runtime import weights_files
from jumps_blender.model_runtime.engine import EngineCancelledError
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
from jumps_blender.model_runtime.latent import LatentEngine, LatentSettings, aligned
from jumps_blender.skeletons import JOINTS

from .conftest import observation_of, walking_figure

FEW = LatentSettings(steps=3, random_starts=1)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Untrained networks where the engine looks for weights."""
    torch.manual_seed(0)
    parts = {"encoder": Encoder(), "generator": Generator(), "discriminator": Discriminator()}
    for value in parts["generator"].parameters():
        torch.nn.init.normal_(value, std=0.15)
    tensors = {
        f"{part}.{name}": value
        for part, network in parts.items()
        for name, value in network.state_dict().items()
    }
    for source in weights_files.FOLDER.glob("baselines.*"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    for name in ("jumps", "jumps_gan"):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        (tmp_path / f"{name}.json").write_text(json.dumps({"sigma": [0.05] * 28}))
    monkeypatch.setattr(weights_files, "FOLDER", tmp_path)


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


def test_procrustes_finds_the_turn_size_and_place():
    torch.manual_seed(2)
    given = torch.randn(2, 5, 28, 2)
    angle, size, shift = 0.7, 2.5, torch.tensor([3.0, -1.0])
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()
    moved = size * given @ turn.T + shift
    weight = torch.rand(2, 5, 28)
    assert torch.allclose(aligned(given, moved, weight), moved, atol=1e-4)
    moved[:, :, 3] = 100  # a joint without weight has no say
    weight[:, :, 3] = 0
    others = [joint for joint in range(28) if joint != 3]
    assert torch.allclose(
        aligned(given, moved, weight)[:, :, others], moved[:, :, others], atol=1e-4
    )


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 61])
def test_latent_covers_clips_of_any_length(frames):
    points = walking_figure(frames)
    estimate = LatentEngine("cpu", FEW).estimate(observation_of(points))
    assert np.isfinite(estimate.positions).all()
    assert np.isfinite(estimate.uncertainty).all()
    assert (estimate.uncertainty > 0).all()
    # Procrustes brings even an untrained generator's sequence to where the person is.
    gap = np.abs(estimate.positions.mean(axis=(0, 1)) - points.mean(axis=(0, 1)))
    assert gap.max() < 100


@pytest.mark.usefixtures("weights")
def test_latent_does_not_depend_on_place_and_size():
    points = walking_figure(40)
    engine = LatentEngine("cpu", FEW)
    plain = engine.estimate(observation_of(points))
    moved = engine.estimate(observation_of(points * 2 + 500))
    assert np.abs((moved.positions - 500) / 2 - plain.positions).max() < 0.5
    again = engine.estimate(observation_of(points))
    assert np.array_equal(again.positions, plain.positions)


@pytest.mark.usefixtures("weights")
def test_latent_fits_what_it_is_given_better_with_every_step():
    points = walking_figure(24)
    errors = []
    for steps in (0, 15, 40):
        settings = replace(
            FEW, steps=steps, prior_weight=0.0, velocity_weight=0.0, learning_rate=0.05
        )
        estimate = LatentEngine("cpu", settings).estimate(observation_of(points))
        seen = observation_of(points).confidence > 0
        errors.append(np.linalg.norm(estimate.positions - points, axis=-1)[seen].mean())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.usefixtures("weights")
def test_latent_bridges_frames_that_show_nothing():
    points, seen = walking_figure(60), np.ones((60, 28), bool)
    seen[20:50] = False
    estimate = LatentEngine("cpu", FEW).estimate(observation_of(points, seen=seen))
    assert np.isfinite(estimate.positions).all()


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("switch", ["procrustes", "encoder", "overlap"])
def test_every_ablation_runs(switch):
    engine = LatentEngine("cpu", replace(FEW, **{switch: False}), f"latent-no-{switch}")
    estimate = engine.estimate(observation_of(walking_figure(30)))
    assert np.isfinite(estimate.positions).all()
    assert engine.identity.startswith(f"latent-no-{switch} ")


def test_windows_overlap_by_half_and_end_where_the_clip_ends():
    starts = latent_module._window_starts
    assert starts(24, 12).tolist() == [0]
    assert starts(10, 12).tolist() == [0]
    assert starts(50, 12).tolist() == [0, 12, 24, 26]
    assert starts(50, 24).tolist() == [0, 24, 26]


@pytest.mark.usefixtures("weights")
def test_latent_reports_progress_and_can_be_cancelled():
    told = []
    observation = observation_of(walking_figure(60))
    LatentEngine("cpu", FEW).estimate(observation, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > FEW.steps
    with pytest.raises(EngineCancelledError):
        LatentEngine("cpu", FEW).estimate(observation, None, lambda: True)
