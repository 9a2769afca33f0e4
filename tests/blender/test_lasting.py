"""Results that last: run again, explained, renamed, linked, deleted, from an older version."""

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError, WorkCancelledError
from jumps_blender.processes.job import SteppedJob, drain
from jumps_blender.scene.bake import bake, bake_steps
from jumps_blender.scene.preview import Preview, apply
from jumps_blender.scene.result import create_result, results_in

from .walker import walker

MODULE = "bl_ext.user_default.jumps_blender"
OLD = Path(__file__).parent / "data" / "result_0_1_0.blend"


def make(path: Path, **settings: object):
    """Import, upsample and apply as a user does; settings of the panel."""
    bpy.ops.jumps.import_poses(filepath=str(path))
    panel = bpy.context.scene.jumps
    for name, value in {"engine": "interpolate", **settings}.items():
        setattr(panel, name, value)
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    return result


def joints(result) -> np.ndarray:
    rows = []
    for frame in (1, 8, 15):
        bpy.context.scene.frame_set(frame)
        rows.append([tuple(empty.matrix_world.translation) for empty in result.empties])
    return np.array(rows)


@pytest.mark.usefixtures("extension")
def test_a_result_is_run_again_as_it_was_made(pose_file: Path) -> None:
    result = make(pose_file, min_confidence=0.25, denoise=True, height=1.6, start_frame=5)
    once, first_id = joints(result), result.id
    assert result.settings == {
        "format": "alphapose",
        "fps": None,
        "engine": "interpolate",
        "device": "auto",
        "min_confidence": 0.25,
        "shaking": 0.0,
        "edge": 0.0,
        "dilation": 0,
        "denoise": True,
        "repair_swaps": False,
        "lift": False,
        "height": pytest.approx(1.6),
        "start_frame": 5,
        "use_clip_fps": False,
    }
    assert result.engine.startswith("interpolate ")
    # The panel has moved on to something else.
    panel = bpy.context.scene.jumps
    panel.engine, panel.min_confidence, panel.denoise = "ridge", 0.9, False
    panel.height, panel.start_frame = 2.0, 1
    panel.people.clear()
    panel.source = "/elsewhere.json"
    assert bpy.ops.jumps.rerun_result() == {"FINISHED"}
    assert panel.height == pytest.approx(1.6)
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(bpy.context.scene)
    assert again.id != first_id
    assert np.array_equal(joints(again), once)


@pytest.mark.usefixtures("extension")
def test_running_again_replaces_its_own_result_only(pose_file: Path) -> None:
    make(pose_file)
    panel = bpy.context.scene.jumps
    panel.person_index = 1
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    first, second = sorted(results_in(bpy.context.scene), key=lambda result: result.person)
    ids = {result.person: result.id for result in (first, second)}
    bpy.context.view_layer.objects.active = first.root
    first.root.name = "Renamed"
    for item in (*first.empties, first.armature):
        item.name = f"my {item.name}"
    bpy.ops.jumps.rerun_result()
    bpy.ops.jumps.apply_preview()
    now = {result.person: result.id for result in results_in(bpy.context.scene)}
    assert now["8"] == ids["8"]
    assert now["3"] != ids["3"]
    assert len(bpy.data.objects) == 60


@pytest.mark.usefixtures("extension")
def test_a_missing_source_is_a_message(pose_file: Path) -> None:
    make(pose_file)
    pose_file.unlink()
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError, match=r"alphapose-results\.json: no such file") as caught:
        bpy.ops.jumps.rerun_result()
    assert len(str(caught.value).strip().splitlines()) == 1
    assert len(bpy.data.objects) == count


@pytest.mark.usefixtures("extension")
def test_an_engine_that_is_no_more_is_a_message(pose_file: Path) -> None:
    result = make(pose_file)
    result.root["jumps_settings"] = '{"engine": "oracle"}'
    with pytest.raises(RuntimeError, match="made with engine oracle, which this version"):
        bpy.ops.jumps.rerun_result()
    # Anybody can edit custom properties.
    for hostile in (
        "not JSON [",
        "[1]",
        '{"engine": 5, "min_confidence": "x", "denoise": 7, "height": NaN, "start_frame": null}',
        '{"start_frame": 99999999999999, "height": 1e300}',
        f'{{"height": {10**400}, "x": {"[" * 5000 + "]" * 5000}}}',
        '{"min_confidence": Infinity, "device": [], "format": {}, "fps": "fast"}',
    ):
        result.root["jumps_settings"] = hostile
        assert bpy.ops.jumps.rerun_result() == {"FINISHED"}
    result.root["jumps_settings"] = "not JSON ["
    assert result.settings == {}
    assert bpy.ops.jumps.rerun_result() == {"FINISHED"}


@pytest.mark.usefixtures("extension")
def test_a_file_of_an_older_version_opens_and_says_what_it_lacks(
    capfd: pytest.CaptureFixture[str], pose_file: Path
) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(OLD))
    (result,) = results_in(bpy.context.scene)
    assert (result.version, result.settings, result.person) == ("", {}, "1")
    assert Path(result.source).name == "karate.json"
    # Its scene's settings are read too, and new ones have their defaults.
    panel = bpy.context.scene.jumps
    assert (panel.engine, panel.denoise, len(panel.people)) == ("ridge", False, 1)
    with pytest.raises(RuntimeError, match=r"karate\.json: no such file"):
        bpy.ops.jumps.rerun_result()
    assert bpy.ops.jumps.bake_to_armature() == {"FINISHED"}
    # Where the source is still there, it runs with the panel's settings, and says so.
    for item in result.members:
        item["jumps_source"], item["jumps_person"] = str(pose_file), "3"
    panel.engine = "interpolate"
    assert bpy.ops.jumps.rerun_result() == {"FINISHED"}
    assert "earlier version, which kept no settings" in capfd.readouterr().out
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(bpy.context.scene)
    assert again.version == "0.2.0"
    assert bpy.ops.jumps.clear_result() == {"FINISHED"}
    assert len(bpy.data.objects) == 0


@pytest.mark.usefixtures("extension")
def test_a_linked_result_is_used_but_not_changed(pose_file: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.blend"
    make(pose_file)
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True, app_template="")
    with bpy.data.libraries.load(str(library), link=True) as (there, here):
        here.collections = there.collections
    scene = bpy.context.scene
    scene.collection.children.link(bpy.data.collections[0])
    (result,) = results_in(scene)
    assert result.linked_from.endswith("library.blend")
    for name in ("bake_to_armature", "clear_result"):
        with pytest.raises(RuntimeError, match=r"lies in .*library\.blend; open that file"):
            getattr(bpy.ops.jumps, name)()
    bpy.ops.jumps.export_motion(filepath=str(tmp_path / "linked.fbx"))
    assert (tmp_path / "linked.fbx").stat().st_size > 10_000
    # Upsampled again it makes a result of this file's own, beside the linked one.
    bpy.ops.jumps.rerun_result()
    bpy.ops.jumps.apply_preview()
    assert sorted(bool(each.linked_from) for each in results_in(scene)) == [False, True]


@pytest.mark.usefixtures("extension")
def test_an_override_of_a_linked_result_is_not_changed_either(
    pose_file: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library.blend"
    expected = joints(make(pose_file))
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True, app_template="")
    with bpy.data.libraries.load(str(library), link=True) as (there, here):
        here.collections = there.collections
    scene = bpy.context.scene
    linked = bpy.data.collections[0]
    scene.collection.children.link(linked)
    linked.override_hierarchy_create(scene, bpy.context.view_layer)
    scene.collection.children.unlink(linked)
    (result,) = results_in(scene)
    assert all(item.library is None for item in result.members)
    result.root.location = (9.0, 0.0, 0.0)
    assert result.linked_from.endswith("library.blend")
    for name in ("bake_to_armature", "lock_feet", "clear_result"):
        with pytest.raises(RuntimeError, match=r"lies in .*library\.blend; open that file"):
            getattr(bpy.ops.jumps, name)()
    # Made again it stands beside, at the origin, and the next one in the place of that.
    overlay = sys.modules[f"{MODULE}.ui.overlay"]
    for _ in range(2):
        bpy.context.view_layer.objects.active = result.root
        bpy.ops.jumps.rerun_result()
        scene.frame_set(8)
        figure = overlay.previewed_at(bpy.context).figure()
        assert figure.points == pytest.approx(expected[1], abs=1e-4)
        assert bpy.ops.jumps.apply_preview() == {"FINISHED"}
        (own,) = (each for each in results_in(scene) if not each.linked_from)
        assert np.array_equal(joints(own), expected)
    assert len(results_in(scene)) == 2
    assert result.root.location.x == 9.0


@pytest.mark.usefixtures("extension")
def test_deleted_parts_are_a_message_each(pose_file: Path, tmp_path: Path) -> None:
    result = make(pose_file)
    bpy.data.objects.remove(result.empties[12])
    for name, options in (
        ("bake_to_armature", {}),
        ("export_motion", {"filepath": str(tmp_path / "out.fbx")}),
    ):
        with pytest.raises(RuntimeError, match="has lost its joint") as caught:
            getattr(bpy.ops.jumps, name)(**options)
        assert len(str(caught.value).strip().splitlines()) == 1
    assert not (tmp_path / "out.fbx").exists()
    (result,) = results_in(bpy.context.scene)
    bpy.data.objects.remove(result.root)
    # What is left can be cleared, and made again.
    assert bpy.ops.jumps.rerun_result.poll()
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(bpy.context.scene)
    assert len(again.empties) == 28


def test_what_is_deleted_in_the_middle_of_a_bake_is_a_message() -> None:
    result = create_result(bpy.context, walker(frames=200))
    before = {name: len(getattr(bpy.data, name)) for name in ("objects", "actions", "scenes")}
    job = SteppedJob(bake_steps(result), "Baking")
    assert not job.poll()
    assert {name: len(getattr(bpy.data, name)) for name in before} == before
    bpy.data.objects.remove(result.armature)
    with pytest.raises(JumpsError, match="has been deleted; nothing was changed"):
        drain(job)
    assert len(bpy.data.scenes) == 1
    assert len(bpy.data.actions) == before["actions"]


def rename_a_bone(armature: bpy.types.Object) -> None:
    armature.data.bones["l_elbow"].name = "elbow.L"


def edit(armature: bpy.types.Object) -> None:
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")


def put_to_rest(armature: bpy.types.Object) -> None:
    armature.data.pose_position = "REST"


@pytest.mark.parametrize("share", [0.0, 0.95])
@pytest.mark.parametrize(
    ("meddle", "message"),
    [
        (rename_a_bone, "The bones of .* were changed meanwhile"),
        (edit, "Leave the Edit Mode of"),
        (put_to_rest, "to Pose Position first"),
    ],
)
def test_meddling_in_the_middle_of_a_bake_is_a_message(meddle, message: str, share: float) -> None:
    result = create_result(bpy.context, walker(frames=200))
    armature = result.armature
    job = SteppedJob(bake_steps(result), "Baking")
    while job.share <= share:
        assert not job.poll()
    meddle(armature)
    with pytest.raises(JumpsError, match=message):
        drain(job)
    assert len(bpy.data.actions) == len(bpy.data.scenes) == 1


def test_a_hidden_armature_is_baked_as_one_that_is_seen() -> None:
    def keys(hidden: bool) -> np.ndarray:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        result = create_result(bpy.context, walker(frames=40))
        result.armature.hide_viewport = hidden
        action = bake(result)
        found = []
        for curve in action.layers[0].strips[0].channelbags[0].fcurves:
            values = np.empty((len(curve.keyframe_points), 2), np.float32)
            curve.keyframe_points.foreach_get("co", values.ravel())
            found.append(values)
        return np.array(found)

    assert np.array_equal(keys(True), keys(False))


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_a_cancelled_bake_changes_nothing(share: float) -> None:
    result = create_result(bpy.context, walker(frames=200))
    job = SteppedJob(bake_steps(result), "Baking")
    while job.share <= share:
        assert not job.poll()
    job.cancel()
    with pytest.raises(WorkCancelledError):
        job.poll()
    assert job.poll()
    assert len(bpy.data.actions) == len(bpy.data.scenes) == 1
    assert not any(c.mute for bone in result.armature.pose.bones for c in bone.constraints)


@pytest.mark.usefixtures("extension")
def test_enabling_and_disabling_leaves_nothing_behind(pose_file: Path) -> None:
    import addon_utils

    def counts() -> dict[str, int]:
        handlers = bpy.app.handlers
        found = {
            name: len(getattr(handlers, name))
            for name in ("load_pre", "load_post", "undo_post", "redo_post", "blend_import_post")
        }
        found["import menu"] = len(bpy.types.TOPBAR_MT_file_import.draw._draw_funcs)
        found["object menu"] = len(bpy.types.VIEW3D_MT_object.draw._draw_funcs)
        found["presets"] = len(bpy.utils.preset_paths("jumps/upsample"))
        found["classes"] = sum(name.startswith("JUMPS_") for name in dir(bpy.types))
        return found

    make(pose_file)
    workers = sys.modules[f"{MODULE}.operators.runtime"]._workers
    (pid,) = {worker.pid for worker in workers.values()}
    assert Path(f"/proc/{pid}").exists() or not Path("/proc").exists()
    enabled = counts()
    addon_utils.disable(MODULE)
    assert not Path(f"/proc/{pid}").exists()
    disabled = counts()
    assert disabled["classes"] == 0
    assert disabled["presets"] == enabled["presets"] - 1
    for _ in range(20):
        addon_utils.enable(MODULE)
        assert counts() == enabled
        addon_utils.disable(MODULE)
        assert counts() == disabled
    addon_utils.enable(MODULE)
    # The result is known again.
    assert len(results_in(bpy.context.scene)) == 1
    assert bpy.ops.jumps.bake_to_armature.poll()


@pytest.mark.usefixtures("extension")
def test_a_hundred_rounds_of_upsample_and_undo_leave_no_data(pose_file: Path) -> None:
    bpy.ops.jumps.import_poses("EXEC_DEFAULT", True, filepath=str(pose_file))
    bpy.context.scene.jumps.engine = "interpolate"
    bpy.ops.ed.undo_push(message="engine")

    def data() -> dict[str, int]:
        return {
            name: len(getattr(bpy.data, name))
            for name in ("objects", "actions", "armatures", "collections", "scenes", "texts")
        }

    before = data()
    pids = set()
    for _ in range(100):
        bpy.ops.jumps.upsample_skeleton("EXEC_DEFAULT", True)
        bpy.ops.jumps.apply_preview("EXEC_DEFAULT", True)
        assert len(bpy.data.objects) == 30
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
        assert data() == before
        workers = sys.modules[f"{MODULE}.operators.runtime"]._workers
        pids.update(worker.pid for worker in workers.values())
    assert len(pids) == 1
    kept = sys.modules[f"{MODULE}.scene.preview"]._kept
    assert len(kept) <= 20


@pytest.mark.usefixtures("extension")
def test_opening_a_file_forgets_previews(pose_file: Path, tmp_path: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    bpy.context.scene.jumps.engine = "interpolate"
    bpy.ops.jumps.upsample_skeleton()
    assert bpy.ops.jumps.apply_preview.poll()
    path = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    # The preview's name was saved, what it stood for was not.
    assert bpy.context.scene.jumps.preview
    assert not bpy.ops.jumps.apply_preview.poll()
    assert bpy.ops.jumps.discard_preview() == {"FINISHED"}
    assert bpy.context.scene.jumps.preview == ""
    bpy.ops.jumps.upsample_skeleton()
    assert bpy.ops.jumps.apply_preview() == {"FINISHED"}


@pytest.mark.usefixtures("extension")
def test_a_result_is_chosen_by_its_name() -> None:
    create_result(bpy.context, walker(person="1"))
    create_result(bpy.context, walker(person="2"))
    roots = [result.root for result in results_in(bpy.context.scene)]
    for root in roots:
        assert bpy.ops.jumps.select_result(root=root.name) == {"FINISHED"}
        assert bpy.context.object == root
        assert bpy.context.selected_objects == [root]
    with pytest.raises(RuntimeError, match="nobody is not in this view layer"):
        bpy.ops.jumps.select_result(root="nobody")


def test_apply_equals_create_result() -> None:
    preview = Preview(walker())
    by_apply = apply(
        bpy.context, preview, height=1.8, start_frame=3, use_clip_fps=True, extend_range=True
    )
    one = joints(by_apply)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    made = create_result(bpy.context, walker(), height=1.8, start_frame=3, use_clip_fps=True)
    assert np.array_equal(joints(made), one)
