"""Engines that look at one frame at a time: what ``direct`` and ``latent`` must beat.

``interpolate`` bridges holes linearly and adds the mean pose's offsets; ``ridge`` is a linear map
from the 12 common joints to the 28, ``pca`` a Gaussian over poses, conditioned on the joints that a
frame shows; both were fitted on the training archive. All need numpy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..keypoints.track import Observation
from ..skeletons import COMMON12
from .engine import CancelQuery, Estimate, Progress, checkpoint
from .features import SMALLEST_UNIT, Body, base_positions, locate
from .gaps import Bridged, BridgedTrajectories
from .weights_files import load_weights

_CHUNK = 2048  # frames


def whole_body(positions: NDArray[np.float32]) -> Body:
    """Centre and size from all 12 common joints of (…, n, 28, 2) bridged joints alike.

    Better than the trunk's alone for a map that sees one frame: limbs tell the body's size, too.
    """
    common = positions[..., list(COMMON12), :]
    centre = common.mean(axis=-2, keepdims=True)
    spread = np.sqrt(((common - centre) ** 2).sum(axis=-1).mean(axis=-1, keepdims=True))
    fresh = np.ones(positions.shape[:-1], np.float32)
    return Body(centre, np.maximum(spread, SMALLEST_UNIT), fresh)


def ridge_inputs(positions: NDArray[np.float32], body: Body) -> NDArray[np.float32]:
    """(…, n, 25): the 12 common joints from the body's centre in units, and a constant 1."""
    place = (positions[..., list(COMMON12), :] - body.centre) / body.unit[..., None]
    flat = place.reshape(*place.shape[:-2], -1)
    return np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)


class _PerFrame:
    """Runs ``_offsets`` over a clip in pieces."""

    name: str
    identity: str
    on_cpu = True

    def __init__(self) -> None:
        tensors, _, digest = load_weights("baselines")
        self._tensors = tensors
        self.identity = f"{self.name} {digest}"

    def estimate(
        self,
        observation: Observation,
        progress: Progress | None = None,
        cancelled: CancelQuery | None = None,
    ) -> Estimate:
        """See ``Engine.estimate``."""
        frames = len(observation.times)
        positions = np.empty((frames, 28, 2), np.float32)
        uncertainty = np.empty((frames, 28), np.float32)
        trajectories = BridgedTrajectories(observation)
        for start in range(0, frames, _CHUNK):
            checkpoint(start / frames, progress, cancelled)
            span = slice(start, start + _CHUNK)
            bridged = trajectories.at(observation.times[span])
            body = self._body(bridged)
            placed, sigma = self._placed(bridged, body)
            positions[span] = body.centre + placed * body.unit[..., None]
            # A bridged joint may have gone anywhere within its reach: half a body in a second.
            drift = np.where(observation.tracked, 0.5 * np.minimum(bridged.age, 1.0), 0.0)
            uncertainty[span] = (sigma + drift) * body.unit
        checkpoint(1.0, progress, cancelled)
        return Estimate(positions, uncertainty)

    def use_less_memory(self) -> bool:
        """See ``Engine.use_less_memory``: there is nothing worth saving."""
        return False

    def _body(self, bridged: Bridged) -> Body:
        """The frame of reference that the engine's offsets are in."""
        raise NotImplementedError

    def _placed(self, bridged: Bridged, body: Body) -> tuple[NDArray, NDArray]:
        """All joints (n, 28, 2) from the body's centre and their sigma, in its units."""
        raise NotImplementedError


class InterpolateEngine(_PerFrame):
    """Linear interpolation over time, and the training data's mean offsets for unseen joints."""

    name = "interpolate"

    def _body(self, bridged: Bridged) -> Body:
        return locate(bridged.positions, bridged.age)

    def _placed(self, bridged: Bridged, body: Body) -> tuple[NDArray, NDArray]:
        offsets = (1 - body.fresh[..., None]) * self._tensors["mean_offsets"]
        placed = base_positions(bridged.positions, body, body.unit) + offsets
        return placed, self._tensors["interpolate_sigma"]


class RidgeEngine(_PerFrame):
    """Ridge regression per frame, from the 12 common joints after linear interpolation."""

    name = "ridge"

    def _body(self, bridged: Bridged) -> Body:
        # A common joint that is never seen stands where its anchors are.
        never = ~np.isfinite(bridged.age)
        if never[:, list(COMMON12)].any():
            body = locate(bridged.positions, bridged.age)
            based = (
                body.centre
                + base_positions(bridged.positions, body, body.unit) * (body.unit[..., None])
            )
            bridged.positions[never] = based[never]
        return whole_body(bridged.positions)

    def _placed(self, bridged: Bridged, body: Body) -> tuple[NDArray, NDArray]:
        placed = ridge_inputs(bridged.positions, body) @ self._tensors["ridge"]
        return placed.reshape(-1, 28, 2), self._tensors["ridge_sigma"]


class PcaEngine(_PerFrame):
    """Probabilistic PCA over poses (Tipping and Bishop 1999), conditioned on what a frame shows.

    A frame that shows nothing is conditioned on its bridged joints.
    """

    name = "pca"

    def _body(self, bridged: Bridged) -> Body:
        return locate(bridged.positions, bridged.age)

    def _placed(self, bridged: Bridged, body: Body) -> tuple[NDArray, NDArray]:
        seen = bridged.age <= 0
        none = ~seen.any(axis=1)
        seen[none] = np.isfinite(bridged.age[none])
        poses = ((bridged.positions - body.centre) / body.unit[..., None]).reshape(-1, 56)
        mean, axes = self._tensors["pca_mean"].reshape(56), self._tensors["pca_axes"]
        noise = float(self._tensors["pca_noise"][0])
        placed = np.empty((len(poses), 28, 2), np.float32)
        sigma = np.empty((len(poses), 28), np.float32)
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows, columns = which.reshape(-1) == number, np.repeat(pattern, 2)
            some = axes[columns].astype(np.float64)
            spread = np.linalg.inv(some.T @ some + noise * np.eye(axes.shape[1]))
            codes = (poses[rows][:, columns] - mean[columns]) @ some @ spread
            placed[rows] = (mean + codes @ axes.T).reshape(-1, 28, 2)
            variance = noise * (1 + ((axes @ spread) * axes).sum(axis=1))
            sigma[rows] = np.sqrt(variance.reshape(28, 2).mean(axis=1))
        return placed, sigma
