"""A Blender for tests: the user's settings out of the way, an empty scene for each test."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest

# Before bpy is imported anywhere, so that tests never touch the user's settings.
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="jumps-tests-")

_exit_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    # What is registered at the interpreter's end makes bpy hang there.
    sys.stdout.flush()
    sys.stderr.flush()
    if "bpy" in sys.modules:
        os._exit(_exit_status)


@pytest.fixture(autouse=True)
def empty_scene() -> None:
    bpy = pytest.importorskip("bpy", reason="the Python package bpy is not installed")
    bpy.ops.wm.read_factory_settings(use_empty=True)
