"""MediaPipe's 33 landmarks as joints, and what their scores say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Below, a landmark is hidden, or not in the picture at all: found on painted limbs (docs/video.md).
# A higher limit of presence hides what can be seen near the picture's edge.
LEAST_VISIBILITY, LEAST_PRESENCE = 0.65, 0.97


def joints(people: Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Float32 (people, 33, 4): x and y in pixels of a picture of that shape, visibility, presence.

    people: for each, landmarks with x, y, visibility and presence
    """
    height, width = shape[:2]
    values = np.array(
        [[(p.x * width, p.y * height, p.visibility, p.presence) for p in each] for each in people],
        np.float32,
    )
    return values.reshape(-1, 33, 4)


def confidence(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """One number in [0, 1] for (..., 2) visibilities and presences.

    Each is stretched so that its limit becomes 0.5 (0 stays 0, and 1 stays 1, straight lines
    between them), and the lesser counts: at least 0.5 is then the same as visibility at least
    ``LEAST_VISIBILITY`` and presence at least ``LEAST_PRESENCE``.
    """
    scores = np.asarray(scores, np.float64)
    parts = [
        np.interp(scores[..., column], (0.0, limit, 1.0), (0.0, 0.5, 1.0))
        for column, limit in enumerate((LEAST_VISIBILITY, LEAST_PRESENCE))
    ]
    return np.minimum(*parts)
