from types import SimpleNamespace

from mediapipe import landmarks


class SolutionBase:
    def process(self, input_data):
        picture = input_data["image"]
        if int(picture[0, 0, 0]) % 10 == 7:  # nobody
            return SimpleNamespace(pose_landmarks=None)
        return SimpleNamespace(pose_landmarks=SimpleNamespace(landmark=landmarks(picture)))
