"""What a panel draws, without a window."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MethodType, SimpleNamespace
from typing import Any

import bpy


@dataclass
class Element:
    """One thing in a panel: its kind, and a property's name, an operator's or a text."""

    kind: str
    name: str
    layout: Layout

    @property
    def is_enabled(self) -> bool:
        layout: Layout | None = self.layout
        while layout is not None:
            if not layout.enabled:
                return False
            layout = layout.above
        return True


@dataclass
class Layout:
    """Stands in for ``UILayout``, and notes what is asked of it."""

    above: Layout | None = None
    elements: list[Element] = field(default_factory=list)
    enabled: bool = True
    alert: bool = False

    def column(self, **_: Any) -> Layout:
        return Layout(self, self.elements)

    row = box = split = column

    def prop(self, _data: Any, name: str, **_: Any) -> None:
        self._note("prop", name)

    def label(self, text: str = "", **_: Any) -> None:
        self._note("label", text)

    def operator(self, name: str, **_: Any) -> SimpleNamespace:
        self._note("operator", name)
        return SimpleNamespace()

    def menu(self, name: str, **_: Any) -> None:
        self._note("menu", name)

    def progress(self, text: str = "", **_: Any) -> None:
        self._note("progress", text)

    def _note(self, kind: str, name: str) -> None:
        self.elements.append(Element(kind, name, self))


def drawn(panel: str) -> dict[str, Element]:
    """What the registered panel of that name draws now, by property, operator or text."""
    cls = getattr(bpy.types, panel)
    instance = SimpleNamespace(layout=Layout())
    instance.column = MethodType(cls.column, instance)
    cls.draw(instance, bpy.context)
    return {each.name: each for each in instance.layout.elements}
