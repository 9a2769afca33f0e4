"""The worker process and its client: the same results, and a message for each way to die."""

import io
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from jumps_blender import __version__
from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import WORKER, upsample_track
from jumps_blender.model_runtime.tasks import Control, Tasks, unpacked
from jumps_blender.processes import client
from jumps_blender.processes.client import Program, Runtime, Worker
from jumps_blender.processes.job import drain
from jumps_blender.processes.messages import (
    MAGIC,
    BrokenMessageError,
    read_message,
    write_message,
)

from .conftest import EXAMPLE

needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
RUNTIME = Runtime(Path(sys.executable))
ARRAYS = ("positions", "state", "confidence", "uncertainty", "times")


@dataclass(frozen=True)
class Script(Runtime):
    """A worker of ours: a script in place of the real one."""

    script: str = ""

    def command(self, _program: Program) -> list[str]:
        return [sys.executable, "-c", self.script]


def scripted(text: str) -> Script:
    return Script(Path(sys.executable), script=text)


# A worker that greets, then does what the script goes on with; ``say`` sends a header.
GREETING = f"""
import json, os, struct, sys, time
def say(**header):
    text = json.dumps({{**header, "arrays": []}}).encode()
    sys.stdout.buffer.write(b"JMP1" + struct.pack("<I", len(text)) + text)
    sys.stdout.buffer.flush()
def hear():
    head = sys.stdin.buffer.read(8)
    return json.loads(sys.stdin.buffer.read(struct.unpack("<I", head[4:])[0]))
say(type="hello", version="{__version__}")
"""


@pytest.fixture
def worker():
    made = []

    def make(runtime: Runtime = RUNTIME, program: Program = WORKER, **limits: float) -> Worker:
        made.append(Worker(runtime, program, **limits))
        return made[-1]

    yield make
    for each in made:
        each.close()


def of_copy(package: Path) -> Program:
    return replace(WORKER, start=package / "processes" / "start.py")


def test_messages_come_out_as_they_went_in():
    arrays = {
        "positions": np.arange(24, dtype=np.float32).reshape(3, 4, 2)[:, ::2],
        "state": np.zeros((0, 28), np.int8),
        "times": np.array([1.5, -2.0], ">f8").astype(np.float64),
    }
    stream = io.BytesIO()
    write_message(stream, {"type": "done", "text": "é\n"}, arrays)
    write_message(stream, {"type": "hello"})
    stream.seek(0)
    header, back = read_message(stream)
    assert header == {"type": "done", "text": "é\n"}
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array)
        assert back[name].flags.writeable
    assert read_message(stream) == ({"type": "hello"}, {})
    assert read_message(stream) is None


def framed(text: bytes, length: int | None = None) -> bytes:
    return MAGIC + struct.pack("<I", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "content",
    [
        b"Traceback (most recent call last):",
        b"JMP",
        framed(b"{}", 2**31),
        framed(b"{}", 5),
        framed(b"[]"),
        framed(b"{}"),
        framed(b'{"arrays": [{"name": "a", "dtype": "object", "shape": [1]}]}'),
        framed(b'{"arrays": [{"name": "a", "dtype": "float32", "shape": [-1]}]}'),
        framed(b'{"arrays": [{"name": "a", "dtype": "float32", "shape": [99999999999]}]}'),
        framed(b'{"arrays": [{"name": "a", "dtype": "float32", "shape": [true]}]}'),
        framed(b'{"arrays": [{"name": "a", "dtype": "float32", "shape": [3]}]}') + b"1234",
        framed(b"[" * 100_000),
    ],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(BrokenMessageError):
        read_message(io.BytesIO(content))


def test_numbers_that_are_not_finite_never_leave_in_a_header():
    with pytest.raises(ValueError, match="JSON compliant"):
        write_message(io.BytesIO(), {"share": float("nan")})


@pytest.mark.parametrize("engine", ["interpolate", "direct"])
def test_the_worker_gives_what_the_functions_give(worker, engine):
    asked = worker()
    reading = asked.request("read", path=str(EXAMPLE), fps=30.0)
    drain(reading)
    poses = read_pose_file(EXAMPLE, fps=30.0)
    track = poses.tracks[0]
    assert reading.facts["format"] == poses.format
    assert reading.facts["people"] == [
        {
            "person": track.person,
            "first_frame": int(track.frames[0]),
            "frames": len(track.frames),
            "missing_share": track.missing_share,
        }
    ]
    first = asked.pid
    told = []
    job = asked.request(
        "upsample", path=str(EXAMPLE), person=track.person, fps=30.0, engine=engine, device="cpu"
    )
    drain(job, told.append)
    assert asked.pid == first, "a second request is served by the same process"
    expected = upsample_track(choose_person(poses), engine=engine, device="cpu")
    sequence, space = unpacked(job.facts, job.arrays)
    assert space is None
    for name in ARRAYS:
        assert np.array_equal(getattr(sequence, name), getattr(expected, name)), name
    assert (sequence.engine, sequence.person, sequence.source) == (
        expected.engine,
        expected.person,
        expected.source,
    )
    assert sequence.image_size == expected.image_size
    assert sequence.fps == expected.fps
    assert told == sorted(told)
    assert job.share == 1.0


def test_bad_input_is_the_functions_own_line_and_the_worker_lives_on(worker, tmp_path):
    asked = worker()
    absent = tmp_path / "absent.json"
    with pytest.raises(JumpsError, match=r"absent\.json: no such file"):
        drain(asked.request("read", path=str(absent)))
    pid = asked.pid
    with pytest.raises(JumpsError, match="there is no person 'nobody'"):
        drain(asked.request("upsample", path=str(EXAMPLE), person="nobody"))
    with pytest.raises(JumpsError, match=r"stopped unexpectedly \(KeyError: 'dance'\)"):
        drain(asked.request("dance"))
    assert asked.pid == pid


def test_a_changed_file_is_read_anew(tmp_path):
    tasks, path = Tasks(), tmp_path / "poses.json"
    content = json.loads(EXAMPLE.read_text())
    path.write_text(json.dumps(content))
    before = tasks.run("read", {"path": str(path), "fps": 30.0}, Control())[0]
    again = tasks.run("read", {"path": str(path), "fps": 60.0}, Control())[0]
    assert (before["fps"], again["fps"]) == (30.0, 60.0)
    path.write_text(json.dumps(content[: len(content) // 2]))
    after = tasks.run("read", {"path": str(path), "fps": 30.0}, Control())[0]
    assert after["people"][0]["frames"] < before["people"][0]["frames"]


def test_two_requests_at_once_do_not_take_each_others_answers(worker):
    asked = worker()
    first = asked.request("read", path=str(EXAMPLE), fps=30.0)
    second = asked.request("read", path=str(EXAMPLE), fps=60.0)
    drain(second)
    drain(first)
    assert (first.facts["fps"], second.facts["fps"]) == (30.0, 60.0)


def test_describe_tells_what_is_installed(worker):
    job = worker().request("describe")
    drain(job)
    assert job.facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert job.facts["numpy"] == np.__version__
    assert "cpu" in job.facts["devices"]


def test_cancel_takes_effect_at_once_and_the_next_request_is_served(worker):
    asked = worker()
    job = asked.request("upsample", path=str(EXAMPLE), person="1", engine="latent", device="cpu")
    while not job.poll(0.1) and job.status != "Upsampling":
        pass
    job.cancel()
    job.cancel()
    with pytest.raises(WorkCancelledError):
        job.poll()
    assert job.poll(), "afterwards it is simply finished"
    reading = asked.request("read", path=str(EXAMPLE))
    drain(reading)
    assert reading.facts["people"]


def test_a_killed_worker_is_a_message_and_the_next_request_starts_another(worker):
    asked = worker()
    job = asked.request("upsample", path=str(EXAMPLE), person="1", engine="latent", device="cpu")
    while not job.poll(0.1) and job.status != "Upsampling":
        pass
    first = asked.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(JumpsError, match=r"was ended \(SIGKILL\); .* the next click starts"):
        drain(job)
    drain(asked.request("read", path=str(EXAMPLE)))
    assert asked.pid not in (first, None)


def has_ended(pidfd: int) -> bool:
    """Waits for the end of a process, at most a minute."""
    return bool(select.select([pidfd], [], [], 60)[0])


def test_an_idle_worker_goes_and_the_next_request_starts_another(worker):
    asked = worker(idle_seconds=0.05)
    drain(asked.request("read", path=str(EXAMPLE)))
    asked.process()._listener.join(60)
    assert asked.pid is None
    drain(asked.request("read", path=str(EXAMPLE)))


def test_a_request_that_meets_a_worker_just_gone_is_asked_again(worker, tmp_path):
    flag = tmp_path / "flag"
    script = GREETING + (
        "from pathlib import Path\n"
        f"flag = Path({str(flag)!r})\n"
        "if not flag.exists(): flag.touch(); os._exit(0)\n"
        "say(type='done', id=hear()['id'], facts={'ok': 1}); hear()\n"
    )
    job = worker(scripted(script)).request("read")
    drain(job)
    assert job.facts == {"ok": 1}


def test_a_worker_that_always_goes_is_a_message(worker):
    with pytest.raises(JumpsError, match="has gone"):
        drain(worker(scripted(GREETING + "os._exit(0)")).request("read"))


@needs_pidfd
def test_the_worker_ends_when_its_client_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from pathlib import Path\n"
            "from jumps_blender.model_runtime import WORKER\n"
            "from jumps_blender.processes.client import Runtime, Worker\n"
            "job = (w := Worker(Runtime(Path(sys.executable)), WORKER)).request(\n"
            f"  'upsample', path={str(EXAMPLE)!r}, person='1', engine='latent', device='cpu')\n"
            "while not job.poll(0.1) and job.status != 'Upsampling': pass\n"
            "print(w.pid, flush=True)\n"
            "sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid = int(parent.stdout.readline())
    worker = os.pidfd_open(pid)
    parent.kill()
    parent.communicate()
    assert has_ended(worker)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "import sys; sys.exit('no numpy here')",
            r"ended at once \(code 1\): no numpy here; choose",
        ),
        (
            "print('Hello, World!', flush=True); import sys; sys.stdin.read()",
            "cannot be understood",
        ),
        ("import os; os.write(1, b'JMP1' + b'\\xff' * 4); os.read(0, 9)", "cannot be understood"),
        (GREETING + "hear(); sys.exit(7)", r"was ended \(code 7\)"),
        (GREETING + "hear(); print('garbage', flush=True); hear()", "cannot be understood"),
        (GREETING + "say(type='progress', id=hear()['id'], share='x'); hear()", "understood"),
        (GREETING + "say(type='done', id=hear()['id']); hear()", "cannot be understood"),
        (GREETING.replace(__version__, "9.9.9") + "hear(); hear()", r"version 9\.9\.9"),
        (GREETING + "say(type='failed', id=hear()['id'], text='Nope.'); hear()", r"Nope\."),
    ],
)
def test_a_worker_that_misbehaves_is_a_message(worker, script, message):
    asked = worker(scripted(script))
    with pytest.raises(JumpsError, match=message) as caught:
        drain(asked.request("read", path="x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("greets", [False, True])
def test_a_worker_that_hangs_is_ended_in_time(worker, greets):
    script = (GREETING + "hear()\n" if greets else "") + "import sys; sys.stdin.read()"
    limits = {"silence_seconds": 0.2} if greets else {"start_seconds": 0.2}
    asked = worker(scripted(script), **limits)
    with pytest.raises(JumpsError, match="has not answered for 0 s and was ended"):
        drain(asked.request("read", path="x"))
    assert asked.pid is None


def test_a_python_that_is_none_is_a_message(worker, tmp_path):
    with pytest.raises(JumpsError, match=r"cannot be started .* preferences"):
        worker(Runtime(tmp_path / "python")).request("describe")
    text = tmp_path / "script"
    text.write_text("not a program")
    text.chmod(0o755)
    with pytest.raises(JumpsError, match="cannot be started"):
        worker(Runtime(text)).request("describe")


def test_after_a_cancel_the_same_process_goes_on(worker):
    asked = worker()
    job = asked.request("upsample", path=str(EXAMPLE), person="1", engine="latent", device="cpu")
    while not job.poll(0.1) and job.status != "Upsampling":
        pass
    pid = asked.pid
    job.cancel()
    drain(asked.request("read", path=str(EXAMPLE)))
    assert asked.pid == pid, "PyTorch need not be imported again"


def test_a_cancelled_request_that_hangs_does_not_hold_up_the_next(worker, monkeypatch):
    monkeypatch.setattr(client, "CANCEL_SECONDS", 0.2)
    # The first life hangs with the request, the next one answers.
    script = GREETING + (
        "request = hear()\n"
        "hangs, number = request['task'] == 'hang', request['id']\n"
        "if hangs: say(type='progress', id=number, share=0, status='x')\n"
        "if hangs: sys.stdin.read()\n"
        "say(type='done', id=number, facts={'ok': 1}); hear()\n"
    )
    asked = worker(scripted(script))
    job = asked.request("hang")
    while job.status != "x":
        job.poll(0.1)
    job.cancel()
    with pytest.raises(WorkCancelledError):
        drain(job)
    reading = asked.request("read")
    drain(reading)
    assert reading.facts == {"ok": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_worker_killed_while_it_speaks_was_ended(worker):
    script = GREETING + (
        "hear()\n"
        "sys.stdout.buffer.write(b'JMP1' + struct.pack('<I', 500) + b'{\"type\"')\n"
        "sys.stdout.buffer.flush()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    with pytest.raises(JumpsError, match=r"was ended \(SIGKILL\); the scene is unchanged"):
        drain(worker(scripted(script)).request("read"))


def test_the_worker_itself_says_that_it_is_alive(worker, monkeypatch, tmp_path):
    heard = []

    def listening(stream):
        message = read_message(stream)
        heard.append(message and message[0]["type"])
        return message

    monkeypatch.setattr(client, "read_message", listening)
    package = tmp_path / "jumps_blender"
    shutil.copytree(Path(client.__file__).parents[1], package)
    source = package / "processes" / "server.py"
    source.write_text(source.read_text().replace("_ALIVE_EVERY = 5.0", "_ALIVE_EVERY = 0.05"))
    job = worker(program=of_copy(package)).request(
        "upsample", path=str(EXAMPLE), person="1", engine="latent"
    )
    while "alive" not in heard:
        assert not job.poll(0.1), "it ended without having said so"
    job.cancel()


def test_what_cannot_be_sent_is_a_message_and_the_worker_lives_on(worker, tmp_path):
    package = tmp_path / "jumps_blender"
    shutil.copytree(Path(client.__file__).parents[1], package)
    source = package / "model_runtime" / "tasks.py"
    wrong = source.read_text().replace('"fps": poses.fps,', '"fps": float("nan"),')
    source.write_text(wrong)
    asked = worker(program=of_copy(package))
    with pytest.raises(JumpsError, match=r"stopped unexpectedly \(ValueError: Out of range"):
        drain(asked.request("read", path=str(EXAMPLE)))
    pid = asked.pid
    drain(asked.request("describe"))
    assert asked.pid == pid


def test_a_python_that_is_too_old_is_a_message(worker):
    asked = worker(program=replace(WORKER, oldest="99.1")).request("describe")
    this = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(JumpsError, match=rf"{this} is too old: 99.1 or later is needed"):
        drain(asked)


def test_a_request_too_long_for_the_pipe_is_a_message(worker):
    with pytest.raises(JumpsError, match="path or the person's name is too long"):
        worker().request("read", path="/" + "x" * 200_000)


def test_a_setting_that_is_no_number_is_a_message_at_once(worker):
    with pytest.raises(JumpsError, match="A setting is no usable number"):
        worker().request("read", path=str(EXAMPLE), fps=float("nan"))


def test_cancelling_what_was_answered_leaves_the_process_alone(worker, monkeypatch):
    monkeypatch.setattr(client, "CANCEL_SECONDS", 0.0)
    asked = worker()
    first, second = (asked.request("read", path=str(EXAMPLE)) for _ in range(2))
    drain(second)
    pid = asked.pid
    first.cancel()
    drain(asked.request("read", path=str(EXAMPLE)))
    assert asked.pid == pid


def test_drain_cancels_when_the_caller_gives_up(worker):
    asked = worker()
    job = asked.request("upsample", path=str(EXAMPLE), person="1", engine="latent", device="cpu")

    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drain(job, stop)
    with pytest.raises(WorkCancelledError):
        job.poll()


class Hungry:
    """An engine whose device holds a quarter of what it first asks for."""

    name, identity = "hungry", "hungry 0"

    def __init__(self, device: str) -> None:
        self.on_cpu = device == "cpu"
        self.size = 4

    def use_less_memory(self) -> bool:
        self.size //= 2
        return self.size >= 1

    def estimate(self, observation, progress=None, cancelled=None):
        from jumps_blender.model_runtime.baselines import InterpolateEngine

        if not self.on_cpu and self.size > self.holds:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return InterpolateEngine().estimate(observation, progress, cancelled)


@pytest.mark.parametrize(
    ("holds", "notes"),
    [
        (4, []),
        (1, ["Memory was short: the engine went on in smaller pieces."] * 2),
        (
            0,
            ["Memory was short: the engine went on in smaller pieces."] * 2
            + ["The graphics card's memory is too small: the engine computed on the CPU."],
        ),
    ],
)
def test_short_memory_means_smaller_pieces_then_the_cpu(monkeypatch, holds, notes):
    from jumps_blender.model_runtime import upsample

    monkeypatch.setattr(Hungry, "holds", holds, raising=False)
    monkeypatch.setattr(upsample, "load_engine", lambda _name, device: Hungry(device))
    track, told = choose_person(read_pose_file(EXAMPLE)), []
    sequence = upsample_track(track, engine="hungry", device="cuda", notify=told.append)
    assert told == notes
    monkeypatch.undo()
    expected = upsample_track(track, engine="interpolate")
    assert np.array_equal(sequence.positions, expected.positions)


def test_a_bug_is_no_shortage_of_memory(monkeypatch):
    from jumps_blender.model_runtime import upsample

    def broken(_name, _device):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(upsample, "load_engine", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        upsample_track(choose_person(read_pose_file(EXAMPLE)), device="cuda")
