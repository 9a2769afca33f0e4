"""Rigs as they stand in people's scenes: moving, hidden, mirrored, limited, keyed, stretched."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.scene.export import export_motion
from jumps_blender.scene.result import Result, results_in
from jumps_blender.scene.retarget import retarget
from jumps_blender.scene.stage import take_of
from jumps_blender.skeletons import MIRROR, joint_index

from .rigs import BONES, heads, lifted, make_rig, moving
from .test_orientation import REST

BEGIN = [joint_index(BONES[part][0]) for part in BONES]
FRAMES = np.array([1, 7, 15, 24])
EXPECTED = moving()[FRAMES - 1][:, BEGIN]


@pytest.fixture
def result() -> Result:
    return lifted(moving())


def missed(rig: bpy.types.Object) -> float:
    return float(np.linalg.norm(heads(rig, BONES, FRAMES) - EXPECTED, axis=-1).max())


@pytest.mark.parametrize("frame", [1, 24])
@pytest.mark.parametrize("who", ["itself", "its parent"])
def test_a_rig_whose_object_moves(result: Result, frame: int, who: str) -> None:
    rig, mapped = make_rig(REST, {})
    mover = rig
    if who == "its parent":
        mover = rig.parent = bpy.data.objects.new("Cart", None)
    mover.keyframe_insert("location", frame=1)
    mover.location.y, mover.rotation_euler.z = 5, 1
    mover.keyframe_insert("location", frame=24)
    mover.keyframe_insert("rotation_euler", frame=24)
    bpy.context.scene.frame_set(frame)
    retarget(result, rig, mapped)
    assert missed(rig) < 0.01
    assert bpy.context.scene.frame_current == frame


@pytest.mark.parametrize("how", ["excluded", "hidden", "disabled"])
def test_a_rig_that_has_not_been_shown_since_the_file_was_opened(how: str, tmp_path: Path) -> None:
    lifted(moving())
    rig, mapped = make_rig(REST * 100, {})
    rig.location.x, rig.scale = 2, (0.01, 0.01, 0.01)
    collection = bpy.data.collections.new("Character")
    bpy.context.scene.collection.children.link(collection)
    collection.objects.link(rig)
    bpy.context.scene.collection.objects.unlink(rig)
    bpy.context.view_layer.layer_collection.children["Character"].exclude = how == "excluded"
    collection.hide_viewport = how == "hidden"
    rig.hide_viewport = how == "disabled"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "character.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "character.blend"))
    rig = bpy.data.objects["Rig"]
    retarget(results_in(bpy.context.scene)[0], rig, mapped)
    rig.hide_viewport = False  # to see it
    assert missed(rig) < 0.01


def test_what_is_mirrored(result: Result) -> None:
    """A mirrored body is another body; a mirrored rig has no bones that could be turned so."""
    rig, mapped = make_rig(REST, {})
    rig.scale.x = -1
    bpy.context.view_layer.update()
    with pytest.raises(JumpsError, match=r"Rig is mirrored; apply its scale"):
        retarget(result, rig, mapped)
    rig.scale.x = 1
    result.root.scale.x = -1
    bpy.context.view_layer.update()
    retarget(result, rig, mapped)
    mirrored = (moving() * (-1, 1, 1))[:, MIRROR][FRAMES - 1][:, BEGIN]
    found = heads(rig, BONES, FRAMES)
    assert np.linalg.norm(found - mirrored, axis=-1).max() < 0.02


@pytest.mark.parametrize(("bone", "kind"), [("hips", "LOCATION"), ("l_forearm", "ROTATION")])
def test_a_limit_that_is_too_narrow_is_named(result: Result, bone: str, kind: str) -> None:
    rig, mapped = make_rig(REST, {})
    limit = rig.pose.bones[bone].constraints.new(f"LIMIT_{kind}")
    limit.owner_space, limit.name = "LOCAL", "Narrow"
    for axis in "xyz":
        names = (
            [f"use_limit_{axis}"]
            if kind == "ROTATION"
            else [f"use_{end}_{axis}" for end in ("min", "max")]
        )
        for name in names:
            setattr(limit, name, True)
    with pytest.raises(JumpsError, match=f"Rig: {bone} would not go .* constraint Narrow"):
        retarget(result, rig, mapped)
    limit.mute = True
    retarget(result, rig, mapped)
    assert missed(rig) < 0.01


@pytest.mark.parametrize("where", ["as the active action", "on a track"])
def test_corrections_stay_above_when_it_is_retargeted_again(result: Result, where: str) -> None:
    rig, mapped = make_rig(REST, {})
    first = retarget(result, rig, mapped).name
    animation, head = rig.animation_data, rig.pose.bones["head"]
    track = animation.nla_tracks[0]
    track.name = "Mocap"
    plain = heads(rig, ["head"], FRAMES)
    animation.action = tweak = bpy.data.actions.new("Tweak")
    head.location = (0, 0.3, 0)
    head.keyframe_insert("location", frame=5)
    animation.action_blend_type = "ADD"
    if where == "on a track":
        animation.action = None
        above = animation.nla_tracks.new()
        above.strips.new("Tweak", 5, tweak).blend_type = "ADD"
    before = heads(rig, ["head"], FRAMES)
    assert np.linalg.norm(before - plain, axis=-1).max() > 0.2
    again = retarget(result, rig, mapped)
    assert heads(rig, ["head"], FRAMES) == pytest.approx(before, abs=1e-5)
    assert again.name == first
    tracks = [each.name for each in animation.nla_tracks]
    assert tracks[0] == "Mocap"
    assert len(tracks) == 1 + (where == "on a track")


def test_a_strip_that_was_moved_stays_there(result: Result) -> None:
    rig, mapped = make_rig(REST, {})
    retarget(result, rig, mapped)
    strip = rig.animation_data.nla_tracks[0].strips[0]
    strip.frame_start_raw, strip.frame_end_raw = 101, 124
    before = heads(rig, BONES, FRAMES + 100)
    retarget(result, rig, mapped)
    strip = rig.animation_data.nla_tracks[0].strips[0]
    assert (strip.frame_start, strip.frame_end, strip.scale) == (101, 124, 1)
    assert heads(rig, BONES, FRAMES + 100) == pytest.approx(before, abs=1e-5)
    # A longer clip in its place begins where the strip did and is whole.
    longer = lifted(moving(48))
    assert longer.lineage == results_in(bpy.context.scene)[0].lineage
    retarget(longer, rig, mapped)
    strip = rig.animation_data.nla_tracks[0].strips[0]
    assert (strip.frame_start, strip.frame_end, strip.scale) == (101, 148, 1)


@pytest.mark.parametrize("how", ["cycles", "line"])
def test_an_action_that_goes_on_beyond_its_keys_still_does(result: Result, how: str) -> None:
    rig, mapped = make_rig(REST, {})
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    tail = rig.data.edit_bones.new("tail")
    tail.head, tail.tail = (1, 0, 0), (1, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    bone = rig.pose.bones["tail"]
    for frame, place in ((1, 0), (6, 0.5), (11, 0)):
        bone.location.x = place
        bone.keyframe_insert("location", frame=frame)
    for curve in rig.animation_data.action.layers[0].strips[0].channelbags[0].fcurves:
        if how == "cycles":
            curve.modifiers.new("CYCLES")
        else:
            curve.extrapolation = "LINEAR"
    seen = np.array([6, 16, 26, 37])
    before = heads(rig, ["tail"], seen)
    assert np.ptp(before[1:], axis=0).max() > 0.04
    retarget(result, rig, mapped)
    assert heads(rig, ["tail"], seen) == pytest.approx(before, abs=1e-5)


def test_of_two_takes_the_one_that_plays_is_exported(result: Result, tmp_path: Path) -> None:
    rig, mapped = make_rig(REST, {})
    first = retarget(result, rig, mapped)
    second = retarget(lifted(moving(12) + (1, 0, 0), person="2"), rig, mapped)
    tracks = rig.animation_data.nla_tracks
    assert (take_of(rig).title, take_of(rig).frames) == (second.name, (1, 12))
    tracks[0].is_solo = True
    assert (take_of(rig).title, take_of(rig).frames) == (first.name, (1, 24))
    tracks[0].is_solo = False
    tracks[1].mute = True
    assert (take_of(rig).title, take_of(rig).frames) == (first.name, (1, 24))
    tracks[0].mute = True
    with pytest.raises(JumpsError, match=f"Rig: the track {tracks[1].name} is muted"):
        export_motion(rig, tmp_path / "rig.bvh", "bvh")


@pytest.mark.parametrize("how", ["scaled", "stretched"])
@pytest.mark.parametrize("kind", ["fbx", "glb", "bvh"])
def test_bones_that_are_connected_to_stretched_ones(
    result: Result, how: str, kind: str, tmp_path: Path
) -> None:
    rig, mapped = make_rig(REST, {})
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("spine2", "spine3", "spine4", "l_shin", "l_forearm"):
        rig.data.edit_bones[name].use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
    retarget(result, rig, mapped)
    bpy.context.scene.render.fps = 30
    if how == "scaled":
        rig.pose.bones["spine2"].scale.y = 1.5
    else:
        there = bpy.data.objects.new("There", None)
        bpy.context.scene.collection.objects.link(there)
        there.location = (0.3, -0.4, 1.5)
        rig.pose.bones["spine2"].constraints.new("STRETCH_TO").target = there
    names = sorted(BONES)
    expected = heads(rig, names, FRAMES)
    # Several times: what the exporters' stage held is gone each time.
    for _ in range(3):
        export_motion(rig, tmp_path / f"rig.{kind}", kind)
    assert rig.data.bones["spine3"].use_connect
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    path = str(tmp_path / f"rig.{kind}")
    if kind == "fbx":
        bpy.ops.import_scene.fbx(filepath=path)
    elif kind == "glb":
        bpy.ops.import_scene.gltf(filepath=path)
    else:
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01)
    back = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    shown = FRAMES - (kind == "glb")  # whose importer puts time 0 at frame 0
    assert heads(back, names, shown) == pytest.approx(expected, abs=1e-3)
