"""The ghost of what the detector saw: thin bones, dots, and crosses on what counts as missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..keypoints.detected import ENDS, STARTS, Sighting
from .shapes import Screen, Shape, bands, crosses, discs, joined

# Pixels at a resolution scale of 1.
_BONE, _DOT, _CROSS, _RIM = 1.6, 2.6, 4.5, 1.6
_RIM_TINT = (0.0, 0.0, 0.0, 0.45)  # around it all, so that it can be seen on any picture
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
    start, end = places[who, STARTS[bone]], places[who, ENDS[bone]]
    tints = own[who].copy()
    tints[missing[who, STARTS[bone]] | missing[who, ENDS[bone]], 3] *= _FAINT
    under = np.tile(np.array(_RIM_TINT, np.float32), (len(who), 1))
    under[:, 3] *= tints[:, 3]
    wide, wider = _BONE * screen.dpi, (_BONE + _RIM) * screen.dpi
    whose, seen = np.nonzero(found & ~missing)
    dots = places[whose, seen]
    lost = places[missing]
    dark = np.array([_RIM_TINT], np.float32)
    cross = np.array([(*missing_tint, 1.0)], np.float32)
    return joined(
        [
            bands(screen, start, end, under, (wider, wider)),
            bands(screen, start, end, tints, (wide, wide)),
            discs(screen, dots, dark.repeat(len(dots), 0), _DOT + _RIM / 2, 8),
            discs(screen, dots, own[whose], _DOT, 8),
            crosses(screen, lost, dark.repeat(len(lost), 0), _CROSS + _RIM / 2, 2.0 + _RIM),
            crosses(screen, lost, cross.repeat(len(lost), 0), _CROSS, 2.0),
        ]
    )
