"""Paths that can be shown, and output files that are whole or not there at all."""

from __future__ import annotations

import math
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import JumpsError

# In the comment of films that are written here, by which they may be written over.
FILM_MARK = "JUMPS preview"


def printable(path: str | os.PathLike[str]) -> str:
    """A path as it can be shown, and kept by Blender: names that are not UTF-8 cannot."""
    return os.fsencode(path).decode("utf-8", "replace")


def npz_arrays(
    path: str | os.PathLike[str], most_values: int, names: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ file; those of these names, if any are given.

    What an array takes is what its heading says, however small the file is: nothing is read where
    all together have more than ``most_values``. Raises JumpsError for that, and what NumPy,
    zipfile, zlib, lzma and tokenize each raise for a damaged archive.
    """
    total = 0
    with zipfile.ZipFile(path) as archive:
        members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
        members = {name: member for name, member in members.items() if not names or name in names}
        for member in members.values():
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # Python unpacks these at once, whatever comes out.
                raise JumpsError(f"{path}: is compressed as NumPy compresses nothing.")
            with archive.open(member) as content:
                version = np.lib.format.read_magic(content)
                if version == (1, 0):
                    shape, _, kind = np.lib.format.read_array_header_1_0(content)
                else:
                    shape, _, kind = np.lib.format.read_array_header_2_0(content)
                # A text may be as long as one likes, and is one value.
                total += math.prod(shape) * max(math.ceil(kind.itemsize / 8), 1)
        if total > most_values:
            raise JumpsError(
                f"{path}: holds {total:,} values, more than the {most_values:,} that are read; "
                "split it."
            )
        arrays = {}
        for name, member in members.items():
            with archive.open(member) as content:
                arrays[name] = np.lib.format.read_array(content, allow_pickle=False)
    return arrays


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
    if not os.access(target, os.W_OK):
        raise JumpsError(f"{path}: is read-only; make it writable or choose another name.")
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
    except JumpsError as error:
        raise JumpsError(str(error).replace(str(temporary), str(path))) from error
    except OSError as error:
        raise JumpsError(
            f"{path}: could not be written ({error.strerror or error}); nothing was changed."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def all_or_none(paths: Sequence[Path | None]) -> Iterator[list[Path | None]]:
    """Temporary paths that become ``paths`` together when the block succeeds.

    A disk that fills up at the last file leaves nothing of the first, and where the last one
    can't be replaced, the first ones are put back.
    """
    named: dict[Path, Path] = {}
    for each in filter(None, paths):
        same = named.setdefault(writable_file(each), each)
        if same is not each:
            raise JumpsError(f"{each}: is the same file as {same}; name another one.")
    before: dict[Path, Path | None] = {}
    try:
        with ExitStack() as stack:
            temporary = [
                stack.enter_context(written_whole(path)) if path else None for path in paths
            ]
            yield temporary
            for target in (writable_file(path) for path in paths if path):
                before[target] = _kept(target)
    except BaseException:
        for target, kept in before.items():
            with suppress(OSError):  # what can't be replaced is as it was
                if kept is None:
                    target.unlink(missing_ok=True)
                else:
                    kept.replace(target)
        raise
    finally:
        for kept in filter(None, before.values()):
            kept.unlink(missing_ok=True)


def _kept(target: Path) -> Path | None:
    """Another name for a file's content, beside it; None where there is no such file."""
    if not target.exists():
        return None
    name = target.with_name(f".{target.stem[:40]}-{os.getpid()}{target.suffix}")
    try:
        name.unlink(missing_ok=True)
        try:
            name.hardlink_to(target)
        except OSError:  # not on every file system
            shutil.copyfile(target, name)
    except OSError as error:
        raise JumpsError(f"{target}: cannot be kept aside ({error.strerror}).") from error
    return name
