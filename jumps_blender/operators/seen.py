"""What the detector saw at the scene's current frame, as the panel is set, and where that lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bpy.types import Context

from ..keypoints.detected import Sighting
from ..keypoints.pose_file import ASSUMED_FPS
from ..scene.canvas import Canvas, flat_canvas
from ..scene.detections import Detections, find_detections
from ..scene.keyframes import frame_rate
from ..scene.preview import Placing
from ..scene.result import results_in
from .settings import chosen_index, rule_of, source_of

_MOST_SHOWN = 50  # people to choose from at one moment


@dataclass
class Picking:
    """Whether a person is being chosen, and over whom the mouse is: her place in the list."""

    is_on: bool = False
    lit: int = -1


# One for all windows: there is one mouse.
picking = Picking()


@dataclass(frozen=True)
class Seen:
    """People at one moment.

    people: places in the list, and what was detected; canvas: where the picture is in the scene
    """

    people: list[tuple[int, Sighting]]
    canvas: Canvas


def seen_now(context: Context, placing: Placing | None) -> Seen | None:
    """The chosen person, or all while one is being chosen; None where nothing is to be shown.

    placing: where the scene's preview is, which the picture goes with; beside another clip's,
        detections are shown only while a person is being chosen. Once the source has a result and
        no preview, its detections aren't shown any more.
    """
    scene, settings = context.scene, context.scene.jumps
    if not (settings.show_detection or picking.is_on):
        return None
    detections = find_detections(*source_of(settings))
    if detections is None:
        return None
    index = chosen_index(settings, detections.people)
    track = detections.people[index].track
    if placing is not None and placing.preview.sequence.source != track.source:
        if not picking.is_on:
            return None
        placing = None
    start, use_clip_fps = settings.start_frame, settings.use_clip_fps
    if placing is not None:
        fps, canvas = placing.preview.sequence.fps, placing.canvas()
        start, use_clip_fps = placing.preview.placing(start, use_clip_fps)
    elif not picking.is_on and any(each.source == track.source for each in results_in(scene)):
        return None
    else:
        fps = track.fps or ASSUMED_FPS
        tall = settings.height / scene.unit_settings.scale_length
        canvas = flat_canvas(detections.plane(index, tall))
    rate = fps if use_clip_fps else frame_rate(scene)
    time = (scene.frame_current_final - start) / rate
    people = sightings_at(settings, detections, time)
    return Seen(people, canvas) if people else None


def sightings_at(
    settings: Any, detections: Detections | None, time: float
) -> list[tuple[int, Sighting]]:
    """The chosen person at a time of the clip, in seconds, or all while one is being chosen."""
    if detections is None:
        return []
    chosen = chosen_index(settings, detections.people)
    rule = rule_of(settings)
    found: list[tuple[int, Sighting]] = []
    for index in range(len(detections.people)) if picking.is_on else (chosen,):
        frame = detections.people[index].near(time)
        if frame is not None and len(found) < _MOST_SHOWN:
            found.append((index, detections.people[index].at(frame, rule)))
    return found
