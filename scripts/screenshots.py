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

# The pictures that are kept, and what of them: left, top, right, bottom; None: the whole.
PICTURES: dict[str, tuple[int, int, int, int] | None] = {"preview": None}


def main() -> None:
    try:
        window.make_window()
        with tempfile.TemporaryDirectory() as folder:
            result = window.run_in_window(
                "screenshots",
                Path(folder),
                extension=window.build_extension(),
                files=[EXAMPLE],
                example=EXAMPLE.name,
            )
            for name, box in PICTURES.items():
                keep(result.picture(name, box), IMAGES / f"{name}.png")
    except (window.NoWindowError, window.ScriptError) as error:
        sys.exit(f"screenshots: {error}")


def keep(image: Image.Image, path: Path) -> None:
    """Write a picture as small as it can be without anybody seeing a difference."""
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        sys.exit(f"screenshots: {path} has {size} bytes, more than {LARGEST}; crop it")
    print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
