"""The tab in the looks that people use: dark, light, enlarged, in Japanese."""

from __future__ import annotations

import sys
from typing import Any

import bpy
from driver import (
    Steps,
    box,
    figures,
    install_extension,
    maximise_view,
    open_tab,
    options,
    redraws,
    run,
    screenshot,
    until,
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
    work = sys.modules["bl_ext.user_default.jumps_blender.operators.long_operator"]
    panel: Any = bpy.context.scene.jumps
    with view().context():
        bpy.ops.jumps.read_poses("INVOKE_DEFAULT", filepath=f"/share/{options['file']}")
    yield from until(lambda: panel.people and work.running() is None, 30.0, "the import")
    panel.engine = "ridge"
    with view().context():
        bpy.ops.jumps.upsample_skeleton("INVOKE_DEFAULT")
    yield from until(lambda: panel.preview and work.running() is None, 30.0, "the preview")
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
    yield from preferences()


def preferences() -> Steps:
    """The add-on's preferences, where the viewport was."""
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "JUMPS"
    area = view().area
    area.type = "PREFERENCES"
    yield from redraws(2)
    bpy.ops.preferences.addon_expand(module="bl_ext.user_default.jumps_blender")
    yield from screenshot("preferences")
    figures["preferences"] = box(area)


def look(name: str) -> Steps:
    yield from screenshot(name)
    figures[name] = box(view().sidebar)


run(steps)
