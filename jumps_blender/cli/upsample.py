"""``jumps upsample``: all 28 joints, as a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..keypoints import write_sequence
from .arguments import add_engine, add_estimator, add_source
from .console import check_writable, say
from .poses import poses_of, run_engine


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser("upsample", help="find all 28 joints")
    add_source(parser)
    add_engine(parser)
    add_estimator(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a .json or an .npz"
    )
    parser.set_defaults(run=_upsample)


def _upsample(arguments: argparse.Namespace) -> None:
    check_writable(arguments.output, (".json", ".npz"), arguments.input)
    video = poses_of(arguments)
    _, sequence = run_engine(arguments, video=video)
    write_sequence(sequence, arguments.output)
    say(f"wrote {arguments.output}")
