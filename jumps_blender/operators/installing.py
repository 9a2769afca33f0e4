"""What operators share that install and remove what runs beside Blender."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event

from ..errors import JumpsError
from .long_operator import LongOperator, hand_over, refuse_if_running


class BesideBlender(LongOperator):
    """An operator that leaves the scene alone, so that there is nothing to undo."""

    bl_options: ClassVar[set[str]] = {"REGISTER"}

    def choices(self) -> dict[str, Any]:
        """The properties with which the operator calls itself again."""
        return {}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return not refuse_if_running(cls)

    def again(self, **choices: object) -> set[str]:
        """Once more, after a question, so that the window need not wait."""
        module, _, name = type(self).bl_idname.partition(".")
        operator = getattr(getattr(bpy.ops, module), name)
        return hand_over(self, operator, True, **self.choices(), **choices)


class Download(BesideBlender):
    """Needs the network, which Blender's users allow or not."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if not bpy.app.online_access:
            cls.poll_message_set(  # type: ignore[attr-defined]
                "Allow Online Access in Preferences > System > Network first, or install from a "
                "folder of wheels."
            )
            return False
        return True


class FromFolder(BesideBlender):
    """Asks for a folder of wheels first."""

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})

    def wheels(self) -> Path:
        """The folder; raises JumpsError when none was given."""
        if not self.directory:
            raise JumpsError("No folder was given; choose the one that holds the wheels.")
        return Path(bpy.path.abspath(self.directory))

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self.directory:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        # From the file browser.
        if not bpy.app.background and self.options.is_invoke:
            return self.again(directory=self.directory)
        return super().execute(context)


class Removal(BesideBlender):
    """Asks whether it is meant first."""

    is_confirmed: BoolProperty(name="Confirmed", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self.is_confirmed:
            return context.window_manager.invoke_confirm(self, event)
        return super().invoke(context, event)

    def execute(self, context: Context) -> set[str]:
        # From the question.
        if not bpy.app.background and self.options.is_invoke:
            return self.again(is_confirmed=True)
        return super().execute(context)
