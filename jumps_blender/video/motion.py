"""Whether footage's camera moves, told by what lies around the person.

One motion of the whole picture (shift, turn, zoom) is fitted between pictures some tenths of a
second apart, on everything but the person: direct alignment from coarse to fine (Bergen et al.,
ECCV 1992), with weights that leave out what goes its own way, such as other people. It counts
where most patches of the background look the same afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH = 240  # pixels of the longer side that pictures should have here
MOST_PICTURES = 48  # of a clip
LEAST_SECONDS = 0.2  # between two of them
_LEVELS, _STEPS = 5, 8  # of halving, and of fitting at each
_PATCH = 24  # pixels
_TEXTURE = 4.0  # standard deviation of a patch' grey values (0 to 255) that has something to find
_LEAST_PATCHES = 6
_MOST = 0.5  # of the patches
_ALIKE = 0.8  # correlation of a patch that was found again
_MOVES = 0.02  # of the picture's height; handheld tremor and compression stay below
_AROUND = 0.15  # of the person's box, left out around it


@dataclass(frozen=True)
class CameraMotion:
    """How far the background goes.

    reach: the farthest that a corner of the picture goes from where it was in the middle of the
        time, share of the picture's height
    found, lost: shares of the pairs of pictures in which the background was found again, and in
        which there is much of it but it wasn't; the others show too little to tell
    """

    reach: float
    found: float
    lost: float

    @property
    def is_known(self) -> bool:
        """Whether enough of a background was seen."""
        return self.found + self.lost >= 0.5

    @property
    def moves(self) -> bool:
        """Whether the camera moves, or the clip is cut often; False where nothing is known."""
        # What stands still is always found again.
        return self.is_known and (self.reach > _MOVES or self.lost > 0.25)


def moments(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of F pictures at these times (seconds, rising) to look at."""
    span = float(times[-1] - times[0])
    count = int(np.clip(span / LEAST_SECONDS + 1, 2, MOST_PICTURES))
    wanted = np.linspace(times[0], times[-1], count)
    return np.unique(np.clip(np.searchsorted(times, wanted - 1e-9), 0, len(times) - 1))


def person_boxes(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Boxes (F, 4) left, top, right, below with room around joints (F, J, 2), the same unit."""
    low, high = positions.min(axis=1), positions.max(axis=1)
    room = _AROUND * (high - low).max(axis=1, keepdims=True)
    return np.concatenate([low - room, high + room], axis=1).astype(np.float64)


def camera_motion(pictures: NDArray[np.floating], boxes: NDArray[np.floating]) -> CameraMotion:
    """Follow the background through pictures.

    pictures: (n, h, w), grey, 0 to 255; boxes: (n, 4), the person's, left, top, right, below, in
    their pixels
    """
    height, width = pictures.shape[1:]
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])
    corners -= (width / 2, height / 2)
    way, places = corners, [corners]
    found = lost = 0
    for before, after, box, next_box in zip(
        pictures[:-1], pictures[1:], boxes[:-1], boxes[1:], strict=True
    ):
        free = _outside(box, before.shape) & _outside(next_box, before.shape)
        motion, alike = _between(before.astype(float), after.astype(float), free)
        if alike > _MOST:
            found += 1
            way = way @ motion[:2] + motion[2]
        elif alike >= 0:
            lost += 1
        places.append(way)
    off = np.array(places) - np.median(places, axis=0)
    pairs = max(len(pictures) - 1, 1)
    reach = float(np.linalg.norm(off, axis=-1).max() / height)
    return CameraMotion(reach, found / pairs, lost / pairs)


def _outside(box: NDArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(h, w): the pixels that don't lie in a box."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (x < box[0]) | (x > box[2]) | (y < box[1]) | (y > box[3])


def _between(
    before: NDArray, after: NDArray, free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """(3, 2): where a point (x, y, 1) from the picture's middle goes; and see ``_alike``.

    before, after: (h, w); free: (h, w), the background
    """
    starts = [_shifted(0.0, 0.0)]
    # A camera that whips round is beyond what fitting finds from nothing.
    whole = _whole_shift(
        *((x - x[free].mean()) * free if free.any() else x for x in (before, after))
    )
    if np.abs(whole).max() > 2:
        starts.append(_shifted(*whole))
    motions = [_fitted(before, after, free, start) for start in starts]
    alike = [_alike(before, after, free, motion) for motion in motions]
    best = int(np.argmax(alike))
    return motions[best], alike[best]


def _shifted(right: float, down: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0], [0.0, 1.0], [right, down]])


def _fitted(
    before: NDArray, after: NDArray, free: NDArray[np.bool_], motion: NDArray
) -> NDArray[np.float64]:
    """The motion by which ``after`` shows best what ``before`` does, from a first guess on."""
    levels = [(before, after, free)]
    while len(levels) < _LEVELS and min(levels[-1][0].shape) >= 4 * _PATCH // 3:
        a, b, mask = levels[-1]
        levels.append((_halved(a), _halved(b), _halved(mask.astype(float)) > 0.99))
    for power in range(len(levels) - 1, -1, -1):
        a, b, mask = levels[power]
        scale = 0.5**power
        local = motion * np.array([[1.0], [1.0], [scale]])
        for _ in range(_STEPS):
            local = _step(a, b, mask, local)
        motion = local / np.array([[1.0], [1.0], [scale]])
    return motion


def _step(a: NDArray, b: NDArray, mask: NDArray[np.bool_], motion: NDArray) -> NDArray:
    """One Gauss-Newton step, less trusting in pixels that differ much (Tukey's biweight)."""
    moved, inside = _moved(b, motion)
    down, right = np.gradient(moved)
    use = mask & inside
    if use.sum() < 50:
        return motion
    error = (a - moved)[use]
    spread = 1.4826 * float(np.median(np.abs(error))) + 1.0
    weight = np.clip(1 - (error / (4.685 * spread)) ** 2, 0, None) ** 2
    x, y = (axis[use] for axis in _from_middle(a.shape))
    gx, gy = right[use], down[use]
    design = np.stack([gx * x + gy * y, gy * x - gx * y, gx, gy])
    gram = (design * weight) @ design.T
    pull = design @ (weight * error)
    zoom, turn, go_right, go_down = np.linalg.solve(gram + 1e-3 * np.eye(4), pull)
    # What was found lies before the motion that is there already.
    small = np.array([[1 + zoom, turn], [-turn, 1 + zoom], [go_right, go_down]])
    result = small @ motion[:2]
    result[2] += motion[2]
    return result if np.isfinite(result).all() else motion


def _moved(picture: NDArray, motion: NDArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What (h, w) shows where its points come to lie, and which of them lie inside."""
    height, width = picture.shape
    x, y = _from_middle(picture.shape)
    at_x = motion[0, 0] * x + motion[1, 0] * y + motion[2, 0] + (width - 1) / 2
    at_y = motion[0, 1] * x + motion[1, 1] * y + motion[2, 1] + (height - 1) / 2
    inside = (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)
    left = np.clip(at_x, 0, width - 1.001).astype(int)
    top = np.clip(at_y, 0, height - 1.001).astype(int)
    u, v = np.clip(at_x - left, 0, 1), np.clip(at_y - top, 0, 1)
    upper = (1 - u) * picture[top, left] + u * picture[top, left + 1]
    lower = (1 - u) * picture[top + 1, left] + u * picture[top + 1, left + 1]
    return (1 - v) * upper + v * lower, inside


def _from_middle(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return x - (shape[1] - 1) / 2, y - (shape[0] - 1) / 2


def _halved(picture: NDArray) -> NDArray[np.float64]:
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _whole_shift(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """How far (x, y) most of ``a`` has gone in ``b``, in whole pixels.

    Phase correlation (Kuglin & Hines, 1975); a and b: (h, w), 0 on average and where not to look
    """
    height, width = a.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    cross = np.fft.rfft2(b * window) * np.fft.rfft2(a * window).conj()
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), a.shape)
    top, left = np.unravel_index(int(surface.argmax()), surface.shape)
    middle = np.array([width // 2, height // 2])
    return (np.array([left, top]) + middle) % (width, height) - middle


def _alike(before: NDArray, after: NDArray, free: NDArray[np.bool_], motion: NDArray) -> float:
    """Share of the background's patches that look the same after a motion; -1 for too few."""
    moved, inside = _moved(after, motion)
    use = free & inside
    height, width = (size // _PATCH * _PATCH for size in before.shape)

    def patches(values: NDArray) -> NDArray:
        rows = values[:height, :width].reshape(height // _PATCH, _PATCH, width // _PATCH, _PATCH)
        return rows.swapaxes(1, 2).reshape(-1, _PATCH * _PATCH)

    a, b = (patches(values) for values in (before, moved))
    whole = patches(use).all(axis=1) & (np.minimum(a.std(axis=1), b.std(axis=1)) > _TEXTURE)
    if whole.sum() < _LEAST_PATCHES:
        return -1.0
    a, b = (x[whole] - x[whole].mean(axis=1, keepdims=True) for x in (a, b))
    correlation = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return float((correlation > _ALIKE).mean())
