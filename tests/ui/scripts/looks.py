"""The tab in the looks that people use: dark, light, enlarged, in Japanese."""

from __future__ import annotations

import bpy
from addon import panel, read_poses, upsample
from driver import (
    Steps,
    box,
    figures,
    install_extension,
    maximise_view,
    open_tab,
    options,
    run,
    screenshot,
    use_language,
    use_light_theme,
    use_scale,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    yield from maximise_view()
    yield from open_tab("JUMPS")
    yield from read_poses(options["file"])
    panel().engine = "ridge"
    yield from upsample()
    with view().context():
        bpy.ops.view3d.view_axis(type="FRONT")
    yield from look("dark")
    yield from use_light_theme()
    yield from look("light")
    yield from use_scale(1.5)
    yield from look("large")
    yield from use_scale(1.0)
    yield from use_language("ja_JP")
    yield from look("japanese")
    figures["object_in_japanese"] = bpy.app.translations.pgettext_iface("Object")
    yield from use_language("en_US")


def look(name: str) -> Steps:
    yield from screenshot(name)
    figures[name] = box(view().sidebar)


run(steps)
