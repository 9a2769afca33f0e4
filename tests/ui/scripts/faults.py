"""What can go wrong while a job runs, one thing after the other; the window goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import bpy
from addon import MODULE, invoke, is_idle, panel, part, read_poses, running, said, upsample
from driver import (
    Steps,
    click_button,
    figures,
    install_extension,
    main_region,
    middle,
    move,
    note,
    open_tab,
    options,
    passes,
    press,
    run,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    yield from open_tab("JUMPS", width=300)
    yield from read_poses(options["file"])

    # Esc, with the mouse anywhere in the window.
    yield from start()
    yield from move(*middle(view().main))
    begun = time.perf_counter()
    yield from press("ESC")
    yield from until(is_idle, 5.0, "the end after Esc")
    figures["esc"] = time.perf_counter() - begun
    figures["esc_preview"] = panel().preview
    said("esc")

    # Cancel, beside the bar.
    yield from start()
    begun = time.perf_counter()
    yield from click_button("jumps.cancel", across=0.83)
    yield from until(is_idle, 5.0, "the end after Cancel")
    said("cancel")

    # A second click while it runs.
    yield from start()
    figures["second_click"] = bpy.ops.jumps.upsample_skeleton.poll()
    # Everything else may be done meanwhile.
    with view().context():
        bpy.ops.mesh.primitive_cube_add()
        bpy.ops.ed.undo_push(message="cube")
        bpy.context.object.name = "renamed"
        bpy.context.scene.name = "Renamed scene"
        bpy.ops.object.delete()
        bpy.ops.ed.undo_push(message="deleted")
    yield from move(*middle(view().main))
    for _ in range(3):
        yield from press("Z", ctrl=True)
        yield from passes(5)
    for _ in range(3):
        yield from press("Z", ctrl=True, shift=True)
        yield from passes(5)

    # kill -9
    os.kill(worker().pid, signal.SIGKILL)
    yield from until(is_idle, 5.0, "the end after the kill")
    said("killed")
    yield from press("ESC")  # the popup that shows an error takes keys

    # The next click works, and what was renamed meanwhile is found.
    panel().engine = "ridge"
    yield from upsample()

    # Repeat Last doesn't wait either.
    invoke("discard_preview")
    panel().engine = "direct"
    begun = time.perf_counter()
    yield from move(*middle(view().main))
    yield from press("R", shift=True)
    figures["repeat"] = [time.perf_counter() - begun, not is_idle()]
    yield from press("ESC")
    yield from until(is_idle, 5.0, "the end after Esc")

    # Undo takes away what is being baked.
    panel().engine = "ridge"
    yield from upsample()
    invoke("apply_preview", undo=True)
    yield from passes(5)
    invoke("bake_to_armature")
    yield from until(lambda: running().job.share > 0.1, 30.0, "the bake")
    yield from move(*middle(view().main))
    yield from press("Z", ctrl=True)
    yield from until(is_idle, 30.0, "the end of the bake")
    said("undone bake")
    yield from press("ESC")
    figures["undone_bake"] = [len(bpy.data.objects), len(bpy.data.actions), len(bpy.data.scenes)]
    # Esc leaves the armature as it was.
    yield from press("Z", ctrl=True, shift=True)
    yield from until(lambda: active_armature() is not None, 10.0, "the redo")
    invoke("bake_to_armature")
    yield from until(lambda: running().job.share > 0.1, 30.0, "the bake")
    yield from press("ESC")
    yield from until(is_idle, 5.0, "the end of the bake")
    said("cancelled bake")
    armature = active_armature()
    figures["cancelled_bake"] = [
        len(bpy.data.actions),
        len(bpy.data.scenes),
        any(c.mute for bone in armature.pose.bones for c in bone.constraints),
    ]

    # The scene in which it was started is deleted.
    with view().context():
        bpy.ops.scene.new(type="FULL_COPY")
    yield from read_poses(options["short"])
    panel().engine = "direct"
    invoke("upsample_skeleton")
    yield from passes(2)
    with view().context():
        bpy.ops.scene.delete()
    yield from until(is_idle, 60.0, "the end after the scene was deleted")
    said("scene deleted")

    # A window that is closed takes its job along; the other one goes on.
    with view().context():
        bpy.ops.wm.window_new()
    yield from passes(20)
    other = bpy.context.window_manager.windows[-1]
    area = max(other.screen.areas, key=lambda area: area.width * area.height)
    area.type = "VIEW_3D"
    yield from passes(5)
    panel().engine = "direct"
    with bpy.context.temp_override(window=other, area=area, region=main_region(area)):
        bpy.ops.jumps.upsample_skeleton("INVOKE_DEFAULT")
    yield from until(lambda: running().job.share > 0, 60.0, "the start")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):
        bpy.ops.wm.window_close()
    yield from until(is_idle, 10.0, "the end after the window was closed")
    figures["windows"] = len(bpy.context.window_manager.windows)

    # A worker that hangs.
    yield from start()
    worker().process().silence_seconds = 1.0
    os.kill(worker().pid, signal.SIGSTOP)
    yield from until(is_idle, 20.0, "the end of the worker that hangs")
    said("hung")

    # Pythons that print garbage, or exit at once.
    own = bpy.context.preferences.addons[MODULE].preferences
    for name, script in (("garbage", "echo Hello; cat"), ("exits", "echo no >&2; exit 7")):
        program = Path(bpy.app.tempdir) / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        own.python = str(program)
        panel().engine = "direct"
        invoke("upsample_skeleton")
        yield from until(is_idle, 20.0, f"the end of the worker that {name}")
        said(name)
    own.python = ""

    # A new file in mid-job.
    yield from start()
    with view().context():
        bpy.ops.wm.read_homefile(app_template="")
    yield from passes(20)
    yield from until(is_idle, 5.0, "the end after a new file")
    figures["new_file"] = [len(panel().people), panel().preview]
    figures["drawing"] = part("ui.overlay").is_drawing()
    yield from open_tab("JUMPS")
    yield from read_poses(options["file"])
    panel().engine = "ridge"
    yield from upsample()
    note("went through all faults")


def start() -> Steps:
    """Upsample with the network, and wait until it is at work."""
    panel().engine = "direct"
    invoke("upsample_skeleton")
    yield from until(lambda: is_idle() or running().job.share > 0, 60.0, "the start")


def worker() -> Any:
    """The one whose process runs."""
    (found,) = (each for each in part("operators.runtime")._workers.values() if each.pid)
    return found


def active_armature() -> Any:
    return next((item for item in bpy.data.objects if item.type == "ARMATURE"), None)


run(steps, seconds=options["limit"])
