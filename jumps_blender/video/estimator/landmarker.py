"""MediaPipe's Pose Landmarker (MediaPipe 1) with the user's ``.task`` file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import JumpsError
from . import landmarks

LEAD_IN = 12  # frames; see finder.Estimator
SCORES = ("visibility", "presence")
USUAL_PEOPLE = 4  # it looks for as many as it is told, and takes longer the more
confidence = landmarks.confidence


class Estimator:
    """See ``finder.Estimator``."""

    def __init__(self, models: dict[str, str], people: int) -> None:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self.version = str(mediapipe.__version__)
        self._image, self._format = mediapipe.Image, mediapipe.ImageFormat.SRGB
        self._last = -1
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=models["landmarker"]),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=people or USUAL_PEOPLE,
        )
        try:
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise JumpsError(
                f"{models['landmarker']}: is no pose landmarker that MediaPipe can use ({error})."
            ) from error

    def find(self, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:
        """See ``finder.Estimator``."""
        # It insists on milliseconds that rise.
        self._last = max(self._last + 1, round(seconds * 1000))
        image = self._image(image_format=self._format, data=picture)
        found = self._landmarker.detect_for_video(image, self._last).pose_landmarks
        return landmarks.joints(found, picture.shape)

    def close(self) -> None:
        """See ``finder.Estimator``."""
        self._landmarker.close()
