"""Whether the footage's camera moves, found out beside the window by another, windowless Blender.

Finding a frame in a long movie can take half a second, and a broken movie can take the program that
decodes it along.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import Any

import bpy

from ..errors import WorkCancelledError
from ..keypoints.sequence import PoseSequence
from ..processes.client import START
from ..scene.footage import Footage, background_questions, moving_words
from ..video.motion import CameraMotion

_SECONDS = 120.0  # then it is not worth more waiting
_MARK = "JUMPS camera motion "
_CODE = (
    "import runpy, sys; runpy.run_path({start!r}); "
    "from jumps_blender.scene.footage import answer; "
    "print({mark!r} + answer(sys.argv[-1]), flush=True)"
)


class MotionCheck:
    """See ``Job``. Whatever goes wrong in the other Blender, nothing is said about the camera."""

    def __init__(self, footage: Footage, sequence: PoseSequence) -> None:
        self.share, self.status = 0.0, "Looking whether the camera moves"
        self.notes: list[str] = []
        code = _CODE.format(start=str(START), mark=_MARK)
        program = [sys.executable, "-c", code]
        if bpy.app.binary_path:
            program = [bpy.app.binary_path, "--background", "--factory-startup"]
            program += ["--python-expr", code, "--"]
        self._cancelled = False
        self._until = time.monotonic() + _SECONDS
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Blender itself
                [*program, background_questions(footage, sequence)],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            self._close()

    def poll(self, seconds: float = 0.0) -> bool:
        """See ``Job.poll``."""
        if self._cancelled:
            raise WorkCancelledError
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            if time.monotonic() > self._until:
                self._close()
                return True
            return False
        self._said.seek(0)
        motion = _heard(self._said.read().decode("utf-8", "replace"))
        self._close()
        if motion is not None and motion.moves:
            self.notes.append(moving_words(motion))
        self.share = 1.0
        return True

    def cancel(self) -> None:
        """See ``Job.cancel``."""
        self._cancelled = True
        self._close()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        self._said.close()


def _heard(text: str) -> CameraMotion | None:
    """What the other Blender has found out, None if it has failed."""
    for line in text.splitlines():
        if line.startswith(_MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return CameraMotion(**found)
    return None
