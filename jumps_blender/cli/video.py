"""``jumps video``: the poses of people in a video, as a pose file."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from ..files import written_whole
from ..keypoints import read_pose_file
from .arguments import add_estimator
from .console import check_writable, say
from .poses import estimated


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser("video", help="estimate the poses of people in a video")
    parser.add_argument("input", type=Path, metavar="VIDEO", help="anything that FFmpeg reads")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a pose file (.json)"
    )
    add_estimator(parser)
    parser.set_defaults(run=_video)


def _video(arguments: argparse.Namespace) -> None:
    check_writable(arguments.output, (".json",), arguments.input)
    poses = estimated(arguments)
    with written_whole(arguments.output) as temporary:
        shutil.copyfile(poses, temporary)
    pose_file = read_pose_file(poses)
    for note in pose_file.notes:
        say(f"note: {note}")
    people = len(pose_file.tracks)
    say(
        f"{pose_file.frame_count} frames, {people} {'person' if people == 1 else 'people'}"
        f" (jumps info {arguments.output})"
    )
    say(f"wrote {arguments.output}")
