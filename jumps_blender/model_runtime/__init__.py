"""Engines that find all 28 joints, their weights, and their evaluation. Never imports bpy.

Importing this package needs numpy only; PyTorch is imported when an engine that needs it runs.
"""

from .upsample import ENGINES, load_engine, upsample_track

__all__ = ["ENGINES", "load_engine", "upsample_track"]
