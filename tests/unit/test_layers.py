"""The arrows of the house point down only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jumps_blender"
BELOW = ("keypoints", "skeletons", "processes", "model_runtime", "video")
ABOVE = ("scene", "operators", "ui")
# What each room may import from the package, itself included.
ALLOWED = {
    "skeletons": {"skeletons"},
    "keypoints": {"keypoints", "skeletons"},
    "processes": {"processes"},
    "model_runtime": {"model_runtime", "processes", "keypoints", "skeletons"},
    "video": {"video", "processes", "keypoints", "skeletons"},
    "scene": {"scene", "keypoints", "skeletons", "video"},
    "operators": {
        "operators",
        "scene",
        "model_runtime",
        "video",
        "processes",
        "keypoints",
        "skeletons",
    },
    "ui": {
        "ui",
        "operators",
        "scene",
        "model_runtime",
        "video",
        "processes",
        "keypoints",
        "skeletons",
    },
}
ANYWHERE = {"errors", "files", "interrupts", "locks", "signs", "__version__"}


def _imports(path: Path):
    """(absolute module, relative room) of each import in a file."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module, None
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((None, name.split(".")[0]) for name in names)


def _files(room: str):
    return sorted((PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize(("rooms", "banned"), [(BELOW, "bpy"), (ABOVE, "torch")])
def test_banned_imports(rooms, banned):
    found = [
        str(path.relative_to(PACKAGE))
        for room in rooms
        for path in _files(room)
        for module, _ in _imports(path)
        if module and module.split(".")[0] == banned
    ]
    assert found == []


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_only_what_lies_below(room):
    assert _files(room)
    for path in _files(room):
        used = {target for _, target in _imports(path) if target}
        assert used <= ALLOWED[room] | ANYWHERE, path


def test_absolute_imports_of_the_package_are_not_used():
    # Inside Blender the package is called bl_ext.<repository>.jumps_blender.
    for path in PACKAGE.rglob("*.py"):
        for module, _ in _imports(path):
            assert not (module or "").startswith("jumps_blender"), path


def test_importing_the_command_line_imports_neither_torch_nor_bpy():
    code = (
        "import sys, jumps_blender.cli, jumps_blender.model_runtime; "
        "print({'torch', 'bpy', 'scipy'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
