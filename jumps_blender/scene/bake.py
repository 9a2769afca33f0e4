"""The armature's motion as plain bone keyframes, sampled from what Blender shows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import bpy
import numpy as np
from bpy.types import Action, AnimData, Constraint, NlaStrip, Object, PoseBone, Scene
from numpy.typing import NDArray

from ..errors import JumpsError
from ..skeletons import JOINTS
from .armature import FOLLOWS_DIRECTION, FOLLOWS_POSITION
from .keyframes import (
    assign,
    check_tweak_mode,
    clear_motion,
    new_channelbag,
    push_down,
    put_in_strip,
    rate_of,
    write_curve,
)
from .orientation import orientations
from .result import Result, by_uid

Progress = Callable[[float], None]

# Frames per piece of work: fewer lose more to setting up, more make the window wait.
_PIECE = 32
_CHANNELS = 256
_ALL = 10**9


def bake(result: Result, progress: Progress | None = None) -> Action:
    """Sample the bones where their empties hold them and key them, frame by frame.

    Afterwards the armature has an action of its own with location and rotation keys on every whole
    scene frame of the clip, and its constraints are muted. Baking again follows the empties again
    and gives the same action anew, in its strip where it was pushed down. An action of the user's
    goes on a track below. Raises JumpsError when the result lacks objects, or a bone of its
    armature what holds it to its joint, and in tweak mode.
    """
    return bpy.data.actions[finished(bake_steps(result, piece=_ALL), progress)]


def bake_steps(result: Result, piece: int = 0) -> Generator[float, None, str]:
    """The same in pieces; yields the share done, returns the action's name.

    piece: frames in each, 0 for some hundredths of a second's work

    The last piece hands the new action to the armature. Between pieces the user may undo, rename or
    delete anything: JumpsError when the armature is gone.
    """
    uid, result_id, is_lifted = result.armature.session_uid, result.id, bool(result.lifter)
    check_tweak_mode(result.armature)
    _check_held(result.armature)
    first, last = result.frame_range
    frames = np.arange(first, last + 1)
    matrices, _ = yield from sample_steps(result.armature, frames, following=True, piece=piece)
    armature = by_uid(bpy.data.objects, uid)
    if is_lifted:
        matrices = faced(armature, matrices)
    action = bpy.data.actions.new(f"{armature.name} Bake")
    action["jumps_result"] = result_id
    action_uid = action.session_uid
    new_channelbag(action, armature.name)
    try:
        for share in _keyed_steps(action_uid, uid, frames, matrices):
            yield 0.9 + 0.1 * share
        armature, action = by_uid(bpy.data.objects, uid), by_uid(bpy.data.actions, action_uid)
        check_tweak_mode(armature)
    except BaseException:
        for left in [each for each in bpy.data.actions if each.session_uid == action_uid]:
            bpy.data.actions.remove(left)
        raise
    animation = armature.animation_data_create()
    previous, strip = animation.action, None
    if previous is None or previous.get("jumps_result") != result_id:
        strip = _strip_of(animation, result_id)
    if strip is not None:
        # The bake was pushed down: what the user has laid over it stays there.
        previous = strip.action
        put_in_strip(strip, action, action.slots[-1])
    else:
        if previous is not None and previous.get("jumps_result") != result_id:
            push_down(animation)
            animation.action_blend_type, animation.action_extrapolation = "REPLACE", "HOLD"
            animation.action_influence = 1.0
        assign(action, armature)
    _use_quaternions(armature)
    _mute(armature, True)
    if previous is not None and previous.get("jumps_result") == result_id and not previous.users:
        name = previous.name
        bpy.data.actions.remove(previous)
        action.name = name
    return str(action.name)


def _strip_of(animation: AnimData, result_id: str) -> NlaStrip | None:
    """The topmost strip that plays a bake of this result."""
    for track in reversed(animation.nla_tracks):
        for strip in reversed(track.strips):
            if strip.action is not None and strip.action.get("jumps_result") == result_id:
                return strip
    return None


def _check_held(armature: Object) -> None:
    """Raise JumpsError where a bone has lost what holds it to its joint."""
    joint_bones(armature)
    for bone in armature.pose.bones:
        held = bone.constraints.get(FOLLOWS_POSITION)
        if bone.name in JOINTS and (held is None or held.target is None):
            raise JumpsError(
                f"{armature.name}: {bone.name} does not follow its joint any more, because its "
                f"constraint {FOLLOWS_POSITION} was removed; its keys stay as they are. Choose Run "
                "Again for an armature that follows."
            )


def is_baked(result: Result) -> bool:
    """Whether nothing holds the armature's bones to the empties any more, wherever the user has
    put the bake's keys since; False where it is gone."""
    armature = result.find("armature")
    return armature is not None and all(constraint.mute for constraint in _holding(armature))


def sample_pose(
    armature: Object, frames: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every bone's matrix and the object's, as the scene shows them at whole frames.

    frames: (F,), scene frames
    Returns float64 (F, B, 4, 4), armature space, in the order of ``pose.bones``, and
    float64 (F, 4, 4), the object's world matrix. The user's scene does not leave its frame: the
    armature is evaluated in a scene of its own, without everything that it doesn't depend on.
    """
    bones = len(armature.pose.bones)
    matrices = np.empty((len(frames), bones, 4, 4), np.float32)
    world = np.empty((len(frames), 4, 4))
    with scratch_scene([armature]) as scene:
        depsgraph = scene.view_layers[0].depsgraph
        for row, frame in enumerate(frames):
            scene.frame_set(int(frame))
            evaluated = armature.evaluated_get(depsgraph)
            evaluated.pose.bones.foreach_get("matrix", matrices[row].ravel())
            world[row] = evaluated.matrix_world
    # Blender hands out matrices column by column.
    return matrices.swapaxes(-1, -2).astype(np.float64), world


def sample_steps(
    armature: Object, frames: NDArray[np.integer], *, following: bool = False, piece: int = 0
) -> Generator[float, None, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """``sample_pose`` in pieces; yields the share done, up to 0.9, and returns the same.

    following: as the bones follow the empties, whatever is baked
    piece: frames in each piece, 0 for some hundredths of a second's work

    Raises JumpsError when the armature is deleted, edited or put to rest between two pieces, and,
    unless it is ``following``, while it is disabled in viewports.
    """
    # Each piece evaluates the scene anew, which takes longer for longer clips.
    size = piece or max(_PIECE, len(frames) // 256)
    names = [bone.name for bone in armature.pose.bones]
    uid, bones = armature.session_uid, len(armature.pose.bones)
    matrices, world = np.empty((len(frames), bones, 4, 4)), np.empty((len(frames), 4, 4))
    for start in range(0, len(frames), size):
        rows = slice(start, start + size)
        found = posed_armature(uid, names)
        if found.hide_viewport and not following:
            # What is hidden isn't evaluated.
            raise JumpsError(f"{found.name} is disabled in viewports and doesn't move; enable it.")
        with _following(found) if following else nullcontext(found) as shown:
            matrices[rows], world[rows] = sample_pose(shown, frames[rows])
        yield 0.9 * min(start + size, len(frames)) / len(frames)
    return matrices, world


def posed_armature(uid: int, names: Sequence[str]) -> Object:
    """The armature, as long as it has these bones and shows its pose; raises JumpsError."""
    armature = by_uid(bpy.data.objects, uid)
    if [bone.name for bone in armature.pose.bones] != list(names):
        raise JumpsError(f"The bones of {armature.name} were changed meanwhile; start it again.")
    if armature.data.is_editmode:
        raise JumpsError(f"Leave the Edit Mode of {armature.name} first; nothing was changed.")
    if armature.data.pose_position == "REST":
        raise JumpsError(f"Set {armature.name} to Pose Position first; nothing was changed.")
    return armature


def places_steps(
    item: Object, frames: NDArray[np.integer], piece: int = 0
) -> Generator[float, None, NDArray[np.float64]]:
    """Where an object is at whole frames, in pieces as ``sample_steps``: float64 (F, 4, 4), world.

    Blender knows that only of what it shows: what is hidden since the file was opened has the
    identity as its ``matrix_world``. So something that hangs on the object is looked at.
    """
    world, uid = np.empty((len(frames), 4, 4)), item.session_uid
    size = piece or max(_PIECE, len(frames) // 256)
    for start in range(0, len(frames), size):
        child = bpy.data.objects.new("JUMPS place", None)
        try:
            child.parent = by_uid(bpy.data.objects, uid)
            with scratch_scene([child]) as scene:
                depsgraph = scene.view_layers[0].depsgraph
                for row in range(start, min(start + size, len(frames))):
                    scene.frame_set(int(frames[row]))
                    world[row] = child.evaluated_get(depsgraph).matrix_world
        finally:
            bpy.data.objects.remove(child)
        yield min(start + size, len(frames)) / len(frames)
    return world


@contextmanager
def _following(armature: Object) -> Iterator[Object]:
    """A copy of the armature that follows the empties, whatever is baked on the armature."""
    double = armature.copy()
    try:
        clear_motion(double)
        double.hide_viewport = False  # what is hidden isn't evaluated
        _mute(double, False)
        for bone in double.pose.bones:
            bone.matrix_basis.identity()
        yield double
    finally:
        bpy.data.objects.remove(double)


def finished(steps: Generator[float, None, Any], progress: Progress | None) -> Any:
    """Run steps to their end, telling the share done."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            return end.value
        if progress is not None:
            progress(share)


@contextmanager
def scratch_scene(objects: Sequence[Object]) -> Iterator[Scene]:
    """A scene that shows just these objects and goes away afterwards."""
    scene = bpy.data.scenes.new("JUMPS scratch")
    seen: list[Object | Action] = []
    try:
        for item in objects:
            scene.collection.objects.link(item)
        # Makes the dependency graph, and poses for new armatures: to give an armature without a
        # pose an action slot crashes Blender 4.5.
        scene.view_layers[0].update()
        evaluated = scene.view_layers[0].depsgraph.ids
        seen = [each.original for each in evaluated if isinstance(each, Object | Action)]
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        # The objects took over what they were evaluated as last: their actions are to say anew
        # where they are at the frame that the user looks at.
        for item in seen:
            with suppress(ReferenceError):  # gone meanwhile, as stand-ins are
                item.update_tag(refresh={"TIME"})


def faced(armature: Object, matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same poses (F, B, 4, 4) with each bone turned about itself as the body tells.

    The constraints that hold bones to joints only point them; see ``orientation.py``. Raises
    JumpsError where one of the bones is gone.
    """
    order = joint_bones(armature)
    rest = rest_matrices(armature)[order]
    turns = orientations(rest[:, :3, 3], matrices[..., :3, 3][:, order], rate_of(armature))
    result = matrices.copy()
    result[..., :3, :3][:, order] = turns @ rest[:, :3, :3]
    return result


def joint_bones(armature: Object) -> list[int]:
    """The places in ``pose.bones`` of the bones that are held to the 28 joints, in their order.

    Bones whose constraints were cleared are known by their names. Raises JumpsError where one is
    gone.
    """
    held = {_joint_of(bone): index for index, bone in enumerate(armature.pose.bones)}
    gone = [name for name in JOINTS if name not in held]
    if gone:
        raise JumpsError(f"{armature.name} has lost its bone {gone[0]}; upsample it again.")
    return [held[name] for name in JOINTS]


def _joint_of(bone: PoseBone) -> str:
    """The joint that a bone is held to, whatever it is called now; else its name."""
    position = bone.constraints.get(FOLLOWS_POSITION)
    target = position.target if position is not None else None
    return str(target.get("jumps_joint", "")) if target is not None else str(bone.name)


def rest_matrices(armature: Object) -> NDArray[np.float64]:
    """(B, 4, 4), each bone's rest matrix in armature space, in the order of ``pose.bones``."""
    return np.array([bone.bone.matrix_local for bone in armature.pose.bones], np.float64)


def write_pose(
    action: Action,
    armature: Object,
    frames: NDArray[np.integer],
    matrices: NDArray[np.float64],
) -> None:
    """Key all bones so that they take the given places; bones keep their lengths.

    frames: (F,), scene frames
    matrices: (F, B, 4, 4), armature space, in the order of ``pose.bones``; scale and shear are
        dropped
    """
    new_channelbag(action, armature.name)
    finished(_keyed_steps(action.session_uid, armature.session_uid, frames, matrices), None)
    assign(action, armature)
    _use_quaternions(armature)


def _keyed_steps(
    action_uid: int, uid: int, frames: NDArray[np.integer], matrices: NDArray[np.float64]
) -> Generator[float, None, None]:
    """Fill the action's newest channelbag with all bones; some frames, then one bone, at a time."""
    armature = by_uid(bpy.data.objects, uid)
    bones = list(armature.pose.bones)
    names = [bone.name for bone in bones]
    paths = [
        (bone.path_from_id("location"), bone.path_from_id("rotation_quaternion")) for bone in bones
    ]
    parents = [bones.index(bone.parent) if bone.parent is not None else -1 for bone in bones]
    rest = rest_matrices(armature)
    location = np.empty((*matrices.shape[:2], 3))
    rotation = np.empty((*matrices.shape[:2], 4))
    for start in range(0, len(frames), _CHANNELS):
        piece = slice(start, start + _CHANNELS)
        location[piece], rotation[piece] = local_channels(rest, parents, matrices[piece])
        yield 0.5 * start / len(frames)
    rotation = continuous(rotation)
    for index, (place, turn) in enumerate(paths):
        posed_armature(uid, names)
        action = by_uid(bpy.data.actions, action_uid)
        channelbag = action.layers[0].strips[0].channelbag(action.slots[-1])
        for axis in range(3):
            write_curve(channelbag, place, axis, frames, location[:, index, axis])
        for component in range(4):
            write_curve(channelbag, turn, component, frames, rotation[:, index, component])
        yield 0.5 + 0.5 * (index + 1) / len(paths)


def _use_quaternions(armature: Object) -> None:
    """What the keys are for, and nothing beside them."""
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
        bone.scale = (1.0, 1.0, 1.0)


def local_channels(
    rest: NDArray[np.float64], parents: Sequence[int], matrices: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What Blender calls a bone's basis: its pose relative to its rest pose and its parent's pose.

    rest: (B, 4, 4), armature space; parents: (B,), -1 where none; matrices: (F, B, 4, 4)
    Returns location (F, B, 3) and unit quaternions wxyz (F, B, 4) without jumps of sign.
    """
    posed = without_scale(matrices)
    basis = np.empty_like(posed)
    for bone, parent in enumerate(parents):
        if parent < 0:
            basis[:, bone] = np.linalg.inv(rest[bone]) @ posed[:, bone]
        else:
            offset = np.linalg.inv(rest[parent]) @ rest[bone]
            basis[:, bone] = np.linalg.inv(posed[:, parent] @ offset) @ posed[:, bone]
    return basis[..., :3, 3], continuous(quaternions(basis[..., :3, :3]))


def without_scale(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 4, 4) affine -> the same places, turned but neither scaled nor sheared.

    Keeps the direction of the bone's own axis (y) and, as far as it can, that of its z axis.
    """
    rigid = np.zeros_like(matrices)
    rigid[..., 3, 3] = 1.0
    rigid[..., :3, 3] = matrices[..., :3, 3]
    along = _unit(matrices[..., :3, 1], (0.0, 1.0, 0.0))
    side = _unit(np.cross(along, matrices[..., :3, 2]), (1.0, 0.0, 0.0))
    rigid[..., :3, 0] = side
    rigid[..., :3, 1] = along
    rigid[..., :3, 2] = np.cross(side, along)
    return rigid


def _unit(
    vectors: NDArray[np.float64], fallback: tuple[float, float, float]
) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(lengths > 1e-12, vectors / np.maximum(lengths, 1e-12), np.array(fallback))


def quaternions(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices (..., 3, 3) -> unit quaternions wxyz (..., 4), of either sign.

    Of the four ways to solve for a quaternion, takes each time the one that divides by the
    largest component (Shepperd 1978).
    """
    m = rotations
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    squares = np.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    x, y, z = m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]
    xt, yt, zt = m[..., 1, 2], m[..., 2, 0], m[..., 0, 1]
    candidates = np.stack(
        [
            np.stack([1 + trace, x - xt, y - yt, z - zt], -1),
            np.stack([x - xt, 1 + 2 * m[..., 0, 0] - trace, zt + z, y + yt], -1),
            np.stack([y - yt, zt + z, 1 + 2 * m[..., 1, 1] - trace, xt + x], -1),
            np.stack([z - zt, y + yt, xt + x, 1 + 2 * m[..., 2, 2] - trace], -1),
        ],
        -2,
    )
    best = squares.argmax(axis=-1)
    chosen = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    return np.asarray(chosen / np.linalg.norm(chosen, axis=-1, keepdims=True))


def continuous(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip signs along the frames (F, B, 4) so that neighbours interpolate the short way."""
    signs = np.ones(rotation.shape[:-1])
    dots = np.sum(rotation[1:] * rotation[:-1], axis=-1)
    signs[0] = np.where(rotation[0, :, 0] < 0, -1.0, 1.0)
    signs[1:] = np.where(dots < 0, -1.0, 1.0)
    return rotation * np.cumprod(signs, axis=0)[..., None]


def _mute(armature: Object, mute: bool) -> None:
    """Mute or unmute what holds the bones to the empties."""
    for constraint in _holding(armature):
        constraint.mute = mute


def _holding(armature: Object) -> Iterator[Constraint]:
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            if constraint.name in (FOLLOWS_DIRECTION, FOLLOWS_POSITION):
                yield constraint
