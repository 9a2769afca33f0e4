"""What commands say, show and write; refusals that come before the work."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import JumpsError
from ..files import writable_file, written_whole


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


def check_writable(path: Path | None, suffixes: tuple[str, ...], source: Path) -> None:
    """Refuse an output path before the work, not after it; no suffixes allow any name."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise JumpsError(f"{path}: the name must end in {' or '.join(suffixes)}.")
    target = writable_file(path)
    if target == Path(os.path.realpath(source)):
        raise JumpsError(f"{path}: is the input; name another file to write.")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error


@contextmanager
def all_or_none(paths: Sequence[Path | None]) -> Iterator[list[Path | None]]:
    """Temporary paths that become ``paths`` together when the block succeeds.

    A disk that fills up at the last file leaves nothing of the first.
    """
    with ExitStack() as stack:
        temporary = [stack.enter_context(written_whole(path)) if path else None for path in paths]
        try:
            yield temporary
        except JumpsError as error:
            message = str(error)
            for path, stand_in in zip(paths, temporary, strict=True):
                if stand_in:
                    message = message.replace(str(stand_in), str(path))
            raise JumpsError(message) from error
