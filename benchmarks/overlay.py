"""What drawing over the viewport takes before OpenGL gets it: three people's ghosts and a preview.

Milliseconds of the processor for one redraw, the median of 300. Needs the bpy wheel.
"""

from __future__ import annotations

import os
import sys
import time

import bpy
import numpy as np

from jumps_blender import addon
from jumps_blender.operators import seen
from jumps_blender.scene.detections import keep_detections
from jumps_blender.scene.preview import Preview, keep
from jumps_blender.ui import overlay, shapes
from tests.blender.test_footage_view import track
from tests.blender.walker import walker

PEOPLE, FRAMES, ROUNDS = 3, 18_000, 300


def main() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    scene = bpy.context.scene
    settings, clip = scene.jumps, walker(FRAMES)
    settings.source, settings.format = "clip.json", "jumps"
    people = tuple(track(clip, 100.0 * n, str(n)) for n in range(PEOPLE))
    keep_detections(settings.source, settings.format, 0.0, people)
    for each in people:
        settings.people.add().person = each.track.person
    settings.preview = keep(Preview(clip))
    seen.picking.is_on = True  # then all people are drawn
    screen, taken = shapes.Screen.flat(1.0), []
    for frame in range(1, ROUNDS + 1):
        scene.frame_set(frame)
        begun = time.thread_time()
        overlay.viewport_shape(bpy.context, screen)
        taken.append(1000 * (time.thread_time() - begun))
    print(f"overlay of {PEOPLE} people and a preview, {FRAMES} frames: {np.median(taken):.2f} ms")


if __name__ == "__main__":
    try:
        main()
    finally:
        # What is registered at the interpreter's end makes bpy hang there.
        sys.stdout.flush()
        os._exit(0)
