"""``jumps animate`` writes .blend and .fbx, all or none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track
from jumps_blender.scene.result import plane_of, results_in
from jumps_blender.skeletons import JOINTS

ROOT = Path(__file__).parents[2]
EXAMPLE = next((ROOT / "examples").glob("*.json"))


def _animate(
    *arguments: object, before: str = "", scratch: Path | None = None
) -> subprocess.CompletedProcess[str]:
    # In a process of its own, as a user runs it: it empties the open Blender file.
    code = f"import sys; {before}from jumps_blender.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "animate", *map(str, arguments)]
    # As a user's shell has it: no resources folder of the tests, output buffered.
    ours = ("PYTHONUNBUFFERED", "BLENDER_USER_RESOURCES")
    environment = {key: os.environ[key] for key in os.environ if key not in ours}
    environment["TMPDIR"] = str(scratch or Path(tempfile.gettempdir()))
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


def test_the_whole_way(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.blend", "a.fbx", "a.png")]
    blend, fbx, preview = outputs
    result = _animate(
        EXAMPLE, "--fps", 25, "--blend", blend, "--fbx", fbx, "--preview", preview, "--height", 2
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert "100%" in result.stderr
    assert sorted(tmp_path.iterdir()) == sorted(outputs)

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    (made,) = results_in(scene)
    sequence = upsample_track(choose_person(read_pose_file(EXAMPLE, fps=25)))
    assert scene.render.fps / scene.render.fps_base == pytest.approx(25)
    assert (scene.frame_start, scene.frame_end) == (1, 300)
    plane = plane_of(made)
    for frame in (0, 150, 299):
        scene.frame_set(frame + 1)
        expected = plane.to_scene(sequence.positions[frame])
        places = np.array([empty.matrix_world.translation for empty in made.empties])
        assert np.abs(places - expected).max() < 1e-3
        bones = [made.armature.pose.bones[name].matrix.translation for name in JOINTS]
        assert np.abs(np.array(bones) - expected).max() < 1e-3


def test_a_full_disk_leaves_nothing_of_any_file(tmp_path: Path) -> None:
    # A limit on the size of files stands in for a full disk: the preview fits, the others don't.
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)); "
    )
    names = ("--preview", tmp_path / "a.png", "--fbx", tmp_path / "a.fbx")
    result = _animate(EXAMPLE, *names, before=limit)
    assert result.returncode == 2, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"jumps: {tmp_path / 'a.fbx'}: could not be written")
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = _animate(EXAMPLE, "--blend", tmp_path / "a.blend", scratch=scratch)
    assert result.returncode == 0, result.stderr
    assert list(scratch.iterdir()) == []
