"""Feet that stand still: the body's way corrected by them, then the legs bent to reach.

``settled`` moves the whole body, mostly nearer to the camera or farther, where one picture tells
least; ``locked`` then holds each standing foot in its place, by two-bone inverse kinematics whose
knees stretch softly. World axes, metres, z up, the floor at 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeletons import joint_index
from .contacts import SOLE_HEIGHT, soles, spans

_PELVIS = joint_index("pelvis")
_LEGS = tuple(
    tuple(joint_index(f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot", "toe"))
    for side in "lr"
)
_FEET = [joint for leg in _LEGS for joint in leg[2:]]
_OTHERS = [joint for joint in range(28) if joint not in _FEET]
_STILL = 0.005  # metres a standing sole may move from frame to frame when the body is settled
_LEVEL = 0.06  # metres it may be off the floor
_DRIFT = 0.01  # metres per frame that the body may be moved more than in the frame before,
_JERK = 0.002  # metres that this may change by from frame to frame,
# and in all: along the camera's ray, as a share of the distance, because the picture of a body that
# is nearer than it was seen is too large; and in the picture, metres.
_ALONG, _ACROSS = 0.01, 0.015
_STEP_UP = 0.12  # metres; a sole that stands farther off the floor stands on something else
_SUNK, _BELOW = 0.15, 0.35  # metres; a foot that low is lifted onto the floor; it stands below it
# Metres; a floor that is farther from where its world has it is another one.
_SAME_FLOOR = 0.15
_FADE = 0.2  # seconds over which a foot is let go


def settled(
    world: NDArray[np.float64],
    eye: NDArray[np.float64],
    stands: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """The body (F, 28, 3) moved as a whole until standing soles (F, 4) stay, and on the floor.

    eye: (3,), the camera's place
    """
    # In its first frame and its last a sole that stands is often still on its way, and fast.
    inner = stands.copy()
    inner[1:] &= stands[:-1]
    inner[:-1] &= stands[1:]
    ray = world[:, _PELVIS] - eye
    distance = np.maximum(np.linalg.norm(ray, axis=1), 1e-6)
    ray = ray / distance[:, None]
    moved = world + _along(world, ray, inner, _ALONG * distance)[:, None, None] * ray[:, None]
    for axis in range(3):
        direction = np.zeros_like(ray)
        direction[:, axis] = 1
        shift = _along(moved, direction, inner, np.full(len(world), _ACROSS))
        moved = moved + shift[:, None, None] * direction[:, None]
    return moved


def raised(world: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The body (F, 28, 3) on the floor in all of its parts, as of one who falls, sits or lies.

    The feet find the floor, and what is seen of somebody on the ground is less sure than of who
    stands. Whoever is below the floor with the feet, too, is on another one, as below stairs.
    """
    others, feet = world[:, _OTHERS, 2].min(axis=1), world[:, _FEET, 2].min(axis=1)
    sunk = np.where(others < feet, np.maximum(-others, 0), 0.0) * _on_this_floor(others)
    if not sunk.any():
        return world
    # Rising and falling slowly, and nowhere lower than it must.
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    half = max(round(_FADE / step), 1) if step > 0 else 1
    padded = np.pad(sunk, 2 * half, mode="edge")
    most = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).max(axis=1)
    weight = np.hanning(2 * half + 3)[1:-1]
    up = np.convolve(most, weight / weight.sum(), "valid")
    return np.asarray(world + up[:, None, None] * (0.0, 0.0, 1.0))


def _on_this_floor(low: NDArray) -> NDArray[np.float64]:
    """In [0, 1]: 0 for what is so far down that there is another floor, as below stairs."""
    return np.asarray(np.clip((_BELOW + low) / (_BELOW - _SUNK), 0, 1))


def _along(
    world: NDArray, direction: NDArray, stands: NDArray[np.bool_], freedom: NDArray
) -> NDArray[np.float64]:
    """(F,): how far to move the body in each frame along directions (F, 3); least squares.

    freedom: (F,), metres that it may be moved in all, one standard deviation
    """
    feet = soles(world)
    diagonal: NDArray[np.float64] = freedom**-2.0
    # Standing soles stay on the floor,
    off = np.where(np.abs(feet[..., 2] - SOLE_HEIGHT) < _STEP_UP, feet[..., 2] - SOLE_HEIGHT, 0.0)
    diagonal += stands.sum(axis=1) * direction[:, 2] ** 2 / _LEVEL**2
    right = -(stands * off).sum(axis=1) * direction[:, 2] / _LEVEL**2
    # and where they are,
    both = stands[1:] & stands[:-1]
    still = both.sum(axis=1) / _STILL**2
    slid = (np.diff(feet, axis=0) * both[..., None]).sum(axis=1) / _STILL**2
    before, after = direction[:-1], direction[1:]
    diagonal[:-1] += still * (before**2).sum(axis=1)
    diagonal[1:] += still * (after**2).sum(axis=1)
    beside = -still * (before * after).sum(axis=1)
    right[:-1] += (slid * before).sum(axis=1)
    right[1:] -= (slid * after).sum(axis=1)
    # and everything else goes as it went, and doesn't start or stop at once.
    diagonal[:-1] += _DRIFT**-2
    diagonal[1:] += _DRIFT**-2
    beside -= _DRIFT**-2
    after_next = np.full(max(len(world) - 2, 0), _JERK**-2)
    diagonal[:-2] += _JERK**-2
    diagonal[1:-1] += 4 * _JERK**-2
    diagonal[2:] += _JERK**-2
    beside[:-1] -= 2 * _JERK**-2
    beside[1:] -= 2 * _JERK**-2
    return _pentadiagonal(diagonal, beside, after_next, right)


def _pentadiagonal(
    diagonal: NDArray, beside: NDArray, after_next: NDArray, right: NDArray
) -> NDArray[np.float64]:
    """Solve a symmetric positive definite system of bandwidth 2 by LDL'; beside: (F - 1,)."""
    count = len(diagonal)
    d, b, c, r = diagonal.tolist(), beside.tolist(), after_next.tolist(), right.tolist()
    for i in range(count - 1):
        first = b[i] / d[i]
        d[i + 1] -= first * b[i]
        r[i + 1] -= first * r[i]
        if i + 2 < count:
            second = c[i] / d[i]
            b[i + 1] -= second * b[i]
            d[i + 2] -= second * c[i]
            r[i + 2] -= second * r[i]
    for i in range(count - 1, -1, -1):
        if i + 1 < count:
            r[i] -= b[i] * r[i + 1]
        if i + 2 < count:
            r[i] -= c[i] * r[i + 2]
        r[i] /= d[i]
    return np.array(r)


def locked(
    world: NDArray[np.float64],
    stands: NDArray[np.bool_],
    times: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The body (F, 28, 3) with standing feet held in their places and no foot below the floor.

    stands: (F, 4), which parts of the feet stand, as in ``CONTACTS``
    """
    result = world.copy()
    to_place = _corrections(soles(world), stands)
    for side, leg in enumerate(_LEGS):
        ankle, ball = to_place[:, 2 * side], to_place[:, 2 * side + 1]
        ball_moved = _faded(ball, times)
        # While only the toes stand, the ankle goes with them; what it needs of its own fades.
        ankle_moved = ball_moved + _faded(ankle - ball_moved, times)
        _reach(result, leg, ankle_moved, ball_moved)
        low = result[:, leg[2:], 2].min(axis=1)
        up = np.zeros_like(ankle_moved)
        up[:, 2] = np.maximum(-low, 0) * _on_this_floor(low)
        _reach(result, leg, up, up)
    return result


def held_again(
    free: NDArray[np.float64],
    stands: NDArray[np.bool_],
    times: NDArray[np.float64],
) -> NDArray[np.float64]:
    """``locked`` for a body (F, 28, 3) on the floor of its world, wherever that is.

    The way to hold feet anew after somebody has changed which of them stand (F, 4).
    """
    down = np.array([0.0, 0.0, floor_level(free, stands)])
    return locked(free - down, stands, times) + down


def floor_level(world: NDArray[np.float64], stands: NDArray[np.bool_]) -> float:
    """The height, metres, of the floor that standing soles (F, 4) tell: 0 if they are near it."""
    if not stands.any():
        return 0.0
    level = float(np.median((soles(world)[..., 2] - SOLE_HEIGHT)[stands]))
    return level if abs(level) > _SAME_FLOOR else 0.0


def _corrections(feet: NDArray, stands: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(F, 4, 3): what takes soles (F, 4, 3) to their places while they stand; NaN elsewhere."""
    result = np.full(feet.shape, np.nan)
    for part, start, stop in spans(stands):
        place = np.median(feet[start:stop, part], axis=0)
        if abs(place[2] - SOLE_HEIGHT[part]) < _STEP_UP:
            place[2] = SOLE_HEIGHT[part]
        result[start:stop, part] = place - feet[start:stop, part]
    return result


def _faded(values: NDArray, times: NDArray) -> NDArray[np.float64]:
    """Values (F, 3) with their NaN frames filled: falling to nothing on both sides, smoothly."""
    known = np.isfinite(values[:, 0])
    index = np.arange(len(values))
    left = np.maximum.accumulate(np.where(known, index, -1))
    right = np.minimum.accumulate(np.where(known, index, len(values))[::-1])[::-1]
    has_left, has_right = left >= 0, right < len(values)
    low, high = np.maximum(left, 0), np.minimum(right, len(values) - 1)
    gap = np.where(has_left & has_right, times[high] - times[low], np.inf)
    fade = np.maximum(np.minimum(gap, _FADE), 1e-9)
    filled = np.where(known[:, None], values, 0.0)
    result = np.zeros_like(filled)
    for found, at, since in (
        (has_left, low, times - times[low]),
        (has_right, high, times[high] - times),
    ):
        share = np.clip(1 - since / fade, 0, 1) * found
        result += filled[at] * (share * share * (3 - 2 * share))[:, None]
    return np.where(known[:, None], filled, result)


def _reach(world: NDArray, leg: tuple[int, ...], ankle_moved: NDArray, ball_moved: NDArray) -> None:
    """Bend a leg until its ankle and ball are moved by (F, 3) each, in place."""
    hip, knee, ankle, foot, toe = leg
    start, old_knee, old_ankle = world[:, hip], world[:, knee], world[:, ankle].copy()
    thigh, shin = _length(old_knee - start), _length(old_ankle - old_knee)
    before = _length(old_ankle - start)
    aim = old_ankle + ankle_moved - start
    longer = _length(aim) - before
    # The leg stretches ever less, so that the knee never snaps straight.
    room = np.maximum(thigh + shin - before, 1e-6)
    soft = np.where(longer > 0, room * -np.expm1(-np.maximum(longer, 0) / room), longer)
    reach = np.clip(before + soft, np.abs(thigh - shin) + 1e-6, thigh + shin)
    # The knee stays on the side on which it was; a straight one bends to where the toes point.
    pole = old_knee - start + 1e-3 * (world[:, toe] - old_ankle)
    axis = aim / np.maximum(_length(aim), 1e-9)
    knee_place, ankle_place = _bent(reach * axis, thigh, shin, pole)
    world[:, knee], world[:, ankle] = start + knee_place, start + ankle_place
    # The foot turns about the ankle, and the toes bend, until the ball is where it should be.
    ball = 0.5 * (world[:, foot] + world[:, toe])
    place = ball + ball_moved - world[:, ankle]
    turn = _between(ball - old_ankle, place)
    middle = (turn @ (world[:, foot] - old_ankle)[..., None])[..., 0]
    end = (turn @ (ball - old_ankle)[..., None])[..., 0]
    first, second = _length(middle), _length(end - middle)
    # A straight foot bends as toes do: the joint between goes down.
    middle, end = _bent(place, first, second, middle - (0, 0, 1e-3))
    world[:, foot] = world[:, ankle] + middle
    world[:, toe] = world[:, ankle] + 2 * end - middle


def _bent(
    aim: NDArray, first: NDArray, second: NDArray, pole: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and end (F, 3) of two bones from 0 whose lengths are (F, 1), bent to reach ``aim``.

    pole: the side to which the middle is bent. Out of reach, the end lies in the aim's direction.
    """
    axis = aim / np.maximum(_length(aim), 1e-9)
    reach = np.clip(_length(aim), np.abs(first - second) + 1e-6, first + second)
    along = (first**2 + reach**2 - second**2) / (2 * np.maximum(reach, 1e-9))
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    pole = pole - (pole * axis).sum(axis=1, keepdims=True) * axis
    pole = pole / np.maximum(_length(pole), 1e-9)
    return along * axis + aside * pole, reach * axis


def _between(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    """(F, 3, 3): the smallest turns from directions (F, 3) to others."""
    a = first / np.maximum(_length(first), 1e-9)
    b = second / np.maximum(_length(second), 1e-9)
    v = np.cross(a, b)
    c = np.maximum((a * b).sum(axis=1), -0.999)
    zero = np.zeros(len(v))
    k = np.stack(
        [
            np.stack([zero, -v[:, 2], v[:, 1]], axis=-1),
            np.stack([v[:, 2], zero, -v[:, 0]], axis=-1),
            np.stack([-v[:, 1], v[:, 0], zero], axis=-1),
        ],
        axis=-2,
    )
    return np.eye(3) + k + (k @ k) / (1 + c)[:, None, None]


def _length(vectors: NDArray) -> NDArray[np.float64]:
    return np.linalg.norm(vectors, axis=-1, keepdims=True)
