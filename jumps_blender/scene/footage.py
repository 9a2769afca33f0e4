"""Footage: the movie or the numbered images that poses were found in, behind a result's camera.

Blender decodes it: it turns upright what a phone filmed upright, and finds the frames of movies
with uneven frame rates by their times.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Camera, Image
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.sequence import PoseSequence
from ..keypoints.space import SpaceSequence
from ..video.containers import cut_off
from ..video.lens import focal_mm
from ..video.motion import WIDTH, CameraMotion, camera_motion, moments, person_boxes
from .keyframes import MAX_FRAME, channelbag_for, write_curve

# Where a camera's animation keeps which of the frames it shows.
OFFSET = "background_images[0].image_user.frame_offset"
_HELD_BYTES = 2**26  # of pictures that are decoded and not freed yet
_ALPHA = 0.7  # the empties and bones before it are thin
_MOST_FRAMES = 10_000_000
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
# How much the proportions of the poses' picture and of the footage may differ: sizes are rounded.
_SAME_SHAPE = 0.02


@dataclass(frozen=True)
class Footage:
    """A movie, a numbered sequence of images, or a single image.

    path: the movie, or the first of the images
    size: (width, height) of the upright picture, pixels
    fps: frames per second; 0 for images, which have no rate
    frames: how many there are, at that rate
    first: the number of the first image; 1 for movies
    """

    path: Path
    size: tuple[int, int]
    fps: float
    frames: int
    first: int

    @property
    def focal_mm(self) -> float | None:
        """What it tells of its lens; see ``video.lens.focal_mm``."""
        return focal_mm(self.path)


def find_footage(path: str | os.PathLike[str]) -> Footage:
    """What a movie, an image or a folder of images is; one of numbered images means all of them.

    Raises JumpsError for what isn't there and what Blender can't read.
    """
    file = Path(bpy.path.abspath(os.fspath(path)))
    try:
        if file.is_dir():
            file = _first_image(file)
        if not file.is_file():
            raise JumpsError(f"{file}: no such file; choose the footage anew, or none.")
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise JumpsError(f"{path}: cannot be read ({reason}).") from error
    if file.suffix.lower() in bpy.path.extensions_image:
        return _images(file)
    try:
        clip = bpy.data.movieclips.load(str(file))
    except RuntimeError as error:
        raise _unreadable(file) from error
    try:
        # A clip that can't be read has a size nevertheless.
        if clip.frame_duration < 1 or not clip.fps > 0:
            raise _unreadable(file)
        size = int(clip.size[0]), int(clip.size[1])
        return Footage(file, size, float(clip.fps), min(clip.frame_duration, _MOST_FRAMES), 1)
    finally:
        bpy.data.movieclips.remove(clip)


def _unreadable(file: Path) -> JumpsError:
    return JumpsError(f"{file}: Blender cannot read this as a movie or an image.")


def _first_image(folder: Path) -> Path:
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in bpy.path.extensions_image and file.is_file():
            return file
    raise JumpsError(f"{folder}: no images in this folder.")


def _images(file: Path) -> Footage:
    image = bpy.data.images.load(str(file))
    try:
        size = int(image.size[0]), int(image.size[1])
    finally:
        bpy.data.images.remove(image)
    if min(size) < 1:
        raise _unreadable(file)
    # As Blender takes it: the last digits before the suffix are the number.
    parts = re.fullmatch(r"(.*?)(?<!\d)(\d{1,9})(\D*)", file.stem, re.DOTALL)
    if parts is None:
        return Footage(file, size, 0.0, 1, 1)
    head, tail = re.escape(parts[1]), re.escape(parts[3] + file.suffix)
    alike = re.compile(head + r"(\d{1,9})" + tail)
    found = (alike.fullmatch(entry.name) for entry in os.scandir(file.parent))
    names = {int(match[1]): match[0] for match in found if match}
    first = min(names)
    return Footage(file.with_name(names[first]), size, 0.0, max(names) - first + 1, first)


def picture_size(
    sequence: PoseSequence, space: SpaceSequence | None, footage: Footage
) -> tuple[int, int]:
    """(width, height) of the picture in whose pixels the poses are."""
    return sequence.image_size or (footage.size if space is None else space.camera.size)


def footage_notes(
    footage: Footage, sequence: PoseSequence, space: SpaceSequence | None = None
) -> list[str]:
    """What about footage doesn't fit the poses, a line for people each."""
    notes, name = [], footage.path.name
    if cut_off(footage.path):
        notes.append(
            f"{name} is cut off: its last pictures are missing, and others stand for them."
        )
    size = picture_size(sequence, space, footage)
    if sequence.image_size is None and size != footage.size:
        notes.append(
            f"the clip was lifted before {name} told the picture's size, and "
            f"{size[0]}x{size[1]} was guessed: upsample it again."
        )
    elif abs(footage.size[0] / footage.size[1] * size[1] / size[0] - 1) > _SAME_SHAPE:
        notes.append(
            f"{name} is {footage.size[0]}x{footage.size[1]}, but the poses were found in "
            f"{size[0]}x{size[1]}: it is another video, or was cropped or turned."
        )
    last = round(sequence.times[-1] * (footage.fps or sequence.fps)) + 1
    if last > footage.frames + 1:
        words = f"{name} ends at frame {footage.frames}, but the poses go on to frame {last}"
        if footage.fps and abs(footage.fps / sequence.fps - 1) > 0.01:
            words += (
                f"; if they are of the whole video, their frame rate is {footage.fps:g} and not "
                f"{sequence.fps:g}"
            )
        notes.append(f"{words}.")
    return notes


def show_behind(
    camera: Camera,
    footage: Footage,
    scene_fps: float,
    start_frame: int,
    end_frame: int,
    fps: float,
) -> Image:
    """Give a camera the footage as its only background; returns the image that shows it.

    It shows at each frame of the scene the footage's frame of that time, its first one at
    ``start_frame``. The camera's frame must have the picture's proportions.

    fps: the poses' frame rate, at which images are taken to come
    end_frame: where the result ends; the footage may go on
    """
    image = next((each.image for each in camera.background_images if each.image), None)
    if image is None or not _shows(image, footage):
        image = _loaded(footage)
        if bpy.data.is_saved and bpy.context.preferences.filepaths.use_relative_paths:
            with suppress(ValueError):  # on another drive
                image.filepath = bpy.path.relpath(str(footage.path))
    for each in camera.background_images:
        each.image = None  # Blender forgets to count it out
    camera.background_images.clear()
    if camera.animation_data is not None and camera.animation_data.action is not None:
        bpy.data.actions.remove(camera.animation_data.action)
    behind = camera.background_images.new()
    behind.source = "IMAGE"
    behind.image = image
    behind.alpha = _ALPHA
    behind.display_depth = "BACK"
    # The poses' picture fills the frame; pixels that aren't square do so too.
    behind.frame_method = "STRETCH"
    camera.show_background_images = True
    user = behind.image_user
    user.use_auto_refresh = True
    user.frame_start = start_frame
    user.frame_duration = footage.frames
    user.frame_offset = footage.first - 1
    rate = (footage.fps or fps) / scene_fps
    if footage.frames > 1 and abs(rate - 1) * footage.frames > 0.5:
        # Blender shows one frame of a movie for one of the scene: skip, or wait. It counts no
        # farther than to frame_duration, and only then adds the offset.
        counted = max(footage.frames, math.ceil(footage.frames / rate))
        user.frame_duration = min(counted, MAX_FRAME)
        frames = np.arange(start_frame, max(end_frame, start_frame) + 1)
        passed = np.minimum(frames - start_frame, user.frame_duration - 1)
        # Halves go up, so that each frame of a 30 fps movie is shown for two of 60.
        wanted = np.minimum(np.floor(passed * rate + 0.5), footage.frames - 1)
        offsets = footage.first - 1 + wanted - passed
        action = bpy.data.actions.new("JUMPS")
        bag = channelbag_for(action, camera)
        write_curve(bag, OFFSET, 0, frames.astype(float), offsets, "CONSTANT")
    return image


def pictures(
    footage: Footage, numbers: Iterable[int], longest: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Frames of footage, (h, w, 3), sRGB; read fastest in their order.

    numbers: from 0; those beyond the end show the last frame
    longest: pixels of the longer side; 0 leaves the size as it is

    Raises JumpsError where Blender can't decode one.
    """
    width, height = footage.size
    if longest:
        share = longest / max(width, height)
        width, height = max(round(width * share), 1), max(round(height * share), 1)
    image = _loaded(footage)
    # Freeing a movie's pictures closes it, and opening it again takes longer than all the rest.
    held, most = 0, max(_HELD_BYTES // (4 * footage.size[0] * footage.size[1]), 1)
    try:
        for number in numbers:
            frame = min(max(int(number), 0), footage.frames - 1) + footage.first
            try:
                # The way to a certain frame's pixels that needs neither a render nor a window.
                image.scale(width, height, frame=frame)
            except RuntimeError as error:
                raise JumpsError(
                    f"{footage.path}: Blender cannot decode frame {frame}; the file may be broken."
                ) from error
            pixels = np.empty((height, width, image.channels), np.float32)
            image.pixels.foreach_get(pixels.ravel())
            held += 1
            if held >= most:
                image.buffers_free()
                held = 0
            # Blender's rows go up; grey images have one channel.
            shown = pixels[::-1, :, :3] if image.channels >= 3 else pixels[::-1, :, :1]
            # Of footage's million pixels nothing is copied that needn't be.
            np.clip(shown, 0, 1, out=shown)
            shown *= 255
            shown += 0.5
            yield np.broadcast_to(shown.astype(np.uint8), (height, width, 3))
    finally:
        bpy.data.images.remove(image)


def _loaded(footage: Footage) -> Image:
    image = bpy.data.images.load(str(footage.path))
    image.source = "MOVIE" if footage.fps else "SEQUENCE" if footage.frames > 1 else "FILE"
    return image


def _shows(image: Image, footage: Footage) -> bool:
    return os.path.normpath(bpy.path.abspath(image.filepath)) == os.path.normpath(footage.path)


def frame_numbers(footage: Footage, sequence: PoseSequence) -> NDArray[np.int64]:
    """(F,): which of the footage's frames, from 0, shows each of the sequence's."""
    numbers = np.round(sequence.times * (footage.fps or sequence.fps))
    return np.clip(numbers, 0, footage.frames - 1).astype(np.int64)


def motion_behind(
    footage: Footage,
    sequence: PoseSequence,
    progress: Callable[[float], None] = lambda _share: None,
) -> CameraMotion:
    """Whether the camera that filmed moves, by the footage around the person.

    Raises JumpsError where Blender can't decode it.
    """
    return _followed(footage, *_samples(footage, sequence), progress)


def background_questions(footage: Footage, sequence: PoseSequence) -> str:
    """What ``answer`` must know, as JSON of at most some kilobytes."""
    numbers, boxes = _samples(footage, sequence)
    return json.dumps([str(footage.path), numbers, np.round(boxes, 4).tolist()])


def answer(questions: str) -> str:
    """``motion_behind`` in another process: its fields, as JSON."""
    path, numbers, boxes = json.loads(questions)
    motion = _followed(find_footage(path), numbers, np.array(boxes))
    return json.dumps(vars(motion))


def _samples(footage: Footage, sequence: PoseSequence) -> tuple[list[int], NDArray[np.float64]]:
    """Frames to look at, from 0, and the person's boxes (n, 4), shares of width and height."""
    chosen = moments(sequence.times)
    boxes = person_boxes(sequence.positions[chosen])
    size = sequence.image_size or footage.size
    return frame_numbers(footage, sequence)[chosen].tolist(), boxes / (*size, *size)


def _followed(
    footage: Footage,
    numbers: list[int],
    boxes: NDArray[np.float64],
    progress: Callable[[float], None] = lambda _share: None,
) -> CameraMotion:
    grey = []
    for picture in pictures(footage, numbers, WIDTH):
        grey.append(picture @ _GREY)
        progress(len(grey) / len(numbers))
    height, width = grey[0].shape
    return camera_motion(np.stack(grey), boxes * (width, height, width, height))


def moving_words(motion: CameraMotion) -> str:
    """What to tell people about a camera that moves."""
    return (
        f"the footage's camera moves (by {motion.reach:.0%} of the picture's height), but lifting "
        "takes it to stand still: the floor will tilt and the body drift. Solve the camera's "
        "motion in Blender and lift with it, or use a part of the clip in which it stands."
    )
