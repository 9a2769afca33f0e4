"""Turn a run's best weights into those that ship: ``jumps-train export runs/NAME``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.features import FEATURES
from jumps_blender.model_runtime.weights_files import FOLDER

from .train_direct import merit

_CMU = {
    "name": "CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu), 28 joints",
    "licence": "free for research and commercial use; may be included in products, may not be "
    "resold as such, even in converted form",
    "credit": "The data used in this project was obtained from mocap.cs.cmu.edu. The database was "
    "created with funding from NSF EIA-0196217.",
}


def export_direct(run: Path) -> None:
    """Write ``direct.safetensors`` in half precision and its JSON card.

    Raises JumpsError where the folder holds no run with a validated checkpoint.
    """
    if not (run / "best.safetensors").exists():
        raise JumpsError(f"{run}: holds no best.safetensors; train there first.")
    settings = json.loads((run / "settings.json").read_text(encoding="utf-8"))
    weights = load_file(run / "best.safetensors")
    half = {name: value.to(torch.float16).contiguous() for name, value in weights.items()}
    FOLDER.mkdir(exist_ok=True)
    save_file(half, FOLDER / "direct.safetensors")
    with (run / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    best = max(rows, key=merit)
    card = {
        "engine": "direct",
        "architecture": {"features": FEATURES, **settings["architecture"]},
        "parameters": sum(value.numel() for value in weights.values()),
        "precision": "float16 in the file, float32 at run time",
        "normalisation": "body-centred units, see model_runtime/features.py",
        "data": (_CMU if settings["cmu"] else {"name": settings["archive"]})
        | {"validation_subjects": settings["validation"]},
        "training": settings["training"],
        "sequences_seen_in_the_last_run": int(best["step"]) * settings["training"]["batch"],
        "validation": {name: float(value) for name, value in best.items() if name != "step"},
    }
    (FOLDER / "direct.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
