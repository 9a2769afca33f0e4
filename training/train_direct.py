"""Train engine ``direct``: ``jumps-train direct ARCHIVE --run runs/NAME``; it resumes.

A run's folder holds ``settings.json``, ``state.pt`` (for resuming), ``log.csv`` and
``best.safetensors`` (the averaged weights that scored best on the validation subjects).
"""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from jumps_blender.model_runtime.direct_network import DirectConfig, DirectNetwork
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12

from .data import Batch, SampleSettings, SampleStream, described, split

MISSING16 = [joint for joint in range(28) if joint not in COMMON12]


@dataclass(frozen=True)
class TrainSettings:
    """How the network is trained; the defaults are those of the committed weights."""

    steps: int = 9000
    batch: int = 32
    learning_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 0.02
    velocity_weight: float = 0.5
    sigma_weight: float = 0.02
    precision_weight: float = 0.3
    precision_scale: float = 0.1  # head sizes
    average: float = 0.999  # decay of the weights' running mean
    validate_every: int = 500
    seed: int = 0
    samples: SampleSettings = field(default_factory=SampleSettings)


class _Stream(IterableDataset):
    """Batches as tensors; its worker's seed changes with the step, so that resuming goes on."""

    def __init__(self, archive: Path, settings: TrainSettings, first_step: int) -> None:
        self._archive, self._settings, self._first_step = archive, settings, first_step

    def __iter__(self):
        archive = MocapArchive(self._archive)
        clips, _ = split(archive)
        seed = self._settings.seed + 1_000_003 * self._first_step
        stream = SampleStream(archive, clips, self._settings.samples, seed)
        return (_tensors(batch) for batch in stream.batches(self._settings.batch))


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in vars(batch).items()}


def losses(
    network: DirectNetwork, batch: dict[str, Tensor], precision_scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
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
    return position, velocity, precision, (weight * likelihood).sum() / count


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
                self._sets[name].append([_tensors(stream.batch(64)) for _ in range(batches)])

    @torch.inference_mode()
    def score(self, network: DirectNetwork) -> dict[str, float]:
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
    """Load weights; inputs, outputs and blocks that they lack start without a say."""
    state = network.state_dict()
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
    run.mkdir(parents=True, exist_ok=True)
    data = MocapArchive(archive)
    facts = {
        "architecture": config.as_json(),
        "training": asdict(settings),
        **described(data),
    }
    (run / "settings.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = DirectNetwork(config).to(device)
    if start is not None:
        _start_from(network, load_file(start))
    mean = DirectNetwork(config).to(device)
    mean.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    step, best = 0, -math.inf
    state_path = run / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        mean.load_state_dict(state["mean"])
        optimizer.load_state_dict(state["optimizer"])
        step, best = state["step"], state["best"]
        print(f"resuming at step {step}", flush=True)

    validation = Validation(archive)
    loader = iter(DataLoader(_Stream(archive, settings, step), batch_size=None, num_workers=1))
    sums, since, since_step = np.zeros(4), time.perf_counter(), step
    while step < settings.steps:
        rate = settings.learning_rate * min(1, (step + 1) / settings.warmup)
        rate *= 0.5 * (1 + math.cos(math.pi * step / settings.steps)) * 0.99 + 0.01
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = {name: value.to(device) for name, value in next(loader).items()}
        with torch.autocast(device.type, torch.bfloat16):
            position, velocity, precision, likelihood = losses(
                network, batch, settings.precision_scale
            )
        loss = (
            position
            + settings.velocity_weight * velocity
            + settings.precision_weight * precision
            + settings.sigma_weight * likelihood
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        decay = min(settings.average, step / (step + 50))
        with torch.no_grad():
            for target, source in zip(mean.parameters(), network.parameters(), strict=True):
                target.lerp_(source, 1 - decay)
        sums += [position.item(), velocity.item(), precision.item(), likelihood.item()]
        if step % settings.validate_every and step != settings.steps:
            continue

        scores = validation.score(mean.cpu() if device.type != "cpu" else mean)
        mean.to(device)
        every = step - since_step
        speed = every * settings.batch * settings.samples.frames / (time.perf_counter() - since)
        row = {
            "step": step,
            "position": round(sums[0] / every, 5),
            "velocity": round(sums[1] / every, 5),
            "precision": round(sums[2] / every, 5),
            "likelihood": round(sums[3] / every, 4),
            **{name: round(value, 5) for name, value in scores.items()},
            "frames_per_s": round(speed),
        }
        print(row, flush=True)
        with (run / "log.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
        if merit(scores) > best:
            best = merit(scores)
            save_file(mean.state_dict(), run / "best.safetensors")
        state = {
            "network": network.state_dict(),
            "mean": mean.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "best": best,
        }
        torch.save(state, run / "state.tmp")
        (run / "state.tmp").replace(state_path)
        sums[:], since, since_step = 0, time.perf_counter(), step
