"""``jumps evaluate``: how good engines and the lifter are, on motion capture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model_runtime import COMPARISONS, ENGINES, load_engine
from .arguments import DEVICES, count_from, positive_number
from .console import check_json, print_out, progress_bar, write_json

if TYPE_CHECKING:
    from ..model_runtime.evaluation import Protocol


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser("evaluate", help="measure an engine on motion capture")
    parser.add_argument("archive", type=Path, help="motion-capture archive (.npz)")
    parser.add_argument("--task", default="upsample", choices=("upsample", "lift"))
    parser.add_argument("--engine", default="direct", help=", ".join((*ENGINES, *COMPARISONS)))
    parser.add_argument(
        "--given",
        type=int,
        default=28,
        choices=(12, 28),
        help="joints given to the lifter; of 12 the engine finds the others (default: 28)",
    )
    parser.add_argument("--json", metavar="PATH", help="write it as JSON; - is standard output")
    parser.add_argument(
        "--fps", type=positive_number, default=30.0, help="frame rate (default: 30)"
    )
    parser.add_argument("--seed", type=count_from(0), default=0, help="draws other cameras")
    parser.add_argument(
        "--cameras", type=count_from(1, 1000), default=4, help="per clip (default: 4)"
    )
    parser.add_argument("--noise", default="none", choices=("none", "detector"))
    parser.add_argument("--denoise", action="store_true", help="let unsure joints move")
    parser.add_argument(
        "--hide",
        default="",
        metavar="WHAT:COUNT",
        help="frames of l_arm:24 or body:12; when lifting also percent, scattered:10",
    )
    parser.add_argument("--device", default="auto", choices=DEVICES)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> None:
    from ..model_runtime.evaluation import Protocol, evaluate
    from ..model_runtime.mocap import MocapArchive

    check_json(arguments.json, arguments.archive)
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
    with progress_bar("evaluating") as progress:
        result = evaluate(MocapArchive(arguments.archive), engine, protocol, progress)
    if arguments.json:
        write_json(result, arguments.json)
    if arguments.json != "-":
        names = ("pckh@0.1", "pckh@0.5", "pckh@1.0", "auc", "mean_error", "jitter")
        print_out(f"{engine.identity}: {result['fps']:.0f} frames per second")
        print_out(" " * 8 + "".join(name.rjust(12) for name in names))
        for group in ("missing", "all", "raw", "hidden"):
            if "auc" in result[group]:
                print_out(
                    group.ljust(8) + "".join(f"{result[group][name]:12.4f}" for name in names)
                )


def _evaluate_lift(arguments: argparse.Namespace, protocol: Protocol) -> None:
    from ..model_runtime.lift import Lifter
    from ..model_runtime.lift_evaluation import evaluate_lift
    from ..model_runtime.mocap import MocapArchive

    upsampler = load_engine(arguments.engine, arguments.device) if arguments.given == 12 else None
    lifter = Lifter.load(arguments.device)
    with progress_bar("evaluating") as progress:
        archive = MocapArchive(arguments.archive)
        result = evaluate_lift(archive, lifter, protocol, upsampler, progress)
    if arguments.json:
        write_json(result, arguments.json)
    if arguments.json != "-":
        print_out(f"{lifter.identity}: {result['fps']:.0f} frames per second")
        for name, value in (result["all"] | result["floor"]).items():
            print_out(f"{name.ljust(20)}{value:10.4f}")
