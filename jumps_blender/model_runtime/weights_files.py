"""Committed weights: safetensors with a JSON beside them, never pickles."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError

FOLDER = Path(__file__).parent / "weights"


def load_weights(name: str) -> tuple[dict[str, NDArray], dict, str]:
    """Tensors as float32, the JSON beside them, and the first 8 digits of the file's SHA-256."""
    path = FOLDER / f"{name}.safetensors"
    try:
        # Not at the top: Blender's own Python lacks it, and enabling the add-on must not need it.
        from safetensors.numpy import load
    except ImportError as error:
        raise JumpsError(
            "The Python package safetensors is missing; install it beside PyTorch "
            "(pip install safetensors)."
        ) from error
    try:
        content = path.read_bytes()
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JumpsError(f"{path}: the weights cannot be read ({error}); reinstall.") from error
    tensors = {key: value.astype(np.float32) for key, value in load(content).items()}
    return tensors, card, hashlib.sha256(content).hexdigest()[:8]
