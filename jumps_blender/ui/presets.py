"""Presets of the upsampling settings and of rigs' bones, in the headers of their panels."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bl_operators.presets import AddPresetBase  # type: ignore[import-not-found]
from bl_ui.utils import PresetPanel  # type: ignore[import-not-found]
from bpy.types import Menu, Operator, Panel

from ..operators.bones_presets import (
    SUBFOLDER,
    JUMPS_OT_add_bones_preset,
    JUMPS_OT_load_bones_preset,
)
from ..skeletons.rig_preset import SUFFIX

_SUBFOLDER = "jumps/upsample"
# Has a folder "presets", whose files Blender offers beside the user's own.
_SHIPPED_IN = str(Path(__file__).parent.parent)
# Blender complains of a path that it already has, or doesn't have.
_registered: list[str] = []


class JUMPS_MT_upsample_presets(Menu):
    """The saved settings, by name."""

    bl_label = "Upsampling Presets"
    preset_subdir = _SUBFOLDER
    preset_operator = "script.execute_preset"
    draw = Menu.draw_preset


class JUMPS_OT_add_upsample_preset(AddPresetBase, Operator):
    """Add the upsampling settings as a preset, or remove one"""

    bl_idname = "jumps.add_upsample_preset"
    bl_label = "Add Upsampling Preset"
    preset_menu = "JUMPS_MT_upsample_presets"
    preset_subdir = _SUBFOLDER
    preset_defines: ClassVar[list[str]] = ["settings = bpy.context.scene.jumps"]
    preset_values: ClassVar[list[str]] = [
        "settings.engine",
        "settings.min_confidence",
        "settings.shaking",
        "settings.edge",
        "settings.dilation",
        "settings.denoise",
        "settings.repair_swaps",
        "settings.lift",
        "settings.focal_mm",
        "settings.smoothing",
        "settings.foot_lock",
    ]


class JUMPS_PT_upsample_presets(PresetPanel, Panel):
    """Opens from the Upsample panel's header."""

    bl_label = "Upsampling Presets"
    preset_subdir = _SUBFOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = JUMPS_OT_add_upsample_preset.bl_idname


class JUMPS_PT_bones_presets(PresetPanel, Panel):
    """Opens from the Bones panel's header. Its presets are read as data, and not run as Blender's
    own are: people pass them on."""

    bl_label = "Bones Presets"
    preset_subdir = SUBFOLDER
    preset_extensions: ClassVar[set[str]] = {SUFFIX}
    preset_operator = JUMPS_OT_load_bones_preset.bl_idname
    preset_add_operator = JUMPS_OT_add_bones_preset.bl_idname


def register() -> None:
    """Let Blender find the presets that ship, once even when called twice."""
    unregister()
    _registered.append(_SHIPPED_IN)
    bpy.utils.register_preset_path(_SHIPPED_IN)


def unregister() -> None:
    """Take them away."""
    while _registered:
        bpy.utils.unregister_preset_path(_registered.pop())
