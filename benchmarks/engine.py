"""Speed and memory of engine ``direct``: frames per second, and the peak beyond its arrays.

Each length runs in a process of its own, so that one's peak cannot hide the other's.
"""

from __future__ import annotations

import json
import subprocess
import sys

SHORT, LONG = 1_000, 100_000
_CHILD = """
import json, resource, sys, time
import numpy as np
from jumps_blender.keypoints.track import PoseTrack
from jumps_blender.model_runtime import load_engine, upsample_track
from jumps_blender.skeletons import JOINT_SETS

frames = int(sys.argv[1])
coco = JOINT_SETS["coco17"]

def track(frames):
    rng = np.random.default_rng(0)
    pose = rng.uniform(0, 400, (17, 2)).astype(np.float32)
    sway = np.sin(np.arange(frames, dtype=np.float32)[:, None, None] / 15 + pose) * 20
    confidence = (rng.random((frames, 17), np.float32) < 0.93).astype(np.float32)
    positions = pose + sway
    positions[confidence == 0] = 0
    return PoseTrack(coco, positions, confidence, np.arange(frames), np.arange(frames) / 30, 30.0,
                     None, "1", "benchmark", "alphapose")

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

upsample_track(track(300))  # imports, thread pools and buffers of the libraries
subject = track(frames)
before = resident()
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
started = time.perf_counter()
result = upsample_track(subject)
seconds = time.perf_counter() - started
arrays = sum(a.nbytes for a in (result.positions, result.state, result.confidence,
                                result.uncertainty))
print(json.dumps({"seconds": seconds, "beyond": peak() - before - arrays,
                  "finite": bool(np.isfinite(result.positions).all())}))
"""


def measure(frames: int) -> dict:
    """Seconds and bytes for one clip, the engine's weights loaded in between."""
    command = [sys.executable, "-c", _CHILD, str(frames)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Print the figures and whether they hold."""
    short, long = measure(SHORT), measure(LONG)
    speed = LONG / long["seconds"]
    growth = long["beyond"] / short["beyond"] - 1
    print(f"direct, {LONG} frames: {speed:.0f} frames per second (target: 2000)")
    for frames, figures in ((SHORT, short), (LONG, long)):
        beyond = figures["beyond"] / 2**20
        print(f"direct, {frames} frames: peak {beyond:.1f} MiB beyond input and output arrays")
    print(f"direct: that peak grows by {growth:+.1%} (target: below +10%)")


if __name__ == "__main__":
    main()
