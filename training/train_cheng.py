"""Train the reference: ``jumps-train cheng ARCHIVE --run runs/lift-reference/cheng``; it resumes.

Cheng et al.'s losses, eq. 1, 2, 3, 5 and 6, with the paper's weights. A batch shows each motion
from two cameras (eq. 2); of some motions only the picture is taken as known (eq. 3): there is no
2D data set here whose 3D nobody measured. Occlusion training is the lifter's own, with larger
shares: frames, points and areas hidden, a detector's noise, shifts and swaps of left and right.
What the paper doesn't have, windows that the upsampler made, is not trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from jumps_blender.model_runtime.lift_features import COMMON_SIZE, PELVIS, SIZE
from jumps_blender.model_runtime.lift_network import Lifted
from jumps_blender.model_runtime.mocap import MocapArchive

from .cheng import USUAL_DISTANCE, ChengConfig, ChengNetwork, Discriminator, applied, rotated
from .data import described, split
from .lift_data import LiftBatch, LiftSettings, LiftStream, before, cameras, make_batch, standing
from .loop import LoopSettings, Task, fit, tensors
from .motion import Motion
from .train_lift import Validation, merit

_ONE_STRIDE_CHANNELS = 212  # the network then has as many parameters as with five strides


@dataclass(frozen=True)
class ChengTrainSettings(LoopSettings):
    """How the reference is trained: eq. 6's weights, and what it leaves open."""

    steps: int = 9000
    views_weight: float = 0.5
    flat_weight: float = 0.1
    adversarial_weight: float = 0.01
    flat_share: float = 0.125  # of motions whose 3D isn't used
    critic_rate: float = 2e-4
    without: tuple[str, ...] = ()  # strides, kcs, tkcs, occlusion
    samples: LiftSettings = field(
        default_factory=lambda: LiftSettings(upsampled_share=0, noisy_share=0.3, hidden_share=0.3)
    )


@dataclass(frozen=True)
class ChengBatch(LiftBatch):
    """B windows of T frames; the second half shows the first half's motions to other cameras.

    flat: float32 (B, T, 28, 2), where the picture truly has the joints, from the pelvis; person
        heights, if the body unit is a usual share of the height
    between: float32 (B / 2, T, 3, 3), from the first half's turned cameras' axes to the second's
    known: float32 (B,), 0 for windows whose 3D isn't used
    """

    flat: NDArray[np.float32]
    between: NDArray[np.float32]
    known: NDArray[np.float32]


class ChengStream(LiftStream):
    """Endless random batches from some subjects of an archive."""

    def __init__(
        self,
        archive: MocapArchive,
        clips: list[int],
        settings: LiftSettings,
        seed: int,
        flat_share: float = 0.0,
    ) -> None:
        """flat_share: of motions whose 3D isn't used"""
        super().__init__(archive, clips, settings, seed)
        self._flat_share = flat_share

    def batch(self, size: int) -> ChengBatch:
        """Draw one batch of ``size`` samples, an even number."""
        once = self._motions.draw(size // 2)
        motion = Motion(*(np.concatenate([value, value]) for value in vars(once).values()))
        xyz = standing(motion)
        aim = cameras(xyz, self.settings.tripod_share, self._rng)
        scene = before(aim, xyz, motion)
        batch = make_batch(scene, *self._seen(scene))
        axes = np.einsum("btij,bjk->btik", batch.turn, aim.axes())
        first, second = np.split(axes, 2)
        ahead = np.einsum("btij,btkj->btki", batch.turn, scene.local)
        flat = ahead[..., :2] / np.maximum(ahead[..., 2:], 0.1)
        scale = np.exp(USUAL_DISTANCE - COMMON_SIZE - batch.features[..., SIZE])
        flat = (flat - flat[:, :, PELVIS, None]) * scale[..., None, None]
        known = self._rng.random(size // 2) >= self._flat_share
        return ChengBatch(
            **vars(batch),
            flat=flat.astype(np.float32),
            between=np.einsum("btij,btkj->btik", second, first).astype(np.float32),
            known=np.concatenate([known, known]).astype(np.float32),
        )


def position_loss(offsets: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Eq. 1 for joints (B, T, 28, 3), of which those count that have a weight (B, T, 28)."""
    return _poses((offsets - truth).square().sum(dim=-1), weight)


def views_loss(offsets: Tensor, between: Tensor, weight: Tensor) -> Tensor:
    """Eq. 2 for joints (2 B, T, 28, 3) in two views' axes; between (B, T, 3, 3), see above."""
    first, second = offsets.chunk(2)
    one, two = weight.chunk(2)
    return _poses((applied(between, first) - second).square().sum(dim=-1), one * two)


def flat_loss(offsets: Tensor, flat: Tensor, weight: Tensor) -> Tensor:
    """Eq. 3 for joints (B, T, 28, 3) seen orthographically and the picture (B, T, 28, 2).

    How far away somebody is, is part of the 3D that isn't used; so each frame's scale is the one
    that fits best.
    """
    seen = offsets[..., :2]
    share = weight[..., None]
    fits = (share * seen * flat).sum(dim=(-1, -2), keepdim=True)
    own = (share * seen.square()).sum(dim=(-1, -2), keepdim=True).clamp(min=1e-6)
    return _poses((fits / own * seen - flat).square().sum(dim=-1), weight)


def _poses(squares: Tensor, weight: Tensor) -> Tensor:
    """The sum over a pose's joints, averaged over poses: how eq. 1 to 3 are read."""
    return 28 * _mean(squares, weight)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1)


class Adversary:
    """A discriminator that learns while the network does, and the network's losses.

    Its optimiser and weights are its own: a run that resumes starts with a new discriminator.
    """

    def __init__(self, discriminator: Discriminator, rate: float) -> None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.discriminator = discriminator.to(device)
        self._optimizer = torch.optim.Adam(discriminator.parameters(), rate, betas=(0.5, 0.999))

    def losses(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Eq. 6's terms by name, squares of person heights; ``discriminator`` is only for the log.

        The discriminator makes a step of its own, too.
        """
        lifted: Lifted = network(batch["features"], batch["inside"])
        offsets, weight = lifted.offsets, batch["weight"]
        known = batch["known"][:, None, None]
        # One view of each motion is judged, since both are turned at random: half the time.
        found, real = offsets.chunk(2)[0], batch["offsets"].chunk(2)[0]
        whole = weight.chunk(2)[0].amin(dim=-1)  # frames that show all of a body
        critic = self._improved(found.detach(), real, whole)
        self.discriminator.requires_grad_(False)
        score = self.discriminator(rotated(found), whole[..., None])
        return {
            "position": position_loss(offsets, batch["offsets"], weight * known),
            "views": views_loss(offsets, batch["between"], weight * known),
            "flat": flat_loss(offsets, batch["flat"], weight * (1 - known)),
            "adversarial": _mean(functional.softplus(-score), whole),
            "discriminator": critic,
        }

    def _improved(self, found: Tensor, real: Tensor, whole: Tensor) -> Tensor:
        """One step of the discriminator; its cross entropy before."""
        self.discriminator.requires_grad_(True)
        both = torch.cat([rotated(found), rotated(real)])
        fake, true = self.discriminator(both, torch.cat([whole, whole])[..., None]).chunk(2)
        loss = _mean(functional.softplus(fake) + functional.softplus(-true), whole)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach()


def train(archive: Path, run: Path, settings: ChengTrainSettings, config: ChengConfig) -> None:
    """Train until ``settings.steps``, starting from the run's state where there is one."""
    data = MocapArchive(archive)
    if "strides" in settings.without:
        config = replace(config, strides=(1,), channels=_ONE_STRIDE_CHANNELS)
    if "occlusion" in settings.without:
        samples = replace(settings.samples, noisy_share=0.0, hidden_share=0.0)
        settings = replace(settings, samples=samples)
    facts = {
        "network": "cheng",
        "architecture": config.as_json(),
        "training": asdict(settings),
        **described(data),
    }
    torch.manual_seed(settings.seed)
    network = ChengNetwork(config)
    kcs, tkcs = (name not in settings.without for name in ("kcs", "tkcs"))
    adversary = Adversary(Discriminator(kcs, tkcs), settings.critic_rate)
    weights = {
        "position": 1.0,
        "views": settings.views_weight,
        "flat": settings.flat_weight,
        "adversarial": settings.adversarial_weight,
        "discriminator": 0.0,
    }
    batches = partial(_batches, archive, settings)
    task = Task(batches, adversary.losses, weights, Validation(archive).score, merit)
    fit(network, ChengNetwork(config), task, run, settings, facts)


def _batches(archive: Path, settings: ChengTrainSettings, seed: int) -> Iterator[dict[str, Tensor]]:
    data = MocapArchive(archive)
    stream = ChengStream(data, split(data)[0], settings.samples, seed, settings.flat_share)
    while True:
        yield tensors(stream.batch(settings.batch))
