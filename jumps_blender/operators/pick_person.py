"""Pick Person: the people at the current frame are drawn, and a click chooses one."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from typing import Any, ClassVar

import bpy
import numpy as np
from bpy.props import StringProperty
from bpy.types import Area, Context, Event, Operator, Region
from numpy.typing import NDArray

from ..keypoints.detected import distances
from ..scene.detections import find_detections
from ..scene.preview import find, placing_at
from .long_operator import redraw
from .seen import picking, seen_now
from .settings import changed, source_of
from .show_footage import placing as placing_settings

_REACH = 40.0  # pixels from a body at a resolution scale of 1 at which the mouse still means it
# What goes on to work while a person is being chosen: the view and the timeline.
_LEAVE = ("ESC", "RIGHTMOUSE")


class JUMPS_OT_pick_person(Operator):
    """Choose the person by clicking on her: all people at the current frame are drawn"""

    bl_idname = "jumps.pick_person"
    bl_label = "Pick in Viewport"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    person: StringProperty(name="Person", description="The person's id, in scripts")

    @classmethod
    def poll(cls, context: Context) -> bool:
        settings = context.scene.jumps
        if not settings.people:
            cls.poll_message_set("Import or estimate poses first.")
            return False
        if picking.is_on:
            cls.poll_message_set("Click on a person in the viewport, or press Esc.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.jumps
        for index, each in enumerate(settings.people):
            if each.person == self.person:
                settings.person_index = index
                self.report({"INFO"}, f"Person {each.person} is chosen.")
                return {"FINISHED"}
        self.report({"ERROR"}, f"There is no person {self.person}; choose one of the list.")
        return {"CANCELLED"}

    def invoke(self, context: Context, _event: Event) -> set[str]:
        if self.properties.is_property_set("person"):
            return self.execute(context)
        if find_detections(*source_of(context.scene.jumps)) is None:
            self.report({"ERROR"}, "The detections aren't in memory any more; press Read Again.")
            return {"CANCELLED"}
        picking.is_on, picking.lit = True, -1
        if _people(context) is None:
            self._end(context)
            self.report({"ERROR"}, "Nobody is seen at this frame; go to another one.")
            return {"CANCELLED"}
        context.workspace.status_text_set("Click: Choose Person    Esc: Leave")
        context.window_manager.modal_handler_add(self)
        changed()
        redraw(context, {"WINDOW", "UI"})
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        if not picking.is_on:
            # Another file was opened, or the add-on was disabled.
            self._end(context)
            return {"CANCELLED"}
        if event.type in _LEAVE and event.value == "PRESS":
            self._end(context)
            return {"CANCELLED"}
        under = _viewport_at(context, event)
        if event.type in ("MOUSEMOVE", "LEFTMOUSE") and under is not None:
            lit = _under(context, *under, event)
            if lit != picking.lit:
                picking.lit = lit
                redraw(context, {"WINDOW"})
            if event.type == "LEFTMOUSE" and event.value == "PRESS" and lit >= 0:
                self._end(context)
                self.person = context.scene.jumps.people[lit].person
                return self.execute(context)
            if event.type == "LEFTMOUSE":
                return {"RUNNING_MODAL"}  # a click beside everybody selects nothing
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        """Called by Blender when the window closes or another file is opened."""
        self._end(context)

    def _end(self, context: Context) -> None:
        stop_picking()
        redraw(context, {"WINDOW", "UI"})


def stop_picking() -> None:
    """Draw nobody to choose from any more, and take the words out of the status bar."""
    picking.is_on, picking.lit = False, -1
    # The user may be in another workspace by now, and only the context's is told.
    for workspace in bpy.data.workspaces:
        with bpy.context.temp_override(workspace=workspace):
            workspace.status_text_set(None)
    changed()


def _people(context: Context) -> Any:
    preview = find(context.scene.jumps.preview)
    where = None if preview is None else placing_at(context, preview, **placing_settings(context))
    return seen_now(context, where)


def _viewport_at(context: Context, event: Event) -> tuple[Area, Region] | None:
    """The 3D viewport under the mouse; None over its sidebars, and over everything else."""
    for area in context.window.screen.areas if context.window else ():
        if area.type != "VIEW_3D":
            continue
        inside = [region for region in area.regions if _holds(region, event)]
        if inside:
            # Sidebars lie over the viewport's own region.
            return (area, inside[0]) if [each.type for each in inside] == ["WINDOW"] else None
    return None


def _holds(region: Region, event: Event) -> bool:
    x, y = event.mouse_x - region.x, event.mouse_y - region.y
    return region.width > 1 and 0 <= x < region.width and 0 <= y < region.height


def _under(context: Context, area: Area, region: Region, event: Event) -> int:
    """Whose body is nearest to the mouse, by her place in the list; -1 for nobody near."""
    seen = _people(context)
    if seen is None:
        return -1
    view = area.spaces.active.region_3d
    sightings = [each for _, each in seen.people]
    world = seen.canvas.to_world(np.array([each.places for each in sightings]))
    on_screen = _projected(world, np.array(view.perspective_matrix), region)
    mouse = np.array([event.mouse_x - region.x, event.mouse_y - region.y], float)
    away = distances(mouse, on_screen, sightings)
    nearest = int(away.argmin())
    reach = _REACH * context.preferences.system.ui_scale
    return seen.people[nearest][0] if away[nearest] <= reach else -1


def _projected(
    points: NDArray[np.float64], matrix: NDArray[np.float64], region: Region
) -> NDArray[np.float64]:
    """World (..., 3) -> the region's pixels (..., 2); far away for what is behind the viewer."""
    clip = points @ matrix[:, :3].T + matrix[:, 3]
    depth = clip[..., 3:]
    share = clip[..., :2] / np.where(depth > 1e-6, depth, np.nan)
    pixels = (share + 1) * (0.5 * region.width, 0.5 * region.height)
    return np.nan_to_num(pixels, nan=1e9)
