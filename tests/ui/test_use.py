"""The extension in use: the whole way, how long the window waits, what goes wrong meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jumps_blender.video.backends import BACKENDS
from jumps_blender.video.environments import video_python

from ..fake_estimator import STUB
from ..films import write_film
from .test_window import ALPHAPOSE, EXAMPLE, RunInWindow, changed, colours, contrast
from .window import ROOT, Result, repeated


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    return repeated(EXAMPLE, 5000, tmp_path / "long.json")


WAY = {"scrub": [0.2, 0.5], "look_at": (0.3, 0.0, 1.2), "distance": 5.0, "smooth": False}


def test_the_whole_way_there_and_back(run_in_window: RunInWindow) -> None:
    if not ALPHAPOSE.exists():
        pytest.skip(f"{ALPHAPOSE} is absent")
    result = run_in_window(
        "whole_way", files=[ALPHAPOSE], file=ALPHAPOSE.name, limit=280.0, seconds=320, **WAY
    )
    figures = result.figures
    assert figures["people"] == [["0", 809]]
    assert figures["words"].split(",")[0].endswith("of 809 frames")
    # Nothing is applied before the user says so.
    assert figures["objects"] == [0, 30]
    assert figures["actions"] == 2
    assert figures["fbx"] > 100_000
    assert figures["drawing"] == {"at first": False, "preview": True, "all undone": False}
    # People, preview, objects, actions; the last step back is to Blender's own cube.
    assert figures["undone"] == [[1, 0, 30, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 3, 0]]
    assert figures["redone"] == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 30, 1], [1, 0, 30, 2]]
    assert figures["keys_redone"] == figures["keys"] > 28 * 3 * 600
    for name in result.pictures:
        assert colours(result.picture(name)) > 500
        assert contrast(result.picture(name)) > 10
    left, top, right, bottom = figures["viewport"]
    body = (left + 50, top + 60, figures["sidebar"][0] - 60, bottom)
    shown = [result.picture(f"5_preview_{n}", body) for n in (0, 1)]
    assert changed(*shown) > 0.002, "the preview follows the timeline"
    bar = result.picture("4_upsampling", figures["sidebar"])
    assert changed(result.picture("3_imported", figures["sidebar"]), bar) > 0.005
    assert right > left


@pytest.mark.parametrize("lift", [False, True], ids=["flat", "lifted"])
def test_footage_lies_behind_in_time(
    run_in_window: RunInWindow, tmp_path: Path, lift: bool
) -> None:
    # Green for the first 45 of 90 frames, then red; 30 to a second, 24 in the scene.
    green, red = (40, 160, 60), (180, 40, 40)
    pictures = [np.full((270, 480, 3), green if i < 45 else red, np.uint8) for i in range(90)]
    film = write_film(tmp_path / "film.mp4", pictures)
    result = run_in_window(
        "footage",
        files=[EXAMPLE, film],
        file=EXAMPLE.name,
        film=film.name,
        frames=[1, 36, 38],
        lift=lift,
        limit=400.0,
        seconds=440,
    )
    assert result.figures["frame_rate"] == 24
    assert max(result.figures["moved"]) < 1e-5, "exporting leaves what is shown where it is"
    left, top, right, bottom = result.figures["viewport"]
    middle = ((2 * left + right) // 3, (top + bottom) // 2 - 60)
    box = (middle[0], middle[1], middle[0] + 20, middle[1] + 20)
    # Frame 36 is at 35 / 24 s, which is the film's 43.75th.
    for shown in ("frame", "plane"):
        for number, wanted in enumerate((green, green, red)):
            mean = np.asarray(result.picture(f"{shown}_{number}", box), float).mean(axis=(0, 1))
            assert int(mean.argmax()) == int(np.argmax(wanted)), (shown, number, mean)
    assert result.figures["undone"] == [0, result.figures["images"]]


def test_how_long_the_window_waits(run_in_window: RunInWindow, long_clip: Path) -> None:
    result = run_in_window(
        "gaps", files=[long_clip], file=long_clip.name, engine="direct", limit=500.0, seconds=650
    )
    assert result.figures == {"frames": 5000, "objects": 30}
    gaps = {gap["label"]: gap for gap in result.gaps}
    own = gaps["drawing the viewport and the sidebar"]["longest"]
    print(
        *(
            f"{label}: {gap['longest'] * 1000:.0f} ms ({gap['longest'] / own:.1f} times Blender's "
            f"own drawing), in {gap['seconds']:.0f} s"
            for label, gap in gaps.items()
        ),
        sep="\n",
    )
    # Machines differ: what Blender takes to draw by itself is the measure.
    assert gaps["reading"]["longest"] < 2 * own
    assert gaps["upsampling"]["longest"] < 2 * own
    assert gaps["applying"]["over_100ms"] <= max(1, gaps["applying"]["ticks"] // 10)


def reports(result: Result, what: str) -> str:
    """The last line that Blender reported about something."""
    return result.figures["said"][what][-1]


def test_what_goes_wrong_meanwhile_is_a_message(
    run_in_window: RunInWindow, long_clip: Path
) -> None:
    result = run_in_window(
        "faults",
        files=[long_clip, EXAMPLE],
        file=long_clip.name,
        short=EXAMPLE.name,
        limit=280.0,
        seconds=320,
    )
    cancelled = "Upsample Skeleton was cancelled; nothing was changed."
    assert reports(result, "esc") == reports(result, "cancel") == cancelled
    print(f"cancelled {result.figures['esc'] * 1000:.0f} ms after Esc")
    assert result.figures["esc_preview"] == ""
    assert result.figures["second_click"] is False
    assert "(SIGKILL); the scene is unchanged, and the next click" in reports(result, "killed")
    assert "has been deleted; nothing was changed" in reports(result, "scene deleted")
    took, is_running = result.figures["repeat"]
    assert is_running
    assert took < 2
    assert result.figures["windows"] == 1
    assert "has not answered for 1 s and was ended" in reports(result, "hung")
    assert "said what cannot be understood" in reports(result, "garbage")
    assert "ended at once (code 7): no; choose another Python" in reports(result, "exits")
    assert "has been deleted; nothing was changed" in reports(result, "undone bake")
    # Blender's camera, cube and light.
    assert result.figures["undone_bake"] == [3, 0, 1]
    assert reports(result, "cancelled bake").startswith("Bake to Armature was cancelled")
    assert result.figures["cancelled_bake"] == [1, 1, False]
    assert result.figures["new_file"] == [0, ""]
    assert result.figures["drawing"] is False


def test_again_and_again_leaves_nothing_behind(run_in_window: RunInWindow) -> None:
    result = run_in_window(
        "rounds", files=[EXAMPLE], file=EXAMPLE.name, rounds=100, limit=400.0, seconds=450
    )
    for name in ("enabled", "rounds"):
        before, after = result.figures[name]
        assert after == before
    memory = result.figures["memory"]
    print(f"{memory[0]} MB after the first round, {memory[-1]} MB after {len(memory)}")
    assert memory[-1] < 1.05 * memory[0]
    assert result.figures["drawing"] == [False, False]
    assert result.figures["processes"] == 0


def test_import_from_the_file_browser_and_the_panel_without_pytorch(
    run_in_window: RunInWindow,
) -> None:
    result = run_in_window("browse", files=[EXAMPLE], file=EXAMPLE.name)
    assert result.figures["people"] == 1
    assert result.figures["modal"] == 0
    # Where Upsample Skeleton stood there is what mends it.
    assert {"jumps.install_runtime", "jumps.install_wheels"} <= set(result.figures["without"])
    assert "jumps.upsample_skeleton" not in result.figures["without"]
    assert colours(result.picture("without_pytorch", result.figures["sidebar"])) > 50


def test_an_estimators_installation_shows_its_bar_and_is_cancelled(
    run_in_window: RunInWindow,
) -> None:
    result = run_in_window("estimators", size="1280x940")
    figures = result.figures
    assert figures["status"] == "Making an environment"
    assert figures["is_there"]
    assert figures["is_gone"]
    assert figures["program_is_gone"]
    shown = [
        result.picture(name, figures["preferences"])
        for name in ("preferences", "installing", "cancelled")
    ]
    assert colours(shown[0]) > 50
    assert changed(shown[0], shown[1]) > 0.002
    assert changed(shown[0], shown[2]) < changed(shown[0], shown[1])


VIDEOS = ROOT.parent / "shared" / "samples" / "video"


def mediapipe() -> dict[str, Path]:
    """What ``run_in_window`` shows of MediaPipe's environment; skips where there is none."""
    python = video_python(BACKENDS["mediapipe"])
    if python is None:
        pytest.skip("MediaPipe's environment is absent; `make video` makes it")
    environment = python.parents[1]
    config = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    home = next(line for line in config.splitlines() if line.startswith("home"))
    (packages,) = environment.glob("lib/python3*/site-packages")
    return {"python": Path(home.partition("=")[2].strip()).parent, "packages": packages}


@pytest.mark.parametrize(
    "name", ["pose2sim_single_cam01.mp4", "pose2sim_single_cam03.mp4", "sports2d_demo.mp4"]
)
def test_from_a_video_to_an_fbx_with_the_real_estimator(
    run_in_window: RunInWindow, name: str
) -> None:
    if not (VIDEOS / name).exists():
        pytest.skip(f"{VIDEOS / name} is absent")
    result = run_in_window(
        "mediapipe",
        files=[VIDEOS / name, STUB.with_name("fake_estimator.py")],
        shown=mediapipe(),
        film=name,
        end=1.0,
        frame=12,
        engine="ridge",
        lift=False,
        limit=280.0,
        seconds=320,
    )
    (gap,) = result.gaps
    print(f"longest gap while estimating: {1000 * gap['longest']:.0f} ms")
    assert result.figures["people"][0][1] >= 20
    assert result.figures["objects"] == 31  # the root, 28 joints, the armature, the camera
    assert result.figures["fbx"] > 20_000


def test_a_video_is_estimated_looked_at_and_applied(
    run_in_window: RunInWindow, tmp_path: Path
) -> None:
    pictures = [np.full((480, 640, 3), (30 + i, 70, 110), np.uint8) for i in range(100)]
    film = write_film(tmp_path / "walk.mp4", pictures)
    result = run_in_window(
        "video",
        files=[film, STUB, STUB.with_name("fake_estimator.py")],
        film=film.name,
        limit=400.0,
        seconds=440,
    )
    figures = result.figures
    gaps = {gap["label"]: gap for gap in result.gaps}
    own = gaps["drawing the viewport and the sidebar"]["longest"]
    print(
        *(f"{label}: {1000 * gap['longest']:.0f} ms" for label, gap in gaps.items()),
        f"Esc: {1000 * figures['esc']:.0f} ms, again: {figures['again']:.1f} s",
        f"drawing three people, ms of the processor (median, least; the same without OpenGL): "
        f"{figures['drawing']}, in the Movie Clip Editor {figures['drawing_clip']}",
        sep="\n",
    )
    assert figures["people"] == [100, 100, 100]
    assert figures["footage"] == film.name
    assert gaps["estimating"]["longest"] < max(0.1, 2 * own)
    assert figures["alive"] == [False, False]
    assert figures["esc"] < max(0.5, 3 * own)
    assert reports(result, "esc") == "Estimate Poses was cancelled; nothing was changed."
    assert "(SIGKILL); what was found is kept" in reports(result, "killed")
    assert figures["images"] == 0
    assert figures["shares"] == pytest.approx([0.0125, 0.0125, 0.0125])
    assert figures["looks"] == "CAMERA"
    assert (figures["lit"], figures["left"], figures["picked"], figures["unpicked"]) == (2, 0, 1, 0)
    # The ghost is drawn over the movie's even colour in the Movie Clip Editor, too.
    clip = result.picture("clip_editor", (400, 200, 500, 600))
    assert colours(clip) > 5
    assert figures["applied"] == [True, "CAMERA"]
    assert figures["fbx"] > 50_000
