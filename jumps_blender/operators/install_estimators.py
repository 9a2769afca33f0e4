"""Pose estimators: installed from the network or from a folder, checked, removed."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty
from bpy.types import Context, Operator

from ..errors import JumpsError
from ..processes.install import Check, Install, remove
from ..processes.job import ThreadedJob
from ..processes.pythons import find_python
from ..video.backends import BACKENDS, Backend
from ..video.environments import estimator_words, need, recipe
from ..video.model_files import check_models
from .estimators import estimator_folder, estimator_models, missing_for
from .installing import BesideBlender, Download, FromFolder, Removal
from .preferences import preferences


class _OfEstimator(BesideBlender):
    """Has to be told which estimator is meant."""

    backend: EnumProperty(
        name="Estimator",
        description="Which pose estimator is meant",
        items=[(name, backend.label, backend.licence) for name, backend in BACKENDS.items()],
    )

    @property
    def estimator(self) -> Backend:
        return BACKENDS[self.backend]

    @property
    def log(self) -> Path:
        folder = estimator_folder(self.estimator)
        return folder.with_name(f"{folder.name}.log")

    def choices(self) -> dict[str, Any]:
        return {"backend": self.backend}

    def install(self, context: Context, wheels: Path | None) -> Install:
        """Start it."""
        own = preferences(context)
        path = "" if own is None else own.estimators_python
        named = Path(bpy.path.abspath(path)) if path else None
        needed = need(self.estimator, "in the add-on's preferences")
        return Install(
            lambda cancelled: find_python(
                needed, named=named, own=Path(sys.executable), cancelled=cancelled
            ),
            estimator_folder(self.estimator),
            partial(recipe, self.estimator),
            wheels=wheels,
            log=self.log,
        )


class JUMPS_OT_install_estimator(_OfEstimator, Download, Operator):
    """Download a pose estimator (100 to 150 MB) into a folder of the add-on's own"""

    bl_idname = "jumps.install_estimator"
    bl_label = "Install Estimator"

    def start(self, context: Context) -> Install:
        return self.install(context, None)

    def finish(self, _context: Context, job: Install) -> str:
        return job.notes.pop(0)


class JUMPS_OT_install_estimator_wheels(_OfEstimator, FromFolder, Operator):
    """Install a pose estimator from a folder of wheels of yours, without a network"""

    bl_idname = "jumps.install_estimator_wheels"
    bl_label = "Install Estimator from Folder"

    def start(self, context: Context) -> Install:
        return self.install(context, self.wheels())

    def finish(self, _context: Context, job: Install) -> str:
        return job.notes.pop(0)


class JUMPS_OT_check_estimator(_OfEstimator, Operator):
    """Import an installed pose estimator, and look at the files that were chosen for it"""

    bl_idname = "jumps.check_estimator"
    bl_label = "Check Estimator"

    def start(self, context: Context) -> Check:
        missing = missing_for(context, self.estimator)
        if missing is not None:
            raise JumpsError(missing)
        check_models(self.estimator, estimator_models(context, self.estimator))
        return Check(estimator_folder(self.estimator), recipe(self.estimator), log=self.log)

    def finish(self, _context: Context, job: Check) -> str:
        return f"{self.estimator.label} works: {estimator_words(self.estimator, job.facts)}."


class JUMPS_OT_remove_estimator(_OfEstimator, Removal, Operator):
    """Delete a pose estimator that the add-on has installed, and free its disk space"""

    bl_idname = "jumps.remove_estimator"
    bl_label = "Remove Estimator"

    def start(self, _context: Context) -> ThreadedJob:
        folder = estimator_folder(self.estimator)
        if not folder.exists():
            raise JumpsError(f"{self.estimator.label} is not installed.")
        return ThreadedJob(lambda: remove(folder), "Deleting")

    def finish(self, _context: Context, _job: ThreadedJob) -> str:
        return f"Removed {self.estimator.label}."
