"""MediaPipe Pose as it was up to 0.10: one person, 33 landmarks, the model inside the package.

Nothing is smoothed in time: smoothing delays visibility by ten frames and more, and joints that are
hidden must be told at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import landmarks

LEAD_IN = 12  # frames; see finder.Estimator
SCORES = ("visibility", "presence")
confidence = landmarks.confidence


class Estimator:
    """See ``finder.Estimator``."""

    def __init__(self, models: dict[str, str], people: int) -> None:  # noqa: ARG002 - as the others
        import mediapipe
        from mediapipe.python.solution_base import SolutionBase
        from mediapipe.python.solutions.pose import Pose

        self.version = str(mediapipe.__version__)
        # The other complexities download their models.
        self._pose = Pose(model_complexity=1, smooth_landmarks=False)
        # Pose's own ``process`` takes presence away; that of its base leaves it.
        self._process = SolutionBase.process

    def find(self, picture: NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:  # noqa: ARG002
        """See ``finder.Estimator``."""
        found: Any = self._process(self._pose, input_data={"image": picture}).pose_landmarks
        return landmarks.joints([found.landmark] if found else [], picture.shape)

    def close(self) -> None:
        """See ``finder.Estimator``."""
        self._pose.close()
