"""``jumps animate`` writes all files that it is asked for, or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track
from jumps_blender.scene.result import plane_of, results_in
from jumps_blender.skeletons import JOINTS

from ..films import write_film
from .characters import character, heads
from .fbx_files import heads_by_ufbx

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
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=300
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


def test_footage_lies_behind_the_preview_and_the_camera(tmp_path: Path) -> None:
    film = write_film(tmp_path / "walk.mp4", [np.full((90, 160, 3), (40, 160, 90), np.uint8)] * 60)
    outputs = [tmp_path / name for name in ("a.blend", "a.png")]
    names = ("--blend", outputs[0], "--preview", outputs[1])
    result = _animate(EXAMPLE, "--lift", "--footage", film, "--size", "1920x1080", *names)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert "focal length unknown; 28 mm assumed (--focal-mm)" in result.stderr
    assert "through Blender's camera, confident joints lie 0." in result.stderr
    assert "walk.mp4 ends at frame 60, but the poses go on to frame 300" in result.stderr
    bpy.ops.wm.open_mainfile(filepath=str(outputs[0]))
    (made,) = results_in(bpy.context.scene)
    behind = made.camera.data.background_images[0].image
    assert bpy.path.abspath(behind.filepath) == str(film)
    assert bpy.context.scene.camera == made.camera
    with Image.open(outputs[1]) as picture:
        pixels = np.asarray(picture).astype(int)
    # Three rows of panels, most of which is footage.
    assert pixels.shape[0] == 34 + 3 * 304 + 34
    for top in (34, 338, 642):
        panel = pixels[top : top + 300, 4:224]
        assert (np.abs(panel - (40, 160, 90)).max(axis=-1) < 12).mean() > 0.5


@pytest.mark.parametrize("footage", ["none.mp4", "text.mp4"])
def test_footage_that_cannot_be_read_is_one_line(tmp_path: Path, footage: str) -> None:
    (tmp_path / "text.mp4").write_text("no movie")
    names = ("--preview", tmp_path / "a.png", "--footage", tmp_path / footage)
    result = _animate(EXAMPLE, *names)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"jumps: {tmp_path / footage}: ")
    assert not (tmp_path / "a.png").exists()


def test_a_rig_whose_driver_blender_refuses_lets_the_command_end(tmp_path: Path) -> None:
    """Bug: Blender waited for itself when Python took it apart, for good."""
    found = character("unreal")
    curve = found.rig.pose.bones["upperarm_twist_01_l"].driver_add("rotation_euler", 0)
    curve.driver.type, curve.driver.expression = "SCRIPTED", "unknown(1)"
    rig_file = tmp_path / "manny.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(rig_file), copy=True)
    done = _animate(EXAMPLE, "--lift", "--rig", rig_file, "--bvh", tmp_path / "a.bvh")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.bvh").is_file()


def test_a_rig_whose_legs_are_held_by_ik(tmp_path: Path) -> None:
    """Bug: its targets were found in Blender's window and not by the command, which refused it."""
    rig = character("mixamo").rig
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    for side in ("Left", "Right"):
        control, foot = bones.new(f"Target{side}"), bones[f"mixamorig:{side}Foot"]
        control.head = foot.head
        control.tail = foot.head + foot.vector
    bpy.ops.object.mode_set(mode="OBJECT")
    for side in ("Left", "Right"):
        held = rig.pose.bones[f"mixamorig:{side}Leg"].constraints.new("IK")
        held.target, held.subtarget, held.chain_count = rig, f"Target{side}", 2
    rig_file = tmp_path / "held.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(rig_file), copy=True)
    options = ("--engine", "interpolate", "--lift", "--rig", rig_file)
    done = _animate(EXAMPLE, *options, "--blend", tmp_path / "a.blend")
    assert done.returncode == 0, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    shown = heads(bpy.data.objects["Rig"], range(1, 301))
    for side in ("Left", "Right"):
        target, foot = shown[f"Target{side}"], shown[f"mixamorig:{side}Foot"]
        assert np.ptp(target, axis=0).max() > 0.1
        assert np.abs(target - foot).max() < 0.01


def test_every_output_on_a_rig(tmp_path: Path) -> None:
    """One run; each file holds what the .blend shows of the rig, or the lifted joints."""
    pytest.importorskip("c3d", reason="the Python package c3d is not installed")
    character("unreal")
    rig_file = tmp_path / "manny.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(rig_file), copy=True)
    names = ("blend", "fbx", "glb", "usd", "bvh", "json", "npz", "trc", "c3d")
    outputs = {name: tmp_path / f"a.{name}" for name in names}
    flags = [each for name, path in outputs.items() for each in (f"--{name}", path)]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ("--lift", "--fps", 25, "--rig", f"{rig_file}:Rig", "--fbx-for", "unreal")
    extra = ("--meshes", "--deform-only")
    done = _animate(EXAMPLE, *options, *extra, *flags, scratch=scratch)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "jumps: bones of Rig: unreal." in done.stderr
    assert list(scratch.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == sorted([*outputs.values(), rig_file, scratch])

    bpy.ops.wm.open_mainfile(filepath=str(outputs["blend"]))
    frames = range(1, 301)
    shown = heads(bpy.data.objects["Rig"], frames)
    times, found = heads_by_ufbx(outputs["fbx"])
    assert times == pytest.approx(np.arange(300) / 25, abs=1e-6)
    assert set(shown) - set(found) == {"ik_foot_l", "ik_foot_r"}
    assert max(np.abs(found[name] - shown[name]).max() for name in found) < 1e-3
    assert {"Rig", "Body"} <= {item.name for item in bpy.data.objects}

    lifted = json.loads(outputs["json"].read_text())
    (made,) = results_in(bpy.context.scene)
    empties = made.empties
    for frame in (0, 150, 299):
        bpy.context.scene.frame_set(frame + 1)
        places = np.array([empty.matrix_world.translation for empty in empties])
        assert np.array(lifted["positions"][frame]) == pytest.approx(places, abs=1e-4)
    assert np.shape(lifted["contact"]) == (300, 4)
    with np.load(outputs["npz"]) as held:
        assert held["positions"] == pytest.approx(np.array(lifted["positions"]), abs=1e-6)
    assert outputs["trc"].read_text().splitlines()[2].split("\t")[:5] == [
        "25",
        "25",
        "300",
        "28",
        "mm",
    ]
    for name, importer in (("glb", bpy.ops.import_scene.gltf), ("usd", bpy.ops.wm.usd_import)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 25
        importer(filepath=str(outputs[name]))
        (rig,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
        shift = -1 if name == "glb" else 0
        back = heads(rig, range(1 + shift, 301 + shift))
        assert max(np.abs(back[bone] - shown[bone]).max() for bone in found) < 1e-3


def test_a_rig_that_is_none_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER-v405 but not really")
    arguments = ("--engine", "interpolate", "--lift", "--fbx", tmp_path / "a.fbx", "--rig")
    done = _animate(EXAMPLE, *arguments, broken)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"jumps: {broken}: cannot be opened (")
    character("mixamo")
    character("vrm").rig.name = "Other"
    rigs = tmp_path / "rigs.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(rigs), copy=True)
    for chosen, words in (
        (rigs, f"its armatures: Other, Rig; name one as {rigs}:OBJECT."),
        (f"{rigs}:Body", "no armature Body; its armatures: Other, Rig."),
    ):
        done = _animate(EXAMPLE, *arguments, chosen)
        assert done.returncode == 2
        # Before the engine has run.
        assert done.stderr.splitlines() == [f"jumps: {rigs}: {words}"]
    done = _animate(EXAMPLE, "--lift", "--height", "0.01", "--fbx", tmp_path / "a.fbx")
    assert (done.returncode, done.stderr) == (
        2,
        "jumps: The person's height is 0.01 m; give one between 0.1 and 100 m.\n",
    )
    assert not (tmp_path / "a.fbx").exists()
