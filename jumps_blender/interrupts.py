"""Ctrl-C and its like, where they must wait or be listened to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off to the end, and being asked to end: inside Blender's own code that is lost, or
    ends in a crash.

    What Python doesn't handle, as in Blender's window, is left alone.
    """
    before: dict[int, Any] = {}
    asked: list[int] = []
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: handler for number, handler in found.items() if callable(handler)}
    for number in before:
        signal.signal(number, lambda given, _: asked.append(given))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in asked[:1]:
        before[number](number, None)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let a process that is asked to end, as by a scheduler, tidy up: raise SystemExit in it."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
