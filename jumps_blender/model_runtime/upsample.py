"""From a person's 2D track to the complete 28-joint sequence: the job behind every front end."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np

from ..errors import JumpsError
from ..keypoints.sequence import PoseSequence
from ..keypoints.swaps import swaps_repaired
from ..keypoints.track import Observation, PoseTrack, observe
from .baselines import InterpolateEngine, PcaEngine, RidgeEngine
from .compose import joint_states, put_back
from .engine import CancelQuery, Engine, Estimate, Progress, is_out_of_memory
from .features import STANDARD_RATE

# What users can choose, with the words that explain it; the first is the default.
ENGINES = {
    "direct": "The trained network: best and fast",
    "latent": "JUMPS as published: optimises each half second, many times slower",
    "ridge": "Linear regression, frame by frame: a baseline for comparison",
    "interpolate": "Linear interpolation and the mean pose: a baseline for comparison",
}
ENGINES_WITHOUT_TORCH = ("ridge", "interpolate")
# What only ``jumps evaluate`` offers beside them.
COMPARISONS = ("pca", "latent-no-overlap", "latent-no-encoder", "latent-no-procrustes")
_PER_FRAME = {"interpolate": InterpolateEngine, "ridge": RidgeEngine, "pca": PcaEngine}


def load_engine(name: str, device: str = "auto") -> Engine:
    """Make an engine; raises JumpsError for an unknown name or where PyTorch is missing."""
    if name in _PER_FRAME:
        return _PER_FRAME[name]()
    if name not in (*ENGINES, *COMPARISONS):
        raise JumpsError(f"Engine {name!r} is not known; choose one of {', '.join(ENGINES)}.")
    require_torch(f"engine {name}", " or choose another engine")
    # Not at the top: importing PyTorch takes seconds and Blender's own Python lacks it.
    if name == "direct":
        from .direct import DirectEngine

        return DirectEngine(device)
    from .latent import LatentEngine

    return LatentEngine(device, name)


def require_torch(who: str, otherwise: str = "") -> None:
    """Raise JumpsError where PyTorch is missing; ``who`` needs it."""
    if importlib.util.find_spec("torch") is None:
        raise JumpsError(
            f"PyTorch is not installed in this Python, and {who} needs it; "
            f"install torch (pip install torch){otherwise}."
        )


def upsample_track(
    track: PoseTrack,
    *,
    engine: str = "direct",
    device: str = "auto",
    min_confidence: float | None = None,
    shaking: float | None = None,
    edge: float | None = None,
    dilation: int | None = None,
    denoise: bool = False,
    repair_swaps: bool = False,
    progress: Progress | None = None,
    cancelled: CancelQuery | None = None,
    notify: Callable[[str], None] | None = None,
) -> PoseSequence:
    """Find all 28 joints of a tracked person in every frame.

    What counts as missing is as the file wants it; ``min_confidence``, ``shaking``, ``edge`` and
    ``dilation`` overrule that (see ``keypoints.missing.Missing``). Observed joints come out as they
    went in, unless ``denoise`` lets those of low confidence move (see ``compose.put_back``); with
    ``repair_swaps`` arms and legs that were taken for each other are exchanged first. ``notify`` is
    told in a line what people should know, such as that the graphics card's memory was too small.
    Raises JumpsError (unusable track, unknown engine or device, PyTorch missing) and
    WorkCancelledError.
    """
    observation = observe(track, min_confidence, shaking=shaking, edge=edge, dilation=dilation)
    if repair_swaps:
        observation, swapped = swaps_repaired(observation)
        counts = [f"{name} in {np.count_nonzero(x)}" for name, x in swapped.items() if x.any()]
        if counts and notify is not None:
            notify(f"Left and right were exchanged: {', '.join(counts)} frames; put right.")
    loaded, estimate = _estimate(engine, device, observation, progress, cancelled, notify)
    put_back(observation, estimate.positions, denoise)
    # A sum is finite only where all its terms are, and needs no array of its own.
    if not np.isfinite(estimate.positions.sum(dtype=float) + estimate.uncertainty.sum(dtype=float)):
        raise JumpsError(
            f"{track.source}: engine {engine} made a number that is not finite; please report it."
        )
    return PoseSequence(
        positions=estimate.positions,
        state=joint_states(observation),
        confidence=observation.confidence,
        uncertainty=estimate.uncertainty,
        times=observation.times,
        fps=track.fps or STANDARD_RATE,
        image_size=track.image_size,
        person=track.person,
        source=track.source,
        engine=loaded.identity,
    )


def _estimate(
    name: str,
    device: str,
    observation: Observation,
    progress: Progress | None,
    cancelled: CancelQuery | None,
    notify: Callable[[str], None] | None,
) -> tuple[Engine, Estimate]:
    """The estimate, in smaller pieces and then on the CPU where memory is short."""
    tell = notify or (lambda _text: None)
    loaded = _loaded(name, device, tell)
    while True:
        try:
            return loaded, loaded.estimate(observation, progress, cancelled)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if loaded.use_less_memory():
                tell("Memory was short: the engine went on in smaller pieces.")
                continue
            if loaded.on_cpu:
                raise JumpsError(
                    f"Engine {name} ran out of memory; close other programs or split the clip."
                ) from error
        # Outside the handler, which holds on to what fills the graphics card's memory.
        loaded = _on_cpu(name, tell)


def _loaded(name: str, device: str, tell: Callable[[str], None]) -> Engine:
    try:
        return load_engine(name, device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or device == "cpu":
            raise
    return _on_cpu(name, tell)


def _on_cpu(name: str, tell: Callable[[str], None]) -> Engine:
    tell("The graphics card's memory is too small: the engine computed on the CPU.")
    return load_engine(name, "cpu")
