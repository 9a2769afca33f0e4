"""Import by the panel's button and the file browser; then the panel where PyTorch is missing."""

from __future__ import annotations

import bpy
from addon import is_idle, panel, part
from driver import (
    Steps,
    box,
    buttons,
    click_button,
    figures,
    find_area,
    find_button,
    install_extension,
    main_region,
    maximise_view,
    middle,
    move,
    open_tab,
    options,
    press,
    redraws,
    run,
    screenshot,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    yield from maximise_view()
    yield from open_tab("JUMPS", width=300)
    yield from click_button("jumps.import_poses")
    yield from until(lambda: find_area("FILE_BROWSER"), 10.0, "the file browser")
    yield from redraws(2)
    browser = find_area("FILE_BROWSER")
    browser.spaces.active.params.directory = b"/share/"
    browser.spaces.active.params.filename = options["file"]
    yield from redraws(2)
    yield from move(*middle(main_region(browser)))
    yield from press("RET")
    yield from until(lambda: panel().people and is_idle(), 30.0, "the import")
    figures["people"] = len(panel().people)
    figures["modal"] = len(bpy.context.window.modal_operators)
    yield from move(*middle(view().main))
    yield from press("Z", ctrl=True)
    yield from until(lambda: not panel().people, 5.0, "the undo")
    yield from press("Z", ctrl=True, shift=True)
    yield from until(lambda: panel().people, 5.0, "the redo")

    part("operators.runtime").has_package = lambda _runtime, name: name != "torch"
    yield from redraws(2)
    yield from find_button("jumps.install_wheels")
    found = yield from buttons()
    figures["without"] = [button.name for button in found]
    yield from screenshot("without_pytorch")
    figures["sidebar"] = box(view().sidebar)


run(steps)
