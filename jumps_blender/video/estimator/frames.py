"""Frames of a video with their times, by OpenCV: upright, in order, none left out or counted twice.

A container's own count and rate are only hints: phones record uneven frame rates, and headers lie.
"""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError
from .records import ASSUMED_FPS

# FFmpeg takes playlists for videos too: what they name is read from files alone, never a network.
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
import cv2

MAX_PIXELS = 150_000_000  # of a frame; 16K is 133 million
_AHEAD = 3  # pictures that wait for the estimator
# How often FFmpeg is asked again for a frame where it finds none: at the end, and for each frame
# that is damaged. Half a minute of film at the least.
_ATTEMPTS = 1000
_LONGEST_START = 60.0  # seconds until the first frame; beyond, the clock is another one
# What people call encodings, by what OpenCV does: those for which its FFmpeg may have no decoder.
_AV1 = "AV01"
_ENCODINGS = {_AV1: "AV1", "vvc1": "H.266", "vvi1": "H.266", "apv1": "APV", "jxs ": "JPEG XS"}


@dataclass(frozen=True)
class Frame:
    """A frame that was decoded.

    index: its number among all that were, from 0
    time: seconds by its timestamp; NaN where it has none
    picture: uint8 (h, w, 3), RGB, upright, perhaps scaled down; None where it wasn't asked for or
        can't be had. Its memory is used again for later frames, from the next one on.
    """

    index: int
    time: float
    picture: NDArray[np.uint8] | None


class Video:
    """A video file; see ``frames``.

    size: (width, height) of the upright picture, pixels
    fps: frames per second as the container states them; 0 where it doesn't
    stated: frames that the container says there are; 0 where it doesn't
    damaged: whether something that couldn't be decoded came before a frame so far
    """

    def __init__(self, path: Path) -> None:
        """Open it; raises JumpsError for what isn't there and what is no video."""
        self._path = path
        try:
            with path.open("rb") as file:
                empty = not file.read(1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise JumpsError(f"{path}: cannot be read ({reason}).") from None
        if empty:
            raise JumpsError(f"{path}: the file is empty.")
        with _openable(path) as name:
            self._capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
            if not self._capture.isOpened():
                # The packets of what it can't decode can be had all the same.
                undecoded = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
                if undecoded.isOpened():
                    raise _no_decoder(path, _encoding(undecoded))
        # Turned here and not by OpenCV, which doesn't do so in all its versions.
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        width, height = (
            int(self._number(side))
            for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width < 1 or height < 1:
            raise JumpsError(
                f"{path}: no video that can be decoded is in it: it holds something else or sound "
                "alone, is not complete, or its encoding isn't known; convert it to MP4 (H.264)."
            )
        if width * height > MAX_PIXELS:
            raise JumpsError(f"{path}: pictures of {width}x{height} are too large; scale it down.")
        self._turn = {
            90: cv2.ROTATE_90_CLOCKWISE,
            180: cv2.ROTATE_180,
            270: cv2.ROTATE_90_COUNTERCLOCKWISE,
        }.get(round(self._number(cv2.CAP_PROP_ORIENTATION_META)) % 360)
        self.size = (height, width) if self._turn not in (None, cv2.ROTATE_180) else (width, height)
        fps = self._number(cv2.CAP_PROP_FPS)
        self.fps = fps if 0.01 <= fps <= 10_000 else 0.0
        stated = self._number(cv2.CAP_PROP_FRAME_COUNT)
        self.stated = int(stated) if 0 < stated < 1e9 else 0
        self.damaged = False
        # One picture is being made, one is being looked at, the others wait.
        self._ring, self._turned = (deque[Any]([None] * (_AHEAD + 2)) for _ in range(2))
        self._decoded_picture: Any = None
        self._scaled: Any = None

    def _number(self, what: int) -> float:
        value = float(self._capture.get(what))
        return value if np.isfinite(value) else 0.0

    def expected(self, start: float, stop: float | None) -> int:
        """About how many frames lie before ``stop`` and from ``start`` on, at least 1; seconds."""
        fps = self.fps or ASSUMED_FPS
        last = self.stated or 1
        end = last if stop is None else min(last, round(stop * fps))
        return max(end - round(start * fps), 1)

    def frames(
        self, start: float, stop: float | None, step: int, longest: int, first: int
    ) -> Generator[Frame, None, None]:
        """Frames between two times (seconds from the first frame), in order.

        step: 2 is every second one: those whose index it divides
        longest: pixels of the longer side, at most; 0 leaves the size as it is
        first: the index from which on pictures are wanted; frames before it come without

        To be read in one thread, and closed (``contextlib.closing``): decoding goes on in another
        one, beside what is done with the frames.
        """
        waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(_AHEAD)
        ended = threading.Event()

        def put(item: Frame | BaseException | None) -> bool:
            while not ended.is_set():
                try:
                    waiting.put(item, timeout=0.1)
                except queue.Full:
                    continue
                return True
            return False

        def decode() -> None:
            try:
                for frame in self._decoded(start, stop, step, longest, first):
                    if not put(frame):
                        return
                put(None)
            except BaseException as error:  # handed to who reads
                put(error)

        decoder = threading.Thread(target=decode, daemon=True)
        decoder.start()
        try:
            while (item := waiting.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            ended.set()
            decoder.join()

    def _decoded(
        self, start: float, stop: float | None, step: int, longest: int, first: int
    ) -> Iterator[Frame]:
        index, zero, begun = -1, None, False
        while self._grabbed(index >= 0):
            index += 1
            stamp = self._number(cv2.CAP_PROP_POS_MSEC) / 1000
            if zero is None:
                # What can't be decoded at the start, as after a cut, takes its time all the same:
                # Blender counts it, too.
                zero = 0.0 if 0 <= stamp < _LONGEST_START else stamp
            # Streams without timestamps say 0 each time.
            time = stamp - zero if index == 0 or stamp > zero else float("nan")
            about = time if np.isfinite(time) else index / (self.fps or ASSUMED_FPS)
            # A hair of room: 0.1 s is meant to be the fourth frame at 30 per second.
            if stop is not None and about > stop - 1e-4:
                return
            # Joined streams begin their times anew: what follows the start is wanted all the same.
            begun = begun or about >= start - 1e-4
            if not begun or index % step:
                continue
            if index < first:
                yield Frame(index, time, None)
                continue
            found, self._decoded_picture = self._capture.retrieve(self._decoded_picture)
            picture = self._decoded_picture if found else None
            if picture is None or picture.size == 0:
                yield Frame(index, time, None)
                continue
            yield Frame(index, time, self._prepared(picture, longest))
        # FFmpeg itself decodes it by graphics cards alone, and says so with the first picture.
        if index < 0 and _encoding(self._capture) == _AV1:
            raise _no_decoder(self._path, _AV1)

    def _grabbed(self, begun: bool) -> bool:
        """Go to the next frame, over what is damaged; False at the end."""
        for attempt in range(_ATTEMPTS):
            if self._capture.grab():
                # Recordings of broadcasts begin in the midst of something, and are whole.
                self.damaged = self.damaged or (begun and attempt > 0)
                return True
        return False

    def _prepared(self, picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
        """Scaled down, upright and RGB."""
        height, width = picture.shape[:2]
        share = longest / max(width, height)
        if longest and share < 1:
            size = max(round(width * share), 1), max(round(height * share), 1)
            self._scaled = cv2.resize(picture, size, dst=self._scaled, interpolation=cv2.INTER_AREA)
            picture = self._scaled
        # New memory for each picture would take ten times longer than what is done with it.
        self._ring.rotate(1)
        ready = self._ring[0] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=self._ring[0])
        if self._turn is not None:
            self._turned.rotate(1)
            ready = self._turned[0] = cv2.rotate(ready, self._turn, dst=self._turned[0])
        return ready


@contextlib.contextmanager
def _openable(path: Path) -> Iterator[str]:
    """A name by which OpenCV can open a file: of one that is no Unicode it dies."""
    name = str(path.absolute())
    if _is_unicode(name):
        yield name
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "video")
        try:
            link.symlink_to(name)
        except OSError as error:
            raise JumpsError(
                f"{path}: its name, or that of a folder, is not Unicode; rename it."
            ) from error
        # An open file needs no name any more.
        yield str(link)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(capture: cv2.VideoCapture) -> str:
    """The four characters for a video's encoding, or fewer where they aren't known."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    return code.to_bytes(4, "little").decode("ascii", "ignore").strip("\0")


def _no_decoder(path: Path, encoding: str) -> JumpsError:
    name = _ENCODINGS.get(encoding, encoding if encoding.isprintable() else "")
    way = f"as {name}, which" if name else "in a way that"
    return JumpsError(
        f"{path}: its pictures are encoded {way} the estimator's OpenCV cannot decode; convert it "
        "to H.264, as by ffmpeg -i OLD -c:v libx264 NEW.mp4."
    )
