"""Installations, with PyTorch's as the example: fake wheels, and mostly a fake Python.

Nothing here needs the network.
"""

from __future__ import annotations

import ast
import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.model_runtime import pytorch as pytorch_recipe
from jumps_blender.model_runtime.pytorch import Build, machine_build, pytorch
from jumps_blender.processes import install, programs, pythons
from jumps_blender.processes.install import (
    Install,
    environment_python,
    remove,
)
from jumps_blender.processes.job import drain
from jumps_blender.processes.programs import pip_command

from ..fake_wheels import make_wheels

ROOT = Path(__file__).parents[2]
BASE = Path(sys.executable)
LONG = 30.0  # seconds; what takes longer has gone wrong
# For a shell: be silent until something ends it.
PAUSE = f"exec '{sys.executable}' -I -S -c 'import signal; signal.pause()'"
posix = pytest.mark.skipif(os.name == "nt", reason="the fake programs are scripts")

FACTS = {
    "torch": "2.13.0+cpu",
    "numpy": "1.26.4",
    "safetensors": "0.8.0",
    "cuda": None,
    "gpu_works": None,
}


def install_pytorch(
    base: Path, folder: Path, build: Build = "cpu", kind: type[Install] = Install, **options: object
) -> Install:
    return kind(lambda _cancelled: base, folder, lambda: pytorch(build), **options)


class Watched(Install):
    """Keeps everything that people would have seen."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("share", "status"):
            self.__dict__.setdefault("seen_" + name, []).append(value)
        super().__setattr__(name, value)


class FakePython:
    """A program that takes the command lines of a Python, and does what ``plan`` says at once.

    plan: pip_version; pip, for each run of pip its output and exit code; check, the answer to the
    check. Lines "HANG" print nothing more.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.path = folder / "python"
        self.plan = {
            "pip_version": "24.0",
            "pip": [["Successfully installed", 0]] * 2,
            "check": json.dumps(FACTS),
        }
        self._calls = folder / "calls"
        self._plan = folder / "plan"
        self.path.write_text(
            f"#!{sys.executable}\n"
            f"PLAN, CALLS, HOME = {str(self._plan)!r}, {str(self._calls)!r}, {str(folder)!r}\n"
            + FAKE_PYTHON,
            encoding="utf-8",
        )
        self.path.chmod(0o755)

    def install(self, folder: Path, **options: object) -> Watched:
        self._plan.write_text(json.dumps(self.plan), encoding="utf-8")
        self._calls.unlink(missing_ok=True)
        return install_pytorch(self.path, folder, kind=Watched, **options)

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        lines = self._calls.read_text(encoding="utf-8").splitlines()
        return [tuple(json.loads(line)) for line in lines]


FAKE_PYTHON = """
import json, os, shutil, signal, sys
from pathlib import Path

with open(CALLS, "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
plan = json.loads(Path(PLAN).read_text())
if "venv" in sys.argv:
    environment = Path(sys.argv[-1])
    (environment / "bin").mkdir()
    shutil.copy(__file__, environment / "bin" / "python")
    (environment / "pyvenv.cfg").write_text(f"home = {HOME}\\nversion = 3.11.7\\n")
    packages = environment / "lib" / "python3.11" / "site-packages"
    (packages / f"pip-{plan['pip_version']}.dist-info").mkdir(parents=True)
elif "pip" in sys.argv:
    with open(CALLS) as calls:
        number = sum('"pip"' in line for line in calls) - 1
    output, code = plan["pip"][number]
    for line in output.splitlines():
        if line == "HANG":
            signal.pause()
        print(line, flush=True)
    sys.exit(code)
else:
    print(plan["check"])
"""


@pytest.fixture
def fake(tmp_path) -> FakePython:
    return FakePython(tmp_path / "fake")


def until(job: Install, status: str) -> None:
    """Poll until the job says it does this."""
    for _ in range(int(LONG / 0.02)):
        if job.status == status:
            return
        assert not job.poll(0.02), job.status
    raise AssertionError(job.status)


def failure(job: Install) -> str:
    """The line that a job fails with; it fails once."""
    with pytest.raises(JumpsError) as caught:
        drain(job)
    assert not isinstance(caught.value, WorkCancelledError)
    assert job.status == "Failed"
    assert job.notes == []
    assert job.poll()
    return str(caught.value)


@pytest.mark.parametrize("module", [install, programs, pythons])
def test_only_the_standard_library_is_imported(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom) and node.level == 0
            else []
        )
    }
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def fake_nvidia_smi(folder: Path, monkeypatch, script: str) -> None:
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(pytorch_recipe, "_GPU_QUERY_SECONDS", 0.3)


@posix
def test_machine_build_where_nvidia_smi_finds_a_gpu(tmp_path, monkeypatch):
    fake_nvidia_smi(tmp_path / "bin", monkeypatch, "echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'")
    assert machine_build() == "cuda"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine_build() == "cpu"


@posix
@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="a driver is there")
@pytest.mark.parametrize(
    "script", ["echo 'No devices found'", "exit 9", pytest.param(PAUSE, id="hangs"), "\0"]
)
def test_machine_build_without_a_gpu(tmp_path, monkeypatch, script):
    fake_nvidia_smi(tmp_path / "bin", monkeypatch, script)
    assert machine_build() == "cpu"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_build() == "cpu"


def test_a_real_installation_from_wheels_and_one_that_fails_beside_it(tmp_path):
    folder, log = tmp_path / "with space" / "pytorch", tmp_path / "logs" / "install.log"
    wheels = make_wheels(tmp_path / "wheels")
    job = install_pytorch(BASE, folder, kind=Watched, wheels=wheels, log=log)
    drain(job)

    python = environment_python(folder)
    assert python is not None
    assert python.is_relative_to(folder / "env-1")
    assert json.loads((folder / "environment.json").read_text(encoding="utf-8")) == {
        "environment": "env-1",
        "build": "cpu",
        **FACTS,
    }
    assert sorted(path.name for path in folder.iterdir()) == ["env-1", "environment.json"]
    assert not (folder / "env-1" / "downloads").exists()
    assert job.notes == [
        "Installed torch 2.13.0 (CPU), numpy 1.26.4 and safetensors 0.8.0 into " + f"{folder}."
    ]
    assert job.seen_share == sorted(job.seen_share)
    assert (job.seen_share[0], job.seen_share[-1]) == (0.0, 1.0)
    assert list(dict.fromkeys(job.seen_status)) == [
        "Starting",
        "Making an environment",
        "Looking for packages",
        "Reading torch",
        "Reading numpy",
        "Reading safetensors",
        "Installing",
        "Checking",
        "Installed",
    ]
    assert "Successfully installed numpy-1.26.4 safetensors-0.8.0" in log.read_text("utf-8")
    assert job.poll()
    job.cancel()
    assert job.poll()

    few = make_wheels(tmp_path / "few", ("torch", "safetensors"))
    line = failure(install_pytorch(BASE, folder, wheels=few, log=log))
    assert line.startswith(f"{few}: no wheel of numpy>=1.26,<3 for Python 3.")
    assert line.endswith(f" is there; add one; see {log}.")
    assert environment_python(folder) == python
    assert sorted(path.name for path in folder.iterdir()) == ["env-1", "environment.json"]
    code = "import torch, numpy; print(torch.__version__, numpy.__version__)"
    answer = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "2.13.0+cpu 1.26.4\n"


@posix
def test_the_steps_and_their_surroundings(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example")
    folder = tmp_path / "pytorch"
    drain(fake.install(folder))
    python = folder / "env-1" / "bin" / "python"
    recipe = pytorch("cpu")
    commands = [pip_command(python, run, None, False) for run in recipe.runs]
    assert [arguments for arguments, _ in fake.calls()] == [
        ["-I", "-X", "utf8", "-m", "venv", str(folder / "env-1")],
        *(command[1:] for command in commands),
        ["-I", "-X", "utf8", "-c", recipe.check],
    ]
    assert len(commands) == 2
    for _, variables in fake.calls():
        assert variables["PIP_INDEX_URL"] == "https://mirror.example"
        assert variables["TMPDIR"] == str(folder / "env-1" / "downloads")
        assert not {"PYTHONPATH", "PIP_TARGET"} & set(variables)


@posix
def test_a_folder_of_wheels_is_used_without_pips_configuration(tmp_path, fake, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/elsewhere")
    drain(fake.install(tmp_path / "pytorch", wheels=make_wheels(tmp_path / "wheels")))
    for _, variables in fake.calls():
        assert {name for name in variables if name.startswith("PIP_")} == {"PIP_CONFIG_FILE"}
        assert variables["PIP_CONFIG_FILE"] == os.devnull


@posix
@pytest.mark.parametrize(("version", "bar"), [("24.0", "off"), ("24.1.2", "raw"), ("26.3", "raw")])
def test_raw_progress_is_asked_of_a_pip_that_knows_it(tmp_path, fake, version, bar):
    fake.plan["pip_version"] = version
    drain(fake.install(tmp_path / "pytorch"))
    pip_runs = [arguments for arguments, _ in fake.calls() if "pip" in arguments]
    assert {arguments[arguments.index("--progress-bar") + 1] for arguments in pip_runs} == {bar}


@posix
def test_an_old_pips_download_is_seen_by_the_file_that_grows(tmp_path, fake):
    fake.plan["pip"][0] = ["Downloading x/torch-2%2Bcpu-py3-none-any.whl (1.0 MB)\nHANG", 0]
    job = fake.install(tmp_path / "pytorch")
    until(job, "Downloading torch (0 of 1 MB)")
    folder = tmp_path / "pytorch" / "env-1" / "downloads" / "pip-unpack-1"
    folder.mkdir()
    (folder / "torch-2+cpu-py3-none-any.whl").write_bytes(bytes(900_000))
    until(job, "Downloading torch (1 of 1 MB)")
    job.cancel()
    with pytest.raises(WorkCancelledError):
        drain(job)


@posix
def test_a_new_installation_replaces_the_old_one(tmp_path, fake):
    folder = tmp_path / "pytorch"
    drain(fake.install(folder))
    leftover = folder / "env-7"  # of a Blender that crashed
    leftover.mkdir()
    (leftover / install._OURS).touch()
    foreign = folder / "env-9"  # not ours, whatever it is
    foreign.mkdir()
    job = fake.install(folder)
    drain(job)
    assert environment_python(folder) == folder / "env-10" / "bin" / "python"
    assert sorted(path.name for path in folder.iterdir()) == ["env-10", "env-9", "environment.json"]
    assert job.seen_share == sorted(job.seen_share)


@posix
@pytest.mark.parametrize("there_before", [False, True])
def test_cancel(tmp_path, fake, there_before):
    folder = tmp_path / "pytorch"
    if there_before:
        drain(fake.install(folder))
    python = environment_python(folder)
    fake.plan["pip"] = [["Collecting torch\nHANG", 0]]
    job = fake.install(folder)
    until(job, "Looking for torch")
    assert (folder / ("env-2" if there_before else "env-1")).is_dir()
    job.cancel()
    job.cancel()
    with pytest.raises(WorkCancelledError):
        drain(job)
    assert job.status == "Cancelled"
    assert job.poll()
    job.cancel()
    assert job.poll()
    assert environment_python(folder) == python
    assert (python is not None) == there_before
    if there_before:
        assert sorted(path.name for path in folder.iterdir()) == ["env-1", "environment.json"]
    else:
        assert not folder.exists()


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def living(tmp_path):
    """A base Python with a child: (its path, a pipe's end that reads "" when both are dead)."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield script(tmp_path / "python", f"(echo up; {PAUSE}) > '{pipe}' &\nwait"), end
    os.close(end)


def said(end: int) -> bytes:
    assert select.select([end], [], [], LONG)[0]
    return os.read(end, 9)


@posix
def test_cancel_ends_the_children_of_a_program(tmp_path, living):
    base, end = living
    job = install_pytorch(base, tmp_path / "pytorch")
    assert said(end) == b"up\n"
    job.cancel()
    with pytest.raises(WorkCancelledError):
        drain(job)
    assert said(end) == b""


@posix
def test_nothing_goes_on_when_blender_ends(tmp_path, living):
    base, end = living
    code = (
        "import sys; from pathlib import Path; "
        "from jumps_blender.model_runtime.pytorch import pytorch; "
        "from jumps_blender.processes.install import Install; "
        "Install(lambda _: Path(sys.argv[1]), Path(sys.argv[2]), lambda: pytorch('cpu')); "
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, base, tmp_path / "pytorch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as blender:
        assert said(end) == b"up\n"
    assert blender.returncode == 0
    assert said(end) == b""


SILENT = "gave no sign of life for {} and was ended; check the connection and the disk, and try"


@posix
def test_silence_of_the_base_python(tmp_path):
    base = script(tmp_path / "hangs", PAUSE)
    job = install_pytorch(base, tmp_path / "pytorch", silence_seconds=0.2)
    assert failure(job) == f"{base} {SILENT.format('0.2 s')} again."
    assert not (tmp_path / "pytorch").exists()


@posix
def test_silence_of_pip(tmp_path, fake):
    fake.plan["pip"] = [["HANG", 0]]
    job = fake.install(tmp_path / "pytorch", silence_seconds=1.5)
    assert failure(job) == f"pip {SILENT.format('1.5 s')} again."
    assert not (tmp_path / "pytorch").exists()


@posix
@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        (
            "/no/such/python",
            "/no/such/python: cannot be started (No such file or directory); choose another "
            "Python.",
        ),
        ("/bin/false", "/bin/false: made no environment (exit code 1); choose another Python."),
        ("/", "/: cannot be started (Permission denied); choose another Python."),
        ("/bin/echo", "/bin/echo: made no environment (-I -X utf8 -m venv "),
        (
            "#!echo '/usr/bin/python3: No module named venv'; exit 1",
            "PYTHON: its venv or ensurepip is missing or fails; choose another Python, or on "
            "Debian and Ubuntu install python3-venv.",
        ),
        (
            "#!echo 'not created successfully because ensurepip is not\navailable.'; exit 1",
            "PYTHON: its venv or ensurepip is missing or fails; choose another Python, or on "
            "Debian and Ubuntu install python3-venv.",
        ),
        (
            "#!echo 'Error: [Errno 28] No space left on device: x'; exit 1",
            "FOLDER: the disk is full; make room or choose another folder.",
        ),
    ],
)
def test_a_base_python_that_makes_no_environment(tmp_path, base, wanted):
    if base.startswith("#!"):
        base = str(script(tmp_path / "python", base.removeprefix("#!")))
    line = failure(install_pytorch(Path(base), tmp_path / "pytorch"))
    wanted = wanted.replace("PYTHON", base).replace("FOLDER", str(tmp_path / "pytorch"))
    assert line.startswith(wanted)
    assert not (tmp_path / "pytorch").exists()


@posix
def test_what_cannot_be_imported_is_not_left(tmp_path, fake):
    fake.plan["check"] = "Traceback\nImportError: libtorch_cpu.so: cannot open shared object file"
    log = tmp_path / "install.log"
    assert failure(fake.install(tmp_path / "pytorch", log=log)) == (
        "What was installed cannot be imported: ImportError: libtorch_cpu.so: cannot open shared "
        f"object file; see {log}."
    )
    assert not (tmp_path / "pytorch").exists()
    assert "libtorch_cpu.so" in log.read_text("utf-8")


@posix
@pytest.mark.parametrize(
    ("build", "cuda", "works", "kind", "more"),
    [
        ("cuda", "13.0", True, "CUDA 13.0", []),
        (
            "cuda",
            "13.0",
            False,
            "CUDA 13.0",
            [
                "PyTorch can't compute on this machine's GPU and will use the processor; an update "
                "of NVIDIA's driver may help."
            ],
        ),
        (
            "cuda",
            None,
            None,
            "CPU",
            ["The torch that was found is the build for the processor: no GPU is used."],
        ),
        (
            "cpu",
            "13.0",
            False,
            "CUDA 13.0",
            [
                "The torch that was found is the larger build for NVIDIA's GPUs; it computes on "
                "the processor as well."
            ],
        ),
        ("cpu", None, None, "CPU", []),
    ],
)
def test_notes_tell_what_was_installed(tmp_path, fake, monkeypatch, build, cuda, works, kind, more):
    monkeypatch.setattr(sys, "platform", "linux")
    fake.plan["check"] = json.dumps({**FACTS, "cuda": cuda, "gpu_works": works})
    folder = tmp_path / "pytorch"
    job = fake.install(folder, build=build)
    drain(job)
    first = f"Installed torch 2.13.0 ({kind}), numpy 1.26.4 and safetensors 0.8.0 into {folder}."
    assert job.notes == [first, *more]


def test_a_folder_without_a_wheel_of_torch(tmp_path):
    wheels = make_wheels(tmp_path / "wheels", ("numpy", "safetensors"))
    assert failure(install_pytorch(BASE, tmp_path / "pytorch", wheels=wheels)) == (
        f"{wheels}: no wheel of torch is there (torch-….whl); choose a folder that holds the "
        "wheels of torch, numpy and safetensors."
    )
    line = failure(install_pytorch(BASE, tmp_path / "pytorch", wheels=tmp_path / "nowhere"))
    assert "nowhere: cannot be read (No such file or directory)" in line
    assert not (tmp_path / "pytorch").exists()


@pytest.mark.parametrize(("build", "needed"), [("cpu", 2), ("cuda", 8)])
def test_too_little_space(tmp_path, monkeypatch, build, needed):
    usage = shutil.disk_usage(tmp_path)._replace(free=needed * 10**9 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    folder = tmp_path / "pytorch"
    assert failure(install_pytorch(BASE, folder, build)) == (
        f"{folder}: {needed}.0 GB are free and about {needed} GB are needed; make room or choose "
        "another folder."
    )
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    folder = tmp_path / "pytorch"
    assert failure(install_pytorch(BASE, folder)) == (
        f"{folder}: cannot be written (Permission denied); choose another folder."
    )


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").touch()
    assert failure(install_pytorch(BASE, tmp_path / "file")) == (
        f"{tmp_path / 'file'}: cannot be written (File exists); choose another folder."
    )


@posix
def test_a_lock_that_was_deleted_meanwhile_keeps_nobody_out(tmp_path, monkeypatch):
    """Bug: who opened the lock's file while another finished there locked a file that was no longer
    in the folder; a third made a new one, and both installed."""
    path, locked = tmp_path / ".lock", install.lock
    path.touch()

    def other_finishes(file):
        path.unlink(missing_ok=True)
        monkeypatch.setattr(install, "lock", locked)
        return locked(file)

    monkeypatch.setattr(install, "lock", other_finishes)
    file = install._locked_file(path)
    assert os.path.samestat(os.fstat(file.fileno()), path.stat())
    assert install._locked_file(path) is None
    file.close()


@posix
def test_only_one_works_in_a_folder(tmp_path, fake):
    folder = tmp_path / "pytorch"
    fake.plan["pip"] = [["Collecting torch\nHANG", 0]]
    job = fake.install(folder)
    until(job, "Looking for torch")
    wanted = f"{folder}: an installation goes on there; wait for its end."
    assert failure(install_pytorch(BASE, folder)) == wanted
    with pytest.raises(JumpsError) as caught:
        remove(folder)
    assert str(caught.value) == wanted
    assert (folder / "env-1").is_dir()
    job.cancel()
    with pytest.raises(WorkCancelledError):
        drain(job)
    assert not folder.exists()


@posix
def test_the_log_is_limited(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(programs, "_LOG_BYTES", 1000)
    log = tmp_path / "install.log"
    fake.plan["pip"][0] = ["Collecting torch\n" * 1000, 0]
    drain(fake.install(tmp_path / "pytorch", log=log))
    assert 1000 <= log.stat().st_size < 3000
    fake.plan["pip"][0] = ["Collecting other", 0]
    drain(fake.install(tmp_path / "pytorch", log=log))
    assert "Collecting torch" not in log.read_text("utf-8")


@posix
def test_a_log_that_cannot_be_written_is_not_named(tmp_path, fake):
    fake.plan["pip"] = [["ERROR: odd.", 1]]
    line = failure(fake.install(tmp_path / "pytorch", log=Path("/dev/null/install.log")))
    assert line == "pip failed: odd."


@posix
def test_environment_python_finds_only_what_is_whole(tmp_path, fake):
    folder = tmp_path / "pytorch"
    assert environment_python(folder) is None
    drain(fake.install(folder))
    environment, record = folder / "env-1", folder / "environment.json"
    python = environment / "bin" / "python"
    assert environment_python(folder) == python

    whole = record.read_text("utf-8")
    for broken in ("", "{", "[]", "{}", '{"environment": 1}', '{"environment": "../env-1"}'):
        record.write_text(broken, encoding="utf-8")
        assert environment_python(folder) is None
    record.unlink()
    assert environment_python(folder) is None
    record.write_text(whole, encoding="utf-8")
    assert environment_python(folder) == python

    # An update of Blender took its Python away.
    fake.path.parent.rename(tmp_path / "elsewhere")
    assert environment_python(folder) is None
    (tmp_path / "elsewhere").rename(fake.path.parent)
    assert environment_python(folder) == python
    python.unlink()
    assert environment_python(folder) is None


@posix
def test_remove(tmp_path, fake):
    folder = tmp_path / "pytorch"
    remove(folder)
    drain(fake.install(folder))
    (folder / "env-1" / "lib64").symlink_to(folder / "env-1" / "lib")
    remove(folder)
    assert not folder.exists()

    drain(fake.install(folder))
    (folder / "notes.txt").touch()
    remove(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@posix
def test_what_cannot_be_removed_is_named_and_stays_ours(tmp_path, fake, monkeypatch):
    folder = tmp_path / "pytorch"
    drain(fake.install(folder))

    def in_use(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", f"{path}/torch_cpu.dll")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", in_use)
        with pytest.raises(JumpsError, match=r"torch_cpu\.dll: cannot be deleted \(Permission"):
            remove(folder)
    assert environment_python(folder) is None
    remove(folder)
    assert not folder.exists()
