"""FBX files as other code than the exporter's reads them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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


def heads_by_ufbx(path: Path) -> tuple[list[float], dict[str, np.ndarray]]:
    """Times in seconds, and of each bone its head in the world at these, (F, 3), metres, z up."""
    pytest.importorskip("ufbx", reason="the Python package ufbx is not installed")
    done = subprocess.run(
        [sys.executable, "-c", _BY_UFBX, path], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    return found["times"], {name: np.array(rows) for name, rows in found["heads"].items()}


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
