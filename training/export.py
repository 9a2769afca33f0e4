"""Turn a run's weights into those that ship: ``jumps-train export --run runs/NAME``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime.contact_network import CONTACT_FEATURES
from jumps_blender.model_runtime.evaluation import Protocol, make_view
from jumps_blender.model_runtime.features import FEATURES
from jumps_blender.model_runtime.latent import LatentEngine
from jumps_blender.model_runtime.lift_features import FEATURES as LIFT_FEATURES
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.weights_files import FOLDER, ROW_SCALES

from .data import sample, split
from .train_contacts import merit as contact_merit
from .train_direct import merit
from .train_lift import merit as lift_merit

_CMU = {
    "name": "CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu), 28 joints",
    "licence": "free for research and commercial use; may be included in products, may not be "
    "resold as such, even in converted form",
    "credit": "The data used in this project was obtained from mocap.cs.cmu.edu. The database was "
    "created with funding from NSF EIA-0196217.",
}
_CALIBRATION_FRAMES = 300  # of each validation subject


def export(run: Path) -> None:
    """Write a run's weights in half precision, and their JSON card, to where engines find them.

    Raises JumpsError where the folder holds no run with a checkpoint, or one that isn't to ship.
    """
    if (run / "best.safetensors").exists():
        network = str(_settings(run).get("network"))
        if network == "cheng":
            raise JumpsError(f"{run}: holds what the lifter is compared with; it ships nowhere.")
        ship = {"lift": _export_lift, "contacts": _export_contacts}.get(network, _export_direct)
        ship(run)
    elif (run / "networks.safetensors").exists():
        _export_jumps(run)
    else:
        raise JumpsError(
            f"{run}: holds neither best.safetensors nor networks.safetensors; train there first."
        )


def _export_direct(run: Path) -> None:
    settings, rows = _settings(run), _log(run)
    weights = load_file(run / "best.safetensors")
    best = max(rows, key=merit)
    card = {
        "engine": "direct",
        "architecture": {"features": FEATURES, **settings["architecture"]},
        "normalisation": "body-centred units, see model_runtime/features.py",
        "sequences_seen_in_the_last_run": int(best["step"]) * settings["training"]["batch"],
        "validation": {name: float(value) for name, value in best.items() if name != "step"},
    }
    _write("direct", weights, settings, card)


def _export_lift(run: Path) -> None:
    settings, rows = _settings(run), _log(run)
    best = max(rows, key=lift_merit)
    card = {
        "task": "lift",
        "architecture": {"features": LIFT_FEATURES, **settings["architecture"]},
        "normalisation": "along a turned camera's axis, see model_runtime/lift_features.py",
        "sequences_seen_in_the_last_run": int(best["step"]) * settings["training"]["batch"],
        "validation": {name: float(value) for name, value in best.items() if name != "step"},
    }
    weights = load_file(run / "best.safetensors")
    _write("lift", weights, settings, card, eighths=("taps.weight",))


def _export_contacts(run: Path) -> None:
    settings, rows = _settings(run), _log(run)
    best = max(rows, key=contact_merit)
    card = {
        "task": "contacts",
        "architecture": {"features": CONTACT_FEATURES, **settings["architecture"]},
        "normalisation": "metres and seconds, see model_runtime/contact_network.py",
        "lifter": settings["lifter"],
        "sequences_seen_in_the_last_run": int(best["step"]) * settings["training"]["batch"],
        "validation": {name: float(value) for name, value in best.items() if name != "step"},
    }
    _write("contacts", load_file(run / "best.safetensors"), settings, card)


def _export_jumps(run: Path) -> None:
    settings, rows = _settings(run), _log(run)
    encoder = settings["training"]["encoder"]
    weights = {
        name: value
        for name, value in load_file(run / "networks.safetensors").items()
        # Batch norm's counters are of no use to a trained network.
        if value.is_floating_point() and (encoder or not name.startswith("encoder."))
    }
    name = "jumps" if encoder else "jumps_gan"
    card = {
        "engine": "latent" if encoder else "latent-no-encoder",
        "normalisation": "body-centred units, see training/train_jumps.py",
        "sequences_seen": int(rows[-1]["step"]) * settings["training"]["batch"],
        "sequences_seen_in_the_paper": 60 * 835_000,
        "validation": {
            name: float(value) for name, value in rows[-1].items() if name.startswith("val_")
        },
        "sigma": _spread(Path(settings["archive"]), weights, name),
    }
    _write(name, weights, settings, card)


def _spread(archive: Path, weights: dict[str, Tensor], name: str) -> list[float]:
    """How far each joint is off on validation clips, 12 joints given: one sigma, body units."""
    data = MocapArchive(archive)
    engine = LatentEngine(
        "auto",
        "latent" if name == "jumps" else "latent-no-encoder",
        weights=({key: value.numpy() for key, value in weights.items()}, {"sigma": [1.0] * 28}, ""),
    )
    squares, frames = np.zeros(28), np.zeros(28)
    for number in sample(data, _CALIBRATION_FRAMES, split(data)[1]):
        clip = data.clip(number).at_rate(30.0)
        view = make_view(clip, 0, Protocol())
        estimate = engine.estimate(view.observation)
        unit = estimate.uncertainty.mean(axis=1)[:, None]  # one body unit, for sigma is 1
        error = (estimate.positions - view.points) / unit[..., None]
        squares += clip.valid * np.square(error, dtype=float).mean(axis=2).sum(axis=0)
        frames += clip.valid * len(error)
    return np.sqrt(squares / np.maximum(frames, 1)).round(4).tolist()


def _settings(run: Path) -> dict:
    return json.loads((run / "settings.json").read_text(encoding="utf-8"))


def _log(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _write(
    name: str,
    weights: dict[str, Tensor],
    settings: dict,
    card: dict,
    eighths: tuple[str, ...] = (),
) -> None:
    """eighths: how the names of matrices end that 8 bits a number are enough for"""
    facts = {
        **card,
        "parameters": sum(value.numel() for value in weights.values()),
        "precision": f"float16{' and int8' if eighths else ''} in the file, float32 at run time",
        "data": (_CMU if settings["cmu"] else {"name": Path(settings["archive"]).name})
        | {"validation_subjects": settings["validation"]},
        "training": settings["training"],
    }
    half = {}
    for key, value in weights.items():
        if key.endswith(eighths):
            scale = value.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            half[key] = torch.round(value / scale).to(torch.int8).contiguous()
            half[key + ROW_SCALES] = scale.to(torch.float32).contiguous()
        else:
            half[key] = value.to(torch.float16).contiguous()
    FOLDER.mkdir(exist_ok=True)
    with (
        written_whole(FOLDER / f"{name}.safetensors") as tensors,
        written_whole(FOLDER / f"{name}.json") as text,
    ):
        save_file(half, tensors)
        text.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
