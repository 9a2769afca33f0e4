"""Take the documentation's pictures of Blender's window anew, into docs/images/.

Needs what `make test-ui` needs. Look at the pictures before they are kept.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track
from tests.fake_estimator import STUB
from tests.films import write_film
from tests.painted import painted
from tests.ui import window
from tests.ui.test_use import mediapipe

ROOT = window.ROOT
IMAGES = ROOT / "docs" / "images"
EXAMPLE = next((ROOT / "examples").glob("*.json"))
LARGEST = 250_000  # bytes
FRAMES = 900  # three times the example, so that a progress bar can be seen halfway

# The pictures that are kept of the whole way, and what they are called in the documentation.
STEPS = {
    "2_dropped": "import",
    "4_upsampling": "upsampling",
    "5_preview_0": "preview",
    "7_baked": "panel",
    "8_export": "export",
}
# Where the example is seen best.
VIEW = {"scrub": [0.187, 0.4], "look_at": (-0.15, 0.0, 1.1), "distance": 3.2}


def main() -> None:
    try:
        window.make_window()
        with tempfile.TemporaryDirectory() as folder:
            way = take("whole_way", Path(folder) / "way", **VIEW, smooth=True, limit=200.0)
            for name, title in STEPS.items():
                keep(way.picture(name), IMAGES / f"{title}.png")
            looks = take("looks", Path(folder) / "looks")
            names = ("dark", "light", "japanese", "large")
            panels = [looks.picture(name, looks.figures[name]) for name in names]
            keep(side_by_side(panels), IMAGES / "looks.png")
            take_video(Path(folder))
            bare = take("browse", Path(folder) / "bare")
            keep(
                bare.picture("without_pytorch", bare.figures["sidebar"]),
                IMAGES / "without_pytorch.png",
            )
            own = take("estimators", Path(folder) / "own", size="1280x940")
            keep(own.picture("preferences", own.figures["preferences"]), IMAGES / "preferences.png")
    except (window.NoWindowError, window.ScriptError) as error:
        sys.exit(f"screenshots: {error}")


def footage(path: Path) -> Path:
    """Three seconds of the example, painted, the right forearm behind a board in the second one."""
    track = choose_person(read_pose_file(EXAMPLE, fps=30.0))
    clip = upsample_track(track).positions[40:130].astype(float)
    low, high = clip.min(axis=(0, 1)), clip.max(axis=(0, 1))
    clip = (clip - (low + high) / 2) * 1.25 + (480, 370)
    return write_film(path, painted(clip, (960, 720), range(40, 70)))


def take_video(folder: Path) -> None:
    """From a video, with the real estimator."""
    film = footage(folder / "karate.mp4")
    flat, deep = (video_way(folder / name, film, name == "lifted") for name in ("flat", "lifted"))
    for way, name, title in (
        (flat, "estimating", "estimating"),
        (flat, "preview", "footage"),
        (deep, "plane", "plane"),
    ):
        keep(way.picture(name), IMAGES / f"{title}.png")


def video_way(folder: Path, film: Path, lift: bool) -> window.Result:
    """From a film to a result, and to its footage's plane where it is lifted."""
    folder.mkdir()
    return window.run_in_window(
        "mediapipe",
        folder,
        extension=window.build_extension(),
        files=[film, STUB.with_name("fake_estimator.py")],
        shown=mediapipe(),
        film=film.name,
        end=0.0,
        frame=51,
        engine="ridge",
        lift=lift,
        plane=lift,
        smooth=True,
        limit=560.0,
        seconds=600,
    )


def take(script: str, folder: Path, **options: object) -> window.Result:
    """Run a script of tests/ui/scripts with the project's example, repeated."""
    folder.mkdir()
    clip = window.repeated(EXAMPLE, FRAMES, folder.parent / EXAMPLE.name)
    return window.run_in_window(
        script,
        folder,
        extension=window.build_extension(),
        files=[clip],
        file=clip.name,
        seconds=240,
        **options,
    )


def side_by_side(images: list[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (sum(i.width for i in images), max(i.height for i in images)))
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width
    return whole


def keep(image: Image.Image, path: Path) -> None:
    """Write a picture as small as it can be without anybody seeing a difference."""
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        sys.exit(f"screenshots: {path} has {size} bytes, more than {LARGEST}; crop it")
    print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
