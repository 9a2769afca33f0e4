"""PyTorch for upsampling: looked for, installed from the network or from a folder, removed."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, Operator

from ..errors import JumpsError
from ..model_runtime.pytorch import pytorch
from ..processes.client import WorkerJob
from ..processes.install import Install, remove
from ..processes.job import ThreadedJob
from .long_operator import LongOperator, hand_over, refuse_if_running
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


class JUMPS_OT_check_runtime(LongOperator, Operator):
    """Ask the chosen Python whether it has PyTorch, which version, and for which devices"""

    bl_idname = "jumps.check_runtime"
    bl_label = "Look for PyTorch"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def start(self, context: Context) -> WorkerJob:
        self._runtime = chosen_runtime(context)
        return worker(self._runtime).request("describe")

    def finish(self, _context: Context, job: WorkerJob) -> str:
        remember(self._runtime, job.facts)
        return runtime_words(job.facts)


class _Installing(LongOperator):
    """What both ways to install share."""

    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def install(self, wheels: Path | None) -> Install:
        """Start it; raises JumpsError."""
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


class JUMPS_OT_install_runtime(_Installing, Operator):
    """Download PyTorch (about 200 MB, for NVIDIA cards 3 GB) into a folder of the add-on's own"""

    bl_idname = "jumps.install_runtime"
    bl_label = "Install PyTorch"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if refuse_if_running(cls):
            return False
        if not bpy.app.online_access:
            cls.poll_message_set(
                "Allow Online Access in Preferences > System > Network first, or install from a "
                "folder of wheels."
            )
            return False
        return True

    def start(self, _context: Context) -> Install:
        return self.install(None)


class JUMPS_OT_install_wheels(_Installing, Operator):
    """Install PyTorch from a folder of wheels that you have downloaded, without a network"""

    bl_idname = "jumps.install_wheels"
    bl_label = "Install from Folder"

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self.directory:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        # From the file browser: once more, so that the window need not wait.
        if not bpy.app.background and self.options.is_invoke:
            return hand_over(self, bpy.ops.jumps.install_wheels, True, directory=self.directory)
        return super().execute(context)

    def start(self, _context: Context) -> Install:
        if not self.directory:
            raise JumpsError("No folder was given; choose the one that holds the wheels.")
        return self.install(Path(bpy.path.abspath(self.directory)))


class JUMPS_OT_remove_runtime(LongOperator, Operator):
    """Delete the PyTorch that the add-on has installed, and free its disk space"""

    bl_idname = "jumps.remove_runtime"
    bl_label = "Remove PyTorch"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    is_confirmed: BoolProperty(name="Confirmed", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if refuse_if_running(cls):
            return False
        if installed_python() is None:
            cls.poll_message_set("The add-on has installed none.")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self.is_confirmed:
            return context.window_manager.invoke_confirm(self, event)
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        # From the question: once more, so that the window need not wait.
        if not bpy.app.background and self.options.is_invoke:
            return hand_over(self, bpy.ops.jumps.remove_runtime, True, is_confirmed=True)
        return super().execute(context)

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
