"""Engine ``latent``: JUMPS' own inference, by optimisation in the generator's latent space.

Mourot et al., section III-D, eq. 9 and 10: for each window of 24 frames, the code whose generated
sequence, brought onto the given joints by ordinary Procrustes at every step, fits them best and
looks real to the discriminator. Several starts; windows overlap by half and are faded into each
other. A given joint counts by its confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..keypoints.track import Observation
from . import features
from .baselines import RidgeEngine
from .direct import pick_device, release
from .engine import CancelQuery, Estimate, Progress, checkpoint
from .gaps import BridgedTrajectories
from .jumps_networks import FRAMES, LATENT, Discriminator, Encoder, Generator
from .time_grid import cubic_at, working_grid
from .weights_files import load_weights

_WINDOWS_AT_ONCE = 64
# (24, 1): a window's say at each of its frames when windows are faded into each other.
_FADE = 1 - np.abs(np.linspace(-1, 1, FRAMES, dtype=np.float32)[:, None]) * (FRAMES - 1) / FRAMES
_STALE_WEIGHT = 1e-4  # of a joint that isn't seen, in the alignment; where none is, they place it


@dataclass(frozen=True)
class LatentSettings:
    """The paper's inference, and the switches of its ablations.

    steps, random_starts (codes drawn from the prior beside the encoder's), beta1 and beta2 are the
    paper's. learning_rate and position_weight, velocity_weight, prior_weight (gamma_p, gamma_s and
    gamma_d of eq. 10) were chosen on validation subjects: the paper's (1; 10, 5, 15) belong to
    units that it does not tell.
    blend: fade overlapping windows into each other; False takes, as the paper does, at each frame
        the one with the smaller contextual loss
    """

    procrustes: bool = True
    encoder: bool = True
    overlap: bool = True
    blend: bool = True
    steps: int = 200
    learning_rate: float = 0.01
    beta1: float = 0.8
    beta2: float = 0.999
    position_weight: float = 10.0
    velocity_weight: float = 20.0
    prior_weight: float = 0.02
    random_starts: int = 3


ABLATIONS = {
    "latent": LatentSettings(),
    "latent-no-overlap": LatentSettings(overlap=False),
    # From a random start the way is longer (benchmarks/latent.py).
    "latent-no-encoder": LatentSettings(encoder=False, learning_rate=0.1),
    "latent-no-procrustes": LatentSettings(procrustes=False),
}


@dataclass(frozen=True)
class _Windows:
    """W windows of the clip, in body units.

    given: (W, 24, 28, 2), bridged positions; seen: (W, 24, 28), the confidence where observed,
    else 0; filled: like given, with a first guess where nothing was observed; centre (W, 2) and
    unit (W,): pixels.
    """

    given: Tensor
    seen: Tensor
    filled: Tensor
    centre: Tensor
    unit: Tensor


class LatentEngine:
    """JUMPS as published; slow. ``settings`` switches the parts that the paper's ablations drop."""

    def __init__(
        self,
        device: str = "auto",
        name: str = "latent",
        settings: LatentSettings | None = None,
        weights: tuple[dict[str, NDArray], dict, str] | None = None,
    ) -> None:
        """``settings`` and ``weights`` (as ``load_weights`` gives them) replace what ships."""
        self.name, self.settings = name, settings or ABLATIONS[name]
        shipped = "jumps" if self.settings.encoder else "jumps_gan"
        tensors, card, digest = weights or load_weights(shipped)
        self.identity = f"{name} {digest}"
        self._device = pick_device(device)
        self.on_cpu = self._device.type == "cpu"
        self._windows = _WINDOWS_AT_ONCE
        self._sigma = np.asarray(card["sigma"], np.float32)  # (28,), body units
        self._generator, self._discriminator = Generator(), Discriminator()
        self._encoder = Encoder() if self.settings.encoder else None
        for part, network in (
            ("encoder", self._encoder),
            ("generator", self._generator),
            ("discriminator", self._discriminator),
        ):
            if network is not None:
                own = {
                    k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(part)
                }
                network.load_state_dict({k: torch.from_numpy(v) for k, v in own.items()})
                network.to(self._device).eval().requires_grad_(False)
        self._guess = RidgeEngine()

    def use_less_memory(self) -> bool:
        """See ``Engine.use_less_memory``; the random starts are then drawn anew."""
        if self._windows <= 1:
            return False
        self._windows //= 2
        release(self._device)
        return True

    def estimate(
        self,
        observation: Observation,
        progress: Progress | None = None,
        cancelled: CancelQuery | None = None,
    ) -> Estimate:
        """See ``Engine.estimate``."""
        times = observation.times
        moments, step = working_grid(times)
        trajectories = BridgedTrajectories(observation)
        guess = self._guess.estimate(observation).positions
        starts = _window_starts(len(moments), FRAMES // 2 if self.settings.overlap else FRAMES)
        made = np.zeros((len(moments), 28, 2), np.float32)
        spread = np.zeros((len(moments), 28), np.float32)
        # Of the windows taken so far: the smallest contextual loss, or the sum of their weights.
        best = np.full(len(moments), np.inf, np.float32)
        total = np.zeros((len(moments), 1), np.float32)
        for first in range(0, len(starts), self._windows):
            some = starts[first : first + self._windows]
            index = np.minimum(some[:, None] + np.arange(FRAMES), len(moments) - 1)
            windows = self._cut(trajectories, guess, times, moments, step, index)

            def told(done: float, first: int = first, count: int = len(some)) -> None:
                checkpoint((first + done * count) / len(starts), progress, cancelled)

            sequences, loss = self._optimised(windows, seed=first, told=told)
            unit = windows.unit[:, None, None].cpu().numpy()
            pixels = sequences.cpu().numpy() * unit[..., None]
            pixels += windows.centre[:, None, None].cpu().numpy()
            for place, pixel, fit, size in zip(
                index, pixels, loss.cpu().numpy(), unit, strict=True
            ):
                # A shorter clip's only window stands on its last moment from there on.
                inside = np.arange(min(FRAMES, len(moments)))
                at, share = place[inside], _FADE[inside]
                if not self.settings.blend:
                    better = fit[inside] < best[at]
                    inside, at = inside[better], at[better]
                    best[at], made[at], spread[at], total[at] = fit[inside], 0, 0, 0
                    share = np.ones((len(at), 1), np.float32)
                made[at] += share[..., None] * pixel[inside]
                spread[at] += share * size * self._sigma
                total[at] += share
        checkpoint(1.0, progress, cancelled)
        made /= total[..., None]
        spread /= total
        return Estimate(cubic_at(made, moments, times), cubic_at(spread, moments, times))

    def _cut(
        self,
        trajectories: BridgedTrajectories,
        guess: NDArray[np.float32],
        times: NDArray[np.float64],
        moments: NDArray[np.float64],
        step: float,
        index: NDArray[np.intp],
    ) -> _Windows:
        """The windows that hold the moments ``index`` (W, 24)."""
        low, high = int(index.min()), int(index.max()) + 1
        bridged = trajectories.at(moments[low:high])
        body = features.locate(bridged.positions, bridged.age)
        seen = (bridged.age < 0.5 * step) & (bridged.confidence > 0)
        filled = np.where(
            (bridged.age < 0.5 * step)[..., None],
            bridged.positions,
            cubic_at(guess, times, moments[low:high]),
        )
        at = index - low
        inside = np.arange(FRAMES)[:, None] < len(moments)
        if self.settings.procrustes:
            centre = body.centre[at, 0].mean(axis=1)
            unit = body.unit[at, 0].mean(axis=1)
        else:  # one map to the picture for all windows
            centre = np.repeat(body.centre[:, 0].mean(axis=0)[None], len(index), axis=0)
            unit = np.full(len(index), body.unit.mean(), np.float32)

        def own(values: NDArray) -> Tensor:
            placed = (values[at] - centre[:, None, None]) / unit[:, None, None, None]
            return torch.from_numpy(placed.astype(np.float32)).to(self._device)

        return _Windows(
            own(bridged.positions),
            torch.from_numpy(np.where(seen[at] & inside, bridged.confidence[at], 0)).to(
                self._device
            ),
            own(filled),
            torch.from_numpy(centre).to(self._device),
            torch.from_numpy(unit).to(self._device),
        )

    def _optimised(self, windows: _Windows, seed: int, told) -> tuple[Tensor, Tensor]:
        """The best start's sequences (W, 24, 28, 2) and their contextual loss per frame (W, 24)."""
        settings, count = self.settings, len(windows.given)
        draw = torch.Generator().manual_seed(seed)
        codes = torch.randn(count, settings.random_starts, LATENT, generator=draw)
        codes = codes.to(self._device)
        if self._encoder is not None:
            with torch.inference_mode():
                first = self._encoder(windows.filled).float()
            codes = torch.cat([first.clone()[:, None], codes], dim=1)
        codes = codes.requires_grad_(True)
        optimizer = torch.optim.Adam(
            [codes], settings.learning_rate, (settings.beta1, settings.beta2)
        )
        best = torch.full(codes.shape[:2], torch.inf, device=self._device)
        best_codes = codes.detach().clone()
        for step in range(settings.steps):
            told(step / settings.steps)
            _, _, loss = self._losses(windows, codes)
            with torch.no_grad():
                better = loss < best
                best = torch.where(better, loss, best)
                best_codes = torch.where(better[..., None], codes, best_codes)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
        with torch.no_grad():
            sequences, frames, loss = self._losses(windows, best_codes)
        rows, chosen = torch.arange(count, device=self._device), loss.argmin(dim=1)
        return sequences[rows, chosen], frames[rows, chosen]

    def _losses(self, windows: _Windows, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Eq. 10 for codes (W, S, 64): sequences, contextual loss per frame, loss (W, S)."""
        settings = self.settings
        made = self._generator(codes.flatten(0, 1))
        score = self._discriminator(made).unflatten(0, codes.shape[:2])
        made = made.unflatten(0, codes.shape[:2])
        given, seen = windows.given[:, None], windows.seen[:, None]
        if settings.procrustes:
            made = aligned(made, given, seen + _STALE_WEIGHT)
        position = (made - given).square().sum(dim=-1).add(1e-12).sqrt() * seen
        both = seen[:, :, 1:] * seen[:, :, :-1]
        velocity = (made - given).diff(dim=2).square().sum(dim=-1).add(1e-12).sqrt() * both
        loss = (
            settings.position_weight * _mean(position, seen, (2, 3))
            + settings.velocity_weight * _mean(velocity, both, (2, 3))
            - settings.prior_weight * score
        )
        frames = settings.position_weight * _mean(position, seen, (3,))
        frames[:, :, 1:] += settings.velocity_weight * _mean(velocity, both, (3,))
        # Where nothing is seen, the window in whose middle the frame lies is preferred.
        away = torch.linspace(-1, 1, FRAMES, device=made.device).abs()
        return made, frames + 1e-3 * away, loss


def aligned(made: Tensor, given: Tensor, weight: Tensor) -> Tensor:
    """Ordinary Procrustes: ``made`` (…, T, 28, 2) moved, scaled and turned onto ``given``.

    One map for each sequence, by weighted least squares over joint-frames (…, T, 28).
    """
    weight = weight[..., None] / weight.sum(dim=(-2, -1), keepdim=True)[..., None]
    made_mean = (weight * made).sum(dim=(-3, -2), keepdim=True)
    given_mean = (weight * given).sum(dim=(-3, -2), keepdim=True)
    a, b = made - made_mean, given - given_mean
    total = (weight * a.square()).sum(dim=(-3, -2, -1), keepdim=True).clamp(min=1e-9)
    cos = (weight * a * b).sum(dim=(-3, -2, -1), keepdim=True) / total
    crossed = a[..., :1] * b[..., 1:] - a[..., 1:] * b[..., :1]
    sin = (weight * crossed).sum(dim=(-3, -2, -1), keepdim=True) / total
    x, y = a.split(1, dim=-1)
    return torch.cat([cos * x - sin * y, sin * x + cos * y], dim=-1) + given_mean


def _mean(values: Tensor, weight: Tensor, dims: tuple[int, ...]) -> Tensor:
    return values.sum(dim=dims) / weight.sum(dim=dims).clamp(min=1e-6)


def _window_starts(moments: int, hop: int) -> NDArray[np.intp]:
    """First moments of windows that cover the clip; the last one ends where the clip ends."""
    last = max(moments - FRAMES, 0)
    return np.append(np.arange(0, last, hop), last)
