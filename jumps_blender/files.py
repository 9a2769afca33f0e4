"""Output files that are whole or not there at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import JumpsError


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary file keeps the suffix (exporters look at it) and is removed when the block
    raises. Raises JumpsError when the folder is absent or not writable, or the disk is full.
    """
    target = Path(path)
    if target.is_dir():
        raise JumpsError(f"{target}: is a folder; name a file to write.")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise JumpsError(f"{target}: cannot be written ({error.strerror}).") from error
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
            f"{target}: could not be written ({error.strerror or error}); nothing was changed."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
