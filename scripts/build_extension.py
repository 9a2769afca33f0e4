"""Build and check the extension: dist/jumps_blender-VERSION.zip.

Uses the extension command line that comes with the bpy wheel, without starting Blender.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "jumps_blender"
DESTINATION = ROOT / "dist"


def main() -> None:
    scripts = _blender_scripts()
    tool = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tags = scripts / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))
    archive = DESTINATION / f"{manifest['id']}-{manifest['version']}.zip"

    DESTINATION.mkdir(exist_ok=True)
    archive.unlink(missing_ok=True)
    # Wrong tags are only found when the tool is told which ones are right.
    check = (f"--valid-tags={tags}",)
    _run(tool, "validate", *check, SOURCE)
    _run(tool, "build", *check, "--source-dir", SOURCE, "--output-dir", DESTINATION)
    _run(tool, "validate", *check, archive)
    print(archive)


def _blender_scripts() -> Path:
    found = importlib.util.find_spec("bpy")
    if found is None or found.origin is None:
        sys.exit("The Python package bpy is not installed here; its extension tool is needed.")
    folders = sorted(Path(found.origin).parent.glob("[0-9]*.[0-9]*/scripts"))
    if not folders:
        sys.exit(f"No scripts folder beside {found.origin}.")
    return folders[-1]


def _run(tool: Path, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, tool, *arguments], check=True)


if __name__ == "__main__":
    main()
