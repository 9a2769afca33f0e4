"""A user at the screen: drags files from a file manager onto a window, presses keys.

    x_user.py drop X Y FILE...     X, Y from the screen's upper left corner
    x_user.py key Return

Blender's simulated events know no files that come from elsewhere. This speaks the protocol by which
file managers do it (XDND 5, see freedesktop.org), and presses keys through the X server's own test
extension; Blender must have been started with real events.
"""

from __future__ import annotations

import select
import sys
import time
from pathlib import Path
from typing import Any

from Xlib import XK, X, display, protocol
from Xlib.ext import xtest

VERSION = 5
PATIENCE = 10.0  # seconds that the window may take for each answer


class FileManager:
    """Holds the dragged files, and answers for them."""

    def __init__(self, server: display.Display, files: list[Path]) -> None:
        self.server = server
        self.root = server.screen().root
        self.offer = "".join(f"{file.as_uri()}\r\n" for file in files).encode()
        self.window = self.root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.window.set_selection_owner(self._atom("XdndSelection"), X.CurrentTime)

    def drop(self, x: int, y: int) -> None:
        """Drag the files to a place and let them go."""
        xtest.fake_input(self.server, X.MotionNotify, x=x, y=y)
        self.server.sync()
        target = self._find_target(self.root)
        if target is None:
            sys.exit("x_user.py: no window takes files")
        self._send(target, "XdndEnter", VERSION << 24, self._atom("text/uri-list"))
        place, copy = (x << 16) | y, self._atom("XdndActionCopy")
        self._send(target, "XdndPosition", 0, place, X.CurrentTime, copy)
        if not self._answer("XdndStatus")[1] & 1:
            sys.exit("x_user.py: the window does not take these files there")
        self._send(target, "XdndDrop", 0, X.CurrentTime)
        self._answer("XdndFinished")

    def _atom(self, name: str) -> int:
        return self.server.intern_atom(name)

    def _find_target(self, window: Any) -> Any:
        if window.get_full_property(self._atom("XdndAware"), X.AnyPropertyType):
            return window
        found = (self._find_target(child) for child in window.query_tree().children)
        return next((child for child in found if child is not None), None)

    def _send(self, target: Any, kind: str, *data: int) -> None:
        words = [self.window.id, *data, 0, 0, 0, 0][:5]
        message = protocol.event.ClientMessage(
            window=target, client_type=self._atom(kind), data=(32, words)
        )
        target.send_event(message)
        self.server.flush()

    def _answer(self, kind: str) -> list[int]:
        """Wait for a message from the window, handing out the files when it asks for them."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not self.server.pending_events():
                select.select([self.server], [], [], 0.1)
                continue
            event = self.server.next_event()
            if event.type == X.SelectionRequest:
                self._hand_out(event)
            elif event.type == X.ClientMessage and event.client_type == self._atom(kind):
                return list(event.data[1])
        sys.exit(f"x_user.py: no {kind} within {PATIENCE:g} s")

    def _hand_out(self, request: Any) -> None:
        taken = request.target == self._atom("text/uri-list")
        if taken:
            request.requestor.change_property(request.property, request.target, 8, self.offer)
        notice = protocol.event.SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=request.property if taken else X.NONE,
        )
        request.requestor.send_event(notice)
        self.server.flush()


def press(server: display.Display, name: str) -> None:
    """Press and release a key, by the X server's name for it."""
    code = server.keysym_to_keycode(XK.string_to_keysym(name))
    xtest.fake_input(server, X.KeyPress, code)
    xtest.fake_input(server, X.KeyRelease, code)
    server.sync()


def main() -> None:
    server = display.Display()
    if sys.argv[1] == "key":
        press(server, sys.argv[2])
    else:
        x, y, *files = sys.argv[2:]
        FileManager(server, [Path(file) for file in files]).drop(int(x), int(y))


main()
