"""The command line: ``jumps video``, ``info``, ``upsample``, ``animate``, ``evaluate`` and more.

Each command has a module, whose ``add_command`` declares it. Bad input ends with one line on stderr
and exit code 2.
"""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from .. import __version__
from ..errors import JumpsError
from ..interrupts import ended_in_order
from . import animate, blender, evaluate, info, install_estimator, upsample, video
from .console import prepare_streams


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    prepare_streams()
    arguments = _parser().parse_args(argv)
    code = 0
    try:
        with ended_in_order():
            arguments.run(arguments)
    except JumpsError as error:
        print(f"jumps: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("jumps: stopped.", file=sys.stderr)
        code = 130
    except SystemExit as ended:
        print("jumps: stopped.", file=sys.stderr)
        code = int(ended.code or 0)
    blender.end_with(code)
    return code


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
    for room in (video, info, upsample, animate, evaluate, install_estimator):
        room.add_command(commands)
    return parser
