"""The packages: what is in them, how they are built, and that the full one needs nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track

ROOT = Path(__file__).parents[2]
MANIFEST = "blender_manifest.toml"
EXAMPLE = ROOT / "examples" / "karate_cmu_135_07.json"
# pip finds what a test offers it and nothing else.
NOTHING_ELSE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""}


def build(*arguments: str | Path, house: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script; in a small house, wheels come from its folder ``offered`` only."""
    script = (house or ROOT) / "scripts" / "build_extension.py"
    only = {} if house is None else {**NOTHING_ELSE, "PIP_FIND_LINKS": str(house / "offered")}
    return subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **only},
    )


def archive_of(done: subprocess.CompletedProcess[str]) -> Path:
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


def manifest_in(archive: Path) -> dict:
    with zipfile.ZipFile(archive) as file:
        return tomllib.loads(file.read(MANIFEST).decode())


def names_in(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as file:
        return set(file.namelist())


@pytest.fixture(scope="session")
def slim() -> Path:
    return archive_of(build())


@pytest.fixture(scope="session")
def full() -> Path:
    """The full package; its wheels are downloaded unless the set-up has kept them."""
    ready = build("--wheels-only")
    if ready.returncode != 0:
        pytest.skip(ready.stderr.strip())
    return archive_of(build("--full"))


def test_both_packages_validate(slim: Path, full: Path) -> None:
    scripts = Path(bpy.utils.resource_path("LOCAL")) / "scripts"
    tool = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tags = scripts / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    for archive in (slim, full):
        subprocess.run(
            [sys.executable, tool, "validate", f"--valid-tags={tags}", archive], check=True
        )


def test_the_slim_package_holds_no_wheels(slim: Path) -> None:
    assert not [name for name in names_in(slim) if name.endswith(".whl")]
    assert not {"wheels", "platforms"} & manifest_in(slim).keys()


def test_packages_hold_their_licence(slim: Path) -> None:
    with zipfile.ZipFile(slim) as file:
        assert file.read("LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_full_package_is_the_slim_one_and_its_wheels(slim: Path, full: Path) -> None:
    wheels = {name for name in names_in(full) if name.startswith("wheels/")}
    assert names_in(full) - wheels == names_in(slim)
    manifest = manifest_in(full)
    assert sorted(manifest["wheels"]) == sorted(f"./{name}" for name in wheels)
    packages = {Path(name).name.split("-")[0].lower() for name in wheels}
    assert {"torch", "safetensors", "sympy", "typing_extensions"} <= packages
    # Blender brings NumPy; all extensions share one folder of packages, so another would replace
    # it for everybody.
    assert "numpy" not in packages
    (platform,) = manifest["platforms"]
    assert full.stem == f"jumps_blender-{manifest['version']}-full-{platform}-cp311"
    with zipfile.ZipFile(full) as file:
        for name in wheels:
            kept = ROOT / "build" / "wheels" / f"{platform}-cp311" / Path(name).name
            assert file.read(name) == kept.read_bytes(), "wheels go in unmodified"
    source = ROOT / "jumps_blender"
    assert "wheels" not in tomllib.loads((source / MANIFEST).read_text(encoding="utf-8"))
    assert not (source / "wheels").exists()


_UPSAMPLE = """
import importlib.util, os, socket, sys
import bpy
import numpy as np

archive, pose_file, pixels_file = sys.argv[1:]
for name in ("torch", "safetensors", "sympy"):
    assert importlib.util.find_spec(name) is None, name
try:
    import torch
except ImportError:
    pass
else:
    raise AssertionError("torch is here before")
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    assert "unreachable" in str(error), error
else:
    raise AssertionError("there is a network")

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(
    repo="user_default", filepath=archive, enable_on_install=True, overwrite=True)
packages = os.path.join(bpy.utils.user_resource("EXTENSIONS"), ".local")
assert importlib.util.find_spec("torch").origin.startswith(packages)

scene = bpy.context.scene
bpy.ops.jumps.import_poses(filepath=pose_file)
scene.jumps.engine = "direct"
scene.jumps.use_clip_fps = True
bpy.ops.jumps.upsample_skeleton()
bpy.ops.jumps.apply_preview()

of_results = sys.modules["bl_ext.user_default.jumps_blender.scene.result"]
(result,) = of_results.results_in(scene)
first, last = result.frame_range
points = []
for frame in range(first, last + 1):
    scene.frame_set(frame)
    points.append([tuple(empty.location) for empty in result.empties])
np.save(pixels_file, of_results.plane_of(result).to_pixels(np.array(points)))
print("upsampled in", bpy.app.version_string)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def no_network() -> list[str]:
    """What a command is started with so that it has no network."""
    unshare = ["unshare", "--net", "--map-root-user"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or error
        pytest.skip(f"the network cannot be cut off here by {' '.join(unshare)}: {why}")
    return unshare


def test_the_full_package_upsamples_without_torch_and_network(
    full: Path, bare_blender: Path, no_network: list[str], tmp_path: Path
) -> None:
    pixels, home = tmp_path / "pixels.npy", tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [*no_network, bare_blender, "-I", "-c", _UPSAMPLE, full, EXAMPLE, pixels],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "BLENDER_USER_RESOURCES": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "upsampled in 4.5" in done.stdout
    expected = upsample_track(choose_person(read_pose_file(EXAMPLE)), engine="direct").positions
    found = np.load(pixels)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-2


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small project around the script, with a folder of wheels for it."""
    for folder in ("scripts", "jumps_blender", "offered"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    shutil.copy(ROOT / "jumps_blender" / MANIFEST, tmp_path / "jumps_blender")
    (tmp_path / "jumps_blender" / "__init__.py").touch()
    shutil.copy(ROOT / "scripts" / "build_extension.py", tmp_path / "scripts")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    return tmp_path


def offer(folder: Path, name: str, version: str, tag: str, *needed: str) -> None:
    """Put a wheel without content into a folder that pip may look in."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {other}" for other in needed]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as file:
        file.writestr(f"{info}/METADATA", "\n".join([*lines, "", ""]))
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")


def pinned(name: str) -> str:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    (pin,) = (line for line in lines if line.startswith(f"{name}=="))
    return pin.partition("==")[2]


@pytest.mark.parametrize(
    ("python", "tag", "first", "end"),
    [
        (Path(sys.executable), "cp311", "4.5.0", "5.1.0"),
        (ROOT / ".venv-bpy52" / "bin" / "python", "cp313", "5.1.0", None),
    ],
)
def test_wheels_and_manifest_fit_the_blender(
    python: Path, tag: str, first: str, end: str | None, house: Path
) -> None:
    if not python.exists():
        pytest.skip(f"{python} is absent; `make bpy52` makes it where Python 3.13 is found")
    offered = house / "offered"
    for other in ("cp311", "cp313"):
        linux = f"{other}-{other}-manylinux_2_28_x86_64"
        offer(offered, "torch", pinned("torch") + "+cpu", linux, "filelock", "markupsafe")
        offer(offered, "markupsafe", "3.0.4", linux)
    offer(offered, "safetensors", pinned("safetensors"), "py3-none-any")
    offer(offered, "filelock", "4.0", "py3-none-any", f'tomli; python_version != "3.{tag[-2:]}"')

    archive = archive_of(build("--full", "--python", python, house=house))
    manifest = manifest_in(archive)
    assert manifest["blender_version_min"] == first
    assert manifest.get("blender_version_max") == end
    assert manifest["platforms"] == ["linux-x64"]
    assert [Path(wheel).name for wheel in manifest["wheels"]] == [
        "filelock-4.0-py3-none-any.whl",
        f"markupsafe-3.0.4-{tag}-{tag}-manylinux_2_28_x86_64.whl",
        f"safetensors-{pinned('safetensors')}-py3-none-any.whl",
        f"torch-{pinned('torch')}+cpu-{tag}-{tag}-manylinux_2_28_x86_64.whl",
    ]
    # A second time the wheels are there.
    shutil.rmtree(offered)
    again = build("--full", "--python", python, house=house)
    assert archive_of(again) == archive
    assert "downloading" not in again.stdout
    # Unless they are of other versions than those asked for.
    (house / "requirements.txt").write_text("torch==9.9\nsafetensors==9.9\n")
    assert build("--wheels-only", "--python", python, house=house).returncode == 1


@pytest.mark.parametrize(
    ("local_version", "needed"), [("+cu130", ()), ("", ("nvidia-cudnn-cu13==9.20.0.48",))]
)
def test_a_torch_for_graphics_cards_is_refused(
    local_version: str, needed: tuple[str, ...], house: Path
) -> None:
    offered = house / "offered"
    version = pinned("torch") + local_version
    offer(offered, "torch", version, "cp311-cp311-manylinux_2_28_x86_64", *needed)
    done = build("--full", house=house)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    index = "https://download.pytorch.org/whl/cpu"
    assert f"make extension-full TORCH_INDEX={index}" in done.stderr
    assert nothing_made(house)


def test_no_wheels_and_no_network_is_one_line(house: Path) -> None:
    done = build("--full", house=house)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "could not be downloaded" in done.stderr
    assert nothing_made(house)


def nothing_made(house: Path) -> bool:
    return not [*house.glob("build/wheels/*"), *house.glob("dist/*")]


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python3.11"])
def test_what_is_no_python_is_one_line(python: str, house: Path) -> None:
    done = build("--full", "--python", python, house=house)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no Python interpreter" in done.stderr
    assert nothing_made(house)
