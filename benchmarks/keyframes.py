"""How fast 28 empties x 3 channels x 10 000 frames are keyed: bulk writes against keyframe_insert.

Both key the same objects with the same values in the same run. ``keyframe_insert`` writes the first
1000 frames only: each of its keys costs more the longer the curve already is (20 us at 300 frames,
158 us at 3000), so all 10 000 would take many minutes. The ratio is per key, which flatters it.
"""

from __future__ import annotations

import os
import tempfile
import time

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="jumps-bench-")

import bpy
import numpy as np

from jumps_blender.scene.keyframes import channelbag_for, write_curve
from jumps_blender.skeletons import JOINTS

FRAMES = 10_000
INSERTED_FRAMES = 1000
ROUNDS = 3


def main() -> None:
    frames = np.arange(1, FRAMES + 1)
    values = np.random.default_rng(0).normal(size=(FRAMES, len(JOINTS), 3)).astype(np.float32)

    bulk = min(_timed_bulk(frames, values) for _ in range(ROUNDS))
    inserted = _timed_insert(values[:INSERTED_FRAMES])
    keys = values.size
    bulk_key = bulk / keys
    inserted_key = inserted / values[:INSERTED_FRAMES].size
    print(f"{len(JOINTS)} empties x 3 channels; bulk writes: best of {ROUNDS} rounds")
    print(f"bulk writes      {FRAMES:6} frames {bulk:8.3f} s {bulk_key * 1e6:8.3f} us per key")
    print(
        f"keyframe_insert  {INSERTED_FRAMES:6} frames {inserted:8.3f} s "
        f"{inserted_key * 1e6:8.3f} us per key"
    )
    print(f"ratio per key    {inserted_key / bulk_key:.0f}")


def _timed_bulk(frames: np.ndarray, values: np.ndarray) -> float:
    owners = _new_empties()
    start = time.perf_counter()
    action = bpy.data.actions.new("bulk")
    for joint, owner in enumerate(owners):
        channelbag = channelbag_for(action, owner)
        for axis in range(3):
            write_curve(channelbag, "location", axis, frames, values[:, joint, axis])
    seconds = time.perf_counter() - start
    last = action.layers[0].strips[0].channelbags[len(JOINTS) - 1].fcurves[2]
    if last.evaluate(FRAMES) != values[-1, -1, 2]:
        raise SystemExit("the bulk writer has written something else")
    return seconds


def _timed_insert(values: np.ndarray) -> float:
    owners = _new_empties()
    start = time.perf_counter()
    for row, joints in enumerate(values):
        for owner, location in zip(owners, joints, strict=True):
            owner.location = location
            owner.keyframe_insert("location", frame=row + 1)
    return time.perf_counter() - start


def _new_empties() -> list[bpy.types.Object]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    owners = [bpy.data.objects.new(name, None) for name in JOINTS]
    for owner in owners:
        bpy.context.scene.collection.objects.link(owner)
    return owners


if __name__ == "__main__":
    main()
