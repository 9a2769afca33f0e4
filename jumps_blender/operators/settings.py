"""What the user has imported and chosen, kept in the scene and saved with the file."""

# mypy: disable-error-code="valid-type"
# Blender declares properties as annotations that are calls.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized

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
from bpy.types import Context, Object, PropertyGroup, Scene

from ..keypoints import FORMATS
from ..keypoints.missing import IMPORTED, MOST_DILATION, MOST_EDGE, MOST_SHAKING, Missing
from ..model_runtime import ENGINES
from ..model_runtime.smooth import USUAL_SMOOTHING
from ..model_runtime.space import USUAL_FOCAL
from ..scene.detections import find_detections
from ..scene.export import FORMATS as EXPORT_FORMATS
from ..scene.result import MAX_HEIGHT, MIN_HEIGHT
from ..scene.retarget import CHAINS, CONTROLS, DRIVEN, ik_controls, rig_bones
from ..skeletons.rig_maps import mapped
from ..video.backends import BACKENDS
from ..video.estimate import LONGEST_SIDE

# Called when what the viewport shows has changed; filled by ``ui.overlay``, which lies above.
on_change: list[Callable[[], None]] = []


def changed() -> None:
    """Tell those who draw."""
    for listener in on_change:
        listener()


# Called when a preview lies elsewhere, or at another time; filled by ``show_footage``.
on_placing: list[Callable[[Context], None]] = []


def placed(_settings: PropertyGroup, context: Context) -> None:
    """Tell those who draw or show footage that something lies elsewhere, or is another's."""
    for listener in on_placing:
        listener(context)
    changed()


def _changed(_settings: PropertyGroup, _context: Context) -> None:
    changed()


def rule_changed(settings: PropertyGroup, _context: Context) -> None:
    """Let the list of people say what is missing now."""
    found = find_detections(*source_of(settings))
    rule = rule_of(settings)
    for person, detected in zip(settings.people, found.people if found else (), strict=False):
        person.missing_share = detected.missing_share(rule)
    changed()


def source_of(settings: PropertyGroup) -> tuple[str, str, float]:
    """The file that was read, and how; by this its detections are found again."""
    return settings.source, settings.format, settings.source_fps


def chosen_index(settings: PropertyGroup, people: Sized) -> int:
    """The chosen person's place in a list of people; the list may have become shorter since."""
    return max(0, min(settings.person_index, len(people) - 1))


def rule_of(settings: PropertyGroup) -> Missing:
    """What counts as missing."""
    # Properties are single precision: 0.05 is 0.05000000074505806 there.
    return Missing(
        min_confidence=round(settings.min_confidence, 6),
        shaking=round(settings.shaking, 6),
        edge=round(settings.edge, 6),
        dilation=settings.dilation,
    )


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


class JUMPS_PG_slot(PropertyGroup):
    """One row of the table of a rig's bones; the spine has several."""

    slot: StringProperty(name="Part", description="The part of the body")
    bone: StringProperty(
        name="Bone", description="The rig's bone for this part of the body; empty if it has none"
    )


def _is_rig(settings: PropertyGroup, item: Object) -> bool:
    is_rig = item.type == "ARMATURE" and "jumps_result" not in item
    return is_rig and _is_in(settings.id_data, item)


def chosen_rig(scene: Scene) -> Object | None:
    """The rig that the panel names; None for none, and for one that isn't in the scene.

    What the user deletes lives on in the file as long as a property points at it.
    """
    rig = scene.jumps.rig
    return rig if rig is not None and _is_in(scene, rig) else None


def _is_in(scene: Scene, item: Object) -> bool:
    return any(each == item for each in scene.objects)  # linked ones may have the same name


def _rig_chosen(settings: PropertyGroup, _context: Context) -> None:
    recognise_bones(settings)


def recognise_bones(settings: PropertyGroup) -> None:
    """Fill the table of the rig's bones anew, by their names and places."""
    settings.slots.clear()
    settings.rig_map = ""
    rig = chosen_rig(settings.id_data)
    if rig is None:
        return
    settings.rig_map, found = mapped(rig_bones(rig))
    show_bones(settings, ik_controls(rig, found) | found)


def show_bones(settings: PropertyGroup, found: Mapping[str, Sequence[str]]) -> None:
    """Fill the table with these bones of each slot."""
    settings.slots.clear()
    for slot in (*DRIVEN, *CONTROLS):
        names = found.get(slot, ())
        # One row more for bones that were not found.
        for name in (*names, *([""] if slot in CHAINS or not names else [])):
            row = settings.slots.add()
            row.slot, row.bone = slot, name


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
    file_fps: FloatProperty(
        name="Frame Rate",
        description="The source's frames per second, as given or as the file says; 0: unknown",
        min=0.0,
    )
    video: StringProperty(
        name="Video",
        description="The video in which Estimate Poses looks for people",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    estimator: EnumProperty(
        name="Estimator",
        translation_context="JUMPS",
        description="What finds the joints in the pictures. Each is installed once, in the "
        "add-on's preferences",
        items=[(name, backend.label, backend.licence) for name, backend in BACKENDS.items()],
    )
    video_start: FloatProperty(
        name="Start",
        description="Seconds from the video's beginning at which people are looked for first",
        min=0.0,
        max=1e6,
        soft_max=3600.0,
    )
    video_end: FloatProperty(
        name="End",
        description="Seconds from the video's beginning at which the search ends; 0: at its end",
        min=0.0,
        max=1e6,
        soft_max=3600.0,
    )
    video_step: IntProperty(
        name="Step",
        description="Look at every frame (1), at every second one (2), and so on; faster, and less "
        "exact where people are fast",
        default=1,
        min=1,
        max=1000,
        soft_max=10,
    )
    video_side: IntProperty(
        name="Longest Side",
        description="Pixels to which larger pictures are scaled down for the estimator; poses stay "
        "in the video's own pixels. 0: never",
        default=LONGEST_SIDE,
        min=0,
        max=16384,
    )
    video_people: IntProperty(
        name="People",
        description="How many people are looked for at most in a picture; 0: as the estimator "
        "usually does",
        min=0,
        max=100,
    )
    estimated: StringProperty(
        name="Estimated From",
        description="The video and the settings that the poses were estimated with, as JSON; empty "
        "for imported ones",
        options={"HIDDEN"},
    )
    footage: StringProperty(
        name="Footage",
        description="The video that the poses were found in, or one of its numbered images: shown "
        "behind the result's camera. Tells the lens and the picture's size, where it does",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    people: CollectionProperty(type=JUMPS_PG_person)
    person_index: IntProperty(name="Person", description="The person to upsample", update=placed)
    engine: EnumProperty(
        name="Engine",
        translation_context="JUMPS",
        description="How the joints that the file lacks are found; decides how natural the hidden "
        "limbs move",
        items=[(name, name.capitalize(), words) for name, words in ENGINES.items()],
    )
    device: EnumProperty(
        name="Device",
        description="What does the computing; the result is the same, only the speed differs",
        items=[
            ("auto", "Automatic", "The graphics card where there is a usable one"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "An NVIDIA graphics card"),
            ("mps", "Metal", "An Apple graphics processor"),
        ],
    )
    min_confidence: FloatProperty(
        name="Min Confidence",
        description="Joints that the detector was less sure of are ignored and found again, as if "
        "they had been hidden",
        default=IMPORTED.min_confidence,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=rule_changed,
    )
    shaking: FloatProperty(
        name="Shaking",
        description="How many times more than the body a joint shakes that counts as half as sure: "
        "what a detector makes up shakes. Up to 1, nobody looks",
        default=IMPORTED.shaking,
        min=0.0,
        max=MOST_SHAKING,
        soft_max=10.0,
        update=rule_changed,
    )
    edge: FloatProperty(
        name="Frame Edge",
        description="Joints so near to the picture's edge, as a share of its size, are ignored and "
        "found again: detectors put there what lies beyond",
        default=IMPORTED.edge,
        min=0.0,
        max=MOST_EDGE,
        soft_max=0.1,
        subtype="FACTOR",
        precision=3,
        update=rule_changed,
    )
    dilation: IntProperty(
        name="Dilation",
        description="Frames before and after those in which a joint is missing that are ignored, "
        "too: detectors go wrong before they say so",
        default=IMPORTED.dilation,
        min=0,
        max=MOST_DILATION,
        soft_max=10,
        update=rule_changed,
    )
    rule_is_files: BoolProperty(
        name="As the File Says",
        description="Whether the file said what counts as missing; the next one may not",
        options={"HIDDEN"},
    )
    show_detection: BoolProperty(
        name="Detection",
        description="Draw what the detector saw at the current frame, in the viewport and in the "
        "Movie Clip Editor; joints that count as missing are crossed out",
        default=True,
        update=_changed,
    )
    denoise: BoolProperty(
        name="Denoise",
        description="Let joints that the detector was unsure of leave its places for a smoother "
        "path; otherwise what was seen stays exactly where it was seen",
        default=False,
    )
    repair_swaps: BoolProperty(
        name="Repair Swaps",
        description="Where the detector took the left arm or leg for the right one for some "
        "frames, exchange them; no joint is moved",
        default=False,
    )
    lift: BoolProperty(
        name="Lift to 3D",
        description="Find the joints' depth, the floor and the camera; otherwise the skeleton "
        "stays flat, as in the picture",
        default=False,
    )
    camera_from: EnumProperty(
        name="Camera",
        description="How the camera that filmed moves",
        items=[
            (
                "scene",
                "Automatic",
                "As the scene's camera, if that is animated or solved from the footage; otherwise "
                "it is taken to stand still",
            ),
            ("still", "Still", "It stands still, whatever the scene's camera does"),
        ],
    )
    focal_from: EnumProperty(
        name="Lens",
        description="How the lens that filmed is known. It decides how deep the room is",
        items=[
            (
                "footage",
                "As the Footage Tells",
                "What phones and cameras write into their files; where there is nothing, the focal "
                "length below",
            ),
            ("given", "Given", "The focal length below, whatever the footage tells"),
        ],
    )
    focal_mm: FloatProperty(
        name="Focal Length",
        description="Of the lens that filmed, in millimetres of a full-frame camera; phones mostly "
        "have 24 to 28 mm. Decides how deep the room is",
        default=USUAL_FOCAL,
        min=1.0,
        max=5000.0,
        soft_min=10.0,
        soft_max=200.0,
    )
    smoothing: FloatProperty(
        name="Smoothing",
        description="How much jitter is taken out of the lifted motion; fast moves stay fast",
        default=USUAL_SMOOTHING,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    foot_lock: BoolProperty(
        name="Foot Lock",
        description="Hold feet still while they stand on the floor; the knees bend to follow",
        default=True,
    )
    height: FloatProperty(
        name="Person's Height",
        description="Standing height of the person in metres; decides how tall the result stands",
        default=1.75,
        min=MIN_HEIGHT,
        max=MAX_HEIGHT,
        soft_min=0.5,
        soft_max=2.5,
        update=placed,
    )
    start_frame: IntProperty(
        name="Start Frame",
        description="Scene frame at which the clip begins",
        default=1,
        min=0,
        max=1_000_000,
        update=placed,
    )
    use_clip_fps: BoolProperty(
        name="Clip's Frame Rate",
        description="Set the scene's frame rate to the clip's; otherwise the clip keeps its speed "
        "at the scene's frame rate, with keys between frames",
        default=False,
        update=placed,
    )
    keep_previous: BoolProperty(
        name="Keep Earlier Result",
        description="Apply beside an earlier result of the same person, at the world's origin, "
        "instead of in its place",
        default=False,
        update=placed,
    )
    show_states: BoolProperty(
        name="State Colors",
        description="Draw the joints in the viewport in the color of their state: observed, "
        "inpainted or upsampled",
        default=True,
        update=_changed,
    )
    rig: PointerProperty(
        type=Object,
        name="Rig",
        description="The armature of your character, which the motion is put on",
        poll=_is_rig,
        update=_rig_chosen,
    )
    rig_map: StringProperty(
        name="Rig's Family", description="Whose names its bones have, or guessed"
    )
    slots: CollectionProperty(
        type=JUMPS_PG_slot, name="Bones", description="Which of the rig's bones is which part"
    )
    limbs: EnumProperty(
        name="Limbs",
        description="What moves arms and legs in rigs that have a switch for it; both are keyed, "
        "where the rig has both",
        items=[
            ("FK", "FK", "The bones of arms and legs turn, each against the one before it"),
            ("IK", "IK", "Hands and feet are placed, and arms and legs reach for them"),
        ],
    )
    root_motion: BoolProperty(
        name="Root Motion",
        description="Let the rig's root bone go over the floor beneath the hips, as game engines "
        "want it; otherwise it stays where it is",
        default=False,
    )
    export_of: EnumProperty(
        name="Export",
        description="Whose motion is written",
        items=[
            ("RESULT", "Result", "The chosen result's own armature, or its joints"),
            ("RIG", "Rig", "Your character, with the motion that was retargeted to it"),
        ],
    )
    export_format: EnumProperty(
        name="Format",
        translation_context="JUMPS",
        description="What the file is for; decides its unit, its axes and what it holds",
        items=[(name, kind.title, kind.words) for name, kind in EXPORT_FORMATS.items()],
    )
    in_place: BoolProperty(
        name="In Place",
        description="Let the body stay over the place where it begins; up and down it still moves",
        default=False,
    )
    export_meshes: BoolProperty(
        name="Meshes",
        description="Write the meshes that the rig deforms, too",
        default=False,
    )
    deform_only: BoolProperty(
        name="Only Deform Bones",
        description="Leave out bones that deform nothing and have none below them that do, such as "
        "controls",
        default=False,
    )
    preview: StringProperty(
        name="Preview",
        description="Which upsampled sequence waits to be applied; empty if none does",
        options={"HIDDEN"},
    )
    extend_range: BoolProperty(
        name="Extend Frame Range",
        description="Let the scene's frame range contain the whole clip",
        default=True,
    )


def set_preview(scene: Scene, key: str) -> None:
    """Name the scene's preview, or none."""
    assign_quietly(scene.jumps, "preview", key)
    changed()


def assign_quietly(settings: PropertyGroup, name: str, value: str | float) -> None:
    """Set a property and tell nobody; who draws it is to be told.

    An ordinary assignment makes Blender draw all of every window and evaluate the scene anew. It
    also converts and limits what it is given, which has to be of the property's own type here.
    """
    # Blender 5.0 keeps what add-ons register apart from custom properties.
    apart = getattr(settings, "bl_system_properties_get", None)
    storage = settings if apart is None else apart(do_create=True)
    storage[name] = value


def register() -> None:
    """Hang the settings on the scene; their classes must be registered."""
    Scene.jumps = PointerProperty(type=JUMPS_PG_settings)


def unregister() -> None:
    """Take the settings off the scene type; what is saved in files stays there."""
    if hasattr(bpy.types.Scene, "jumps"):
        del Scene.jumps
