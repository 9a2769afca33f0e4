"""What commands say, show and write; refusals that come before the work."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import JumpsError
from ..files import writable_file, written_whole

_OPENPOSE = "_keypoints.json"
_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp"))


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr for work that tells its share done."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar:30}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=what, bar_format=layout, file=sys.stderr, leave=True) as bar:

        def update(done: float) -> None:
            bar.update(max(done - bar.n, 0.0))

        yield update
        update(1.0)


def say(text: str) -> None:
    """Tell the user something, on stderr."""
    print(f"jumps: {text}", file=sys.stderr)


def print_out(text: str) -> None:
    """Write to standard output at once; a reader who has stopped listening is no error."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise JumpsError(f"standard output: {error.strerror}.") from error


def write_json(facts: dict, target: str) -> None:
    """Write facts into a file, or to standard output where that is called ``-``."""
    text = json.dumps(facts, indent=1, allow_nan=False)
    if target == "-":
        print_out(text)
        return
    with written_whole(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def check_json(target: str | None, source: Path) -> None:
    """Refuse a path for ``write_json`` before the work, not after it."""
    if target and target != "-":
        check_writable(Path(target), (), source)


def check_writable(path: Path | None, suffixes: tuple[str, ...], *sources: Path | None) -> None:
    """Refuse an output path before the work, not after it.

    suffixes: how its name may end; none allow any name
    sources: what is read, which must not be written over: files, folders, one image of a sequence
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise JumpsError(f"{path}: the name must end in {' or '.join(suffixes)}.")
    target = writable_file(path)
    for source in filter(None, sources):
        if _is_of(target, Path(os.path.realpath(source))):
            raise JumpsError(f"{path}: is read, as {source}; name another file to write.")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error


def _is_of(target: Path, source: Path) -> bool:
    """Whether a file is a source, or a part of it: of an OpenPose folder, of an image sequence."""
    try:
        if source.is_dir():
            return target.parent.samefile(source) and target.name.endswith(_OPENPOSE)
        if not target.exists():
            return target == source
        alike = (re.sub(r"\d+", "0", file.name) for file in (target, source))
        is_image = source.suffix.lower() in _IMAGES
        return target.samefile(source) or (
            is_image and target.parent.samefile(source.parent) and len(set(alike)) == 1
        )
    except OSError:
        return target == source
