"""Train the lifter: ``jumps-train lift ARCHIVE --run runs/NAME``; it resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn
from torch.nn import functional

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.lift_features import FEATURES
from jumps_blender.model_runtime.lift_network import LiftConfig, Lifted, LiftNetwork
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.weights_files import unpacked
from jumps_blender.skeletons import PARENTS

from .data import described, split
from .lift_data import LiftSettings, LiftStream, UpsampledPool, make_pool
from .loop import LoopSettings, Task, fit, tensors, weights_of

_BONES = [joint for joint, parent in enumerate(PARENTS) if parent >= 0]
_PARENTS = [PARENTS[joint] for joint in _BONES]
_POOL = 3000  # upsampled windows to train on,
_HELD_POOL = 48  # and of each validation subject


@dataclass(frozen=True)
class LiftTrainSettings(LoopSettings):
    """How the network is trained; the defaults are those of the committed weights."""

    steps: int = 9000
    velocity_weight: float = 0.5
    bone_weight: float = 0.3
    distance_weight: float = 0.3
    up_weight: float = 0.05
    contact_weight: float = 0.1
    sigma_weight: float = 0.01
    samples: LiftSettings = field(default_factory=LiftSettings)


def losses(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a lifter's estimates; lengths are shares of the person's height.

    position: mean distance; velocity: of the error's change from frame to frame; bones: mean
    change of the bones' lengths against the window's mean; distance: of the logarithm; up: one
    less the cosine; contact: cross entropy; sigma: negative log likelihood
    """
    lifted: Lifted = network(batch["features"], batch["inside"])
    weight = batch["weight"]
    count, inside = weight.sum(), batch["inside"][..., 0]
    error = lifted.offsets - batch["offsets"]
    distance = error.norm(dim=-1)
    both = weight[:, 1:] * weight[:, :-1]
    change = (error[:, 1:] - error[:, :-1]).norm(dim=-1)
    bones = (lifted.offsets[:, :, _BONES] - lifted.offsets[:, :, _PARENTS]).norm(dim=-1)
    whole = weight[..., _BONES] * weight[..., _PARENTS]
    usual = (bones * whole).sum(1, keepdim=True) / whole.sum(1, keepdim=True).clamp(min=1)
    # Isotropic in three dimensions; the error is detached so that sigma follows it.
    squared = distance.detach().square()
    likelihood = 3 * lifted.log_sigma + 0.5 * squared * torch.exp(-2 * lifted.log_sigma)
    apart = (lifted.log_distance - batch["log_distance"]).abs()
    cosine = functional.cosine_similarity(lifted.up, batch["up"], dim=-1)
    entropy = functional.binary_cross_entropy_with_logits(
        lifted.contact, batch["contact"], batch["feet"], reduction="sum"
    )
    return {
        "position": (weight * distance).sum() / count,
        "velocity": (both * change).sum() / both.sum().clamp(min=1),
        "bones": (whole * (bones - usual).abs()).sum() / whole.sum().clamp(min=1),
        "distance": (inside * apart).sum() / inside.sum(),
        "up": (inside * (1 - cosine)).sum() / inside.sum(),
        "contact": entropy / batch["feet"].sum().clamp(min=1),
        "sigma": (weight * likelihood).sum() / count,
    }


def merit(scores: Mapping[str, float | str]) -> float:
    """What the best weights are chosen by, from ``Validation.score`` or a row of the log."""
    weights = {"clean": 1.0, "known": 1.0, "hidden": 0.5, "upsampled": 1.0}
    measured = {key: f"{key}_mpjpe" for key in weights if f"{key}_mpjpe" in scores}
    return -sum(weights[key] * float(scores[name]) for key, name in measured.items())


class Validation:
    """Fixed samples of each validation subject.

    They are seen exactly, with known bones, with holes, and as the upsampler made them.
    """

    def __init__(self, archive: Path, pools: Path | None = None, batches: int = 2) -> None:
        """pools: where upsampled windows are kept; without it there are none of these"""
        data = MocapArchive(archive)
        _, held = split(data)
        plain = LiftSettings(
            noisy_share=0.0,
            hidden_share=0.0,
            upsampled_share=1.0,
            known_share=0.0,
            known_spread=0.02,
            exchange_bodies=False,
        )
        kinds = {
            "clean": plain,
            "known": replace(plain, known_share=1.0),
            "hidden": replace(plain, hidden_share=1.0),
        }
        if pools is not None:
            kinds["upsampled"] = plain
        self._sets: dict[str, list[list[dict[str, Tensor]]]] = {name: [] for name in kinds}
        for subject in sorted({data.subjects[i] for i in held}):
            clips = [i for i in held if data.subjects[i] == subject]
            for name, settings in kinds.items():
                pool = None
                if name == "upsampled" and pools is not None:
                    path = pools / f"held_{subject}.npz"
                    if not path.exists():
                        make_pool(data, clips, path, _HELD_POOL, plain)
                    pool = UpsampledPool(path)
                stream = LiftStream(data, clips, settings, seed=99, pool=pool)
                self._sets[name].append([tensors(stream.batch(48)) for _ in range(batches)])

    def score(self, network: nn.Module) -> dict[str, float]:
        """Millimetres, degrees and shares; means over the subjects, as in the protocol.

        ``mpjpe`` from the pelvis; ``distance``: of the pelvis' distance, a share; ``up``: degrees;
        ``contact``: F1
        """
        scores: dict[str, float] = {}
        for name, subjects in self._sets.items():
            rows = [self._subject(network, batches) for batches in subjects]
            for key in rows[0]:
                scores[f"{name}_{key}"] = float(np.mean([row[key] for row in rows]))
        return scores

    def _subject(self, network: nn.Module, batches: list[dict[str, Tensor]]) -> dict[str, float]:
        sums = dict.fromkeys(("mpjpe", "distance", "up"), 0.0)
        joints, frames, right, said, true = 0.0, 0.0, 0.0, 0.0, 0.0
        for batch in batches:
            lifted: Lifted = network(batch["features"], batch["inside"])
            inside = batch["inside"][..., 0]
            off = (lifted.offsets - batch["offsets"]).norm(dim=-1) * batch["weight"]
            sums["mpjpe"] += float((off.sum((1, 2)) * batch["height"]).sum()) * 1000
            apart = (lifted.log_distance - batch["log_distance"]).abs()
            sums["distance"] += float((apart * inside).sum())
            cosine = functional.cosine_similarity(lifted.up, batch["up"], dim=-1)
            sums["up"] += float((torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))) * inside).sum())
            joints += float(batch["weight"].sum())
            frames += float(inside.sum())
            stands = (lifted.contact > 0) * batch["feet"]
            right += float((stands * batch["contact"]).sum())
            said += float(stands.sum())
            true += float((batch["contact"] * batch["feet"]).sum())
        return {
            "mpjpe": sums["mpjpe"] / joints,
            "distance": sums["distance"] / frames,
            "up": sums["up"] / frames,
            "contact": 2 * right / max(said + true, 1),
        }


def train(
    archive: Path,
    run: Path,
    settings: LiftTrainSettings,
    config: LiftConfig,
    start: Path | None = None,
) -> None:
    """Train until ``settings.steps``, starting from the run's state where there is one.

    A new run starts from the weights in ``start``, if given.
    """
    data = MocapArchive(archive)
    run.mkdir(parents=True, exist_ok=True)
    pool = run / "pool.npz"
    if settings.samples.upsampled_share and not pool.exists():
        make_pool(data, split(data)[0], pool, _POOL, settings.samples)
    facts = {
        "network": "lift",
        "architecture": config.as_json(),
        "training": asdict(settings),
        **described(data),
    }
    torch.manual_seed(settings.seed)
    network = LiftNetwork(config)
    if start is not None:
        found = unpacked(weights_of(start, load_file))
        given = {name: torch.from_numpy(value) for name, value in found.items()}
        try:
            more = FEATURES - given["embed.weight"].shape[1]  # inputs that it didn't know yet
            given["embed.weight"] = functional.pad(given["embed.weight"], (0, more))
            network.load_state_dict(given)
        except (KeyError, RuntimeError) as error:
            raise JumpsError(f"--start {start}: these are not weights of this network.") from error
    weights = {
        "position": 1.0,
        "velocity": settings.velocity_weight,
        "bones": settings.bone_weight,
        "distance": settings.distance_weight,
        "up": settings.up_weight,
        "contact": settings.contact_weight,
        "sigma": settings.sigma_weight,
    }
    batches = partial(_batches, archive, settings, pool)
    task = Task(batches, losses, weights, Validation(archive, run).score, merit)
    fit(network, LiftNetwork(config), task, run, settings, facts)


def _batches(
    archive: Path, settings: LiftTrainSettings, pool: Path, seed: int
) -> Iterator[dict[str, Tensor]]:
    data = MocapArchive(archive)
    upsampled = UpsampledPool(pool) if pool.exists() else None
    stream = LiftStream(data, split(data)[0], settings.samples, seed, upsampled)
    while True:
        yield tensors(stream.batch(settings.batch))
