"""A preview that waits while the panel has gone on to another clip."""

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from jumps_blender.scene.result import results_in

from ..films import numbered, write_film

MODULE = "bl_ext.user_default.jumps_blender"


def part(name: str) -> Any:
    return sys.modules[f"{MODULE}.{name}"]


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path]:
    return tuple(
        write_film(tmp_path / f"{name}.mp4", numbered(60, size))
        for name, size in (("one", (640, 480)), ("other", (320, 240)))
    )


@pytest.fixture
def panel(extension: None, pose_file: Path, films: tuple[Path, Path]) -> Any:  # noqa: ARG001
    """The settings: of the first clip there is a preview, the second one is the source."""
    settings = bpy.context.scene.jumps
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    settings.engine, settings.footage = "interpolate", str(films[0])
    bpy.ops.jumps.upsample_skeleton()
    other = pose_file.with_name("other-results.json")
    other.write_bytes(pose_file.read_bytes())
    bpy.ops.jumps.import_poses(filepath=str(other), fps=30.0)
    assert settings.footage == ""
    return settings


@pytest.mark.parametrize("named", [False, True], ids=["without footage", "with footage"])
def test_a_preview_is_applied_with_its_own_footage(
    panel: Any, pose_file: Path, films: tuple[Path, Path], named: bool
) -> None:
    if named:
        panel.footage = str(films[1])
    assert bpy.ops.jumps.show_footage() == {"FINISHED"}
    (image,) = bpy.data.images
    assert image.filepath == str(films[0])
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert result.source == str(pose_file)
    assert result.settings["footage"] == str(films[0])
    assert [image.filepath for image in bpy.data.images] == [str(films[0])]
    render = bpy.context.scene.render
    assert (render.resolution_x, render.resolution_y) == (640, 480)
    # Run again, it leaves the panel's footage to the panel's clip.
    bpy.ops.jumps.rerun_result()
    assert panel.footage == (str(films[1]) if named else "")
    bpy.ops.jumps.apply_preview()
    (again,) = results_in(bpy.context.scene)
    assert again.settings["footage"] == str(films[0])


def test_footage_that_was_chosen_after_upsampling_counts(
    panel: Any, pose_file: Path, films: tuple[Path, Path]
) -> None:
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    panel.footage = str(films[1])
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert result.settings["footage"] == str(films[1])
    bpy.ops.jumps.upsample_skeleton()
    panel.footage = ""
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert "footage" not in result.settings


def test_the_first_clips_movie_does_not_stay_behind_the_other(
    panel: Any, films: tuple[Path, Path]
) -> None:
    scene = bpy.context.scene
    bpy.ops.jumps.show_footage()
    panel.height = 1.8
    assert part("scene.footage_view").footage_camera(scene) is not None
    panel.footage = str(films[1])
    bpy.ops.jumps.upsample_skeleton()
    assert part("scene.footage_view").footage_camera(scene) is None
    assert not bpy.data.images
    bpy.ops.jumps.show_footage()
    (image,) = bpy.data.images
    assert image.filepath == str(films[1])


def test_a_preview_without_footage_gets_none(panel: Any, films: tuple[Path, Path]) -> None:
    bpy.ops.jumps.upsample_skeleton()
    bpy.ops.jumps.import_poses(filepath=panel.source.replace("other-", "alphapose-"), fps=30.0)
    panel.footage = str(films[0])
    with pytest.raises(RuntimeError, match="The preview is of another clip, which was upsampled"):
        bpy.ops.jumps.show_footage()
    bpy.ops.jumps.apply_preview()
    (result,) = results_in(bpy.context.scene)
    assert result.find("camera") is None
    assert not bpy.data.images


def test_the_other_clips_people_are_not_drawn_over_it(
    panel: Any, pose_file: Path, films: tuple[Path, Path]
) -> None:
    overlay, seen = part("ui.overlay"), part("operators.seen")
    bpy.context.scene.frame_set(3)
    placing = overlay.previewed_at(bpy.context)
    assert placing.is_within
    assert seen.seen_now(bpy.context, placing) is None
    # In the Movie Clip Editor, too, there is the preview alone, over its own footage.
    panel.footage = str(films[1])
    own, other = (bpy.data.movieclips.load(str(film)) for film in films)
    alone = overlay.clip_shape(bpy.context, own, np.eye(4))
    assert overlay.clip_shape(bpy.context, other, np.eye(4)) is None
    panel.show_detection = False
    assert len(overlay.clip_shape(bpy.context, own, np.eye(4)).corners) == len(alone.corners)
    # While a person of the other clip is being chosen, they stand where its picture will be.
    seen.picking.is_on = True
    try:
        picture = seen.seen_now(bpy.context, placing).canvas
        expected = seen.seen_now(bpy.context, None).canvas
        corners = np.array([[0.0, 0.0], [640.0, 480.0]])
        assert np.array_equal(picture.to_world(corners), expected.to_world(corners))
    finally:
        seen.picking.is_on = False
    bpy.ops.jumps.import_poses(filepath=str(pose_file), fps=30.0)
    panel.show_detection = True
    assert len(seen.seen_now(bpy.context, placing).people) == 1
