"""The scene's own moving camera, which a clip is lifted with."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import bpy
import numpy as np
from bpy.types import Scene

from ..keypoints.space import MovingCamera, SpaceSequence
from ..model_runtime.space import before_moving
from ..scene.footage import Footage
from ..scene.keyframes import MAX_FRAME, frame_rate
from ..scene.result import by_uid
from ..scene.solved_camera import moving_camera, sample_camera_steps


@dataclass(frozen=True)
class Filmed:
    """A camera, and the frames of the scene at which it saw the clip.

    uid: the camera object's ``session_uid``
    last: the last frame that is sampled
    rate: the scene's frames per second; with ``use_clip_fps`` it will be the clip's
    size: (width, height) of the picture that fills its frame, pixels
    """

    uid: int
    name: str
    start_frame: int
    use_clip_fps: bool
    last: int
    rate: float
    size: tuple[int, int]

    def sample_steps(self, scene: Scene) -> Generator[float, None, MovingCamera]:
        """See ``sample_camera_steps``."""
        camera = by_uid(bpy.data.objects, self.uid)
        return sample_camera_steps(scene, camera, range(self.start_frame, self.last + 1), self.size)

    def lens(self, camera: MovingCamera) -> tuple[float, float, float]:
        """As ``lift_sequence`` takes it."""
        (width, height), inside = self.size, camera.lens
        return inside.focal / width, inside.centre[0] / width, inside.centre[1] / height

    def placed(self, seen: SpaceSequence, camera: MovingCamera, foot_lock: bool) -> SpaceSequence:
        """What was lifted as seen, in the scene's world."""
        sequence = seen.picture
        rate = sequence.fps if self.use_clip_fps else self.rate
        known = np.arange(len(camera.eye)) / rate
        # The picture that the poses were found in may be larger or smaller.
        way = replace(
            camera.at(known, sequence.times), lens=seen.camera.lens, size=seen.camera.size
        )
        return before_moving(seen, way, foot_lock)


def filmed_by(
    scene: Scene,
    start_frame: int,
    use_clip_fps: bool,
    seconds: float,
    clip_rate: float,
    footage: Footage | None,
) -> Filmed | None:
    """The scene's camera if it moves, for a clip of that length; None otherwise."""
    camera = moving_camera(scene)
    if camera is None:
        return None
    render = scene.render
    rate = frame_rate(scene)
    frames = seconds * (clip_rate if use_clip_fps else rate)
    last = min(start_frame + int(np.ceil(frames)) + 1, MAX_FRAME)
    size = footage.size if footage else (render.resolution_x, render.resolution_y)
    return Filmed(camera.session_uid, camera.name, start_frame, use_clip_fps, last, rate, size)
