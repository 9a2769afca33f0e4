"""Whole files out of the scene: motion for engines and other programs, and .blend."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import bpy
from bpy.types import Object, Scene
from bpy_extras.io_utils import axis_conversion
from io_anim_bvh import export_bvh  # type: ignore[import-not-found]
from io_scene_fbx import export_fbx_bin  # type: ignore[import-not-found]
from mathutils import Matrix

from ..errors import JumpsError
from ..files import written_whole
from ..interrupts import uninterrupted
from ..keypoints.space_files import check_c3d, write_space
from .bake import Progress, finished
from .joint_clip import clip_steps
from .result import Result
from .stage import Measure, Options, sample_motion, staged, take_of

# Both of Blender's FBX importers put time 0 on frame 1, and so does whoever counts from 1.
_FRAME_OF_TIME_0 = 1


@dataclass(frozen=True)
class Format:
    """A way to write a result's joints, or an armature's motion.

    suffixes: of its files, the usual one first
    title, words: what it is called and for whom it is
    write: writes an armature's motion, which a scene shows, to a path; None where a format knows
        joints alone
    measure: what that scene is set up in
    """

    suffixes: tuple[str, ...]
    title: str
    words: str
    write: Callable[[Scene, Path], None] | None = None
    measure: Measure = field(default_factory=Measure)


def export_motion(
    source: Result | Object,
    path: str | os.PathLike[str],
    format: str = "fbx",  # noqa: A002
    options: Options | None = None,
    progress: Progress | None = None,
) -> None:
    """Write an armature with its motion, or a result's joints, as one of ``FORMATS``.

    source: a result, or the user's rig with a result's motion on it

    What is written is what the scene shows on each whole frame, baked or not, with the placement
    of the root, or of the rig's object, in the motion. Lengths are real ones, whatever the scene's
    unit is; no object has a scale. The user's scene is left as it was.

    Raises JumpsError when there is nothing to write, or the file cannot be written; then nothing
    is left of it.
    """
    steps = export_steps(bpy.context.scene, source, path, format, options, piece=10**9)
    finished(steps, progress)


def export_steps(
    scene: Scene,
    source: Result | Object,
    path: str | os.PathLike[str],
    format: str = "fbx",  # noqa: A002
    options: Options | None = None,
    piece: int = 0,
) -> Generator[float, None, None]:
    """The same in pieces; yields the share done.

    The last piece writes the file and takes longest: Blender's exporters work in one go. Between
    pieces the user may undo, rename or delete anything: JumpsError when the armature or the scene
    is gone.
    """
    options = options or Options()
    kind = FORMATS[format]
    check_suffix(path, kind.suffixes)
    if kind.write is None:
        if not isinstance(source, Result):
            raise JumpsError(
                f"{kind.title} holds the 28 joints, which the result has, not the rig."
            )
        if format == "c3d":
            check_c3d()
        clip = yield from clip_steps(scene, source, options, piece)
        write_space(clip, path)
        return
    motion = yield from sample_motion(scene, take_of(source), options, piece)
    with staged(motion, options, kind.measure) as stage, written_whole(path) as temporary:
        kind.write(stage, temporary)


def check_suffix(path: str | os.PathLike[str], suffixes: tuple[str, ...]) -> None:
    """Raise JumpsError where a file's name doesn't end as its format's names do."""
    if Path(path).suffix.lower() not in suffixes:
        raise JumpsError(f"{path}: the name must end in {' or '.join(suffixes)}.")


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
            raise JumpsError(f"{path}: could not be written ({_reason(error)}).") from error
        finally:
            preferences.save_version = versions


def _reason(error: RuntimeError) -> str:
    """What an operator of Blender's has reported."""
    return str(error).strip().splitlines()[-1].removeprefix("Error: ")


def _write_fbx(
    stage: Scene, path: Path, *, is_turned: bool = False, centimetres: bool = False
) -> None:
    """Blender's own exporter, as a function: its operator turns a full disk into a traceback.

    is_turned: the scene's data have y up already; otherwise the armature's node turns them
    centimetres: of which the file then says that it consists; otherwise of metres
    """
    axes = axis_conversion(to_forward="-Z", to_up="Y").to_4x4()
    stage.unit_settings.system = "METRIC"
    stage.unit_settings.scale_length = 0.01 if centimetres else 1.0
    with redirect_stdout(None):
        export_fbx_bin.save_single(
            SimpleNamespace(report=lambda *_: None),
            stage,
            stage.view_layers[0].depsgraph,
            str(path),
            context_objects=list(stage.objects),
            object_types={"ARMATURE", "MESH"},
            global_matrix=Matrix.Identity(4) if is_turned else axes,
            axis_forward="-Z",
            axis_up="Y",
            # The unit goes into the file's UnitScaleFactor and not onto its nodes.
            apply_unit_scale=True,
            apply_scale_options="FBX_SCALE_ALL",
            # Bones keep the axes that they have in the character's own export from Blender.
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


def _write_glb(stage: Scene, path: Path) -> None:
    _call(
        stage,
        path,
        bpy.ops.export_scene.gltf,
        export_format="GLB",
        use_active_scene=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_nla_strips_merged_animation_name=stage.name,
        export_frame_range=True,
        export_force_sampling=True,
        export_optimize_animation_size=False,  # it drops keys that say what the ones before do
        export_rest_position_armature=True,
        export_def_bones=False,
        export_yup=True,
    )


def _write_usd(stage: Scene, path: Path) -> None:
    _call(
        stage,
        path,
        bpy.ops.wm.usd_export,
        export_animation=True,
        export_armatures=True,
        export_textures_mode="KEEP",  # one file, and no folder beside it
        export_custom_properties=False,
        convert_world_material=False,
    )


def _write_bvh(stage: Scene, path: Path) -> None:
    # A name ends at the first space for many readers.
    (armature,) = (item for item in stage.objects if item.type == "ARMATURE")
    for bone in armature.data.bones:
        bone.name = "_".join(bone.name.split())
    with redirect_stdout(None):
        export_bvh.save(
            SimpleNamespace(object=armature, scene=stage),
            str(path),
            frame_start=stage.frame_start,
            frame_end=stage.frame_end,
            rotate_mode="ZXY",
        )


def _call(stage: Scene, path: Path, operator: Callable[..., set[str]], **options: object) -> None:
    """Run an exporter of Blender's that can only be run as an operator, on this scene."""
    with _shown(stage):
        try:
            with uninterrupted():
                outcome = operator(
                    "EXEC_DEFAULT", filepath=str(path), check_existing=False, **options
                )
        except RuntimeError as error:
            raise JumpsError(f"{path}: could not be written ({_reason(error)}).") from error
        except AttributeError as error:  # what an operator that isn't there raises
            raise JumpsError(
                "Blender's own exporter for this format is disabled; enable it in the "
                "preferences, under Add-ons."
            ) from error
    if outcome != {"FINISHED"} or not path.stat().st_size:
        raise JumpsError(f"{path}: could not be written.")


@contextmanager
def _shown(stage: Scene) -> Iterator[None]:
    """Let operators work on a scene; the windows show what they showed, also afterwards."""
    shown = [(window, window.scene) for window in bpy.context.window_manager.windows]
    try:
        with bpy.context.temp_override(scene=stage, view_layer=stage.view_layers[0]):
            yield
    finally:
        for window, scene in shown:
            if window.scene != scene:
                window.scene = scene


_METRES = Measure(frame_of_time_0=_FRAME_OF_TIME_0)
FORMATS = {
    "fbx": Format(
        (".fbx",),
        "FBX",
        "For most programs and engines, Blender, Maya and Godot among them: metres, Y up",
        _write_fbx,
        _METRES,
    ),
    # Its unit is the centimetre, and by default its importer doesn't convert: in metres the
    # character would be 1.75 cm tall, and with a scale of 100 on its node, so would its root
    # motion be. Axes it does convert: what faces -Y here faces +Y there, as its mannequins do.
    "fbx_unreal": Format(
        (".fbx",),
        "FBX for Unreal",
        "Centimetres without any scale, no root above the rig's own; as Unreal imports unasked",
        lambda stage, path: _write_fbx(stage, path, centimetres=True),
        Measure(per_metre=100.0, frame_of_time_0=_FRAME_OF_TIME_0),
    ),
    # It converts units (1 m is 1, file scale 1), but shows the rotation that turns z up to y up on
    # the armature's node as -90 degrees; the exporter's "Apply Transform" breaks armatures. So the
    # data are turned before. What faces -Y here faces +Z there.
    "fbx_unity": Format(
        (".fbx",),
        "FBX for Unity",
        "Metres, Y up in the data themselves: every object has scale 1 and no rotation",
        lambda stage, path: _write_fbx(stage, path, is_turned=True),
        Measure(y_up=True, frame_of_time_0=_FRAME_OF_TIME_0),
    ),
    "glb": Format(
        (".glb",), "glTF", "For Godot, the web and most viewers: metres, Y up", _write_glb, _METRES
    ),
    "usd": Format(
        (".usdc", ".usda", ".usd"),
        "USD",
        "For Omniverse, Houdini and film: metres, Z up, the scene's frame numbers",
        _write_usd,
    ),
    # Motion-capture programs take a BVH's unit for the centimetre and its y for up.
    "bvh": Format(
        (".bvh",),
        "BVH",
        "For motion-capture programs: the skeleton alone, centimetres, Y up",
        _write_bvh,
        Measure(per_metre=100.0, y_up=True, frame_of_time_0=_FRAME_OF_TIME_0),
    ),
    "json": Format((".json",), "JSON of Joints", "The 28 joints in metres, Z up, with the camera"),
    "npz": Format((".npz",), "NPZ of Joints", "The same for NumPy"),
    "trc": Format((".trc",), "TRC", "The 28 joints as markers, for OpenSim: millimetres, Y up"),
    "c3d": Format(
        (".c3d",), "C3D", "The 28 joints as markers, for laboratories: millimetres, Z up"
    ),
}
