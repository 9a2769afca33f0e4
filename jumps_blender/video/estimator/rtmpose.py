"""RTMPose through rtmlib and ONNX Runtime: any number of people, Halpe's 26 joints.

The user brings both models: a person detector (YOLOX or RTMDet) and a pose model.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError

LEAD_IN = 0  # each picture is looked at by itself
SCORES = ("score",)
LEAST_SCORE = 0.3  # what users of these models take as the limit of a joint that was found


def confidence(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """One number in [0, 1] for (..., 1) scores: straight lines through 0, 0.5 at the limit, and 1.

    Scores are heights of the peaks in the model's answer, and may be a little above 1.
    """
    scores = np.asarray(scores, np.float64)[..., 0]
    return np.interp(scores, (0.0, LEAST_SCORE, 1.0), (0.0, 0.5, 1.0))


class Estimator:
    """See ``finder.Estimator``."""

    def __init__(self, models: dict[str, str], people: int) -> None:
        import rtmlib

        self.version = str(getattr(rtmlib, "__version__", ""))
        self._people = people
        try:
            body = rtmlib.BodyWithFeet(
                det=models["detector"],
                det_input_size=_input_size(models["detector"]),
                pose=models["pose"],
                # Of this one rtmlib wants the width first.
                pose_input_size=_input_size(models["pose"])[::-1],
                backend="onnxruntime",
                device="cpu",
            )
        except JumpsError:
            raise
        except Exception as error:  # ONNX Runtime's own kinds
            raise JumpsError(f"The models cannot be loaded ({error}).") from error
        self._detect, self._pose = body.det_model, body.pose_model

    def find(self, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:  # noqa: ARG002
        """See ``finder.Estimator``."""
        image = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        boxes = np.asarray(self._detect(image), np.float32).reshape(-1, 4)
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        # Without a box the pose model would take the whole picture for a person.
        if not len(boxes):
            return np.zeros((0, 26, 3), np.float32)
        if self._people:
            area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            boxes = boxes[np.argsort(-area, kind="stable")[: self._people]]
        positions, scores = self._pose(image, bboxes=boxes.tolist())
        return np.concatenate([positions, np.asarray(scores)[..., None]], axis=2, dtype=np.float32)

    def close(self) -> None:
        """See ``finder.Estimator``; its memory goes with it."""


def _input_size(path: str) -> tuple[int, int]:
    """(height, width) of the pictures that an ONNX model takes."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        shape = session.get_inputs()[0].shape
        height, width = shape[2:]
    except Exception as error:  # ONNX Runtime's own kinds
        raise JumpsError(f"{path}: is no ONNX model for pictures ({error}).") from error
    if not (isinstance(height, int) and isinstance(width, int) and min(height, width) > 0):
        raise JumpsError(f"{path}: takes pictures of shape {shape}, not of a fixed size.")
    return height, width
