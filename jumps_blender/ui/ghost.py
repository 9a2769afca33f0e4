"""The ghost of what the detector saw: thin bones, dots, and crosses on what counts as missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..keypoints.detected import ENDS, STARTS, Sighting
from .shapes import Screen, Shape, bands, cross_ends, discs, joined

# Pixels at a resolution scale of 1.
_LINE, _DOT, _CROSS, _RIM = 1.8, 2.6, 4.5, 1.6
_RIM_ALPHA = 0.45  # of the dark around it all, so that it can be seen on any picture
_SEEN, _LIT = (0.93, 0.96, 1.0), (1.0, 0.85, 0.1)
_FAINT = 0.35  # of what hangs on a missing joint


def ghost_shapes(
    screen: Screen,
    places: NDArray[np.float64],
    sightings: Sequence[Sighting],
    missing_tint: tuple[float, ...],
    lit: int = -1,
) -> Shape | None:
    """Some people at one moment; None where nothing of them is seen.

    places: (P, 28, 3), the sightings' in what the screen shows
    missing_tint: sRGB, of the crosses; lit: which of them is lit up, -1 for nobody
    """
    if not len(sightings):
        return None
    found = np.array([each.found for each in sightings])
    missing = np.array([each.missing for each in sightings])
    if not found.any():
        return None
    own = np.tile(np.array((*_SEEN, 0.9), np.float32), (len(sightings), 1))
    if 0 <= lit < len(own):
        own[lit] = (*_LIT, 1.0)
    who, bone = np.nonzero(found[:, STARTS] & found[:, ENDS])
    ends = STARTS[bone], ENDS[bone]
    tints = own[who]
    tints[missing[who, ends[0]] | missing[who, ends[1]], 3] *= _FAINT
    whose, seen = np.nonzero(found & ~missing)
    dots, lost = places[whose, seen], places[missing]
    cross = cross_ends(screen, lost, _CROSS)
    crossed = np.tile(np.array((*missing_tint, 1.0), np.float32), (len(cross[0]), 1))
    start = np.concatenate([places[who, ends[0]], cross[0]])
    end = np.concatenate([places[who, ends[1]], cross[1]])
    tints = np.concatenate([tints, crossed])
    wide = np.array([[_LINE + _RIM], [_LINE]]) * screen.dpi
    large = np.array([[_DOT + _RIM / 2], [_DOT]])
    return joined(
        [
            bands(screen, start, end, _rimmed(tints), (wide, wide)),
            discs(screen, dots, _rimmed(own[whose]), large, 8),
        ]
    )


def _rimmed(tints: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, N, 4): the tints (N, 4) over dark rims that are as strong as what is in them."""
    layers = np.zeros((2, *tints.shape), np.float32)
    layers[0, :, 3] = _RIM_ALPHA * tints[:, 3]
    layers[1] = tints
    return layers
