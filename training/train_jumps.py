"""Train JUMPS' networks: ``jumps-train jumps ARCHIVE --run runs/NAME``; it resumes.

Mourot et al., section III-C, eq. 1 to 8, with the paper's settings as defaults. Everything, the
random cameras too, runs on one device; on CUDA a whole iteration is one captured graph.

A run's folder holds ``settings.json``, ``state.pt`` (for resuming), ``log.csv``, ``sheet.png``
(real, reconstructed and generated sequences: mode collapse shows there first) and
``networks.safetensors``.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime.cameras import FOCAL
from jumps_blender.model_runtime.features import SPREAD_TO_UNIT, TRUNK
from jumps_blender.model_runtime.jumps_networks import (
    FRAMES,
    LATENT,
    Discriminator,
    Encoder,
    Generator,
    initialise,
)
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import MIRROR

from .data import described, split
from .sheets import sequence_sheet

_RATE = 30  # frames per second


@dataclass(frozen=True)
class JumpsSettings:
    """The paper's settings; ``steps`` is 60 epochs of 835 000 sequences."""

    steps: int = 195_700
    batch: int = 256
    learning_rate: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    penalty_weight: float = 10.0  # lambda_gp, eq. 2
    position_weight: float = 200.0  # lambda_p, eq. 6
    velocity_weight: float = 100.0  # lambda_s, eq. 6
    code_weight: float = 2.0  # lambda_z, eq. 7
    mixed_weight: float = 1.0  # lambda_m, eq. 8
    encoder: bool = True  # False: the ablation "w/o ENC.", a GAN alone
    validate_every: int = 1000
    seed: int = 0


class SequenceBank:
    """Endless random 2D sequences from the mocap of some subjects, made on the device."""

    def __init__(self, archive: MocapArchive, validation: bool, device: torch.device) -> None:
        frames: list[np.ndarray] = []
        starts: list[np.ndarray] = []
        offset = 0
        self._stride = round(archive.fps / _RATE)
        for clip in map(archive.clip, split(archive)[validation]):
            # The generator makes whole bodies; it must not learn joints that nobody measured.
            if not clip.valid.all():
                continue
            count = len(clip.xyz) - (FRAMES - 1) * self._stride
            if count > 0:
                frames.append(clip.xyz)
                starts.append(offset + np.arange(count))
                offset += len(clip.xyz)
        if not frames:
            use = "choose by" if validation else "train on"
            raise JumpsError(
                f"{archive.path}: no clip to {use} has all 28 joints and {FRAMES} frames; these "
                "networks need some."
            )
        self._xyz = torch.from_numpy(np.concatenate(frames)).to(device)
        self._starts = torch.from_numpy(np.concatenate(starts)).to(device)
        self._steps = self._stride * torch.arange(FRAMES, device=device)
        self._mirror = torch.tensor(MIRROR, device=device)
        self.windows = len(self._starts)

    def draw(self, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Positions (size, 24, 28, 2) in body units, as ``normalised`` makes them."""
        device = self._xyz.device

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            share = torch.rand(size, *shape, device=device, generator=generator)
            return low + (high - low) * share

        index = (uniform(0, 1) * self.windows).long().clamp(max=self.windows - 1)
        xyz = self._xyz[self._starts[index][:, None] + self._steps]
        flip = uniform(0, 1)[:, None, None, None] < 0.5
        flipped = xyz[:, :, self._mirror] * torch.tensor([-1.0, 1.0, 1.0], device=device)
        xyz = torch.where(flip, flipped, xyz)

        yaw, elevation = uniform(0, 2 * np.pi), uniform(np.deg2rad(-15), np.deg2rad(30))
        roll = uniform(np.deg2rad(-5), np.deg2rad(5))
        centre = xyz[:, :, 4].mean(dim=1)
        reach = (xyz[:, :, 4] - centre[:, None]).norm(dim=-1).amax(dim=1)
        distance = uniform(2.5, 8.5) + reach
        level = torch.zeros_like(yaw)
        flat = elevation.cos()
        backward = torch.stack([flat * yaw.cos(), flat * yaw.sin(), elevation.sin()], -1)
        right = torch.stack([-yaw.sin(), yaw.cos(), level], -1)
        down = torch.linalg.cross(-backward, right)
        cos, sin = roll.cos()[:, None], roll.sin()[:, None]
        right, down = cos * right + sin * down, cos * down - sin * right
        axes = torch.stack([right, down, -backward], dim=1)
        eye = centre + distance[:, None] * backward
        local = torch.einsum("btjc,bdc->btjd", xyz - eye[:, None, None], axes)
        return normalised(FOCAL * local[..., :2] / local[..., 2:].clamp(min=0.3))


def normalised(points: Tensor) -> Tensor:
    """Sequences (B, 24, 28, 2) from the trunk's mean place, in its mean size, over the sequence.

    The same units as ``features.locate`` gives when all is seen: a body is about one unit high.
    """
    trunk = points[:, :, TRUNK]
    middle = trunk.mean(dim=2, keepdim=True)
    spread = (trunk - middle).square().sum(dim=-1).mean(dim=2).sqrt().mean(dim=1)
    return (points - middle.mean(dim=1, keepdim=True)) / (SPREAD_TO_UNIT * spread)[
        :, None, None, None
    ]


def position_error(real: Tensor, made: Tensor) -> Tensor:
    """MPJPE, eq. 4."""
    return (real - made).norm(dim=-1).mean()


def velocity_error(real: Tensor, made: Tensor) -> Tensor:
    """MPJVE, eq. 5."""
    return (real - made).diff(dim=1).norm(dim=-1).mean()


class Trainer:
    """The three networks, their optimisers, and one iteration of the paper's training."""

    def __init__(self, settings: JumpsSettings, bank: SequenceBank, device: torch.device) -> None:
        self.settings, self._bank, self.device = settings, bank, device
        self.networks = nn.ModuleDict(
            {"encoder": Encoder(), "generator": Generator(), "discriminator": Discriminator()}
        ).to(device)
        initialise(self.networks)
        self.encoder, self.generator, self.discriminator = (
            self.networks[name] for name in ("encoder", "generator", "discriminator")
        )
        self.optimizers = {
            name: torch.optim.Adam(
                network.parameters(),
                settings.learning_rate,
                (settings.beta1, settings.beta2),
                capturable=device.type == "cuda",
            )
            for name, network in self.networks.items()
        }
        self._step: Callable[[], Tensor] = self._iteration
        if device.type == "cuda":
            self._step = _captured(self._iteration)

    def step(self) -> Tensor:
        """One iteration; the terms of the losses: D, gradient penalty, G, position, velocity, z."""
        return self._step()

    def _iteration(self) -> Tensor:
        settings = self.settings
        real = self._bank.draw(settings.batch)
        codes = torch.randn(settings.batch, LATENT, device=self.device)
        with self._autocast(), torch.no_grad():
            fake = self.generator(codes)
        fake = fake.float()
        with self._autocast():
            distance = self.discriminator(fake).mean() - self.discriminator(real).mean()
        penalty = self._gradient_penalty(real, fake)
        self._update(distance + settings.penalty_weight * penalty, "discriminator")

        self.discriminator.requires_grad_(False)
        codes = torch.randn(settings.batch, LATENT, device=self.device)
        with self._autocast():
            made = self.generator(codes).float()
            loss = adversarial = -self.discriminator(made).mean()
            position = velocity = code = torch.zeros((), device=self.device)
            if settings.encoder:
                again = self.generator(self.encoder(real)).float()
                position, velocity = position_error(real, again), velocity_error(real, again)
                code = (self.encoder(made).float() - codes).square().mean()
                loss = (
                    adversarial
                    + settings.position_weight * position
                    + settings.velocity_weight * velocity
                    + settings.code_weight * code
                    - settings.mixed_weight * self.discriminator(again).mean()
                )
        # L_G doesn't depend on the encoder, so that one backward pass serves both networks.
        self._update(loss, *(("encoder", "generator") if settings.encoder else ("generator",)))
        self.discriminator.requires_grad_(True)
        terms = (distance, penalty, adversarial, position, velocity, code)
        return torch.stack([term.detach().float() for term in terms])

    def _gradient_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """Eq. 2's last term, at random points between real and generated sequences."""
        share = torch.rand(len(real), 1, 1, 1, device=self.device)
        between = (real + share * (fake - real)).requires_grad_(True)
        with self._autocast():
            score = self.discriminator(between).float().sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        return (slope.float().flatten(1).norm(dim=1) - 1).square().mean()

    def _update(self, loss: Tensor, *names: str) -> None:
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=False)
        loss.backward()
        for name in names:
            self.optimizers[name].step()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)


def _captured(iteration: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The iteration as one CUDA graph: its thousand small kernels cost more to launch than run."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(4):
            iteration()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        terms = iteration()

    def replay() -> Tensor:
        graph.replay()
        return terms

    return replay


def train(archive: Path, run: Path, settings: JumpsSettings) -> None:
    """Train until ``settings.steps``, from the run's state where there is one."""
    run.mkdir(parents=True, exist_ok=True)
    data = MocapArchive(archive)
    facts = {"training": asdict(settings), **described(data)}
    (run / "settings.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bank = SequenceBank(data, validation=False, device=device)
    held_out = SequenceBank(data, validation=True, device=device)
    fixed = torch.Generator(device).manual_seed(99)
    real = held_out.draw(1024, fixed)
    codes = torch.randn(1024, LATENT, device=device, generator=fixed)

    state_path, step = run / "state.pt", 0
    state = None
    if state_path.exists():
        state = torch.load(state_path, map_location=device, weights_only=True)
        step = state["step"]
        print(f"resuming at step {step}", flush=True)
    torch.manual_seed(settings.seed + 1_000_003 * step)
    trainer = Trainer(settings, bank, device)
    if state is not None:
        with torch.no_grad():  # in place: a captured graph keeps its tensors
            for name, value in trainer.networks.state_dict().items():
                value.copy_(state["networks"][name])
        for name, optimizer in trainer.optimizers.items():
            _restore(optimizer, state["optimizers"][name])
    sums, since, since_step = torch.zeros(6, device=device), time.perf_counter(), step
    while step < settings.steps:
        sums += trainer.step()
        step += 1
        if step % settings.validate_every and step != settings.steps:
            continue
        names = ("critic", "penalty", "adversarial", "position", "velocity", "code")
        terms = (sums / (step - since_step)).tolist()
        speed = (step - since_step) * settings.batch / (time.perf_counter() - since)
        row: dict[str, float] = {"step": step}
        row |= {name: round(term, 5) for name, term in zip(names, terms, strict=True)}
        row |= _validated(trainer, real, codes, run / "sheet.png")
        row["sequences_per_s"] = round(speed)
        print(row, flush=True)
        with (run / "log.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
        weights = {
            name: value.contiguous() for name, value in trainer.networks.state_dict().items()
        }
        with written_whole(run / "networks.safetensors") as path:
            save_file(weights, path)
        state = {
            "networks": trainer.networks.state_dict(),
            "optimizers": {k: v.state_dict() for k, v in trainer.optimizers.items()},
            "step": step,
        }
        torch.save(state, run / "state.tmp")
        (run / "state.tmp").replace(state_path)
        sums.zero_()
        since, since_step = time.perf_counter(), step


def _restore(optimizer: torch.optim.Optimizer, saved: dict) -> None:
    """Load an optimiser's moments into the tensors it has, or as they are where it has none yet.

    The learning rate stays the one that was asked for now.
    """
    if not optimizer.state:
        rate = optimizer.param_groups[0]["lr"]
        optimizer.load_state_dict(saved)
        optimizer.param_groups[0]["lr"] = rate
        return
    with torch.no_grad():
        for number, parameter in enumerate(optimizer.param_groups[0]["params"]):
            for name, value in saved["state"][number].items():
                optimizer.state[parameter][name].copy_(value)


@torch.no_grad()
def _validated(trainer: Trainer, real: Tensor, codes: Tensor, sheet: Path) -> dict[str, float]:
    """Errors on held-out people, and how various the generated sequences are beside real ones."""
    trainer.networks.eval()
    made = trainer.generator(codes)
    again = trainer.generator(trainer.encoder(real)) if trainer.settings.encoder else None
    rows = {"real": real, "reconstructed": again, "generated": made}
    sequence_sheet(
        {name: some[:12].cpu().numpy() for name, some in rows.items() if some is not None}, sheet
    )
    figures: dict[str, float] = {}
    if again is not None:
        figures |= {
            "val_position": round(position_error(real, again).item(), 5),
            "val_velocity": round(velocity_error(real, again).item(), 5),
            "val_score_again": round(trainer.discriminator(again).mean().item(), 4),
        }
    figures |= {
        "val_score_real": round(trainer.discriminator(real).mean().item(), 4),
        "score_made": round(trainer.discriminator(made).mean().item(), 4),
        "variety": round(_variety(made) / _variety(real), 4),
        "speed_made": round((made.diff(dim=1).norm(dim=-1).mean()).item(), 5),
        "speed_real": round((real.diff(dim=1).norm(dim=-1).mean()).item(), 5),
    }
    trainer.networks.train()
    return figures


def _variety(sequences: Tensor) -> float:
    """Mean distance between neighbours in the list, which are strangers: 0 when all are one."""
    return (sequences - sequences.roll(1, dims=0)).norm(dim=-1).mean().item()
