"""The command line: ``jumps video``, ``info``, ``upsample``, ``animate``, ``evaluate`` and more.

Bad input ends with one line on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import atexit
import ctypes
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import NDArray

from . import __version__, cli_install
from .errors import JumpsError
from .files import writable_file, written_whole
from .keypoints import FORMATS, choose_person, read_pose_file, write_sequence
from .keypoints.missing import MOST_SHAKING
from .keypoints.pose_file import PoseFile
from .keypoints.sequence import JointState, PoseSequence
from .keypoints.source import is_video
from .keypoints.space import SpaceSequence
from .keypoints.space_files import check_c3d, clip_of, in_place, write_space
from .keypoints.track import MIN_CONFIDENCE, PoseTrack
from .model_runtime import COMPARISONS, ENGINES, load_engine, upsample_track
from .model_runtime.smooth import USUAL_SMOOTHING
from .model_runtime.space import USUAL_FOCAL, floor_lines, lift_sequence
from .processes.job import drain
from .video.backends import BACKENDS
from .video.environments import PYTHON_VARIABLE, estimator_runtime, usual_cache
from .video.estimate import EstimateJob, EstimateSettings

if TYPE_CHECKING:
    from bpy.types import Object

    from .model_runtime.evaluation import Protocol
    from .scene.footage import Footage
    from .scene.result import Result

DEVICES = ("auto", "cpu", "cuda", "mps")
_GLTF = "io_scene_gltf2.blender.exp.export"  # a part of Blender's
_RESOURCES = "jumps-resources-"
# What `animate` writes, and how such files' names end.
_MOTION = {"fbx": (".fbx",), "glb": (".glb",), "usd": (".usdc", ".usda", ".usd"), "bvh": (".bvh",)}
_JOINTS = {"json": (".json",), "npz": (".npz",), "trc": (".trc",), "c3d": (".c3d",)}
_OUTPUTS = {"blend": (".blend",), **_MOTION, **_JOINTS, "preview": (".png", ".mp4")}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    code = 0
    try:
        arguments.run(arguments)
    except JumpsError as error:
        print(f"jumps: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("jumps: stopped.", file=sys.stderr)
        code = 130
    if _GLTF in sys.modules:
        atexit.register(_end, code)
    return code


def _end(code: int) -> None:
    """End the process before Python takes Blender apart: with glTF and torch that never ends."""
    import bpy

    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    _remove_resources()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"jumps: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jumps", description="2D pose files in, complete 28-joint animations out."
    )
    parser.add_argument("--version", action="version", version=f"jumps {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    video = commands.add_parser("video", help="estimate the poses of people in a video")
    video.add_argument("input", type=Path, metavar="VIDEO", help="anything that FFmpeg reads")
    video.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a pose file (.json)"
    )
    _add_estimator(video)
    video.set_defaults(run=_video)

    info = commands.add_parser("info", help="what a pose file holds")
    _add_source(info, "pose file, or OpenPose's folder")
    info.add_argument("--json", metavar="PATH", help="write it as JSON; - is standard output")
    info.set_defaults(run=_info)

    upsample = commands.add_parser("upsample", help="find all 28 joints")
    _add_source(upsample)
    _add_engine(upsample)
    _add_estimator(upsample)
    upsample.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a .json or an .npz"
    )
    upsample.set_defaults(run=_upsample)

    animate = commands.add_parser("animate", help="make an animated armature")
    _add_source(animate)
    _add_engine(animate)
    _add_estimator(animate)
    animate.add_argument("--blend", type=Path, help="Blender file to write")
    animate.add_argument("--fbx", type=Path, help="FBX file to write, for game engines")
    animate.add_argument("--glb", type=Path, help="glTF file to write")
    animate.add_argument("--usd", type=Path, help="USD file to write (.usdc, .usda or .usd)")
    animate.add_argument("--bvh", type=Path, help="BVH file to write")
    animate.add_argument("--json", type=Path, help="the 28 joints as JSON")
    animate.add_argument("--npz", type=Path, help="the 28 joints as NPZ")
    animate.add_argument("--trc", type=Path, help="the 28 joints as markers, for OpenSim")
    animate.add_argument("--c3d", type=Path, help="the 28 joints as markers; needs package c3d")
    animate.add_argument("--preview", type=Path, help="picture (.png) or film (.mp4) to write")
    animate.add_argument(
        "--height",
        type=_positive,
        default=1.75,
        metavar="M",
        help="the person's height in metres (default: 1.75)",
    )
    animate.add_argument("--lift", action="store_true", help="into 3D, on a floor")
    animate.add_argument(
        "--focal-mm",
        type=_positive,
        metavar="MM",
        help="the lens', as of full frame, for --lift (default: what the footage tells, else "
        f"{USUAL_FOCAL:g})",
    )
    animate.add_argument(
        "--footage",
        type=Path,
        metavar="FILE",
        help="the video, or one of its numbered images: shown behind the camera and the preview "
        "(default: the input, where that is a video)",
    )
    animate.add_argument(
        "--smoothing",
        type=_share,
        default=USUAL_SMOOTHING,
        metavar="S",
        help=f"jitter taken out of what is lifted (0 to 1, default: {USUAL_SMOOTHING:g})",
    )
    animate.add_argument("--no-foot-lock", action="store_true", help="let standing feet slide")
    animate.add_argument(
        "--fbx-for",
        default="generic",
        choices=("generic", "unreal", "unity"),
        help="whose units and axes the FBX has (default: generic)",
    )
    animate.add_argument(
        "--in-place", action="store_true", help="the body stays over where it begins"
    )
    animate.add_argument(
        "--rig",
        type=_rig,
        metavar="FILE.blend[:OBJECT]",
        help="put the motion on this armature, and write its own; needs --lift",
    )
    animate.add_argument("--meshes", action="store_true", help="the rig's meshes too")
    animate.add_argument(
        "--deform-only", action="store_true", help="of the rig only bones that deform"
    )
    animate.set_defaults(run=_animate)

    evaluate = commands.add_parser("evaluate", help="measure an engine on motion capture")
    evaluate.add_argument("archive", type=Path, help="motion-capture archive (.npz)")
    evaluate.add_argument("--task", default="upsample", choices=("upsample", "lift"))
    evaluate.add_argument("--engine", default="direct", help=", ".join((*ENGINES, *COMPARISONS)))
    evaluate.add_argument(
        "--given",
        type=int,
        default=28,
        choices=(12, 28),
        help="joints given to the lifter; of 12 the engine finds the others (default: 28)",
    )
    evaluate.add_argument("--json", metavar="PATH", help="write it as JSON; - is standard output")
    evaluate.add_argument("--fps", type=_positive, default=30.0, help="frame rate (default: 30)")
    evaluate.add_argument("--seed", type=_count_from(0), default=0, help="draws other cameras")
    evaluate.add_argument("--cameras", type=_count_from(1), default=4, help="per clip (default: 4)")
    evaluate.add_argument("--noise", default="none", choices=("none", "detector"))
    evaluate.add_argument("--denoise", action="store_true", help="let unsure joints move")
    evaluate.add_argument(
        "--hide",
        default="",
        metavar="WHAT:COUNT",
        help="frames of l_arm:24 or body:12; when lifting also percent, scattered:10",
    )
    evaluate.add_argument("--device", default="auto", choices=DEVICES)
    evaluate.set_defaults(run=_evaluate)

    cli_install.add_command(commands)
    return parser


def _add_source(
    parser: argparse.ArgumentParser, what: str = "pose file, OpenPose's folder, or a video"
) -> None:
    parser.add_argument("input", type=Path, metavar="IN", help=what)
    parser.add_argument("--format", choices=FORMATS, help="default: recognised from the content")
    parser.add_argument(
        "--fps", type=_positive, help="the source's frame rate (default: the file's, else 30)"
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help="the picture's size in pixels, for files with normalised coordinates",
    )


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", default="direct", help=f"{', '.join(ENGINES)} (default: direct)"
    )
    parser.add_argument("--device", default="auto", choices=DEVICES, help="default: auto")
    parser.add_argument("--person", metavar="ID", help="default: the most observed one")
    parser.add_argument(
        "--min-confidence",
        type=_share,
        metavar="C",
        help="joints below count as missing (0 to 1, default: as the file wants it, else "
        f"{MIN_CONFIDENCE:g})",
    )
    parser.add_argument(
        "--shaking",
        type=_times,
        metavar="T",
        help="joints that shake so many times more than the body are 0.5 sure; 0 doesn't look "
        "(default: as the file wants it, else 0)",
    )
    parser.add_argument(
        "--edge",
        type=_share,
        metavar="E",
        help="joints so near to the picture's edge count as missing (share of its size, default: "
        "as the file wants it, else 0)",
    )
    parser.add_argument(
        "--dilation",
        type=_count_from(0),
        metavar="N",
        help="a joint that is missing is so N frames before and after, too (default: as the file "
        "wants it, else 0)",
    )
    parser.add_argument(
        "--denoise", action="store_true", help="let observed joints of low confidence move"
    )
    parser.add_argument(
        "--repair-swaps",
        action="store_true",
        help="exchange arms and legs that the detector took for each other",
    )


def _add_estimator(parser: argparse.ArgumentParser) -> None:
    usual = EstimateSettings()
    group = parser.add_argument_group("estimating poses from a video")
    group.add_argument(
        "--backend",
        default=usual.backend,
        choices=tuple(BACKENDS),
        help=f"default: {usual.backend}",
    )
    group.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help=f"the Python with the backend's packages (default: {PYTHON_VARIABLE}, else what "
        "'make video' made)",
    )
    group.add_argument(
        "--model",
        type=_model,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a file with the backend's weights: "
        + ", ".join(f"{m.name} ({b.name})" for b in BACKENDS.values() for m in b.models),
    )
    group.add_argument(
        "--start", type=_seconds, default=usual.start, metavar="S", help="seconds (default: 0)"
    )
    group.add_argument("--stop", type=_seconds, metavar="S", help="seconds (default: the end)")
    group.add_argument(
        "--step",
        type=_count_from(1),
        default=usual.step,
        metavar="N",
        help="look at every N-th frame (default: 1)",
    )
    group.add_argument(
        "--longest-side",
        type=_count_from(0),
        default=usual.longest_side,
        metavar="PIXELS",
        help="scale larger pictures down to it; 0 doesn't (default: %(default)s)",
    )
    group.add_argument(
        "--people",
        type=_count_from(0),
        default=usual.people,
        metavar="N",
        help="how many to find at most (default: 0, as the backend does)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where poses are kept, and found again (default: the user's folder for caches)",
    )


def _model(text: str) -> tuple[str, Path]:
    name, separator, file = text.partition("=")
    if not (separator and name and file):
        raise argparse.ArgumentTypeError(f"{text} is not NAME=FILE")
    return name, Path(file)


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0")
    return value


def _number(text: str) -> float:
    """A float; NaN for what is none, which every range refuses."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1e4:
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero, up to 10000")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _times(text: str) -> float:
    value = _number(text)
    if value != 0 and not 1 < value <= MOST_SHAKING:
        raise argparse.ArgumentTypeError(f"{text} is neither 0 nor above 1, up to {MOST_SHAKING:g}")
    return value


def _count_from(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        value = _number(text)
        if not (least <= value <= 1e9 and value.is_integer()):
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least}")
        return int(value)

    return count


def _rig(text: str) -> tuple[Path, str]:
    """A .blend and the name of an object in it, empty where none is given."""
    end = text.lower().rfind(".blend:")
    path, name = (text, "") if end < 0 else (text[: end + 6], text[end + 7 :])
    if not path.lower().endswith(".blend"):
        raise argparse.ArgumentTypeError(f"{text} is not a .blend, or FILE.blend:OBJECT")
    return Path(path), name


def _size(text: str) -> tuple[int, int]:
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal() and int(width) * int(height)):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 1920x1080")
    return int(width), int(height)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr for work that tells its share done."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar:30}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=what, bar_format=layout, file=sys.stderr, leave=True) as bar:

        def update(done: float) -> None:
            bar.update(max(done - bar.n, 0.0))

        yield update
        update(1.0)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _print(text: str) -> None:
    """Write to standard output at once; a reader who has stopped listening is no error."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise JumpsError(f"standard output: {error.strerror}.") from error


def _check_writable(path: Path | None, suffixes: tuple[str, ...], source: Path) -> None:
    """Refuse an output path before the work, not after it; no suffixes allow any name."""
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        raise JumpsError(f"{path}: the name must end in {' or '.join(suffixes)}.")
    target = writable_file(path)
    if target == Path(os.path.realpath(source)):
        raise JumpsError(f"{path}: is the input; name another file to write.")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise JumpsError(f"{path}: cannot be written ({error.strerror}).") from error


def _check_json(target: str | None, source: Path) -> None:
    if target and target != "-":
        _check_writable(Path(target), (), source)


def _read(arguments: argparse.Namespace, footage: Footage | None = None) -> PoseFile:
    pose_file = read_pose_file(
        arguments.input,
        format=arguments.format,
        fps=arguments.fps,
        image_size=arguments.size,
        video_fps=footage.fps or None if footage else None,
        video_size=footage.size if footage else None,
    )
    for note in pose_file.notes:
        _say(f"jumps: note: {note}")
    return pose_file


def _video(arguments: argparse.Namespace) -> None:
    _check_writable(arguments.output, (".json",), arguments.input)
    poses = _estimated(arguments)
    with written_whole(arguments.output) as temporary:
        shutil.copyfile(poses, temporary)
    pose_file = read_pose_file(poses)
    for note in pose_file.notes:
        _say(f"jumps: note: {note}")
    people = len(pose_file.tracks)
    _say(
        f"jumps: {pose_file.frame_count} frames, {people} {'person' if people == 1 else 'people'}"
        f" (jumps info {arguments.output})"
    )
    _say(f"jumps: wrote {arguments.output}")


def _estimated(arguments: argparse.Namespace) -> Path:
    """The pose file of a video, in the cache; estimated if it isn't there."""
    twice = [name for name, _ in arguments.model if dict(arguments.model)[name] != _]
    if twice:
        raise JumpsError(f"--model {twice[0]} is given twice.")
    settings = EstimateSettings(
        backend=arguments.backend,
        models=dict(arguments.model),
        start=arguments.start,
        stop=arguments.stop,
        step=arguments.step,
        longest_side=arguments.longest_side,
        people=arguments.people,
    )
    job = EstimateJob(
        estimator_runtime(settings.check(), arguments.python),
        arguments.input,
        settings,
        cache=arguments.cache or usual_cache(),
    )
    with _progress("estimating") as progress:
        drain(job, progress)
    for note in job.notes:
        _say(f"jumps: note: {note}")
    assert job.poses is not None  # noqa: S101 - a job that has finished has them
    return job.poses


def _poses_of(arguments: argparse.Namespace) -> Path | None:
    """Estimate the poses where the input is a video, and go on with them; returns the video."""
    video = arguments.input
    if not is_video(video):
        return None
    arguments.input = _estimated(arguments)
    return video


def _info(arguments: argparse.Namespace) -> None:
    _check_json(arguments.json, arguments.input)
    pose_file = _read(arguments)
    people: list[dict[str, Any]] = [
        {
            "id": track.person,
            "first_frame": int(track.frames[0]),
            "frames": len(track.frames),
            "missing": round(track.missing_share, 4),
        }
        for track in pose_file.tracks
    ]
    facts = {
        "path": str(pose_file.path),
        "format": pose_file.format,
        "joint_set": pose_file.joint_set.name,
        "joints": len(pose_file.joint_set.joints),
        "first_frame": pose_file.first_frame,
        "frames": pose_file.frame_count,
        "fps": pose_file.fps,
        "image_size": pose_file.image_size,
        "people": people,
        "missing": pose_file.missing and pose_file.missing.as_data(),
        "notes": list(pose_file.notes),
    }
    if arguments.json:
        _write_json(facts, arguments.json)
        return
    size = pose_file.image_size
    _print(f"format      {pose_file.format}, {facts['joints']} joints ({facts['joint_set']})")
    _print(f"frames      {pose_file.frame_count}, from {pose_file.first_frame}")
    _print(f"frame rate  {f'{pose_file.fps:g}' if pose_file.fps else 'unknown'}")
    _print(f"picture     {f'{size[0]} x {size[1]}' if size else 'unknown'}")
    _print(f"people      {len(people)}")
    for person in people:
        last = person["first_frame"] + person["frames"] - 1
        _print(
            f"  {person['id']}: {person['frames']} frames ({person['first_frame']} to {last}), "
            f"{person['missing']:.1%} of the 12 common joints missing"
        )


def _write_json(facts: dict, target: str) -> None:
    text = json.dumps(facts, indent=1, allow_nan=False)
    if target == "-":
        _print(text)
        return
    with written_whole(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _run_engine(
    arguments: argparse.Namespace, footage: Footage | None = None, video: Path | None = None
) -> tuple[PoseTrack, PoseSequence]:
    """video: what the poses were estimated from, if that was done here"""
    pose_file = _read(arguments, footage)
    track = choose_person(pose_file, arguments.person)
    if video is not None:
        track = replace(track, source=os.fsencode(video).decode("utf-8", "replace"))
    if arguments.person is None and len(pose_file.tracks) > 1:
        _say(
            f"jumps: {len(pose_file.tracks)} people; taking {track.person}, the most observed "
            f"({len(track.frames)} frames). --person chooses another."
        )
    notes: list[str] = []
    with _progress("upsampling") as progress:
        sequence = upsample_track(
            track,
            engine=arguments.engine,
            device=arguments.device,
            min_confidence=arguments.min_confidence,
            shaking=arguments.shaking,
            edge=arguments.edge,
            dilation=arguments.dilation,
            denoise=arguments.denoise,
            repair_swaps=arguments.repair_swaps,
            progress=progress,
            notify=notes.append,
        )
    for note in notes:
        _say(f"jumps: {note}")
    shares = ", ".join(
        f"{(sequence.state == state).mean():.0%} {state.name.lower()}" for state in JointState
    )
    _say(f"jumps: {len(sequence.times)} frames of 28 joints: {shares}.")
    return track, sequence


def _upsample(arguments: argparse.Namespace) -> None:
    _check_writable(arguments.output, (".json", ".npz"), arguments.input)
    video = _poses_of(arguments)
    _, sequence = _run_engine(arguments, video=video)
    write_sequence(sequence, arguments.output)
    _say(f"jumps: wrote {arguments.output}")


def _animate(arguments: argparse.Namespace) -> None:
    outputs = [getattr(arguments, name) for name in _OUTPUTS]
    _check_animate(arguments)
    for path, suffixes in zip(outputs, _OUTPUTS.values(), strict=True):
        _check_writable(path, suffixes, arguments.input)
    footage = _open_footage(arguments.footage) if arguments.footage else None
    video = _poses_of(arguments)
    if video is not None and footage is None:
        try:
            footage = _open_footage(video)
        except JumpsError as error:
            _say(f"jumps: note: without the video behind the result: {error}")
    track, sequence = _run_engine(arguments, footage, video)
    space = None
    if arguments.lift:
        focal_mm = _focal_mm(arguments.focal_mm, footage)
        with _progress("lifting") as progress:
            space = lift_sequence(
                sequence,
                height=arguments.height,
                focal_mm=focal_mm,
                smoothing=arguments.smoothing,
                foot_lock=not arguments.no_foot_lock,
                device=arguments.device,
                progress=progress,
            )
    if footage is not None:
        _check_footage(footage, sequence, space)
    with _all_or_none(outputs) as temporary:
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
            with _blender_silent():
                seen = _build_scene(sequence, space, footage, arguments, targets)
        if "preview" in targets:
            _write_preview(track, sequence, space, footage, seen, targets["preview"])
    for path in filter(None, outputs):
        _say(f"jumps: wrote {path}")


def _open_footage(path: Path) -> Footage:
    with _blender_silent():
        _import_blender()
        from .scene.footage import find_footage

        return find_footage(path)


def _focal_mm(given: float | None, footage: Footage | None) -> float:
    """What the user says goes before what the footage tells, and that before the usual."""
    if given is not None:
        return given
    told = footage.focal_mm if footage is not None else None
    if told is None:
        _say(f"jumps: note: focal length unknown; {USUAL_FOCAL:g} mm assumed (--focal-mm)")
        return USUAL_FOCAL
    _say(f"jumps: focal length {told:g} mm, as the footage tells")
    return told


def _check_footage(footage: Footage, sequence: PoseSequence, space: SpaceSequence | None) -> None:
    """Tell what about footage doesn't fit the poses, or the still camera that lifting assumes."""
    from .scene.footage import footage_notes, motion_behind, moving_words

    notes = footage_notes(footage, sequence, space)
    if space is not None:
        with _progress("looking whether the camera moves") as progress:
            motion = motion_behind(footage, sequence, progress)
        if motion.moves:
            notes.append(moving_words(motion))
    for note in notes:
        _say(f"jumps: note: {note}")


def _write_preview(
    track: PoseTrack,
    sequence: PoseSequence,
    space: SpaceSequence | None,
    footage: Footage | None,
    seen: NDArray | None,
    path: Path,
) -> None:
    from .drawing import Scenery
    from .preview import write_preview

    scenery = Scenery()
    if space is not None:
        world = space.positions.astype(float)
        scenery = Scenery(space.camera.size, seen, floor_lines(space), world)
    if footage is not None:
        from .scene.footage import frame_numbers, picture_size, pictures

        numbers = frame_numbers(footage, sequence)
        scenery = replace(
            scenery,
            size=picture_size(sequence, space, footage),
            footage=lambda rows, longest: pictures(footage, numbers[rows], longest),
        )
    with _progress("preview") as progress:
        write_preview(track, sequence, path, progress, scenery)


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
    if arguments.rig and not arguments.rig[0].is_file():
        raise JumpsError(f"{arguments.rig[0]}: there is no such file.")


@contextmanager
def _all_or_none(paths: Sequence[Path | None]) -> Iterator[list[Path | None]]:
    """Temporary paths that become ``paths`` together when the block succeeds.

    A disk that fills up at the last file leaves nothing of the first.
    """
    with ExitStack() as stack:
        temporary = [stack.enter_context(written_whole(path)) if path else None for path in paths]
        try:
            yield temporary
        except JumpsError as error:
            message = str(error)
            for path, stand_in in zip(paths, temporary, strict=True):
                if stand_in:
                    message = message.replace(str(stand_in), str(path))
            raise JumpsError(message) from error


@contextmanager
def _blender_silent() -> Iterator[None]:
    """Keep what Blender's own code prints off standard output, where only results belong."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        # Operators' reports go through Python's own buffer, and what Blender's C++ says through
        # that of C; they would come out later otherwise.
        sys.stdout.flush()
        with suppress(OSError, TypeError, AttributeError):  # Windows has no such handle
            ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _remove_resources() -> None:
    """Remove the folder that Blender had for settings, where it is one of ours."""
    folder = Path(os.environ.get("BLENDER_USER_RESOURCES", ""))
    if folder.name.startswith(_RESOURCES) and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _import_blender() -> None:
    """Import bpy, with nothing in it."""
    try:
        # Settings and caches of a Blender that the user may have are left alone.
        if "BLENDER_USER_RESOURCES" not in os.environ:
            os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix=_RESOURCES)
            atexit.register(_remove_resources)
        import bpy
    except ImportError as error:
        raise JumpsError(
            f"The Python package bpy cannot be imported ({error}); install it with "
            "'pip install bpy' for Blender's files and formats, footage, and previews in 3D."
        ) from error
    bpy.ops.wm.read_factory_settings(use_empty=True)


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
    _import_blender()
    from .scene.animate import animate
    from .scene.export import export_motion, save_blend
    from .scene.reprojection import reprojection, seen_through_camera
    from .scene.stage import Options

    rig = _open_rig(*arguments.rig) if arguments.rig else None
    with _progress("animating") as progress:
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
    with _progress("looking through the camera") as progress:
        size = space.camera.size
        seen = seen_through_camera(result, sequence, size, progress=progress)
    _say(f"jumps: {reprojection(seen, sequence, size)}")
    return seen


def _put_on(rig: Object, result: Result) -> None:
    from .scene.retarget import retarget, rig_bones
    from .skeletons.rig_maps import mapped, problems

    bones = rig_bones(rig)
    family, found = mapped(bones)
    _say(f"jumps: bones of {rig.name}: {family}.")
    wrong = problems(found, bones)
    if wrong:
        raise JumpsError(f"{rig.name}: {wrong[0]}")
    retarget(result, rig, found)


def _open_rig(path: Path, name: str) -> Object:
    """Open a .blend, running none of its scripts; its armature of that name, or its only one."""
    import bpy

    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error: ")
        raise JumpsError(f"{path}: cannot be opened ({reason}).") from error
    rigs = {
        item.name: item
        for item in sorted(bpy.context.scene.objects, key=lambda each: each.name)
        if item.type == "ARMATURE" and "jumps_result" not in item
    }
    there = f"its armatures: {', '.join(rigs)}" if rigs else "its scene has no armature"
    if name and name not in rigs:
        raise JumpsError(f"{path}: no armature {name}; {there}.")
    if not name and len(rigs) != 1:
        choose = f"; name one as {path}:OBJECT" if rigs else ""
        raise JumpsError(f"{path}: {there}{choose}.")
    return rigs[name] if name else next(iter(rigs.values()))


def _evaluate(arguments: argparse.Namespace) -> None:
    from .model_runtime.evaluation import Protocol, evaluate
    from .model_runtime.mocap import MocapArchive

    _check_json(arguments.json, arguments.archive)
    protocol = Protocol(
        fps=arguments.fps,
        seed=arguments.seed,
        cameras=arguments.cameras,
        noise=arguments.noise,
        denoise=arguments.denoise,
        hide=arguments.hide,
    )
    if arguments.task == "lift":
        _evaluate_lift(arguments, protocol)
        return
    engine = load_engine(arguments.engine, arguments.device)
    with _progress("evaluating") as progress:
        result = evaluate(MocapArchive(arguments.archive), engine, protocol, progress)
    if arguments.json:
        _write_json(result, arguments.json)
    if arguments.json != "-":
        names = ("pckh@0.1", "pckh@0.5", "pckh@1.0", "auc", "mean_error", "jitter")
        _print(f"{engine.identity}: {result['fps']:.0f} frames per second")
        _print(" " * 8 + "".join(name.rjust(12) for name in names))
        for group in ("missing", "all", "raw", "hidden"):
            if "auc" in result[group]:
                _print(group.ljust(8) + "".join(f"{result[group][name]:12.4f}" for name in names))


def _evaluate_lift(arguments: argparse.Namespace, protocol: Protocol) -> None:
    from .model_runtime.lift import Lifter
    from .model_runtime.lift_evaluation import evaluate_lift
    from .model_runtime.mocap import MocapArchive

    upsampler = load_engine(arguments.engine, arguments.device) if arguments.given == 12 else None
    lifter = Lifter.load(arguments.device)
    with _progress("evaluating") as progress:
        archive = MocapArchive(arguments.archive)
        result = evaluate_lift(archive, lifter, protocol, upsampler, progress)
    if arguments.json:
        _write_json(result, arguments.json)
    if arguments.json != "-":
        _print(f"{lifter.identity}: {result['fps']:.0f} frames per second")
        for name, value in (result["all"] | result["floor"]).items():
            _print(f"{name.ljust(20)}{value:10.4f}")


if __name__ == "__main__":
    sys.exit(main())
