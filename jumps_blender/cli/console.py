"""What commands say, show and write; refusals that come before the work."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, cast

from ..errors import JumpsError
from ..files import FILM_MARK, writable_file, written_whole
from ..keypoints.source import is_video, read_in_folder

_MARKED_WITHIN = 4 * 2**20  # bytes of a film's end; its index lies there
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


class _Lenient(io.TextIOBase):
    """A stream for people, whose end is no reason to stop working: a full disk, a closed pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


def prepare_streams() -> None:
    """Make standard streams that can be written to, whatever the caller has done to them.

    What is closed, as daemons do, leads nowhere: the number of its descriptor would go to the next
    file that is opened. Names that the console's code page doesn't have are written as escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = cast(TextIO, _Lenient(sys.stderr))


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


def check_own_film(path: Path | None) -> None:
    """Refuse a film's path where another film is: most likely the one that somebody shot.

    Pose files need not say what video they are of, and previews are easily named like it.
    """
    if path is None or not is_video(path):
        return
    try:
        with path.open("rb") as film:
            begin = film.read(_MARKED_WITHIN)
            film.seek(max(path.stat().st_size - _MARKED_WITHIN, 0))
            is_own = FILM_MARK.encode() in begin + film.read()
    except OSError as error:
        raise JumpsError(f"{path}: cannot be read ({error.strerror}).") from error
    if not is_own:
        raise JumpsError(f"{path}: is a film that jumps did not write; name another file.")


def _is_of(target: Path, source: Path) -> bool:
    """Whether a file is a source, or would be a part of it: of a folder of poses or of images, or
    of the images beside one."""
    try:
        if source.is_dir():
            if not target.parent.samefile(source):
                return False
            others = {each.name for each in source.iterdir()} - {target.name}
            has_images = any(Path(name).suffix.lower() in _IMAGES for name in others)
            if target.suffix.lower() in _IMAGES:
                return has_images
            poses = read_in_folder(others)
            is_folder_of_poses = bool(poses) or (target.exists() and not has_images)
            return is_folder_of_poses and target.name in read_in_folder({*poses, target.name})
        if not target.exists():
            return target == source
        alike = (re.sub(r"\d+", "0", file.name) for file in (target, source))
        is_image = source.suffix.lower() in _IMAGES
        return target.samefile(source) or (
            is_image and target.parent.samefile(source.parent) and len(set(alike)) == 1
        )
    except OSError:
        return target == source
