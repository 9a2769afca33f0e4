"""``jumps info``: what a pose file holds."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import add_source
from .console import check_json, print_out, write_json
from .poses import read


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser("info", help="what a pose file holds")
    add_source(parser, "pose file, or OpenPose's folder")
    parser.add_argument("--json", metavar="PATH", help="write it as JSON; - is standard output")
    parser.set_defaults(run=_info)


def _info(arguments: argparse.Namespace) -> None:
    check_json(arguments.json, arguments.input)
    pose_file = read(arguments)
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
        write_json(facts, arguments.json)
        return
    size = pose_file.image_size
    print_out(f"format      {pose_file.format}, {facts['joints']} joints ({facts['joint_set']})")
    print_out(f"frames      {pose_file.frame_count}, from {pose_file.first_frame}")
    print_out(f"frame rate  {f'{pose_file.fps:g}' if pose_file.fps else 'unknown'}")
    print_out(f"picture     {f'{size[0]} x {size[1]}' if size else 'unknown'}")
    print_out(f"people      {len(people)}")
    for person in people:
        last = person["first_frame"] + person["frames"] - 1
        print_out(
            f"  {person['id']}: {person['frames']} frames ({person['first_frame']} to {last}), "
            f"{person['missing']:.1%} of the 12 common joints missing"
        )
