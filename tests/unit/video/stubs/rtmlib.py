"""Stands in for rtmlib: one person in each picture, whose places tell the picture's number."""

from types import SimpleNamespace

import numpy as np

__version__ = "0.0.stub"


def BodyWithFeet(**_settings):
    return SimpleNamespace(
        det_model=lambda image: [[0, 0, image.shape[1], image.shape[0]]],
        pose_model=lambda image, bboxes: (
            np.full((len(bboxes), 26, 2), image[0, 0, 0], np.float32),
            np.full((len(bboxes), 26), 0.9, np.float32),
        ),
    )
