"""Drives Blender's window from inside: the mouse, keys, pictures, figures.

A script is a generator function that is given to ``run``::

    from driver import click_button, figures, open_tab, run, screenshot, until

    def steps():
        yield from open_tab("JUMPS")
        yield from click_button("jumps.upsample_skeleton")
        yield from until(lambda: bpy.context.scene.jumps.preview, 30.0, "the preview")
        yield from screenshot("preview")
        figures["objects"] = len(bpy.data.objects)

    run(steps)

Each ``yield`` gives control back to Blender's event loop, which handles events and draws before the
script goes on. So everything here that takes time is a generator, to be called with ``yield from``.
Hold no area and no region across a yield: ``view()`` finds them anew.

Places are Blender's: pixels from the window's lower left corner. Boxes in figures are a picture's:
left, top, right, bottom from the upper left corner.
"""

from __future__ import annotations

import faulthandler
import json
import math
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

Steps = Generator[None, None, None]

SHARE = Path("/share")
_INTERVAL = 0.005  # seconds between ticks, about what Blender's loop takes when idle

options: dict[str, Any] = json.loads((SHARE / "options.json").read_text(encoding="utf-8"))
figures: dict[str, Any] = {}

_started = time.perf_counter()
_notes: list[tuple[float, str]] = []
_gaps: list[dict[str, Any]] = []
_mouse = (0, 0)


# The session


def run(steps: Callable[[], Steps], seconds: float = 90.0, *, smooth: bool = False) -> None:
    """Let Blender go through the steps, write result.json, and quit.

    smooth: draw the viewport as finely as users have it, which takes some ten slow redraws after
    each change where OpenGL is software; for pictures that people look at

    After ``seconds`` the step under way is interrupted by a TimeoutError. Should Blender hang, so
    that nothing can be interrupted, all threads' tracebacks are printed a little later and the
    process ends.
    """
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    # A window of its own would lie anywhere, there being no window manager.
    preferences.view.filebrowser_display_type = "SCREEN"
    if not smooth:
        preferences.system.viewport_aa = "OFF"
    faulthandler.dump_traceback_later(seconds + 15, exit=True)
    session = steps()
    end = time.perf_counter() + seconds
    note("started")

    def step() -> float | None:
        try:
            if time.perf_counter() > end:
                session.throw(TimeoutError(f"the session took more than {seconds:g} s"))
            next(session)
        except StopIteration:
            _finish(None)
            return None
        except Exception as error:
            _finish(error)
            return None
        return _INTERVAL

    # Persistent, so that a script may open files.
    bpy.app.timers.register(step, first_interval=0.1, persistent=True)


def _finish(error: Exception | None) -> None:
    note("finished" if error is None else f"failed: {error}")
    result = {
        "message": None if error is None else f"{type(error).__name__}: {error}",
        "traceback": "" if error is None else "".join(traceback.format_exception(error)),
        "figures": figures,
        "gaps": _gaps,
        "notes": _notes,
    }
    (SHARE / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")
    faulthandler.dump_traceback_later(15, exit=True)  # quitting can hang as well
    bpy.ops.wm.quit_blender()


def note(text: str) -> None:
    """Write a line to the session's log, with the seconds since its start."""
    seconds = time.perf_counter() - _started
    _notes.append((round(seconds, 3), text))
    sys.stdout.write(f"[{seconds:7.3f}] {text}\n")
    sys.stdout.flush()  # so that it stands in order among what Blender prints


# Waiting


def until(condition: Callable[[], object], seconds: float, what: str) -> Steps:
    """Wait for a condition; ``what`` says in the error's message what was waited for."""
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        yield


def passes(count: int) -> Steps:
    """Let Blender's event loop go round: it handles events, and draws what is tagged for it."""
    for _ in range(count):
        yield


def redraws(count: int = 1) -> Steps:
    """Have every area drawn anew, so many times."""
    for _ in range(count):
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                area.tag_redraw()
        yield from passes(2)


class GapRecorder(AbstractContextManager["GapRecorder"]):
    """How long the event loop was away: the longest time between two ticks of a timer.

    While it is away Blender neither draws nor answers, whoever is to blame: ``cpu`` tells how much
    of that time Blender's main thread computed; the rest it waited, or other processes had the
    processor. Use it with ``with``, around steps, or by start() and stop().
    """

    def __init__(self, label: str) -> None:
        self.label = label

    def start(self) -> GapRecorder:
        self.longest = self.cpu = self.at = 0.0
        self.ticks = self.over_100ms = 0
        self.during = ""
        self._last, self._last_cpu = time.perf_counter(), time.thread_time()
        self._begun = self._last
        self._timer = self._tick  # Blender knows a timer by this very object
        bpy.app.timers.register(self._timer, first_interval=0.0, persistent=True)
        return self

    def _tick(self) -> float:
        now, cpu = time.perf_counter(), time.thread_time()
        gap = now - self._last
        self.ticks += 1
        self.over_100ms += gap > 0.1
        if gap > self.longest:
            self.longest, self.cpu = gap, cpu - self._last_cpu
            self.at = self._last - _started
            self.during = _notes[-1][1] if _notes else ""
        self._last, self._last_cpu = now, cpu
        return _INTERVAL

    def stop(self) -> dict[str, Any]:
        """Stop, and hand out what is also written to the result."""
        self._tick()
        bpy.app.timers.unregister(self._timer)
        found = {
            "label": self.label,
            "longest": round(self.longest, 4),
            "cpu": round(self.cpu, 4),
            "at": round(self.at, 3),
            "during": self.during,
            "over_100ms": self.over_100ms,
            "ticks": self.ticks,
            "seconds": round(self._last - self._begun, 3),
        }
        _gaps.append(found)
        note(f"longest gap of {self.label}: {self.longest * 1000:.0f} ms")
        return found

    def __enter__(self) -> GapRecorder:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


# Pictures


def screenshot(name: str) -> Steps:
    """Write the whole window to /share/NAME.png, after everything was drawn anew."""
    yield from redraws(2)
    yield from screenshot_as_it_is(name)


def screenshot_as_it_is(name: str) -> Steps:
    """The same without asking for a redraw: what a user sees who does nothing.

    Blender's own operator writes black pictures where OpenGL is software, so the screen is read.
    """
    yield from passes(20)  # what is tagged for a redraw is drawn by then
    yield from _program("import", "-window", "root", f"{name}.png")
    note(f"picture {name}")


def _program(*command: str) -> Steps:
    """Run a program in /share while Blender goes on."""
    with subprocess.Popen(command, cwd=SHARE) as process:
        yield from until(lambda: process.poll() is not None, 30.0, f"the end of {command[0]}")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed ({process.returncode})")


def box(region: Any) -> tuple[int, int, int, int]:
    """Where a region or an area lies in a picture: left, top, right, bottom."""
    height = _window().height
    return (
        region.x,
        height - region.y - region.height,
        region.x + region.width,
        height - region.y,
    )


# The mouse and the keys


def _window() -> Any:
    return bpy.context.window_manager.windows[0]


def _event(kind: str, value: str, **more: Any) -> None:
    x, y = _mouse
    _window().event_simulate(type=kind, value=value, x=x, y=y, **more)


def move(x: float, y: float) -> Steps:
    """Move the mouse to a place in the window."""
    global _mouse
    _mouse = (round(x), round(y))
    _event("MOUSEMOVE", "NOTHING")
    yield from passes(2)


def press(key: str, *, ctrl: bool = False, shift: bool = False, alt: bool = False) -> Steps:
    """Press and release a key or a mouse button, by Blender's name: ESC, RET, A, F3, LEFTMOUSE.

    Blender gives it to the region under the mouse.
    """
    held = {"ctrl": ctrl, "shift": shift, "alt": alt}
    _event(key, "PRESS", **held)
    yield from passes(1)
    _event(key, "RELEASE", **held)
    yield from passes(2)


def type_text(text: str) -> Steps:
    """Type into the text field or the search that is open."""
    for character in text:
        # Any key will do: a field takes the character.
        _event("A", "PRESS", unicode=character)
        _event("A", "RELEASE")
        yield from passes(1)
    yield from passes(2)


def click(x: float, y: float, button: str = "LEFTMOUSE") -> Steps:
    """Move the mouse to a place and click there."""
    yield from move(x, y)
    yield from press(button)


def drag(start: tuple[float, float], end: tuple[float, float], moves: int = 10) -> Steps:
    """Drag with the left button from one place to another."""
    global _mouse
    # Arriving in several moves makes what lies there notice: edges of regions, for one.
    for step in range(3, -1, -1):
        yield from move(start[0] - 4 * step, start[1])
    _event("LEFTMOUSE", "PRESS")
    yield from passes(2)
    for step in range(1, moves + 1):
        share = step / moves
        yield from move(
            start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
        )
    _event("LEFTMOUSE", "RELEASE")
    yield from passes(3)


# The 3D viewport and its sidebar, and other areas


@dataclass(frozen=True)
class View:
    """The 3D viewport at one moment: its window, area, main region and sidebar."""

    window: Any
    area: Any
    main: Any
    sidebar: Any

    @property
    def space(self) -> Any:
        return self.area.spaces.active

    def context(self, region: Any = None) -> AbstractContextManager[Any]:
        """Blender's context as it is for what is done in this viewport; don't yield in it."""
        return bpy.context.temp_override(
            window=self.window, area=self.area, region=region or self.main
        )


def view() -> View:
    """The largest 3D viewport as it is now."""
    window = _window()
    areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    if not areas:
        raise LookupError("no 3D viewport is shown")
    area = max(areas, key=lambda area: area.width * area.height)
    regions = {region.type: region for region in area.regions}
    return View(window, area, regions["WINDOW"], regions["UI"])


def middle(region: Any) -> tuple[float, float]:
    """The middle of a region or an area, for the mouse."""
    return region.x + region.width / 2, region.y + region.height / 2


def maximise_view() -> Steps:
    """Let the 3D viewport fill the window, menus and status bar aside."""
    with view().context():
        bpy.ops.screen.screen_full_area()
    yield from redraws(2)


def find_area(kind: str) -> Any:
    """An area with an editor of this kind, such as FILE_BROWSER; None if there is none."""
    return next((area for area in _window().screen.areas if area.type == kind), None)


def main_region(area: Any) -> Any:
    """An area's own region, beside its headers and sidebars."""
    return next(region for region in area.regions if region.type == "WINDOW")


def open_tab(tab: str, width: int | None = None) -> Steps:
    """Open the sidebar on a tab, and drag its edge until it is ``width`` pixels wide."""
    view().space.show_region_ui = True
    yield from until(lambda: view().sidebar.width > 1, 5.0, "the sidebar")
    yield from redraws(2)  # tabs exist once they were drawn
    view().sidebar.active_panel_category = tab
    yield from redraws(2)
    if width is not None:
        sidebar = view().sidebar
        # The edge can be dragged where panels lie, which begin at the top.
        edge = (sidebar.x + 1.0, sidebar.y + sidebar.height - 40 * _scale())
        yield from drag(edge, (edge[0] + sidebar.width - width, edge[1]))
        yield from redraws(2)
        if abs(view().sidebar.width - width) > 4:
            raise RuntimeError(f"the sidebar is {view().sidebar.width} pixels wide, not {width}")


def scroll_sidebar(clicks: int) -> Generator[None, None, bool]:
    """Turn the mouse wheel over the sidebar: downwards, or upwards where negative.

    Returns whether that moved anything; at its ends the sidebar stays where it is.
    """
    before = _scrolled()
    yield from move(*middle(view().sidebar))
    for _ in range(abs(clicks)):
        _event("WHEELDOWNMOUSE" if clicks > 0 else "WHEELUPMOUSE", "PRESS")
    yield from redraws(1)
    return _scrolled() != before


def _scrolled() -> float:
    return view().sidebar.view2d.region_to_view(0, 0)[1]


def _scale() -> float:
    return bpy.context.preferences.system.ui_scale


@dataclass(frozen=True)
class Button:
    """A button that the mouse has found.

    name: an operator's ``jumps.import_poses`` or a property's path such as ``jumps.engine``
    command: the Python command that an operator's button runs, else empty
    x, y: a place on it
    """

    name: str
    command: str
    x: float
    y: float


def buttons(across: float = 0.5) -> Generator[None, None, list[Button]]:
    """The buttons that the sidebar shows, from top to bottom.

    Blender tells nobody where its buttons are, but it does tell what the mouse is over. So the
    mouse is moved down the sidebar, at the share ``across`` of its width, in steps of half a
    button's height. Greyed out buttons are found too; labels, menus and panels' headers are not.
    """
    return (yield from _scan(across, lambda _: False))


def find_button(name: str, across: float = 0.5) -> Generator[None, None, Button]:
    """Move the mouse onto the button of an operator or a property, scrolling to it if need be.

    The end of a property's path will do: ``lens`` for ``areas[0].spaces[0].lens``.
    """

    def wanted(button: Button) -> bool:
        return f".{button.name}".endswith(f".{name}")

    from_the_top = False
    while True:
        shown = yield from _scan(across, wanted)
        if shown and wanted(shown[-1]):
            found = shown[-1]
            yield from move(found.x, found.y)
            if _under_the_mouse() == (found.name, found.command):
                return found
            continue  # the panels have changed meanwhile
        if not from_the_top:
            from_the_top = True
            while (yield from scroll_sidebar(-20)):
                pass
        elif not (yield from scroll_sidebar(4)):
            names = ", ".join(button.name for button in shown)
            raise LookupError(f"no button {name} in the sidebar; at its end there are: {names}")


def _scan(across: float, last: Callable[[Button], bool]) -> Generator[None, None, list[Button]]:
    # What the mouse was over stays so until it is seen elsewhere.
    yield from move(*middle(view().main))
    yield from until(lambda: not _under_the_mouse()[0], 5.0, "the mouse's leaving of the sidebar")
    found: list[Button] = []
    sidebar = view().sidebar
    step = 10 * _scale()
    x, top = sidebar.x + across * sidebar.width, sidebar.y + sidebar.height
    first = top
    for row in range(1, int(sidebar.height / step)):
        y = top - step * row
        yield from _hover(x, y)
        name, command = _under_the_mouse()
        if name and found and found[-1].name == name:
            found[-1] = Button(name, command, x, (first + y) / 2)
            continue
        if found and last(found[-1]):
            break
        if name:
            first = y
            found.append(Button(name, command, x, y))
    return found


def click_button(name: str, across: float = 0.5) -> Steps:
    """Click the button of an operator or a property with the mouse."""
    yield from find_button(name, across)
    yield from press("LEFTMOUSE")
    note(f"clicked {name}")


def toggle_panel(name: str) -> Steps:
    """Close the panel that holds this button, by the key for it over the panel."""
    yield from find_button(name)
    yield from press("A")
    yield from redraws(1)


def _hover(x: float, y: float) -> Steps:
    global _mouse
    _mouse = (round(x), round(y))
    _event("MOUSEMOVE", "NOTHING")
    yield


def _under_the_mouse() -> tuple[str, str]:
    current = view()
    with current.context(current.sidebar):
        prop = bpy.context.property
        if prop is not None:
            return prop[1], ""
        if not bpy.ops.ui.copy_python_command_button.poll():
            return "", ""
        bpy.ops.ui.copy_python_command_button()
    command = bpy.context.window_manager.clipboard
    return re.sub(r"^bpy\.ops\.([\w.]+)\(.*$", r"\1", command, flags=re.DOTALL), command


# What a user does to Blender


def install_extension(archive: str) -> None:
    """Install and enable an extension's zip that lies in /share, as Install from Disk does."""
    done = bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=str(SHARE / archive), enable_on_install=True, overwrite=True
    )
    if done != {"FINISHED"}:
        raise RuntimeError(f"{archive} was not installed: {done}")
    note(f"installed {archive}")


def invoke_drop(names: Sequence[str], x: float, y: float) -> Steps:
    """What Blender runs after files of /share were dropped at a place in the viewport."""
    yield from move(x, y)
    with view().context():
        bpy.ops.wm.drop_import_file(
            "INVOKE_DEFAULT", directory=str(SHARE), files=[{"name": name} for name in names]
        )
    yield from passes(4)
    note(f"invoked the drop of {', '.join(names)}")


def drop_from_outside(names: Sequence[str], x: float, y: float) -> Steps:
    """Drop files of /share at a place as a file manager does; for sessions with real events."""
    place = (str(round(x)), str(_window().height - round(y)))
    paths = [str(SHARE / name) for name in names]
    yield from _program("python3", "x_user.py", "drop", *place, *paths)
    yield from passes(4)
    note(f"dropped {', '.join(names)}")


def press_outside(key: str) -> Steps:
    """Press a key on the keyboard, by the screen's name: Return; for sessions with real events."""
    yield from _program("python3", "x_user.py", "key", key)
    yield from passes(4)


def use_light_theme() -> Steps:
    """Blender's own light theme."""
    (preset,) = (
        path
        for folder in bpy.utils.preset_paths("interface_theme")
        for path in Path(folder).glob("Blender_Light.xml")
    )
    bpy.ops.script.execute_preset(
        filepath=str(preset), menu_idname="USERPREF_MT_interface_theme_presets"
    )
    yield from redraws(2)


def use_scale(scale: float) -> Steps:
    """Resolution Scale of the preferences; 1.5 is a common one on fine screens."""
    bpy.context.preferences.view.ui_scale = scale
    yield from until(lambda: math.isclose(_scale(), scale, rel_tol=0.01), 5.0, "the scale")
    yield from redraws(2)


def use_language(language: str) -> Steps:
    """The interface's language, such as ja_JP."""
    preferences = bpy.context.preferences.view
    preferences.language = language
    preferences.use_translate_interface = True
    preferences.use_translate_tooltips = True
    yield from redraws(2)
