"""The preferences, and an estimator's installation there: its bar, and Esc."""

from __future__ import annotations

from pathlib import Path

import bpy
from addon import MODULE, is_idle, part, running
from driver import (
    SHARE,
    GapRecorder,
    Steps,
    box,
    figures,
    find_area,
    install_extension,
    maximise_view,
    middle,
    move,
    options,
    press,
    redraws,
    run,
    screenshot,
    until,
    view,
)

# It answers as a Python that fits, and makes an environment for ever.
PYTHON = """#!/bin/sh
if [ "$5" = venv ]; then echo $$ > /share/pid; exec sleep 1000; fi
echo '{"python": "", "version": [3, 12, 1], "is_plain": true, "makes_environments": true}'
"""


def steps() -> Steps:
    install_extension(options["extension"])
    yield from maximise_view()
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "JUMPS"
    view().area.type = "PREFERENCES"
    yield from redraws(2)
    bpy.ops.preferences.addon_expand(module=MODULE)
    own = bpy.context.preferences.addons[MODULE].preferences
    yield from screenshot("preferences")
    area = find_area("PREFERENCES")
    figures["preferences"] = box(area)

    python = SHARE / "python"
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    own.estimators_python = str(python)
    (SHARE / "wheels").mkdir()
    (SHARE / "wheels" / "mediapipe-0.10.21-py3-none-any.whl").touch()
    mediapipe = part("video.backends").BACKENDS["mediapipe"]
    folder = part("operators.estimators").estimator_folder(mediapipe)
    with GapRecorder("installing an estimator") as gap:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area):
            bpy.ops.jumps.install_estimator_wheels(
                "INVOKE_DEFAULT", backend="mediapipe", directory=str(SHARE / "wheels")
            )
        yield from until((SHARE / "pid").exists, 20.0, "the environment's making")
        figures["status"] = running().job.status
        yield from redraws(4)
    figures["longest"] = gap.longest
    yield from screenshot("installing")
    figures["is_there"] = folder.is_dir()
    yield from move(*middle(find_area("PREFERENCES")))
    yield from press("ESC")
    yield from until(is_idle, 5.0, "the end")
    figures["is_gone"] = not folder.exists()
    pid = (SHARE / "pid").read_text(encoding="utf-8").strip()
    figures["program_is_gone"] = not Path(f"/proc/{pid}").exists()
    yield from screenshot("cancelled")


run(steps)
