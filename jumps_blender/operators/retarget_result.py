"""Retarget: a lifted result's motion on the user's own rig."""

from __future__ import annotations

from typing import ClassVar

from bpy.types import Context, Operator, PropertyGroup

from ..errors import FLAT, JumpsError
from ..processes.job import SteppedJob
from ..scene.result import active_result, required_result
from ..scene.retarget import retarget_steps, rig_bones
from ..skeletons.rig_maps import problems
from .long_operator import WORK_FOR, LongOperator
from .needs_result import NeedsResult
from .settings import chosen_rig, recognise_bones


class JUMPS_OT_map_rig(Operator):
    """Recognise the rig's bones anew by their names and places; the table's changes are lost"""

    bl_idname = "jumps.map_rig"
    bl_label = "Recognise Bones"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if chosen_rig(context.scene) is None:
            cls.poll_message_set("Choose the rig first.")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.jumps
        recognise_bones(settings)
        self.report({"INFO"}, f"Bones of {settings.rig.name}: {settings.rig_map}.")
        return {"FINISHED"}


class JUMPS_OT_retarget(NeedsResult, LongOperator, Operator):
    """Put the result's motion on the rig, as an action on a new track of its animation"""

    bl_idname = "jumps.retarget"
    bl_label = "Retarget"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        result = active_result(context)
        if result is not None and result.find("root") is not None and not result.lifter:
            cls.poll_message_set(FLAT)
            return False
        if chosen_rig(context.scene) is None:
            cls.poll_message_set("Choose the rig first.")
            return False
        return True

    def start(self, context: Context) -> SteppedJob:
        result, settings = required_result(context), context.scene.jumps
        rig = chosen_rig(context.scene)
        if rig is None:
            raise JumpsError("Choose the rig first.")
        chosen = chosen_bones(settings)
        wrong = problems(chosen, rig_bones(rig))
        if wrong:
            raise JumpsError(wrong[0])
        self._range, self._rig = result.frame_range, rig.name
        steps = retarget_steps(
            result,
            rig,
            chosen,
            limbs=settings.limbs,
            root_motion=settings.root_motion,
        )
        return SteppedJob(steps, "Retargeting", WORK_FOR)

    def frames(self) -> int:
        return self._range[1] - self._range[0] + 1

    def finish(self, _context: Context, job: SteppedJob) -> str:
        first, last = self._range
        return f"Frames {first} to {last} are on {self._rig}, as action {job.result}."


def chosen_bones(settings: PropertyGroup) -> dict[str, tuple[str, ...]]:
    """What the table says: slots and their bones; rows without a bone say nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for row in settings.slots:
        if row.bone:
            found[row.slot] = (*found.get(row.slot, ()), row.bone)
    return found
