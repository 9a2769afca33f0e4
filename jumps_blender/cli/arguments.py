"""What commands of ``jumps`` take: kinds of values, and groups of options."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

from ..keypoints import FORMATS
from ..keypoints.missing import MOST_SHAKING
from ..keypoints.track import MIN_CONFIDENCE
from ..model_runtime import ENGINES
from ..video.backends import BACKENDS
from ..video.environments import PYTHON_VARIABLE
from ..video.estimate import EstimateSettings

DEVICES = ("auto", "cpu", "cuda", "mps")


def add_source(
    parser: argparse.ArgumentParser, what: str = "pose file, OpenPose's folder, or a video"
) -> None:
    """What is read, for ``poses.read``."""
    parser.add_argument("input", type=Path, metavar="IN", help=what)
    parser.add_argument("--format", choices=FORMATS, help="default: recognised from the content")
    parser.add_argument(
        "--fps", type=positive_number, help="the source's frame rate (default: the file's, else 30)"
    )
    parser.add_argument(
        "--size",
        type=picture_size,
        metavar="WxH",
        help="the picture's size in pixels, for files with normalised coordinates",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Whose joints are found, from what of them and how, for ``poses.run_engine``."""
    parser.add_argument(
        "--engine", default="direct", help=f"{', '.join(ENGINES)} (default: direct)"
    )
    parser.add_argument("--device", default="auto", choices=DEVICES, help="default: auto")
    parser.add_argument("--person", metavar="ID", help="default: the most observed one")
    parser.add_argument(
        "--min-confidence",
        type=share,
        metavar="C",
        help="joints below count as missing (0 to 1, default: as the file wants it, else "
        f"{MIN_CONFIDENCE:g})",
    )
    parser.add_argument(
        "--shaking",
        type=factor,
        metavar="T",
        help="joints that shake so many times more than the body are 0.5 sure; 0 doesn't look "
        "(default: as the file wants it, else 0)",
    )
    parser.add_argument(
        "--edge",
        type=share,
        metavar="E",
        help="joints so near to the picture's edge count as missing (share of its size, default: "
        "as the file wants it, else 0)",
    )
    parser.add_argument(
        "--dilation",
        type=count_from(0),
        metavar="N",
        help="a joint that is missing is so N frames before and after, too (default: as the file "
        "wants it, else 0)",
    )
    parser.add_argument(
        "--denoise", action="store_true", help="let observed joints of low confidence move"
    )
    parser.add_argument(
        "--repair-swaps",
        action="store_true",
        help="exchange arms and legs that the detector took for each other",
    )


def add_estimator(parser: argparse.ArgumentParser) -> None:
    """How a video is looked at, for ``poses.estimated``."""
    usual = EstimateSettings()
    group = parser.add_argument_group("estimating poses from a video")
    group.add_argument(
        "--backend",
        default=usual.backend,
        choices=tuple(BACKENDS),
        help=f"default: {usual.backend}",
    )
    group.add_argument(
        "--python",
        type=Path,
        metavar="PATH",
        help=f"the Python with the backend's packages (default: {PYTHON_VARIABLE}, else what "
        "'jumps install-estimator' or 'make video' made)",
    )
    group.add_argument(
        "--model",
        type=named_model,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a file with the backend's weights: "
        + ", ".join(f"{m.name} ({b.name})" for b in BACKENDS.values() for m in b.models),
    )
    group.add_argument(
        "--start", type=seconds, default=usual.start, metavar="S", help="seconds (default: 0)"
    )
    group.add_argument("--stop", type=seconds, metavar="S", help="seconds (default: the end)")
    group.add_argument(
        "--step",
        type=count_from(1),
        default=usual.step,
        metavar="N",
        help="look at every N-th frame (default: 1)",
    )
    group.add_argument(
        "--longest-side",
        type=count_from(0),
        default=usual.longest_side,
        metavar="PIXELS",
        help="scale larger pictures down to it; 0 doesn't (default: %(default)s)",
    )
    group.add_argument(
        "--people",
        type=count_from(0),
        default=usual.people,
        metavar="N",
        help="how many to find at most (default: 0, as the backend does)",
    )
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where poses are kept, and found again (default: the user's folder for caches)",
    )


def named_model(text: str) -> tuple[str, Path]:
    """A model's name and its file."""
    name, separator, file = text.partition("=")
    if not (separator and name and file):
        raise argparse.ArgumentTypeError(f"{text} is not NAME=FILE")
    return name, Path(file)


def seconds(text: str) -> float:
    """A time from the beginning."""
    value = _number(text)
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0")
    return value


def _number(text: str) -> float:
    """A float; NaN for what is none, which every range refuses."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def positive_number(text: str) -> float:
    """A height, a rate, a length."""
    value = _number(text)
    if not 0 < value <= 1e4:
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero, up to 10000")
    return value


def share(text: str) -> float:
    """From nothing to all."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def factor(text: str) -> float:
    """So many times as much; 0 for never."""
    value = _number(text)
    if value != 0 and not 1 < value <= MOST_SHAKING:
        raise argparse.ArgumentTypeError(f"{text} is neither 0 nor above 1, up to {MOST_SHAKING:g}")
    return value


def count_from(least: int, most: int = 10**9) -> Callable[[str], int]:
    """Whole numbers."""

    def count(text: str) -> int:
        value = _number(text)
        if not (least <= value <= most and value.is_integer()):
            raise argparse.ArgumentTypeError(
                f"{text} is not a whole number from {least} to {most:,}"
            )
        return int(value)

    return count


def rig_name(text: str) -> tuple[Path, str]:
    """A .blend and the name of an object in it, empty where none is given."""
    flags = re.IGNORECASE | re.DOTALL
    found = re.fullmatch(r"(.*\.blend):(.*)", text, flags) or re.fullmatch(
        r"(.*\.blend)()", text, flags
    )
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is not a .blend, or FILE.blend:OBJECT")
    return Path(found[1]), found[2]


def picture_size(text: str) -> tuple[int, int]:
    """Width and height in pixels."""
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal() and int(width) * int(height)):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 1920x1080")
    return int(width), int(height)
