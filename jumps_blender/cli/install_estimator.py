"""``jumps install-estimator``: a pose estimator for video, in a Python environment of its own."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import WorkCancelledError
from ..processes.install import Install, environment_facts, environment_python
from ..processes.job import drain
from ..processes.pythons import find_python
from ..video.backends import BACKENDS
from ..video.environments import estimator_words, is_current, need, recipe, usual_folder
from .console import print_out, say


def add_command(commands: Any) -> None:
    """Add the command to those of ``jumps``: what argparse's ``add_subparsers`` returned."""
    parser = commands.add_parser(
        "install-estimator", help="install what finds poses in video, for the command line"
    )
    parser.add_argument(
        "estimator",
        nargs="?",
        default="mediapipe",
        choices=BACKENDS,
        help=f"{', '.join(BACKENDS)} (default: mediapipe)",
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help="the Python to make the environment with (default: one that fits is looked for)",
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="install from these wheels, without a network"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where to (default: this user's folder for data)"
    )
    parser.set_defaults(run=_install_estimator)


def _install_estimator(arguments: argparse.Namespace) -> None:
    backend = BACKENDS[arguments.estimator]
    folder = (arguments.folder or usual_folder(backend)).absolute()
    if arguments.python is None and arguments.wheels is None and is_current(backend, folder):
        words = estimator_words(backend, environment_facts(folder))
        say(f"{backend.label} ({words}) is installed in {folder}.")
    else:
        job = Install(
            lambda cancelled: find_python(
                need(backend, "with --python"),
                named=arguments.python,
                own=Path(sys.executable),
                cancelled=cancelled,
            ),
            folder,
            partial(recipe, backend),
            wheels=arguments.wheels,
            log=folder / "install.log",
        )
        _wait(job)
        for note in job.notes:
            say(note)
    print_out(str(environment_python(folder)))


def _wait(job: Install) -> None:
    """Show how far it is, until its end; when it is interrupted, until all is deleted again."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar:30}| {elapsed}"
    try:
        with tqdm(
            total=1.0, desc=job.status, bar_format=layout, file=sys.stderr, mininterval=0.5
        ) as bar:

            def show(share: float) -> None:
                bar.set_description_str(job.status, refresh=False)
                bar.update(max(share - bar.n, 0.0))

            drain(job, show)
            show(1.0)
    except (KeyboardInterrupt, SystemExit):
        with suppress(WorkCancelledError):
            drain(job)
        raise
