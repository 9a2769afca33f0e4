"""Sequences that wait for the user's yes: kept in memory, drawn over the viewport, then applied.

The scene carries only a preview's id, which undo and redo bring back; what it stands for lies here
until Blender opens another file or the store needs its place.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from bpy.types import Context
from mathutils import Matrix
from numpy.typing import NDArray

from ..keypoints.sequence import JointState, PoseSequence
from ..keypoints.space import MovingCamera, SpaceSequence, StillCamera
from ..skeletons import joint_index
from .canvas import Canvas, flat_canvas, space_canvas
from .coordinates import PicturePlane, picture_plane, space_to_scene
from .footage import Footage
from .look import STATE_COLOURS, Colours
from .result import (
    Result,
    asked_height,
    clip_of,
    create_result,
    has_own_world,
    results_in,
    scene_frames,
    to_replace,
)

_PELVIS = joint_index("pelvis")
# Undo may bring back any of these; the oldest is forgotten first.
_MOST_KEPT = 20
_MOST_BYTES = 512 * 2**20

_kept: OrderedDict[str, Preview] = OrderedDict()


@dataclass(frozen=True)
class Preview:
    """One person's sequence, not yet in the scene.

    space: the same clip lifted; None for a flat one
    settings: what it was upsampled with, as ``create_result`` stores it
    again_uid: ``session_uid`` of an object of the result that was run again, in whose place this
        one goes; 0 where none was
    placed: the start frame and whether the clip's rate is the scene's, where a moving camera
        leaves no choice
    footage: path of the video that it was upsampled with, empty for none
    """

    sequence: PoseSequence
    space: SpaceSequence | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    again_uid: int = 0
    placed: tuple[int, bool] | None = None
    footage: str = ""

    @property
    def clip(self) -> Path:
        """What people know the source by; see ``clip_of``."""
        return clip_of(self.sequence.source, self.settings)

    @cached_property
    def _unit_plane(self) -> PicturePlane:
        return picture_plane(self.sequence.positions, 1.0)

    @cached_property
    def shares(self) -> dict[JointState, float]:
        """Of all joints in all frames, how many are in each state, in [0, 1]."""
        counts = np.bincount(self.sequence.state.ravel(), minlength=len(JointState))
        return {state: float(counts[state] / counts.sum()) for state in JointState}

    def plane(self, tall: float) -> PicturePlane:
        """How the picture lies in the scene for a person ``tall`` scene units tall."""
        unit = self._unit_plane
        return PicturePlane(unit.units_per_pixel * tall, unit.origin_x, unit.floor_y)

    def placing(self, start_frame: int, use_clip_fps: bool) -> tuple[int, bool]:
        """The start frame and whose rate counts, as asked for where that is still free."""
        return self.placed or (start_frame, use_clip_fps)

    def in_picture(self, time: float) -> Figure | None:
        """The joints at a time of the clip, in seconds, as its camera sees them; None outside it.

        Places are pixels of the picture, x right and y down, z 0; so is the spread.
        """
        times = self.sequence.times
        half = 0.5 / self.sequence.fps
        if not times[0] - half <= time <= times[-1] + half:
            return None
        before, after, share = between(times, time)
        nearest = after if share >= 0.5 else before
        state = self.sequence.state[nearest]
        if self.space is None:
            places, size = self._mixed(before, after, share), np.ones(1)
            unsure = self.sequence.uncertainty[nearest]
        else:
            camera, unsure = self.space.camera, self.space.uncertainty[nearest]
            if isinstance(camera, MovingCamera):
                camera = StillCamera(
                    camera.turn[nearest], camera.eye[nearest], camera.lens, camera.size
                )
            world = self._mixed(before, after, share)
            depth = np.maximum(camera.to_camera(world)[:, 2], 1e-6)
            places, size = camera.project(world), camera.lens.focal / depth
        spread = np.where(state == JointState.OBSERVED, 0.0, unsure * size)
        return Figure(np.column_stack([places, np.zeros(len(places))]), state, spread)

    def _mixed(self, before: int, after: int, share: float) -> NDArray[np.float64]:
        rows = self.sequence.positions if self.space is None else self.space.positions
        return (1 - share) * rows[before].astype(np.float64) + share * rows[after]

    def between(
        self, before: int, after: int, share: float, tall: float
    ) -> tuple[NDArray[np.float64], float]:
        """Joints (28, 3) between two frames, in the space of a result's root, scene units.

        share: of the way; tall: the person, scene units. With them the size in the scene of what
        uncertainties are told in.
        """
        mixed = self._mixed(before, after, share)
        if self.space is None:
            plane = self.plane(tall)
            return plane.to_scene(mixed), plane.units_per_pixel
        scale = tall / self.space.height
        return space_to_scene(mixed, scale), scale


@dataclass(frozen=True)
class Figure:
    """A preview at one moment.

    points: (28, 3), world; state: (28,), JointState; spread: (28,), scene units, one standard
    deviation, 0 for what was observed
    """

    points: NDArray[np.float64]
    state: NDArray[np.int8]
    spread: NDArray[np.float64]


def keep(preview: Preview) -> str:
    """Remember a preview; returns the id by which the scene names it."""
    key = uuid.uuid4().hex
    _kept[key] = preview
    while len(_kept) > 1 and (len(_kept) > _MOST_KEPT or _kept_bytes() > _MOST_BYTES):
        _kept.popitem(last=False)
    return key


def find(key: str) -> Preview | None:
    """The preview of that id, None where it is unknown or forgotten."""
    return _kept.get(key)


def forget_all() -> None:
    """Empty the store: another file is opened, or the add-on is disabled."""
    _kept.clear()


def replaced(context: Context, preview: Preview, keep_previous: bool) -> Result | None:
    """The result in whose place ``apply`` will put the preview; None where there is none."""
    for result in results_in(context.scene) if preview.again_uid else ():
        is_again = any(item.session_uid == preview.again_uid for item in result.members)
        if is_again and not result.linked_from:
            return result
    return None if keep_previous else to_replace(context, preview.sequence)


@dataclass(frozen=True)
class Placing:
    """Where a preview is at the scene's current frame: there ``apply`` would put it.

    before, after, share: the frames of the clip between which it is, and how far
    is_within: whether the clip shows anything then
    tall: the person, scene units; place: the matrix of the root that it would get
    """

    preview: Preview
    before: int
    after: int
    share: float
    is_within: bool
    tall: float
    place: Matrix

    @property
    def nearest(self) -> int:
        """The nearer one of the two frames."""
        return self.after if self.share >= 0.5 else self.before

    def figure(self) -> Figure:
        """The joints."""
        preview = self.preview
        local, size = preview.between(self.before, self.after, self.share, self.tall)
        turn = np.array(self.place.to_3x3())
        points = local @ turn.T + np.array(self.place.translation)
        size *= float(np.mean(self.place.to_scale()))
        state = preview.sequence.state[self.nearest]
        unsure = preview.sequence if preview.space is None else preview.space
        is_seen = state == JointState.OBSERVED
        spread = np.where(is_seen, 0.0, unsure.uncertainty[self.nearest] * size)
        return Figure(points, state, spread)

    def canvas(self) -> Canvas:
        """The clip's picture; a lifted clip's stands where the person is, before its camera."""
        preview = self.preview
        if preview.space is None:
            return flat_canvas(preview.plane(self.tall)).moved(self.place)
        metres = preview.space.height
        joints, _ = preview.between(self.before, self.after, self.share, metres)
        camera = preview.space.camera
        if isinstance(camera, MovingCamera):
            turn, eye = camera.turn[self.nearest], camera.eye[self.nearest]
        else:
            turn, eye = camera.turn, camera.eye
        canvas = space_canvas(turn, eye, camera.lens, joints[_PELVIS], self.tall / metres)
        return canvas.moved(self.place)


def placing_at(
    context: Context,
    preview: Preview,
    height: float,
    start_frame: int,
    use_clip_fps: bool,
    keep_previous: bool = False,
) -> Placing:
    """Where the preview is at the scene's current frame; beyond its ends, as it is there."""
    scene, sequence = context.scene, preview.sequence
    start_frame, use_clip_fps = preview.placing(start_frame, use_clip_fps)
    frames = scene_frames(scene, sequence, start_frame, use_clip_fps)
    now = scene.frame_current_final
    before, after, share = between(frames, now)
    tall = asked_height(preview.space, height) / scene.unit_settings.scale_length
    previous = replaced(context, preview, keep_previous)
    root = previous.find("root") if previous is not None else None
    if has_own_world(preview.space):
        root = None
    place = root.matrix_world if root is not None else Matrix.Identity(4)
    is_within = bool(frames[0] - 0.5 <= now <= frames[-1] + 0.5)
    return Placing(preview, before, after, share, is_within, tall, place)


def between(moments: NDArray[np.float64], now: float) -> tuple[int, int, float]:
    """Before, after and share: between which of rising moments (F,) one is, and how far."""
    after = int(np.clip(np.searchsorted(moments, now, "right"), 1, max(len(moments) - 1, 1)))
    before = after - 1
    after = min(after, len(moments) - 1)
    span = moments[after] - moments[before]
    share = float(np.clip((now - moments[before]) / span, 0.0, 1.0)) if span > 0 else 0.0
    return before, after, share


def apply(
    context: Context,
    preview: Preview,
    *,
    footage: Footage | None = None,
    height: float,
    start_frame: int,
    use_clip_fps: bool,
    extend_range: bool,
    keep_previous: bool = False,
    colours: Colours = STATE_COLOURS,
) -> Result:
    """Make the previewed sequence a result in the scene; arguments as for ``create_result``."""
    start_frame, use_clip_fps = preview.placing(start_frame, use_clip_fps)
    return create_result(
        context,
        preview.sequence,
        space=preview.space,
        footage=footage,
        height=height,
        start_frame=start_frame,
        use_clip_fps=use_clip_fps,
        extend_range=extend_range,
        keep_previous=keep_previous,
        replaces=replaced(context, preview, keep_previous),
        colours=colours,
        settings={
            **preview.settings,
            **({} if footage is None else {"footage": str(footage.path)}),
            "height": height,
            "start_frame": start_frame,
            "use_clip_fps": use_clip_fps,
        },
    )


def _kept_bytes() -> int:
    return sum(
        each.sequence.positions.nbytes * (3 if each.space is None else 5) for each in _kept.values()
    )
