"""A retargeted character in each format, read again by other code than that which wrote it."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.scene.export import FORMATS, export_motion
from jumps_blender.scene.retarget import retarget, rig_bones
from jumps_blender.scene.stage import Options
from jumps_blender.skeletons.rig_maps import mapped

from .characters import Character, character, heads, surface
from .fbx_files import heads_by_ufbx, read_fbx
from .test_retarget import result  # noqa: F401, a fixture

FAMILIES = ("mixamo", "unreal", "vrm")
FRAMES = range(1, 25)
FBX = ("fbx", "fbx_unreal", "fbx_unity")


def fbx_import_scene(path: Path) -> None:
    bpy.ops.import_scene.fbx(filepath=str(path))


def fbx_wm(path: Path) -> None:
    bpy.ops.wm.fbx_import(filepath=str(path))


@pytest.fixture(params=FAMILIES)
def retargeted(request: pytest.FixtureRequest, result) -> Character:  # noqa: F811
    found = character(request.param)
    family, bones = mapped(rig_bones(found.rig))
    assert family == {"vrm": "vroid"}.get(request.param, request.param)
    bpy.context.scene.render.fps = 30
    retarget(result, found.rig, bones)
    return found


@pytest.mark.parametrize("preset", FBX)
@pytest.mark.parametrize("importer", [fbx_import_scene, fbx_wm])
def test_fbx_comes_back_as_it_was(retargeted, preset, importer, tmp_path: Path) -> None:
    expected = heads(retargeted.rig, FRAMES)
    skin = surface(retargeted.mesh, FRAMES)
    export_motion(retargeted.rig, tmp_path / "rig.fbx", preset, Options(meshes=True))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    importer(tmp_path / "rig.fbx")
    armature = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    body = next(item for item in bpy.data.objects if item.type == "MESH")
    assert len(bpy.data.objects) == 2
    size = 0.01 if preset == "fbx_unreal" else 1.0  # what Blender makes of a file in centimetres
    assert tuple(armature.scale) == pytest.approx((size,) * 3)
    assert {bone.name for bone in armature.data.bones} == set(expected)
    found = heads(armature, FRAMES)
    assert max(np.abs(found[name] - expected[name]).max() for name in expected) < 1e-3
    assert np.abs(surface(body, FRAMES) - skin).max() < 1e-3
    (action,) = {a for a in bpy.data.actions if a.curve_frame_range[1] > 2}
    assert tuple(action.curve_frame_range) == pytest.approx((1, 24), abs=1e-3)


@pytest.mark.parametrize("preset", FBX)
def test_fbx_in_another_reader(retargeted, preset, tmp_path: Path) -> None:
    expected = heads(retargeted.rig, FRAMES)
    export_motion(retargeted.rig, tmp_path / "rig.fbx", preset)
    times, found = heads_by_ufbx(tmp_path / "rig.fbx")
    assert times == pytest.approx(np.arange(len(FRAMES)) / 30, abs=1e-6)
    assert sorted(found) == sorted(expected)
    for name, path in found.items():
        assert np.abs(path - expected[name]).max() < 1e-3, name


@pytest.mark.parametrize(
    ("preset", "unit", "turn"), [("fbx", 100, -90), ("fbx_unreal", 1, -90), ("fbx_unity", 100, 0)]
)
def test_presets_say_what_the_engine_expects(result, preset, unit, turn, tmp_path) -> None:  # noqa: F811
    """Unreal: centimetres. Unity: scale 1 and no rotation. Y up and front along +Z in all."""
    found = character("unreal")
    _, bones = mapped(rig_bones(found.rig))
    retarget(result, found.rig, bones)
    export_motion(found.rig, tmp_path / "rig.fbx", preset, Options(meshes=True))
    read = read_fbx(tmp_path / "rig.fbx")
    settings = {name: values[0] for name, values in read["settings"].items() if values}
    assert settings["UnitScaleFactor"] == pytest.approx(unit)
    assert settings["OriginalUnitScaleFactor"] == pytest.approx(unit)
    axes = [
        settings[f"{axis}Axis{sign}"] for axis in ("Up", "Front", "Coord") for sign in ("", "Sign")
    ]
    assert axes == [1, 1, 2, 1, 0, 1]
    kinds = {name: kind for name, (kind, _) in read["models"].items()}
    assert kinds.pop("Armature") == "Null"
    assert kinds.pop("Body") == "Mesh"
    assert kinds == {bone.name: "LimbNode" for bone in found.rig.data.bones}
    for name in ("Armature", "Body"):
        properties = read["models"][name][1]
        # Only what differs from FBX's default is written.
        assert properties.get("Lcl Scaling", (1, 1, 1)) == pytest.approx((1, 1, 1))
        assert properties.get("Lcl Translation", (0, 0, 0)) == pytest.approx((0, 0, 0))
    rotation = read["models"]["Armature"][1].get("Lcl Rotation", (0, 0, 0))
    assert rotation == pytest.approx((turn, 0, 0), abs=1e-4)
    head = np.linalg.norm(found.rig.data.bones["pelvis"].head_local)
    hips = np.linalg.norm(read["models"]["pelvis"][1]["Lcl Translation"])
    assert hips == pytest.approx(head * 100 / unit, rel=1e-3)
    assert len(read["stacks"]) == 1


def import_glb(path: Path) -> None:
    bpy.ops.import_scene.gltf(filepath=str(path))


def import_usd(path: Path) -> None:
    bpy.ops.wm.usd_import(filepath=str(path))


@pytest.mark.parametrize("meshes", [True, False])
@pytest.mark.parametrize(
    ("kind", "suffix", "importer", "offset"),
    # glTF's importer puts time 0 at frame 0, unlike FBX's.
    [("glb", ".glb", import_glb, -1), ("usd", ".usdc", import_usd, 0)],
)
def test_gltf_and_usd_come_back_as_they_were(
    retargeted, meshes, kind, suffix, importer, offset, tmp_path: Path
) -> None:
    expected = heads(retargeted.rig, FRAMES)
    skin = surface(retargeted.mesh, FRAMES)
    path = tmp_path / f"rig{suffix}"
    scene = bpy.context.scene
    export_motion(retargeted.rig, path, kind, Options(meshes=meshes))
    assert bpy.context.scene == scene
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    importer(path)
    (armature,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
    frames = range(FRAMES[0] + offset, FRAMES[-1] + 1 + offset)
    found = heads(armature, frames)
    if kind == "usd":  # whose names have no colons
        expected = {name.replace(":", "_"): each for name, each in expected.items()}
    assert set(found) == set(expected)
    assert max(np.abs(found[name] - expected[name]).max() for name in expected) < 1e-3
    assert tuple(armature.matrix_world.to_scale()) == pytest.approx((1, 1, 1))
    bodies = [item for item in bpy.data.objects if item.type == "MESH" and item.name == "Body"]
    assert len(bodies) == meshes
    if meshes:
        back = surface(bodies[0], frames)
        # glTF has a corner for each face that meets there.
        apart = np.linalg.norm(back[:, :, None] - skin[:, None], axis=-1)
        assert apart.min(axis=1).max() < 1e-3
        assert apart.min(axis=2).max() < 1e-3


def test_bvh_comes_back_as_it_was(retargeted, tmp_path: Path) -> None:
    expected = heads(retargeted.rig, FRAMES)
    export_motion(retargeted.rig, tmp_path / "rig.bvh", "bvh")
    lines = (tmp_path / "rig.bvh").read_text().splitlines()
    assert "Frames: 24" in lines
    assert "Frame Time: 0.033333" in lines
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.ops.import_anim.bvh(filepath=str(tmp_path / "rig.bvh"), global_scale=0.01)
    (armature,) = bpy.data.objects
    found = heads(armature, FRAMES)
    assert set(found) == set(expected)
    assert max(np.abs(found[name] - expected[name]).max() for name in expected) < 1e-3


def everything() -> dict[str, list[str]]:
    kinds = ("objects", "armatures", "meshes", "actions", "scenes", "collections")
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds}


@pytest.mark.parametrize("kind", [name for name, each in FORMATS.items() if each.write])
def test_the_scene_is_left_as_it_was(retargeted, kind, tmp_path: Path) -> None:
    bpy.context.scene.frame_set(7)
    scene, before = bpy.context.scene, everything()
    tracks = [track.name for track in retargeted.rig.animation_data.nla_tracks]
    path = tmp_path / f"rig{FORMATS[kind].suffixes[0]}"
    export_motion(retargeted.rig, path, kind, Options(True, True, True))
    assert everything() == before
    assert (bpy.context.scene, scene.frame_current, bpy.context.mode) == (scene, 7, "OBJECT")
    assert (retargeted.rig.name, retargeted.mesh.name) == ("Rig", "Body")
    assert retargeted.mesh.modifiers[0].object == retargeted.rig
    assert [track.name for track in retargeted.rig.animation_data.nla_tracks] == tracks
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    once = path.stat().st_size
    export_motion(retargeted.rig, path, kind, Options(True, True, True))
    assert path.stat().st_size == pytest.approx(once, abs=64)  # but for the date


def test_only_deform_bones_and_what_holds_them(result, tmp_path: Path) -> None:  # noqa: F811
    found = character("unreal")
    retarget(result, found.rig, mapped(rig_bones(found.rig))[1])
    found.rig.data.bones["root"].use_deform = False  # but the pelvis hangs on it
    expected = heads(found.rig, FRAMES)
    export_motion(found.rig, tmp_path / "rig.fbx", "fbx", Options(deform_only=True))
    _, back = heads_by_ufbx(tmp_path / "rig.fbx")
    assert set(expected) - set(back) == {"ik_foot_l", "ik_foot_r"}
    assert all(np.abs(back[name] - expected[name]).max() < 1e-3 for name in back)
    for bone in found.rig.data.bones:
        bone.use_deform = False
    with pytest.raises(JumpsError, match="No bone of the rig deforms; export all"):
        export_motion(found.rig, tmp_path / "rig.fbx", "fbx", Options(deform_only=True))


def test_in_place_holds_the_body_and_not_the_root(result, tmp_path: Path) -> None:  # noqa: F811
    found = character("unreal")
    retarget(result, found.rig, mapped(rig_bones(found.rig))[1])
    before = heads(found.rig, FRAMES)
    export_motion(found.rig, tmp_path / "rig.fbx", "fbx", Options(in_place=True))
    _, back = heads_by_ufbx(tmp_path / "rig.fbx")
    way = before["pelvis"] - before["pelvis"][0]
    assert np.abs(way[:, :2]).max() > 0.5
    way[:, 2] = 0
    assert np.abs(back["root"] - before["root"]).max() < 1e-4
    for name in ("pelvis", "head", "ball_r", "upperarm_twist_01_l", "ik_foot_l"):
        assert np.abs(back[name] - (before[name] - way)).max() < 1e-3, name


def test_the_retargeted_strips_frames_and_what_plays_with_it(result, tmp_path: Path) -> None:  # noqa: F811
    """A strip that was moved; a track above it that nods; one beside it that is muted."""
    found = character("vrm")
    rig = found.rig
    retarget(result, rig, mapped(rig_bones(rig))[1])
    track = rig.animation_data.nla_tracks[-1]
    strip = track.strips[0]
    strip.frame_start, strip.frame_end = 101, 124
    for name, mute in (("Nod", False), ("Other", True)):
        head = rig.pose.bones["J_Bip_C_Head" if name == "Nod" else "J_Bip_C_Hips"]
        head.rotation_mode = "XYZ"
        head.rotation_euler = (0.5, 0, 0)
        head.keyframe_insert("rotation_euler", frame=101)
        animation = rig.animation_data
        animation.action.name = name
        added = animation.nla_tracks.new()
        added.strips.new(name, 101, animation.action).extrapolation = "HOLD"
        added.mute = mute
        animation.action = None
    frames = range(101, 125)
    expected = heads(rig, frames)
    export_motion(rig, tmp_path / "rig.fbx", "fbx")
    times, back = heads_by_ufbx(tmp_path / "rig.fbx")
    assert times == pytest.approx((np.array(frames) - 1) / 30, abs=1e-6)
    assert all(np.abs(back[name] - expected[name]).max() < 1e-3 for name in back)


def test_a_strip_that_was_moved_before_frame_1_is_whole(result, tmp_path: Path) -> None:  # noqa: F811
    found = character("unreal")
    retarget(result, found.rig, mapped(rig_bones(found.rig))[1])
    bpy.context.scene.render.fps = 30
    strip = found.rig.animation_data.nla_tracks[-1].strips[0]
    strip.frame_start, strip.frame_end = -10, 13
    expected = heads(found.rig, range(-10, 14))
    export_motion(found.rig, tmp_path / "rig.fbx", "fbx")
    times, back = heads_by_ufbx(tmp_path / "rig.fbx")
    assert times == pytest.approx(np.arange(24) / 30, abs=1e-6)
    assert sorted(back) == sorted(expected)
    assert all(np.abs(back[name] - expected[name]).max() < 1e-3 for name in back)


def test_what_cannot_be_exported_is_a_message(result, tmp_path: Path) -> None:  # noqa: F811
    rig = character("mixamo").rig
    path = tmp_path / "rig.fbx"
    with pytest.raises(JumpsError, match="Rig has no motion of a JUMPS result; retarget one"):
        export_motion(rig, path)
    retarget(result, rig, mapped(rig_bones(rig))[1])
    with pytest.raises(JumpsError, match=r"the name must end in \.glb"):
        export_motion(rig, path, "glb")
    with pytest.raises(JumpsError, match="TRC holds the 28 joints, which the result has"):
        export_motion(rig, tmp_path / "rig.trc", "trc")
    rig.hide_viewport = True
    with pytest.raises(JumpsError, match="Rig is disabled in viewports and doesn't move"):
        export_motion(rig, path)
    rig.hide_viewport = False
    rig.scale = (0.01, 0.02, 0.01)
    with pytest.raises(JumpsError, match="its scale differs between its axes; apply its scale"):
        export_motion(rig, path)
    rig.scale = (-0.01, 0.01, 0.01)
    with pytest.raises(JumpsError, match="Rig is mirrored"):
        export_motion(rig, path)
    rig.scale = (0.01,) * 3
    track = rig.animation_data.nla_tracks[-1]
    track.mute = True
    with pytest.raises(JumpsError, match=f"the track {track.name} is muted; unmute it"):
        export_motion(rig, path)
    assert list(tmp_path.iterdir()) == []
    assert len(bpy.data.scenes) == 1


@pytest.mark.usefixtures("extension")
def test_the_operator_does_what_the_function_does(result, tmp_path: Path) -> None:  # noqa: F811
    found = character("unreal")
    settings = bpy.context.scene.jumps
    settings.export_of = "RIG"
    operator = bpy.ops.jumps.export_motion
    assert not operator.poll()
    settings.rig = found.rig
    with pytest.raises(RuntimeError, match="Rig has no motion of a JUMPS result"):
        operator(filepath=str(tmp_path / "a.bvh"))
    bpy.context.view_layer.objects.active = result.root
    assert bpy.ops.jumps.retarget() == {"FINISHED"}
    assert settings.export_format == "fbx"
    settings.export_format = "bvh"
    settings.in_place = settings.deform_only = True
    assert operator(filepath=str(tmp_path / "a.bvh")) == {"FINISHED"}
    export_motion(found.rig, tmp_path / "b.bvh", "bvh", Options(in_place=True, deform_only=True))
    assert (tmp_path / "a.bvh").read_text() == (tmp_path / "b.bvh").read_text()
    with pytest.raises(RuntimeError, match=r"a\.fbx: the name must end in \.bvh"):
        operator(filepath=str(tmp_path / "a.fbx"))
    settings.export_of, settings.export_format = "RESULT", "json"
    assert operator(filepath=str(tmp_path / "a.json")) == {"FINISHED"}
    export_motion(result, tmp_path / "b.json", "json", Options(in_place=True))
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_a_disabled_exporter_is_a_message(result, tmp_path: Path) -> None:  # noqa: F811
    import addon_utils

    addon_utils.disable("io_scene_gltf2")
    try:
        with pytest.raises(JumpsError, match="exporter for this format is disabled; enable it"):
            export_motion(result, tmp_path / "a.glb", "glb")
    finally:
        addon_utils.enable("io_scene_gltf2")
    assert list(tmp_path.iterdir()) == []
    assert len(bpy.data.scenes) == 1


def test_bvh_names_have_no_spaces(result, tmp_path: Path) -> None:  # noqa: F811
    found = character("vrm")
    _, bones = mapped(rig_bones(found.rig))
    retarget(result, found.rig, bones)
    found.rig.data.bones["J_Bip_L_Hand"].name = "Bip001 L Hand"
    export_motion(found.rig, tmp_path / "a.bvh", "bvh")
    assert "\tJOINT Bip001_L_Hand\n" in (tmp_path / "a.bvh").read_text()
    assert "Bip001 L Hand" in found.rig.data.bones
