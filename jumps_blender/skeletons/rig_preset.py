"""A user's own map of a rig's bones, as a JSON file: data that is read, never run.

``{"format": "jumps bones", "version": 1, "bones": {"hips": ["Hips"], "head": ["Head"]}}``
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..errors import JumpsError
from ..files import written_whole
from .rig_slots import SLOTS, title_of

SUFFIX = ".json"
_FORMAT, _VERSION = "jumps bones", 1
_LARGEST_FILE = 256 * 1024  # bytes
_LONGEST_NAME, _LONGEST_CHAIN = 255, 64


def write_preset(path: Path, bones: Mapping[str, Sequence[str]]) -> None:
    """Write a map, slots to bones; raises JumpsError where the file can't be written."""
    found = {
        "format": _FORMAT,
        "version": _VERSION,
        "bones": {k: list(v) for k, v in bones.items()},
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


def read_preset(path: Path) -> dict[str, tuple[str, ...]]:
    """The bones for each slot, as the file says; raises JumpsError for what is no such file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise JumpsError(f"{path.name}: is no file; choose a preset of bones.")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise JumpsError(f"{path.name}: cannot be read ({error}).") from error
    if len(content) > _LARGEST_FILE:
        raise JumpsError(f"{path.name}: is too large for a preset of bones.")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise JumpsError(f"{path.name}: is no preset of bones (no JSON); remove it.") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise JumpsError(f"{path.name}: is no preset of bones; remove it.")
    if found.get("version") != _VERSION:
        raise JumpsError(f"{path.name}: comes from a newer version of the add-on; update it.")
    bones = found.get("bones")
    if not isinstance(bones, dict):
        raise JumpsError(f"{path.name}: names no bones; save it again.")
    return {slot: _names(path, slot, bones[slot]) for slot in SLOTS if slot in bones}


def lacking(bones: Mapping[str, Sequence[str]], there: Collection[str]) -> str:
    """Which of a map's bones a rig doesn't have, for users; empty if it has all."""
    gone = [
        f"{name} ({title_of(slot)})"
        for slot, names in bones.items()
        for name in names
        if name not in there
    ]
    more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
    return ", ".join(gone[:3]) + more


def _names(path: Path, slot: str, names: object) -> tuple[str, ...]:
    is_list = isinstance(names, list) and len(names) <= _LONGEST_CHAIN
    if not is_list or not all(
        isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
        for name in names  # type: ignore[attr-defined]
    ):
        raise JumpsError(f"{path.name}: {slot} has no list of bones' names; save it again.")
    return tuple(names)  # type: ignore[arg-type]
