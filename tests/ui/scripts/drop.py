"""A file manager drops a pose file on the viewport; what pops up is confirmed."""

from __future__ import annotations

from addon import panel
from driver import (
    Steps,
    box,
    drop_from_outside,
    figures,
    install_extension,
    maximise_view,
    middle,
    open_tab,
    options,
    press_outside,
    run,
    screenshot,
    screenshot_as_it_is,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    yield from maximise_view()
    yield from open_tab("JUMPS")
    yield from screenshot("before")
    figures["sidebar"] = box(view().sidebar)

    yield from drop_from_outside([options["name"]], *middle(view().main))
    yield from screenshot("popup")
    if panel().people:
        raise AssertionError("the file was imported before the popup was confirmed")
    yield from press_outside("Return")
    yield from until(lambda: panel().people, 30.0, "the import")
    # Nothing but the extension asks the sidebar to show what was imported.
    yield from screenshot_as_it_is("imported")
    yield from screenshot("redrawn")
    figures["people"] = len(panel().people)


run(steps)
