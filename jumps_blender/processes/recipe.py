"""What an environment is made of, and what people are told about it: data for ``Install``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PipRun:
    """One run of pip; those of a recipe follow each other.

    packages: requirements, with bounds
    download: bytes that are downloaded, roughly; only the progress shown depends on them
    alone: without what these packages themselves ask for
    index: where they come from, None for the package index. Such a run is left out where they come
        from a folder, so a later one has to name its packages, too
    """

    packages: tuple[str, ...]
    download: float
    alone: bool = False
    index: str | None = None


@dataclass(frozen=True)
class Recipe:
    """What is installed into an environment, how it is checked, and how it is told.

    name: what it is, to stand within sentences
    runs: what pip installs
    space: bytes that must be free: the wheels and what is unpacked from them, side by side
    check: a program that imports what was installed and prints facts as a line of JSON
    notes: what people should know of what was installed, from these facts and its folder
    wheels: packages whose wheels a folder must hold, in words; the first one's is looked for
    no_wheel: what to do where the package index has no wheel for a Python or a machine
    facts: what is kept with those that the check prints
    """

    name: str
    runs: tuple[PipRun, ...]
    space: int
    check: str
    notes: Callable[[Mapping[str, Any], Path], list[str]]
    wheels: tuple[str, ...]
    no_wheel: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def requirement(self, package: str) -> str:
        """A package with its bounds as they are written here, or as it is if it has none here."""
        for run in self.runs:
            for requirement in run.packages:
                if package_name(requirement) == package_name(package):
                    return requirement
        return package


def package_name(requirement: str) -> str:
    """A requirement's package, as pip compares names: torch for "Torch>=2.5,<3"."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
