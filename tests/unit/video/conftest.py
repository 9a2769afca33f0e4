"""Environments of pose estimators; tests that need one skip, saying so, where it is absent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.processes.client import Runtime
from jumps_blender.video.backends import BACKENDS
from jumps_blender.video.environments import PYTHON_VARIABLE, estimator_runtime

ROOT = Path(__file__).parents[3]


def _runtime(backend: str, monkeypatch) -> Runtime:
    if backend != "mediapipe":
        monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    try:
        return estimator_runtime(BACKENDS[backend])
    except JumpsError:
        pytest.skip(f"no environment for {backend}: make video VIDEO_BACKEND={backend}")


@pytest.fixture
def mediapipe(monkeypatch) -> Runtime:
    return _runtime("mediapipe", monkeypatch)


@pytest.fixture
def rtmpose(monkeypatch) -> Runtime:
    return _runtime("rtmpose", monkeypatch)


@pytest.fixture
def in_estimator(mediapipe) -> Callable[..., Any]:
    """Runs code in the estimator's Python, with the package; what it sets ``answer`` to, or its
    last line on standard error where it fails."""

    def run(code: str, **values: Any) -> Any:
        start = ROOT / "jumps_blender" / "processes" / "start.py"
        # As the process starts: the package is importable, and nothing else of the project.
        script = (
            f"import json, runpy, sys; runpy.run_path({str(start)!r})\n"
            f"globals().update(json.loads({json.dumps(values)!r}))\n{code}\n"
            "print('\\n' + json.dumps(answer))"
        )
        result = subprocess.run(
            [str(mediapipe.python), "-I", "-c", script], capture_output=True, text=True, check=False
        )
        if result.returncode:
            return result.stderr.strip().splitlines()[-1]
        return json.loads(result.stdout.strip().splitlines()[-1])

    return run
