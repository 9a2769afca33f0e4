"""The network of engine ``direct``: residual dilated convolutions over time, on one screen."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .features import CURVES, FEATURES


@dataclass(frozen=True)
class DirectConfig:
    """Hyper-parameters, kept in the checkpoint's JSON."""

    width: int = 384
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16, 1, 2)

    def as_json(self) -> dict:
        """For the checkpoint's JSON; ``DirectConfig(**d)`` with a tuple reads it back."""
        return asdict(self) | {"dilations": list(self.dilations)}


class TemporalBlock(nn.Module):
    """x + W2 gelu(conv3(norm(x))): kernel 3, dilated, as one matrix product over three taps."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C); ``inside`` (B, T, 1) zeroes what lies beyond a clip's ends."""
        h = self.norm(x)
        if inside is not None:
            h = h * inside
        padded = functional.pad(h, (0, 0, self.dilation, self.dilation))
        length = x.shape[1]
        taps = torch.cat([padded[:, :length], h, padded[:, 2 * self.dilation :]], dim=-1)
        return x + self.out(functional.gelu(self.taps(taps)))


class DirectNetwork(nn.Module):
    """Features (B, T, FEATURES) -> offsets (B, T, 28, 2), log sigma (B, T, 28); body units.

    An offset is what the network adds of its own, and a share of the curve that the features
    propose for a joint in a hole: a fast exact motion is bent around, a noisy one is not.
    """

    def __init__(self, config: DirectConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(FEATURES, config.width)
        self.blocks = nn.ModuleList(TemporalBlock(config.width, d) for d in config.dilations)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 28 * 4)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias[56:84] = -3.0  # start with a plausible sigma, about a head's width

    def reach(self) -> int:
        """Frames to each side that a frame's result depends on."""
        return sum(self.config.dilations)

    def forward(self, features: Tensor, inside: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.embed(features)
        for block in self.blocks:
            x = block(x, inside)
        offsets, log_sigma, share = self.head(self.norm(x)).float().split([56, 28, 28], dim=-1)
        curves = features[..., CURVES].unflatten(-1, (28, 2))
        bent = offsets.unflatten(-1, (28, 2)) + share.sigmoid()[..., None] * curves
        return bent, log_sigma.clamp(-8.0, 3.0)
