"""Engines' frames per second; what ``direct`` takes to start, of memory, and in Blender's worker.

Each length runs in a process of its own, so that one's peak cannot hide the other's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jumps_blender.model_runtime import WORKER
from jumps_blender.processes.client import Runtime, Worker
from jumps_blender.processes.job import drain

EXAMPLE = next((Path(__file__).parents[1] / "examples").glob("*.json"))
SHORT, LONG, FEW, CLIP = 1_000, 100_000, 600, 5_000
ROUNDS = 3
_CHILD = """
import ctypes, json, sys, time
import numpy as np
from jumps_blender.keypoints.track import PoseTrack, observe
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.compose import joint_states, put_back
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

def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024

def run(observation):
    estimate = engine.estimate(observation)
    put_back(observation, estimate.positions)
    return estimate, joint_states(observation)

engine = load_engine(sys.argv[2], "cpu")
run(observe(track(40)))  # imports and thread pools
observation = observe(track(frames))
ctypes.CDLL(None).malloc_trim(0)  # what was freed must not hide what is taken
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
started = time.perf_counter()
estimate, state = run(observation)
seconds = time.perf_counter() - started
arrays = sum(a.nbytes for a in (estimate.positions, estimate.uncertainty, state))
print(json.dumps({"seconds": seconds, "beyond": status("VmHWM") - before - arrays}))
"""


def measure(frames: int, engine: str = "direct", **environment: str) -> dict:
    """Seconds and bytes for one clip, from observation to estimate, put back and states."""
    command = [sys.executable, "-c", _CHILD, str(frames), engine]
    result = subprocess.run(
        command, capture_output=True, check=True, text=True, env=os.environ | environment
    )
    return json.loads(result.stdout)


def start_up() -> float:
    """Seconds from starting a process to its first result, 40 frames, files warm."""
    first = _CHILD.partition("observation = observe")[0]
    for _ in range(2):
        started = time.perf_counter()
        command = [sys.executable, "-c", first, "40", "direct"]
        subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def worker() -> tuple[float, float]:
    """Seconds from asking Blender's worker process for a clip of 5000 frames to having its result.

    The first request starts the process, imports PyTorch and reads the file; the second finds all
    that done. Each is the best of three rounds, files warm.
    """
    once = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    clip = [{**once[n % len(once)], "image_id": f"{n}.jpg"} for n in range(CLIP)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.json"
        path.write_text(json.dumps(clip), encoding="utf-8")
        rounds = [_cold_and_warm(path) for _ in range(ROUNDS)]
    cold, warm = zip(*rounds, strict=True)
    return min(cold), min(warm)


def _cold_and_warm(path: Path) -> tuple[float, float]:
    asked = Worker(Runtime(Path(sys.executable)), WORKER)
    try:
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            job = asked.request(
                "upsample", path=str(path), person="1", engine="direct", device="cpu"
            )
            drain(job)
            seconds.append(time.perf_counter() - started)
            assert len(job.arrays["positions"]) == CLIP
    finally:
        asked.close()
    return seconds[0], seconds[1]


def main() -> None:
    """Print the figures beside what they should be."""
    speed = LONG / measure(LONG)["seconds"]
    print(f"direct, {LONG} frames: {speed:.0f} frames per second (target: 2000)")
    slow = FEW / measure(FEW, "latent")["seconds"]
    print(
        f"latent, {FEW} frames: {slow:.0f} per second; direct is {speed / slow:.0f} times as fast"
    )
    print(f"direct: {start_up():.1f} s from starting Python to the first result (target: 2)")
    cold, warm = worker()
    print(
        f"direct, {CLIP} frames by Blender's worker process: {cold:.1f} s with its start, "
        f"PyTorch's import and the file's reading; {warm:.1f} s once it runs"
    )
    # By default glibc moves its limit for blocks of their own as it goes, so that freed arrays stay
    # in holes of the heap: what is resident then says more about malloc than about the engine.
    fixed = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    short, long = measure(SHORT, **fixed), measure(LONG, **fixed)
    for frames, figures in ((SHORT, short), (LONG, long)):
        beyond = figures["beyond"] / 2**20
        print(f"direct, {frames} frames: peak {beyond:.1f} MiB beyond input and output arrays")
    growth = long["beyond"] / short["beyond"] - 1
    print(f"direct: that peak grows by {growth:+.1%} (target: below +10%)")


if __name__ == "__main__":
    main()
