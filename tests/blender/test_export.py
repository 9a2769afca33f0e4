import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.space import SpaceSequence
from jumps_blender.scene.animate import animate
from jumps_blender.scene.bake import bake, finished, sample_pose
from jumps_blender.scene.export import export_motion, save_blend
from jumps_blender.scene.keyframes import push_down
from jumps_blender.scene.result import Result, create_result, plane_of
from jumps_blender.scene.stage import Options, sample_motion, take_of
from jumps_blender.skeletons import JOINTS

from ..walking import HELD_JOINTS, camera
from .fbx_files import heads_by_ufbx
from .walker import HEIGHT, PIXELS_PER_METRE, walker

Importer = Callable[..., set[str]]
IMPORTERS = [
    pytest.param(lambda path: bpy.ops.import_scene.fbx(filepath=str(path)), id="import_scene"),
    pytest.param(lambda path: bpy.ops.wm.fbx_import(filepath=str(path)), id="wm"),
]


def joints_in_world(armature: bpy.types.Object, frames: range) -> np.ndarray:
    rows = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        world = armature.matrix_world
        rows.append([world @ armature.pose.bones[name].head for name in JOINTS])
    return np.array(rows)


def space_of(frames: int) -> SpaceSequence:
    """The walker, lifted: a little deeper towards the hands, and swinging through the depth."""
    sequence = walker(frames)
    flat = sequence.positions / PIXELS_PER_METRE
    depth = 0.1 * np.sin(np.arange(28) + np.arange(frames)[:, None] / 10)
    points = np.stack([flat[..., 0] - 1.5, depth, 4.0 - flat[..., 1]], -1)
    return SpaceSequence(
        picture=sequence,
        positions=points.astype(np.float32),
        uncertainty=np.zeros((frames, 28), np.float32),
        contact=np.zeros((frames, 4), np.float32),
        stands=np.zeros((frames, 4), bool),
        free=points[:, HELD_JOINTS].astype(np.float32),
        camera=camera(),
        height=HEIGHT,
        lifter="lift test",
    )


def check_reimport(importer: Importer, path: Path, frames: range, expected: np.ndarray) -> None:
    """expected: (F, 28, 3), metres."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    importer(path)
    (armature,) = bpy.data.objects
    assert armature.type == "ARMATURE"
    assert tuple(armature.scale) == pytest.approx((1, 1, 1))
    assert tuple(armature.rotation_euler) == pytest.approx((0, 0, 0), abs=1e-5)
    assert tuple(armature.location) == pytest.approx((0, 0, 0))
    assert sorted(bone.name for bone in armature.data.bones) == sorted(JOINTS)
    (action,) = bpy.data.actions
    assert tuple(action.curve_frame_range) == pytest.approx((frames[0], frames[-1]), abs=1e-3)
    assert joints_in_world(armature, frames) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("importer", IMPORTERS)
@pytest.mark.parametrize("fps", [24, 30, 60])
def test_fbx_comes_back_as_it_was(importer: Importer, fps: int, tmp_path: Path) -> None:
    bpy.context.scene.render.fps = fps
    result = create_result(bpy.context, walker(46))
    frames = range(result.frame_range[0], result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames)
    # The walker's pelvis moves by 0.75 m: root motion is kept.
    travelled = expected[-1, JOINTS.index("pelvis"), 0] - expected[0, JOINTS.index("pelvis"), 0]
    assert travelled == pytest.approx(0.75, rel=0.05)
    export_motion(result, tmp_path / "walk.fbx")
    check_reimport(importer, tmp_path / "walk.fbx", frames, expected)
    assert bpy.context.scene.render.fps == fps


@pytest.mark.parametrize("importer", IMPORTERS)
@pytest.mark.parametrize("baked", [False, True])
def test_fbx_of_a_placed_character(importer: Importer, baked: bool, tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(20), start_frame=101)
    result.root.location = (3.0, 1.0, 0.2)
    result.root.rotation_euler = (0.3, -0.2, 2.0)
    result.root.scale = (1.5, 1.5, 1.5)
    if baked:
        bake(result)
    frames = range(101, result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames)
    export_motion(result, tmp_path / "placed.fbx")
    check_reimport(importer, tmp_path / "placed.fbx", frames, expected)


@pytest.mark.parametrize("importer", IMPORTERS)
@pytest.mark.parametrize("metres", [0.01, 0.1, 10.0])
def test_fbx_is_in_metres_whatever_the_scene_is_in(
    importer: Importer, metres: float, tmp_path: Path
) -> None:
    bpy.context.scene.unit_settings.scale_length = metres
    result = create_result(bpy.context, walker(10))
    frames = range(1, result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames) * metres
    assert np.ptp(expected[0, :, 2]) == pytest.approx(1.75, rel=0.03)
    export_motion(result, tmp_path / "units.fbx")
    check_reimport(importer, tmp_path / "units.fbx", frames, expected)


@pytest.mark.parametrize("importer", IMPORTERS)
def test_fbx_of_one_frame(importer: Importer, tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(1))
    expected = joints_in_world(result.armature, range(1, 2))
    export_motion(result, tmp_path / "one.fbx")
    check_reimport(importer, tmp_path / "one.fbx", range(1, 2), expected)


@pytest.mark.parametrize("importer", IMPORTERS)
def test_fbx_keeps_what_was_posed_by_hand_after_the_bake(
    importer: Importer, tmp_path: Path
) -> None:
    result = create_result(bpy.context, walker(10, fps=24.0))
    action = bake(result)
    path = result.armature.pose.bones["head"].path_from_id("location")
    curve = action.layers[0].strips[0].channelbags[0].fcurves.find(path, index=1)
    curve.keyframe_points[4].co.y += 0.3
    expected = joints_in_world(result.armature, range(1, 11))
    export_motion(result, tmp_path / "posed.fbx")
    check_reimport(importer, tmp_path / "posed.fbx", range(1, 11), expected)


@pytest.mark.parametrize("preset", ["fbx", "fbx_unreal", "fbx_unity"])
def test_fbx_in_another_reader(preset: str, tmp_path: Path) -> None:
    bpy.context.scene.render.fps = 24
    result = create_result(bpy.context, walker(46))
    result.root.location, result.root.rotation_euler = (1.0, 0.5, 0.1), (0.1, 0.0, 0.7)
    frames = range(result.frame_range[0], result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames)
    export_motion(result, tmp_path / "walk.fbx", preset)
    times, found = heads_by_ufbx(tmp_path / "walk.fbx")
    assert times == pytest.approx(np.arange(len(frames)) / 24, abs=1e-6)
    assert sorted(found) == sorted(JOINTS)
    assert np.stack([found[name] for name in JOINTS], 1) == pytest.approx(expected, abs=1e-3)


def import_bvh(path: Path) -> None:
    bpy.ops.import_anim.bvh(filepath=str(path), global_scale=0.01)


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize(
    ("name", "offset", "importer"),
    [
        ("walk.glb", -1, lambda path: bpy.ops.import_scene.gltf(filepath=str(path))),
        ("walk.usdc", 0, lambda path: bpy.ops.wm.usd_import(filepath=str(path))),
        ("walk.usda", 0, lambda path: bpy.ops.wm.usd_import(filepath=str(path))),
        ("walk.bvh", 0, import_bvh),
    ],
)
def test_other_formats_come_back_as_they_were(
    name: str, offset: int, importer: Importer, lifted: bool, tmp_path: Path
) -> None:
    bpy.context.scene.render.fps = 25
    bpy.context.scene.unit_settings.scale_length = 0.1
    space = space_of(40) if lifted else None
    result = create_result(bpy.context, walker(40), space=space)
    result.root.location = (3.0, 1.0, 0.2)
    frames = range(result.frame_range[0], result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames) * 0.1
    export_motion(result, tmp_path / name, name.split(".")[1][:3])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    importer(tmp_path / name)
    (armature,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
    assert tuple(armature.matrix_world.to_scale()) == pytest.approx((1, 1, 1))
    assert sorted(bone.name for bone in armature.data.bones) == sorted(JOINTS)
    shifted = range(frames[0] + offset, frames[-1] + 1 + offset)
    assert joints_in_world(armature, shifted) == pytest.approx(expected, abs=1e-3)
    (action,) = bpy.data.actions
    assert tuple(action.curve_frame_range) == pytest.approx((shifted[0], shifted[-1]), abs=1e-2)


@pytest.mark.parametrize("start", [0, -10])
@pytest.mark.parametrize(
    ("name", "begins", "importer"),
    [
        # FBX's importers put time 0 at frame 1, and Blender's BVH importer its first frame.
        pytest.param("walk.fbx", 1, IMPORTERS[0].values[0], id="import_scene"),
        pytest.param("walk.fbx", 1, IMPORTERS[1].values[0], id="wm"),
        pytest.param("walk.glb", 0, lambda path: bpy.ops.import_scene.gltf(filepath=str(path))),
        pytest.param("walk.usdc", 0, lambda path: bpy.ops.wm.usd_import(filepath=str(path))),
        pytest.param("walk.bvh", 1, import_bvh),
    ],
)
def test_motion_that_begins_before_frame_1_is_whole(
    name: str, begins: int, importer: Importer, start: int, tmp_path: Path
) -> None:
    result = create_result(bpy.context, walker(20, fps=24.0), start_frame=start)
    assert result.frame_range == (start, start + 19)
    expected = joints_in_world(result.armature, range(start, start + 20))
    export_motion(result, tmp_path / name, name.split(".")[1][:3])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    importer(tmp_path / name)
    (armature,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
    (action,) = bpy.data.actions
    assert tuple(action.curve_frame_range) == pytest.approx((begins, begins + 19), abs=1e-2)
    found = joints_in_world(armature, range(begins, begins + 20))
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_lifted_bake_keeps_its_twists_on_whatever_track() -> None:
    result = create_result(bpy.context, walker(20, fps=24.0), space=space_of(20))
    action = bake(result)
    path = result.armature.pose.bones["head"].path_from_id("rotation_quaternion")
    bag = action.layers[0].strips[0].channelbags[0]
    for index, value in enumerate((0.0, 0.0, 1.0, 0.0)):  # half a turn about itself
        bag.fcurves.find(path, index=index).keyframe_points[4].co.y = value
    shown, _ = sample_pose(result.armature, np.arange(1, 21))
    push_down(result.armature.animation_data)
    take = take_of(result)
    motion = finished(sample_motion(bpy.context.scene, take, Options()), None)
    assert motion.matrices == pytest.approx(shown, abs=1e-5)


def test_a_disabled_armature_is_a_message(tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(20), space=space_of(20))
    result.armature.hide_viewport = True
    for name in ("a.fbx", "a.json"):
        with pytest.raises(JumpsError, match="Armature is disabled in viewports and doesn't move"):
            export_motion(result, tmp_path / name, name.split(".")[1])
    assert list(tmp_path.iterdir()) == []
    # The eye in the outliner is nothing that playback heeds.
    result.armature.hide_viewport = False
    result.armature.hide_set(True)
    export_motion(result, tmp_path / "a.json", "json")
    positions = np.array(json.loads((tmp_path / "a.json").read_text())["positions"])
    frames = range(1, result.frame_range[1] + 1)
    assert positions == pytest.approx(joints_in_world(result.armature, frames), abs=1e-5)


def test_in_place(tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(46))
    frames = range(result.frame_range[0], result.frame_range[1] + 1)
    expected = joints_in_world(result.armature, frames)
    pelvis = expected[:, JOINTS.index("pelvis")]
    expected[..., :2] -= (pelvis - pelvis[0])[:, None, :2]
    export_motion(result, tmp_path / "walk.fbx", options=Options(in_place=True))
    check_reimport(IMPORTERS[0].values[0], tmp_path / "walk.fbx", frames, expected)


def test_joints_as_the_scene_shows_them(tmp_path: Path) -> None:
    """Placed, scaled, another unit, edited by hand; and as the scene's camera sees them."""
    from bpy_extras.object_utils import world_to_camera_view

    scene = bpy.context.scene
    scene.render.fps, scene.unit_settings.scale_length = 24, 0.1
    result = create_result(bpy.context, walker(40), space=space_of(40), start_frame=11)
    result.root.location, result.root.scale = (3.0, 1.0, 0.2), (1.5, 1.5, 1.5)
    curve = next(
        each
        for each in result.empties[4].animation_data.action.layers[0].strips[0].channelbags
        if each.slot == result.empties[4].animation_data.action_slot
    ).fcurves.find("location", index=2)
    for key in curve.keyframe_points:
        key.co.y += 0.3
    scene.frame_set(11)
    frames = range(*result.frame_range)
    frames = range(frames[0], frames[-1] + 2)
    expected = joints_in_world(result.armature, frames)
    seen = world_to_camera_view(scene, result.find("camera"), Vector(expected[0, 7]))
    export_motion(result, tmp_path / "walk.json", "json")
    found = json.loads((tmp_path / "walk.json").read_text())
    positions = np.array(found["positions"])
    assert positions == pytest.approx(expected * 0.1, abs=1e-5)
    assert found["times"] == pytest.approx((np.array(frames) - 11) / 24)
    assert (found["fps"], found["person"], found["lifter"]) == (24.0, "1", "lift test")
    assert found["height"] == 1.75
    assert found["uncertainty"] is None
    # The left wrist is inpainted from the clip's frame 10 to 19, at 30 frames per second.
    states = np.array(found["state"])[:, JOINTS.index("l_wrist")]
    shown = np.floor((np.array(frames) - 11) / 24 * 30 + 1e-3)
    assert (states == np.where((shown >= 10) & (shown < 20), 1, 0)).all()
    local = (positions[0, 7] - found["camera"]["place"]) @ np.array(found["camera"]["to_world"])
    pixel = local[:2] / local[2] * found["camera"]["focal"] + found["camera"]["centre"]
    width, height = found["camera"]["image_size"]
    assert pixel == pytest.approx((seen.x * width, (1 - seen.y) * height), abs=0.01)
    export_motion(result, tmp_path / "walk.npz", "npz", Options(in_place=True))
    with np.load(tmp_path / "walk.npz") as held:
        pelvis = held["positions"][:, JOINTS.index("pelvis")]
        assert pelvis[:, :2] == pytest.approx(np.repeat(pelvis[:1, :2], len(frames), 0), abs=1e-6)
        assert pelvis[:, 2] == pytest.approx(expected[:, JOINTS.index("pelvis"), 2] * 0.1, abs=1e-5)


@pytest.mark.parametrize("kind", ["json", "npz", "trc", "c3d"])
def test_a_flat_results_joints_are_a_message(kind: str, tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(5))
    with pytest.raises(JumpsError, match="This result is flat: upsample it again with Lift to 3D"):
        export_motion(result, tmp_path / f"walk.{kind}", kind)
    assert list(tmp_path.iterdir()) == []


def everything() -> dict[str, list[str]]:
    return {
        kind: sorted(item.name for item in getattr(bpy.data, kind))
        for kind in ("objects", "armatures", "actions", "scenes", "collections")
    }


def test_export_leaves_the_scene_as_it_was(tmp_path: Path) -> None:
    hers = bpy.data.objects.new("Armature", None)
    result = create_result(bpy.context, walker())
    bpy.context.scene.frame_set(17)
    before = everything()
    export_motion(result, tmp_path / "a.fbx")
    assert everything() == before
    assert hers.name == "Armature"
    assert bpy.context.scene.frame_current == 17
    assert result.armature.animation_data is None
    assert not result.armature.pose.bones["neck"].constraints[0].mute
    assert [file.name for file in tmp_path.iterdir()] == ["a.fbx"]


def test_what_is_shown_stays_where_it_was(tmp_path: Path) -> None:
    """Bug: after an export everything was shown, and said to be, where the last frame has it."""
    result = create_result(bpy.context, walker(46))
    bpy.context.scene.frame_set(20)

    def places() -> list[np.ndarray]:
        graph = bpy.context.evaluated_depsgraph_get()
        shown = result.armature.evaluated_get(graph)
        joints = [joint.evaluated_get(graph).matrix_world.translation for joint in result.empties]
        return [
            np.array([shown.matrix_world @ bone.head for bone in shown.pose.bones]),
            np.array([result.armature.matrix_world @ b.head for b in result.armature.pose.bones]),
            np.array(joints),
            np.array([joint.location for joint in result.empties]),
        ]

    before = places()
    for write in (
        lambda: export_motion(result, tmp_path / "walk.fbx"),
        lambda: bake(result),
    ):
        write()
        bpy.context.view_layer.update()
        for was, now in zip(before, places(), strict=True):
            assert now == pytest.approx(was, abs=1e-5)


def test_two_results_export_only_the_chosen_one(tmp_path: Path) -> None:
    create_result(bpy.context, walker(10, person="1"))
    second = create_result(bpy.context, walker(5, fps=24.0, person="2"))
    expected = joints_in_world(second.armature, range(1, 6))
    export_motion(second, tmp_path / "second.fbx")
    check_reimport(IMPORTERS[0].values[0], tmp_path / "second.fbx", range(1, 6), expected)


@pytest.mark.parametrize("write", [export_motion, lambda _result, path: save_blend(path)])
def test_a_folder_that_is_not_there(write: Callable[[Result, Path], None], tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(3))
    with pytest.raises(JumpsError, match="cannot be written"):
        write(result, tmp_path / "absent" / "out.fbx")
    assert list(tmp_path.iterdir()) == []
    assert len(bpy.data.objects) == 30
    assert len(bpy.data.scenes) == 1


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = create_result(bpy.context, walker(3))
    from io_scene_fbx import encode_bin

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encode_bin, "write", full)
    with pytest.raises(JumpsError, match=r"out\.fbx: could not be written \(.*No space left"):
        export_motion(result, tmp_path / "out.fbx")
    assert list(tmp_path.iterdir()) == []
    assert len(bpy.data.objects) == 30


def test_animate_makes_a_file_that_opens_ready(tmp_path: Path) -> None:
    sequence = walker(50, fps=25.0)
    animate(sequence)
    save_blend(tmp_path / "walk.blend")
    save_blend(tmp_path / "walk.blend")
    assert [file.name for file in tmp_path.iterdir()] == ["walk.blend"]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "walk.blend"))
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 50, 1)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(25)
    result = Result(tuple(item for item in scene.objects if "jumps_result" in item))
    expected = plane_of(result).to_scene(sequence.positions)
    assert joints_in_world(result.armature, range(1, 51)) == pytest.approx(expected, abs=1e-4)
    assert result.empties[0].matrix_world.translation.x == pytest.approx(
        expected[49, 0, 0], abs=1e-4
    )


def test_camera_sees_every_joint_in_every_frame() -> None:
    from bpy_extras.object_utils import world_to_camera_view

    result = animate(walker(90))
    scene = bpy.context.scene
    for frame in (1, 45, 90):
        scene.frame_set(frame)
        seen = np.array(
            [
                world_to_camera_view(scene, scene.camera, empty.matrix_world.translation)
                for empty in result.empties
            ]
        )
        assert (seen[:, :2] > 0).all()
        assert (seen[:, :2] < 1).all()
        # The person's left is on the picture's right.
        assert seen[JOINTS.index("l_shoulder"), 0] > seen[JOINTS.index("r_shoulder"), 0]
        assert seen[JOINTS.index("head_top"), 1] > seen[JOINTS.index("l_toe"), 1]


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    result = create_result(bpy.context, walker(3))
    mask = os.umask(0o022)
    try:
        export_motion(result, tmp_path / "out.fbx")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "out.fbx").stat().st_mode) == 0o644
