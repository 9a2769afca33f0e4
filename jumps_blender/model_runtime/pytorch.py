"""PyTorch as an environment of its own is made of it, in the build that suits the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..processes.recipe import PipRun, Recipe

Build = Literal["cpu", "cuda"]

# What is installed; the bounds and their reasons are in pyproject.toml.
PACKAGES = ("torch>=2.5,<3", "numpy>=1.26,<3", "safetensors>=0.5,<1")

# Where torch comes from when the build on PyPI isn't the wanted one: PyPI has CUDA for Linux and
# the CPU for Windows. CUDA 13.0 is what most releases since 2.11 share, and runs on every NVIDIA
# GPU since Turing (2018), with driver 580 or later; PyTorch 2.15 drops CUDA 12.6.
TORCH_INDEXES: dict[tuple[str, Build], str] = {
    ("linux", "cpu"): "https://download.pytorch.org/whl/cpu",
    ("win32", "cuda"): "https://download.pytorch.org/whl/cu130",
}

# Bytes, roughly.
_DOWNLOADS: dict[Build, float] = {"cpu": 200e6, "cuda": 3e9}
_DOWNLOADS_BESIDE_TORCH = 50e6
_NEEDED_SPACE: dict[Build, int] = {"cpu": 2 * 10**9, "cuda": 8 * 10**9}

_GPU_QUERY_SECONDS = 5.0

_CHECK = """
import json, numpy, safetensors, torch
def gpu_works():
    try:
        return float(torch.ones(1, device="cuda").sum()) == 1
    except Exception:
        return False
print(json.dumps({
    "torch": torch.__version__,
    "numpy": numpy.__version__,
    "safetensors": safetensors.__version__,
    "cuda": torch.version.cuda,
    "gpu_works": gpu_works() if torch.version.cuda else None,
}))
"""


def pytorch(build: Build | None = None, system: str | None = None) -> Recipe:
    """The recipe for a build of PyTorch; None is what suits this machine, see ``machine_build``.

    system: as in ``sys.platform``, which is the default
    """
    build = build or machine_build()
    runs = [PipRun(PACKAGES, _DOWNLOADS[build])]
    index = TORCH_INDEXES.get((system or sys.platform, build))
    if index is not None:
        # By itself: PyPI could offer its own build, perhaps a newer one. The next run finds it
        # installed and gets what it needs.
        runs = [
            PipRun(PACKAGES[:1], _DOWNLOADS[build], alone=True, index=index),
            PipRun(PACKAGES, _DOWNLOADS_BESIDE_TORCH),
        ]
    return Recipe(
        name="PyTorch",
        runs=tuple(runs),
        space=_NEEDED_SPACE[build],
        check=_CHECK,
        notes=lambda facts, folder: _notes(facts, build, folder),
        wheels=("torch", "numpy", "safetensors"),
        no_wheel="use another version of Blender",
        facts={"build": build},
    )


def machine_build() -> Build:
    """Which build of PyTorch suits this machine: "cuda" where NVIDIA's driver is found.

    May ask ``nvidia-smi``, for 5 seconds at most: not to be called while drawing.
    """
    try:
        if sys.platform == "darwin":
            return "cpu"
        if sys.platform == "win32":
            system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32")
            found = (system / "nvcuda.dll").is_file()
        else:
            found = Path("/proc/driver/nvidia/version").is_file()
        return "cuda" if found or _nvidia_smi_finds_gpu() else "cpu"
    except (OSError, ValueError, subprocess.SubprocessError):
        return "cpu"


def _nvidia_smi_finds_gpu() -> bool:
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    answer = subprocess.run(  # noqa: S603 - NVIDIA's program, without input from anyone
        [program, "-L"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_GPU_QUERY_SECONDS,
        check=False,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    return answer.returncode == 0 and b"GPU 0" in answer.stdout


def _notes(installed: Mapping[str, Any], build: Build, folder: Path) -> list[str]:
    """What people should know of what was installed."""
    cuda = installed["cuda"]
    kind = f"CUDA {cuda}" if cuda else "CPU"
    torch = str(installed["torch"]).partition("+")[0]
    notes = [
        f"Installed torch {torch} ({kind}), numpy {installed['numpy']} and safetensors "
        f"{installed['safetensors']} into {folder}."
    ]
    if build == "cuda" and cuda and not installed["gpu_works"]:
        notes.append(
            "PyTorch can't compute on this machine's GPU and will use the processor; an update of "
            "NVIDIA's driver may help."
        )
    elif build == "cuda" and not cuda and sys.platform != "darwin":
        notes.append("The torch that was found is the build for the processor: no GPU is used.")
    elif build == "cpu" and cuda:
        notes.append(
            "The torch that was found is the larger build for NVIDIA's GPUs; it computes on the "
            "processor as well."
        )
    return notes
