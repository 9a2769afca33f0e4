from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from mediapipe import Following


class RunningMode:
    VIDEO = "video"


@dataclass
class PoseLandmarkerOptions:
    base_options: Any
    running_mode: str
    num_poses: int


class PoseLandmarker(Following):
    def __init__(self, people):
        super().__init__()
        self._people, self._last = people, -1

    @classmethod
    def create_from_options(cls, options):
        assert options.running_mode == RunningMode.VIDEO
        with open(options.base_options.model_asset_path, "rb") as file:
            if file.read() != b"PK\x03\x04task":
                raise RuntimeError("Unable to open zip archive.")
        return cls(options.num_poses)

    def detect_for_video(self, image, timestamp_ms):
        if timestamp_ms <= self._last:
            raise ValueError("Input timestamp must be monotonically increasing.")
        self._last = timestamp_ms
        self.look(image.data)
        return SimpleNamespace(
            pose_landmarks=[self.landmarks(image.data, person) for person in range(self._people)]
        )
