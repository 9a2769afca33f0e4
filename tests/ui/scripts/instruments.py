"""Tries the driver itself, on Blender alone."""

from __future__ import annotations

import time

import bpy
from driver import (
    GapRecorder,
    Steps,
    buttons,
    click,
    click_button,
    drag,
    figures,
    install_extension,
    maximise_view,
    middle,
    move,
    open_tab,
    options,
    passes,
    press,
    run,
    screenshot,
    toggle_panel,
    type_text,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    yield from maximise_view()
    with GapRecorder("idle"):
        yield from passes(100)
    with GapRecorder("blocked"):
        yield from passes(10)
        time.sleep(0.3)  # what a bad operator does
        yield from passes(10)

    main = view().main
    bpy.ops.object.select_all(action="DESELECT")
    yield from drag((main.x + 150, main.y + main.height - 200), (main.x + 950, main.y + 50))
    figures["selected"] = sorted(item.name for item in bpy.context.selected_objects)
    yield from click(main.x + 150, main.y + 50)  # on nothing
    figures["selected_then"] = [item.name for item in bpy.context.selected_objects]

    yield from move(*middle(view().main))
    yield from press("F3")
    yield from type_text("Add UV Sphere")
    yield from screenshot("search")
    yield from press("RET")
    yield from until(lambda: "Sphere" in bpy.data.objects, 5.0, "the sphere")

    yield from press("F2")
    yield from type_text("球 1")
    yield from screenshot("rename")
    yield from press("RET")
    yield from until(lambda: "Sphere" not in bpy.data.objects, 5.0, "the new name")
    figures["renamed"] = bpy.context.object.name

    yield from open_tab("View")
    figures["shown"] = [button.name for button in (yield from buttons())]
    yield from click_button("lock_cursor", across=0.6)
    figures["locked"] = view().space.lock_cursor
    yield from toggle_panel("lens")
    figures["left"] = [button.name for button in (yield from buttons())]


run(steps)
