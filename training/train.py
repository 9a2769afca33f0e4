"""``jumps-train``: make what ``jumps_blender/model_runtime/weights`` holds."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path


def main() -> None:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(prog="jumps-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    direct = commands.add_parser("direct", help="train engine direct; run again to resume")
    direct.add_argument("archive", type=Path, help="mocap archive (.npz) to train on")
    direct.add_argument("--run", type=Path, required=True, help="folder for checkpoints and log")
    direct.add_argument("--steps", type=int, help="optimiser steps in all")
    baselines = commands.add_parser("baselines", help="fit the engines ridge and interpolate")
    baselines.add_argument("archive", type=Path, help="mocap archive (.npz) to fit on")
    arguments = parser.parse_args()
    if arguments.command == "baselines":
        from .fit_baselines import fit_baselines

        fit_baselines(arguments.archive)
        return

    from jumps_blender.model_runtime.direct_network import DirectConfig

    from .train_direct import TrainSettings, train

    settings = TrainSettings()
    if arguments.steps:
        settings = replace(settings, steps=arguments.steps)
    train(arguments.archive, arguments.run, settings, DirectConfig())


if __name__ == "__main__":
    main()
