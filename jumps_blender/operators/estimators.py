"""The pose estimators of this Blender: which are ready, in which Python, with which files."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import Context

from ..processes.install import environment_python
from ..video.backends import Backend, ModelFile
from ..video.environments import folder_name
from ..video.model_files import model_problem
from .preferences import ADDON, preferences
from .runtime import own_folder


def estimator_folder(backend: Backend) -> Path:
    """Where the add-on installs an estimator."""
    return own_folder() / folder_name(backend)


def estimator_python(backend: Backend) -> Path | None:
    """The Python that an estimator is installed in; None if it isn't. Reads two small files."""
    if not ADDON.startswith("bl_ext."):
        return None  # there is no folder of the add-on's own
    return environment_python(estimator_folder(backend))


def model_property(backend: Backend, model: ModelFile) -> str:
    """The preferences' property that names a model's file."""
    return f"{backend.name}_{model.name}".replace("-", "_")


def estimator_models(context: Context, backend: Backend) -> dict[str, Path]:
    """The files that the user has chosen for an estimator, by the models' names; not looked at."""
    own = preferences(context)
    chosen = {
        model.name: getattr(own, model_property(backend, model), "") for model in backend.models
    }
    return {name: Path(bpy.path.abspath(path)) for name, path in chosen.items() if path}


def missing_for(context: Context, backend: Backend) -> str | None:
    """Why an estimator is not ready and what to do about it, in a line; None if it is ready.

    Cheap enough for a panel: it starts nothing, and opens no model.
    """
    if estimator_python(backend) is None:
        return (
            f"{backend.label} is not installed; press Install below it in the add-on's preferences."
        )
    models = estimator_models(context, backend)
    for model in backend.models:
        if model.name not in models:
            return (
                f"{backend.label} needs a {model.label} ({model.suffix}); choose its file in the "
                "add-on's preferences."
            )
        problem = model_problem(model, models[model.name])
        if problem is not None:
            return problem
    return None
