"""Poses that were estimated before, kept by the video's content and the settings that matter.

In a folder that the caller names: ``KEY-DIGEST.json`` is a finished pose file, which its digest
proves whole; ``KEY.part`` what a run that was ended has found (``estimator/records.py``);
``KEY.written`` a pose file that is being written;
``digests.json`` remembers files' digests, so that a large video is read through once only.
Whatever there is damaged is as if it weren't there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import JumpsError, WorkCancelledError
from ..files import written_whole

LIMIT = 2**30  # bytes of the folder; hours of video
VERSION = 3  # of what is kept; raised when the same settings would give other poses
_KNOWN = 500  # files whose digests are remembered
_DIGESTS = "digests.json"
_MAX_DIGESTS = 2**20  # bytes
_PIECE = 2**20
_OURS = re.compile(r"[0-9a-f]{32}(-[0-9a-f]{32}\.json|\.part|\.written)")


class Cache:
    """A folder of poses; see the module's text."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """Make the folder if need be; raises JumpsError where that fails.

        limit: bytes that it may hold; what wasn't used for the longest time goes first
        """
        self.folder, self._limit = folder.absolute(), limit
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JumpsError(
                f"{folder}: cannot be made ({error.strerror}); choose another folder for poses."
            ) from error

    def state(self, file: Path) -> tuple[int, int]:
        """What changes with a file's content: its size and the time of its last change."""
        try:
            status = file.stat()
        except OSError as error:
            raise JumpsError(f"{file}: cannot be read ({error.strerror}).") from error
        return status.st_size, status.st_mtime_ns

    def known_digest(self, file: Path) -> str | None:
        """What ``digest`` would tell, without reading the file; None where it must be read."""
        found = self._digests().get(str(file.absolute()))
        return found[2] if found and found[:2] == [*self.state(file)] else None

    def digest(self, file: Path, cancelled: Callable[[], bool] = lambda: False) -> str:
        """Of a file's content, 32 hexadecimal digits; raises JumpsError and WorkCancelledError."""
        known = self.known_digest(file)
        if known is not None:
            return known
        total = hashlib.blake2b(digest_size=16)
        try:
            before = self.state(file)
            with file.open("rb") as content:
                while piece := content.read(_PIECE):
                    if cancelled():
                        raise WorkCancelledError
                    total.update(piece)
            if self.state(file) != before:
                raise changed(file)
        except OSError as error:
            raise JumpsError(f"{file}: cannot be read ({error.strerror}).") from error
        remembered = self._digests()
        remembered.pop(str(file.absolute()), None)
        remembered[str(file.absolute())] = [*before, total.hexdigest()]
        with suppress(JumpsError), written_whole(self.folder / _DIGESTS) as temporary:
            latest = dict(list(remembered.items())[-_KNOWN:])
            temporary.write_text(json.dumps(latest), encoding="utf-8")
        return total.hexdigest()

    def key(self, *facts: Any) -> str:
        """What stands for plain data, such as a video's digest and the settings."""
        text = json.dumps([VERSION, *facts], sort_keys=True, allow_nan=False)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def part(self, key: str) -> Path:
        """Where what is found on the way is kept."""
        return self.folder / f"{key}.part"

    def poses(self, key: str) -> Path | None:
        """The finished pose file, None where there is none that is whole."""
        for path in sorted(self.folder.glob(f"{key}-*.json")):
            with suppress(OSError):
                if path.is_symlink() or not _OURS.fullmatch(path.name):
                    continue
                with path.open("rb") as file:
                    digest = hashlib.file_digest(
                        file, lambda: hashlib.blake2b(digest_size=16)
                    ).hexdigest()
                if path.stem == f"{key}-{digest}":
                    with suppress(OSError):  # on a disk that can only be read
                        os.utime(path)  # it was used now
                    return path
                path.unlink()
        return None

    def keep(self, key: str, written: Path, digest: str) -> Path:
        """Take a pose file of that digest in; returns where it is now.

        Raises JumpsError where that can't be; the file is gone then.

        What was found on the way is deleted, and so is what the limit has no room for.
        """
        path = self.folder / f"{key}-{digest}.json"
        try:
            written.replace(path)
        except OSError as error:
            with suppress(OSError):
                written.unlink(missing_ok=True)
            raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error
        with suppress(OSError):
            self.part(key).unlink(missing_ok=True)
        self.trim(but=path)
        return path

    def trim(self, but: Path | None = None) -> None:
        """Delete what wasn't used for the longest time until the rest is within the limit."""
        found = []
        with suppress(OSError):
            for entry in os.scandir(self.folder):
                with suppress(OSError):
                    if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        found.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            if path != but:
                with suppress(OSError):
                    path.unlink()
                    total -= size

    def _digests(self) -> dict[str, list]:
        """Size, time of change and digest of files, by their paths; the latest last."""
        try:
            file = self.folder / _DIGESTS
            if file.stat().st_size > _MAX_DIGESTS:
                return {}
            found = json.loads(file.read_text(encoding="utf-8"))
            return {
                path: [size, time, digest]
                for path, (size, time, digest) in found.items()
                if type(size) is int and type(time) is int and re.fullmatch("[0-9a-f]{32}", digest)
            }
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}


def changed(file: Path) -> JumpsError:
    """What to say of a file that isn't what it was a moment ago."""
    return JumpsError(
        f"{file}: changed while it was read; wait until it is complete, and start again."
    )
