"""Engine ``direct``: the feed-forward network, over clips of any length and frame rate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.track import Observation
from . import features
from .direct_network import DirectConfig, DirectNetwork
from .engine import CancelQuery, Estimate, Progress, checkpoint
from .gaps import BridgedTrajectories
from .time_grid import cubic_at, working_grid
from .weights_files import load_weights

_CHUNK = 384  # moments per pass; fewer lose more to the overlap, more take more memory
_LEAST_CHUNK = 48
_PIECE = 2048  # frames per piece when the clip's rate is far above the network's


def pick_device(device: str) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU; raises JumpsError for an absent device."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if device not in available:
        raise JumpsError(f"Device {device!r} is not known; use auto, cpu, cuda or mps.")
    if not available[device]:
        raise JumpsError(f"PyTorch finds no {device} device on this machine; use --device auto.")
    return torch.device(device)


def release(device: torch.device) -> None:
    """Give back the memory that PyTorch keeps for the next pass."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


class DirectEngine:
    """The shipped network. Mirrored input gives the mirrored result: both are run and averaged."""

    name = "direct"

    def __init__(self, device: str = "auto") -> None:
        tensors, card, digest = load_weights("direct")
        settings = card["architecture"]
        config = DirectConfig(settings["width"], tuple(settings["dilations"]))
        self._device = pick_device(device)
        self.on_cpu = self._device.type == "cpu"
        self._chunk = _CHUNK
        self._network = DirectNetwork(config)
        self._network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
        self._network.to(self._device).eval()
        self._halo = self._network.reach() + 1  # the centre's velocity looks one moment further
        self.identity = f"{self.name} {digest}"

    def use_less_memory(self) -> bool:
        """See ``Engine.use_less_memory``; where pieces end makes no difference to the result."""
        if self._chunk <= _LEAST_CHUNK:
            return False
        self._chunk //= 2
        release(self._device)
        return True

    def estimate(
        self,
        observation: Observation,
        progress: Progress | None = None,
        cancelled: CancelQuery | None = None,
    ) -> Estimate:
        """See ``Engine.estimate``. Memory beyond the result doesn't grow with the clip's length."""
        times = observation.times
        moments, step = working_grid(times)
        trajectories = BridgedTrajectories(observation)
        unit = self._units(trajectories, moments)
        positions = np.empty((len(times), 28, 2), np.float32)
        uncertainty = np.empty((len(times), 28), np.float32)
        for start in range(0, len(moments), self._chunk):
            checkpoint(start / len(moments), progress, cancelled)
            stop = min(start + self._chunk, len(moments))
            # Interpolation between moments needs one before and two after.
            low, high = max(start - 1, 0), min(stop + 2, len(moments))
            added, log_sigma = self._added(trajectories, moments, unit, step, low, high)
            first = int(np.searchsorted(times, moments[start])) if start else 0
            end = np.searchsorted(times, moments[stop]) if stop < len(moments) else len(times)
            for piece in range(first, int(end), _PIECE):
                at = slice(piece, min(piece + _PIECE, int(end)))
                near = moments[low:high]
                bridged, _ = trajectories.curved_at(times[at])
                body = features.locate(bridged.positions, bridged.age)
                scale = np.interp(times[at], moments, unit).astype(np.float32)[:, None]
                placed = features.base_positions(bridged.positions, body, scale)
                placed += cubic_at(added, near, times[at])
                positions[at] = body.centre + placed * scale[..., None]
                uncertainty[at] = np.exp(cubic_at(log_sigma, near, times[at])) * scale
        checkpoint(1.0, progress, cancelled)
        return Estimate(positions, uncertainty)

    def _units(
        self, trajectories: BridgedTrajectories, moments: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The body's smoothed size at every moment, (G,) pixels."""
        unit = np.empty(len(moments), np.float32)
        for start in range(0, len(moments), _CHUNK):
            span = slice(start, start + _CHUNK)
            bridged, _ = trajectories.curved_at(moments[span])
            unit[span] = features.locate(bridged.positions, bridged.age).unit[:, 0]
        return features.smoothed(unit)

    def _added(
        self,
        trajectories: BridgedTrajectories,
        moments: NDArray[np.float64],
        unit: NDArray[np.float32],
        step: float,
        low: int,
        high: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The network's offsets (n, 28, 2) and log sigma (n, 28) for moments low to high."""
        first, last = max(low - self._halo, 0), min(high + self._halo, len(moments))
        bridged, curve = trajectories.curved_at(moments[first:last])
        body = features.locate(bridged.positions, bridged.age)
        scale = unit[first:last, None]
        both = np.stack(
            [
                features.network_features(
                    bridged.positions,
                    bridged.age,
                    bridged.confidence,
                    body,
                    scale,
                    step,
                    curve,
                    mirror,
                )
                for mirror in (False, True)
            ]
        )
        with torch.inference_mode():
            offsets, log_sigma = self._network(torch.from_numpy(both).to(self._device))
        keep = slice(low - first, high - first)
        plain, flipped = offsets[:, keep].cpu().numpy()
        sigma, flipped_sigma = log_sigma[:, keep].cpu().numpy()
        return (
            0.5 * (plain + features.unmirrored(flipped)),
            0.5 * (sigma + features.unmirrored(flipped_sigma)),
        )
