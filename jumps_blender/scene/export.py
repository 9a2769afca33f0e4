"""Whole files out of the scene: FBX for game engines, and .blend."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
from bpy.types import Object, Scene
from bpy_extras.io_utils import axis_conversion
from io_scene_fbx import export_fbx_bin  # type: ignore[import-not-found]
from mathutils import Matrix
from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import written_whole
from .bake import (
    Progress,
    faced,
    finished,
    is_baked,
    rest_matrices,
    sample_steps,
    scratch_scene,
    write_pose,
)
from .result import Result, by_uid

# Unreal leaves a root node of this name out of the skeleton; any other becomes a stray root bone.
_ROOT_NAME = "Armature"
# Both of Blender's FBX importers put time 0 on frame 1.
_FRAME_OF_TIME_0 = 1
# Metres. They also connect a bone to its parent, and so ignore its location keys, when it rests
# within 0.1 mm of where they take the parent's tail to be.
_TAIL_MISSES_CHILD_BY = 0.001


def export_fbx(
    result: Result,
    path: str | os.PathLike[str],
    progress: Progress | None = None,
) -> None:
    """Write the armature with its motion, and nothing else, as a binary FBX.

    What is written is what the scene shows on each whole frame of the clip, baked or not, with
    the root's placement in the motion. The file is in metres (UnitScaleFactor 100) whatever the
    scene's unit is, so that no object needs a scale; its bones rest in the A-pose, and frame n of
    the scene is at time n - 1. The user's scene is left as it was.

    Raises JumpsError when the file cannot be written; then nothing is left of it.
    """
    finished(export_steps(bpy.context.scene, result, path, piece=10**9), progress)


def export_steps(
    scene: Scene, result: Result, path: str | os.PathLike[str], piece: int = 0
) -> Generator[float, None, None]:
    """The same in pieces; yields the share done. The last piece writes the file: it takes longest.

    Between pieces the user may undo, rename or delete anything: JumpsError when the armature or
    the scene is gone.
    """
    first, last = result.frame_range
    frames = np.arange(first, last + 1)
    uid, scene_uid, title = result.armature.session_uid, scene.session_uid, result.root.name
    only_pointed = bool(result.lifter) and not is_baked(result)
    matrices, world = yield from sample_steps(result.armature, frames, piece=piece)
    scene, armature = by_uid(bpy.data.scenes, scene_uid), by_uid(bpy.data.objects, uid)
    if only_pointed:
        matrices = faced(armature, matrices)
    _write(scene, armature, title, frames, matrices, world, path)


def _write(
    scene: Scene,
    armature: Object,
    title: str,
    frames: NDArray[np.int64],
    matrices: NDArray[np.float64],
    world: NDArray[np.float64],
    path: str | os.PathLike[str],
) -> None:
    """Write sampled motion (see ``sample_pose``) of a scene's armature; ``title`` names it."""
    first = frames[0]
    metres = scene.unit_settings.scale_length
    placed = world[:, None] @ matrices
    placed[..., :3, 3] *= metres
    size = float(np.linalg.norm(world[0, :3, :3], axis=0).mean()) * metres

    with (
        _stand_in(armature, size) as double,
        scratch_scene([double]) as stage,
        written_whole(path) as temporary,
    ):
        order = [armature.pose.bones.find(bone.name) for bone in double.pose.bones]
        action = bpy.data.actions.new(_ROOT_NAME)
        try:
            # The exporter takes the pose of the current frame for the skeleton's rest: one frame
            # before the motion, outside the exported range, the bones are at rest.
            shifted = np.concatenate(([first - 1], frames)) - _FRAME_OF_TIME_0
            rest = _tilted(rest_matrices(double), [bone.length for bone in double.pose.bones])[None]
            write_pose(action, double, shifted, np.concatenate((rest, placed[:, order])))
            _set_stage(stage, scene, shifted, title)
            _run_exporter(stage, temporary)
        finally:
            bpy.data.actions.remove(action)


def save_blend(path: str | os.PathLike[str]) -> None:
    """Save a compressed copy of the open file, without a backup beside it.

    Raises JumpsError when the file cannot be written; then nothing is left of it.
    """
    preferences = bpy.context.preferences.filepaths
    versions = preferences.save_version
    with written_whole(path) as temporary:
        preferences.save_version = 0
        try:
            bpy.ops.wm.save_as_mainfile(filepath=str(temporary), compress=True, copy=True)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].removeprefix("Error: ")
            raise JumpsError(f"{path}: could not be written ({reason}).") from error
        finally:
            preferences.save_version = versions


def _tilted(rest: NDArray[np.float64], lengths: Sequence[float]) -> NDArray[np.float64]:
    """Turn each bone about its z axis, by less than a degree for most, keeping its head.

    rest: (B, 4, 4); lengths: (B,), metres
    """
    angles = np.arcsin(np.minimum(_TAIL_MISSES_CHILD_BY / np.array(lengths), 0.1))
    turns = np.array([Matrix.Rotation(angle, 4, "Z") for angle in angles])
    return rest @ turns


@contextmanager
def _stand_in(armature: Object, size: float) -> Iterator[Object]:
    """A copy of the armature, ``size`` times as large, at the world's origin, named for export."""
    data = armature.data.copy()
    data.transform(Matrix.Scale(size, 4))
    data.pose_position = "POSE"
    double = bpy.data.objects.new("JUMPS export", data)
    taken = bpy.data.objects.get(_ROOT_NAME)
    if taken is not None:
        taken.name = f"{_ROOT_NAME} set aside"
    double.name = _ROOT_NAME
    try:
        yield double
    finally:
        bpy.data.objects.remove(double)
        bpy.data.armatures.remove(data)
        if taken is not None:
            taken.name = _ROOT_NAME


def _set_stage(stage: Scene, scene: Scene, frames: NDArray[np.integer], title: str) -> None:
    # The exporter names the animation after the scene.
    stage.name = title
    stage.render.fps = scene.render.fps
    stage.render.fps_base = scene.render.fps_base
    stage.frame_start, stage.frame_end = int(frames[1]), int(frames[-1])
    stage.frame_set(int(frames[0]))


def _run_exporter(stage: Scene, path: Path) -> None:
    """Blender's own exporter, as a function: its operator turns a full disk into a traceback."""
    with redirect_stdout(None):
        export_fbx_bin.save_single(
            SimpleNamespace(report=lambda *_: None),
            stage,
            stage.view_layers[0].depsgraph,
            str(path),
            context_objects=list(stage.objects),
            object_types={"ARMATURE"},
            global_matrix=axis_conversion(to_forward="-Z", to_up="Y").to_4x4(),
            axis_forward="-Z",
            axis_up="Y",
            apply_unit_scale=True,
            apply_scale_options="FBX_SCALE_ALL",
            primary_bone_axis="Y",
            secondary_bone_axis="X",
            add_leaf_bones=False,
            armature_nodetype="NULL",
            bake_anim=True,
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_force_startend_keying=True,
            bake_anim_step=1.0,
            bake_anim_simplify_factor=0.0,
        )
