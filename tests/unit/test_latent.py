"""Engine latent: what holds whatever the weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from jumps_blender.errors import WorkCancelledError
from jumps_blender.model_runtime import latent as latent_module
from jumps_blender.model_runtime.evaluation import Protocol, evaluate, make_view
from jumps_blender.model_runtime.jumps_networks import Discriminator, Encoder, Generator
from jumps_blender.model_runtime.latent import ABLATIONS, LatentEngine, LatentSettings, aligned
from jumps_blender.model_runtime.mocap import MocapArchive

from .conftest import observation_of, walking_figure

FEW = LatentSettings(steps=3, random_starts=1)


@pytest.fixture(scope="module")
def untrained():
    """Untrained networks, as load_weights gives trained ones."""
    torch.manual_seed(0)
    parts = {"encoder": Encoder(), "generator": Generator(), "discriminator": Discriminator()}
    for value in parts["generator"].parameters():
        torch.nn.init.normal_(value, std=0.15)
    tensors = {
        f"{part}.{name}": value.numpy()
        for part, network in parts.items()
        for name, value in network.state_dict().items()
    }
    return tensors, {"sigma": [0.05] * 28}, "0123abcd"


@pytest.fixture
def engine(untrained):
    """Makes an engine with few steps and some settings changed."""

    def make(name="latent", **settings):
        return LatentEngine("cpu", name, replace(FEW, **settings), untrained)

    return make


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


@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 61])
def test_latent_covers_clips_of_any_length(engine, frames):
    points = walking_figure(frames)
    estimate = engine().estimate(observation_of(points))
    assert np.isfinite(estimate.positions).all()
    assert np.isfinite(estimate.uncertainty).all()
    assert (estimate.uncertainty > 0).all()
    # Procrustes brings even an untrained generator's sequence to where the person is.
    gap = np.abs(estimate.positions.mean(axis=(0, 1)) - points.mean(axis=(0, 1)))
    assert gap.max() < 100


def test_latent_does_not_depend_on_place_and_size(engine):
    points = walking_figure(40)
    latent = engine()
    plain = latent.estimate(observation_of(points))
    moved = latent.estimate(observation_of(points * 2 + 500))
    assert np.abs((moved.positions - 500) / 2 - plain.positions).max() < 0.5
    again = latent.estimate(observation_of(points))
    assert np.array_equal(again.positions, plain.positions)


def test_latent_fits_what_it_is_given_better_with_every_step(engine):
    points = walking_figure(24)
    errors = []
    for steps in (0, 15, 40):
        latent = engine(steps=steps, prior_weight=0.0, velocity_weight=0.0, learning_rate=0.05)
        estimate = latent.estimate(observation_of(points))
        seen = observation_of(points).confidence > 0
        errors.append(np.linalg.norm(estimate.positions - points, axis=-1)[seen].mean())
    assert errors[0] > errors[1] > errors[2]


def test_latent_bridges_frames_that_show_nothing(engine):
    points, seen = walking_figure(60), np.ones((60, 28), bool)
    seen[20:50] = False
    estimate = engine().estimate(observation_of(points, seen=seen))
    assert np.isfinite(estimate.positions).all()


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_every_ablation_runs_and_is_named(engine, name):
    switches = {
        part: getattr(ABLATIONS[name], part) for part in ("procrustes", "encoder", "overlap")
    }
    assert list(switches.values()).count(False) == (name != "latent")
    latent = engine(name, **switches)
    estimate = latent.estimate(observation_of(walking_figure(30)))
    assert np.isfinite(estimate.positions).all()
    assert latent.identity == f"{name} 0123abcd"


def test_windows_overlap_by_half_and_end_where_the_clip_ends():
    starts = latent_module._window_starts
    assert starts(24, 12).tolist() == [0]
    assert starts(10, 12).tolist() == [0]
    assert starts(50, 12).tolist() == [0, 12, 24, 26]
    assert starts(50, 24).tolist() == [0, 24, 26]


def test_latent_reports_progress_and_can_be_cancelled(engine):
    told = []
    observation = observation_of(walking_figure(60))
    engine().estimate(observation, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > FEW.steps
    with pytest.raises(WorkCancelledError):
        engine().estimate(observation, None, lambda: True)


def test_windows_fade_into_each_other_without_a_seam(engine):
    points = walking_figure(60)
    borders = np.array([12, 24, 36])  # where a window begins

    def bend_at_borders(blend):
        made = engine(blend=blend).estimate(observation_of(points)).positions
        bend = np.linalg.norm(np.diff(made, 2, axis=0), axis=-1).mean(axis=1)
        near = np.unique(borders[:, None] - 1 + np.arange(-1, 1))
        return bend[near].mean() / np.delete(bend, near).mean()

    # An untrained generator makes every window something else.
    assert bend_at_borders(blend=True) < 1.5
    assert bend_at_borders(blend=False) > bend_at_borders(blend=True)


def test_a_joint_of_little_confidence_has_little_say(engine):
    points, wrist = walking_figure(24), 11
    spoilt = points.copy()
    spoilt[:, wrist] += 80
    settings = {"steps": 60, "learning_rate": 0.05, "prior_weight": 0.0}
    gaps = []
    for confidence in (1.0, 0.05):
        observation = observation_of(spoilt)
        observation.confidence[:, wrist] = confidence
        made = engine(**settings).estimate(observation).positions
        gaps.append(np.linalg.norm(made - spoilt, axis=-1)[:, wrist].mean())
    assert gaps[0] < gaps[1]


def test_shipped_networks_follow_a_real_walk_without_a_seam(shared):
    archive = MocapArchive(shared / "mocap" / "test.npz")
    number = archive.clip_ids.index("cmu_07_12")
    engine = LatentEngine("cpu", settings=LatentSettings(steps=40, random_starts=0))
    scores = evaluate(archive, engine, Protocol(cameras=1), clips=[number])
    assert scores["raw"]["auc"] > 0.8
    assert scores["raw"]["pckh@0.5"] > 0.95

    view = make_view(archive.clip(number).at_rate(30.0), 0, Protocol())
    made = engine.estimate(view.observation).positions
    bend = np.linalg.norm(np.diff(made, 2, axis=0), axis=-1).mean(axis=1)
    borders = np.arange(12, len(made) - 12, 12)
    near = np.unique(borders[:, None] - 1 + np.arange(-1, 1))
    assert bend[near].mean() < 1.5 * np.delete(bend, near).mean()
