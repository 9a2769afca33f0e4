"""What is installed, pip's command lines, and what pip's output means; no program is run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from jumps_blender.model_runtime.pytorch import PACKAGES, pytorch
from jumps_blender.processes.programs import PipOutput, pip_command, pip_error

ROOT = Path(__file__).parents[2]


def test_packages_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {package.partition(">")[0] for package in PACKAGES}
    wanted = {line for line in project["dependencies"] if line.partition(">")[0] in names}
    assert len(names) == 3
    assert set(PACKAGES) == wanted


ALWAYS = [
    *("-I", "-X", "utf8", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
    *("--no-user", "--no-warn-script-location", "--no-cache-dir", "--only-binary", ":all:"),
    "--progress-bar",
]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"


@pytest.mark.parametrize(
    ("system", "build", "index"),
    [
        ("linux", "cpu", CPU_INDEX),
        ("linux", "cuda", None),
        ("win32", "cpu", None),
        ("win32", "cuda", CUDA_INDEX),
        ("darwin", "cpu", None),
        ("darwin", "cuda", None),
    ],
)
def test_commands_for_the_package_index(system, build, index):
    everything = ["/p", *ALWAYS, "raw", "torch>=2.5,<3", "numpy>=1.26,<3", "safetensors>=0.5,<1"]
    torch = ["/p", *ALWAYS, "raw", "--index-url", index, "--no-deps", "torch>=2.5,<3"]
    wanted = [everything] if index is None else [torch, everything]
    runs = pytorch(build, system).runs
    assert [pip_command(Path("/p"), run, None, True) for run in runs] == wanted


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_commands_for_a_folder_of_wheels(system):
    (run,) = (run for run in pytorch("cpu", system).runs if run.index is None)
    assert pip_command(Path("/p"), run, Path("/w"), False) == (
        ["/p", *ALWAYS, "off", "--no-index", "--find-links", "/w", *PACKAGES]
    )


def test_pip_output_with_raw_progress():
    output = PipOutput(200e6)
    seen = []
    for line in """\
Looking in indexes: https://download.pytorch.org/whl/cpu
Collecting torch<3,>=2.5
  Downloading https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-linux.whl.metadata (29 kB)
Downloading https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-linux.whl (191.8 MB)
Progress 0 of 191794682
Progress 69468160 of 191794682
Progress 191794682 of 191794682
Downloading sympy-1.14.0-py3-none-any.whl (6.3 MB)
Progress 6299353 of 6299353
Downloading mpmath-1.3.0-py3-none-any.whl (536 kB)
Installing collected packages: mpmath, sympy, torch
Progress 1 of 3
Successfully installed mpmath-1.3.0 sympy-1.14.0 torch-2.13.0+cpu
""".splitlines():  # noqa: E501 - recorded
        output.take(line + "\n")
        seen.append((output.share, output.status))
    shares, statuses = zip(*seen, strict=True)
    assert list(statuses) == [
        "Looking for packages",
        "Looking for torch",
        "Looking for torch",
        "Downloading torch (0 of 192 MB)",
        "Downloading torch (0 of 192 MB)",
        "Downloading torch (69 of 192 MB)",
        "Downloading torch (192 of 192 MB)",
        "Downloading sympy (0 of 6 MB)",
        "Downloading sympy (6 of 6 MB)",
        "Downloading mpmath",
        "Installing",
        "Installing",
        "Installing",
    ]
    assert shares[5] == pytest.approx(0.8 * 69468160 / 200e6)
    assert shares[8] == pytest.approx(0.8 * (191794682 + 6299353) / 200e6)
    assert shares[-3:] == (0.8, 0.8, 1.0)
    assert list(shares) == sorted(shares)


def test_more_than_expected_is_downloaded_without_passing_the_share_of_downloads():
    output = PipOutput(1e6)
    for number in range(5):
        output.take(f"Downloading part{number}-1-py3-none-any.whl (2.0 GB)")
        output.take("Progress 2000000000 of 2000000000")
        assert output.share == pytest.approx(0.8)


def test_a_download_of_unknown_size():
    output = PipOutput(100e6)
    output.take("Progress 50000000 of 0")
    assert output.share == pytest.approx(0.4)
    assert output.status == "Downloading packages (50 of 50 MB)"


def test_pip_output_of_an_old_pip_is_helped_by_the_size_of_the_file():
    output = PipOutput(200e6)
    assert output.file == ""
    output.take("Collecting torch<3,>=2.5\n")
    output.take("  Downloading torch-2.13.0%2Bcpu-cp311-cp311-linux.whl (191.8 MB)\n")
    assert output.file == "torch-2.13.0+cpu-cp311-cp311-linux.whl"
    output.downloaded(100e6)
    assert output.status == "Downloading torch (100 of 192 MB)"
    assert output.share == pytest.approx(0.4)
    output.take("Installing collected packages: torch\n")
    assert output.file == ""


def test_pip_output_for_a_folder_of_wheels():
    output = PipOutput(200e6)
    output.take(r"Processing c:\users\me\wheels\torch-2.13.0+cpu-cp311-cp311-win_amd64.whl")
    assert (output.status, output.share) == ("Reading torch", pytest.approx(0.8 / 12))
    output.take("Processing ./numpy-1.26.4-py3-none-any.whl")
    assert (output.status, output.share) == ("Reading numpy", pytest.approx(0.8 / 6))
    for _ in range(30):
        output.take("Processing /w/more-1-py3-none-any.whl")
    assert output.share == pytest.approx(0.8)


NO_TORCH = """\
ERROR: Could not find a version that satisfies the requirement torch<3,>=2.5 (from versions: none)
ERROR: No matching distribution found for torch<3,>=2.5"""
RETRY = (
    "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by "
    "'NameResolutionError(\"HTTPSConnection(host='pypi.org', port=443): Failed to resolve "
    "'pypi.org' ([Errno -2] Name or service not known)\")': /simple/torch/\n"
)
SSL = RETRY.replace("NameResolutionError", "SSLError: CERTIFICATE_VERIFY_FAILED")
NETWORK = "The package index cannot be reached; check the connection, or choose a folder of wheels"


@pytest.mark.parametrize(
    ("wheels", "output", "wanted"),
    [
        (None, RETRY + NO_TORCH, NETWORK),
        (None, "ERROR: HTTP error 503 while getting https://x/y.whl", NETWORK),
        (None, "  ...\npip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", NETWORK),
        (
            None,
            SSL + NO_TORCH,
            "The package index's certificate is not trusted (a proxy in between?); set PIP_CERT to "
            "the certificate of your company, or choose a folder of wheels",
        ),
        (
            None,
            NO_TORCH,
            "The package index has no wheel of torch>=2.5,<3 for Python 3.11 on Linux x86_64; use "
            "another version of Blender, or choose a folder of wheels",
        ),
        # The connection came back, and the index does answer.
        (
            None,
            RETRY + NO_TORCH.replace("none)", "2.2.0, 2.2.1)"),
            "The package index has no wheel of torch>=2.5,<3 for Python 3.11 on Linux x86_64; use "
            "another version of Blender, or choose a folder of wheels",
        ),
        (
            "/wheels",
            NO_TORCH,
            "/wheels: no wheel of torch>=2.5,<3 for Python 3.11 on Linux x86_64 is there; add one",
        ),
        (
            "/wheels",
            "ERROR: No matching distribution found for filelock",
            "/wheels: no wheel of filelock for Python 3.11 on Linux x86_64 is there; add one",
        ),
        (
            None,
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device",
            "/to: the disk is full; make room or choose another folder",
        ),
        (
            None,
            "ERROR: Could not install packages due to an OSError: [Errno 2] No such file: 'x'\n"
            "HINT: This error might have occurred since this system does not have Windows Long "
            "Path support enabled.",
            "/to: the path is too long for Windows; choose a shorter folder",
        ),
        (
            None,
            "WARNING: a\nERROR: Wheel 'x' is invalid.\nmore\n",
            "pip failed: Wheel 'x' is invalid",
        ),
        (None, "ERROR: Exception:\nTraceback\nValueError: odd", "pip failed: ValueError: odd"),
        (None, "", "pip failed: it gave no reason"),
    ],
)
def test_pip_error(wheels, output, wanted):
    wheels = wheels and Path(wheels)
    lines = output.splitlines()
    where = "Python 3.11 on Linux x86_64"
    assert pip_error(lines, Path("/to"), wheels, where, pytorch("cpu")) == wanted
