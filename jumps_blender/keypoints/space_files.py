"""The 28 joints in space as files: the project's own JSON and NPZ, TRC and C3D for biomechanics.

Own files say their units and axes themselves (described in docs/pose_files.md). TRC is what OpenSim
reads: millimetres, y up. C3D is what motion-capture and gait laboratories exchange: millimetres,
z up.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import written_whole
from ..skeletons import JOINTS, joint_index
from .space import CONTACTS, MovingCamera, SpaceSequence, StillCamera

VERSION = 1
_UNITS = "metres"
_AXES = "right-handed, z up, the floor at z = 0"
_CAMERA_AXES = "right, down, forward"
_DECIMALS = {"positions": 6, "uncertainty": 6, "contact": 4}  # in JSON
_PER_METRE = 1000.0  # millimetres, of TRC and C3D
# Even frames that uneven times are made into: more than these, and so many times their number, come
# of times in another unit.
_LONGEST, _MOST_STRETCHED = 10_000, 100
_EVEN = 1e-3  # seconds that a frame may be away from where its rate has it


@dataclass(frozen=True)
class SpaceClip:
    """28 joints over F frames in space, with what is known of them; the rest is None.

    positions: float64 (F, 28, 3), metres, z up, finite
    times: float64 (F,), seconds, strictly increasing; fps: frames per second
    person, source, engine, lifter: as in ``PoseSequence`` and ``SpaceSequence``
    state: int8 (F, 28), JointState; uncertainty: float32 (F, 28), metres
    contact: float32 (F, 4), probability that the parts of the feet stand, as ``CONTACTS``
    height: the person's standing height, metres
    """

    positions: NDArray[np.float64]
    times: NDArray[np.float64]
    fps: float
    person: str
    source: str
    engine: str
    lifter: str
    state: NDArray[np.int8] | None = None
    uncertainty: NDArray[np.float32] | None = None
    contact: NDArray[np.float32] | None = None
    camera: StillCamera | MovingCamera | None = None
    height: float | None = None


def clip_of(space: SpaceSequence) -> SpaceClip:
    """A lifted sequence as what is written of it."""
    picture = space.picture
    return SpaceClip(
        positions=space.positions.astype(np.float64),
        times=picture.times,
        fps=picture.fps,
        person=picture.person,
        source=picture.source,
        engine=picture.engine,
        lifter=space.lifter,
        state=picture.state,
        uncertainty=space.uncertainty,
        contact=space.contact,
        camera=space.camera,
        height=space.height,
    )


def in_place(clip: SpaceClip) -> SpaceClip:
    """The same with the pelvis over where it is in the first frame; up and down it still moves."""
    path = clip.positions[:, joint_index("pelvis"), :2]
    positions = clip.positions.copy()
    positions[..., :2] -= (path - path[0])[:, None]
    return replace(clip, positions=positions)


def write_space(clip: SpaceClip, path: str | os.PathLike[str]) -> None:
    """Write as JSON, NPZ, TRC or C3D, by the path's suffix.

    The file is whole or not there at all. Raises JumpsError for another suffix, a path that
    cannot be written, or where C3D needs a Python package that is not installed.
    """
    encode = _ENCODERS.get(Path(path).suffix.lower())
    if encode is None:
        raise JumpsError(f"{path}: the name must end in {' or '.join(_ENCODERS)}.")
    content = encode(clip)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def check_c3d() -> None:
    """Raise JumpsError where the package that writes C3D is not installed."""
    try:
        import c3d  # noqa: F401
    except ImportError as error:
        raise JumpsError(
            "Writing C3D needs the Python package c3d; install it with 'pip install c3d', in "
            "Blender with its own Python, or write TRC."
        ) from error


def _json(clip: SpaceClip) -> bytes:
    # One key per line keeps the file readable from its first screen.
    members = _members(clip)
    for key, decimals in _DECIMALS.items():
        if members[key] is not None:
            members[key] = members[key].astype(np.float64).round(decimals)
    lines = [
        f"{json.dumps(key)}:"
        + json.dumps(value, default=np.ndarray.tolist, separators=(",", ":"), allow_nan=False)
        for key, value in members.items()
    ]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _npz(clip: SpaceClip) -> bytes:
    members = _members(clip)
    camera = members.pop("camera") or {}
    members |= {f"camera_{key}": value for key, value in camera.items()}
    archive = io.BytesIO()
    known = {key: np.asarray(value) for key, value in members.items() if value is not None}
    np.savez(archive, allow_pickle=False, **known)
    return archive.getvalue()


def _members(clip: SpaceClip) -> dict[str, Any]:
    camera = clip.camera
    return {
        "format": "jumps-space",
        "version": VERSION,
        "units": _UNITS,
        "axes": _AXES,
        "source": clip.source,
        "person": clip.person,
        "engine": clip.engine,
        "lifter": clip.lifter,
        "height": clip.height,
        "fps": clip.fps,
        "joint_names": list(JOINTS),
        "times": clip.times,
        "positions": clip.positions,
        "state": clip.state,
        "uncertainty": clip.uncertainty,
        "contact_names": list(CONTACTS),
        "contact": clip.contact,
        "camera": camera
        and {
            "axes": _CAMERA_AXES,
            "to_world": camera.turn,
            "place": camera.eye,
            "focal": camera.lens.focal,
            "centre": list(camera.lens.centre),
            "image_size": list(camera.size),
        },
    }


def _trc(clip: SpaceClip) -> bytes:
    """Track Row Column, as OpenSim documents it: its y is up, and what was forward (y) is -z."""
    points = _even(clip)[..., [0, 2, 1]] * (1, 1, -1) * _PER_METRE
    points = points.round(3) + 0.0  # without zeros below zero
    count = len(points)
    rate = f"{clip.fps:.6g}"
    name = "_".join(Path(clip.source).stem.split()) or "jumps"
    axes = [f"{axis}{joint}" for joint in range(1, len(JOINTS) + 1) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{len(JOINTS)}\tmm\t{rate}\t1\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(JOINTS),
        "\t\t" + "\t".join(axes),
        "",
    ]
    for frame, row in enumerate(points.reshape(count, -1)):
        numbers = "\t".join(f"{value:.3f}" for value in row)
        lines.append(f"{frame + 1}\t{frame / clip.fps:.6f}\t{numbers}")
    return ("\n".join(lines) + "\n").encode()


def _c3d(clip: SpaceClip) -> bytes:
    check_c3d()
    import c3d

    writer = c3d.Writer(point_rate=clip.fps, point_scale=-1.0, point_units="mm")
    writer.set_point_labels(JOINTS)
    writer.set_screen_axis(X="+X", Y="+Z")
    no_analog = np.zeros((0, 0))
    for points in _even(clip) * _PER_METRE:
        # Beside the place its residual and which cameras saw it: 0 for both, a valid point.
        writer.add_frames([(np.pad(points, ((0, 0), (0, 2))), no_analog)])
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no analog data
        writer.write(content)
    return content.getvalue()


def _even(clip: SpaceClip) -> NDArray[np.float64]:
    """(F', 28, 3): places at the frame rate's times, for formats that know no others."""
    times = clip.times - clip.times[0]
    count = round(float(times[-1]) * clip.fps) + 1
    if count > max(_LONGEST, _MOST_STRETCHED * len(times)):
        raise JumpsError(
            f"{len(times)} frames last {times[-1]:g} s, which {clip.fps:g} frames per second make "
            f"{count} of; TRC and C3D need even frames: correct the clip's times or frame rate."
        )
    even = np.arange(count) / clip.fps
    if len(even) == len(times) and np.abs(even - times).max() < _EVEN:
        return clip.positions
    flat = clip.positions.reshape(len(times), -1)
    columns = [np.interp(even, times, column) for column in flat.T]
    return np.stack(columns, axis=-1).reshape(len(even), *clip.positions.shape[1:])


_ENCODERS: dict[str, Callable[[SpaceClip], bytes]] = {
    ".json": _json,
    ".npz": _npz,
    ".trc": _trc,
    ".c3d": _c3d,
}
