"""Write the lifter's table: ``jumps-train lift-results TEST.npz --runs runs/lift-reference``.

Measures the shipped lifter, with and without refining, beside Cheng et al. with their ablations
(see ``train_cheng.py``) and a linear map of single frames, which is fitted here. What doesn't exist
yet is left out, with a word on standard error. Results are kept in the folder ``results`` among the
runs, so that the command goes on where it was stopped; a lifter is measured again where its weights
have changed, so empty that folder after changing code. Of the page, only what stands between the
two marker lines is written.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import torch
from safetensors.torch import load_file

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.direct import pick_device
from jumps_blender.model_runtime.engine import Engine
from jumps_blender.model_runtime.evaluation import Protocol
from jumps_blender.model_runtime.lift import Lifter
from jumps_blender.model_runtime.lift_evaluation import evaluate_lift
from jumps_blender.model_runtime.mocap import MocapArchive

from .cheng import ChengConfig, ChengNetwork
from .lift_linear import fit_linear

MARKERS = ("<!-- `jumps-train lift-results` writes from here -->", "<!-- to here. -->")
# Folders of runs, and what their rows are called.
RUNS = {
    "cheng": "Cheng et al., AAAI 2020",
    "cheng-no-strides": "- stride 1 alone",
    "cheng-no-kcs": "- without spatial KCS",
    "cheng-no-tkcs": "- without temporal KCS",
    "cheng-no-occlusion": "- without occlusion training",
    "cheng-gaussians": "- Gaussians embedded in place of coordinates",
}
_ENGINE = "direct"
_SCATTERED = "scattered:10"
_INTRODUCTION = """## Lifting to 3D

`jumps-train lift-results` over `jumps evaluate --task lift` (the protocol is described in
`model_runtime/lift_evaluation.py`): {frames} frames of people whom no network was fitted on,
{cameras} random static cameras, focal length and the person's height given. Errors are in
millimetres, joints against the pelvis, pooled inside a subject, then averaged over the subjects.
The first four columns are of 28 joints given exactly; bones: how much their lengths spread over a
clip. "Scattered": 10 % of all joints and of all frames hidden at random. "From 12": the other 16
joints found by engine `{engine}`. Everything but `lift` is there for comparison only: Cheng et al.
and their ablations {trained}.
"""


def write_lift_results(archive: Path, runs: Path, out: Path, cameras: int = 4) -> None:
    """Measure what exists on the archive and write its table into the page ``out``.

    runs: the folder that holds the folders of ``RUNS``
    Raises JumpsError where nothing exists, or where ``out`` has but one of the marker lines.
    """
    _around(out)  # not only after an hour of measuring
    data = MocapArchive(archive)
    bench = _Bench(data, cameras, runs / "results")
    rows = []
    for label, make in _lifters(runs):
        try:
            lifter = make()
        except (JumpsError, OSError) as error:
            print(f"left out: {label}: {error}", file=sys.stderr)
            continue
        rows.append(f"| {label} | " + " | ".join(bench.cells(lifter)) + " |")
    if not rows:
        raise JumpsError(f"{runs}: holds no run to measure, and no lifter is shipped.")
    frames = round(float(data.lengths.sum()) * Protocol().fps / data.fps)
    text = [
        _INTRODUCTION.format(
            frames=frames, cameras=cameras, engine=_ENGINE, trained=_training(runs)
        ),
        "| lifter | MPJPE | P-MPJPE | bones | PCK3D@150 mm | scattered: MPJPE | from 12: MPJPE |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    with written_whole(out) as part:
        before, after = _around(out)
        part.write_text(
            before + "\n".join([MARKERS[0], *text, MARKERS[1]]) + after, encoding="utf-8"
        )


def _training(runs: Path) -> str:
    """How long those were trained that are there."""
    lengths = {
        (training["steps"], training["batch"])
        for run in RUNS
        if (runs / run / "best.safetensors").exists()
        for training in [_settings(runs / run)["training"]]
    }
    words = [f"{steps} steps of {batch} windows" for steps, batch in sorted(lengths)]
    return f"were trained for {' or '.join(words)}" if words else "are missing"


def _settings(run: Path) -> dict:
    return json.loads((run / "settings.json").read_text(encoding="utf-8"))


def _around(out: Path) -> tuple[str, str]:
    """What stands before and after the marker lines; a page without them has the table at its end.

    Raises JumpsError where one is there without the other.
    """
    text = out.read_text(encoding="utf-8") if out.exists() else ""
    before, start, rest = text.partition(MARKERS[0])
    if not start and MARKERS[1] not in text:
        return (f"{text.rstrip()}\n\n" if text.strip() else ""), "\n"
    _, end, after = rest.partition(MARKERS[1])
    if not end:
        raise JumpsError(f"{out}: needs both lines {MARKERS[0]!r} and {MARKERS[1]!r}, or neither.")
    return before, after


class _Bench:
    """Runs evaluations, each at most once for the same weights."""

    def __init__(self, archive: MocapArchive, cameras: int, kept: Path) -> None:
        self._archive, self._kept = archive, kept
        self._clean = Protocol(cameras=cameras)
        self._scattered = Protocol(cameras=cameras, hide=_SCATTERED)

    def cells(self, lifter: Lifter) -> list[str]:
        """The columns of a lifter's row."""
        clean = self._run(lifter, self._clean)
        scattered = self._run(lifter, self._scattered)
        upsampled = self._run(lifter, self._clean, _upsampler())
        return [
            f"{clean['mpjpe']:.1f}",
            f"{clean['p_mpjpe']:.1f}",
            f"{100 * clean['bone_std']:.2f} %",
            f"{clean['pck3d@150mm']:.4f}",
            f"{scattered['mpjpe']:.1f}",
            f"{upsampled['mpjpe']:.1f}",
        ]

    def _run(
        self, lifter: Lifter, protocol: Protocol, upsampler: Engine | None = None
    ) -> dict[str, float]:
        """The figures of ``jumps evaluate --task lift``, over all subjects."""
        parts = [self._archive.path.stem, self._archive.path.stat().st_size, lifter.identity]
        parts += [*asdict(protocol).values(), upsampler.identity if upsampler else "28"]
        name = "-".join(str(part) for part in parts).replace(" ", "-").replace(":", "_")
        path = self._kept / f"{name}.json"
        if not path.exists():
            given = upsampler.name if upsampler else "28 joints"
            print(f"{lifter.identity}: {given}, {protocol}", flush=True)
            result = evaluate_lift(self._archive, lifter, protocol, upsampler)
            self._kept.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as part:
                part.write_text(json.dumps(result), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))["all"]


@cache
def _upsampler() -> Engine:
    return load_engine(_ENGINE)


def _lifters(runs: Path) -> list[tuple[str, Callable[[], Lifter]]]:
    """Rows' labels and how to get their lifters, which may raise JumpsError or OSError."""
    return [
        ("linear map of single frames", partial(_linear, runs)),
        *((label, partial(_trained, runs / name)) for name, label in RUNS.items()),
        ("`lift`, not refined", partial(Lifter.load, refine=False)),
        ("`lift`", Lifter.load),
    ]


def _linear(runs: Path) -> Lifter:
    """Fitted on the archive that the first of the runs was trained on."""
    for run in (runs / name for name in RUNS):
        if (run / "settings.json").exists():
            network = fit_linear(MocapArchive(_settings(run)["archive"]))
            return Lifter(network, f"linear {_digest(network)}", refine=False)
    raise JumpsError(f"{runs}: no run says which archive to fit it on.")


def _trained(run: Path) -> Lifter:
    """The network of a run of ``train_cheng.py``."""
    settings = _settings(run)["architecture"]
    network = ChengNetwork(ChengConfig(**settings | {"strides": tuple(settings["strides"])}))
    # Before the first validation, a run has settings and no weights.
    if not (run / "best.safetensors").exists():
        raise JumpsError(f"{run}: holds no checkpoint yet.")
    network.load_state_dict(load_file(run / "best.safetensors"))
    identity = f"{run.name} {_digest(network)}"
    return Lifter(network.to(pick_device("auto")).eval(), identity, refine=False)


def _digest(network: torch.nn.Module) -> str:
    """The first 8 digits of the weights' SHA-256."""
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:8]
