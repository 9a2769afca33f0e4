"""Which parts of the feet stand on the floor, and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..keypoints.space import CONTACTS
from ..skeletons import joint_index

# What of the foot is on the floor while a part of it stands, and how high its joint then is:
# medians over the CMU subjects.
SOLES = tuple(
    [joint_index(name)]
    if name.endswith("ankle")
    else [joint_index(f"{name[0]}_foot"), joint_index(name)]
    for name in CONTACTS
)
SOLE_HEIGHT = np.array([0.075, 0.034, 0.075, 0.034])
_STANDS, _STOOD = 0.6, 0.4  # probabilities at which a part of a foot begins and ends to stand
_SHORTEST = 0.1  # seconds
# In motion capture, metres and metres per second: a ball or toe stands below one height if it is
# slow enough, an ankle not far above its lowest place in the clip.
_LOW, _STILL = 0.05, 0.2
_ANKLE_LOW, _ANKLE_LOWEST = 0.04, 0.16
# The same above a take's own floor, which is where its slow balls and toes mostly are.
_OWN_FLOOR = 15  # per cent of them are lower,
_OWN_LOW, _OWN_ANKLE_LOW, _OWN_ANKLE_LOWEST = 0.10, 0.05, 0.18
_BALLS = [joint for sole in SOLES[1::2] for joint in sole]
_ANKLES = [joint for sole in SOLES[::2] for joint in sole]


def contacts(xyz: NDArray, step: NDArray | float) -> NDArray[np.bool_]:
    """(…, F, 4), as ``CONTACTS``: what stands in motion capture, because it is low and slow.

    xyz (…, F, 28, 3), metres, the floor at z = 0; step (…), seconds per frame
    """
    speed = speeds(xyz, step)
    height, result = xyz[..., 2], []
    for name, joints in zip(CONTACTS, SOLES, strict=True):
        slow = speed[..., joints] < _STILL
        low = height[..., joints] < _LOW
        if name.endswith("ankle"):
            lowest = height[..., joints].min(axis=-2, keepdims=True)
            low = (height[..., joints] - lowest < _ANKLE_LOW) & (
                height[..., joints] < _ANKLE_LOWEST
            )
        result.append((low & slow).any(axis=-1))
    return np.stack(result, axis=-1)


def contacts_on_own_floor(xyz: NDArray, step: float) -> NDArray[np.bool_]:
    """(F, 4), as ``CONTACTS``: what stands in a take of motion capture, wherever its floor is.

    xyz (F, 28, 3), metres; step: seconds per frame. Archives have takes whose floor lies some
    centimetres under the feet, where ``contacts`` finds next to none.
    """
    slow, height = speeds(xyz, step) < _STILL, xyz[..., 2]
    resting = height[:, _BALLS][slow[:, _BALLS]]
    floor = np.percentile(resting, _OWN_FLOOR) if len(resting) else height[:, _BALLS].min()
    low = height - floor < _OWN_LOW
    lowest = np.percentile(height[:, _ANKLES], 3)
    ankle_low = (height - lowest < _OWN_ANKLE_LOW) & (height - floor < _OWN_ANKLE_LOWEST)
    result = [
        (slow & (ankle_low if name.endswith("ankle") else low))[:, joints].any(axis=-1)
        for name, joints in zip(CONTACTS, SOLES, strict=True)
    ]
    return np.stack(result, axis=-1)


def speeds(xyz: NDArray, step: NDArray | float) -> NDArray[np.float64]:
    """(…, F, J), metres per second, of points (…, F, J, 3); step (…), seconds per frame."""
    if xyz.shape[-3] < 2:
        return np.zeros(xyz.shape[:-1])
    change = np.linalg.norm(np.gradient(xyz, axis=-3), axis=-1)
    return np.asarray(change / np.asarray(step)[..., None, None])


def standing(probability: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (F, 4): which parts of the feet stand.

    probability: (F, 4), as in ``CONTACTS``; begins above 0.6, ends below 0.4, for 0.1 s at least
    """
    result = np.zeros(probability.shape, bool)
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 1 / 30
    for part in range(probability.shape[1]):
        stands, start = False, 0
        for index, value in enumerate((*probability[:, part], 0.0)):
            if not stands and value > _STANDS:
                stands, start = True, index
            elif stands and value < _STOOD:
                stands = False
                last = min(index, len(times)) - 1
                if times[last] - times[start] + frame >= _SHORTEST:
                    result[start:index, part] = True
    return result


def spans(stands: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """When parts of the feet (F, 4) stand: (part, first frame, one past the last)."""
    edges = np.diff(np.pad(stands.astype(np.int8), ((1, 1), (0, 0))), axis=0)
    starts, ends = (np.argwhere(way == edges.T) for way in (1, -1))
    return [(int(part), int(a), int(b)) for (part, a), (_, b) in zip(starts, ends, strict=True)]


def soles(positions: NDArray) -> NDArray:
    """(F, 4, 3): of each part of a foot, what would touch the floor."""
    return np.stack([positions[:, joints].mean(axis=1) for joints in SOLES], axis=1)
