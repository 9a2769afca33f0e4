"""Paths that can be shown, and output files that are whole or not there at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import JumpsError


def printable(path: str | os.PathLike[str]) -> str:
    """A path as it can be shown, and kept by Blender: names that are not UTF-8 cannot."""
    return os.fsencode(path).decode("utf-8", "replace")


def writable_file(path: str | os.PathLike[str]) -> Path:
    """The file that ``path`` means, links followed.

    Raises JumpsError for a folder and for what is no plain file (a device, a pipe): a rename would
    put a file in its place.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, ValueError) as error:
        raise JumpsError(f"{path}: cannot be written ({error}).") from error
    if stat.S_ISDIR(mode):
        raise JumpsError(f"{path}: is a folder; name a file to write.")
    if not stat.S_ISREG(mode):
        raise JumpsError(f"{path}: is a device or a pipe; name a file to write.")
    return target


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary file keeps the suffix (exporters look at it) and is removed when the block
    raises. Raises JumpsError when the folder is absent or not writable, or the disk is full.
    """
    target = writable_file(path)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that only their owner can read; give the permissions of a plain one.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)
    except OSError as error:
        raise JumpsError(
            f"{path}: could not be written ({error.strerror or error}); nothing was changed."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
