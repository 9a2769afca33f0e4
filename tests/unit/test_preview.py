"""Preview pictures show what was observed, inpainted and upsampled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jumps_blender import film, preview
from jumps_blender.drawing import Scenery
from jumps_blender.errors import JumpsError
from jumps_blender.keypoints.sequence import JointState, PoseSequence
from jumps_blender.keypoints.track import PoseTrack
from jumps_blender.scene.look import STATE_COLOURS
from jumps_blender.skeletons import COMMON12, JOINT_SETS, JOINTS

from .conftest import walking_figure


@pytest.fixture
def clip() -> tuple[PoseTrack, PoseSequence]:
    points = walking_figure(60)
    coco = JOINT_SETS["coco17"]
    positions = np.zeros((60, 17, 2), np.float32)
    confidence = np.zeros((60, 17), np.float32)
    for joint, (source,) in coco.target_sources().items():
        positions[:, source], confidence[:, source] = points[:, joint], 0.9
    state = np.full((60, 28), JointState.UPSAMPLED, np.int8)
    state[:, list(COMMON12)] = JointState.OBSERVED
    state[:, JOINTS.index("r_wrist")] = JointState.INPAINTED
    times = np.arange(60) / 30
    common = {"times": times, "fps": 30.0, "image_size": None, "person": "7", "source": "walk.json"}
    track = PoseTrack(
        coco, positions, confidence, frames=np.arange(60), format="alphapose", **common
    )
    zeros = np.zeros((60, 28), np.float32)
    return track, PoseSequence(points, state, zeros, zeros, engine="direct 01234567", **common)


def _count(image: Image.Image, colour: tuple[float, float, float], rows: slice) -> int:
    wanted = [round(255 * value) for value in colour]
    return int((np.asarray(image)[rows] == wanted).all(axis=-1).sum())


def test_input_above_and_result_below_in_their_colours(clip):
    image = preview.filmstrip(*clip)
    # The legend at the bottom shows all three colours; it is left out.
    above, below = slice(34, 334), slice(338, 638)
    observed, inpainted, upsampled = (STATE_COLOURS[state] for state in JointState)
    assert _count(image, observed, above) > 500
    assert _count(image, inpainted, above) == 0
    assert _count(image, upsampled, above) == 0
    for colour in (observed, inpainted, upsampled):
        assert _count(image, colour, below) > 200


def test_png_and_film_are_written_whole(clip, tmp_path):
    picture, film = tmp_path / "a.png", tmp_path / "a.mp4"
    preview.write_preview(*clip, picture)
    preview.write_preview(*clip, film)
    with Image.open(picture) as image:
        assert image.size[0] > 1000
    import av

    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 30
    assert len(frames) == 60
    assert frames[0].std() > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.png"]


def test_other_suffixes_are_refused(clip):
    with pytest.raises(JumpsError, match=r"\.png or an \.mp4"):
        preview.write_preview(*clip, Path("a.gif"))


def test_a_single_frame_and_a_body_in_one_point(clip, tmp_path):
    track, sequence = clip
    one = replace(
        sequence,
        positions=np.full((1, 28, 2), 5, np.float32),
        state=sequence.state[:1],
        times=sequence.times[:1],
    )
    preview.write_preview(track, one, tmp_path / "a.png")
    preview.write_preview(track, one, tmp_path / "a.mp4")


def _decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    """Each frame's time in seconds and picture."""
    import av

    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]


def _near(picture: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """(h, w): pixels about of a colour; films don't keep them exactly."""
    away = np.abs(picture.astype(int) - np.round(255 * np.array(colour)).astype(int))
    return away.max(axis=-1) < 60


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_a_film_shows_what_was_filmed_beside_the_body(clip, tmp_path, size):
    track, sequence = clip
    # As phones record them.
    times = np.cumsum(np.tile([0.03, 0.05], 30))
    sequence = replace(sequence, times=times, image_size=size)
    track = replace(track, times=times)
    low, high = sequence.positions.min(axis=(0, 1)), sequence.positions.max(axis=(0, 1))
    into = (0.1 + 0.8 * (sequence.positions - low) / (high - low)) * np.array(size, np.float32)
    sequence = replace(sequence, positions=into.astype(np.float32))
    # Walking away from where it was seen, 9 m along.
    world = np.zeros((60, 28, 3))
    world[..., 0], world[..., 2] = (into[..., 0] - into[:, :1, 0]) / 400, 2 - into[..., 1] / 200
    world[..., 0] += 0.15 * np.arange(60)[:, None]

    def footage(rows, longest):
        for row in rows:
            assert longest in (720, 1280)
            picture = np.full((size[1], size[0], 3), 40 + 2 * row, np.uint8)
            picture[-20:, :20] = (255, 0, 255)  # the picture's corner
            yield picture

    film = tmp_path / "a.mp4"
    scenery = Scenery(size, seen=into.astype(float), world=world, footage=footage)
    preview.write_preview(track, sequence, film, scenery=scenery)
    frames = _decoded(film)
    assert [time for time, _ in frames] == pytest.approx(times - times[0], abs=2e-4)
    width = 2 * round(min(max(720 * size[0] / size[1], 406), 1280) / 2)
    for row, (_, picture) in enumerate(frames):
        assert picture.shape == (720, width + 640, 3)
        left, right = picture[:, :width], picture[:, width:]
        # The whole picture, of this frame, and nothing of it beside.
        assert _near(left[-15:-5, 5:15], (1, 0, 1)).mean() > 0.9
        grey = np.median(left[:, -30:])
        assert grey == pytest.approx(40 + 2 * row, abs=4)
        for colour in (STATE_COLOURS[state] for state in JointState):
            found = np.argwhere(_near(right, colour))
            assert len(found) > 40
            # Followed: never near the edges.
            assert found[:, 1].min() > 20
            assert found[:, 1].max() < 620


def test_who_stays_in_place_is_seen_by_a_camera_that_stays_there():
    world = np.zeros((60, 28, 3))
    world[..., 0] = np.sin(np.arange(60) / 10)[:, None]
    world[..., 2] = np.linspace(0, 1.8, 28)
    view = film._BodyView(world, np.arange(60) / 30)
    assert len(np.unique(view._middle, axis=0)) == 1
