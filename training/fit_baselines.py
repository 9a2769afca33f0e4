"""Fit the engines that are no networks: ``jumps-train baselines ARCHIVE``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime.baselines import ridge_inputs, whole_body
from jumps_blender.model_runtime.cameras import protocol_camera
from jumps_blender.model_runtime.features import base_positions, locate
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.model_runtime.weights_files import FOLDER
from jumps_blender.skeletons import COMMON12, MIRROR

from .data import described, split

_CAMERAS = 8
_COMPONENTS = 40  # of pca; chosen on the validation subjects
_PENALTY = 1e-6  # of the mean square of the inputs


def fit_baselines(archive: Path, out: Path = FOLDER) -> None:
    """Least squares over all training frames seen by the protocol's cameras, mirrored as well."""
    data = MocapArchive(archive)
    gram, product = np.zeros((28, 25, 25)), np.zeros((28, 25, 2))
    offset_sum, count = np.zeros((28, 2)), np.zeros(28)
    pose_sum, pose_product, poses = np.zeros(56), np.zeros((56, 56)), 0
    given = np.zeros(28, np.float32)
    given[list(COMMON12)] = 1
    samples = []
    numbers, held = split(data)
    for clip in map(data.clip, numbers):
        slow = clip.at_rate(10)
        for camera in range(_CAMERAS):
            view = protocol_camera(clip.clip_id, 1, camera, slow.xyz[:, 4])
            points, _ = view.project(slow.xyz)
            for mirrored in (False, True):
                valid = slow.valid
                if mirrored:
                    points = points[:, list(MIRROR)] * np.array([-1, 1], np.float32)
                    valid = valid[list(MIRROR)]
                seen = points * given[:, None]
                age = np.where(given > 0, 0.0, np.inf).astype(np.float32)
                body = locate(seen, np.broadcast_to(age, seen.shape[:2]))
                beyond = (points - body.centre) / body.unit[..., None]
                beyond = beyond - base_positions(seen, body, body.unit)
                if valid.all():
                    pose = ((points - body.centre) / body.unit[..., None]).reshape(-1, 56)
                    pose_sum += pose.sum(axis=0, dtype=float)
                    pose_product += pose.T.astype(float) @ pose
                    poses += len(pose)
                whole = whole_body(seen)
                target = (points - whole.centre) / whole.unit[..., None]
                inputs = ridge_inputs(seen, whole).astype(np.float64)
                samples.append((inputs[::7], target[::7], beyond[::7], valid))
                for joint in np.flatnonzero(valid):
                    gram[joint] += inputs.T @ inputs
                    product[joint] += inputs.T @ target[:, joint]
                    offset_sum[joint] += beyond[:, joint].sum(axis=0)
                    count[joint] += len(inputs)
    if not poses:
        raise JumpsError(f"{archive}: no clip has all 28 joints valid; engine pca needs some.")
    penalty = _PENALTY * np.trace(gram, axis1=1, axis2=2)[:, None, None] / 25 * np.eye(25)
    ridge = np.linalg.solve(gram + penalty, product)  # (28, 25, 2)
    offsets = offset_sum / count[:, None]
    tensors = {
        "ridge": np.ascontiguousarray(ridge.transpose(1, 0, 2).reshape(25, 56), np.float32),
        "mean_offsets": offsets.astype(np.float32),
    }
    tensors |= _principal(pose_sum / poses, pose_product / poses)
    residual = {"ridge": np.zeros(28), "interpolate": np.zeros(28)}
    weight = np.zeros(28)
    for inputs, target, beyond, valid in samples:
        guess = (inputs @ tensors["ridge"]).reshape(-1, 28, 2)
        weight += len(inputs) * valid
        residual["ridge"] += ((guess - target) ** 2).mean(axis=-1).sum(axis=0) * valid
        left = beyond - (1 - given[:, None]) * offsets
        residual["interpolate"] += (left**2).mean(axis=-1).sum(axis=0) * valid
    for name, total in residual.items():
        tensors[f"{name}_sigma"] = np.sqrt(total / weight).astype(np.float32)
    out.mkdir(exist_ok=True)
    cmu = "CMU Graphics Lab Motion Capture Database, 28-joint archive, training subjects"
    card = {
        "engines": ["ridge", "interpolate", "pca"],
        "data": cmu if described(data)["cmu"] else archive.name,
        "left_out_subjects": sorted({data.subjects[number] for number in held}),
        "cameras_per_clip": _CAMERAS,
        "penalty": _PENALTY,
        "components": _COMPONENTS,
    }
    with (
        written_whole(out / "baselines.safetensors") as weights,
        written_whole(out / "baselines.json") as text,
    ):
        save_file(tensors, weights)
        text.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _principal(mean: NDArray, moment: NDArray) -> dict[str, NDArray[np.float32]]:
    """Probabilistic PCA's maximum likelihood: mean, axes (56, k) and the noise's variance."""
    values, vectors = np.linalg.eigh(moment - np.outer(mean, mean))
    noise = values[:-_COMPONENTS].mean()
    axes = vectors[:, -_COMPONENTS:] * np.sqrt(values[-_COMPONENTS:] - noise)
    return {
        "pca_mean": mean.reshape(28, 2).astype(np.float32),
        "pca_axes": np.ascontiguousarray(axes, np.float32),
        "pca_noise": np.array([noise], np.float32),
    }
