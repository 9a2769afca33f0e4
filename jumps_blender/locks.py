"""Files that are locked by one process at a time, until it ends in whatever way."""

from __future__ import annotations

import errno
import sys
from typing import IO, Any

# Nobody's file is that long: where Windows locks a byte without hindering anyone who reads it.
_FAR = 2**60


def lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed, or the process ends; False where another has it.

    File systems without locks must do without: True.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True
