"""Lock Feet: the legs hold the feet anew, after the user has edited their contacts."""

from __future__ import annotations

import bpy
from bpy.types import Context, Operator

from ..errors import FLAT, JumpsError
from ..model_runtime.foot_lock import held_again
from ..processes.job import ThreadedJob
from ..scene.bake import is_baked
from ..scene.feet import held_joints, read_feet, write_legs
from ..scene.result import Result, by_uid, required_result, results_in
from .long_operator import LongOperator
from .needs_result import NeedsResult


class JUMPS_OT_lock_feet(NeedsResult, LongOperator, Operator):
    """Hold the feet where their contacts are keyed, and nowhere else; replaces the legs' keys"""

    bl_idname = "jumps.lock_feet"
    bl_label = "Lock Feet"
    changes_result = True

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        result = required_result(context)
        if result.find("root") is not None and not result.lifter:
            cls.poll_message_set(FLAT)
            return False
        return True

    def start(self, context: Context) -> ThreadedJob:
        result = required_result(context)
        self._root = result.root.session_uid
        self._feet = feet = read_feet(result, context.scene)

        def work() -> None:
            self._legs = held_joints(held_again(feet.free, feet.stands, feet.times))

        return ThreadedJob(work, "Locking feet")

    def finish(self, context: Context, job: ThreadedJob) -> str:
        result = _with_root(context, self._root)
        write_legs(result, self._feet, self._legs)
        if is_baked(result):
            job.notes.append("The armature still moves as it was baked before; bake it again.")
        share = self._feet.stands.any(axis=1).mean()
        return f"Feet are held in {share:.0%} of the frames."


def _with_root(context: Context, uid: int) -> Result:
    """The result of that root; raises JumpsError if it is gone from the scene."""
    root = by_uid(bpy.data.objects, uid)
    for result in results_in(context.scene):
        if root in result.members:
            return result
    raise JumpsError(f"{root.name} is in another scene now; nothing was changed.")
