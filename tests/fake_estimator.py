"""An estimator's environment whose Python is ``stub_estimator.py``; knows the standard library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

STUB = Path(__file__).parent / "stub_estimator.py"


def fake_environment(
    folder: Path, version: str, python: str, stub: Path = STUB, **settings: Any
) -> Path:
    """Make it in an estimator's folder; returns where the stub tells what it was asked.

    version: the add-on's; python: one that runs the stub; settings: see there
    """
    home = folder / "env-1"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "made-by-jumps.txt").touch()
    (home / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\n")
    shutil.copy(stub, home / "stub_estimator.py")
    (home / "SETTINGS").write_text(json.dumps({"version": version, **settings}))
    program = home / "bin" / "python"
    program.write_text(f'#!/bin/sh\nexec "{python}" "{home}/stub_estimator.py"\n')
    program.chmod(0o755)
    (folder / "environment.json").write_text(json.dumps({"environment": "env-1"}))
    return home
