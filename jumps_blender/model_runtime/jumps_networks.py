"""JUMPS' three networks (Mourot et al., section III-B, figures 3 and 4), on one screen.

A pose sequence of 24 frames is a picture: 18 rows by 24 columns by 4 channels. A row is a pair of
left and right joints, or a joint of the axis twice; rows run from the hands to the feet. Encoder
and discriminator see positions and velocities stacked, 8 channels.

All positions are in body units (see ``features.py``): x right, y down, a body about one unit high.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..skeletons import joint_index

FRAMES = 24
LATENT = 64
_PAIRED_TOP = ("hand", "wrist", "elbow", "shoulder", "clavicle")
_AXIAL = ("head_top", "head", "neck", "spine4", "spine3", "spine2", "spine", "pelvis")
_PAIRED_BOTTOM = ("hip", "knee", "ankle", "foot", "toe")
ROWS: tuple[tuple[int, int], ...] = (
    *((joint_index(f"l_{name}"), joint_index(f"r_{name}")) for name in _PAIRED_TOP),
    *((joint_index(name), joint_index(name)) for name in _AXIAL),
    *((joint_index(f"l_{name}"), joint_index(f"r_{name}")) for name in _PAIRED_BOTTOM),
)
_GATHER = torch.tensor([joint for row in ROWS for joint in row])  # (36,), joints in grid order
_CHANNELS = (8, 32, 64, 128, 256)
# Sizes between the stages: 18x24, 9x12, 5x6, 3x3, 2x2; what a transposed convolution must add.
_OUTPUT_PADDING = ((0, 0), (0, 1), (0, 1), (1, 1))


def to_grid(sequence: Tensor) -> Tensor:
    """Positions (B, 24, 28, 2) -> (B, 4, 18, 24); a joint of the axis goes in twice."""
    pairs = sequence[:, :, _GATHER.to(sequence.device)].unflatten(2, (18, 2))
    return pairs.permute(0, 3, 4, 2, 1).flatten(1, 2)


def from_grid(grid: Tensor) -> Tensor:
    """(B, 4, 18, 24) -> positions (B, 24, 28, 2); the two copies of an axial joint are averaged."""
    pairs = grid.unflatten(1, (2, 2)).permute(0, 4, 3, 1, 2)  # (B, 24, 18, 2, 2)
    joints = pairs.new_zeros(*pairs.shape[:2], 28, 2)
    flat = pairs.flatten(2, 3)
    share = torch.tensor([0.5 if a == b else 1.0 for a, b in ROWS], device=grid.device)
    weighted = flat * share.repeat_interleave(2)[:, None].to(flat.dtype)
    return joints.index_add(2, _GATHER.to(grid.device), weighted)


def with_velocity(sequence: Tensor) -> Tensor:
    """Positions (B, 24, 28, 2) -> the networks' picture (B, 8, 18, 24).

    The velocity is the change since the frame before; the first frame has none.
    """
    velocity = torch.cat([torch.zeros_like(sequence[:, :1]), sequence.diff(dim=1)], dim=1)
    return torch.cat([to_grid(sequence), to_grid(velocity)], dim=1)


class Encoder(nn.Module):
    """E: positions (B, 24, 28, 2) -> latent codes (B, 64). 1 148 096 parameters, as the paper's."""

    def __init__(self) -> None:
        super().__init__()
        self.body = _down(nn.BatchNorm2d)
        self.code = nn.Conv2d(_CHANNELS[-1], LATENT, 2)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.code(self.body(with_velocity(sequence))).flatten(1)


class Generator(nn.Module):
    """G: latent codes (B, 64) -> positions (B, 24, 28, 2). 1 144 896 parameters.

    It mirrors the encoder. The paper counts 1 148 480, 0.3 % more; its figure 4, which would tell
    where they are, was not to be had.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = (256, 128, 64, 32, 4)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(LATENT, channels[0], 2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        ]
        for number, padding in enumerate(_OUTPUT_PADDING):
            before, after = channels[number : number + 2]
            layers.append(
                nn.ConvTranspose2d(
                    before, after, 5, stride=2, padding=2, output_padding=padding, bias=False
                )
            )
            if number < len(_OUTPUT_PADDING) - 1:
                layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        return from_grid(self.body(code[:, :, None, None]))


class Discriminator(nn.Module):
    """D: positions (B, 24, 28, 2) -> how real they look (B,). 1 115 393 parameters, as the paper's.

    Where the paper has batch norm, each sample is normalised on its own (group norm with one group,
    which counts the same): the gradient penalty of eq. 2 is per sample, and batch norm would make
    each sample's score depend on its neighbours (Gulrajani et al. 2017, section 4).
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = _down(_PerSample)
        self.score = nn.Sequential(
            nn.Conv2d(_CHANNELS[-1], 32, 2),
            _PerSample(32),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(32, 1),
        )

    def forward(self, sequence: Tensor) -> Tensor:
        return self.score(self.body(with_velocity(sequence)))[:, 0]


class _PerSample(nn.GroupNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)


def _down(norm: type[nn.Module]) -> nn.Sequential:
    """(B, 8, 18, 24) -> (B, 256, 2, 2): four 5x5 convolutions of stride 2."""
    layers: list[nn.Module] = []
    for number in range(4):
        before, after = _CHANNELS[number : number + 2]
        layers.append(nn.Conv2d(before, after, 5, stride=2, padding=2, bias=False))
        if number:
            layers.append(norm(after))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers)


def initialise(network: nn.Module) -> None:
    """DCGAN's initial weights (Radford et al. 2016): normal, 0.02 wide."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
