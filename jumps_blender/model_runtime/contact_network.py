"""Which parts of the feet stand, from the body's motion in space.

The lifter tells it too, but from the picture alone; once the bones are known and the body moves in
metres, how fast and how high a foot is says more. One small network looks at each foot in turn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..skeletons import joint_index

_FEET = [[joint_index(f"{side}_{part}") for part in ("ankle", "foot", "toe")] for side in "lr"]
_PELVIS = joint_index("pelvis")
# Metres per second at which a speed is half-way to being too fast to matter: in the picture, where
# it is exact, finely and roughly; upwards; along the view and in all, where it isn't.
_ACROSS, _FAST, _RISING, _AWAY, _ANY = 0.2, 0.6, 0.3, 0.5, 0.4
_BASE = 0.06  # metres of a joint above the lowest balls and toes around, between low and high
_HIGH, _HIGHER = 0.06, 0.15  # metres
_AROUND = 1.5  # seconds to each side in which the lowest are looked for,
_LOWEST = 10  # per cent of the frames being lower
CONTACT_FEATURES = 3 * 7 + 2 + 4 + 4
_KERNEL = 5


@dataclass(frozen=True)
class ContactConfig:
    """Hyper-parameters, kept in the checkpoint's JSON."""

    width: int = 48
    dilations: tuple[int, ...] = (1, 2, 4, 1)

    def as_json(self) -> dict:
        """For the checkpoint's JSON; ``ContactConfig(**d)`` with a tuple reads it back."""
        return asdict(self) | {"dilations": list(self.dilations)}


class ContactNetwork(nn.Module):
    """Features of feet (N, T, CONTACT_FEATURES) -> logits (N, T, 2): ankle, ball and toes."""

    def __init__(self, config: ContactConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Conv1d(CONTACT_FEATURES, width, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2 * d, dilation=d)
            for d in config.dilations
        )
        self.head = nn.Conv1d(width, 2, 1)

    def forward(self, features: Tensor) -> Tensor:
        x = functional.relu(self.embed(features.transpose(-1, -2)))
        for convolution in self.convolutions:
            x = x + functional.relu(convolution(x))
        return self.head(x).transpose(-1, -2).float()


def contact_features(
    positions: NDArray, up: NDArray, contact: NDArray, step: float
) -> NDArray[np.float32]:
    """(2, n, CONTACT_FEATURES), the left foot and the right, at n moments.

    positions (n, 28, 3), metres, and up (n, 3), unit vectors, in the camera's axes; contact (n, 4):
    the lifter's probabilities; step: seconds from one moment to the next
    """
    upwards = up.mean(axis=0, dtype=float)
    upwards /= max(float(np.linalg.norm(upwards)), 1e-6)
    ray = _unit(positions[:, _PELVIS].astype(float))
    right = _unit(np.cross(ray, upwards))
    rising = np.cross(right, ray)
    velocity = np.zeros(positions.shape)
    if len(positions) > 1:
        velocity = np.gradient(positions.astype(float), axis=0) / step
    height = positions @ upwards
    lowest = height[:, [joint for foot in _FEET for joint in foot[1:]]].min(axis=1)
    floor, bottom = _low_around(lowest, step), np.percentile(lowest, 5)
    logit = np.log(np.clip(contact, 1e-4, 1 - 1e-4) / np.clip(1 - contact, 1e-4, 1 - 1e-4)) / 4

    def along(axis: NDArray, joint: int) -> NDArray[np.float64]:
        return np.asarray((velocity[:, joint] * axis).sum(axis=-1))

    # Left or right makes no difference.
    body = [along(ray, _PELVIS), np.abs(along(right, _PELVIS)), along(rising, _PELVIS)]
    body.append((floor - bottom) / 0.1)
    result = []
    for own, other in ((0, 1), (1, 0)):
        columns = []
        for joint in _FEET[own]:
            across = np.hypot(along(right, joint), along(rising, joint))
            columns += [
                across / _ACROSS,
                across / _FAST,
                along(rising, joint) / _RISING,
                along(ray, joint) / _AWAY,
                np.hypot(across, along(ray, joint)) / _ANY,
                (height[:, joint] - floor - _BASE) / _HIGH,
                (height[:, joint] - bottom - _BASE) / _HIGHER,
            ]
        columns.append(np.linalg.norm(velocity[:, _FEET[other]], axis=-1).min(axis=1) / _ANY)
        columns.append((height[:, _FEET[other][-1]] - floor - _BASE) / _HIGH)
        said = [logit[:, 2 * foot + part] for foot in (own, other) for part in range(2)]
        features = [*np.tanh([*columns]), *said, *np.tanh(body)]
        result.append(np.stack(features, axis=-1))
    return np.stack(result).astype(np.float32)


def standing_probability(network: ContactNetwork, features: NDArray) -> NDArray[np.float32]:
    """(n, 4), as in ``contacts.CONTACTS``, of ``contact_features``."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        logits = network(torch.from_numpy(features).to(device))
    feet = torch.sigmoid(logits).cpu().numpy()
    return np.concatenate([*feet], axis=-1)


def _unit(vectors: NDArray) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-6))


def _low_around(lowest: NDArray, step: float) -> NDArray[np.float64]:
    """(n,): what a tenth of the values (n,) around each are below."""
    reach = int(_AROUND / step)
    count = 2 * reach + 1
    padded = np.pad(lowest.astype(float), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, count)
    return np.asarray(np.nanpercentile(windows, _LOWEST, axis=1))
