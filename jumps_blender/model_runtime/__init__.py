"""Engines that find all 28 joints, their weights, and their evaluation. Never imports bpy.

Importing this package needs numpy only; PyTorch is imported when an engine that needs it runs.
"""

from pathlib import Path

from .upsample import COMPARISONS, ENGINES, ENGINES_WITHOUT_TORCH, load_engine, upsample_track

__all__ = [
    "COMPARISONS",
    "ENGINES",
    "ENGINES_WITHOUT_TORCH",
    "WORKER",
    "load_engine",
    "upsample_track",
]

# The script of the process that upsamples; see ``processes/client.py``.
WORKER = Path(__file__).parent / "start_worker.py"
