"""The training loop that networks share: it averages weights, keeps the best, and resumes.

A run's folder holds ``settings.json``, ``state.pt`` (for resuming), ``log.csv`` and
``best.safetensors`` (the averaged weights that scored best on the validation subjects).
"""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole

Batch = dict[str, Tensor]
Scores = Mapping[str, float]


@dataclass(frozen=True)
class LoopSettings:
    """How any network is trained."""

    steps: int
    batch: int = 32
    learning_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 0.02
    average: float = 0.999  # decay of the weights' running mean
    validate_every: int = 500
    seed: int = 0
    optimizer: str = "adamw"  # or "muon": that for the blocks' matrices, AdamW for all else
    compiled: bool = False  # needs a C++ compiler; a minute at the start, then a third less time


@dataclass(frozen=True)
class Task:
    """What a network is trained for.

    batches: from a seed, endless batches; called in a process of its own
    losses: of a batch, by name; their sum with ``weights`` is what falls
    validate: scores of a network, on the CPU and without gradients
    merit: what the best weights are chosen by, of scores
    """

    batches: Callable[[int], Iterator[Batch]]
    losses: Callable[[nn.Module, Batch], dict[str, Tensor]]
    weights: Mapping[str, float]
    validate: Callable[[nn.Module], dict[str, float]]
    merit: Callable[[Scores], float]


def tensors(batch: Any) -> Batch:
    """A dataclass of arrays as tensors by name."""
    return {name: torch.from_numpy(value) for name, value in vars(batch).items()}


def weights_of(path: Path, load: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The tensors of a safetensors file to start from; raises JumpsError where it is none."""
    try:
        return load(path)
    except (OSError, SafetensorError) as error:
        raise JumpsError(f"--start {path}: weights cannot be read from it ({error}).") from error


class _Stream(IterableDataset):
    def __init__(self, batches: Callable[[int], Iterator[Batch]], seed: int) -> None:
        self._batches, self._seed = batches, seed

    def __iter__(self) -> Iterator[Batch]:
        return self._batches(self._seed)


def fit(
    network: nn.Module, mean: nn.Module, task: Task, run: Path, settings: LoopSettings, facts: dict
) -> None:
    """Train ``network`` until ``settings.steps``, from the run's state where there is one.

    mean: a network of the same kind, which becomes the running mean; facts: kept in settings.json
    """
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    mean.to(device).load_state_dict(network.state_dict())
    optimizers = _optimizers(network, settings)
    if settings.compiled:
        network.compile(dynamic=False)
    step, best = 0, -math.inf
    if (run / "state.pt").exists():
        state = torch.load(run / "state.pt", map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        mean.load_state_dict(state["mean"])
        for optimizer, own in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(own)
        step, best = state["step"], state["best"]
        print(f"resuming at step {step}", flush=True)

    # The worker's seed changes with the step, so that resuming goes on.
    stream = _Stream(task.batches, settings.seed + 1_000_003 * step)
    loader = iter(DataLoader(stream, batch_size=None, num_workers=1))
    sums: dict[str, float] = dict.fromkeys(task.weights, 0.0)
    since, since_step = time.perf_counter(), step
    while step < settings.steps:
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = settings.learning_rate * _rate(step, settings)
        batch = {name: value.to(device) for name, value in next(loader).items()}
        with torch.autocast(device.type, torch.bfloat16):
            parts = task.losses(network, batch)
        loss = torch.stack([weight * parts[name] for name, weight in task.weights.items()]).sum()
        network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        _follow(mean, network, min(settings.average, step / (step + 50)))
        for name in sums:
            sums[name] += parts[name].item()
        if step % settings.validate_every and step != settings.steps:
            continue

        with torch.inference_mode():
            scores = task.validate(mean.cpu())
        mean.to(device)
        every = step - since_step
        row = {
            "step": step,
            **{name: round(total / every, 5) for name, total in sums.items()},
            **{name: round(value, 5) for name, value in scores.items()},
            "steps_per_s": round(every / (time.perf_counter() - since), 2),
        }
        print(row, flush=True)
        _log(run / "log.csv", row)
        if task.merit(scores) > best:
            best = task.merit(scores)
            with written_whole(run / "best.safetensors") as path:
                save_file(mean.state_dict(), path)
        state = {
            "network": network.state_dict(),
            "mean": mean.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "step": step,
            "best": best,
        }
        torch.save(state, run / "state.tmp")
        (run / "state.tmp").replace(run / "state.pt")
        sums, since, since_step = dict.fromkeys(sums, 0.0), time.perf_counter(), step


def _optimizers(network: nn.Module, settings: LoopSettings) -> list[torch.optim.Optimizer]:
    """AdamW for all, or Muon (Jordan et al., 2024) for matrices inside: equal singular values."""
    matrices = [
        value
        for name, value in network.named_parameters()
        if settings.optimizer == "muon" and value.ndim == 2 and name.startswith("blocks.")
    ]
    theirs = {id(value) for value in matrices}
    others = [value for value in network.parameters() if id(value) not in theirs]
    common: Any = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, **common)]
    if matrices:
        found.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw", **common))
    return found


def _rate(step: int, settings: LoopSettings) -> float:
    """Warm-up, then a cosine down to a hundredth."""
    rising = min(1, (step + 1) / settings.warmup)
    return rising * (0.5 * (1 + math.cos(math.pi * step / settings.steps)) * 0.99 + 0.01)


@torch.no_grad()
def _follow(mean: nn.Module, network: nn.Module, decay: float) -> None:
    for target, source in zip(mean.parameters(), network.parameters(), strict=True):
        target.lerp_(source, 1 - decay)


def _log(path: Path, row: dict) -> None:
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
