"""What is exported, set up by itself: a stand-in armature with sampled motion and its own scene.

Exporters write what a scene holds: other objects, other tracks, an object's scale, a name that an
engine dislikes. So they get a scene with nothing but a copy of the armature, which stands at the
world's origin with scale 1 and has one action, and, where they are asked for, its skinned meshes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import ID, Object, Scene
from mathutils import Matrix
from numpy.typing import NDArray

from ..errors import JumpsError
from .bake import (
    faced,
    finished,
    is_baked,
    local_channels,
    places_steps,
    rest_matrices,
    sample_steps,
    scratch_scene,
    write_pose,
)
from .result import Result, by_uid, whole_frames

# Unreal leaves a root node of this name out of the skeleton; any other becomes a stray root bone.
ROOT_NAME = "Armature"
# Metres. Blender's FBX importers connect a bone to its parent, and so ignore its location keys,
# when it rests within 0.1 mm of where they take the parent's tail to be.
_TAIL_MISSES_CHILD_BY = 0.001
_STAYS = 1e-4  # metres that a bone may leave its place on its parent without having moved
_EVEN = 1e-3  # share by which an object's scale may differ between its axes
# Blender's z up as y up, the front (-y) then looking along +z.
_Y_UP = Matrix(((1, 0, 0, 0), (0, 0, 1, 0), (0, -1, 0, 0), (0, 0, 0, 1)))


@dataclass(frozen=True)
class Options:
    """What an export leaves out or adds.

    in_place: the body stays over where it is in the first frame; up and down it still moves
    meshes: the rig's skinned meshes too
    deform_only: of the rig's bones only those that deform, and those above them
    """

    in_place: bool = False
    meshes: bool = False
    deform_only: bool = False


@dataclass(frozen=True)
class Measure:
    """How a format measures.

    per_metre: its units; y_up: whether the data themselves are turned so, from Blender's z up
    frame_of_time_0: the scene's frame at which the format's time begins; motion that begins
        before it begins at time 0
    """

    per_metre: float = 1.0
    y_up: bool = False
    frame_of_time_0: int = 0


@dataclass(frozen=True)
class Take:
    """An armature's motion over some frames; hold it no longer than a function call.

    title: what the file calls the animation
    frames: first and last scene frame
    travels: the bone whose way over the ground is the body's, then others that go the same way,
        such as IK controls
    is_users: a rig of the user's, whose object's rotation counts as part of its rest pose
    only_pointed: bones point where they should, but are not yet turned about themselves
    """

    armature: Object
    title: str
    frames: tuple[int, int]
    travels: tuple[str, ...]
    is_users: bool
    only_pointed: bool


@dataclass(frozen=True)
class Motion:
    """A take, sampled: plain data that outlives what the user does to the scene meanwhile.

    armature, scene: their ``session_uid``
    frames: int64 (F,); matrices: float64 (F, B, 4, 4), world, scene units, in the order of
        ``pose.bones``; world: float64 (4, 4), the object's, in the first frame
    """

    armature: int
    scene: int
    title: str
    is_users: bool
    frames: NDArray[np.int64]
    matrices: NDArray[np.float64]
    world: NDArray[np.float64]


def take_of(source: Result | Object) -> Take:
    """What of a result, or of a rig that was retargeted to one, is exported.

    A rig's frames are those of the topmost retargeted strip that plays. Raises JumpsError
    where the result lacks objects or the rig has no motion of a result.
    """
    if isinstance(source, Result):
        armature = source.armature
        pelvis = next(bone.name for bone in armature.pose.bones if bone.parent is None)
        pointed = bool(source.lifter) and not is_baked(source)
        return Take(armature, source.root.name, source.frame_range, (pelvis,), False, pointed)
    frames, action = _retargeted(source)
    return Take(source, action.name, frames, _moved(source, action), True, False)


def _retargeted(rig: Object) -> tuple[tuple[int, int], bpy.types.Action]:
    animation = rig.animation_data
    if animation is not None and animation.action is not None:
        action = animation.action
        if "jumps_lineage" in action:
            return whole_frames(*action.curve_frame_range), action
    tracks = list(animation.nla_tracks) if animation is not None else []
    tracks = [track for track in tracks if track.is_solo] or tracks
    muted = ""
    for track in reversed(tracks):
        for strip in reversed(track.strips):
            if strip.action is not None and "jumps_lineage" in strip.action:
                if not (track.mute or strip.mute):
                    return whole_frames(strip.frame_start, strip.frame_end), strip.action
                muted = muted or track.name
    if muted:
        raise JumpsError(f"{rig.name}: the track {muted} is muted; unmute it.")
    raise JumpsError(f"{rig.name} has no motion of a JUMPS result; retarget one to it first.")


def _moved(rig: Object, action: bpy.types.Action) -> tuple[str, ...]:
    """The bones that the action moves; first the one that carries most: the hips, or a root."""
    paths = {
        curve.data_path
        for slot in action.slots
        if (bag := action.layers[0].strips[0].channelbag(slot)) is not None
        for curve in bag.fcurves
        if len(curve.keyframe_points) > 1  # one key holds a bone where it is
    }
    moved = [bone for bone in rig.pose.bones if bone.path_from_id("location") in paths]
    if not moved:
        raise JumpsError(f"{rig.name}: the action {action.name} moves no bone; retarget it again.")
    moved.sort(key=lambda bone: -len(bone.children_recursive))
    return tuple(bone.name for bone in moved)


def sample_motion(
    scene: Scene, take: Take, options: Options, piece: int = 0
) -> Generator[float, None, Motion]:
    """Sample in pieces what the scene shows; yields the share done, up to 0.9.

    Raises JumpsError when the armature or the scene goes meanwhile, or can't be exported.
    """
    frames = np.arange(take.frames[0], take.frames[1] + 1)
    uid, scene_uid = take.armature.session_uid, scene.session_uid
    title, is_users, only_pointed, travels = (
        take.title,
        take.is_users,
        take.only_pointed,
        take.travels,
    )
    matrices, world = yield from sample_steps(take.armature, frames, piece=piece)
    armature = by_uid(bpy.data.objects, uid)
    by_uid(bpy.data.scenes, scene_uid)
    scale = np.linalg.norm(world[0, :3, :3], axis=0)
    if is_users and not (
        np.linalg.det(world[0, :3, :3]) > 0 and np.ptp(scale) <= _EVEN * scale.max()
    ):
        raise JumpsError(
            f"{armature.name} is mirrored, or its scale differs between its axes; apply its scale "
            "(Object > Apply > Scale)."
        )
    if only_pointed:
        matrices = faced(armature, matrices)
    matrices = world[:, None] @ matrices
    if options.in_place:
        _hold(armature, matrices, travels)
    return Motion(uid, scene_uid, title, is_users, frames, matrices, world[0])


def _hold(armature: Object, matrices: NDArray[np.float64], travels: tuple[str, ...]) -> None:
    """Take the first bone's way over the ground from all of them and what is below them."""
    bones = armature.pose.bones
    places = matrices[..., :2, 3]
    path = places[:, bones.find(travels[0])].copy()
    below = [
        index
        for index, bone in enumerate(bones)
        if not {bone.name, *(each.name for each in bone.parent_recursive)}.isdisjoint(travels)
    ]
    places[:, below] -= (path - path[0])[:, None]


@contextmanager
def staged(motion: Motion, options: Options, measure: Measure) -> Iterator[Scene]:
    """A scene with the stand-in and its motion, and nothing else; gone afterwards.

    The frame before the motion shows the rest pose and is current: the FBX exporter takes the pose
    of the current frame for the skeleton's rest. The scene has the user's frame rate, the motion's
    range and its title; its armature is the active object and called "Armature". Raises JumpsError
    where the armature or the scene is gone.
    """
    armature = by_uid(bpy.data.objects, motion.armature)
    scene = by_uid(bpy.data.scenes, motion.scene)
    metres = scene.unit_settings.scale_length
    size = float(np.linalg.norm(motion.world[:3, :3], axis=0).mean()) * metres
    axes = _Y_UP if measure.y_up else Matrix.Identity(4)
    # What an engine calls the rest pose is that of the user's own export of the character, whose
    # object's rotation ends up in it too; a result's root only places it.
    turn = Matrix(motion.world.tolist()).to_quaternion().to_matrix().to_4x4()
    into = axes @ Matrix.Scale(size * measure.per_metre, 4)
    if motion.is_users:
        into = into @ turn
    placed = np.array(axes) @ motion.matrices
    placed[..., :3, 3] *= metres * measure.per_metre
    shifted = np.concatenate(([motion.frames[0] - 1], motion.frames)) - measure.frame_of_time_0
    shifted -= min(shifted[1], 0)  # Blender's scenes begin at frame 0 or later

    with ExitStack() as stack:
        double = stack.enter_context(_stand_in(armature, into))
        stage = stack.enter_context(scratch_scene([double]))
        stage.view_layers[0].objects.active = double
        if options.deform_only and motion.is_users:
            _drop_controls(stage, double)
        if options.meshes and motion.is_users:
            meshes = skinned_meshes(scene, armature)
            stack.enter_context(_dressed(stage, meshes, armature, double, into))
        order = [armature.pose.bones.find(bone.name) for bone in double.pose.bones]
        rest, posed = rest_matrices(double), placed[:, order]
        leaves = _leaving(double, rest, posed, _STAYS * measure.per_metre)
        _disconnect(stage, double, leaves)
        lengths = np.array([bone.length for bone in double.pose.bones]) / measure.per_metre
        start = _tilted(rest, lengths, _left(double, leaves))
        action = bpy.data.actions.new(motion.title)
        stack.callback(bpy.data.actions.remove, action)
        write_pose(action, double, shifted, np.concatenate((start[None], posed)))
        _set_stage(stage, scene, shifted, motion.title)
        yield stage


@contextmanager
def _stand_in(armature: Object, into: Matrix) -> Iterator[Object]:
    """A copy of the armature, its data transformed, at the world's origin, named for export."""
    data = armature.data.copy()
    data.animation_data_clear()
    data.transform(into)
    data.pose_position = "POSE"
    for bone in data.bones:
        # Keys are written as for ordinary bones, whatever a rig's bones inherit.
        bone.use_inherit_rotation = bone.use_local_location = True
        bone.inherit_scale = "FULL"
    double = bpy.data.objects.new("JUMPS export", data)
    try:
        with _named(double, ROOT_NAME), _named(data, armature.data.name):
            yield double
    finally:
        bpy.data.objects.remove(double)
        bpy.data.armatures.remove(data)


@contextmanager
def _named(item: ID, name: str) -> Iterator[None]:
    """Let an object or its data have a name, whoever has it otherwise."""
    kinds = {"OBJECT": bpy.data.objects, "ARMATURE": bpy.data.armatures, "MESH": bpy.data.meshes}
    kept = kinds[item.id_type]
    others = [each for each in kept if each.name == name and each.library is None]
    for each in others:
        each.name = f"{name[:50]} set aside"
    item.name = name
    try:
        yield
    finally:
        item.name = "JUMPS export"
        for each in others:
            each.name = name


def _drop_controls(stage: Scene, double: Object) -> None:
    """Remove the bones that deform nothing and have nothing below them that does."""
    bones = double.data.bones
    kept = {
        name
        for bone in bones
        if bone.use_deform
        for name in (bone.name, *(above.name for above in bone.parent_recursive))
    }
    if not kept:
        raise JumpsError("No bone of the rig deforms; export all of its bones.")
    dropped = [bone.name for bone in bones if bone.name not in kept]
    with _edited(stage, double) as edit_bones:
        for name in dropped:
            edit_bones.remove(edit_bones[name])


def _disconnect(stage: Scene, double: Object, leaves: NDArray[np.bool_]) -> None:
    """Let go of their parents bones that leave their place on them, as below a stretched one: what
    is connected stays at its parent's tail, whatever its location keys say.

    leaves: (B,), which, in the order of ``pose.bones``
    """
    pairs = zip(double.pose.bones, leaves, strict=True)
    names = [each.name for each, is_off in pairs if is_off and each.bone.use_connect]
    if names:
        with _edited(stage, double) as edit_bones:
            for name in names:
                edit_bones[name].use_connect = False


@contextmanager
def _edited(stage: Scene, double: Object) -> Iterator[bpy.types.ArmatureEditBones]:
    """The stand-in's bones in Edit Mode."""
    with bpy.context.temp_override(
        scene=stage, view_layer=stage.view_layers[0], object=double, active_object=double
    ):
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            yield double.data.edit_bones
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")


def skinned_meshes(scene: Scene, rig: Object) -> list[Object]:
    """The scene's meshes that the rig deforms."""
    return [
        item
        for item in scene.objects
        if item.type == "MESH"
        and (
            (item.parent == rig and item.parent_type == "ARMATURE")
            or any(each.type == "ARMATURE" and each.object == rig for each in item.modifiers)
        )
    ]


@contextmanager
def _dressed(
    stage: Scene, meshes: Sequence[Object], armature: Object, double: Object, into: Matrix
) -> Iterator[None]:
    """Copies of skinned meshes, under their names, on the stand-in; transformed as it is."""
    now = np.array([bpy.context.scene.frame_current])
    with ExitStack() as stack:
        for item in meshes:
            place = into @ _placed(armature, now).inverted_safe() @ _placed(item, now)
            copy = item.copy()
            copy.data = item.data.copy()
            stack.callback(bpy.data.meshes.remove, copy.data)  # and what uses it
            stack.enter_context(_named(copy, item.name))
            stack.enter_context(_named(copy.data, item.data.name))
            copy.animation_data_clear()
            copy.data.transform(place, shape_keys=True)
            if place.determinant() < 0:
                copy.data.flip_normals()
            copy.constraints.clear()
            copy.parent, copy.parent_type = double, "OBJECT"
            copy.matrix_parent_inverse.identity()
            copy.matrix_basis.identity()
            held = [each for each in copy.modifiers if each.type == "ARMATURE"]
            for each in held:
                if each.object == armature:
                    each.object = double
            if not any(each.object == double for each in held):
                copy.modifiers.new(ROOT_NAME, "ARMATURE").object = double
            copy.hide_viewport = copy.hide_render = False
            stage.collection.objects.link(copy)
        yield


def _placed(item: Object, frames: NDArray[np.integer]) -> Matrix:
    """Where an object is at a frame, whether it is shown or not."""
    (world,) = finished(places_steps(item, frames), None)
    return Matrix(world.tolist())


def _leaving(
    double: Object, rest: NDArray[np.float64], posed: NDArray[np.float64], least: float
) -> NDArray[np.bool_]:
    """(B,): the bones that leave their place on their parent, so that their location keys count."""
    location, _ = local_channels(rest, _parents(double), posed)
    return np.asarray(np.abs(location).max(axis=(0, 2)) > least)


def _left(double: Object, leaves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(B,): the bones that a bone below them leaves."""
    left = np.zeros(len(leaves), bool)
    for bone, parent in enumerate(_parents(double)):
        if parent >= 0 and leaves[bone]:
            left[parent] = True
    return left


def _parents(double: Object) -> list[int]:
    """Places in ``pose.bones``, -1 for none."""
    bones = list(double.pose.bones)
    return [bones.index(bone.parent) if bone.parent is not None else -1 for bone in bones]


def _tilted(
    rest: NDArray[np.float64], lengths: NDArray[np.float64], left: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Turn some bones about their z axes, by less than a degree for most, keeping their heads.

    rest: (B, 4, 4); lengths: (B,), metres; left: (B,), which
    """
    angles = np.where(left, np.arcsin(np.minimum(_TAIL_MISSES_CHILD_BY / lengths, 0.1)), 0.0)
    turns = np.array([Matrix.Rotation(angle, 4, "Z") for angle in angles])
    return rest @ turns


def _set_stage(stage: Scene, scene: Scene, frames: Sequence[int] | NDArray, title: str) -> None:
    # The FBX exporter names the animation after the scene.
    stage.name = title
    stage.render.fps = scene.render.fps
    stage.render.fps_base = scene.render.fps_base
    stage.frame_start, stage.frame_end = int(frames[1]), int(frames[-1])
    stage.frame_set(int(frames[0]))
