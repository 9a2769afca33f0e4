"""From 28 joints in a picture to 28 joints in space: the lifter.

After Cheng et al., "3D Human Pose Estimation Using Spatio-Temporal Networks with Explicit Occlusion
Training", AAAI 2020, and further: what is seen stays on its ray (see ``lift_network.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..keypoints.space import Lens
from ..keypoints.track import Observation
from ..skeletons import MIRROR
from . import lift_features
from .cameras import FOCAL
from .contact_network import ContactConfig, ContactNetwork, contact_features, standing_probability
from .direct import pick_device
from .engine import CancelQuery, Progress, checkpoint
from .gaps import BridgedTrajectories
from .joint_limits import limited
from .lift_network import LiftConfig, Lifted, LiftNetwork
from .lift_refine import refined
from .time_grid import cubic_at, working_grid
from .weights_files import load_weights

_CHUNK = 384  # moments per pass


@dataclass(frozen=True)
class Lift:
    """A clip of F frames in space.

    positions: float32 (F, 28, 3), metres in the camera's axes: right, down, forward
    uncertainty: float32 (F, 28), metres, one standard deviation along each axis
    up: float32 (F, 3), unit vectors away from the ground, in the camera's axes
    contact: float32 (F, 4), probability that the parts of the feet in ``contacts.CONTACTS`` stand
    """

    positions: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    up: NDArray[np.float32]
    contact: NDArray[np.float32]


class LiftingNetwork(Protocol):
    """What finds joints in space, frame by frame: ``LiftNetwork``, or one it is compared with."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """See ``torch.nn.Module``."""

    def reach(self) -> int:
        """Frames to each side that a frame's result depends on."""

    def __call__(self, features: torch.Tensor) -> Lifted:
        """Features (B, T, FEATURES), see ``lift_features.py``."""


class Lifter:
    """A network, and one skeleton for the whole clip (see ``lift_refine.py``).

    Mirrored input gives the mirrored result: both are run and averaged.
    """

    def __init__(
        self,
        network: LiftingNetwork,
        identity: str,
        *,
        refine: bool = True,
        contacts: ContactNetwork | None = None,
    ) -> None:
        """network: on the CPU or another device, in evaluation mode; contacts: there, too

        Without ``contacts`` the network's own say which feet stand.
        """
        self.identity = identity
        self._network, self._refine, self._contacts = network, refine, contacts

    @classmethod
    def load(
        cls, device: str = "auto", *, contact_network: bool = True, refine: bool = True
    ) -> Lifter:
        """The shipped networks; with or without the one for contacts, and one skeleton."""
        where = pick_device(device)
        tensors, card, digest = load_weights("lift")
        settings = card["architecture"]
        network = LiftNetwork(LiftConfig(settings["width"], tuple(settings["dilations"])))
        _fill(network, tensors, where)
        identity = f"lift {digest}" if refine else f"lift {digest} unrefined"
        if not contact_network:
            return cls(network, identity, refine=refine)
        tensors, card, other = load_weights("contacts")
        settings = card["architecture"]
        feet = ContactNetwork(ContactConfig(settings["width"], tuple(settings["dilations"])))
        _fill(feet, tensors, where)
        identity += f" contacts {other}"
        return cls(network, identity, refine=refine, contacts=feet)

    def lift(
        self,
        observation: Observation,
        lens: Lens,
        height: float,
        progress: Progress | None = None,
        cancelled: CancelQuery | None = None,
    ) -> Lift:
        """Find all joints' places in space.

        observation: 28 joints in pixels; the confidence of joints that an upsampler found is
            ``lift_features.trust``, and 0 stands for holes
        height: the person's standing height, metres
        """
        centred = (observation.positions - np.array(lens.centre, np.float32)) * np.float32(
            FOCAL / lens.focal
        )
        seen = Observation(
            centred * observation.mask[..., None],
            observation.confidence,
            observation.tracked,
            observation.times,
        )
        times = observation.times
        moments, step = working_grid(times)
        frame = step * (len(moments) / len(times))
        bridged, _ = BridgedTrajectories(seen).curved_at(moments)
        view = lift_features.look(bridged.positions, bridged.age, bridged.confidence, step)
        rays = seen.positions / np.float32(FOCAL)
        passes = 2 if self._refine else 1
        for number in range(passes):

            def tell(share: float, done: int = number) -> None:
                if progress is not None:
                    progress((done + share) / passes)

            found = self._run(view.features, tell, cancelled)
            lift = _placed(found, view, moments, times, height)
            if self._refine:
                # The second time the network knows whose bones these are.
                positions, lengths = refined(
                    lift.positions, lift.uncertainty, rays, seen.confidence, height, frame
                )
                lift = replace(lift, positions=positions)
                lift_features.tell_lengths(view.features, lengths / height)
        if self._refine:
            lift = replace(lift, positions=limited(lift.positions).astype(np.float32))
        if self._contacts is not None:
            lift = replace(lift, contact=_standing(self._contacts, lift, moments, step, times))
        checkpoint(1.0, progress, cancelled)
        return lift

    def _run(
        self,
        network_input: NDArray[np.float32],
        progress: Progress | None,
        cancelled: CancelQuery | None,
    ) -> dict[str, NDArray[np.float32]]:
        """The network's output for moments (n, FEATURES), as in ``Lifted`` without the batch."""
        n, halo = len(network_input), self._network.reach()
        device = next(iter(self._network.parameters())).device
        parts: list[dict[str, NDArray[np.float32]]] = []
        for start in range(0, n, _CHUNK):
            checkpoint(start / n, progress, cancelled)
            stop = min(start + _CHUNK, n)
            first, last = max(start - halo, 0), min(stop + halo, n)
            plain = network_input[first:last]
            both = np.stack([plain, lift_features.mirrored(plain)])
            with torch.inference_mode():
                lifted = self._network(torch.from_numpy(both).to(device))
            keep = slice(start - first, stop - first)
            values = {
                name: value[:, keep].cpu().numpy() for name, value in lifted._asdict().items()
            }
            parts.append({name: _average(name, value) for name, value in values.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _fill(network: torch.nn.Module, tensors: dict[str, NDArray], device: torch.device) -> None:
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    network.to(device).eval()


def _standing(
    network: ContactNetwork,
    lift: Lift,
    moments: NDArray[np.float64],
    step: float,
    times: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(F, 4): which parts of the feet stand, by their motion at moments ``step`` apart."""
    positions, up, contact = (
        cubic_at(values, times, moments) for values in (lift.positions, lift.up, lift.contact)
    )
    found = standing_probability(network, contact_features(positions, up, contact, step))
    return np.clip(cubic_at(found, moments, times), 0, 1)


def _placed(
    found: dict[str, NDArray[np.float32]],
    view: lift_features.LiftView,
    moments: NDArray[np.float64],
    times: NDArray[np.float64],
    height: float,
) -> Lift:
    """What the network found at moments, in the camera's axes and at the clip's own times."""
    distance = np.exp(found["log_distance"]) / view.unit
    pelvis = view.place[:, lift_features.PELVIS] * view.unit[:, None]
    root = np.concatenate([pelvis, np.ones_like(pelvis[:, :1])], axis=1) * distance[:, None]
    turned = (found["offsets"] + root[:, None]) * np.float32(height)
    positions = np.einsum("fji,fkj->fki", view.turn, turned)
    up = np.einsum("fji,fj->fi", view.turn, found["up"])
    values = np.concatenate(
        [positions.reshape(len(moments), -1), found["log_sigma"], up, found["contact"]], axis=1
    )
    if len(moments) != len(times) or (moments != times).any():
        values = cubic_at(values, moments, times)
    places, log_sigma, up, contact = np.split(values, [84, 112, 115], axis=1)
    return Lift(
        places.reshape(-1, 28, 3),
        np.exp(log_sigma) * np.float32(height),
        up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6),
        1 / (1 + np.exp(-np.clip(contact, -30, 30))),
    )


def _average(name: str, both: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of what a clip and its mirror image gave, (2, n, …) -> (n, …)."""
    plain, flipped = both
    if name == "offsets":
        flipped = flipped[:, list(MIRROR)] * np.array([-1, 1, 1], np.float32)
    elif name == "up":
        flipped = flipped * np.array([-1, 1, 1], np.float32)
    elif name == "log_sigma":
        flipped = flipped[:, list(MIRROR)]
    elif name == "contact":
        flipped = flipped[:, [2, 3, 0, 1]]
    return np.asarray(0.5 * (plain + flipped), np.float32)
