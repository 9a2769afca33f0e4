"""Stands in for OpenCV: a "video" is JSON with "frames", and says what else is strange about it.

Frame n is (h, w, 3) filled with n; where "stops" is n, the process hangs at it, and those in
"broken" can't be decoded.
"""

import json
import threading

import numpy as np

CAP_FFMPEG = 1900
CAP_PROP_POS_MSEC, CAP_PROP_FRAME_WIDTH, CAP_PROP_FRAME_HEIGHT = 0, 3, 4
CAP_PROP_FPS, CAP_PROP_FOURCC, CAP_PROP_FRAME_COUNT, CAP_PROP_FORMAT = 5, 6, 7, 8
CAP_PROP_ORIENTATION_META, CAP_PROP_ORIENTATION_AUTO = 48, 49
ROTATE_90_CLOCKWISE, ROTATE_180, ROTATE_90_COUNTERCLOCKWISE = 0, 1, 2
INTER_LINEAR, INTER_AREA, COLOR_BGR2RGB, COLOR_RGB2BGR, LINE_AA = 1, 3, 4, 5, 16


class VideoCapture:
    def __init__(self, path, backend, parameters=()):
        assert backend == CAP_FFMPEG
        path.encode()  # OpenCV dies of what isn't Unicode
        try:
            with open(path, encoding="utf-8") as file:
                self._film = json.load(file)
        except ValueError:
            self._film = None
        self._at = -1

    def isOpened(self):
        return self._film is not None

    def set(self, what, value):
        return what == CAP_PROP_ORIENTATION_AUTO

    def get(self, what):
        film = self._film or {}
        width, height = film.get("size", (64, 48))
        times = film.get("times")
        return {
            CAP_PROP_POS_MSEC: 1000 * (times[self._at] if times else self._at / 30),
            CAP_PROP_FRAME_WIDTH: width if film else 0,
            CAP_PROP_FRAME_HEIGHT: height if film else 0,
            CAP_PROP_FPS: film.get("fps", 30.0),
            CAP_PROP_FRAME_COUNT: film.get("stated", film.get("frames", 0)),
        }.get(what, 0.0)

    def grab(self):
        self._at += 1
        if self._at == self._film.get("stops", -1):
            threading.Event().wait()
        return self._at < self._film["frames"] and self._at not in self._film.get("broken", ())

    def retrieve(self, picture=None):
        width, height = self._film.get("size", (64, 48))
        return True, np.full((height, width, 3), self._at % 256, np.uint8)


def cvtColor(picture, code, dst=None):
    return picture[..., ::-1].copy()


def resize(picture, size, dst=None, interpolation=None):
    rows = np.arange(size[1]) * picture.shape[0] // size[1]
    columns = np.arange(size[0]) * picture.shape[1] // size[0]
    return picture[rows][:, columns]


def line(picture, a, b, colour, *rest):
    return picture


def circle(picture, middle, radius, colour, *rest):
    return picture
