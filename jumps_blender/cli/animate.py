"""``jumps animate``: an animated armature, as files of many kinds."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import all_or_none
from ..keypoints import write_sequence
from ..keypoints.sequence import PoseSequence
from ..keypoints.space import SpaceSequence
from ..keypoints.space_files import check_c3d, clip_of, in_place, write_space
from ..keypoints.track import PoseTrack
from ..model_runtime.smooth import USUAL_SMOOTHING
from ..model_runtime.space import USUAL_FOCAL, check_height, floor_lines, lift_sequence
from .arguments import add_engine, add_estimator, add_source, positive_number, rig_name, share
from .blender import blender_silent, import_blender, open_rig
from .console import check_own_film, check_writable, progress_bar, say
from .poses import poses_of, run_engine

if TYPE_CHECKING:
    from bpy.types import Object

    from ..scene.footage import Footage
    from ..scene.result import Result
    from ..scene.rig_rest import Mapped

# What is written, and how such files' names end.
_MOTION = {"fbx": (".fbx",), "glb": (".glb",), "usd": (".usdc", ".usda", ".usd"), "bvh": (".bvh",)}
_JOINTS = {"json": (".json",), "npz": (".npz",), "trc": (".trc",), "c3d": (".c3d",)}
_OUTPUTS = {"blend": (".blend",), **_MOTION, **_JOINTS, "preview": (".png", ".mp4")}


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser("animate", help="make an animated armature")
    add_source(parser)
    add_engine(parser)
    add_estimator(parser)
    parser.add_argument("--blend", type=Path, help="Blender file to write")
    parser.add_argument("--fbx", type=Path, help="FBX file to write, for game engines")
    parser.add_argument("--glb", type=Path, help="glTF file to write")
    parser.add_argument("--usd", type=Path, help="USD file to write (.usdc, .usda or .usd)")
    parser.add_argument("--bvh", type=Path, help="BVH file to write")
    parser.add_argument("--json", type=Path, help="the 28 joints as JSON")
    parser.add_argument("--npz", type=Path, help="the 28 joints as NPZ")
    parser.add_argument("--trc", type=Path, help="the 28 joints as markers, for OpenSim")
    parser.add_argument("--c3d", type=Path, help="the 28 joints as markers; needs package c3d")
    parser.add_argument("--preview", type=Path, help="picture (.png) or film (.mp4) to write")
    parser.add_argument(
        "--height",
        type=positive_number,
        default=1.75,
        metavar="M",
        help="the person's height in metres (default: 1.75)",
    )
    parser.add_argument("--lift", action="store_true", help="into 3D, on a floor")
    parser.add_argument(
        "--focal-mm",
        type=positive_number,
        metavar="MM",
        help="the lens', as of full frame, for --lift (default: what the footage tells, else "
        f"{USUAL_FOCAL:g})",
    )
    parser.add_argument(
        "--footage",
        type=Path,
        metavar="FILE",
        help="the video, or one of its numbered images: shown behind the camera and the preview "
        "(default: the input, where that is a video)",
    )
    parser.add_argument(
        "--smoothing",
        type=share,
        default=USUAL_SMOOTHING,
        metavar="S",
        help=f"jitter taken out of what is lifted (0 to 1, default: {USUAL_SMOOTHING:g})",
    )
    parser.add_argument("--no-foot-lock", action="store_true", help="let standing feet slide")
    parser.add_argument(
        "--fbx-for",
        default="generic",
        choices=("generic", "unreal", "unity"),
        help="whose units and axes the FBX has (default: generic)",
    )
    parser.add_argument(
        "--in-place", action="store_true", help="the body stays over where it begins"
    )
    parser.add_argument(
        "--rig",
        type=rig_name,
        metavar="FILE.blend[:OBJECT]",
        help="put the motion on this armature, and write its own; needs --lift",
    )
    parser.add_argument("--meshes", action="store_true", help="the rig's meshes too")
    parser.add_argument(
        "--deform-only", action="store_true", help="of the rig only bones that deform"
    )
    parser.set_defaults(run=_animate)


def _animate(arguments: argparse.Namespace) -> None:
    outputs = [getattr(arguments, name) for name in _OUTPUTS]
    read = (arguments.input, arguments.footage, arguments.rig and arguments.rig[0])
    _check_animate(arguments)
    for path, suffixes in zip(outputs, _OUTPUTS.values(), strict=True):
        check_writable(path, suffixes, *read)
    check_own_film(arguments.preview)
    footage = _open_footage(arguments.footage) if arguments.footage else None
    video = poses_of(arguments)
    if video is not None and footage is None:
        try:
            footage = _open_footage(video)
        except JumpsError as error:
            say(f"note: without the video behind the result: {error}")
    track, sequence = run_engine(arguments, footage, video)
    space = None
    if arguments.lift:
        focal_mm = _focal_mm(arguments.focal_mm, footage)
        with progress_bar("lifting") as progress:
            space = lift_sequence(
                sequence,
                height=arguments.height,
                focal_mm=focal_mm,
                smoothing=arguments.smoothing,
                foot_lock=not arguments.no_foot_lock,
                device=arguments.device,
                progress=progress,
                notify=say,
            )
    if footage is not None:
        _check_footage(footage, sequence, space)
    with all_or_none(outputs) as temporary:
        targets = {
            name: path for name, path in zip(_OUTPUTS, temporary, strict=True) if path is not None
        }
        for name in _JOINTS.keys() & targets.keys():
            if space is None:
                write_sequence(sequence, targets[name])
            else:
                clip = clip_of(space)
                write_space(in_place(clip) if arguments.in_place else clip, targets[name])
        seen = None
        if {"blend", *_MOTION} & targets.keys() or (space is not None and "preview" in targets):
            with blender_silent():
                seen = _build_scene(sequence, space, footage, arguments, targets)
        if "preview" in targets:
            _write_preview(track, sequence, space, footage, seen, targets["preview"])
    for path in filter(None, outputs):
        say(f"wrote {path}")


def _check_animate(arguments: argparse.Namespace) -> None:
    """Refuse before the work what can't be done after it."""
    if not any(getattr(arguments, name) for name in _OUTPUTS):
        names = [f"--{name}" for name in _OUTPUTS]
        raise JumpsError(f"Nothing to write: name {', '.join(names[:-1])} or {names[-1]}.")
    for name in ("trc", "c3d", "rig"):
        if getattr(arguments, name) and not arguments.lift:
            raise JumpsError(f"--{name} needs --lift: a flat result has no depth.")
    for name in ("meshes", "deform_only"):
        if getattr(arguments, name) and not arguments.rig:
            raise JumpsError(f"--{name.replace('_', '-')} needs --rig.")
    if arguments.c3d:
        check_c3d()
    if arguments.lift:
        check_height(arguments.height)
    if arguments.rig:
        path, name = arguments.rig
        if not path.is_file():
            raise JumpsError(f"{path}: there is no such file.")
        with blender_silent():
            import_blender()
            _bones_of(open_rig(path, name))


def _open_footage(path: Path) -> Footage:
    with blender_silent():
        import_blender()
        from ..scene.footage import find_footage

        return find_footage(path)


def _focal_mm(given: float | None, footage: Footage | None) -> float:
    """What the user says goes before what the footage tells, and that before the usual."""
    if given is not None:
        return given
    told = footage.focal_mm if footage is not None else None
    if told is None:
        say(f"note: focal length unknown; {USUAL_FOCAL:g} mm assumed (--focal-mm)")
        return USUAL_FOCAL
    say(f"focal length {told:g} mm, as the footage tells")
    return told


def _check_footage(footage: Footage, sequence: PoseSequence, space: SpaceSequence | None) -> None:
    """Tell what about footage doesn't fit the poses, or the still camera that lifting assumes."""
    from ..scene.footage import footage_notes, motion_behind, moving_words

    notes = footage_notes(footage, sequence, space)
    if space is not None:
        with progress_bar("looking whether the camera moves") as progress:
            motion = motion_behind(footage, sequence, progress)
        if motion.moves:
            notes.append(moving_words(motion))
    for note in notes:
        say(f"note: {note}")


def _build_scene(
    sequence: PoseSequence,
    space: SpaceSequence | None,
    footage: Footage | None,
    arguments: argparse.Namespace,
    targets: dict[str, Path],
) -> NDArray | None:
    """Animate in Blender and write the files of ``_MOTION`` and .blend among the targets.

    Returns pixels (F, 28, 2) at which the scene's camera sees what was lifted.
    """
    import_blender()
    from ..scene.animate import animate
    from ..scene.export import export_motion, save_blend
    from ..scene.reprojection import reprojection, seen_through_camera
    from ..scene.stage import Options

    rig = open_rig(*arguments.rig) if arguments.rig else None
    with progress_bar("animating") as progress:
        result = animate(
            sequence, space, footage=footage, height=arguments.height, progress=progress
        )
    if rig is not None:
        _put_on(rig, result)
    if "blend" in targets:
        save_blend(targets["blend"])
    options = Options(arguments.in_place, arguments.meshes, arguments.deform_only)
    for name in _MOTION.keys() & targets.keys():
        preset = "" if name != "fbx" or arguments.fbx_for == "generic" else f"_{arguments.fbx_for}"
        export_motion(rig or result, targets[name], name + preset, options)
    if space is None:
        return None
    with progress_bar("looking through the camera") as progress:
        size = space.camera.size
        seen = seen_through_camera(result, sequence, size, progress=progress)
    say(f"{reprojection(seen, sequence, size)}")
    return seen


def _put_on(rig: Object, result: Result) -> None:
    from ..scene.retarget import retarget

    family, found = _bones_of(rig)
    say(f"bones of {rig.name}: {family}.")
    retarget(result, rig, found)


def _bones_of(rig: Object) -> tuple[str, Mapped]:
    """The rig's family, and its bones by slot; raises JumpsError where bones are missing."""
    from ..scene.retarget import ik_controls, rig_bones
    from ..skeletons.rig_maps import mapped, problems

    bones = rig_bones(rig)
    family, found = mapped(bones)
    wrong = problems(found, bones)
    if wrong:
        raise JumpsError(f"{rig.name}: {wrong[0]}")
    return family, ik_controls(rig, found) | found


def _write_preview(
    track: PoseTrack,
    sequence: PoseSequence,
    space: SpaceSequence | None,
    footage: Footage | None,
    seen: NDArray | None,
    path: Path,
) -> None:
    from ..drawing import Scenery
    from ..preview import write_preview

    scenery = Scenery()
    if space is not None:
        world = space.positions.astype(float)
        scenery = Scenery(space.camera.size, seen, floor_lines(space), world)
    if footage is not None:
        from ..scene.footage import frame_numbers, picture_size, pictures

        numbers = frame_numbers(footage, sequence)
        scenery = replace(
            scenery,
            size=picture_size(sequence, space, footage),
            footage=lambda rows, longest: pictures(footage, numbers[rows], longest),
        )
    with progress_bar("preview") as progress:
        write_preview(track, sequence, path, progress, scenery)
