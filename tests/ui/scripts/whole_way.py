"""The whole way, as an animator goes it: drop, upsample, scrub, apply, bake, export, undo."""

from __future__ import annotations

from pathlib import Path

import bpy
from addon import is_idle, panel, part, running
from driver import (
    GapRecorder,
    Steps,
    box,
    click_button,
    figures,
    find_area,
    install_extension,
    invoke_drop,
    main_region,
    middle,
    move,
    note,
    open_tab,
    options,
    passes,
    press,
    run,
    screenshot,
    until,
    view,
)


def steps() -> Steps:
    install_extension(options["extension"])
    bpy.data.batch_remove(list(bpy.data.objects))
    overlay = part("ui.overlay")
    prepare_screen()
    yield from open_tab("JUMPS", width=300)
    figures["sidebar"] = box(view().sidebar)
    figures["viewport"] = box(view().main)
    yield from screenshot("1_empty")
    figures["drawing"] = {"at first": overlay.is_drawing()}

    yield from invoke_drop([options["file"]], *middle(view().main))
    yield from screenshot("2_dropped")
    yield from press("RET")
    yield from until(lambda: panel().people, 30.0, "the import")
    yield from until(is_idle, 5.0, "the end of the import")
    figures["people"] = [(one.person, one.frames) for one in panel().people]
    yield from screenshot("3_imported")

    with GapRecorder("upsampling"):
        yield from click_button("jumps.upsample_skeleton")
        yield from until(lambda: running().job.share > 0.3, 90.0, "a third of the work")
        yield from screenshot("4_upsampling")
        figures["words"] = running().words()
        yield from until(lambda: panel().preview, 150.0, "the preview")
    yield from until(is_idle, 5.0, "the end of the upsampling")
    figures["drawing"]["preview"] = overlay.is_drawing()
    figures["objects"] = [len(bpy.data.objects)]
    look_from_the_front()
    for number, share in enumerate(options["scrub"]):
        scrub_to(share)
        yield from screenshot(f"5_preview_{number}")

    yield from click_button("jumps.apply_preview", across=0.25)
    yield from until(lambda: bpy.data.objects, 10.0, "the result")
    figures["objects"].append(len(bpy.data.objects))
    yield from screenshot("6_applied")
    yield from click_button("jumps.bake_to_armature")
    yield from until(running, 5.0, "the bake")
    yield from until(is_idle, 120.0, "the end of the bake")
    figures["actions"] = len(bpy.data.actions)
    yield from screenshot("7_baked")

    yield from click_button("jumps.export_motion")
    yield from until(lambda: find_area("FILE_BROWSER"), 10.0, "the file browser")
    yield from screenshot("8_export")
    browser = find_area("FILE_BROWSER")
    path = Path(browser.spaces.active.params.directory.decode())
    path /= browser.spaces.active.params.filename
    yield from move(*middle(main_region(browser)))
    yield from press("RET")
    yield from until(path.exists, 120.0, f"{path}")
    yield from until(is_idle, 10.0, "the end of the export")
    figures["fbx"] = path.stat().st_size
    figures["keys"] = keys()

    yield from move(*middle(view().main))
    history = []
    for _ in range(4):  # bake, apply, upsample, import
        yield from press("Z", ctrl=True)
        yield from passes(20)
        history.append(state())
    yield from screenshot("9_undone")
    figures["undone"] = history
    figures["drawing"]["all undone"] = overlay.is_drawing()
    history = []
    for _ in range(4):
        yield from press("Z", ctrl=True, shift=True)
        yield from passes(20)
        history.append(state())
    figures["redone"] = history
    scrub_to(options["scrub"][0])
    yield from screenshot("10_redone")
    figures["keys_redone"] = keys()
    note("all undone and redone")


def state() -> list[int]:
    """People in the list, whether there is a preview, objects, actions."""
    found = panel()
    return [
        len(found.people),
        int(bool(found.preview)),
        len(bpy.data.objects),
        len(bpy.data.actions),
    ]


def keys() -> int:
    """How many keyframes there are in all."""
    return sum(
        len(curve.keyframe_points)
        for action in bpy.data.actions
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    )


def scrub_to(share: float) -> None:
    """Go to a frame of the clip, as the timeline does."""
    people = panel().people
    scene = bpy.context.window.scene
    frames = people[panel().person_index].frames * scene.render.fps / 30
    scene.frame_set(1 + round(share * (frames - 1)))


def prepare_screen() -> None:
    """Nothing in the pictures that is not about the work."""
    space = view().space
    space.overlay.show_relationship_lines = False
    space.show_region_toolbar = False


def look_from_the_front() -> None:
    """With the whole person in view, left of the sidebar."""
    current = view()
    with current.context():
        bpy.ops.view3d.view_axis(type="FRONT")
    current.space.region_3d.view_location = options["look_at"]
    current.space.region_3d.view_distance = options["distance"]


run(steps, seconds=options["limit"], smooth=options["smooth"])
