"""The lifter that the project's own is compared with, as published.

Cheng et al., "3D Human Pose Estimation Using Spatio-Temporal Networks with Explicit Occlusion
Training", AAAI 2020: joints straight from what one frame shows and its neighbours at several
strides, and a discriminator that looks at bones and at how they change. It ships nowhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jumps_blender.model_runtime.direct_network import TemporalBlock
from jumps_blender.model_runtime.lift_features import PELVIS, PLACE, SURE
from jumps_blender.model_runtime.lift_network import Lifted
from jumps_blender.skeletons import PARENTS

USUAL_DISTANCE = -0.63  # logarithm of a usual body unit's share of the height
_SIGMA = -3.5
_REACH = 40  # frames to each side: 81 in all, between the paper's 64 and 128
_GRID, _CELLS = 1.4, 16  # body units to each side of the middle, and centres along an axis
_BONES = [joint for joint, parent in enumerate(PARENTS) if parent >= 0]
_PARENTS = [PARENTS[joint] for joint in _BONES]
_SIZES = {"coordinates": 84, "psi": 27 * 27, "phi": 27 * 27}
# One over a usual standard deviation, so that the discriminator hears all three.
_SCALES = {"coordinates": 5.0, "psi": 60.0, "phi": 1000.0}
_BEYOND_Y = 0.2 * np.pi  # eq. 5's bound for turns about x and z


@dataclass(frozen=True)
class ChengConfig:
    """Hyper-parameters, kept in the run's settings.json.

    width: of a frame's embedding; the paper's best is 512, 256 to 1024 hardly differ (Table 1), and
        two processor cores train 384 as fast as the network that is compared
    channels: of each stride's convolutions
    embedding: of what: ``places`` and confidences, or ``gaussians``, see ``rendered``
    """

    width: int = 384
    channels: int = 96
    strides: tuple[int, ...] = (1, 2, 3, 5, 7)
    embedding: str = "places"

    def as_json(self) -> dict:
        """For JSON; ``ChengConfig(**d)`` with a tuple reads it back."""
        return asdict(self) | {"strides": list(self.strides)}


class ChengNetwork(nn.Module):
    """Features (B, T, FEATURES), see ``lift_features.py`` -> Lifted, of which offsets are found.

    What isn't seen is zero, as the paper's heat maps are; the features' bridges aren't looked at.
    The convolutions are ``TemporalBlock``s, as in the network that is compared.
    """

    def __init__(self, config: ChengConfig) -> None:
        super().__init__()
        self.config = config
        size = 28 * (2 * _CELLS if config.embedding == "gaussians" else 3)
        width, channels = config.width, config.channels
        self.embed = nn.Sequential(
            nn.Linear(size, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.branches = nn.ModuleList(_Branch(width, channels, s) for s in config.strides)
        together = channels * len(config.strides)
        self.head = nn.Sequential(
            nn.LayerNorm(together), nn.Linear(together, width), nn.GELU(), nn.Linear(width, 84)
        )

    def reach(self) -> int:
        """Frames to each side that a frame's result depends on."""
        return max(sum(dilations(stride)) for stride in self.config.strides)

    def forward(self, features: Tensor, inside: Tensor | None = None) -> Lifted:
        place, sure = features[..., PLACE].unflatten(-1, (28, 2)), features[..., SURE]
        if self.config.embedding == "gaussians":
            frame = rendered(place, sure)
        else:
            frame = torch.cat([(place * (sure > 0)[..., None]).flatten(-2), sure], dim=-1)
        x = self.embed(frame)
        x = torch.cat([branch(x, inside) for branch in self.branches], dim=-1)
        return lifted_from(self.head(x).float().unflatten(-1, (28, 3)))


class _Branch(nn.Module):
    """The convolutions of one stride: (B, T, width) -> (B, T, channels)."""

    def __init__(self, width: int, channels: int, stride: int) -> None:
        super().__init__()
        self.enter = nn.Linear(width, channels)
        self.blocks = nn.ModuleList(TemporalBlock(channels, d) for d in dilations(stride))

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, inside)
        return x


def dilations(stride: int) -> list[int]:
    """Of a stride's convolutions: of every n-th frame, each layer three times as far as the last.

    That is Pavllo et al.'s network (CVPR 2019) on every n-th frame. All strides look about as far,
    so that the ablation with stride 1 alone sees no less of the clip.
    """
    result = [stride]
    while sum(result) + 3 * result[-1] <= _REACH:
        result.append(3 * result[-1])
    return result


def rendered(place: Tensor, sure: Tensor) -> Tensor:
    """Heat maps' margins (B, T, 28 * 2 * cells) of places (B, T, 28, 2) and their confidence.

    Each joint is a Gaussian one cell wide along x and one along y, as high as its confidence: what
    is left of the paper's heat maps when they are added up along columns and rows.
    """
    centres = torch.linspace(-_GRID, _GRID, _CELLS, device=place.device)
    off = (place.clamp(-_GRID, _GRID)[..., None] - centres) / (2 * _GRID / (_CELLS - 1))
    return (torch.exp(-0.5 * off.square()) * sure[..., None, None]).flatten(-3)


def lifted_from(offsets: Tensor) -> Lifted:
    """``Lifted`` of joints (B, T, 28, 3) alone: the rest is what is usual, on level ground."""
    offsets = offsets - offsets[..., PELVIS : PELVIS + 1, :]
    frames = offsets.shape[:-2]
    return Lifted(
        offsets,
        offsets.new_full(frames, USUAL_DISTANCE),
        offsets.new_full((*frames, 28), _SIGMA),
        offsets.new_tensor((0.0, -1.0, 0.0)).expand(*frames, 3),
        offsets.new_zeros(*frames, 4),
    )


def psi(xyz: Tensor) -> Tensor:
    """Spatial KCS (…, 27, 27) of joints (…, 28, 3): bones' inner products, B^T B."""
    bones = _bones(xyz)
    with torch.autocast(xyz.device.type, enabled=False):
        return bones @ bones.transpose(-1, -2)


def phi(xyz: Tensor, interval: int = 1) -> Tensor:
    """Temporal KCS, eq. 4, (B, T - interval, 27, 27) of joints (B, T, 28, 3): change of ``psi``."""
    bones = _bones(xyz)
    early, late = bones[:, :-interval], bones[:, interval:]
    with torch.autocast(xyz.device.type, enabled=False):
        # The difference of two products as one product: nothing large is sliced or subtracted.
        return torch.cat([late, early], -1) @ torch.cat([late, -early], -1).transpose(-1, -2)


def _bones(xyz: Tensor) -> Tensor:
    return xyz[..., _BONES, :] - xyz[..., _PARENTS, :]


def rotation(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """(…, 3, 3): a turn by beta about y, then by gamma about z and alpha about x; radians."""
    zero, one = torch.zeros_like(beta), torch.ones_like(beta)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))

    cos, sin = alpha.cos(), alpha.sin()
    about_x = matrix(one, zero, zero, zero, cos, -sin, zero, sin, cos)
    cos, sin = beta.cos(), beta.sin()
    about_y = matrix(cos, zero, sin, zero, one, zero, -sin, zero, cos)
    cos, sin = gamma.cos(), gamma.sin()
    about_z = matrix(cos, -sin, zero, sin, cos, zero, zero, zero, one)
    return about_x @ about_z @ about_y


def rotated(xyz: Tensor) -> Tensor:
    """Sequences (B, T, 28, 3), each turned at random as in eq. 5."""
    share = torch.rand(3, len(xyz), device=xyz.device) * 2 - 1
    with torch.autocast(xyz.device.type, enabled=False):
        turn = rotation(share[0] * _BEYOND_Y, share[1] * np.pi, share[2] * _BEYOND_Y)
    return applied(turn[:, None], xyz)


def applied(turn: Tensor, xyz: Tensor) -> Tensor:
    """Joints (…, 28, 3) turned by (…, 3, 3), in full precision."""
    with torch.autocast(xyz.device.type, enabled=False):
        return xyz @ turn.transpose(-1, -2)


class Discriminator(nn.Module):
    """Joints (B, T, 28, 3) -> how real each frame looks among its neighbours, logits (B, T).

    kcs, tkcs: whether it is shown ``psi`` and ``phi`` beside the coordinates
    """

    def __init__(self, kcs: bool = True, tkcs: bool = True, width: int = 96) -> None:
        super().__init__()
        shown = {"coordinates": True, "psi": kcs, "phi": tkcs}
        # A layer for each is one layer for all beside one another, without copying them there.
        self.embed = nn.ModuleDict(
            {name: nn.Linear(_SIZES[name], width) for name, is_seen in shown.items() if is_seen}
        )
        self.blocks = nn.ModuleList(TemporalBlock(width, d) for d in (1, 2, 4))
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, xyz: Tensor, inside: Tensor | None = None) -> Tensor:
        x = self.embed["coordinates"](xyz.flatten(-2)) * _SCALES["coordinates"]
        if "psi" in self.embed:
            x = x + self.embed["psi"](psi(xyz).flatten(-2)) * _SCALES["psi"]
        if "phi" in self.embed:
            change = self.embed["phi"](phi(xyz).flatten(-2)) * _SCALES["phi"]
            x = x + functional.pad(change, (0, 0, 1, 0))  # the first frame has none
        for block in self.blocks:
            x = block(x, inside)
        return self.score(x).float()[..., 0]
