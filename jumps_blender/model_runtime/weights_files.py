"""Committed weights: safetensors with a JSON beside them, never pickles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError

# A matrix kept as 8-bit integers has a tensor (rows, 1) beside it that its rows are multiplied by.
ROW_SCALES = ".row_scales"
FOLDER = Path(__file__).parent / "weights"


def load_weights(name: str) -> tuple[dict[str, NDArray], dict, str]:
    """Tensors as float32, the JSON beside them, and the first 8 digits of the file's SHA-256.

    Raises JumpsError where safetensors isn't installed, or the files are missing or damaged.
    """
    path = FOLDER / f"{name}.safetensors"
    try:
        # Not at the top: Blender's own Python lacks it, and enabling the add-on must not need it.
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError as error:
        raise JumpsError(
            "The Python package safetensors is missing; install it beside PyTorch "
            "(pip install safetensors)."
        ) from error
    try:
        content = path.read_bytes()
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        stored = load(content)
    except (OSError, ValueError, SafetensorError) as error:
        raise JumpsError(f"{path}: the weights cannot be read ({error}); reinstall.") from error
    return unpacked(stored), card, hashlib.sha256(content).hexdigest()[:8]


def unpacked(stored: Mapping[str, NDArray]) -> dict[str, NDArray[np.float32]]:
    """Tensors as they are kept in a file, as float32 ones."""
    return {
        key: value.astype(np.float32) * stored.get(key + ROW_SCALES, np.float32(1))
        for key, value in stored.items()
        if not key.endswith(ROW_SCALES)
    }
