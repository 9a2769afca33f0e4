"""What runs in estimators' Pythons keeps to Python 3.9, and to itself."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "jumps_blender"
ESTIMATOR = sorted((PACKAGE / "video" / "estimator").glob("*.py"))
SHARED = [
    PACKAGE / name
    for name in (
        *("__init__.py", "errors.py", "locks.py", "video/__init__.py"),
        *(
            "processes/__init__.py",
            "processes/messages.py",
            "processes/server.py",
            "processes/start.py",
        ),
    )
]
# In Python since 3.10: what parses and yet fails there.
LATER = {"pairwise", "aiter", "anext", "file_digest", "StrEnum", "tomllib", "bit_count"}


@pytest.mark.parametrize("path", ESTIMATOR + SHARED, ids=lambda path: path.name)
def test_it_is_python_3_9(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & LATER
    keywords = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("zip", "dataclass")
        for keyword in node.keywords
    }
    assert not keywords & {"strict", "slots", "kw_only"}
    # Annotations may use newer forms where they are never evaluated.
    future = [node.names[0].name for node in tree.body if isinstance(node, ast.ImportFrom)]
    annotations = [
        getattr(node, field)
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if getattr(node, field, None) is not None
    ]
    unions = [
        node for each in annotations for node in ast.walk(each) if isinstance(node, ast.BinOp)
    ]
    assert "annotations" in future or not unions


def test_of_the_package_only_what_keeps_to_it_is_imported():
    start = PACKAGE / "processes" / "start.py"
    code = (
        f"import runpy, sys, json; runpy.run_path({str(start)!r}, run_name='start')\n"
        "import importlib\n"
        "importlib.import_module('jumps_blender.video.estimator.worker')\n"
        "for name in ('poses', 'records', 'landmarks'):\n"
        "    importlib.import_module('jumps_blender.video.estimator.' + name)\n"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('jumps_')]))"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {Path(file) for file in json.loads(result.stdout)}
    assert loaded <= set(ESTIMATOR) | set(SHARED)
    assert PACKAGE / "processes" / "server.py" in loaded


def test_an_estimator_imports_nothing_else_of_the_package():
    for path in ESTIMATOR:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                allowed = ("errors", "locks", "processes.messages", "processes.server")
                assert node.module in allowed, path
