"""Write docs/RESULTS.md: ``jumps-train results TEST.npz``.

Runs the fixed protocol of ``jumps evaluate`` for every engine and setting and writes the tables and
the curves. Each run's JSON is kept in a folder, so that the command goes on where it was stopped; a
run is repeated where the engine's weights have changed, so empty the folder after changing code.
What stands in the file below the marker line was written by hand and stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jumps_blender.errors import JumpsError
from jumps_blender.files import written_whole
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.engine import Engine
from jumps_blender.model_runtime.evaluation import Protocol, evaluate
from jumps_blender.model_runtime.mocap import MocapArchive

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

    def __init__(self, archive: Path, cache: Path, device: str) -> None:
        self._archive = MocapArchive(archive)
        self._name = f"{archive.stem}-{archive.stat().st_size}"
        self._cache, self._device = cache, device
        self._engines: dict[str, Engine] = {}
        cache.mkdir(parents=True, exist_ok=True)

    def run(self, row: Row) -> dict:
        """The result of ``jumps evaluate`` for a row."""
        if row.engine not in self._engines:
            self._engines[row.engine] = load_engine(row.engine, self._device)
        engine = self._engines[row.engine]
        setting = "-".join(str(value) for value in asdict(row.protocol).values())
        name = f"{self._name}-{engine.identity}-{setting}".replace(" ", "-").replace(":", "_")
        path = self._cache / f"{name}.json"
        if not path.exists():
            print(f"{row.engine}: {row.protocol}", flush=True)
            result = evaluate(self._archive, engine, row.protocol)
            with written_whole(path) as part:
                part.write_text(json.dumps(result), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


def write_results(
    archive: Path,
    out: Path,
    cache: Path,
    engines: list[str],
    device: str = "auto",
) -> None:
    """Measure everything and write ``out``.

    Raises JumpsError where the file at ``out`` lacks the marker line.
    """
    by_hand = _by_hand(out)
    bench = Bench(archive, cache, device)
    plain = Protocol()

    def rows(protocol: Protocol) -> list[Row]:
        return [Row(engine, engine, protocol) for engine in engines]

    clean = [(row, bench.run(row)) for row in rows(plain)]
    noise = [(row, bench.run(row)) for row in rows(replace(plain, noise="detector"))]
    if "direct" in engines:
        denoised = Row("direct, denoised", "direct", Protocol(noise="detector", denoise=True))
        noise.append((denoised, bench.run(denoised)))
    text = [_INTRODUCTION]
    text += _clean_tables(clean)
    text += _noise_tables(noise)
    text += _hidden_tables(bench, rows, engines)
    picture = out.parent / "images" / "pckh.png"
    _draw_curves({row.label: result["curve"] for row, result in clean}, picture)
    with written_whole(out) as part:
        part.write_text("\n".join(text) + "\n" + MARKER + by_hand, encoding="utf-8")


_INTRODUCTION = """# Results

The tables are written by `jumps-train results test.npz` from runs of `jumps evaluate` (the protocol
is described in `model_runtime/evaluation.py`): people whom no engine was fitted on, 30 frames per
second, random static cameras, 12 joints given. Errors are in head sizes, pooled inside a subject,
then averaged over the subjects. `missing` are the 16 joints that are never given, `all` the 28 as
a user gets them, `raw` the 28 as the engine itself puts them. Jitter is the mean of the error's
second difference, per frame squared.
"""


def _by_hand(out: Path) -> str:
    if not out.exists():
        return "\n"
    _, marker, rest = out.read_text(encoding="utf-8").partition(MARKER)
    if not marker:
        raise JumpsError(f"{out}: lacks the line {MARKER!r}; add it above what to keep.")
    return rest


def _clean_tables(runs: list[tuple[Row, dict]]) -> Iterator[str]:
    yield "## 12 joints given exactly (Table I)\n"
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
    yield "\n![Share of joints within a distance](images/pckh.png)\n"


def _noise_tables(runs: list[tuple[Row, dict]]) -> Iterator[str]:
    yield "## A detector's noise (Table II)\n"
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


def _hidden_tables(bench: Bench, rows, engines: list[str]) -> Iterator[str]:
    yield "## Something hidden\n"
    yield (
        "`--hide l_arm:24` hides the left arm for 24 frames in the middle of each clip that is\n"
        "long enough. Mean error of the hidden joint-frames, head sizes:\n"
    )
    yield "| hidden | frames | " + " | ".join(f"`{engine}`" for engine in engines) + " |"
    yield "|---" * (len(engines) + 2) + "|"
    patterns = [(limb, gap) for limb in _LIMBS for gap in _GAPS]
    patterns += [("body", gap) for gap in _BODY_GAPS]
    for limb, gap in patterns:
        runs = [bench.run(row) for row in rows(Protocol(hide=f"{limb}:{gap}"))]
        cells = " | ".join(f"{result['hidden']['mean_error']:.3f}" for result in runs)
        yield f"| {_LIMBS.get(limb, 'whole body')} | {gap} | {cells} |"
    yield ""


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
