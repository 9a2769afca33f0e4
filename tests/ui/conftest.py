"""A real Blender window for tests; they skip, with the reason, where there can be none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from . import window


@pytest.fixture(scope="session")
def extension() -> Path:
    """The slim package, built from the sources as they are."""
    return window.build_extension()


@pytest.fixture(scope="session")
def blender_window() -> None:
    """Blender can be run in a window here; makes what is needed for it, once."""
    try:
        window.make_window()
    except window.NoWindowError as error:
        pytest.skip(str(error))


@pytest.fixture
def run_in_window(
    blender_window: None,  # noqa: ARG001 (it is there, or the test skips)
    extension: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Callable[..., window.Result]:
    """``run_in_window(script, files=…, size=…, seconds=…, **options)``, as in window.py.

    What the script left stays in build/window/last/TEST/SCRIPT/, for people to look at.
    """

    def run(script: str, **options: object) -> window.Result:
        folder = tmp_path / script
        folder.mkdir()
        try:
            return window.run_in_window(script, folder, extension=extension, **options)
        finally:
            kept = window.ROOT / "build" / "window" / "last" / request.node.name / script
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(extension.name))

    return run
