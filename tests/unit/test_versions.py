"""What is written in two places says the same."""

import tomllib
from pathlib import Path

import jumps_blender

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "jumps_blender" / "model_runtime" / "weights"


def test_the_version():
    manifest = tomllib.loads((ROOT / "jumps_blender" / "blender_manifest.toml").read_text("utf-8"))
    assert manifest["version"] == jumps_blender.__version__
    assert f"## {jumps_blender.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_room_is_packaged():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rooms = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "jumps_blender").rglob("__init__.py")
    }
    assert rooms | {"training"} == set(project["tool"]["setuptools"]["packages"])


def test_weights_are_small_and_no_pickles():
    files = list(WEIGHTS.iterdir())
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert sum(path.stat().st_size for path in files) < 30e6
    names = {"baselines", "contacts", "direct", "jumps", "jumps_gan", "lift"}
    assert {path.stem for path in files} == names
