"""The bar of the work that goes on, with Cancel beside it."""

from __future__ import annotations

from bpy.types import Operator, UILayout

from ..operators.long_operator import JUMPS_OT_cancel, running


def draw_running(layout: UILayout, *operators: type[Operator]) -> bool:
    """Draw the bar if one of these operators is at work; returns whether it is.

    layout: one that is never greyed, since Cancel is there until the work ends
    """
    work = running()
    if work is None or work.title not in [operator.bl_label for operator in operators]:
        return False
    row = layout.row(align=True)
    row.progress(factor=work.job.share, text=work.words(), translate=False)
    row.operator(JUMPS_OT_cancel.bl_idname, text="", icon="X")
    return True
