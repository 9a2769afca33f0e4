"""Preview pictures show what was observed, inpainted and upsampled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jumps_blender import preview
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
    from dataclasses import replace

    one = replace(
        sequence,
        positions=np.full((1, 28, 2), 5, np.float32),
        state=sequence.state[:1],
        times=sequence.times[:1],
    )
    preview.write_preview(track, one, tmp_path / "a.png")
    preview.write_preview(track, one, tmp_path / "a.mp4")
