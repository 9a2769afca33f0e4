"""``jumps-train``: make what ``jumps_blender/model_runtime/weights`` holds."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import COMPARISONS, ENGINES


def main() -> int:
    """Entry point of the command line; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        arguments.run_command(arguments)
    except JumpsError as error:
        print(f"jumps-train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jumps-train: stopped; a run goes on from its last checkpoint.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jumps-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    prepare = commands.add_parser("prepare", help="make an archive of a folder of BVH files")
    prepare.add_argument("folder", type=Path, help="folder of .bvh files, one sub-folder a person")
    prepare.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.npz")
    prepare.add_argument("--rig", default="auto", help="auto, cmu, mixamo, ... (default: auto)")
    prepare.add_argument("--scale", type=float, help="metres per unit; default: by height")
    prepare.add_argument("--up", choices=("auto", "y", "z"), default="auto", help="upward axis")
    prepare.add_argument("--fps", type=float, help="of the archive; default: the files', up to 60")
    prepare.set_defaults(run_command=_prepare)

    direct = commands.add_parser("direct", help="train engine direct; run again to resume")
    direct.add_argument("--steps", type=int, help="optimiser steps in all")
    direct.add_argument("--learning-rate", type=float, help="the highest one")
    direct.add_argument("--start", type=Path, help="weights (.safetensors) a new run starts from")
    direct.add_argument(
        "--dilations", type=int, nargs="+", help="of the blocks; more than --start has is allowed"
    )
    direct.add_argument("--optimizer", choices=("adamw", "muon"), help="default: muon")
    direct.add_argument(
        "--compiled", action="store_true", help="a third less time; needs a C++ compiler"
    )
    direct.set_defaults(run_command=_direct)

    lift = commands.add_parser("lift", help="train the lifter to 3D; run again to resume")
    lift.add_argument("--steps", type=int, help="optimiser steps in all")
    lift.add_argument("--learning-rate", type=float, help="the highest one")
    lift.add_argument("--start", type=Path, help="weights (.safetensors) a new run starts from")
    lift.set_defaults(run_command=_lift)

    contacts = commands.add_parser(
        "contacts", help="train what tells which feet stand; run again to resume"
    )
    contacts.add_argument("--steps", type=int, help="optimiser steps in all")
    contacts.set_defaults(run_command=_contacts)

    cheng = commands.add_parser(
        "cheng", help="train what the lifter is compared with; run again to resume"
    )
    cheng.add_argument("--steps", type=int, help="optimiser steps in all")
    cheng.add_argument(
        "--without",
        nargs="+",
        default=[],
        choices=("strides", "kcs", "tkcs", "occlusion"),
        help="ablations: strides but 1, spatial or temporal KCS, occlusion training",
    )
    cheng.add_argument(
        "--gaussians", action="store_true", help="embed Gaussians in place of coordinates"
    )
    cheng.set_defaults(run_command=_cheng)

    jumps = commands.add_parser("jumps", help="train JUMPS' networks; run again to resume")
    jumps.add_argument("--steps", type=int, help="iterations in all (the paper's: 195700)")
    jumps.add_argument("--batch", type=int, help="sequences in an iteration (the paper's: 256)")
    jumps.add_argument("--learning-rate", type=float, help="from here on (the paper's: 1e-4)")
    jumps.add_argument("--no-encoder", action="store_true", help="the paper's ablation: only a GAN")
    jumps.set_defaults(run_command=_jumps)
    for trainer in (direct, lift, contacts, cheng, jumps):
        trainer.add_argument("archive", type=Path, help="mocap archive (.npz) to train on")
        trainer.add_argument(
            "--run", type=Path, required=True, help="folder for checkpoints and log"
        )

    export = commands.add_parser("export", help="make a run's best weights the shipped ones")
    export.add_argument("--run", type=Path, required=True, help="the run's folder")
    export.set_defaults(run_command=_export)

    baselines = commands.add_parser("baselines", help="fit the engines ridge and interpolate")
    baselines.add_argument("archive", type=Path, help="mocap archive (.npz) to fit on")
    baselines.set_defaults(run_command=_baselines)

    results = commands.add_parser("results", help="measure the engines and write docs/RESULTS.md")
    results.add_argument("archive", type=Path, help="mocap archive (.npz) nobody trained on")
    results.add_argument("-o", "--output", type=Path, default=Path("docs/RESULTS.md"))
    results.add_argument("--cache", type=Path, default=Path("runs/results"), help="kept runs")
    results.add_argument("--engines", nargs="+", default=[*ENGINES, *COMPARISONS])
    results.add_argument(
        "--sample",
        type=int,
        default=100,
        metavar="FRAMES",
        help="of each subject for engine latent and its ablations",
    )
    results.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    results.set_defaults(run_command=_results)

    table = commands.add_parser(
        "lift-results", help="measure the lifter beside what it is compared with"
    )
    table.add_argument("archive", type=Path, help="mocap archive (.npz) nobody trained on")
    table.add_argument(
        "--runs", type=Path, required=True, metavar="DIR", help="with the runs cheng, cheng-no-kcs…"
    )
    table.add_argument("--cameras", type=int, default=4, help="views of each clip (default: 4)")
    table.add_argument("-o", "--output", type=Path, default=Path("docs/RESULTS.md"))
    table.set_defaults(run_command=_lift_results)

    example = commands.add_parser("example", help="make the example pose file")
    example.add_argument("archive", type=Path, help="mocap archive (.npz) to take a clip from")
    example.add_argument("clip", help="the clip's id")
    example.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.json")
    example.set_defaults(run_command=_example)
    return parser


def _prepare(arguments: argparse.Namespace) -> None:
    from .prepare import prepare

    prepare(
        arguments.folder,
        arguments.output,
        arguments.rig,
        arguments.scale,
        arguments.up,
        arguments.fps,
    )


def _direct(arguments: argparse.Namespace) -> None:
    from jumps_blender.model_runtime.direct_network import DirectConfig

    from .train_direct import TrainSettings, train

    given = _given(arguments, "steps", "learning_rate", "optimizer", "compiled")
    settings = replace(TrainSettings(), **given)
    config = DirectConfig()
    if arguments.dilations:
        config = replace(config, dilations=tuple(arguments.dilations))
    train(arguments.archive, arguments.run, settings, config, arguments.start)


def _lift(arguments: argparse.Namespace) -> None:
    from jumps_blender.model_runtime.lift_network import LiftConfig

    from .train_lift import LiftTrainSettings, train

    settings = replace(LiftTrainSettings(), **_given(arguments, "steps", "learning_rate"))
    train(arguments.archive, arguments.run, settings, LiftConfig(), arguments.start)


def _contacts(arguments: argparse.Namespace) -> None:
    from jumps_blender.model_runtime.contact_network import ContactConfig

    from .train_contacts import ContactTrainSettings, train

    settings = replace(ContactTrainSettings(), **_given(arguments, "steps"))
    train(arguments.archive, arguments.run, settings, ContactConfig())


def _cheng(arguments: argparse.Namespace) -> None:
    from .cheng import ChengConfig
    from .train_cheng import ChengTrainSettings, train

    settings = ChengTrainSettings(without=tuple(arguments.without))
    settings = replace(settings, **_given(arguments, "steps"))
    config = ChengConfig(embedding="gaussians" if arguments.gaussians else "places")
    train(arguments.archive, arguments.run, settings, config)


def _jumps(arguments: argparse.Namespace) -> None:
    from .train_jumps import JumpsSettings, train

    settings = JumpsSettings(encoder=not arguments.no_encoder)
    settings = replace(settings, **_given(arguments, "steps", "batch", "learning_rate"))
    train(arguments.archive, arguments.run, settings)


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were used; the others keep their defaults."""
    return {name: value for name in names if (value := getattr(arguments, name))}


def _export(arguments: argparse.Namespace) -> None:
    from .export import export

    export(arguments.run)


def _baselines(arguments: argparse.Namespace) -> None:
    from .fit_baselines import fit_baselines

    fit_baselines(arguments.archive)


def _results(arguments: argparse.Namespace) -> None:
    from .results import write_results

    write_results(
        arguments.archive,
        arguments.output,
        arguments.cache,
        arguments.engines,
        arguments.device,
        arguments.sample,
    )


def _lift_results(arguments: argparse.Namespace) -> None:
    from .lift_results import write_lift_results

    write_lift_results(arguments.archive, arguments.runs, arguments.output, arguments.cameras)


def _example(arguments: argparse.Namespace) -> None:
    from .make_example import make_example

    make_example(arguments.archive, arguments.clip, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
