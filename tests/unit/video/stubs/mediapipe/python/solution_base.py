from types import SimpleNamespace

from mediapipe import Following


class SolutionBase(Following):
    def process(self, input_data):
        picture = input_data["image"]
        self.look(picture)
        if int(picture[0, 0, 0]) % 10 == 7:  # nobody
            return SimpleNamespace(pose_landmarks=None)
        return SimpleNamespace(pose_landmarks=SimpleNamespace(landmark=self.landmarks(picture)))
