"""Import by the panel's button and the file browser; then the panel where PyTorch is missing."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import bpy
from driver import (
    Steps,
    box,
    buttons,
    click_button,
    figures,
    install_extension,
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

MODULE = "bl_ext.user_default.jumps_blender"


def steps() -> Steps:
    install_extension(options["extension"])
    yield from maximise_view()
    yield from open_tab("JUMPS", width=300)
    panel: Any = bpy.context.scene.jumps
    work = sys.modules[f"{MODULE}.operators.long_operator"]
    yield from click_button("jumps.import_poses")
    yield from until(lambda: browser() is not None, 10.0, "the file browser")
    yield from redraws(2)
    area = browser()
    area.spaces.active.params.directory = b"/share/"
    area.spaces.active.params.filename = options["file"]
    yield from redraws(2)
    main = next(region for region in area.regions if region.type == "WINDOW")
    yield from move(*middle(main))
    yield from press("RET")
    yield from until(lambda: panel.people and work.running() is None, 30.0, "the import")
    figures["people"] = len(panel.people)
    figures["modal"] = len(bpy.context.window.modal_operators)
    yield from move(*middle(view().main))
    yield from press("Z", ctrl=True)
    yield from until(lambda: not bpy.context.window.scene.jumps.people, 5.0, "the undo")
    yield from press("Z", ctrl=True, shift=True)
    yield from until(lambda: bpy.context.window.scene.jumps.people, 5.0, "the redo")

    real = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name == "torch" else real(name, *more)
    yield from redraws(2)
    found = yield from buttons()
    figures["without"] = [button.name for button in found]
    yield from screenshot("without_pytorch")
    figures["sidebar"] = box(view().sidebar)


def browser() -> Any:
    window = bpy.context.window_manager.windows[0]
    return next((area for area in window.screen.areas if area.type == "FILE_BROWSER"), None)


run(steps)
