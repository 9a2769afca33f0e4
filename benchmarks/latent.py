"""Engine ``latent`` under other settings: ``python benchmarks/latent.py train.npz``.

On each validation subject's shortest clips (one camera, 12 joints given exactly): AUC of ``raw``
and of ``missing``, and the jitter of ``raw``. The settings were chosen by this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from jumps_blender.model_runtime.evaluation import Protocol, evaluate
from jumps_blender.model_runtime.latent import ABLATIONS, LatentEngine
from jumps_blender.model_runtime.mocap import MocapArchive
from training.data import sample, split

_FRAMES = 250  # of each subject
# The encoder's start alone: the random ones never win against it.
_DEFAULT = replace(ABLATIONS["latent"], random_starts=0)
_CHOOSE = replace(_DEFAULT, blend=False)
_VARIANTS = {
    "default, the encoder's start alone": _DEFAULT,
    "default": ABLATIONS["latent"],
    "frame-wise choice instead of fading": _CHOOSE,
    "not optimised, frame-wise choice": replace(_CHOOSE, steps=0),
    "rate 0.1": replace(_DEFAULT, learning_rate=0.1),
    "rate 0.1, 60 steps": replace(_DEFAULT, learning_rate=0.1, steps=60),
    "rate 1, 60 steps": replace(_DEFAULT, learning_rate=1.0, steps=60),
    "gamma_d 0": replace(_DEFAULT, prior_weight=0.0),
    "gamma_d 0.2": replace(_DEFAULT, prior_weight=0.2),
    "gamma_d 1": replace(_DEFAULT, prior_weight=1.0),
    "gamma_s 5": replace(_DEFAULT, velocity_weight=5.0),
    "without overlap": replace(_DEFAULT, overlap=False),
    "without Procrustes": replace(_DEFAULT, procrustes=False),
    "without Procrustes, rate 0.1": replace(_DEFAULT, procrustes=False, learning_rate=0.1),
    "without encoder": ABLATIONS["latent-no-encoder"],
    "without encoder, rate 0.01": replace(ABLATIONS["latent-no-encoder"], learning_rate=0.01),
}


def main() -> None:
    """Print one line of a table for each variant."""
    archive = MocapArchive(Path(sys.argv[1]))
    clips = sample(archive, _FRAMES, split(archive)[1])
    for label, settings in _VARIANTS.items():
        engine = LatentEngine(settings=settings)
        scores = evaluate(archive, engine, Protocol(cameras=1), clips=clips)
        raw, missing = scores["raw"], scores["missing"]
        print(
            f"| {label} | {raw['auc']:.4f} | {missing['auc']:.4f} | {raw['jitter']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
