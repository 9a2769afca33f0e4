"""A Blender for tests: the user's settings out of the way, an empty scene for each test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.skeletons import JOINT_SETS, joint_index

from .walker import walker

ROOT = Path(__file__).parents[2]
# Blender's own Python has these; torch's dependencies are not among them.
IN_BLENDER = ("bpy", "numpy", "numpy.libs")

# Before bpy is imported anywhere, so that tests never touch the user's settings.
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="jumps-tests-")

_exit_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    # What is registered at the interpreter's end makes bpy hang there.
    sys.stdout.flush()
    sys.stderr.flush()
    if "bpy" in sys.modules:
        os._exit(_exit_status)


@pytest.fixture(autouse=True)
def empty_scene() -> None:
    bpy = pytest.importorskip("bpy", reason="the Python package bpy is not installed")
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture(scope="session")
def archive() -> Path:
    """The extension, built by the project's own script."""
    built = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_extension.py"],
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(built.stdout.splitlines()[-1])


@pytest.fixture
def extension(archive: Path) -> None:
    """The extension, installed and enabled in a fresh Blender."""
    import bpy

    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=str(archive), enable_on_install=True, overwrite=True
    )


@pytest.fixture
def pose_file(tmp_path: Path) -> Path:
    """AlphaPose's COCO-17 with two people, the first seen in 40 frames and the second in 10."""
    names = JOINT_SETS["coco17"].joints
    detections = []
    for person, frames, shift in ((3, 40, 0.0), (8, 10, 600.0)):
        positions = walker(frames).positions
        for frame in range(frames):
            joints = []
            for name in names:
                target = f"{name[0]}_{name.split('_')[-1]}"
                known = target.endswith(("shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
                x, y = positions[frame, joint_index(target)] if known else (0.0, 0.0)
                hidden = person == 3 and name == "left_wrist" and 10 <= frame < 20
                joints += [float(x) + shift, float(y), 0.0 if hidden or not known else 0.9]
            detections.append(
                {
                    "image_id": f"{frame}.jpg",
                    "category_id": 1,
                    "keypoints": joints,
                    "score": 2.5,
                    "idx": person,
                }
            )
    path = tmp_path / "alphapose-results.json"
    path.write_text(json.dumps(detections))
    return path


@pytest.fixture
def bare_blender(tmp_path: Path) -> Iterator[Path]:
    """A Python that has Blender and what Blender brings along, and nothing else."""
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site_packages,) = folder.glob("lib/python3*/site-packages")
    theirs = Path(np.__file__).parents[1]
    for name in IN_BLENDER:
        if (theirs / name).exists():
            (site_packages / name).symlink_to(theirs / name)
    yield folder / "bin" / "python"
    # pytest would keep the gigabyte that gets installed for another two runs.
    shutil.rmtree(tmp_path)
