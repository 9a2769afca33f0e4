"""Motion-capture archives: 28 joints in 3D, for evaluation and training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import JumpsError
from ..files import npz_arrays
from ..skeletons import JOINTS

_NEEDED = frozenset(("offsets", "root", "clip_start", "clip_id", "subject", "valid", "fps"))
_KINDS = {"clip_id": "SU", "subject": "SU", "valid": "b", "clip_start": "iu"}  # else any number
# Of all arrays together; two hours of 28 joints at 120 frames per second are 75 million.
_MOST_VALUES = 500_000_000
_RATES = 1, 1000  # frames per second
_FARTHEST = 1e6  # metres


@dataclass(frozen=True)
class MocapClip:
    """One take of one subject.

    xyz: float32 (F, 28, 3), metres, right-handed, z up
    valid: bool (28,), joints that were measured or derived from measured ones; the others hold
        anything finite
    fps: frames per second
    """

    clip_id: str
    subject: str
    xyz: NDArray[np.float32]
    valid: NDArray[np.bool_]
    fps: float

    def at_rate(self, fps: float) -> MocapClip:
        """The clip at another rate, by the frames nearest in time; nothing is interpolated."""
        count = int((len(self.xyz) - 1) * fps / self.fps + 1e-6) + 1
        nearest = np.rint(np.arange(count) * (self.fps / fps)).astype(int)
        nearest = np.minimum(nearest, len(self.xyz) - 1)
        return MocapClip(self.clip_id, self.subject, self.xyz[nearest], self.valid, fps)


class MocapArchive:
    """An ``.npz`` of clips: offsets from the pelvis (int16 millimetres, or float metres) + root.

    Keys: ``offsets`` (N, 28, 3), ``root`` (N, 3), ``clip_start`` (C+1,), ``clip_id``, ``subject``,
    ``valid`` (C, 28), ``fps``, ``joint_names``. Raises JumpsError for a file that isn't one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise JumpsError(f"{self.path}: cannot be read (no such file).")
        try:
            data = npz_arrays(self.path, _MOST_VALUES, {*_NEEDED, "joint_names"})
        except JumpsError:
            raise
        # NumPy, zipfile, zlib, lzma and tokenize each raise errors of their own.
        except Exception as error:
            raise JumpsError(
                f"{self.path}: is not an .npz archive of motion capture ({error})."
            ) from error
        self._check(data)
        scale = 1000.0 if data["offsets"].dtype.kind == "i" else 1.0
        self._offsets, self._scale = data["offsets"], np.float32(1.0 / scale)
        self._root = data["root"].astype(np.float32)
        self._start = data["clip_start"].astype(np.int64)
        self._valid = data["valid"].astype(bool)
        self.clip_ids = [str(clip_id) for clip_id in data["clip_id"]]
        self.subjects = [str(subject) for subject in data["subject"]]
        self.lengths = np.diff(self._start)  # (C,), frames
        self.fps = float(data["fps"])

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __iter__(self) -> Iterator[MocapClip]:
        return (self.clip(number) for number in range(len(self)))

    def clip(self, number: int) -> MocapClip:
        """Clip ``number`` in metres; joints that are not valid and not finite become the pelvis."""
        span = slice(self._start[number], self._start[number + 1])
        xyz = self._root[span, None] + self._offsets[span].astype(np.float32) * self._scale
        xyz = np.where(np.isfinite(xyz), xyz, self._root[span, None])
        return MocapClip(
            self.clip_ids[number], self.subjects[number], xyz, self._valid[number], self.fps
        )

    def _check(self, data: dict[str, NDArray]) -> None:
        if missing := sorted(_NEEDED - data.keys()):
            raise JumpsError(f"{self.path}: the archive lacks {', '.join(missing)}.")
        frames = data["root"].shape[0] if data["root"].ndim else 0
        clips = data["clip_id"].shape[0] if data["clip_id"].ndim else 0
        shapes = {
            "offsets": (frames, len(JOINTS), 3),
            "root": (frames, 3),
            "clip_start": (clips + 1,),
            "clip_id": (clips,),
            "subject": (clips,),
            "valid": (clips, len(JOINTS)),
            "fps": (),
        }
        for key, shape in shapes.items():
            if data[key].shape != shape:
                raise JumpsError(f"{self.path}: {key} is {data[key].shape}, not {shape}.")
            if data[key].dtype.kind not in _KINDS.get(key, "iuf"):
                raise JumpsError(f"{self.path}: {key} holds {data[key].dtype}.")
        names = tuple(str(name) for name in data.get("joint_names", JOINTS))
        if names != JOINTS:
            raise JumpsError(f"{self.path}: joint_names are not the 28 joints in their order.")
        start = data["clip_start"].astype(np.int64)
        if clips == 0 or start[0] < 0 or start[-1] > frames or (np.diff(start) < 1).any():
            raise JumpsError(f"{self.path}: clip_start doesn't cut the frames into clips.")
        slowest, fastest = _RATES
        if not slowest <= data["fps"] <= fastest:
            raise JumpsError(f"{self.path}: fps is {data['fps']}, not {slowest} to {fastest}.")
        if not (np.abs(data["root"]) <= _FARTHEST).all():
            raise JumpsError(f"{self.path}: root must be finite, within {_FARTHEST:g} m.")
        far = np.abs(data["offsets"], dtype=np.float32) > _FARTHEST * 1000
        if far.any():
            raise JumpsError(f"{self.path}: offsets lie more than {_FARTHEST:g} m away.")
