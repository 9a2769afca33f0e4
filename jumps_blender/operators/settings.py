"""What the user has imported and chosen, kept in the scene and saved with the file."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import PropertyGroup, Scene

from ..keypoints import FORMATS
from ..keypoints.track import MIN_CONFIDENCE
from ..model_runtime import ENGINES

AUTOMATIC = "automatic"
FORMAT_ITEMS = [
    (AUTOMATIC, "Automatic", "Recognise the format from the file's content"),
    *((name, name, f"Read the file as {name}, whatever it looks like") for name in FORMATS),
]


class JUMPS_PG_person(PropertyGroup):
    """One person of the imported file."""

    person: StringProperty(name="Person", description="The file's id of this person")
    first_frame: IntProperty(
        name="First Frame", description="The first frame of the source that shows this person"
    )
    frames: IntProperty(name="Frames", description="How many frames this person's track spans")
    missing_share: FloatProperty(
        name="Missing",
        description="Share of the body's 12 main joints that the file misses, over all frames",
        subtype="FACTOR",
    )


class JUMPS_PG_settings(PropertyGroup):
    """The imported file, its people, and how they are upsampled and shown."""

    source: StringProperty(
        name="File",
        description="Pose file, or folder of OpenPose files, that was imported",
        subtype="FILE_PATH",
    )
    format: StringProperty(name="Format", description="Format as which the file was read")
    source_fps: FloatProperty(
        name="Source Frame Rate",
        description="The source's frames per second, given at import; 0: as the file says",
        min=0.0,
    )
    people: CollectionProperty(type=JUMPS_PG_person)
    person_index: IntProperty(name="Person", description="The person to upsample")
    engine: EnumProperty(
        name="Engine",
        description="How the joints that the file lacks are found",
        items=[(name, name.capitalize(), words) for name, words in ENGINES.items()],
    )
    device: EnumProperty(
        name="Device",
        description="Where the engine computes",
        items=[
            ("auto", "Automatic", "The graphics card where there is a usable one"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "An NVIDIA graphics card"),
            ("mps", "Metal", "An Apple graphics processor"),
        ],
    )
    min_confidence: FloatProperty(
        name="Min Confidence",
        description="Joints that the detector was less sure of count as missing",
        default=MIN_CONFIDENCE,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    height: FloatProperty(
        name="Person's Height",
        description="Standing height of the person in metres; gives the picture its scale",
        default=1.75,
        min=0.1,
        max=100.0,
        soft_min=0.5,
        soft_max=2.5,
    )
    start_frame: IntProperty(
        name="Start Frame",
        description="Scene frame at which the source's first frame lies",
        default=1,
        min=0,
        max=1_000_000,
    )
    use_clip_fps: BoolProperty(
        name="Clip's Frame Rate",
        description="Set the scene's frame rate to the clip's; otherwise the clip keeps its speed "
        "at the scene's frame rate, with keys between frames",
        default=False,
    )
    show_states: BoolProperty(
        name="State Colors",
        description="Draw the joints in the viewport in the color of their state: blue observed, "
        "orange inpainted, yellow upsampled",
        default=True,
    )
    extend_range: BoolProperty(
        name="Extend Frame Range",
        description="Let the scene's frame range contain the whole clip",
        default=True,
    )


def register() -> None:
    """Hang the settings on the scene; their classes must be registered."""
    Scene.jumps = PointerProperty(type=JUMPS_PG_settings)


def unregister() -> None:
    """Take the settings off the scene type; what is saved in files stays there."""
    if hasattr(bpy.types.Scene, "jumps"):
        del Scene.jumps
