"""Write docs/RESULTS.md: ``jumps-train results TEST.npz``.

Runs the fixed protocol of ``jumps evaluate`` for every engine and setting and writes the tables,
the curves and a picture of typical and worst poses. JUMPS' own engines take minutes where the
others take seconds; they are measured on a sample of the archive, with the others beside them.
Each run's JSON is kept in a folder, so that the command goes on where it was stopped; a run is
repeated where the engine's weights have changed, so empty the folder after changing code.
What stands in the file below the marker line was written by hand and stays.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.compose import put_back
from jumps_blender.model_runtime.engine import Engine
from jumps_blender.model_runtime.evaluation import Protocol, evaluate, make_view
from jumps_blender.model_runtime.mocap import MocapArchive
from jumps_blender.skeletons import COMMON12

from .data import sample
from .sheets import PoseCase, case_sheet

MARKER = "<!-- Written by hand from here on; the tables above come from `jumps-train results`. -->"
_LIMBS = {"l_arm": "left arm", "r_arm": "right arm", "l_leg": "left leg", "r_leg": "right leg"}
_GAPS = (6, 12, 24, 48)
_BODY_GAPS = (6, 12)
_COLUMNS = ("pckh@0.1", "pckh@0.5", "pckh@1.0", "auc", "mean_error", "jitter")
_HEADINGS = ("PCKh@0.1", "PCKh@0.5", "PCKh@1.0", "AUC", "mean error", "jitter")


@dataclass(frozen=True)
class Row:
    """One line of a table: an engine under a setting of the protocol."""

    label: str
    engine: str
    protocol: Protocol


class Bench:
    """Runs evaluations, each at most once for the same weights."""

    def __init__(
        self, archive: MocapArchive, clips: list[int] | None, cache: Path, device: str
    ) -> None:
        """``clips``: their numbers; None takes all."""
        self._archive, self._clips = archive, clips
        size = archive.path.stat().st_size
        self._name = f"{archive.path.stem}-{size}"
        if clips is not None:
            self._name += f"-{zlib.crc32(str(clips).encode()):08x}"
        self._cache, self._device = cache, device
        self._engines: dict[str, Engine] = {}
        cache.mkdir(parents=True, exist_ok=True)

    def engine(self, name: str) -> Engine:
        """The engine of that name, loaded once."""
        if name not in self._engines:
            self._engines[name] = load_engine(name, self._device)
        return self._engines[name]

    def run(self, row: Row) -> dict:
        """The result of ``jumps evaluate`` for a row."""
        engine = self.engine(row.engine)
        setting = "-".join(str(value) for value in asdict(row.protocol).values())
        name = f"{self._name}-{engine.identity}-{setting}".replace(" ", "-").replace(":", "_")
        path = self._cache / f"{name}.json"
        if not path.exists():
            print(f"{row.engine}: {row.protocol}", flush=True)
            result = evaluate(self._archive, engine, row.protocol, clips=self._clips)
            with written_whole(path) as part:
                part.write_text(json.dumps(result), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


def write_results(
    path: Path,
    out: Path,
    cache: Path,
    engines: list[str],
    device: str = "auto",
    sample_frames: int = 100,
) -> None:
    """Measure engines on the archive at ``path`` and write ``out``; the first one is pictured.

    sample_frames: frames of each subject that JUMPS' own engines are measured on
    Raises JumpsError where the file at ``out`` lacks the marker line.
    """
    _by_hand(out)  # not only after an hour of measuring
    archive = MocapArchive(path)
    bench = Bench(archive, None, cache, device)
    fast = [name for name in engines if not name.startswith("latent")]
    clean, text = _measured(bench, fast, Protocol())
    text = [_INTRODUCTION.format(engine=engines[0]), *text]
    if fast != engines:
        clips = sample(archive, sample_frames)
        few = Bench(archive, clips, cache, device)
        frames = round(archive.lengths[clips].sum() * 30 / archive.fps)
        text.append(_SAMPLE.format(clips=len(clips), frames=frames))
        text += _measured(few, engines, Protocol(cameras=1))[1]
    pictures = out.parent / "images"
    _draw_curves({row.label: result["curve"] for row, result in clean}, pictures / "pckh.png")
    case_sheet(cases(archive, bench.engine(engines[0])), pictures / "cases.png")
    with written_whole(out) as part:
        part.write_text("\n".join(text) + "\n" + MARKER + _by_hand(out), encoding="utf-8")


def _measured(
    bench: Bench, engines: list[str], plain: Protocol
) -> tuple[list[tuple[Row, dict]], list[str]]:
    """The runs with 12 joints given exactly, and all tables."""

    def rows(protocol: Protocol) -> list[Row]:
        return [Row(engine, engine, protocol) for engine in engines]

    clean = [(row, bench.run(row)) for row in rows(plain)]
    noisy = replace(plain, noise="detector")
    noise = [(row, bench.run(row)) for row in rows(noisy)]
    denoised = Row(f"{engines[0]}, denoised", engines[0], replace(noisy, denoise=True))
    noise.append((denoised, bench.run(denoised)))
    tables = [*_clean_tables(clean), *_noise_tables(noise)]
    tables += _hidden_tables(bench, engines, plain)
    return clean, tables


_INTRODUCTION = """# Results

The tables are written by `jumps-train results test.npz` from runs of `jumps evaluate` (the protocol
is described in `model_runtime/evaluation.py`): people whom no engine was fitted on, 30 frames per
second, random static cameras, 12 joints given. Errors are in head sizes, pooled inside a subject,
then averaged over the subjects. `missing` are the 16 joints that are never given, `all` the 28 as
a user gets them, `raw` the 28 as the engine itself puts them. Jitter is the mean of the error's
second difference, per frame squared.

![Share of joints within a distance](images/pckh.png)

`{engine}` beside the truth (grey), a median and the worst frame of each subject; the
dots are given:

![Typical and worst poses](images/cases.png)

## The whole archive, four cameras
"""

_SAMPLE = """## JUMPS as published, on a sample

`latent` optimises for every half second of a clip. It and its ablations, with all the others beside
them, on each subject's shortest clips from 60 frames on ({clips} clips, {frames} frames), one
camera.

What the paper reports, on MPI-INF-3DHP with networks trained on 50 million sequences; quoted, not
to be compared, because the data are others:

| paper | PCKh@0.1 | PCKh@0.5 | PCKh@1.0 | AUC |
|---|---|---|---|---|
| JUMPS, 12 joints given exactly | 0.6096 | 0.9674 | 0.9965 | 0.8803 |
| without overlap | 0.5821 | 0.9648 | 0.9962 | 0.8727 |
| without encoder | 0.1701 | 0.8259 | 0.9678 | 0.7005 |
| without Procrustes | 0.0368 | 0.4384 | 0.6814 | 0.3912 |
| AlphaPose's own joints (Table II) | | | | 0.6310 |
| JUMPS from AlphaPose's joints (Table II) | | | | 0.6341 |
"""


def _by_hand(out: Path) -> str:
    if not out.exists():
        return "\n"
    _, marker, rest = out.read_text(encoding="utf-8").partition(MARKER)
    if not marker:
        raise JumpsError(f"{out}: lacks the line {MARKER!r}; add it above what to keep.")
    return rest


def _clean_tables(runs: list[tuple[Row, dict]]) -> Iterator[str]:
    yield "### 12 joints given exactly (Table I)\n"
    yield "`missing`:\n"
    yield from _table(runs, "missing", speed=True)
    yield "`all` and `raw`:\n"
    yield "| engine | `all` PCKh@0.1 | `all` AUC | `raw` PCKh@0.1 | `raw` AUC |"
    yield "|---|---|---|---|---|"
    for row, result in runs:
        cells = [result[group][key] for group in ("all", "raw") for key in ("pckh@0.1", "auc")]
        yield f"| `{row.label}` | " + " | ".join(f"{cell:.4f}" for cell in cells) + " |"
    yield "\nBy subject (`missing`: PCKh@0.1 / AUC):\n"
    subjects = runs[0][1]["subjects"]
    yield "| engine | " + " | ".join(name.removeprefix("cmu_") for name in subjects) + " |"
    yield "|---" * (len(subjects) + 1) + "|"
    for row, result in runs:
        cells = [result["subjects"][name]["missing"] for name in subjects]
        told = (f"{cell['pckh@0.1']:.3f} / {cell['auc']:.3f}" if cell else "" for cell in cells)
        yield f"| `{row.label}` | " + " | ".join(told) + " |"
    yield "\nWeighted by frames instead of by subject (`missing`):\n"
    yield "| engine | PCKh@0.1 | PCKh@0.5 | AUC |"
    yield "|---|---|---|---|"
    for row, result in runs:
        scores = [one for one in result["subjects"].values() if one["missing"]]
        weight = [one["frames"] for one in scores]
        cells = [
            np.average([one["missing"][key] for one in scores], weights=weight)
            for key in ("pckh@0.1", "pckh@0.5", "auc")
        ]
        yield f"| `{row.label}` | " + " | ".join(f"{cell:.4f}" for cell in cells) + " |"
    yield ""


def _noise_tables(runs: list[tuple[Row, dict]]) -> Iterator[str]:
    yield "### A detector's noise (Table II)\n"
    yield (
        "`--noise detector`, set so that the given joints score the AUC 0.63 that JUMPS' Table II\n"
        "quotes for AlphaPose. All 28 joints as a user gets them:\n"
    )
    yield from _table(runs, "all")
    yield "The joint-frames that were given, before and after:\n"
    yield "| | PCKh@0.1 | PCKh@0.5 | AUC | mean error | jitter |"
    yield "|---|---|---|---|---|---|"
    keys = ("pckh@0.1", "pckh@0.5", "auc", "mean_error", "jitter")
    lines = [("input", runs[0][1]["input"])]
    lines += [(f"`{row.label}`", result["given"]) for row, result in runs if row.protocol.denoise]
    for label, scores in lines:
        yield f"| {label} | " + " | ".join(f"{scores[key]:.4f}" for key in keys) + " |"
    yield "\nThe 16 joints that are never given:\n"
    yield from _table(runs, "missing")


def _hidden_tables(bench: Bench, engines: list[str], plain: Protocol) -> Iterator[str]:
    yield "### Something hidden\n"
    yield (
        "`--hide l_arm:24` hides the left arm for 24 frames in the middle of each clip that is\n"
        "long enough. Mean error of the hidden joint-frames, head sizes:\n"
    )
    yield "| hidden | frames | " + " | ".join(f"`{engine}`" for engine in engines) + " |"
    yield "|---" * (len(engines) + 2) + "|"
    patterns = [(limb, gap) for limb in _LIMBS for gap in _GAPS]
    patterns += [("body", gap) for gap in _BODY_GAPS]
    for limb, gap in patterns:
        protocol = replace(plain, hide=f"{limb}:{gap}")
        runs = [bench.run(Row(engine, engine, protocol)) for engine in engines]
        cells = " | ".join(f"{result['hidden']['mean_error']:.3f}" for result in runs)
        yield f"| {_LIMBS.get(limb, 'whole body')} | {gap} | {cells} |"
    yield ""


def cases(archive: MocapArchive, engine: Engine) -> dict[str, list[PoseCase]]:
    """Of each subject a frame of median and one of worst error of the 16 joints."""
    rows: dict[str, list[PoseCase]] = {}
    for heading, noise, quantile in (
        ("typical: a median frame of each subject, 12 joints given exactly", "none", 0.5),
        ("worst: the worst frame of each subject, 12 joints given exactly", "none", 1.0),
        ("typical, with a detector's noise", "detector", 0.5),
        ("worst, with a detector's noise", "detector", 1.0),
    ):
        rows[heading] = [
            _case(archive, engine, subject, Protocol(noise=noise, cameras=1), quantile)
            for subject in dict.fromkeys(archive.subjects)
        ]
    return rows


def _case(
    archive: MocapArchive, engine: Engine, subject: str, protocol: Protocol, quantile: float
) -> PoseCase:
    never_given = np.setdiff1d(np.arange(28), COMMON12)
    poses: list[tuple[float, PoseCase]] = []
    for number, name in enumerate(archive.subjects):
        if name != subject:
            continue
        clip = archive.clip(number).at_rate(protocol.fps)
        view = make_view(clip, 0, protocol)
        estimate = engine.estimate(view.observation).positions
        put_back(view.observation, estimate, denoise=False)
        judged = never_given[clip.valid[never_given]]
        error = np.linalg.norm(estimate - view.points, axis=-1)[:, judged].mean(axis=1) / view.head
        frame = int(np.argsort(error)[round(quantile * (len(error) - 1))])
        title = f"{clip.clip_id}, frame {frame}: {error[frame]:.2f}"
        given = view.observation.confidence[frame] > 0
        case = PoseCase(title, view.points[frame], estimate[frame], given)
        poses.append((float(error[frame]), case))
    poses.sort(key=lambda pose: pose[0])
    return poses[round(quantile * (len(poses) - 1))][1]


def _table(runs: list[tuple[Row, dict]], group: str, speed: bool = False) -> Iterator[str]:
    headings = (*_HEADINGS, "frames/s") if speed else _HEADINGS
    yield "| engine | " + " | ".join(headings) + " |"
    yield "|---" * (len(headings) + 1) + "|"
    for row, result in runs:
        cells = [f"{result[group][key]:.4f}" for key in _COLUMNS]
        if speed:
            cells.append(f"{result['fps']:.0f}")
        yield f"| `{row.label}` | " + " | ".join(cells) + " |"
    yield ""


_INK = ((31, 119, 180), (214, 90, 40), (44, 130, 60), (140, 86, 160), (120, 120, 120), (0, 0, 0))


def _draw_curves(curves: dict[str, list[float]], path: Path) -> None:
    """PCKh over its threshold, one line for each engine."""
    width, height, left, bottom = 720, 460, 56, 410
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    scale_x, scale_y = (width - left - 150), bottom - 30
    for tenth in range(0, 11, 2):
        x, y = left + scale_x * tenth / 10, bottom - scale_y * tenth / 10
        draw.line([x, bottom, x, bottom - scale_y], fill=(225, 225, 225))
        draw.line([left, y, left + scale_x, y], fill=(225, 225, 225))
        draw.text((x - 8, bottom + 6), f"{tenth / 10:.1f}", fill="black")
        draw.text((left - 28, y - 6), f"{tenth / 10:.1f}", fill="black")
    draw.text((left + scale_x / 2 - 90, bottom + 24), "error below ... head sizes", fill="black")
    draw.text((left, 8), "share of the 16 missing joints, given 12 exactly", fill="black")
    for number, (label, curve) in enumerate(curves.items()):
        points = [
            (left + scale_x * step / 100, bottom - scale_y * share)
            for step, share in enumerate(curve)
        ]
        ink = _INK[number % len(_INK)]
        draw.line(points, fill=ink, width=2)
        draw.text((left + scale_x + 10, 40 + 18 * number), label, fill=ink)
    with written_whole(path) as part:
        picture.save(part, "PNG")
