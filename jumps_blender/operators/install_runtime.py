"""PyTorch for upsampling: looked for, installed from the network or from a folder, removed."""

from __future__ import annotations

import sys
from pathlib import Path

from bpy.types import Context, Operator

from ..model_runtime.pytorch import pytorch
from ..processes.client import WorkerJob
from ..processes.install import Install, remove
from ..processes.job import ThreadedJob
from .installing import BesideBlender, Download, FromFolder, Removal
from .preferences import preferences
from .runtime import (
    chosen_runtime,
    close_workers,
    environment_folder,
    installed_python,
    own_folder,
    remember,
    worker,
)


class JUMPS_OT_check_runtime(BesideBlender, Operator):
    """Ask the chosen Python whether it has PyTorch, which version, and for which devices"""

    bl_idname = "jumps.check_runtime"
    bl_label = "Look for PyTorch"

    def start(self, context: Context) -> WorkerJob:
        self._runtime = chosen_runtime(context)
        return worker(self._runtime).request("describe")

    def finish(self, _context: Context, job: WorkerJob) -> str:
        remember(self._runtime, job.facts)
        return runtime_words(job.facts)


class _Installing(BesideBlender):
    """What both ways to install share."""

    def install(self, wheels: Path | None) -> Install:
        """Start it."""
        close_workers()  # the files of the one in use will be replaced
        return Install(
            lambda _cancelled: Path(sys.executable),
            environment_folder(),
            pytorch,
            wheels=wheels,
            log=own_folder() / "install.log",
        )

    def finish(self, context: Context, job: Install) -> str:
        """Use the new environment from now on."""
        close_workers()
        own = preferences(context)
        if own is not None:
            own.python = ""
        return job.notes.pop(0)


class JUMPS_OT_install_runtime(_Installing, Download, Operator):
    """Download PyTorch (about 200 MB, for NVIDIA cards 3 GB) into a folder of the add-on's own"""

    bl_idname = "jumps.install_runtime"
    bl_label = "Install PyTorch"

    def start(self, _context: Context) -> Install:
        return self.install(None)


class JUMPS_OT_install_wheels(_Installing, FromFolder, Operator):
    """Install PyTorch from a folder of wheels that you have downloaded, without a network"""

    bl_idname = "jumps.install_wheels"
    bl_label = "Install from Folder"

    def start(self, _context: Context) -> Install:
        return self.install(self.wheels())


class JUMPS_OT_remove_runtime(Removal, Operator):
    """Delete the PyTorch that the add-on has installed, and free its disk space"""

    bl_idname = "jumps.remove_runtime"
    bl_label = "Remove PyTorch"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if installed_python() is None:
            cls.poll_message_set("The add-on has installed none.")
            return False
        return True

    def start(self, _context: Context) -> ThreadedJob:
        close_workers()
        folder = environment_folder()
        return ThreadedJob(lambda: remove(folder), "Deleting")

    def finish(self, _context: Context, _job: ThreadedJob) -> str:
        close_workers()
        return "Removed PyTorch."


def runtime_words(facts: dict) -> str:
    """What a Python has, in a line."""
    if not facts.get("torch"):
        return f"Python {facts['python']} has no PyTorch."
    lacks = [name for name in ("safetensors", "numpy") if not facts.get(name)]
    if lacks:
        return f"Python {facts['python']} has PyTorch {facts['torch']}, but no {lacks[0]}."
    device = facts["device_name"] or " and ".join(name.upper() for name in facts["devices"])
    return f"PyTorch {facts['torch']} on {device}, Python {facts['python']}."
