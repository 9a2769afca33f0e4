"""Train what tells which feet stand: ``jumps-train contacts ARCHIVE --run runs/NAME``; it resumes.

Samples are the shipped lifter's motions, of windows as it was trained on and of others like them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.keypoints.space import Lens
from jumps_blender.keypoints.track import Observation
from jumps_blender.model_runtime.cameras import FOCAL
from jumps_blender.model_runtime.contact_network import (
    CONTACT_FEATURES,
    ContactConfig,
    ContactNetwork,
    contact_features,
)
from jumps_blender.model_runtime.lift import Lifter
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.proportions import bone_lengths, stature

from .data import described, split
from .lift_data import LiftSettings, LiftStream, UpsampledPool, make_pool
from .loop import LoopSettings, Task, fit

_POOL = 640  # upsampled windows
_LENS = Lens(FOCAL, (0.0, 0.0))
_WINDOW = 96  # frames of a sample


@dataclass(frozen=True)
class ContactTrainSettings(LoopSettings):
    """How the network is trained; the defaults are those of the committed weights."""

    steps: int = 1500
    batch: int = 32
    learning_rate: float = 3e-3
    warmup: int = 50
    average: float = 0.99
    validate_every: int = 250
    windows: int = 1600  # that are lifted to train on,
    held_windows: int = 60  # and of each validation subject
    samples: LiftSettings = field(default_factory=LiftSettings)


def losses(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """contact: cross entropy over the frames inside."""
    entropy = functional.binary_cross_entropy_with_logits(
        network(batch["features"]), batch["stands"], batch["inside"], reduction="sum"
    )
    return {"contact": entropy / batch["inside"].sum().clamp(min=1) / 2}


def merit(scores: Mapping[str, float | str]) -> float:
    """What the best weights are chosen by, from scores or a row of the log."""
    return float(scores["balls"]) + 0.5 * float(scores["ankles"])


class LiftedWindows:
    """Lifted windows, as features of feet and whether they stand."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as archive:
            self.features = archive["features"]  # float16 (2, N, CONTACT_FEATURES)
            self.stands = archive["stands"]  # bool (2, N, 2): ankle, ball and toes
            self.start = archive["start"]  # int (W + 1,), of the windows

    def batches(self, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
        """Endless random pieces of ``_WINDOW`` frames: N is both feet of ``size`` windows."""
        rng = np.random.default_rng(seed)
        while True:
            batch = {
                "features": np.zeros((2 * size, _WINDOW, CONTACT_FEATURES), np.float32),
                "stands": np.zeros((2 * size, _WINDOW, 2), np.float32),
                "inside": np.zeros((2 * size, _WINDOW, 1), np.float32),
            }
            for place, window in enumerate(rng.integers(len(self.start) - 1, size=size)):
                first, stop = int(self.start[window]), int(self.start[window + 1])
                count = min(stop - first, _WINDOW)
                first = int(rng.integers(first, stop - count + 1))
                feet, frames = slice(2 * place, 2 * place + 2), slice(first, first + count)
                batch["features"][feet, :count] = self.features[:, frames]
                batch["stands"][feet, :count] = self.stands[:, frames]
                batch["inside"][feet, :count] = 1
            yield {name: torch.from_numpy(value) for name, value in batch.items()}

    def score(self, network: nn.Module) -> tuple[float, float]:
        """F1 of ankles and of balls and toes."""
        said, true, both = np.zeros(2), np.zeros(2), np.zeros(2)
        for first, stop in zip(self.start, self.start[1:], strict=False):
            features = torch.from_numpy(self.features[:, first:stop].astype(np.float32))
            stands, found = self.stands[:, first:stop], network(features).numpy() > 0
            said += found.sum(axis=(0, 1))
            true += stands.sum(axis=(0, 1))
            both += (found & stands).sum(axis=(0, 1))
        ankles, balls = 2 * both / np.maximum(said + true, 1)
        return float(ankles), float(balls)


def lift_windows(stream: LiftStream, count: int, path: Path, lifter: Lifter) -> None:
    """Draw ``count`` windows, lift them and keep what the network sees of them."""
    features: list[NDArray] = []
    stands: list[NDArray] = []
    while len(features) < count:
        scene, points, confidence = stream.draw(16)
        lengths = np.median(bone_lengths(scene.local), axis=1)
        for sample, frames in enumerate(scene.length):
            sure = confidence[sample, :frames]
            if frames < 2 or not (sure > 0).any() or not scene.valid[sample].all():
                continue
            step = float(scene.step[sample])
            seen = Observation(
                points[sample, :frames] * (sure > 0)[..., None],
                sure,
                (sure > 0).any(axis=0),
                np.arange(frames) * step,
            )
            lift = lifter.lift(seen, _LENS, float(stature(lengths[sample])))
            features.append(contact_features(lift.positions, lift.up, lift.contact, step))
            contact = scene.contact[sample, :frames] > 0
            stands.append(np.stack([contact[:, :2], contact[:, 2:]]))
        print(f"lifted {len(features)} of {count} windows", end="\r", flush=True)
    print()
    lasting = [each.shape[1] for each in features]
    with written_whole(path) as whole:
        np.savez(
            whole,
            features=np.concatenate(features, axis=1).astype(np.float16),
            stands=np.concatenate(stands, axis=1),
            start=np.cumsum([0, *lasting]),
        )


def train(archive: Path, run: Path, settings: ContactTrainSettings, config: ContactConfig) -> None:
    """Train until ``settings.steps``, starting from the run's state where there is one."""
    data = MocapArchive(archive)
    own, held = (_whole(data, numbers) for numbers in split(data))
    run.mkdir(parents=True, exist_ok=True)
    pool, windows = run / "pool.npz", run / "windows.npz"
    lifter = Lifter.load("auto", contact_network=False)
    if not windows.exists():
        if not pool.exists():
            make_pool(data, own, pool, _POOL, settings.samples)
        stream = LiftStream(data, own, settings.samples, settings.seed, UpsampledPool(pool))
        lift_windows(stream, settings.windows, windows, lifter)
    validation = []
    for subject in sorted({data.subjects[number] for number in held}):
        path = run / f"held_{subject}.npz"
        if not path.exists():
            clips = [number for number in held if data.subjects[number] == subject]
            plain = replace(settings.samples, exchange_bodies=False)
            lift_windows(LiftStream(data, clips, plain, 99), settings.held_windows, path, lifter)
        validation.append(LiftedWindows(path))

    def score(network: nn.Module) -> dict[str, float]:
        found = np.mean([each.score(network) for each in validation], axis=0)
        return {"ankles": float(found[0]), "balls": float(found[1])}

    facts = {
        "network": "contacts",
        "architecture": config.as_json(),
        "lifter": lifter.identity,
        "training": asdict(settings),
        **described(data),
    }
    torch.manual_seed(settings.seed)
    batches = partial(_batches, windows, settings.batch)
    task = Task(batches, losses, {"contact": 1.0}, score, merit)
    fit(ContactNetwork(config), ContactNetwork(config), task, run, settings, facts)


def _whole(archive: MocapArchive, numbers: list[int]) -> list[int]:
    """Those clips of which all 28 joints are valid: without feet there is nothing to learn."""
    found = [number for number in numbers if archive.clip(number).valid.all()]
    if not found:
        people = ", ".join(sorted({archive.subjects[number] for number in numbers}))
        raise JumpsError(
            f"{archive.path}: no clip of {people} has all 28 joints; contacts need some."
        )
    return found


def _batches(windows: Path, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
    return LiftedWindows(windows).batches(size, seed)
