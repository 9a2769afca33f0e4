"""Progress of a synchronous operator, shown at the mouse cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bpy.types import Context


@contextmanager
def shown_progress(context: Context) -> Iterator[Callable[[float], None]]:
    """Give a function that is called with the share done, in [0, 1]."""
    manager = context.window_manager
    manager.progress_begin(0.0, 1.0)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()
