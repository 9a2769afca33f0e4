"""Take the documentation's pictures of Blender's window anew, into docs/images/.

Needs what `make test-ui` needs. Look at the pictures before they are kept.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.ui import window

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
            bare = take("browse", Path(folder) / "bare")
            keep(
                bare.picture("without_pytorch", bare.figures["sidebar"]),
                IMAGES / "without_pytorch.png",
            )
            own = take("estimators", Path(folder) / "own", size="1280x940")
            keep(own.picture("preferences", own.figures["preferences"]), IMAGES / "preferences.png")
    except (window.NoWindowError, window.ScriptError) as error:
        sys.exit(f"screenshots: {error}")


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
