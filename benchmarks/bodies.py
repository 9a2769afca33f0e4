"""How far bodies differ where 12 joints don't show it: why PCKh@0.1 has a ceiling.

``python benchmarks/bodies.py train.npz test.npz``: the neck's height over and depth before the
middle of the shoulders; its spread over the training subjects, what limb lengths explain of it
(leave-one-out linear regression), and how far each test subject lies from the training mean. All
in centimetres, bodies brought to one size.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import joint_index

_LIMBS = (
    ("l_shoulder", "r_shoulder"),
    ("l_hip", "r_hip"),
    ("l_hip", "l_knee"),
    ("l_shoulder", "l_elbow"),
    ("l_shoulder", "l_hip"),
)


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


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> None:
    """Print the figures."""
    _, limbs, offsets = describe(Path(sys.argv[1]))
    subjects, _, others = describe(Path(sys.argv[2]))
    size = 130.0  # centimetres; thigh, upper arm and trunk of an average person
    inputs = np.column_stack([limbs, np.ones(len(limbs))])
    left = np.empty_like(offsets)
    for one in range(len(limbs)):
        rest = np.arange(len(limbs)) != one
        gram = inputs[rest].T @ inputs[rest] + 1e-4 * np.eye(6)
        left[one] = offsets[one] - inputs[one] @ np.linalg.solve(
            gram, inputs[rest].T @ offsets[rest]
        )
    for axis, name in enumerate(("up", "forward")):
        spread, residual = offsets[:, axis].std() * size, left[:, axis].std() * size
        print(
            f"neck {name}: std {spread:.1f} cm, after regression on limb lengths {residual:.1f} cm"
        )
        away = (others[:, axis] - offsets[:, axis].mean()) * size
        print("  " + ", ".join(f"{s} {d:+.1f}" for s, d in zip(subjects, away, strict=True)))


if __name__ == "__main__":
    main()
