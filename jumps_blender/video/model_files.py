"""Files with weights that users bring for an estimator: whether they can be what they should be."""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import JumpsError
from .backends import Backend, ModelFile

# ONNX can't hold more in one file, and the largest that anyone uses has a fifth of it.
LARGEST_MODEL = 2 * 10**9

# How files begin. MediaPipe's are zip archives; ONNX has no mark of its own, but what one gets for
# it by mistake does.
_MARKS = {".task": b"PK\x03\x04"}
_NO_MODELS = {
    b"version https://git-lfs": "a pointer to a file in Git LFS",
    b"<": "a web page",
    b"{": "a text",
    b"PK\x03\x04": "a zip archive",
}


def model_problem(model: ModelFile, path: Path) -> str | None:
    """What is wrong with a file, in a line that says what to do; None if nothing is seen.

    Asks the file system once, and reads nothing: cheap enough for a panel.
    """
    if path.suffix.lower() != model.suffix:
        return f"{path}: the {model.label} is a file that ends in {model.suffix}; choose another."
    try:
        facts = path.stat()
    except FileNotFoundError:
        return f"{path}: there is no such file; choose the {model.label} anew."
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"{path}: cannot be read ({reason}); choose the {model.label} anew."
    if not stat.S_ISREG(facts.st_mode):
        return f"{path}: is no file; choose the {model.label}."
    if facts.st_size == 0:
        return f"{path}: is empty; get the {model.label} anew."
    if facts.st_size > LARGEST_MODEL:
        gigabytes = f"{facts.st_size / 1e9:.1f} GB"
        return f"{path}: has {gigabytes}, which no {model.label} has; choose another."
    return None


def check_models(backend: Backend, paths: dict[str, Path]) -> None:
    """Look at the files for all models of an estimator, and at how they begin.

    paths: by the models' names

    Raises JumpsError for the first that is not given, or can't be what it should be.
    """
    for model in backend.models:
        if model.name not in paths:
            raise JumpsError(
                f"{backend.label} needs the {model.label}: a file ({model.suffix}), named as "
                f"{model.name!r}."
            )
        path = paths[model.name]
        problem = model_problem(model, path) or _beginning_problem(model, path)
        if problem is not None:
            raise JumpsError(problem)


def _beginning_problem(model: ModelFile, path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            begins = file.read(32)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); choose the {model.label} anew."
    mark = _MARKS.get(model.suffix)
    if mark is not None and begins.startswith(mark):
        return None
    signs = (what for sign, what in _NO_MODELS.items() if begins.lstrip().startswith(sign))
    what = next(signs, None if mark is None else "something else")
    return what and f"{path}: is {what}, not the {model.label} itself; get the file anew."
