"""Estimating poses from video: speed beside the estimator alone, and memory over ten minutes.

Needs an environment with MediaPipe (``make video``) and a film of somebody; skips, saying so, where
either is absent. Whole and alone take turns in one process, each by its best of some rounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from jumps_blender.errors import JumpsError
from jumps_blender.processes.client import Runtime
from jumps_blender.skeletons import JOINT_SETS
from jumps_blender.video import estimate
from jumps_blender.video.backends import BACKENDS
from jumps_blender.video.environments import estimator_runtime
from jumps_blender.video.estimate import ESTIMATOR, PART, EstimateJob, EstimateSettings

ROOT = Path(__file__).resolve().parents[1]
FILM = ROOT.parent / "shared" / "samples" / "video" / "sports2d_demo.mp4"
FRAMES, ROUNDS = 60, 8
# Of the long films; the estimator looks at every tenth frame, and is made anew as often as if it
# looked at all.
MINUTES, STEP, SIDE = (1, 10), 10, 640
LEAST_SPEED, MOST_MEMORY = 0.9, 1.1

_CHILD = """
import json, runpy, sys, time
from pathlib import Path
runpy.run_path(sys.argv[1])
import cv2
from jumps_blender.processes.server import Control
from jumps_blender.video.estimator import frames, worker
from jumps_blender.video.estimator.mediapipe_solutions import Estimator
film, folder, count, rounds, names, part = json.loads(sys.argv[2])
video = frames.Video(Path(film))
stop = count / video.fps
pictures = [frame.picture.copy() for frame in video.frames(0.0, stop, 1, 1920, 0)]

def alone():
    estimator = Estimator({}, 0)
    estimator.find(pictures[0], 0.0)
    started = time.perf_counter()
    for picture in pictures[1:]:
        estimator.find(picture, 0.0)
    return (len(pictures) - 1) / (time.perf_counter() - started)

def in_turn():
    estimator = Estimator({}, 0)
    estimator.find(pictures[0], 0.0)
    started = time.perf_counter()
    capture = cv2.VideoCapture(film)
    for _ in pictures[1:]:
        estimator.find(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB), 0.0)
    return (len(pictures) - 1) / (time.perf_counter() - started)

def whole(number):
    marks = []
    def progress(share, status):
        if status.startswith(("Frame 1 ", "Writing")):
            marks.append(time.perf_counter())
    worker.estimate(
        Control(progress=progress), video=film, records=f"{folder}/{number}.part",
        poses=f"{folder}/{number}.json", backend="mediapipe", models={}, joint_names=names,
        source="film", missing={}, start=0.0, stop=stop, step=1, longest_side=1920, people=0,
        part=part)
    return (len(pictures) - 1) / (marks[-1] - marks[0])

speeds = [(alone(), in_turn(), whole(number)) for number in range(rounds)]
print(json.dumps(speeds))
"""


def speeds(runtime: Runtime, folder: str) -> list[float]:
    """Frames per second of the estimator alone, of a plain loop that decodes and finds in turn,
    and of all of it.
    """
    names = JOINT_SETS["mediapipe33"].joints
    values = json.dumps([str(FILM), folder, FRAMES, ROUNDS, names, PART])
    command = [str(runtime.python), "-I", "-c", _CHILD, str(ESTIMATOR.start), values]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(result.stdout.strip().splitlines()[-1])
    return [max(each) for each in zip(*found, strict=True)]


def looped(path: Path, minutes: float) -> Path:
    """The film over and over, smaller; only its first second is encoded."""
    with av.open(str(FILM)) as film:
        pictures = [
            frame.reformat(SIDE, SIDE * frame.height // frame.width // 2 * 2, "yuv420p")
            for frame, _ in zip(film.decode(video=0), range(60), strict=False)
        ]
    packets = []
    with av.open(str(path.with_suffix(".once.mp4")), "w") as once:
        stream = once.add_stream("libx264", rate=30)
        stream.width, stream.height = pictures[0].width, pictures[0].height
        stream.codec_context.options = {"bf": "0"}
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, Fraction(1, 30)
            once.mux(stream.encode(picture))
        once.mux(stream.encode())
    with av.open(str(path.with_suffix(".once.mp4"))) as once, av.open(str(path), "w") as film:
        source = once.streams.video[0]
        stream = film.add_stream_from_template(source)
        packets = [packet for packet in once.demux(source) if packet.pts is not None]
        length = len(packets) * packets[0].duration
        data = [(bytes(p), p.pts, p.dts, p.duration, p.is_keyframe) for p in packets]
        for turn in range(round(minutes * 60 * 30 / len(pictures))):
            for content, pts, dts, duration, key in data:
                packet = av.Packet(content)
                packet.pts, packet.dts = pts + turn * length, dts + turn * length
                packet.duration, packet.time_base = duration, source.time_base
                packet.is_keyframe, packet.stream = key, stream
                film.mux(packet)
    return path


def peak(runtime: Runtime, film: Path, cache: Path, step: int = STEP) -> tuple[int, int, float]:
    """Frames that were looked at, the process' peak memory in bytes, and seconds."""
    started = time.perf_counter()
    job = EstimateJob(runtime, film, EstimateSettings(step=step), cache=cache)
    most = 0
    while not job.poll(0.05):
        pid = job._worker.pid
        try:
            status = Path(f"/proc/{pid}/status").read_text() if pid else ""
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM"):
                most = int(line.split()[1]) * 1024
    assert job.poses is not None
    with job.poses.open() as file:
        frames = next(line.count(",") for line in file if line.startswith('"times"'))
    return frames, most, time.perf_counter() - started


def main() -> None:
    try:
        runtime = estimator_runtime(BACKENDS["mediapipe"])
    except JumpsError as error:
        print(f"video: skipped: {error}")
        return
    if not FILM.is_file():
        print(f"video: skipped: {FILM} is absent")
        return
    with tempfile.TemporaryDirectory() as folder:
        alone, in_turn, whole = speeds(runtime, folder)
        print(
            f"MediaPipe alone {alone:.1f} frames/s, with decoding, keeping and showing "
            f"{whole:.1f}: {whole / alone:.0%} (at least {LEAST_SPEED:.0%}); "
            f"a plain loop that decodes and finds in turn {in_turn:.1f}"
        )
        estimate.PART = PART // STEP
        sizes = []
        for minutes in MINUTES if sys.platform.startswith("linux") else ():
            film = looped(Path(folder) / f"{minutes}.mp4", minutes)
            frames, most, seconds = peak(runtime, film, Path(folder) / "cache")
            sizes.append(most)
            print(f"{minutes} minutes: {frames} frames in {seconds:.0f} s, {most / 2**20:.0f} MiB")
        if sizes:
            print(
                f"memory over {MINUTES[1]} minutes: {sizes[1] / sizes[0]:.3f} of that over "
                f"{MINUTES[0]} (at most {MOST_MEMORY})"
            )


if __name__ == "__main__":
    main()
