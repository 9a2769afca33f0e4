"""Build and check the extension's packages in dist/.

- jumps_blender-VERSION.zip, the slim one: needs PyTorch in Blender's Python to upsample
- jumps_blender-VERSION-full-PLATFORM-PYTHON.zip (--full): brings PyTorch for the CPU along, as
  wheels that Blender unpacks when it installs the package

Uses the extension command line that comes with the bpy wheel, without starting Blender. The wheels
are downloaded once, into build/wheels/; with them there, no network is needed.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "jumps_blender"
DESTINATION = ROOT / "dist"
WHEELS = ROOT / "build" / "wheels"
MANIFEST = "blender_manifest.toml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Which Blenders run a Python: the first one, and the first that doesn't any more.
BLENDERS: dict[str, tuple[str, str | None]] = {
    "3.11": ("4.5.0", "5.1.0"),
    "3.13": ("5.1.0", None),
}
# Blender's names for what Python calls them.
SYSTEMS = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}
MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64", "ARM64": "arm64"}


@dataclass(frozen=True)
class Target:
    """What the wheels are for.

    interpreter: a Python of the version that Blender runs, on Blender's platform
    version: its version, such as 3.11
    platform: Blender's name for the platform, such as linux-x64
    """

    interpreter: str
    version: str
    platform: str

    @property
    def tag(self) -> str:
        return f"{self.platform}-cp{self.version.replace('.', '')}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Build and check the extension's packages.")
    parser.add_argument("--full", action="store_true", help="the package that holds PyTorch")
    parser.add_argument("--wheels-only", action="store_true", help="only download its wheels")
    parser.add_argument(
        "--python",
        default=sys.executable,
        help="an interpreter of the version that the full package's Blender runs (default: this)",
    )
    parser.add_argument("--torch-index", default="", help="the wheel index that torch comes from")
    arguments = parser.parse_args()
    if not (arguments.full or arguments.wheels_only):
        print(_build_slim())
        return
    target = _target(arguments.python)
    wheels = _wheels(target, arguments.torch_index)
    if not arguments.wheels_only:
        print(_build_full(target, wheels))


def _build_slim() -> Path:
    manifest = _manifest()
    with _copied(DESTINATION) as source:
        return _build(source, f"{manifest['id']}-{manifest['version']}.zip", ())


@contextmanager
def _copied(where: Path) -> Iterator[Path]:
    """A copy of the source for as long as it is needed, with the licence that goes with it."""
    where.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where, prefix=".") as folder:
        source = Path(folder) / SOURCE.name
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "LICENSE", source / "LICENSE")
        yield source


def _build_full(target: Target, wheels: Sequence[Path]) -> Path:
    """The same with a manifest that names the wheels."""
    manifest = _manifest()
    with _copied(WHEELS) as source:
        (source / "wheels").mkdir()
        for wheel in wheels:
            shutil.copyfile(wheel, source / "wheels" / wheel.name)
        text = (source / MANIFEST).read_text(encoding="utf-8")
        (source / MANIFEST).write_text(_full_manifest(text, target, wheels), encoding="utf-8")
        name = f"{manifest['id']}-{manifest['version']}-full-{target.tag}.zip"
        return _build(source, name, wheels)


def _full_manifest(text: str, target: Target, wheels: Sequence[Path]) -> str:
    """The manifest with the Blenders, the platform and the wheels of a full package."""
    first, end = BLENDERS[target.version]
    lines = [f'blender_version_min = "{first}"']
    if end is not None:
        lines.append(f'blender_version_max = "{end}"')
    lines.append(f'platforms = ["{target.platform}"]')
    lines += ["wheels = [", *(f'  "./wheels/{wheel.name}",' for wheel in wheels), "]"]
    text, found = re.subn(
        r"^blender_version_min = .*$", lambda _: "\n".join(lines), text, flags=re.MULTILINE
    )
    if found != 1:
        sys.exit(f"{SOURCE / MANIFEST} should have one line with blender_version_min.")
    return text


def _build(source: Path, name: str, wheels: Sequence[Path]) -> Path:
    """Validate, build, validate what was built, and only then put it into dist/."""
    scripts = _blender_scripts()
    tool = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tags = scripts / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    # Wrong tags are only found when the tool is told which ones are right.
    check = (f"--valid-tags={tags}",)
    DESTINATION.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DESTINATION, prefix=".") as folder:
        built = Path(folder) / name
        _run(tool, "validate", *check, source)
        _run(tool, "build", *check, "--source-dir", source, "--output-filepath", built)
        _run(tool, "validate", *check, built)
        _check_wheels(built, wheels)
        return built.replace(DESTINATION / name)


def _check_wheels(archive: Path, wheels: Sequence[Path]) -> None:
    """The tool drops wheels that it finds unsuitable without a word: look for each of them."""
    with zipfile.ZipFile(archive) as file:
        listed = tomllib.loads(file.read(MANIFEST).decode()).get("wheels", [])
        held = {info.filename: info.file_size for info in file.infolist() if _is_wheel(info)}
    expected = {f"wheels/{wheel.name}": wheel.stat().st_size for wheel in wheels}
    if held != expected or sorted(listed) != sorted(f"./{name}" for name in expected):
        sys.exit(f"{archive.name} was built with other wheels than {sorted(expected)}.")


def _is_wheel(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(".whl")


def _target(interpreter: str) -> Target:
    ask = (
        "import platform, sys; print(sys.executable, *sys.version_info[:2], platform.system(), "
        "platform.machine(), sep='\\n')"
    )
    try:
        done = subprocess.run(
            [interpreter, "-I", "-c", ask], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{interpreter} is no Python interpreter that runs here ({error}).")
    executable, major, minor, system, machine = done.stdout.splitlines()
    version = f"{major}.{minor}"
    if version not in BLENDERS:
        known = " or ".join(BLENDERS)
        sys.exit(f"No supported Blender runs Python {version}; {known} is needed: --python PATH.")
    if system not in SYSTEMS or machine not in MACHINES:
        sys.exit(f"There is no Blender for {system} on {machine}.")
    return Target(executable, version, f"{SYSTEMS[system]}-{MACHINES[machine]}")


def _wheels(target: Target, torch_index: str) -> list[Path]:
    """The full package's wheels: those kept in build/wheels/, else downloaded to there."""
    folder = WHEELS / target.tag
    pins = _pins()
    if not _complete(folder, pins):
        WHEELS.mkdir(parents=True, exist_ok=True)
        print(f"downloading torch and what it needs (about 200 MB) to {folder}", flush=True)
        # Renamed when complete, so that a folder of that name is never half full.
        with tempfile.TemporaryDirectory(dir=WHEELS, prefix=".") as unfinished:
            fresh = _download(target, pins, torch_index, Path(unfinished))
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    return sorted(folder.glob("*.whl"))


def _pins() -> dict[str, str]:
    """The versions of torch and safetensors that the project is tested with."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    return {name: pins[name] for name in ("torch", "safetensors")}


def _complete(folder: Path, pins: dict[str, str]) -> bool:
    """Whether a folder that was once filled still holds the right versions."""
    versions = {}
    for wheel in folder.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        versions[name] = version.partition("+")[0]
    return all(versions.get(name) == version for name, version in pins.items())


def _download(target: Target, pins: dict[str, str], torch_index: str, folder: Path) -> Path:
    """Download into ``folder``; returns the folder in it that holds all the wheels."""
    # torch first and alone: it is the only one that may come from an index of its own, and what a
    # CUDA build needs besides are gigabytes.
    index = ("--index-url", torch_index) if torch_index else ()
    _pip(target, *index, "--no-deps", "--dest", folder / "torch", f"torch=={pins['torch']}")
    (torch,) = (folder / "torch").iterdir()
    _require_cpu_build(torch)
    everything = folder / "all"
    _pip(target, "--dest", everything, torch, f"safetensors=={pins['safetensors']}")
    return everything


def _require_cpu_build(torch: Path) -> None:
    version = torch.name.split("-")[1]
    with zipfile.ZipFile(torch) as file:
        (metadata,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        needs_nvidia = b"\nRequires-Dist: nvidia-" in file.read(metadata)
    # On other systems such requirements are only there to be ignored.
    if version.partition("+")[2] not in ("", "cpu") or (needs_nvidia and "linux" in torch.name):
        sys.exit(
            f"The torch {version} found is a build for graphics cards, gigabytes too large for a "
            f"package; run: make extension-full TORCH_INDEX={CPU_INDEX}"
        )


def _pip(target: Target, *arguments: str | Path) -> None:
    """Run `pip download`; ends the script with one line where it fails."""
    # Run by the target's interpreter, so that pip sees the wheels and the conditions that are its.
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python")
    options = ("download", "--quiet", "--retries", "2", "--only-binary", ":all:")
    done = subprocess.run(
        [*pip, target.interpreter, *options, *arguments],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        sys.exit(
            "The full package's wheels are not in build/wheels and could not be downloaded; run "
            f"`make extension-full` once with a network (pip: {reason})"
        )


def _manifest() -> dict[str, str]:
    return tomllib.loads((SOURCE / MANIFEST).read_text(encoding="utf-8"))


def _blender_scripts() -> Path:
    found = importlib.util.find_spec("bpy")
    if found is None or found.origin is None:
        sys.exit("The Python package bpy is not installed here; its extension tool is needed.")
    folders = sorted(Path(found.origin).parent.glob("[0-9]*.[0-9]*/scripts"))
    if not folders:
        sys.exit(f"No scripts folder beside {found.origin}.")
    return folders[-1]


def _run(tool: Path, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, tool, *arguments], check=True)


if __name__ == "__main__":
    main()
