"""Operators whose work goes on in another process: the window polls, scripts drain the same job."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import bpy
from bpy.types import Context, Event, Operator, Timer

from ..errors import JumpsError, WorkCancelledError
from ..processes.job import Job, drain
from .progress import shown_progress
from .settings import changed

_POLL_EVERY = 0.05  # seconds
WORK_FOR = 0.03  # seconds at each poll, for work that is done in the window's own thread
_DRAWN_OVER = ("VIEW_3D", "CLIP_EDITOR")
_SHOW_EVERY = 0.25  # seconds; drawing costs the window more than polling does
# What Blender puts before the reason of a poll that says no.
_REFUSED = re.compile(r"^Operator bpy\.ops\.\S+\.poll\(\) ")


@dataclass
class Running:
    """The one long work that goes on, as panels show it.

    title: the operator's label; frames: how many it works on, 0 where that means nothing
    """

    title: str
    job: Job
    frames: int = 0
    timer: Timer | None = None
    started: float = field(default_factory=time.monotonic)

    def words(self) -> str:
        """How far it is: the frames, or what is done, and the time left."""
        words = [self.job.status]
        share = self.job.share
        if self.frames and share > 0:
            words = [f"{round(share * self.frames)} of {self.frames} frames"]
        spent = time.monotonic() - self.started
        if share > 0.02 and spent > 1.0:
            left = spent / share - spent
            words.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
        return ", ".join(words)

    def stop_timer(self) -> None:
        """Take the timer away, once; the window that carried it may be gone."""
        timer, self.timer = self.timer, None
        if timer is not None:
            with suppress(ReferenceError, RuntimeError, TypeError, ValueError):
                bpy.context.window_manager.event_timer_remove(timer)


_running: Running | None = None


def running() -> Running | None:
    """What goes on, None if nothing does."""
    return _running


def stop_running() -> None:
    """Cancel what goes on: another file is opened, or the add-on is disabled."""
    global _running
    if _running is not None:
        _running.job.cancel()
        _running.stop_timer()
        _running = None
        changed()


def refuse_if_running(cls: type[Any]) -> bool:
    """For polls: True, with the reason, while something goes on."""
    if _running is None:
        return False
    cls.poll_message_set(f"{_running.title} is at work; wait for it, or cancel it.")
    return True


class LongOperator:
    """Mixed into operators: ``start`` makes the job, ``finish`` uses what it found.

    Neither a context nor data of the scene is held while the job goes on.
    """

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    bl_idname: ClassVar[str]
    bl_label: ClassVar[str]
    options: Any
    report: Callable[[set[str], str], None]

    _work: Running | None = None
    _polls = 0
    _shown_at = 0.0
    _is_prepared = False
    _words: str | None = None

    def start(self, context: Context) -> Job:
        """Read the settings and start the work; raises JumpsError."""
        raise NotImplementedError

    def prepare(self, job: Any) -> None:
        """Compute from the job's outcome what ``finish`` will need; changes no data."""

    def finish(self, context: Context, job: Any) -> str:
        """Take over what the job that ``start`` made has found, and tell it; raises JumpsError.

        The context is that of the finish: the user may have gone to another scene since.
        """
        raise NotImplementedError

    def frames(self) -> int:
        """How many frames the job works on; 0 where that means nothing."""
        return 0

    def execute(self, context: Context) -> set[str]:
        """Do all the work now: scripts and tests. Repeat Last, in a window, must not wait."""
        if (self.options.is_repeat or self.options.is_repeat_last) and not bpy.app.background:
            module, _, name = type(self).bl_idname.partition(".")
            hand_over(self, getattr(getattr(bpy.ops, module), name), True)
            return {"CANCELLED"}  # what is undone is the other one's
        try:
            with shown_progress(context) as progress:
                job = self.start(context)
                drain(job, progress)
            self.prepare(job)
            words = self.finish(context, job)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        redraw(context)
        self._tell(job, words)
        return {"FINISHED"}

    def invoke(self, context: Context, _event: Event) -> set[str]:
        """Work beside the window, which goes on to answer."""
        global _running
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if _running is not None:
            self.report({"ERROR"}, f"{_running.title} is at work; wait for it, or cancel it.")
            return {"CANCELLED"}
        try:
            job = self.start(context)
        except JumpsError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        manager = context.window_manager
        timer = manager.event_timer_add(_POLL_EVERY, window=context.window)
        self._work = _running = Running(self.bl_label, job, self.frames(), timer)
        manager.modal_handler_add(self)
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Step the job on each tick; Esc cancels it, everything else is the user's."""
        if self._work is None or (self._words is None and _running is not self._work):
            # Stopped from outside: another file, or the add-on was disabled.
            self._close(context)
            return {"CANCELLED"}
        job = self._work.job
        if self._words is not None:
            if event.type != "TIMER":
                return {"PASS_THROUGH"}
            self._close(context)
            self._tell(job, self._words)
            return {"FINISHED"}
        if event.type == "ESC" and event.value == "PRESS":
            job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not job.poll():
                self._polls += 1
                if self._polls == 2:
                    changed()  # those who draw prepare, at a moment when nothing else happens
                if time.monotonic() - self._shown_at > _SHOW_EVERY:
                    self._shown_at = time.monotonic()
                    redraw(context)
                return {"PASS_THROUGH"}
            # One thing in each tick, because the window has enough to draw after each.
            if not self._is_prepared:
                self._is_prepared = True
                self.prepare(job)
                return {"PASS_THROUGH"}
            self._words = self.finish(context, job)
        except WorkCancelledError:
            self._close(context)
            self.report({"INFO"}, f"{self.bl_label} was cancelled; nothing was changed.")
            return {"CANCELLED"}
        except JumpsError as error:
            self._close(context)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except BaseException:
            self._close(context)  # a bug of ours must not leave everything greyed
            raise
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        """Called by Blender when the window closes or another file is opened."""
        self._close(context)

    def _close(self, context: Context) -> None:
        """End the job, if it still goes on, and everything that belongs to watching it."""
        global _running
        work, self._work = self._work, None
        if work is not None:
            work.job.cancel()
            work.stop_timer()
            if _running is work:
                _running = None
        changed()
        redraw(context)

    def _tell(self, job: Job, words: str) -> None:
        # Blender's status bar shows the last one, and the panel shows what has been done.
        self.report({"INFO"}, words)
        for note in job.notes:
            self.report({"WARNING"}, note)


class JUMPS_OT_cancel(Operator):
    """Stop the work that goes on; the scene stays as it was"""

    bl_idname = "jumps.cancel"
    bl_label = "Cancel"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if _running is None:
            cls.poll_message_set("Nothing is at work.")
        return _running is not None

    def execute(self, _context: Context) -> set[str]:
        if _running is not None:
            _running.job.cancel()  # its operator hears of it at its next step
        return {"FINISHED"}


def hand_over(asked: Any, other: Any, in_window: bool, **options: object) -> set[str]:
    """End an operator that has asked for a file by starting the long one that uses it.

    A file browser's operator can't be modal itself. ``other`` is callable as ``bpy.ops.x.y``; it
    makes its own undo step, and what it reports when it fails at once is reported by ``asked``.
    """
    try:
        outcome = other("INVOKE_DEFAULT" if in_window else "EXEC_DEFAULT", True, **options)
    except RuntimeError as error:
        asked.report({"ERROR"}, _REFUSED.sub("", str(error).removeprefix("Error: ").strip()))
        return {"CANCELLED"}
    return {"CANCELLED"} if "CANCELLED" in outcome else {"FINISHED"}


def redraw(context: Context, regions: Set[str] = frozenset({"UI"})) -> None:
    """Draw these regions of the 3D viewports and the Movie Clip Editors again, and the preferences,
    in all windows.
    """
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                shows_progress = area.type == "PREFERENCES" and region.type == "WINDOW"
                if shows_progress or (area.type in _DRAWN_OVER and region.type in regions):
                    region.tag_redraw()
