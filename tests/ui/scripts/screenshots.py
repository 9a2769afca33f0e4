"""Takes the pictures of the documentation, with the project's own example."""

from __future__ import annotations

from typing import Any

import bpy
from driver import (
    Steps,
    click_button,
    install_extension,
    invoke_drop,
    middle,
    open_tab,
    options,
    press,
    run,
    screenshot,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from open_tab("JUMPS")
    settings: Any = bpy.context.scene.jumps
    yield from invoke_drop([options["example"]], *middle(view().main))
    yield from press("RET")
    yield from until(lambda: settings.people, 30.0, "the import")

    yield from click_button("jumps.upsample_skeleton")
    yield from until(lambda: settings.preview, 60.0, "the preview")
    look_from_the_front()
    bpy.context.scene.frame_set(135)
    yield from screenshot("preview")


def look_from_the_front() -> None:
    """With the whole person in view, left of the sidebar."""
    current = view()
    with current.context():
        bpy.ops.view3d.view_axis(type="FRONT")
    current.space.region_3d.view_location = (-0.15, 0.0, 1.1)
    current.space.region_3d.view_distance = 3.2


run(steps, smooth=True)
