from mediapipe.python.solution_base import SolutionBase


class Pose(SolutionBase):
    def __init__(self, model_complexity, smooth_landmarks):
        super().__init__()
        assert model_complexity == 1
        assert smooth_landmarks is False

    def process(self, image):
        raise AssertionError("this one takes presence away")
