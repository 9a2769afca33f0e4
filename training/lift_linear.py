"""The least that a lifter can be: a linear map from one frame's 28 joints to 3D, by ridge."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.lift_features import PLACE, SURE
from jumps_blender.model_runtime.lift_network import Lifted
from jumps_blender.model_runtime.mocap import MocapArchive

from .cheng import lifted_from
from .data import split
from .lift_data import LiftSettings, LiftStream

_INPUTS = 28 * 3 + 1
_PENALTY = 1e-6  # of the mean square of the inputs
_SIZE = 32  # windows in a batch


class LinearNetwork(nn.Module):
    """Features (B, T, FEATURES), see ``lift_features.py`` -> Lifted, of which offsets are found.

    Places and confidences of the same frame, and a constant 1, times ``weights`` (85, 84).
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights, requires_grad=False)

    def reach(self) -> int:
        """Frames to each side that a frame's result depends on."""
        return 0

    def forward(self, features: Tensor, inside: Tensor | None = None) -> Lifted:
        del inside
        return lifted_from((_inputs(features) @ self.weights).unflatten(-1, (28, 3)))


def _inputs(features: Tensor) -> Tensor:
    parts = [features[..., PLACE], features[..., SURE], torch.ones_like(features[..., :1])]
    return torch.cat(parts, dim=-1)


def fit_linear(archive: MocapArchive, batches: int = 200) -> LinearNetwork:
    """Least squares over windows as the lifter trains on, less the upsampled ones.

    Raises JumpsError for an archive that can't be split.
    """
    stream = LiftStream(archive, split(archive)[0], LiftSettings(upsampled_share=0), seed=11)
    gram, product = np.zeros((28, _INPUTS, _INPUTS)), np.zeros((28, _INPUTS, 3))
    for _ in range(batches):
        batch = stream.batch(_SIZE)
        inputs = _inputs(torch.from_numpy(batch.features)).numpy().astype(np.float64)
        for sample in range(_SIZE):
            joints = batch.weight[sample].any(axis=0)
            within = batch.inside[sample, :, 0] > 0
            x, y = inputs[sample, within], batch.offsets[sample, within][:, joints]
            gram[joints] += x.T @ x
            product[joints] += np.einsum("ti,tjk->jik", x, y)
    if not gram[:, 0, 0].all():
        raise JumpsError(f"{archive.path}: some joint is valid in no clip; nothing to fit it on.")
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / _INPUTS
    solved = np.linalg.solve(gram + _PENALTY * size * np.eye(_INPUTS), product)
    flat = np.ascontiguousarray(solved.transpose(1, 0, 2).reshape(_INPUTS, 84), np.float32)
    return LinearNetwork(torch.from_numpy(flat))
