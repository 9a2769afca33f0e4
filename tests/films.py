"""Small movies for tests, written with PyAV."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICKS = 600  # to a second


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray],
    fps: float = 30.0,
    ticks: Sequence[int] | None = None,
) -> Path:
    """H.264 of pictures, uint8 (h, w, 3), evenly or at given ticks."""
    height, width = pictures[0].shape[:2]
    kind = {".mkv": "matroska"}.get(path.suffix, path.suffix[1:])
    with av.open(str(path), "w", format=kind) as film:
        stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, TICKS)
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round(i * TICKS / fps) if ticks is None else ticks[i]
            frame.time_base = Fraction(1, TICKS)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def turn_upright(path: Path) -> None:
    """Say in an MP4 that it was filmed with the phone turned by 90 degrees, as phones do."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
    upright = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *upright)
    path.write_bytes(content)


def numbered(count: int, size: tuple[int, int] = (320, 180)) -> list[np.ndarray]:
    """Pictures that tell their number, from 0, by their blue; red is their top left quarter."""
    pictures = []
    for i in range(count):
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        picture[: size[1] // 2, : size[0] // 2, 0] = 200
        picture[..., 2] = 8 * i % 256
        pictures.append(picture)
    return pictures


def number_of(picture: np.ndarray) -> int:
    """Which of ``numbered`` this is; from the lower right, where nothing else is."""
    return round(float(picture[-picture.shape[0] // 4 :, -10:, 2].mean()) / 8)
