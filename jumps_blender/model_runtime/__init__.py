"""Engines that find all 28 joints, their weights, and their evaluation. Never imports bpy.

Importing this package needs numpy only; PyTorch is imported when an engine that needs it runs.
"""

from ..processes.client import Program
from .upsample import COMPARISONS, ENGINES, ENGINES_WITHOUT_TORCH, load_engine, upsample_track

__all__ = [
    "COMPARISONS",
    "ENGINES",
    "ENGINES_WITHOUT_TORCH",
    "WORKER",
    "load_engine",
    "upsample_track",
]

WORKER = Program("model_runtime.worker", oldest="3.11")  # upsamples, and lifts
