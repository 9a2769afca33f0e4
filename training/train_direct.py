"""Train engine ``direct``: ``jumps-train direct ARCHIVE --run runs/NAME``; it resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.direct_network import DirectConfig, DirectNetwork
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12

from .data import SampleSettings, SampleStream, described, split
from .loop import LoopSettings, Task, fit, tensors, weights_of

MISSING16 = [joint for joint in range(28) if joint not in COMMON12]


@dataclass(frozen=True)
class TrainSettings(LoopSettings):
    """How a new network is trained."""

    steps: int = 9000
    optimizer: str = "muon"
    velocity_weight: float = 0.5
    sigma_weight: float = 0.02
    precision_weight: float = 0.3
    precision_scale: float = 0.1  # head sizes
    samples: SampleSettings = field(default_factory=SampleSettings)


def losses(
    network: nn.Module, batch: dict[str, Tensor], precision_scale: float
) -> dict[str, Tensor]:
    """Mean position error, velocity error (head sizes), precision, the sigma's likelihood.

    Precision is e / (e + scale): it prefers joints that are exactly right to joints that are nearly
    right, and doesn't mind how wrong the hopeless ones are.
    """
    offsets, log_sigma = network(batch["features"], batch["inside"])
    error = batch["base"] + offsets - batch["target"]
    distance = error.norm(dim=-1)
    weight = batch["weight"]
    count = weight.sum()
    heads = distance / batch["head"]
    position = (weight * heads).sum() / count
    precision = (weight * heads / (heads + precision_scale)).sum() / count
    both = weight[:, 1:] * weight[:, :-1]
    change = (error[:, 1:] - error[:, :-1]).norm(dim=-1)
    velocity = (both * change / batch["head"][:, 1:]).sum() / both.sum()
    # Isotropic in two dimensions; the error is detached so that sigma follows it, not leads it.
    squared = distance.detach().square().clamp(max=25.0)
    likelihood = 2 * log_sigma + 0.5 * squared * torch.exp(-2 * log_sigma)
    return {
        "position": position,
        "velocity": velocity,
        "precision": precision,
        "likelihood": (weight * likelihood).sum() / count,
    }


def merit(scores: Mapping[str, float | str]) -> float:
    """What the best weights are chosen by, from ``Validation.score`` or a row of the log."""
    clean, spoilt, exact, holes = (
        float(scores[key]) for key in ("clean_auc", "spoilt_auc", "clean_pckh@0.1", "hole_error")
    )
    return clean + spoilt + 0.25 * exact - 0.2 * holes


class Validation:
    """Fixed samples of each validation subject: clean ones and spoilt ones."""

    def __init__(self, archive: Path, batches: int = 2) -> None:
        data = MocapArchive(archive)
        self._sets: dict[str, list[list[dict[str, Tensor]]]] = {"clean": [], "spoilt": []}
        _, held = split(data)
        for subject in sorted({data.subjects[i] for i in held}):
            clips = [i for i in held if data.subjects[i] == subject]
            for name, clean in (("clean", 1.0), ("spoilt", 0.0)):
                settings = SampleSettings(
                    clean_share=clean, noisy_share=0.6 * (1 - clean), exchange_bodies=False
                )
                stream = SampleStream(data, clips, settings, seed=99)
                self._sets[name].append([tensors(stream.batch(64)) for _ in range(batches)])

    @torch.inference_mode()
    def score(self, network: nn.Module) -> dict[str, float]:
        """PCKh@0.1, AUC and mean error (head sizes) of the 16 joints that are not given.

        ``hole_error`` is that of the 12 joints where they are hidden. Means over the subjects, as
        in the evaluation's protocol.
        """
        scores: dict[str, float] = {}
        holes: list[float] = []
        alphas = np.arange(101) / 100
        for name, subjects in self._sets.items():
            rows = []
            for batches in subjects:
                errors, hidden = [], []
                for batch in batches:
                    offsets, _ = network(batch["features"], batch["inside"])
                    error = batch["base"] + offsets - batch["target"]
                    heads = error.norm(dim=-1) / batch["head"]
                    errors.append(heads[..., MISSING16][batch["weight"][..., MISSING16] > 0])
                    hidden.append(heads[batch["weight"] > 1])
                error = torch.cat(errors).numpy()
                auc = 1 - np.searchsorted(alphas, error, side="right").mean() / 101
                rows.append(((error < 0.1).mean(), auc, error.mean()))
                if name == "spoilt":
                    holes.append(torch.cat(hidden).mean().item())
            figures = np.mean(rows, axis=0)
            for key, figure in zip(("pckh@0.1", "auc", "error"), figures, strict=True):
                scores[f"{name}_{key}"] = float(figure)
        return scores | {"hole_error": float(np.mean(holes))}


def _start_from(network: DirectNetwork, weights: dict[str, Tensor]) -> None:
    """Load weights; inputs, outputs and blocks that they lack start without a say.

    Raises JumpsError where they are another network's.
    """
    state = network.state_dict()
    known = {name: given for name, given in weights.items() if name in state}
    fits = all(
        given.ndim == state[name].ndim
        and all(a >= b for a, b in zip(state[name].shape, given.shape, strict=True))
        for name, given in known.items()
    )
    if not known or not fits:
        raise JumpsError("--start: these are not weights of this network, or of a larger one.")
    for name, own in state.items():
        if name in weights:
            given = weights[name]
            more = [a - b for a, b in zip(own.shape, given.shape, strict=True)]
            padding = [n for count in reversed(more) for n in (0, count)]
            state[name] = torch.nn.functional.pad(given, padding)
        elif ".out." in name:
            state[name] = torch.zeros_like(own)
    network.load_state_dict(state)


def train(
    archive: Path,
    run: Path,
    settings: TrainSettings,
    config: DirectConfig,
    start: Path | None = None,
) -> None:
    """Train until ``settings.steps``, starting from the run's state where there is one.

    A new run starts from the weights in ``start``, if given; blocks beyond those that it holds
    start as the identity.
    """
    facts = {
        "architecture": config.as_json(),
        "training": asdict(settings),
        **described(MocapArchive(archive)),
    }
    torch.manual_seed(settings.seed)
    network = DirectNetwork(config)
    if start is not None:
        _start_from(network, weights_of(start, load_file))
    task = Task(
        partial(_batches, archive, settings),
        partial(losses, precision_scale=settings.precision_scale),
        {
            "position": 1.0,
            "velocity": settings.velocity_weight,
            "precision": settings.precision_weight,
            "likelihood": settings.sigma_weight,
        },
        Validation(archive).score,
        merit,
    )
    fit(network, DirectNetwork(config), task, run, settings, facts)


def _batches(archive: Path, settings: TrainSettings, seed: int) -> Iterator[dict[str, Tensor]]:
    data = MocapArchive(archive)
    stream = SampleStream(data, split(data)[0], settings.samples, seed)
    return (tensors(batch) for batch in stream.batches(settings.batch))
