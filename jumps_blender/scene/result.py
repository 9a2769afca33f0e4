"""A result: one person's 28 joints and armature in the scene, found again by what they carry.

Objects are recognised by custom properties, never by their names, which users change:

- every object, action, armature and collection of a result: ``jumps_result``, the result's id
- the root: ``jumps_role`` "root", what the result was made of and how (source, person, engine with
  its weights' hash, settings as JSON, the add-on's version) and how the picture lies in the scene
  (see ``PicturePlane``)
- the empties: ``jumps_role`` "joint", ``jumps_skeleton``, ``jumps_joint`` and, keyed per frame,
  ``jumps_state`` (see ``JointState``); those of lifted legs also what ``feet.py`` says
- the armature: ``jumps_role`` "armature"; the camera, of a lifted clip or one with footage:
  "camera"; images and actions that show its footage carry the id too
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import ID, ActionChannelbag, Collection, Context, Object, Scene
from numpy.typing import NDArray

from .. import __version__
from ..errors import JumpsError
from ..keypoints.sequence import JointState, PoseSequence
from ..keypoints.space import MovingCamera, SpaceSequence, StillCamera
from ..skeletons import JOINTS
from .armature import create_armature, follow
from .camera import create_camera, create_flat_camera, match_render
from .coordinates import PicturePlane, picture_plane, space_to_scene
from .feet import UNITS, key_foot
from .footage import Footage, picture_size, show_behind
from .footage_plane import ROLE, add_footage_plane
from .keyframes import MAX_FRAME, changes, channelbag_for, frame_rate, write_curve
from .look import JOINT_SIZE, ROOT_SIZE, STATE_COLOURS, Colours, linear
from .rest_pose import rest_pose

SKELETON = "mpi_inf_3dhp28"
MIN_HEIGHT, MAX_HEIGHT = 0.1, 100.0  # metres; a doll, a giant
_LONGEST_WAIT = 600.0  # seconds between two frames of one clip
STATE_PATH = '["jumps_state"]'


@dataclass(frozen=True)
class Result:
    """One result's objects, at least one; the user may have deleted any of them.

    Hold it no longer than a function call: an undo or a deletion makes it invalid.
    """

    members: tuple[Object, ...]

    @property
    def id(self) -> str:
        return str(self.members[0]["jumps_result"])

    @property
    def lineage(self) -> str:
        """The id of the first of the results that replaced each other up to this one."""
        return str(self._of_root("jumps_lineage", self.id))

    @property
    def source(self) -> str:
        return str(self.members[0].get("jumps_source", ""))

    @property
    def clip(self) -> Path:
        """What people know the source by; see ``clip_of``."""
        return clip_of(self.source, self.settings)

    @property
    def person(self) -> str:
        return str(self.members[0].get("jumps_person", ""))

    @property
    def engine(self) -> str:
        """The engine's name and its weights' hash, such as "direct 1a2b3c4d"."""
        return str(self.members[0].get("jumps_engine", ""))

    @property
    def lifter(self) -> str:
        """The weights that found its depth, such as "lift 1a2b3c4d"; empty for a flat one."""
        return str(self._of_root("jumps_lifter", ""))

    @property
    def version(self) -> str:
        """Version of the add-on that made it; empty before 0.2.0."""
        return str(self._of_root("jumps_version", ""))

    @property
    def settings(self) -> dict[str, Any]:
        """What it was upsampled with; empty where that is not known."""
        try:
            found = json.loads(str(self._of_root("jumps_settings", "{}")))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def linked_from(self) -> str:
        """The other .blend file that it lies in and can't be changed from here, else empty.

        A library override lies there too: its actions and its objects' places do.
        """
        for item in self.members:
            override = item.override_library
            held = item if override is None else override.reference
            if held is not None and held.library is not None:
                return str(held.library.filepath)
        return ""

    @property
    def root(self) -> Object:
        """The empty that moves the whole; raises JumpsError if it is gone."""
        return self._only("root")

    @property
    def armature(self) -> Object:
        """The armature object; raises JumpsError if it is gone."""
        return self._only("armature")

    @property
    def camera(self) -> Object:
        """The camera object; raises JumpsError if there is none."""
        return self._only("camera")

    @property
    def empties(self) -> tuple[Object, ...]:
        """The 28 empties in the order of the joints; raises JumpsError if one is gone."""
        found = {item.get("jumps_joint"): item for item in reversed(self.members)}
        gone = [name for name in JOINTS if name not in found]
        if gone:
            raise self._incomplete(f"joint {gone[0]}")
        return tuple(found[name] for name in JOINTS)

    @property
    def frame_range(self) -> tuple[int, int]:
        """First and last whole scene frame that the empties' keyframes span."""
        spans = [
            empty.animation_data.action.curve_frame_range
            for empty in self.empties
            if empty.animation_data is not None and empty.animation_data.action is not None
        ]
        if not spans:
            kept = [self._of_root(f"jumps_{end}_frame", None) for end in ("first", "last")]
            if not all(isinstance(frame, int) and 0 <= frame <= MAX_FRAME for frame in kept):
                raise self._incomplete("keyframes")
            return kept[0], max(kept)
        return whole_frames(min(span[0] for span in spans), max(span[1] for span in spans))

    def find(self, role: str) -> Object | None:
        """Its root, armature, camera or footage plane; None where it has none or it is gone."""
        kind = {"armature": "ARMATURE", "camera": "CAMERA"}.get(role, "EMPTY")
        with_role = (item for item in self.members if item.get("jumps_role") == role)
        return next((item for item in with_role if item.type == kind), None)

    def _of_root(self, key: str, default: Any) -> Any:
        root = self.find("root")
        return default if root is None else root.get(key, default)

    def _only(self, role: str) -> Object:
        found = self.find(role)
        if found is None:
            raise self._incomplete(role)
        return found

    def _incomplete(self, what: str) -> JumpsError:
        return JumpsError(
            f"The result of {self.clip}, person {self.person}, has lost its {what}; "
            "undo the deletion, or run Upsample Skeleton again."
        )


def clip_of(source: str, settings: Mapping[str, Any]) -> Path:
    """The pose file, or the video that its poses were estimated from.

    settings: what was upsampled with
    """
    video = settings.get("video")
    path = video.get("path") if isinstance(video, Mapping) else None
    return Path(path if isinstance(path, str) and path else source)


def whole_frames(first: float, last: float) -> tuple[int, int]:
    """The whole frames around a span; keys are single precision, so 250.00002 is frame 250."""
    start = math.floor(first + 1e-3)
    return start, max(start, math.ceil(last - 1e-3))


def create_result(
    context: Context,
    sequence: PoseSequence,
    *,
    space: SpaceSequence | None = None,
    footage: Footage | None = None,
    height: float = 1.75,
    start_frame: int = 1,
    use_clip_fps: bool = False,
    extend_range: bool = True,
    keep_previous: bool = False,
    replaces: Result | None = None,
    colours: Colours = STATE_COLOURS,
    settings: Mapping[str, Any] | None = None,
) -> Result:
    """Build empties, armature and animation for one person in the context's scene.

    space: the same clip lifted, or None for one that stays flat, in the picture's plane
        Before a moving camera of the scene's it lies in the scene's world, for the frames at which
        that was sampled; no camera is made, and ``height`` and ``footage`` don't count.
    footage: what the poses were found in, shown behind the camera; the scene's pictures get its
        proportions, and the scene looks through that camera if it has none of its own
    height: the person's standing height, metres
    start_frame: scene frame at which the source's time 0 lies; whatever lies between two scene
        frames is keyed there
    use_clip_fps: give the scene the clip's frame rate
    extend_range: let the scene's frame range contain the clip
    keep_previous: leave an earlier result of the same source and person beside the new one
    replaces: the result of this file that is replaced, whatever it is of
    colours: of the three states, sRGB
    settings: what the sequence was upsampled with, kept with the result as JSON

    A result of the same source and person in this scene is replaced (``to_replace``): the new one
    gets its root, with all that the user has done to that, and what else in the file points at it,
    such as children and constraints, points at the new one. One that lies in a camera's own world
    gets a root of its own. When anything fails, the scene is left as it was. Raises JumpsError
    when the clip ends beyond Blender's last frame or nobody is that tall.
    """
    if not MIN_HEIGHT <= height <= MAX_HEIGHT:
        raise JumpsError(
            f"The person's height is {height:g} m; give one between {MIN_HEIGHT:g} and "
            f"{MAX_HEIGHT:g} m."
        )
    scene = context.scene
    height = asked_height(space, height)
    if has_own_world(space):
        footage = None
    frames = scene_frames(scene, sequence, start_frame, use_clip_fps)
    waits = np.diff(sequence.times, prepend=sequence.times[0])
    if waits.max() > _LONGEST_WAIT:
        at = int(waits.argmax())
        raise JumpsError(
            f"{sequence.source}: frame {at} of person {sequence.person} comes {waits[at]:.0f} s "
            "after the one before it; correct the file's times, or split it there."
        )
    if frames[-1] > MAX_FRAME:
        raise JumpsError(
            f"{sequence.source}: person {sequence.person} would end at frame {frames[-1]:.0f}, but "
            f"Blender's last frame is {MAX_FRAME}; lower the start frame or split the file."
        )
    title = ""
    previous = replaces or (None if keep_previous else to_replace(context, sequence))
    if previous is not None and (root := previous.find("root")) is not None:
        title = root.name
    result_id = uuid.uuid4().hex
    try:
        result = _build(context, sequence, space, footage, result_id, frames, height, colours)
        result.root["jumps_settings"] = json.dumps(dict(settings or {}), sort_keys=True)
        if footage is not None:
            fps = sequence.fps if use_clip_fps else frame_rate(scene)
            _put_behind(result, footage, sequence, fps, start_frame)
    except BaseException:
        _remove_everything(result_id)
        raise
    had_plane = previous is not None and previous.find(ROLE) is not None
    if previous is not None:
        result = _take_place(result, previous, keep_root=not has_own_world(space))
    _name(result, title)
    if footage is not None:
        match_render(scene, picture_size(sequence, space, footage))
        if scene.camera is None or scene.camera.get("jumps_result"):
            scene.camera = result.find("camera")
        if had_plane:
            with suppress(JumpsError):  # the result is there all the same
                add_footage_plane(scene, result)
    _select_only(context, result.root)
    if use_clip_fps:
        set_frame_rate(scene, sequence.fps)
    if extend_range:
        first, last = result.frame_range
        scene.frame_start = max(0, min(scene.frame_start, first))
        scene.frame_end = max(scene.frame_end, last)
    return result


def has_own_world(space: SpaceSequence | None) -> bool:
    """Whether it lies in the world of a camera of the scene's, and can't be moved or scaled."""
    return space is not None and isinstance(space.camera, MovingCamera)


def asked_height(space: SpaceSequence | None, height: float) -> float:
    """The person's height in metres: as asked for, if that is still free."""
    return space.height if space is not None and has_own_world(space) else height


def scene_frames(
    scene: Scene, sequence: PoseSequence, start_frame: int, use_clip_fps: bool
) -> NDArray[np.float64]:
    """(F,) scene frames, whole or not, at which the sequence's frames lie."""
    fps = sequence.fps if use_clip_fps else frame_rate(scene)
    return np.asarray(start_frame + sequence.times * fps, np.float64)


def _put_behind(
    result: Result, footage: Footage, sequence: PoseSequence, fps: float, start_frame: int
) -> None:
    """Show footage through the result's camera."""
    data = result.camera.data
    image = show_behind(data, footage, fps, start_frame, result.frame_range[1], sequence.fps)
    image["jumps_result"] = result.id
    if data.animation_data is not None:
        data.animation_data.action["jumps_result"] = result.id


def results_in(scene: Scene) -> list[Result]:
    """The scene's results. A copy of a result that the user made counts as one of its own."""
    members: dict[tuple[str, str], list[Object]] = {}
    for item in scene.objects:
        if "jumps_result" not in item:  # much faster than to ask for it
            continue
        result_id = item["jumps_result"]
        root = item if item.get("jumps_role") == "root" else item.parent
        is_root = root is not None and root.get("jumps_result") == result_id
        members.setdefault((result_id, root.name if is_root else ""), []).append(item)
    # What the user has taken off its root still belongs to it.
    for result_id, root_name in list(members):
        loose = members.get((result_id, ""))
        if root_name and loose is not None:
            members[result_id, root_name] += members.pop((result_id, ""))
    return [Result(tuple(items)) for items in members.values()]


def to_replace(context: Context, sequence: PoseSequence) -> Result | None:
    """The scene's result of the same source and person; of several, the active one.

    What lies in another file can't be replaced.
    """
    same = [
        result
        for result in results_in(context.scene)
        if (result.source, result.person) == (sequence.source, sequence.person)
        and not result.linked_from
    ]
    active = active_result(context) if len(same) > 1 else None
    return active if active in same else next(iter(same), None)


def by_uid(items: Iterable[Any], uid: int) -> Any:
    """What has that ``session_uid``, whatever it is called now; raises JumpsError if it is gone."""
    for item in items:
        if item.session_uid == uid:
            return item
    raise JumpsError("What this was started for has been deleted; nothing was changed.")


def active_result(context: Context) -> Result | None:
    """The result of the active object, else of a selected one, else the scene's only one."""
    results = results_in(context.scene)
    for candidate in (context.object, *context.selected_objects):
        if candidate is None or "jumps_result" not in candidate:
            continue
        for result in results:
            if candidate in result.members:
                return result
    return results[0] if len(results) == 1 else None


def plane_of(result: Result) -> PicturePlane:
    """How the source's picture lies in the space of a flat result's root."""
    root = result.root
    return PicturePlane(*(root[f"jumps_{field.name}"] for field in fields(PicturePlane)))


def plane_properties(plane: PicturePlane) -> dict[str, str | int | float]:
    """What ``plane_of`` reads, as the root's custom properties."""
    return {f"jumps_{name}": value for name, value in vars(plane).items()}


def required_result(context: Context) -> Result:
    """The result that ``active_result`` finds; raises JumpsError where there is none."""
    result = active_result(context)
    if result is None:
        raise JumpsError("There is no JUMPS result selected; click one of its joints.")
    return result


def clear_result(result: Result) -> None:
    """Remove exactly this result: objects, actions, armature data and its collection.

    A collection into which the user has put something else stays, with what is hers; an action
    that a copy of the result still uses stays too.
    """
    _clear(result.members, result.id)


def _clear(members: Iterable[Object], result_id: str) -> None:
    """Remove these objects of a result, and what is left of it without them."""
    kinds = (("ARMATURE", bpy.data.armatures), ("CAMERA", bpy.data.cameras))
    owned = [(kept, item.data) for item in members for kind, kept in kinds if item.type == kind]
    for item in members:
        bpy.data.objects.remove(item)
    for kept, data in owned:
        if data.users == 0:
            kept.remove(data)
    for items in (bpy.data.actions, bpy.data.images):
        for item in _carrying(items, result_id):
            if item.users == 0:
                items.remove(item)
    for collection in _carrying(bpy.data.collections, result_id):
        if not collection.objects and not collection.children:
            bpy.data.collections.remove(collection)


def set_frame_rate(scene: Scene, fps: float) -> None:
    """Give the scene a frame rate, exactly for 29.97 and its like (Blender: whole rate / base)."""
    whole = min(max(1, round(fps)), 32767)
    scene.render.fps = whole
    scene.render.fps_base = whole / fps


def _build(
    context: Context,
    sequence: PoseSequence,
    space: SpaceSequence | None,
    footage: Footage | None,
    result_id: str,
    frames: NDArray[np.float64],
    height: float,
    colours: Colours,
) -> Result:
    scene = context.scene
    tall = height / scene.unit_settings.scale_length
    if space is None:
        plane = picture_plane(sequence.positions, tall)
        points, how = plane.to_scene(sequence.positions), plane_properties(plane)
    else:
        scale = tall / space.height
        points = space_to_scene(space.positions, scale)
        how = {"jumps_lifter": space.lifter, UNITS: scale}
    first_frame, last_frame = whole_frames(frames[0], frames[-1])

    collection = bpy.data.collections.new("JUMPS")
    collection["jumps_result"] = result_id
    scene.collection.children.link(collection)
    root = _new_empty(collection, result_id, "root", "PLAIN_AXES", ROOT_SIZE * tall)
    provenance = {
        "jumps_skeleton": SKELETON,
        "jumps_source": sequence.source,
        "jumps_person": sequence.person,
        "jumps_engine": sequence.engine,
    }
    _set(root, provenance)
    _set(
        root,
        {
            "jumps_version": __version__,
            "jumps_height": height,
            "jumps_fps": float(sequence.fps),
            **how,
            "jumps_first_frame": first_frame,
            "jumps_last_frame": last_frame,
        },
    )

    action = bpy.data.actions.new("JUMPS")
    action["jumps_result"] = result_id
    empties = []
    for joint, name in enumerate(JOINTS):
        empty = _new_empty(collection, result_id, "joint", "SPHERE", JOINT_SIZE * tall)
        empty.parent = root
        _set(empty, provenance)
        _set(empty, {"jumps_joint": name, "jumps_state": int(sequence.state[0, joint])})
        # Slots take their names from their owners: give the final one now.
        empty.name = name
        bag = channelbag_for(action, empty)
        _animate_joint(bag, empty, frames, points[:, joint], sequence.state[:, joint], colours)
        if space is not None:
            key_foot(bag, empty, name, frames, space, scale)
        empties.append(empty)

    rest = rest_pose(points, tall, deep=space is not None)
    armature = create_armature(context, collection, rest, "Armature")
    for owner in (armature, armature.data):
        owner["jumps_result"] = result_id
    armature["jumps_role"] = "armature"
    _set(armature, provenance)
    armature.parent = root
    follow(armature, tuple(empties))
    members = [root, *empties, armature]
    camera = None
    if space is not None and isinstance(space.camera, StillCamera):
        camera = create_camera(collection, space.camera, scale, "Camera")
    elif space is None and footage is not None:
        size = picture_size(sequence, None, footage)
        camera = create_flat_camera(collection, plane, size, "Camera")
    if camera is not None:
        for owner in (camera, camera.data):
            owner["jumps_result"] = result_id
        camera["jumps_role"] = "camera"
        _set(camera, provenance)
        camera.parent = root
        members.append(camera)
    return Result(tuple(members))


def _animate_joint(
    channelbag: ActionChannelbag,
    empty: Object,
    frames: NDArray[np.float64],
    points: NDArray[np.float64],
    state: NDArray[np.int8],
    colours: Colours,
) -> None:
    """Key location at every frame, state and colour where they change."""
    for axis in range(3):
        write_curve(channelbag, "location", axis, frames, points[:, axis])
    at = changes(state)
    shown = np.array([linear(colours[JointState(value)]) for value in state[at]])
    write_curve(channelbag, STATE_PATH, 0, frames[at], state[at], "CONSTANT")
    for component in range(3):
        write_curve(channelbag, "color", component, frames[at], shown[:, component], "CONSTANT")
    empty.location = points[0]
    empty.color = (*shown[0], 1.0)


def _new_empty(
    collection: Collection, result_id: str, role: str, display: str, size: float
) -> Object:
    empty = bpy.data.objects.new(role, None)
    empty["jumps_result"] = result_id
    empty["jumps_role"] = role
    empty.empty_display_type = display
    empty.empty_display_size = size
    collection.objects.link(empty)
    return empty


def _set(owner: ID, properties: Mapping[str, str | int | float]) -> None:
    for key, value in properties.items():
        owner[key] = value


def _take_place(result: Result, previous: Result, keep_root: bool) -> Result:
    """Put a new result where the previous one stood, with what hangs on it, and remove that.

    keep_root: let the previous one's root carry the new one
    """
    previous_id, lineage = previous.id, previous.lineage
    kept = previous.find("root") if keep_root else None
    if kept is not None:
        result = _under(kept, result)
    result.root["jumps_lineage"] = lineage
    left = [item for item in previous.members if item != kept]
    homes = [each for item in previous.members for each in item.users_collection]
    home = next((each for each in homes if each.get("jumps_result") == previous_id), None)
    heirs = {item.get("jumps_joint") or item.get("jumps_role"): item for item in result.members}
    for item in previous.members:
        for collection in item.users_collection:
            if collection.get("jumps_result") == previous_id:
                collection.objects.unlink(item)
    for item in left:
        heir = heirs.get(item.get("jumps_joint") or item.get("jumps_role"))
        if heir is not None and heir.type == item.type:
            # Children, constraints, modifiers, drivers, the user's own collections.
            item.user_remap(heir)
    if home is not None:
        # It may have been put into another collection or scene, and hold something of the user's.
        for own in _carrying(bpy.data.collections, result.id):
            for item in own.objects:
                home.objects.link(item)
            bpy.data.collections.remove(own)
        home["jumps_result"] = result.id
    _clear(left, previous_id)
    return result


def _under(root: Object, result: Result) -> Result:
    """A result whose root is exchanged for an earlier one.

    The object itself stays, because what the user may have done to it can't be copied whole: its
    parent, which may be a bone, deltas, keys, tracks, drivers, constraints, properties.
    """
    own = result.root
    members = tuple(root if item == own else item for item in result.members)
    for key in [key for key in root.keys() if key.startswith("jumps_")]:  # noqa: SIM118
        del root[key]
    _set(root, {key: value for key, value in own.items() if key.startswith("jumps_")})
    own.user_remap(root)  # the joints hang on it, and it lies in their collection
    bpy.data.objects.remove(own)
    return Result(members)


def _name(result: Result, title: str) -> None:
    """Names for people to read; Blender appends .001 where one is taken.

    title: the root's and the collection's; empty makes one
    """
    title = title or f"{result.clip.stem} person {result.person}"[:50]
    for collection in _carrying(bpy.data.collections, result.id):
        collection.name = title
    for action in _carrying(bpy.data.actions, result.id):
        of_camera = any(slot.target_id_type == "CAMERA" for slot in action.slots)
        action.name = f"{title} Footage" if of_camera else title
    result.root.name = title
    result.armature.name = f"{title} Armature"
    result.armature.data.name = f"{title} Armature"
    camera = result.find("camera")
    if camera is not None:
        camera.name = camera.data.name = f"{title} Camera"
    for name, empty in zip(JOINTS, result.empties, strict=True):
        empty.name = name


def _carrying(items: Iterable[Any], result_id: str) -> list[Any]:
    return [item for item in items if item.get("jumps_result") == result_id]


def _select_only(context: Context, chosen: Object) -> None:
    for item in context.selected_objects:
        item.select_set(False)
    chosen.select_set(True)
    context.view_layer.objects.active = chosen


def _remove_everything(result_id: str) -> None:
    """Remove all data of an unfinished result."""
    for items in (
        bpy.data.objects,
        bpy.data.armatures,
        bpy.data.cameras,
        bpy.data.actions,
        bpy.data.images,
        bpy.data.collections,
    ):
        for item in _carrying(items, result_id):
            items.remove(item)
