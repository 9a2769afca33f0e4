"""From a picture's 28 joints to a body that walks over a floor: the whole way into space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..keypoints.sequence import PoseSequence
from ..keypoints.space import HELD, Lens, MovingCamera, SpaceSequence, StillCamera
from ..skeletons import joint_index
from . import lift_features
from .contacts import standing
from .engine import CancelQuery, Progress, is_out_of_memory
from .foot_lock import floor_level, locked, raised, settled
from .ground import find_ground
from .joint_limits import limited
from .smooth import USUAL_SMOOTHING, smoothed
from .upsample import require_torch

if TYPE_CHECKING:
    from .lift import Lift

_Made = TypeVar("_Made")
USUAL_FOCAL = 28.0  # millimetres of full frame: about what phones film with
_FILM = 36.0  # millimetres, full frame's longer side
_HELD = [joint_index(name) for name in HELD]
# Sizes that videos have, tried in turn where a file doesn't tell its own.
_SIZES = ((640, 480), (1280, 720), (720, 1280), (1920, 1080), (1080, 1920), (3840, 2160))


def lift_sequence(
    sequence: PoseSequence,
    *,
    height: float = 1.75,
    focal_mm: float = USUAL_FOCAL,
    lens: tuple[float, float, float] | None = None,
    smoothing: float = USUAL_SMOOTHING,
    foot_lock: bool = True,
    as_seen: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
    cancelled: CancelQuery | None = None,
    notify: Callable[[str], None] | None = None,
) -> SpaceSequence:
    """Lift 28 joints into space, find the floor and keep the feet on it.

    height: the person's standing height, metres; focal_mm: the lens' focal length, as of full frame
    whose longer side is the picture's; lens: instead of it, the focal length as a share of the
    picture's width, and the point straight ahead as shares of width and height; smoothing: from 0
    to 1, see ``smooth.py``; foot_lock: hold standing feet in their places. The camera is taken to
    stand still; as_seen: leave the joints in the camera's axes, and the pelvis as it was found,
    for ``before_moving``; notify: told when a graphics card's memory is too small, and the CPU
    computes. Raises JumpsError (no weights, no memory, an impossible height, smoothing or focal
    length) and WorkCancelledError.
    """
    require_torch("lifting to 3D")
    # Not at the top: importing PyTorch takes seconds.
    from .lift import Lifter

    size = sequence.image_size or guessed_size(sequence.positions)
    check_height(height)
    if not 0 <= smoothing <= 1:
        raise JumpsError(f"The smoothing is {smoothing:g}; give a number from 0 to 1.")
    if not 1 <= focal_mm <= 5000:
        raise JumpsError(f"The focal length is {focal_mm:g} mm; give one between 1 and 5000 mm.")
    inside = Lens(focal_mm / _FILM * max(size), (size[0] / 2, size[1] / 2))
    if lens is not None:
        inside = Lens(lens[0] * size[0], (lens[1] * size[0], lens[2] * size[1]))
    times = sequence.times
    seen = lift_features.whole(sequence.positions, sequence.uncertainty, sequence.confidence, times)

    def lifted(device: str) -> tuple[Lift, str]:
        lifter = Lifter.load(device)
        return lifter.lift(seen, inside, height, progress, cancelled), lifter.identity

    lift, identity = _where_it_fits(lifted, device, notify)
    calm = limited(smoothed(lift.positions, times, smoothing, only_body=as_seen))
    lift = replace(lift, positions=calm.astype(np.float32))
    camera, world = StillCamera(np.eye(3), np.zeros(3), inside, size), lift.positions.astype(float)
    free = world[:, _HELD]
    if not as_seen:
        camera, world, free = on_floor(lift, times, inside, size, foot_lock)
    if not np.isfinite(world.sum() + camera.eye.sum()):
        raise JumpsError(f"{sequence.source}: the lifter made a number that is not finite.")
    return SpaceSequence(
        picture=sequence,
        positions=world.astype(np.float32),
        uncertainty=lift.uncertainty,
        contact=lift.contact,
        stands=standing(lift.contact, times),
        free=free.astype(np.float32),
        camera=camera,
        height=height,
        lifter=identity,
    )


def check_height(height: float) -> None:
    """Raise JumpsError for a standing height, metres, that no person can have."""
    if not 0.1 <= height <= 100:
        raise JumpsError(f"The person's height is {height:g} m; give one between 0.1 and 100 m.")


def _where_it_fits(
    work: Callable[[str], _Made], device: str, notify: Callable[[str], None] | None
) -> _Made:
    """What ``work`` makes on a device; on the CPU where a graphics card's memory is too small."""
    from .direct import pick_device

    try:
        return work(device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if pick_device(device).type == "cpu":
            raise JumpsError(
                "Lifting ran out of memory; close other programs or split the clip."
            ) from error
    # Outside the handler, which holds on to what fills the graphics card's memory.
    if notify is not None:
        notify("The graphics card's memory is too small: the lifter computed on the CPU.")
    return work("cpu")


def on_floor(
    lift: Lift,
    times: NDArray[np.float64],
    lens: Lens,
    size: tuple[int, int],
    foot_lock: bool = True,
) -> tuple[StillCamera, NDArray[np.float64], NDArray[np.float64]]:
    """The camera in the world, and the joints (F, 28, 3) with their feet on the floor.

    Third, the joints ``HELD`` (F, 8, 3) before standing feet were held.
    """
    turn, eye = find_ground(lift, times)
    camera = StillCamera(turn, eye, lens, size)
    stands = standing(lift.contact, times)
    world = raised(settled(camera.to_world(lift.positions), eye, stands), times)
    # The first pelvis stays over the origin, whatever was moved.
    aside = np.array([*world[0, lift_features.PELVIS, :2], 0.0])
    world, camera = world - aside, replace(camera, eye=eye - aside)
    return camera, locked(world, stands, times) if foot_lock else world, world[:, _HELD]


def before_moving(
    seen: SpaceSequence, camera: MovingCamera, foot_lock: bool = True
) -> SpaceSequence:
    """A clip that was lifted ``as_seen``, in the world of the camera that filmed it.

    The floor is that world's, at z = 0; where the steps say that it lies elsewhere, it is there.
    Raises JumpsError for a camera that isn't finite.
    """
    if not np.isfinite(camera.turn.sum() + camera.eye.sum()):
        raise JumpsError(f"{seen.picture.source}: the camera's place is not a finite number.")
    times, world = seen.picture.times, camera.to_world(seen.positions.astype(float))
    stands = seen.stands
    down = np.array([0.0, 0.0, floor_level(world, stands)])
    free = raised(settled(world - down, camera.eye - down, stands), times)
    world = locked(free, stands, times) if foot_lock else free
    return replace(
        seen,
        positions=(world + down).astype(np.float32),
        free=(free + down)[:, _HELD].astype(np.float32),
        camera=camera,
    )


def guessed_size(positions: NDArray) -> tuple[int, int]:
    """The size of a picture that shows most of the joints (F, 28, 2); the smallest usual one."""
    right, below = np.percentile(positions.reshape(-1, 2), 99, axis=0)
    for size in _SIZES:
        if right <= size[0] and below <= size[1]:
            return size
    return int(np.ceil(max(right, 16))), int(np.ceil(max(below, 16)))


def floor_lines(space: SpaceSequence, step: float = 0.5) -> NDArray[np.float64]:
    """Lines of a grid on the floor around the body, (n, 2, 2) pixels; those behind the camera not.

    step: metres between two; none before a camera that moves
    """
    if isinstance(space.camera, MovingCamera):
        return np.empty((0, 2, 2))
    feet = space.positions[:, lift_features.PELVIS, :2]
    low = np.floor((np.percentile(feet, 1, axis=0) - 1) / step).astype(int)
    high = np.ceil((np.percentile(feet, 99, axis=0) + 1) / step).astype(int)
    high = np.minimum(high, low + 100)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    grid = np.stack([x, y, 0 * x], axis=-1) * step
    ends = [(grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:])]
    lines = np.concatenate([np.stack(pair, axis=-2).reshape(-1, 2, 3) for pair in ends])
    before = (space.camera.to_camera(lines)[..., 2] > 0.1).all(axis=1)
    return space.camera.project(lines[before])
