"""From any frame rate to the network's and back.

The network was trained on 20 to 40 frames per second. A clip at such a rate is used frame by
frame; a faster one by every k-th frame, a slower one by k moments per frame, one with uneven times
by moments 1/30 s apart. What the network adds is then interpolated at the clip's own times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .features import STANDARD_RATE

_SLOWEST, _FASTEST = 19.9, 40.1
_UNEVEN = 0.25  # a frame's duration may differ by this share before the clip counts as uneven
_MOST_MOMENTS_PER_FRAME = 30


def working_grid(times: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Moments (G,) at which the network looks, and their distance in seconds.

    times: (F,) seconds, strictly increasing. The moments cover the clip; they are the clip's own
    times where its rate suits the network. Holes in uneven times that would make the grid far
    longer than the clip are not filled: the frames themselves are then taken as evenly spaced.
    """
    if len(times) == 1:
        return times, 1 / STANDARD_RATE
    duration = np.diff(times)
    middle = float(np.median(duration))
    rate = 1.0 / middle
    if np.abs(duration - middle).max() <= _UNEVEN * middle:
        if rate > _FASTEST:
            every = round(rate / STANDARD_RATE)
            moments = times[::every]
            return _covering(moments, every * middle, times[-1]), every * middle
        if rate >= _SLOWEST:
            return times, middle
        per_frame = min(int(np.ceil(_SLOWEST / rate)), _MOST_MOMENTS_PER_FRAME)
        place = np.arange((len(times) - 1) * per_frame + 1) / per_frame
        return np.interp(place, np.arange(len(times)), times), middle / per_frame
    count = (times[-1] - times[0]) * STANDARD_RATE + 1
    if count > _MOST_MOMENTS_PER_FRAME * len(times):
        return times, 1 / STANDARD_RATE
    moments = times[0] + np.arange(int(count)) / STANDARD_RATE
    return _covering(moments, 1 / STANDARD_RATE, times[-1]), 1 / STANDARD_RATE


def _covering(moments: NDArray, step: float, end: float) -> NDArray[np.float64]:
    return moments if moments[-1] >= end else np.append(moments, moments[-1] + step)


def cubic_at(
    values: NDArray[np.float32], moments: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Catmull-Rom interpolation of values (G, …) given at ``moments`` (G,), at times (n,)."""
    last = len(moments) - 1
    low = np.clip(np.searchsorted(moments, at, "right") - 1, 0, max(last - 1, 0))
    high = np.minimum(low + 1, last)
    span = np.maximum(moments[high] - moments[low], 1e-12)
    t = np.clip((at - moments[low]) / span, 0, 1)
    t = t.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    before, start = values[np.maximum(low - 1, 0)], values[low]
    end, after = values[high], values[np.minimum(low + 2, last)]
    return start + 0.5 * t * (
        end
        - before
        + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
