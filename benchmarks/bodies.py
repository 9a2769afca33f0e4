"""How far bodies differ where 12 joints don't show it: why PCKh@0.1 has a ceiling.

``python benchmarks/bodies.py train.npz test.npz`` prints two things.

First the neck's height over and depth before the middle of the shoulders, in centimetres, bodies
brought to one size: its spread over the training subjects, what limb lengths explain of it
(leave-one-out linear regression), and how far each test subject lies from the training mean.

Then PCKh@0.1 of the 16 joints that are never given, for the test subjects, clean, by engine
``direct``: as it is; with one constant offset for each joint and subject, in the frame of the trunk
or the limb, taken out of the error (what somebody would reach who knew each skeleton); and with
the training subjects' mean place instead of that (who knew only the mean skeleton).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.cameras import protocol_camera
from jumps_blender.model_runtime.engine import Engine
from jumps_blender.model_runtime.evaluation import Protocol, make_view
from jumps_blender.model_runtime.mocap import MocapArchive, MocapClip
from jumps_blender.skeletons import COMMON12, JOINTS, joint_index

_LIMBS = (
    ("l_shoulder", "r_shoulder"),
    ("l_hip", "r_hip"),
    ("l_hip", "l_knee"),
    ("l_shoulder", "l_elbow"),
    ("l_shoulder", "l_hip"),
)
_MISSING = [joint for joint in range(28) if joint not in COMMON12]
_SIZE = 130.0  # centimetres; thigh, upper arm and trunk of an average person
_PROTOCOL = Protocol(cameras=2)


def describe(path: Path) -> tuple[list[str], NDArray, NDArray]:
    """Subjects, limb lengths (S, 5) and neck offsets up and forward (S, 2), as shares of size."""
    rows: dict[str, list[NDArray]] = {}
    for clip in MocapArchive(path):
        at = {name: clip.xyz[::8, joint_index(name)] for pair in _LIMBS for name in pair}
        shoulders = (at["l_shoulder"] + at["r_shoulder"]) / 2
        up = _unit(shoulders - (at["l_hip"] + at["r_hip"]) / 2)
        left = at["l_shoulder"] - at["r_shoulder"]
        left = _unit(left - (left * up).sum(axis=1, keepdims=True) * up)
        neck = clip.xyz[::8, joint_index("neck")] - shoulders
        limbs = [np.linalg.norm(at[a] - at[b], axis=1).mean() for a, b in _LIMBS]
        offsets = [(neck * axis).sum(axis=1).mean() for axis in (up, np.cross(left, up))]
        rows.setdefault(clip.subject, []).append(np.array([*limbs, *offsets]))
    table = np.array([np.mean(row, axis=0) for row in rows.values()])
    table /= table[:, 2:5].sum(axis=1, keepdims=True)
    return list(rows), table[:, :5], table[:, 5:]


def frames_of(xyz: NDArray) -> tuple[dict[int, NDArray], dict[int, NDArray], float]:
    """For each missing joint a frame of reference (F, 3, 3; columns) and its origin (F, 3).

    Trunk, hips, forearm or shin, whichever carries the joint; and the body's size in metres.
    """
    at = {name: xyz[:, joint_index(name)].astype(float) for name in JOINTS}
    shoulders = (at["l_shoulder"] + at["r_shoulder"]) / 2
    hips = (at["l_hip"] + at["r_hip"]) / 2
    trunk = _axes(shoulders - hips, at["l_shoulder"] - at["r_shoulder"])
    pelvis = _axes(shoulders - hips, at["l_hip"] - at["r_hip"])
    axes, origin = {}, {}
    for joint in _MISSING:
        side, _, part = JOINTS[joint].partition("_")
        if part == "hand":
            elbow, wrist = at[f"{side}_elbow"], at[f"{side}_wrist"]
            axes[joint], origin[joint] = _axes(wrist - elbow, wrist - at[f"{side}_shoulder"]), wrist
        elif part in ("foot", "toe"):
            knee, ankle = at[f"{side}_knee"], at[f"{side}_ankle"]
            axes[joint], origin[joint] = _axes(ankle - knee, at[f"{side}_toe"] - ankle), ankle
        elif JOINTS[joint] in ("pelvis", "spine", "spine2"):
            axes[joint], origin[joint] = pelvis, hips
        else:
            axes[joint], origin[joint] = trunk, shoulders
    lengths = [at["l_hip"] - at["l_knee"], at["l_shoulder"] - at["l_elbow"], shoulders - hips]
    return axes, origin, float(sum(np.linalg.norm(one, axis=1).mean() for one in lengths))


def places(archive: MocapArchive) -> dict[str, NDArray]:
    """Mean places (16, 3) of the missing joints in their frames, as shares of size, by subject."""
    rows: dict[str, list[NDArray]] = {}
    for clip in archive:
        axes, origin, size = frames_of(clip.xyz[::4])
        rows.setdefault(clip.subject, []).append(
            np.array(
                [
                    np.einsum("fda,fd->a", axes[j], clip.xyz[::4, j] - origin[j]) / len(origin[j])
                    if clip.valid[j]
                    else np.full(3, np.nan)
                    for j in _MISSING
                ]
            )
            / size
        )
    means = {}
    for subject, row in rows.items():
        known = np.isfinite(row).sum(axis=0)
        means[subject] = np.where(known, np.nansum(row, axis=0) / np.maximum(known, 1), np.nan)
    return means


def scores(test: MocapArchive, mean: NDArray, own: dict[str, NDArray]) -> dict[str, NDArray]:
    """PCKh@0.1 by subject: as it is, with the skeleton known, with the mean skeleton; (3,)."""
    engine = load_engine("direct")
    parts: dict[tuple[str, int], list[tuple[NDArray, NDArray, NDArray]]] = {}
    for clip in test:
        slow = clip.at_rate(_PROTOCOL.fps)
        axes, _, size = frames_of(slow.xyz)
        for camera in range(_PROTOCOL.cameras):
            error, view = _errors(slow, camera, engine)
            for number, joint in enumerate(_MISSING):
                if not slow.valid[joint]:
                    continue
                seen = np.einsum("id,fda->fia", view, axes[joint])
                away = (mean[number] - own[clip.subject][number]) * size / _head(slow)
                parts.setdefault((clip.subject, joint), []).append(
                    (seen, error[:, joint], np.einsum("fia,a->fi", seen, away))
                )
    result: dict[str, list[list[float]]] = {}
    for (subject, _), pieces in parts.items():
        seen, error, away = (np.concatenate(column) for column in zip(*pieces, strict=True))
        constant = np.linalg.lstsq(seen.reshape(-1, 3), error.reshape(-1), rcond=None)[0]
        rest = error - seen @ constant
        below = [
            float((np.linalg.norm(e, axis=1) < 0.1).mean()) for e in (error, rest, rest + away)
        ]
        result.setdefault(subject, []).append(below)
    return {subject: np.mean(rows, axis=0) for subject, rows in result.items()}


def _errors(clip: MocapClip, camera: int, engine: Engine) -> tuple[NDArray, NDArray]:
    """Errors (F, 28, 2) in head sizes, and the picture's axes (2, 3) in the world."""
    view = make_view(clip, camera, _PROTOCOL)
    estimate = engine.estimate(view.observation)
    lens = protocol_camera(clip.clip_id, _PROTOCOL.seed, camera, clip.xyz[:, 4])
    return (estimate.positions - view.points) / view.head[:, None, None], lens.axes[:2]


def _head(clip: MocapClip) -> float:
    head, top = joint_index("head"), joint_index("head_top")
    if not (clip.valid[head] and clip.valid[top]):
        return 0.20
    return float(np.linalg.norm(clip.xyz[:, head] - clip.xyz[:, top], axis=1).mean())


def _axes(along: NDArray, aside: NDArray) -> NDArray:
    """(F, 3, 3), columns: ``aside`` without what it has of ``along``, across both, along."""
    z = _unit(along)
    x = _unit(aside - (aside * z).sum(axis=1, keepdims=True) * z)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def main() -> None:
    """Print the figures."""
    train, test = (Path(name) for name in sys.argv[1:3])
    _, limbs, offsets = describe(train)
    subjects, _, others = describe(test)
    inputs = np.column_stack([limbs, np.ones(len(limbs))])
    left = np.empty_like(offsets)
    for one in range(len(limbs)):
        rest = np.arange(len(limbs)) != one
        gram = inputs[rest].T @ inputs[rest] + 1e-4 * np.eye(6)
        left[one] = offsets[one] - inputs[one] @ np.linalg.solve(
            gram, inputs[rest].T @ offsets[rest]
        )
    for axis, name in enumerate(("up", "forward")):
        spread, residual = offsets[:, axis].std() * _SIZE, left[:, axis].std() * _SIZE
        print(
            f"neck {name}: std {spread:.1f} cm, after regression on limb lengths {residual:.1f} cm"
        )
        away = (others[:, axis] - offsets[:, axis].mean()) * _SIZE
        print("  " + ", ".join(f"{s} {d:+.1f}" for s, d in zip(subjects, away, strict=True)))
    archive = MocapArchive(test)
    mean = np.nanmean(list(places(MocapArchive(train)).values()), axis=0)
    found = scores(archive, mean, places(archive))
    found["mean"] = np.mean(list(found.values()), axis=0)
    print("PCKh@0.1 of the missing joints: as it is, skeleton known, mean skeleton")
    for subject, (plain, known, average) in found.items():
        print(f"  {subject}: {plain:.3f}, {known:.3f}, {average:.3f}")


if __name__ == "__main__":
    main()
