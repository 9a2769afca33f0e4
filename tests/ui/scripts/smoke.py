"""Installs the extension from its zip and shows its tab."""

from __future__ import annotations

import bpy
from driver import (
    Steps,
    box,
    buttons,
    figures,
    find_button,
    install_extension,
    maximise_view,
    open_tab,
    options,
    run,
    screenshot,
    view,
)


def steps() -> Steps:
    yield from maximise_view()
    yield from screenshot("before")
    install_extension(options["extension"])
    figures["enabled"] = [addon.module for addon in bpy.context.preferences.addons]
    yield from open_tab("JUMPS", width=340)
    yield from screenshot("tab")
    figures["sidebar"] = box(view().sidebar)
    figures["buttons"] = [button.name for button in (yield from buttons())]
    yield from find_button("jumps.upsample_skeleton")


run(steps)
