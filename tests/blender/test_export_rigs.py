"""A retargeted character in each format, read again by other code than that which wrote it."""

import json
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.scene.export import export_motion
from jumps_blender.scene.retarget import retarget, rig_bones
from jumps_blender.scene.stage import Options
from jumps_blender.skeletons.rig_maps import mapped

from .rigs import Character, character, heads, surface
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


def read_fbx(path: Path) -> dict[str, object]:
    """GlobalSettings' properties, and of each model its properties, by Blender's parser."""
    from io_scene_fbx import parse_fbx

    root, _version = parse_fbx.parse(str(path))

    def properties(element) -> dict[str, tuple]:
        for each in element.elems:
            if each.id == b"Properties70":
                return {p.props[0].decode(): tuple(p.props[4:]) for p in each.elems}
        return {}

    found: dict[str, object] = {}
    for element in root.elems:
        if element.id == b"GlobalSettings":
            found["settings"] = properties(element)
        if element.id == b"Objects":
            found["models"] = {
                each.props[1].split(b"\x00")[0].decode(): (each.props[2].decode(), properties(each))
                for each in element.elems
                if each.id == b"Model"
            }
            found["stacks"] = [
                each.props[1].split(b"\x00")[0].decode()
                for each in element.elems
                if each.id == b"AnimationStack"
            ]
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


# In a process of its own, because ufbx's bindings are young.
_BY_UFBX = """
import json, sys
import numpy as np
import ufbx

kept = []

def keep(item):  # the bindings die of handles whose owners have gone
    kept.append(item)
    return item

def each(items):
    return [keep(items[index]) for index in range(len(keep(items)))]

axes = ufbx.axes_right_handed_z_up
scene = ufbx.load_file(sys.argv[1], target_axes=axes, target_unit_meters=1.0)
(stack,) = each(scene.anim_stacks)
(layer,) = each(stack.layers)
nodes = each(scene.nodes)
# Of each node and property the three curves' keys: times and values.
curves = {
    (keep(item.element).name, item.prop_name): [
        ([key.time for key in keys], [key.value for key in keys])
        for keys in (each(curve.keyframes) for curve in each(keep(item.anim_value).curves))
    ]
    for item in each(layer.anim_props)
}
bones = [node for node in nodes if keep(node.bone) is not None]
times = curves[bones[0].name, "Lcl Translation"][0][0]

def turn(axis, degrees):
    matrix, (one, two) = np.eye(4), [(1, 2), (2, 0), (0, 1)][axis]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[one, one], matrix[one, two], matrix[two, one], matrix[two, two] = cos, -sin, sin, cos
    return matrix

def own(node, frame):
    def values(name):
        found = curves[node.name, name]
        assert all(times == stamps for stamps, _ in found)
        return np.array([keys[frame] for _, keys in found])

    matrix = np.eye(4)
    if (node.name, "Lcl Rotation") not in curves:
        rest = node.local_transform
        x, y, z, w = rest.rotation
        matrix[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        place, size = rest.translation, rest.scale
    else:
        x, y, z = values("Lcl Rotation")
        matrix = turn(2, z) @ turn(1, y) @ turn(0, x)
        place, size = values("Lcl Translation"), values("Lcl Scaling")
    matrix[:3, :3] *= size
    matrix[:3, 3] = place
    return matrix

def world(node, frame):
    above = np.eye(4) if node.is_root else world(keep(node.parent), frame)
    return above @ own(node, frame)

heads = {n.name: [world(n, f)[:3, 3].tolist() for f in range(len(times))] for n in bones}
json.dump({"times": times, "heads": heads}, sys.stdout)
"""


@pytest.mark.parametrize("preset", FBX)
def test_fbx_in_another_reader(retargeted, preset, tmp_path: Path) -> None:
    pytest.importorskip("ufbx", reason="the Python package ufbx is not installed")
    expected = heads(retargeted.rig, FRAMES)
    export_motion(retargeted.rig, tmp_path / "rig.fbx", preset)
    done = subprocess.run(
        [sys.executable, "-c", _BY_UFBX, tmp_path / "rig.fbx"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["times"] == pytest.approx(np.arange(len(FRAMES)) / 30, abs=1e-6)
    assert sorted(found["heads"]) == sorted(expected)
    for name, path in found["heads"].items():
        assert np.abs(np.array(path) - expected[name]).max() < 1e-3, name


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
