"""Runs scripts in a real Blender window, from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SKIP = 77  # the exit code of a script that cannot do its work on this machine

# What Blender prints when Python code of an add-on fails, wherever it is called from.
_TROUBLE = re.compile(r".*(Traceback \(most recent call last\)|Error: Python).*")


class NoWindowError(Exception):
    """A window cannot be had on this machine; says why."""


class ScriptError(AssertionError):
    """The script failed in the window, or Blender complained."""


@dataclass(frozen=True)
class Result:
    """What a script left behind.

    figures: what the script wrote down
    gaps: how long the event loop was away, one for each GapRecorder
    notes: seconds since the start, and what was done
    pictures: by name
    output: what Blender printed
    seconds: how long it took from outside
    """

    figures: dict[str, Any]
    gaps: list[dict[str, Any]]
    notes: list[tuple[float, str]]
    pictures: dict[str, Path]
    output: str
    seconds: float

    def picture(self, name: str, box: Sequence[int] | None = None) -> Image.Image:
        """A picture, or a part of it: left, top, right, bottom."""
        with Image.open(self.pictures[name]) as image:
            return image.convert("RGB").crop(tuple(box) if box else None)


def make_window() -> None:
    """Make what Blender runs in, or find it ready."""
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "window_chroot.sh"], stderr=subprocess.PIPE, text=True
    )
    if done.returncode == SKIP:
        raise NoWindowError(done.stderr.strip().splitlines()[-1].removeprefix("window: "))
    if done.returncode != 0:
        raise RuntimeError(f"scripts/window_chroot.sh failed: {done.stderr}")


def build_extension() -> Path:
    """The slim package, built anew."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_extension.py"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Path(done.stdout.splitlines()[-1])


def repeated(example: Path, frames: int, path: Path) -> Path:
    """An AlphaPose file as long as is asked for: the example's frames, again and again."""
    once = json.loads(example.read_text(encoding="utf-8"))
    clip = [{**once[n % len(once)], "image_id": f"{n}.jpg"} for n in range(frames)]
    path.write_text(json.dumps(clip), encoding="utf-8")
    return path


def run_in_window(
    script: str,
    folder: Path,
    *,
    extension: Path,
    files: Sequence[Path] = (),
    size: str = "1280x800",
    real_events: bool = False,
    shown: Mapping[str, Path] | None = None,
    seconds: float = 120.0,
    **options: Any,
) -> Result:
    """Run tests/ui/scripts/SCRIPT.py in a fresh Blender.

    folder: an empty one, which the script sees as /share
    files: copied there; so are the extension's zip and the options, as options.json
    real_events: Blender takes what comes from the screen, instead of the driver's mouse and keys
    shown: folders of this machine that the script sees as /mnt/NAME, by these names
    seconds: after these everything is killed; the script's own limit should be lower
    """
    options["extension"] = extension.name
    own = ("driver.py", "addon.py", "x_user.py", f"scripts/{script}.py")
    for file in (*(HERE / name for name in own), extension, *files):
        shutil.copy(file, folder)
    (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")

    started = time.perf_counter()
    with (folder / "output.txt").open("w") as printed:
        done = subprocess.run(
            ["bash", ROOT / "scripts" / "in_window.sh", folder, f"{script}.py"],
            stdout=printed,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "WINDOW_SIZE": size,
                "EVENTS": "real" if real_events else "simulated",
                "SHOWN": " ".join(f"{path}={name}" for name, path in (shown or {}).items()),
                "TIME_LIMIT": f"{seconds:.0f}",
            },
        )
    took = time.perf_counter() - started
    output = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    pictures = {path.stem: path for path in sorted(folder.glob("*.png"))}

    where = f"see {folder}; its output ends:\n{output[-4000:]}"
    result = folder / "result.json"
    if done.returncode == -signal.SIGKILL:
        raise ScriptError(f"{script} was killed after {seconds:g} s; {where}")
    if not result.exists():
        raise ScriptError(f"{script} left no result (exit code {done.returncode}); {where}")
    left = json.loads(result.read_text(encoding="utf-8"))
    if left["message"] is not None:
        raise ScriptError(f"{script}: {left['message']}\n{left['traceback']}{where}")
    if done.returncode != 0:
        raise ScriptError(f"{script}: Blender quit with exit code {done.returncode}; {where}")
    if found := _TROUBLE.search(output):
        raise ScriptError(f"{script}: Blender printed «{found[0]}»; {where}")
    return Result(left["figures"], left["gaps"], left["notes"], pictures, output, took)
