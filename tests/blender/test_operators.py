"""The installed extension, driven as a user's click drives it."""

import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.keypoints.sequence import JointState
from jumps_blender.model_runtime import upsample_track
from jumps_blender.scene.bake import bake
from jumps_blender.scene.look import STATE_COLOURS
from jumps_blender.scene.result import create_result, results_in
from jumps_blender.skeletons import JOINTS

ROOT = Path(__file__).parents[2]
MODULE = "bl_ext.user_default.jumps_blender"


def curves() -> dict[tuple[str, str, int], np.ndarray]:
    """All keys in the file: (object, data path, index) -> (N, 2)."""
    found = {}
    for item in bpy.data.objects:
        animation = item.animation_data
        if animation is None or animation.action is None:
            continue
        bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
        for curve in bag.fcurves:
            values = np.empty((len(curve.keyframe_points), 2), np.float32)
            curve.keyframe_points.foreach_get("co", values.ravel())
            found[item.name, curve.data_path, curve.array_index] = values
    return found


def import_and_upsample(path: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(path))
    bpy.context.scene.jumps.engine = "interpolate"
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()


@pytest.mark.usefixtures("extension")
def test_import_lists_people_most_observed_first(pose_file: Path) -> None:
    assert bpy.ops.jumps.import_poses(filepath=str(pose_file)) == {"FINISHED"}
    settings = bpy.context.scene.jumps
    assert settings.source == str(pose_file)
    assert settings.format == "alphapose"
    assert [(p.person, p.first_frame, p.frames) for p in settings.people] == [
        ("3", 0, 40),
        ("8", 0, 10),
    ]
    assert settings.people[0].missing_share == pytest.approx(10 / (12 * 40))
    assert settings.person_index == 0
    # Once more: the list is replaced and not added to.
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    assert len(settings.people) == 2


@pytest.mark.usefixtures("extension")
def test_operators_do_what_the_functions_do(pose_file: Path) -> None:
    import_and_upsample(pose_file)
    bpy.ops.jumps.bake_to_armature()
    by_operator = curves()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    track = choose_person(read_pose_file(pose_file))
    bake(create_result(bpy.context, upsample_track(track, engine="interpolate")))
    by_function = curves()
    assert by_operator.keys() == by_function.keys()
    assert len(by_operator) == 28 * (3 + 1 + 3) + 28 * (3 + 4)
    for key, expected in by_function.items():
        # Preferences keep colours in single precision.
        close = 1e-6 if key[1] == "color" else 0.0
        assert np.allclose(by_operator[key], expected, rtol=0.0, atol=close), key


@pytest.mark.usefixtures("extension")
def test_person_and_settings_are_used(pose_file: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=60.0)
    scene = bpy.context.scene
    scene.jumps.engine = "interpolate"
    scene.jumps.person_index = 1
    scene.jumps.start_frame = 101
    scene.jumps.height = 3.5
    scene.jumps.use_clip_fps = True
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(scene)
    assert result.person == "8"
    assert result.frame_range == (101, 110)
    assert scene.render.fps == 60
    assert result.root["jumps_height"] == 3.5
    scene.frame_set(101)
    assert result.empties[7].matrix_world.translation.z == pytest.approx(3.5, rel=0.15)


@pytest.mark.usefixtures("extension")
def test_upsampling_twice_looks_like_once(pose_file: Path) -> None:
    import_and_upsample(pose_file)
    once, names = curves(), sorted(item.name for item in bpy.data.objects)
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    twice = curves()
    assert sorted(item.name for item in bpy.data.objects) == names
    assert once.keys() == twice.keys()
    assert all(np.array_equal(once[key], twice[key]) for key in once)


@pytest.mark.usefixtures("extension")
def test_each_step_is_undone_at_once(pose_file: Path) -> None:
    bpy.ops.ed.undo_push(message="start")
    bpy.ops.jumps.import_poses("EXEC_DEFAULT", True, filepath=str(pose_file))
    bpy.context.scene.jumps.engine = "interpolate"
    bpy.ops.ed.undo_push(message="engine")
    bpy.ops.jumps.upsample_skeleton("EXEC_DEFAULT", True)
    preview = bpy.context.scene.jumps.preview
    assert preview
    assert len(bpy.data.objects) == 0
    bpy.ops.jumps.apply_preview("EXEC_DEFAULT", True)
    assert len(bpy.data.objects) == 30
    assert bpy.context.scene.jumps.preview == ""
    bpy.ops.jumps.clear_result("EXEC_DEFAULT", True)
    assert len(bpy.data.objects) == 0
    bpy.ops.ed.undo()
    assert len(bpy.data.objects) == 30
    bpy.ops.ed.undo()
    assert len(bpy.data.objects) == len(bpy.data.actions) == len(bpy.data.armatures) == 0
    # What was previewed is still there to be applied.
    assert bpy.context.scene.jumps.preview == preview
    bpy.ops.ed.redo()
    assert len(bpy.data.objects) == 30
    bpy.ops.ed.undo()
    bpy.ops.jumps.discard_preview("EXEC_DEFAULT", True)
    assert not bpy.ops.jumps.apply_preview.poll()
    bpy.ops.ed.undo()
    assert bpy.ops.jumps.apply_preview.poll()
    bpy.ops.ed.undo()
    assert bpy.context.scene.jumps.preview == ""
    assert len(bpy.context.scene.jumps.people) == 2
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert len(bpy.context.scene.jumps.people) == 0


@pytest.mark.usefixtures("extension")
def test_export_and_clear(pose_file: Path, tmp_path: Path) -> None:
    import_and_upsample(pose_file)
    bpy.ops.jumps.export_motion(filepath=str(tmp_path / "out.fbx"))
    assert (tmp_path / "out.fbx").read_bytes().startswith(b"Kaydara FBX Binary")
    assert bpy.ops.jumps.clear_result() == {"FINISHED"}
    assert len(bpy.data.objects) == len(bpy.data.actions) == len(bpy.data.collections) == 0


@pytest.mark.usefixtures("extension")
def test_errors_are_one_line_and_change_nothing(pose_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('[{"image_id": "1.jpg", "keypo')
    with pytest.raises(RuntimeError, match=r"broken\.json") as caught:
        bpy.ops.jumps.import_poses(filepath=str(broken))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert bpy.context.scene.jumps.source == ""

    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    pose_file.unlink()
    with pytest.raises(RuntimeError, match=r"alphapose-results\.json"):
        bpy.ops.jumps.upsample_skeleton()
    assert len(bpy.data.objects) == 0
    assert len(bpy.context.scene.jumps.people) == 2


@pytest.mark.usefixtures("extension")
def test_export_to_nowhere_is_an_error(pose_file: Path, tmp_path: Path) -> None:
    import_and_upsample(pose_file)
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.jumps.export_motion(filepath=str(tmp_path / "absent" / "out.fbx"))


@pytest.mark.usefixtures("extension")
def test_polls_say_what_is_missing() -> None:
    for name, reason in (
        ("upsample_skeleton", "Import or estimate poses first"),
        ("apply_preview", "Upsample a person first"),
        ("discard_preview", "There is no preview"),
        ("rerun_result", "Select a JUMPS result first"),
        ("cancel", "Nothing is at work"),
        ("bake_to_armature", "Select a JUMPS result first"),
        ("export_motion", "Select a JUMPS result first"),
        ("clear_result", "Select a JUMPS result first"),
    ):
        operator = getattr(bpy.ops.jumps, name)
        assert not operator.poll()
        with pytest.raises(RuntimeError, match=reason):
            operator()
    assert bpy.ops.jumps.import_poses.poll()


@pytest.mark.usefixtures("extension")
def test_openpose_by_folder_and_by_one_of_its_files() -> None:
    samples = ROOT.parent / "shared" / "samples" / "openpose_body25" / "workout_march"
    if not samples.exists():
        pytest.skip(f"{samples} is absent")
    settings = bpy.context.scene.jumps
    for chosen in (samples, sorted(samples.glob("*.json"))[0]):
        bpy.ops.jumps.import_poses(filepath=str(chosen))
        assert Path(settings.source) == samples
        assert settings.format == "openpose"
        assert max(person.frames for person in settings.people) > 100


@pytest.mark.usefixtures("extension")
def test_panels_operators_and_drop_are_registered() -> None:
    panels = {name for name in dir(bpy.types) if name.startswith("JUMPS_PT_")}
    assert panels == {
        "JUMPS_PT_source",
        "JUMPS_PT_video",
        "JUMPS_PT_video_range",
        "JUMPS_PT_person",
        "JUMPS_PT_missing",
        "JUMPS_PT_upsample",
        "JUMPS_PT_upsample_presets",
        "JUMPS_PT_result",
        "JUMPS_PT_retarget",
        "JUMPS_PT_placement",
        "JUMPS_PT_feet",
        "JUMPS_PT_history",
        "JUMPS_PT_bones",
        "JUMPS_PT_bones_presets",
        "JUMPS_PT_controls",
        "JUMPS_PT_export",
    }
    for name in panels - {"JUMPS_PT_upsample_presets", "JUMPS_PT_bones_presets"}:
        panel = getattr(bpy.types, name)
        assert panel.bl_category == "JUMPS"
        assert panel.bl_space_type == "VIEW_3D"
    assert bpy.types.JUMPS_FH_poses.bl_import_operator == "jumps.import_poses"
    assert set(bpy.types.JUMPS_FH_poses.bl_file_extensions.split(";")) == {
        ".json",
        ".jsonl",
        ".csv",
        ".h5",
        ".npz",
    }
    for name in dir(bpy.ops.jumps):
        operator = getattr(bpy.ops.jumps, name).get_rna_type()
        assert operator.description
        for prop in operator.properties:
            if prop.identifier in ("format", "fps"):
                assert prop.description
    for prop in bpy.context.scene.jumps.bl_rna.properties:
        if prop.identifier not in ("rna_type", "name", "people"):
            assert prop.description, prop.identifier


@pytest.mark.usefixtures("extension")
def test_registering_twice_and_unregistering_twice() -> None:
    addon = sys.modules[f"{MODULE}.addon"]
    addon.register()
    draws = bpy.types.TOPBAR_MT_file_import.draw._draw_funcs
    assert sum(draw.__module__ == f"{MODULE}.ui.menus" for draw in draws) == 1
    addon.unregister()
    addon.unregister()
    assert not hasattr(bpy.types.Scene, "jumps")
    assert not hasattr(bpy.types, "JUMPS_PT_source")
    addon.register()
    assert bpy.ops.jumps.import_poses.poll()


_ENABLE = """
import os, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(
    repo="user_default", filepath=sys.argv[1], enable_on_install=True, overwrite=True)
assert "torch" not in sys.modules, "enabling imports torch"
assert bpy.ops.jumps.import_poses.poll()
assert bpy.types.JUMPS_PT_source.bl_category == "JUMPS"
print("enabled in", bpy.app.version_string)
sys.stdout.flush()
os._exit(0)
"""

_ANIMATE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import bpy
import numpy as np
from jumps_blender.scene.animate import animate
from jumps_blender.scene.export import export_motion
from jumps_blender.skeletons import JOINTS
from tests.blender.walker import walker

def joints(armature, first=1):
    rows = []
    for frame in range(first, first + 30):
        bpy.context.scene.frame_set(frame)
        rows.append([armature.matrix_world @ armature.pose.bones[name].head for name in JOINTS])
    return np.array(rows)

bpy.ops.wm.read_factory_settings(use_empty=True)
result = animate(walker(30))
expected = joints(result.armature)
export_motion(result, sys.argv[2])
beside = sys.argv[2].removesuffix("fbx")
for kind in ("glb", "usd", "bvh"):
    export_motion(result, beside + kind, kind)

def check(first=1):
    (armature,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
    assert np.allclose(armature.matrix_world.to_scale(), 1), armature.scale
    assert len(armature.data.bones) == 28
    assert np.abs(joints(armature, first) - expected).max() < 1e-3

for ending, importer, options, first in (
    ("fbx", bpy.ops.import_scene.fbx, {}, 1),
    ("fbx", bpy.ops.wm.fbx_import, {}, 1),
    ("glb", bpy.ops.import_scene.gltf, {}, 0),
    ("usd", bpy.ops.wm.usd_import, {}, 1),
    ("bvh", bpy.ops.import_anim.bvh, {"global_scale": 0.01}, 1),
):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    importer(filepath=beside + ending, **options)
    check(first)
print("animated in", bpy.app.version_string)
sys.stdout.flush()
os._exit(0)
"""


def run(python: Path | str, script: str, *arguments: str | Path, home: Path) -> str:
    done = subprocess.run(
        [python, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "BLENDER_USER_RESOURCES": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_enabling_imports_no_torch(archive: Path, tmp_path: Path) -> None:
    assert "enabled in 4.5" in run(sys.executable, _ENABLE, archive, home=tmp_path)


@pytest.fixture
def newest_blender() -> Path:
    """The Python of a bpy 5.2 environment beside the project's own."""
    python = ROOT / ".venv-bpy52" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is absent; `make bpy52` makes it where Python 3.13 is found")
    return python


def test_enables_in_blender_5_2(newest_blender: Path, archive: Path, tmp_path: Path) -> None:
    assert "enabled in 5.2" in run(newest_blender, _ENABLE, archive, home=tmp_path)


def test_animates_and_exports_in_blender_5_2(newest_blender: Path, tmp_path: Path) -> None:
    fbx = tmp_path / "walk.fbx"
    assert "animated in 5.2" in run(newest_blender, _ANIMATE, ROOT, fbx, home=tmp_path)


def test_archive_holds_the_package_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(archive, tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {"blender_manifest.toml", "__init__.py", "scene/result.py"} <= files
    assert not [file for file in files if "__pycache__" in file or file.endswith(".pyc")]


@pytest.mark.usefixtures("extension")
def test_the_viewport_draws_joints_in_the_colour_of_their_state(pose_file: Path) -> None:
    # The drawing itself needs a window; what it draws doesn't.
    overlay = sys.modules[f"{MODULE}.ui.overlay"]
    import_and_upsample(pose_file)
    scene = bpy.context.scene
    (result,) = results_in(scene)
    wrist = JOINTS.index("l_wrist")
    for frame, state in ((5, JointState.OBSERVED), (15, JointState.INPAINTED)):
        scene.frame_set(frame)
        places, colours = overlay.joint_dots(bpy.context)
        assert len(places) == 28
        at = places.index(tuple(result.empties[wrist].matrix_world.translation))
        assert colours[at][:3] == pytest.approx(STATE_COLOURS[state], abs=1e-3)
    result.empties[wrist].hide_set(True)
    assert len(overlay.joint_dots(bpy.context)[0]) == 27
