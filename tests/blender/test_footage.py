"""Footage behind a result's camera: in time, in place, and gone with it."""

import sys
from dataclasses import replace
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
from PIL import Image

from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import choose_person, read_pose_file
from jumps_blender.model_runtime import upsample_track
from jumps_blender.model_runtime.space import floor_lines
from jumps_blender.processes.job import drain
from jumps_blender.scene.animate import animate
from jumps_blender.scene.camera import seen_by
from jumps_blender.scene.footage import (
    cut_off,
    find_footage,
    footage_notes,
    frame_numbers,
    motion_behind,
    moving_words,
    pictures,
)
from jumps_blender.scene.reprojection import reprojection, seen_through_camera
from jumps_blender.scene.result import clear_result, create_result, results_in, set_frame_rate

from ..films import number_of, numbered, turn_upright, write_film
from ..walking import picture as walk
from .test_space import space

SHARED = Path(__file__).parents[3] / "shared" / "samples"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "walk.mp4", numbered(30))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, picture in enumerate(numbered(30), 95):
        Image.fromarray(picture).save(folder / f"walk_{number:04d}.png")
    return folder


def background(camera) -> tuple:
    (behind,) = camera.data.background_images
    return behind, behind.image_user


def shown_at(result, frame: int) -> int:
    """Which frame of a movie, from 0, the camera's background shows at a frame of the scene.

    Counted as Blender does in BKE_image_user_frame_get, which ends at the duration and adds the
    offset afterwards; of a sequence, it is the file's number less 1.
    """
    bpy.context.scene.frame_set(frame)
    _, user = background(result.camera)
    counted = min(max(frame - user.frame_start + 1, 0), user.frame_duration)
    return counted + user.frame_offset - 1


def test_a_movie_is_found(film: Path) -> None:
    footage = find_footage(film)
    assert (footage.size, footage.fps, footage.frames) == ((320, 180), 30.0, 30)
    assert [number_of(picture) for picture in pictures(footage, [0, 7, 8, 29, 99])] == [
        *(0, 7, 8, 29, 29)
    ]
    (small,) = pictures(footage, [3], longest=160)
    assert small.shape == (90, 160, 3)
    assert small[10, 10, 0] > 150  # rows from the top
    assert small[-10, 10, 0] < 50
    assert not bpy.data.images
    assert not bpy.data.movieclips


def test_phones_movies_stand_upright(film: Path) -> None:
    turn_upright(film)
    footage = find_footage(film)
    assert footage.size == (180, 320)
    (first,) = pictures(footage, [0])
    assert first.shape == (320, 180, 3)
    assert first[20, -20, 0] > 150  # what was the top left is the top right


def test_uneven_frames_are_found_by_their_times(tmp_path: Path) -> None:
    # Ten at 30 frames per second, then ten at 15.
    ticks = [20 * i if i < 10 else 200 + 40 * (i - 10) for i in range(20)]
    film = write_film(tmp_path / "phone.mp4", numbered(20), ticks=ticks)
    footage = find_footage(film)
    times = np.array(ticks) / 600
    sequence = replace(walk(20), times=times)
    found = pictures(footage, frame_numbers(footage, sequence))
    # Blender counts 27 frames at 30 per second, and leaves out what comes after.
    assert [number_of(picture) for picture in found] == [*range(19), 18]


@pytest.mark.parametrize("name", ["", "walk_0100.png"], ids=["folder", "one of them"])
def test_numbered_images_are_one_clip(images: Path, name: str) -> None:
    footage = find_footage(images / name)
    assert (footage.first, footage.frames, footage.fps) == (95, 30, 0.0)
    assert [number_of(picture) for picture in pictures(footage, [0, 29])] == [0, 29]
    (images / "walk_0100.png").unlink()
    with pytest.raises(JumpsError, match="cannot decode frame 100"):
        list(pictures(find_footage(images), [5]))


@pytest.mark.parametrize(
    ("name", "number"),
    [("IMG_1234.png", 1234), ("still.png", 1), ("shot_123456789.jp2", 123456789)],
)
def test_a_single_image_is_one_frame(tmp_path: Path, name: str, number: int) -> None:
    Image.fromarray(numbered(8)[7]).save(tmp_path / name)
    footage = find_footage(tmp_path / name)
    assert (footage.frames, footage.first) == (1, number)
    assert [number_of(picture) for picture in pictures(footage, [0, 3])] == [7, 7]
    given = space(5)
    result = create_result(bpy.context, given.picture, space=given, footage=footage)
    assert background(result.camera)[0].image.source == "FILE"


def test_numbers_far_apart_are_no_trouble(tmp_path: Path) -> None:
    for number in (1, 2_000_000):
        Image.fromarray(numbered(2)[1]).save(tmp_path / f"{number:07d}.png")
    footage = find_footage(tmp_path)
    assert footage.frames == 2_000_000
    given = space(5)
    result = create_result(bpy.context, given.picture, space=given, footage=footage)
    assert shown_at(result, 1) == 0
    with pytest.raises(JumpsError, match="cannot decode frame 2;"):
        list(pictures(footage, [1]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "cannot read this"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "cannot read this"),
        (b"text", "cannot read this"),
    ],
    ids=["absent", "empty", "broken", "text"],
)
@pytest.mark.parametrize("suffix", ["mp4", "png", "json"])
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, content: bytes | None, message: str, suffix: str
) -> None:
    path = tmp_path / f"clip.{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JumpsError, match=message) as error:
        find_footage(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not bpy.data.images
    assert not bpy.data.movieclips


def test_a_folder_without_images_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(JumpsError, match="no images in this folder"):
        find_footage(tmp_path)


def test_the_camera_that_filmed_shows_it_in_time(film: Path) -> None:
    given = space(30)
    scene = bpy.context.scene
    set_frame_rate(scene, 30)
    result = create_result(
        bpy.context, given.picture, space=given, footage=find_footage(film), start_frame=11
    )
    behind, _ = background(result.camera)
    assert result.camera.data.show_background_images
    assert (behind.display_depth, behind.frame_method) == ("BACK", "STRETCH")
    assert behind.image.filepath == str(film)
    assert (scene.render.resolution_x, scene.render.resolution_y) == given.camera.size
    assert scene.camera == result.camera
    assert result.camera.data.animation_data is None
    assert [shown_at(result, frame) for frame in (11, 12, 40)] == [0, 1, 29]


@pytest.mark.parametrize("rate", [24.0, 60.0, 29.97])
def test_it_keeps_its_speed_at_the_scenes_rate(film: Path, rate: float) -> None:
    given = space(30)
    scene = bpy.context.scene
    set_frame_rate(scene, rate)
    result = create_result(bpy.context, given.picture, space=given, footage=find_footage(film))
    # A thousandth is no frame within this clip.
    names = ["walk person 1", *(["walk person 1 Footage"] if rate != 29.97 else [])]
    assert sorted(action.name for action in bpy.data.actions) == names
    last = result.frame_range[1]
    for frame in (1, 2, 10, last // 2, last):
        wanted = min((frame - 1) * 30 / rate, 29)  # it ends there
        assert shown_at(result, frame) == pytest.approx(wanted, abs=0.51)
    clear_result(result)
    assert not bpy.data.actions


@pytest.mark.parametrize("kind", ["movie", "images"])
@pytest.mark.parametrize(("fps", "rate"), [(30.0, 60.0), (25.0, 30.0), (30.0, 24.0)])
def test_it_goes_forwards_to_its_end_and_stays_there(
    images: Path, tmp_path: Path, kind: str, fps: float, rate: float
) -> None:
    """Poses that go on for half a second after 30 frames of footage."""
    frames = 45
    sequence = replace(walk(frames), times=np.arange(frames) / fps, fps=fps)
    given = space(frames, picture=sequence)
    set_frame_rate(bpy.context.scene, rate)
    path = write_film(tmp_path / "walk.mp4", numbered(30), fps) if kind == "movie" else images
    footage = find_footage(path)
    assert footage.frames == 30
    result = create_result(bpy.context, given.picture, space=given, footage=footage, start_frame=11)
    first, last = result.frame_range
    shown = [shown_at(result, frame) - footage.first + 1 for frame in range(first, last + 1)]
    wanted = np.arange(last - first + 1) * fps / rate
    within = wanted <= 29
    assert np.abs(shown - wanted)[within].max() < 0.51
    assert min(np.diff(shown)) >= 0
    assert shown[-1] == 29
    # Blender hides a sequence beyond its duration: all that there is must lie within.
    assert background(result.camera)[1].frame_duration >= within.sum()


def test_each_frame_is_shown_equally_long(film: Path) -> None:
    given = space(30)
    set_frame_rate(bpy.context.scene, 60)
    result = create_result(bpy.context, given.picture, space=given, footage=find_footage(film))
    shown = [shown_at(result, frame) for frame in range(2, 60)]
    assert shown == [n for number in range(1, 30) for n in (number, number)]


def test_images_come_at_the_poses_rate(images: Path) -> None:
    given = space(30)
    footage = find_footage(images)
    result = create_result(
        bpy.context, given.picture, space=given, footage=footage, use_clip_fps=True
    )
    behind, user = background(result.camera)
    assert behind.image.source == "SEQUENCE"
    # Blender takes the file's number: 1 + 94 is the first one's.
    assert (user.frame_start, user.frame_offset) == (1, 94)


def test_a_flat_result_gets_a_camera_for_it(film: Path) -> None:
    sequence = walk(30)
    result = create_result(
        bpy.context, sequence, footage=find_footage(film), use_clip_fps=True, height=1.6
    )
    scene = bpy.context.scene
    for row in (0, 17):
        scene.frame_set(row + 1)
        seen = seen_by(scene, result.camera, result.empties, (1920, 1080))
        assert seen == pytest.approx(sequence.positions[row], abs=0.05)
    assert background(result.camera)[0].image is not None


def test_of_poses_without_a_picture_the_footage_tells_its_size(film: Path) -> None:
    sequence = replace(walk(30, size=None), positions=walk(30).positions / 6)
    result = create_result(bpy.context, sequence, footage=find_footage(film))
    scene = bpy.context.scene
    assert (scene.render.resolution_x, scene.render.resolution_y) == (320, 180)
    scene.frame_set(1)
    seen = seen_by(scene, result.camera, result.empties, (320, 180))
    assert seen == pytest.approx(sequence.positions[0], abs=0.02)


def test_again_is_once_and_cleared_is_nothing(film: Path) -> None:
    given, footage = space(30), find_footage(film)
    before = {kind: len(getattr(bpy.data, kind)) for kind in ("images", "cameras", "actions")}
    scene = bpy.context.scene
    set_frame_rate(scene, 24)
    counts = []
    for _ in range(2):
        result = create_result(bpy.context, given.picture, space=given, footage=footage)
        counts.append({kind: len(getattr(bpy.data, kind)) for kind in before})
        assert scene.camera == result.camera
    assert counts[0] == counts[1] == {"images": 1, "cameras": 1, "actions": 2}
    assert len(results_in(scene)) == 1
    # A camera of the user's own is left the scene's.
    own = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    scene.collection.objects.link(own)
    scene.camera = own
    result = create_result(bpy.context, given.picture, space=given, footage=footage)
    assert scene.camera == own
    clear_result(result)
    bpy.data.cameras.remove(own.data)
    assert {kind: len(getattr(bpy.data, kind)) for kind in before} == before


def test_footage_goes_with_the_project(film: Path, tmp_path: Path) -> None:
    """In a saved file it is found from there, as Blender's own file browser does by default."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    film = film.rename(project / film.name)
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "shot.blend"))
    given = space(30)
    for _ in range(2):
        result = create_result(
            bpy.context, given.picture, space=given, footage=find_footage(film), use_clip_fps=True
        )
    assert len(bpy.data.images) == 1
    (shown,) = result.camera.data.background_images
    assert shown.image.filepath == f"//{film.name}"
    bpy.ops.wm.save_mainfile()
    project.rename(elsewhere)
    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "shot.blend"))
    (image,) = bpy.data.images
    assert tuple(image.size) == find_footage(elsewhere / film.name).size


def test_a_movie_that_is_cut_off_is_told(tmp_path: Path) -> None:
    """Its index stands before its pictures, and counts those that are missing, too."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 120, 160, 3), np.uint8)
    whole = write_film(tmp_path / "whole.mp4", noise)
    film = tmp_path / "web.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(film), "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    sequence = walk(60)
    assert not cut_off(whole)
    assert not any("cut off" in note for note in footage_notes(find_footage(film), sequence))
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 2 // 3])
    footage = find_footage(film)
    assert footage.frames == 60
    assert any(
        note.startswith("web.mp4 is cut off: its last pictures are missing")
        for note in footage_notes(footage, sequence)
    )
    assert not cut_off(tmp_path)
    (tmp_path / "text.mp4").write_bytes(b"no movie at all, and long enough")
    assert not cut_off(tmp_path / "text.mp4")


def test_what_does_not_fit_is_told(film: Path, tmp_path: Path) -> None:
    footage = find_footage(film)
    assert footage_notes(footage, walk(30)) == []
    assert footage_notes(footage, walk(31)) == []  # estimators count one more at times
    (note,) = footage_notes(footage, walk(60))
    assert "ends at frame 30, but the poses go on to frame 60" in note
    (note,) = footage_notes(footage, replace(walk(30), times=np.arange(30) / 15, fps=15.0))
    assert "their frame rate is 30 and not 15" in note
    upright = find_footage(write_film(tmp_path / "upright.mp4", numbered(30, (180, 320))))
    (note,) = footage_notes(upright, walk(30))
    assert "180x320, but the poses were found in 1920x1080" in note
    lifted = space(30, picture=walk(30, size=None))
    (note,) = footage_notes(footage, lifted.picture, lifted)
    assert "1920x1080 was guessed: upsample it again" in note


def test_a_file_that_tells_neither_size_nor_rate_is_read_with_the_footages(
    pose_file: Path, film: Path
) -> None:
    footage = find_footage(film)
    track = choose_person(
        read_pose_file(pose_file, video_fps=footage.fps * 2, video_size=footage.size)
    )
    assert (track.fps, track.image_size) == (60.0, (320, 180))
    assert track.times[1] == pytest.approx(1 / 60)
    # What is given counts more.
    given = read_pose_file(
        pose_file, fps=25, image_size=(640, 480), video_fps=60, video_size=(320, 180)
    )
    assert (given.fps, given.image_size) == (25, (640, 480))


def test_animate_shows_it(film: Path) -> None:
    given, scene = space(30), bpy.context.scene
    result = animate(given.picture, given, footage=find_footage(film))
    assert scene.camera == result.camera
    assert background(result.camera)[0].image.frame_duration == 30
    flat = walk(30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    result = animate(flat, footage=find_footage(film))
    assert bpy.context.scene.camera == result.camera
    assert result.camera.data.type == "ORTHO"


def test_reprojection_is_measured_through_blenders_camera() -> None:
    given = space(30)
    result = create_result(bpy.context, given.picture, space=given, use_clip_fps=True)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = given.camera.size
    scene.frame_set(7)
    seen = seen_through_camera(result, given.picture, given.camera.size)
    assert scene.frame_current == 7
    assert seen == pytest.approx(given.picture.positions, abs=0.05)
    found = reprojection(seen, given.picture, given.camera.size)
    assert found.mean < 0.0001
    # Joints that the detector wasn't sure of don't count.
    off = seen + (0, 10.8)
    unsure = replace(given.picture, confidence=given.picture.confidence * 0.4)
    unsure.confidence[:, 3] = 0.9
    off[:, 4] += 500
    found = reprojection(off, unsure, given.camera.size)
    assert (found.count, round(found.mean, 4), round(found.p95, 4)) == (30, 0.01, 0.01)
    assert "1.00% of the picture's height" in str(found)
    none = reprojection(off, replace(unsure, confidence=0 * unsure.confidence), (1920, 1080))
    assert none.count == 0
    assert "no joint" in str(none)


def test_the_floor_is_drawn_where_the_camera_sees_it() -> None:
    given = space(30)
    lines = floor_lines(given)
    assert len(lines) > 20
    camera = given.camera
    # Back onto the floor: each end is at a whole number of steps.
    rays = np.concatenate(
        [(lines - camera.lens.centre) / camera.lens.focal, np.ones((*lines.shape[:2], 1))], axis=-1
    )
    rays = rays @ camera.turn.T
    ground = camera.eye - rays * (camera.eye[2] / rays[..., 2])[..., None]
    assert ground[..., :2] / 0.5 == pytest.approx(np.round(ground[..., :2] / 0.5), abs=1e-6)


def wall(right: int) -> np.ndarray:
    """A textured picture (180, 320, 3), the camera so many pixels farther to the right."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(40, 220, (60, 200), np.uint8)
    whole = np.kron(coarse, np.ones((6, 6), np.uint8))
    picture = whole[90:270, 100 + right : 420 + right]
    return np.repeat(picture[..., None], 3, axis=2)


@pytest.mark.parametrize(("step", "moves"), [(0, False), (2, True)])
def test_a_moving_camera_is_seen(tmp_path: Path, step: int, moves: bool) -> None:
    film = write_film(tmp_path / "a.mp4", [wall(step * i) for i in range(40)])
    sequence = walk(40)
    motion = motion_behind(find_footage(film), sequence)
    assert motion.is_known
    assert motion.moves == moves


@pytest.mark.parametrize("name", ["pose2sim_single_cam01", "pose2sim_single_cam03"])
def test_samples_cameras_stand_still(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/samples")
    sequence = choose_person(read_pose_file(SHARED / "mediapipe" / f"{name}.jsonl"))
    poses = replace(
        walk(len(sequence.times)),
        positions=np.where(
            (sequence.confidence > 0)[..., None],
            sequence.positions,
            np.median(sequence.positions, axis=1, keepdims=True),
        )[:, :28],
        times=sequence.times,
        image_size=sequence.image_size,
    )
    motion = motion_behind(find_footage(SHARED / "video" / f"{name}.mp4"), poses)
    assert motion.is_known
    assert motion.reach < 0.002


@pytest.mark.usefixtures("extension")
def test_the_operators_show_it_and_run_again_keeps_it(pose_file: Path, film: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    scene = bpy.context.scene
    chosen = scene.jumps
    chosen.engine, chosen.footage, chosen.use_clip_fps = "interpolate", str(film), True
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(scene)
    footage = find_footage(film)
    track = choose_person(read_pose_file(pose_file, video_fps=30, video_size=footage.size))
    expected = create_result(
        bpy.context,
        upsample_track(track, engine="interpolate"),
        footage=footage,
        use_clip_fps=True,
        keep_previous=True,
    )
    for name in ("ortho_scale", "type", "clip_end"):
        assert getattr(result.camera.data, name) == getattr(expected.camera.data, name)
    assert result.camera.location == expected.camera.location
    assert background(result.camera)[0].image.filepath == str(film)
    assert result.settings["footage"] == str(film)
    clear_result(expected)
    # Run Again takes what the result was made with, and the panel says so.
    chosen.footage = ""
    bpy.ops.jumps.rerun_result()
    assert chosen.footage == str(film)
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(scene)
    assert background(again.camera)[0].image.filepath == str(film)
    assert len(bpy.data.images) == 1
    # Without the file it goes on without it.
    film.unlink()
    bpy.ops.jumps.rerun_result()
    assert chosen.footage == ""
    bpy.ops.jumps.apply_preview()
    (without,) = results_in(scene)
    assert without.find("camera") is None
    assert not bpy.data.images


@pytest.mark.usefixtures("extension")
def test_footage_that_is_gone_is_one_line_and_changes_nothing(pose_file: Path, film: Path) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    chosen = bpy.context.scene.jumps
    chosen.engine, chosen.footage = "interpolate", "//gone.mp4"
    with pytest.raises(RuntimeError, match="no such file; choose the footage anew, or none"):
        bpy.ops.jumps.upsample_skeleton()
    chosen.footage = str(film)
    bpy.ops.jumps.upsample_skeleton()
    film.unlink()
    with pytest.raises(RuntimeError, match="no such file"):
        bpy.ops.jumps.apply_preview()
    assert not results_in(bpy.context.scene)
    assert chosen.preview
    # Another clip has other footage; the same one keeps it.
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    assert chosen.footage == str(film)
    other = pose_file.with_name("other-results.json")
    other.write_bytes(pose_file.read_bytes())
    bpy.ops.jumps.import_poses(filepath=str(other))
    assert chosen.footage == ""


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize(("source", "lens"), [("footage", 26.0), ("given", 50.0)])
def test_the_lens_is_as_the_footage_tells_or_as_given(
    pose_file: Path, tmp_path: Path, source: str, lens: float
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    for number, picture in enumerate(numbered(40)):
        Image.fromarray(picture).save(tmp_path / f"{number:03d}.jpg", exif=exif.tobytes())
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    chosen = bpy.context.scene.jumps
    chosen.engine, chosen.lift, chosen.focal_mm = "interpolate", True, 50.0
    chosen.footage, chosen.focal_from = str(tmp_path / "000.jpg"), source
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert result.settings["focal_mm"] == lens
    # 320 wide: the footage's size, which the file doesn't tell.
    assert result.camera.data.lens == pytest.approx(lens)
    scene = bpy.context.scene
    assert (scene.render.resolution_x, scene.render.resolution_y) == (320, 180)
    # What it was lifted with is kept, not where that came from.
    chosen.focal_from, chosen.focal_mm = "given", 35.0
    bpy.ops.jumps.rerun_result()
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(scene)
    assert again.settings["focal_mm"] == lens


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize(("step", "moves"), [(0, False), (2, True)])
def test_lifting_says_that_the_camera_moves(
    pose_file: Path, tmp_path: Path, step: int, moves: bool
) -> None:
    film = write_film(tmp_path / "a.mp4", [wall(step * i) for i in range(40)])
    check = sys.modules["bl_ext.user_default.jumps_blender.operators.footage_check"]
    motion = motion_behind(find_footage(film), walk(40))
    job = check.MotionCheck(find_footage(film), walk(40))
    drain(job)
    assert job.notes == ([moving_words(motion)] if moves else [])
    # What the other Blender can't do is not said; what the user stops is stopped.
    broken = check.MotionCheck(replace(find_footage(film), path=tmp_path / "gone.mp4"), walk(40))
    drain(broken)
    assert broken.notes == []
    stopped = check.MotionCheck(find_footage(film), walk(40))
    stopped.cancel()
    stopped.cancel()
    with pytest.raises(Exception, match="Cancelled") as error:
        stopped.poll()
    assert type(error.value).__name__ == "WorkCancelledError"
    bpy.ops.jumps.import_poses(filepath=str(pose_file))
    chosen = bpy.context.scene.jumps
    chosen.engine, chosen.lift, chosen.footage = "interpolate", True, str(film)
    assert bpy.ops.jumps.upsample_skeleton() == {"FINISHED"}
    assert bpy.ops.jumps.apply_preview() == {"FINISHED"}
