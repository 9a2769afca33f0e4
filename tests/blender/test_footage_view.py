"""The preview over its footage before anything is applied, and the ghost of what was detected."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from jumps_blender.keypoints import JointState
from jumps_blender.keypoints.detected import Detected, inside
from jumps_blender.keypoints.missing import Missing, unrest
from jumps_blender.keypoints.track import PoseTrack
from jumps_blender.scene.coordinates import detected_plane, picture_plane
from jumps_blender.scene.detections import find_detections, forget_detections, keep_detections
from jumps_blender.scene.footage import find_footage
from jumps_blender.scene.footage_view import (
    Clip,
    follow_preview,
    footage_camera,
    hide_footage,
    show_footage,
)
from jumps_blender.scene.preview import Preview, apply, forget_all, placing_at
from jumps_blender.skeletons import COMMON12, JOINT_SETS, JOINTS, joint_index

from ..films import numbered, write_film
from .test_space import space
from .walker import walker

MODULE = "bl_ext.user_default.jumps_blender"
COCO = JOINT_SETS["coco17"]


@pytest.fixture(autouse=True)
def empty_stores() -> Iterator[None]:
    yield
    forget_all()
    forget_detections()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "walk.mp4", numbered(60, (640, 480)))


def placing(**changes: Any) -> dict[str, Any]:
    return {"height": 1.75, "start_frame": 1, "use_clip_fps": False, **changes}


def clip_of(preview: Preview) -> Clip:
    sequence = preview.sequence
    size = sequence.image_size or (640, 480)
    return Clip(preview, preview.plane(1.0), size, sequence.fps, float(sequence.times[-1]))


def seen_through(camera: Any, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where a camera sees points, (n, 2) pixels."""
    bpy.context.view_layer.update()
    found = [world_to_camera_view(bpy.context.scene, camera, Vector(each)) for each in points]
    return np.array([(each.x * size[0], (1 - each.y) * size[1]) for each in found])


def previews() -> dict[str, Preview]:
    lifted = space(60)
    return {"flat": Preview(walker()), "lifted": Preview(lifted.picture, lifted)}


@pytest.mark.parametrize("kind", ["flat", "lifted"])
@pytest.mark.parametrize("moved", [False, True], ids=["origin", "moved"])
def test_the_camera_sees_the_preview_where_it_was_seen(film: Path, kind: str, moved: bool) -> None:
    preview, scene = previews()[kind], bpy.context.scene
    if moved:
        root = apply(bpy.context, preview, **placing(extend_range=True)).root
        root.matrix_world = Matrix.LocRotScale((2, 3, 1), Matrix.Rotation(0.7, 3, "Z"), (2, 2, 2))
        bpy.context.view_layer.update()
    footage, clip = find_footage(film), clip_of(preview)
    camera = show_footage(bpy.context, footage, clip, **placing())
    size = clip.size
    for frame in (1, 10, 24):
        scene.frame_set(frame)
        where = placing_at(bpy.context, preview, **placing())
        figure = placing_at(bpy.context, preview, **placing()).figure()
        picture = preview.in_picture((frame - 1) / 24)
        assert seen_through(camera, figure.points, size) == pytest.approx(
            picture.points[:, :2], abs=0.05
        )
        # What is drawn in the picture lies there, too, whatever its depth.
        corners = np.array([[0.0, 0.0], [*size], [100.0, 333.0]])
        drawn = where.canvas().to_world(corners)
        assert seen_through(camera, drawn, size) == pytest.approx(corners, abs=0.05)
    if kind == "flat":
        mixed = preview.sequence.positions[29]
        assert picture.points[:, :2] == pytest.approx(mixed, abs=5)
        observed = picture.state == JointState.OBSERVED
        assert not picture.spread[observed].any()
        assert picture.spread[~observed].min() == 1.0
    assert preview.in_picture(-1.0) is None
    assert preview.in_picture(60 / 30 + 0.5) is None


def test_it_follows_the_settings_and_goes_without_a_trace(film: Path) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_percentage = 777, 50
    before = {name: len(getattr(bpy.data, name)) for name in ("objects", "images", "actions")}
    preview = previews()["flat"]
    footage, clip = find_footage(film), clip_of(preview)
    camera = show_footage(bpy.context, footage, clip, **placing())
    assert scene.camera == footage_camera(scene) == camera
    (behind,) = camera.data.background_images
    assert (behind.image_user.frame_start, behind.image_user.frame_duration) == (1, 60)
    assert (scene.render.resolution_x, scene.render.resolution_percentage) == (clip.size[0], 100)
    scene.render.resolution_percentage = 25  # while she looks at it
    scene.frame_set(36)  # at 35 / 24 s, which is the 43.75th of the film
    assert 36 - 1 + behind.image_user.frame_offset == 44
    wide = camera.data.ortho_scale
    again = show_footage(bpy.context, footage, clip, **placing())
    assert again == camera
    follow_preview(bpy.context, clip, **placing(height=3.5, start_frame=11, use_clip_fps=True))
    assert camera.data.ortho_scale == pytest.approx(2 * wide)
    assert scene.render.resolution_percentage == 25
    (behind,) = camera.data.background_images
    assert behind.image_user.frame_start == 11
    assert camera.data.animation_data is None or camera.data.animation_data.action is None
    assert len(bpy.data.images) == before["images"] + 1
    hide_footage(scene)
    assert scene.camera is None
    assert (scene.render.resolution_x, scene.render.resolution_percentage) == (777, 50)
    assert {name: len(getattr(bpy.data, name)) for name in before} == before
    assert not bpy.data.cameras
    hide_footage(scene)  # twice is no error
    follow_preview(bpy.context, clip, **placing())
    assert footage_camera(scene) is None


def test_of_poses_without_a_picture_the_footage_tells_its_size(film: Path) -> None:
    scene, footage = bpy.context.scene, find_footage(film)
    plane = detected_plane(np.zeros((5, 28, 2)), np.zeros((5, 28), bool), None)
    clip = Clip(None, plane, (0, 0), 30.0, 2.0)
    told = replace(clip, size=footage.size)
    wide = show_footage(bpy.context, footage, told, **placing()).data.ortho_scale
    for height in (1.75, 3.5):
        follow_preview(bpy.context, clip, **placing(height=height))
        assert footage_camera(scene).data.ortho_scale == pytest.approx(wide * height / 1.75)
        assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)


def track(sequence: Any, shift: float = 0.0, person: str = "1") -> Detected:
    """What a COCO-17 detector says of a clip."""
    columns, sources = [], []
    for target, (source,) in COCO.to_target.items():
        columns.append(COCO.joints.index(source))
        sources.append(joint_index(target))
    positions = np.zeros((len(sequence.times), len(COCO.joints), 2), np.float32)
    positions[:, columns] = sequence.positions[:, sources] + (shift, 0)
    confidence = np.zeros(positions.shape[:2], np.float32)
    confidence[:, columns] = 0.9
    confidence[10:20, COCO.joints.index("left_wrist")] = 0.2
    found = PoseTrack(
        joint_set=COCO,
        positions=positions,
        confidence=confidence,
        frames=np.arange(len(sequence.times)),
        times=sequence.times,
        fps=sequence.fps,
        image_size=sequence.image_size,
        person=person,
        source=sequence.source,
        format="jumps",
    )
    return Detected(found, inside(found), unrest(found))


def test_before_upsampling_the_picture_lies_about_where_it_will() -> None:
    sequence = walker()
    keep_detections("a", "jumps", 0.0, (track(sequence), track(sequence, 300.0, "2")))
    found = find_detections("a", "jumps", 0.0)
    rough, exact = found.plane(0, 1.75), picture_plane(sequence.positions, 1.75)
    assert rough.units_per_pixel == pytest.approx(exact.units_per_pixel, rel=0.1)
    assert rough.floor_y == pytest.approx(exact.floor_y, abs=25)
    assert rough.origin_x == pytest.approx(exact.origin_x, abs=10)
    nobody = np.zeros((5, 28), bool)
    for size in ((1280, 720), None):
        plane = detected_plane(np.zeros((5, 28, 2)), nobody, size)
        assert np.isfinite([*vars(plane).values()]).all()
        assert plane.units_per_pixel > 0


def test_the_ghost_lies_on_the_preview() -> None:
    preview = previews()["flat"]
    one = track(preview.sequence)
    bpy.context.scene.frame_set(13)  # frame 15 of the clip
    where = placing_at(bpy.context, preview, **placing())
    sighting = one.at(one.near(12 / 24), Missing(0.5))
    assert sighting.found.sum() == len(COMMON12)
    assert [JOINTS[j] for j in np.flatnonzero(sighting.missing)] == ["l_wrist"]
    drawn = where.canvas().to_world(sighting.places)
    figure = where.figure().points
    assert drawn[sighting.found] == pytest.approx(figure[sighting.found], abs=1e-4)


@pytest.mark.parametrize(
    ("time", "frame"), [(-0.02, None), (-0.01, 0), (0.0, 0), (0.049, 1), (1.97, 59), (2.5, None)]
)
def test_the_nearest_frame_by_time(time: float, frame: int | None) -> None:
    assert track(walker()).near(time) == frame


def test_uneven_times_are_followed() -> None:
    # 30 frames per second, then 15: as phones record.
    times = np.concatenate([np.arange(30) / 30, 1 + np.arange(30) / 15])
    one = track(replace(walker(), times=times))
    assert one.near(2.0) == 45
    assert one.near(2.94) == 59
    preview = Preview(replace(walker(), times=times))
    expected = walker().positions[45]
    assert preview.in_picture(2.0).points[:, :2] == pytest.approx(expected, abs=1e-3)


# As the installed extension does it


@pytest.fixture
def shown(extension: None, film: Path, pose_file: Path) -> Any:  # noqa: ARG001
    """The panel's settings, with a pose file and footage."""
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    settings = bpy.context.scene.jumps
    settings.engine = "interpolate"
    settings.footage = str(film)
    return settings


def part(name: str) -> Any:
    return sys.modules[f"{MODULE}.{name}"]


def test_settings_may_change_while_poses_without_a_picture_are_shown(shown: Any) -> None:
    """OpenPose's and AlphaPose's files don't tell their picture's size."""
    bpy.ops.jumps.show_footage()
    camera, scene = part("scene.footage_view").footage_camera(bpy.context.scene), bpy.context.scene
    before = camera.data.ortho_scale
    shown.height *= 2
    assert camera.data.ortho_scale == pytest.approx(2 * before)
    shown.start_frame = 11
    assert camera.data.background_images[0].image_user.frame_start == 11
    shown.person_index, shown.use_clip_fps = 1, True
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.discard_preview()
    assert part("scene.footage_view").footage_camera(scene) == camera
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)


@pytest.mark.usefixtures("shown")
def test_footage_is_shown_applied_and_undone() -> None:
    scene = bpy.context.scene
    bpy.ops.ed.undo_push(message="imported")
    bpy.ops.jumps.show_footage("EXEC_DEFAULT", True)
    view = part("scene.footage_view")
    first = view.footage_camera(scene)
    assert first is not None
    rough = first.data.ortho_scale
    bpy.ops.jumps.upsample_skeleton("EXEC_DEFAULT", True)
    followed = view.footage_camera(bpy.context.scene).data.ortho_scale
    assert followed != rough
    assert followed == pytest.approx(rough, rel=0.15)
    bpy.context.scene.jumps.height = 3.5
    assert view.footage_camera(bpy.context.scene).data.ortho_scale == pytest.approx(
        2 * followed, rel=1e-4
    )
    bpy.ops.ed.undo_push(message="height")
    bpy.ops.jumps.apply_preview("EXEC_DEFAULT", True)
    scene = bpy.context.scene
    assert view.footage_camera(scene) is None
    assert scene.camera.get("jumps_result")
    assert len(bpy.data.images) == len(bpy.data.cameras) == 1
    with pytest.raises(RuntimeError, match="own camera shows it"):
        bpy.ops.jumps.show_footage()
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert scene.camera == view.footage_camera(scene)
    bpy.ops.jumps.hide_footage("EXEC_DEFAULT", True)
    assert not bpy.data.cameras
    assert not bpy.data.images
    bpy.ops.ed.undo()
    assert view.footage_camera(bpy.context.scene) is not None
    bpy.ops.ed.undo()  # the height
    bpy.ops.ed.undo()  # the preview
    assert view.footage_camera(bpy.context.scene).data.ortho_scale == pytest.approx(rough)
    bpy.ops.ed.undo()
    assert view.footage_camera(bpy.context.scene) is None
    assert not bpy.data.images


def test_what_cannot_be_shown_is_said(extension: None, pose_file: Path) -> None:  # noqa: ARG001
    with pytest.raises(RuntimeError, match="Name the footage"):
        bpy.ops.jumps.show_footage()
    with pytest.raises(RuntimeError, match="isn't shown"):
        bpy.ops.jumps.hide_footage()
    settings = bpy.context.scene.jumps
    settings.footage = "/absent.mp4"
    with pytest.raises(RuntimeError, match="Import or estimate poses first"):
        bpy.ops.jumps.show_footage()
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    settings.footage = "/absent.mp4"
    with pytest.raises(RuntimeError, match="no such file"):
        bpy.ops.jumps.show_footage()
    assert not bpy.data.objects
    # The file's content is no part of the .blend.
    part("scene.detections").forget_detections()
    with pytest.raises(RuntimeError, match="read them again"):
        bpy.ops.jumps.show_footage()
    bpy.ops.jumps.read_again()
    assert part("operators.show_footage").clip_of(bpy.context) is not None


def test_somebody_edited_the_camera(shown: Any) -> None:
    bpy.ops.jumps.show_footage()
    camera = part("scene.footage_view").footage_camera(bpy.context.scene)
    for nonsense in ("", "[", "{}", '{"size": 5}', "[" * 100_000, 7):
        camera["jumps_footage"] = nonsense
        camera["jumps_render"] = nonsense
        shown.height = 2.0
    bpy.ops.jumps.hide_footage()
    assert not bpy.data.cameras


def test_the_overlay_draws_ghost_and_preview(shown: Any) -> None:
    overlay, seen = part("ui.overlay"), part("operators.seen")
    screen = part("ui.shapes").Screen.flat(1.0)
    scene = bpy.context.scene
    scene.frame_set(10)
    before = overlay.viewport_shape(bpy.context, screen)
    assert len(before.corners) == len(before.tints) > 0
    assert sorted(set(before.triangles.ravel())) == list(range(len(before.corners)))
    shown.min_confidence = 0.95  # all are crossed out
    crossed = overlay.viewport_shape(bpy.context, screen)
    assert len(crossed.triangles) < len(before.triangles)  # crosses have fewer than discs
    shown.show_detection = False
    assert overlay.viewport_shape(bpy.context, screen) is None
    seen.picking.is_on = True
    try:
        # The second person is seen in the first ten frames only.
        scene.frame_set(2)
        assert [n for n, _ in seen.seen_now(bpy.context, None).people] == [0, 1]
        scene.frame_set(30)
        assert [n for n, _ in seen.seen_now(bpy.context, None).people] == [0]
    finally:
        seen.picking.is_on = False
    shown.show_detection, shown.min_confidence = True, 0.5
    bpy.ops.jumps.upsample_skeleton()
    with_preview = overlay.viewport_shape(bpy.context, screen)
    bpy.ops.jumps.apply_preview()
    shown.show_states = False
    # Once applied, the ghost would only be in the way.
    assert overlay.viewport_shape(bpy.context, screen) is None
    assert len(with_preview.triangles) > len(before.triangles)
    scene.frame_set(500)
    assert overlay.viewport_shape(bpy.context, screen) is None


def test_the_clip_editor_shows_the_movies_own_frames(shown: Any, film: Path) -> None:
    overlay, scene = part("ui.overlay"), bpy.context.scene
    clip = bpy.data.movieclips.load(str(film))
    matrix = np.diag([640.0, 480.0, 1.0, 1.0])
    matrix[:2, 3] = 50, 20
    detected = part("scene.detections").find_detections(shown.source, shown.format, 30.0)
    # At 24 frames per second the scene's 11th frame is still the clip's 11th.
    scene.frame_set(11)
    shown.show_states = False
    corners = overlay.clip_shape(bpy.context, clip, matrix).corners
    size = clip.size
    track = detected.people[0].track
    places = track.positions[10][track.confidence[10] > 0]
    low = (50 + places[:, 0].min() / size[0] * 640, 20 + (1 - places[:, 1].max() / size[1]) * 480)
    assert corners.min(axis=0)[:2] == pytest.approx(low, abs=8)
    clip.frame_start, clip.frame_offset = 6, 3
    moved = overlay.clip_shape(bpy.context, clip, matrix).corners
    places = track.positions[8][track.confidence[8] > 0]
    assert moved.min(axis=0)[0] == pytest.approx(50 + places[:, 0].min() / size[0] * 640, abs=8)
    bpy.ops.jumps.upsample_skeleton()
    assert len(overlay.clip_shape(bpy.context, clip, matrix).corners) > len(moved)
    other = write_film(film.with_name("other.mp4"), numbered(5))
    assert overlay.clip_shape(bpy.context, bpy.data.movieclips.load(str(other)), matrix) is None


def test_a_person_is_picked_by_her_id(shown: Any) -> None:
    assert bpy.ops.jumps.pick_person(person="8") == {"FINISHED"}
    assert shown.person_index == 1
    with pytest.raises(RuntimeError, match="There is no person 5"):
        bpy.ops.jumps.pick_person(person="5")
    assert shown.person_index == 1
