"""What the user has chosen for all files: Pythons, estimators' files, the colours of the states."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from typing import Any

from bpy.props import FloatVectorProperty, StringProperty
from bpy.types import Context

from ..keypoints import JointState
from ..scene.look import STATE_COLOURS, Colours

# The add-on's name in Blender: bl_ext.<repository>.jumps_blender.
ADDON = __package__.rpartition(".")[0]


class PreferenceProperties:
    """The properties; ``ui.preferences`` draws them."""

    python: StringProperty(
        name="Python",
        description="A Python 3.11 or later with torch, numpy and safetensors that upsampling "
        "shall run in; empty: the one that was installed here, else Blender's own",
        subtype="FILE_PATH",
    )
    estimators_python: StringProperty(
        name="Python for Estimators",
        description="The Python that pose estimators are installed with, of a version that they "
        "support; empty: Blender's own if it is of one, else one that is found on this machine",
        subtype="FILE_PATH",
    )
    # By their names in video.backends; see operators.estimators.model_property.
    rtmpose_detector: StringProperty(
        name="Person Detector",
        description="An ONNX file of a YOLOX person detector",
        subtype="FILE_PATH",
    )
    rtmpose_pose: StringProperty(
        name="Pose Model",
        description="An ONNX file of an RTMPose body model with feet (Halpe-26)",
        subtype="FILE_PATH",
    )
    mediapipe_task_landmarker: StringProperty(
        name="Pose Landmarker",
        description="A pose_landmarker .task file of MediaPipe's",
        subtype="FILE_PATH",
    )
    observed: FloatVectorProperty(
        name="Observed",
        description="Color of joints that the pose file gives in this frame",
        subtype="COLOR_GAMMA",
        min=0.0,
        max=1.0,
        default=STATE_COLOURS[JointState.OBSERVED],
    )
    inpainted: FloatVectorProperty(
        name="Inpainted",
        description="Color of joints that the pose file has, but not in this frame",
        subtype="COLOR_GAMMA",
        min=0.0,
        max=1.0,
        default=STATE_COLOURS[JointState.INPAINTED],
    )
    upsampled: FloatVectorProperty(
        name="Upsampled",
        description="Color of joints that the pose file never has",
        subtype="COLOR_GAMMA",
        min=0.0,
        max=1.0,
        default=STATE_COLOURS[JointState.UPSAMPLED],
    )


def preferences(context: Context) -> Any | None:
    """The add-on's preferences; None where it isn't enabled as one."""
    addon = context.preferences.addons.get(ADDON)
    return None if addon is None else addon.preferences


def colours(context: Context) -> Colours:
    """The colours of the three states, sRGB."""
    own = preferences(context)
    if own is None:
        return STATE_COLOURS
    return {state: tuple(getattr(own, state.name.lower())) for state in JointState}
