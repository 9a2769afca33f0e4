"""Bake to Armature: plain bone keyframes instead of constraints."""

from __future__ import annotations

from bpy.types import Context, Operator

from ..processes.job import SteppedJob
from ..scene.bake import bake_steps
from ..scene.result import required_result
from .long_operator import WORK_FOR, LongOperator
from .needs_result import NeedsResult


class JUMPS_OT_bake_to_armature(NeedsResult, LongOperator, Operator):
    """Key the bones as they follow the joints now; bone keys that were there are replaced"""

    bl_idname = "jumps.bake_to_armature"
    bl_label = "Bake to Armature"
    changes_result = True

    def start(self, context: Context) -> SteppedJob:
        result = required_result(context)
        self._range = result.frame_range
        return SteppedJob(bake_steps(result), "Baking", WORK_FOR)

    def frames(self) -> int:
        return self._range[1] - self._range[0] + 1

    def finish(self, _context: Context, job: SteppedJob) -> str:
        first, last = self._range
        return f"Baked frames {first} to {last} into action {job.result}."
