"""The lifter's network: from the body's picture to its depth, on one screen.

What is seen stays on its ray: the network finds how far along the rays the joints lie, and moves
aside only joints that nobody saw. It also tells where up is and which parts of the feet stand.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .direct_network import TemporalBlock
from .lift_features import COMMON_SIZE, FEATURES, PELVIS, PLACE, SIZE, SURE


@dataclass(frozen=True)
class LiftConfig:
    """Hyper-parameters, kept in the checkpoint's JSON."""

    width: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4)

    def as_json(self) -> dict:
        """For the checkpoint's JSON; ``LiftConfig(**d)`` with a tuple reads it back."""
        return asdict(self) | {"dilations": list(self.dilations)}


class Lifted(NamedTuple):
    """B windows of T frames in the turned camera's axes; the unit is the person's height.

    offsets: (B, T, 28, 3), from the pelvis
    log_distance: (B, T), logarithm of the pelvis' depth times the body unit's angle
    log_sigma: (B, T, 28), logarithm of one standard deviation along each axis
    up: (B, T, 3), the direction away from the ground, length about 1
    contact: (B, T, 4), logits of the parts of the feet in ``contacts.CONTACTS`` standing
    """

    offsets: Tensor
    log_distance: Tensor
    log_sigma: Tensor
    up: Tensor
    contact: Tensor


class LiftNetwork(nn.Module):
    """Features (B, T, FEATURES), see ``lift_features.py`` -> Lifted."""

    def __init__(self, config: LiftConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(FEATURES, config.width)
        self.blocks = nn.ModuleList(TemporalBlock(config.width, d) for d in config.dilations)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 28 * 4 + 8)
        nn.init.normal_(self.head.weight, std=0.002)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[84:112] = -3.5  # start with a plausible sigma,
            self.head.bias[112] = -0.63  # and a body unit of the usual share of the height

    def reach(self) -> int:
        """Frames to each side that a frame's result depends on."""
        return sum(self.config.dilations)

    def forward(self, features: Tensor, inside: Tensor | None = None) -> Lifted:
        x = self.embed(features)
        for block in self.blocks:
            x = block(x, inside)
        out = self.head(self.norm(x)).float()
        depth, aside, log_sigma, log_distance, up, contact = out.split(
            [28, 56, 28, 1, 3, 4], dim=-1
        )
        return Lifted(
            on_rays(features, depth, aside.unflatten(-1, (28, 2)), log_distance),
            log_distance[..., 0],
            log_sigma.clamp(-8.0, 1.0),
            up,
            contact,
        )


def on_rays(features: Tensor, depth: Tensor, aside: Tensor, log_distance: Tensor) -> Tensor:
    """(B, T, 28, 3) from the pelvis: joints on the rays on which they were seen.

    depth (B, T, 28) beyond the pelvis; aside (B, T, 28, 2), what joints move that were not surely
    seen; log_distance (B, T, 1)
    """
    place = features[..., PLACE].unflatten(-1, (28, 2))
    unit = torch.exp(features[..., SIZE : SIZE + 1] + COMMON_SIZE)
    depth = depth - depth[..., PELVIS : PELVIS + 1]
    flat = place * (torch.exp(log_distance) + unit * depth)[..., None]
    flat = flat + (1 - features[..., SURE])[..., None] * aside
    flat = flat - flat[..., PELVIS : PELVIS + 1, :]
    return torch.cat([flat, depth[..., None]], dim=-1)
