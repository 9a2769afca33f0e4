"""``jumps-train``: make what ``jumps_blender/model_runtime/weights`` holds."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from jumps_blender.errors import JumpsError


def main() -> int:
    """Entry point of the command line; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        arguments.run_command(arguments)
    except JumpsError as error:
        print(f"jumps-train: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jumps-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    direct = commands.add_parser("direct", help="train engine direct; run again to resume")
    direct.add_argument("archive", type=Path, help="mocap archive (.npz) to train on")
    direct.add_argument("--run", type=Path, required=True, help="folder for checkpoints and log")
    direct.add_argument("--steps", type=int, help="optimiser steps in all")
    direct.add_argument("--learning-rate", type=float, help="the highest one")
    direct.add_argument("--start", type=Path, help="weights (.safetensors) a new run starts from")
    direct.set_defaults(run_command=_direct)

    export = commands.add_parser("export", help="make a run's best weights the shipped ones")
    export.add_argument("--run", type=Path, required=True, help="the run's folder")
    export.set_defaults(run_command=_export)

    baselines = commands.add_parser("baselines", help="fit the engines ridge and interpolate")
    baselines.add_argument("archive", type=Path, help="mocap archive (.npz) to fit on")
    baselines.set_defaults(run_command=_baselines)

    example = commands.add_parser("example", help="make the example pose file")
    example.add_argument("archive", type=Path, help="mocap archive (.npz) to take a clip from")
    example.add_argument("clip", help="the clip's id")
    example.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.json")
    example.set_defaults(run_command=_example)
    return parser


def _direct(arguments: argparse.Namespace) -> None:
    from jumps_blender.model_runtime.direct_network import DirectConfig

    from .train_direct import TrainSettings, train

    settings = TrainSettings()
    if arguments.steps:
        settings = replace(settings, steps=arguments.steps)
    if arguments.learning_rate:
        settings = replace(settings, learning_rate=arguments.learning_rate)
    train(arguments.archive, arguments.run, settings, DirectConfig(), arguments.start)


def _export(arguments: argparse.Namespace) -> None:
    from .export import export_direct

    export_direct(arguments.run)


def _baselines(arguments: argparse.Namespace) -> None:
    from .fit_baselines import fit_baselines

    fit_baselines(arguments.archive)


def _example(arguments: argparse.Namespace) -> None:
    from .make_example import make_example

    make_example(arguments.archive, arguments.clip, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
