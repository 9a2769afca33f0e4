"""The extension in a real Blender window: installed, looked at, and used with mouse and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from .window import ROOT, Result, ScriptError

EXAMPLE = next((ROOT / "examples").glob("*.json"))
ALPHAPOSE = ROOT.parent / "shared" / "samples" / "alphapose" / "halpe26_one_person_809f.json"

RunInWindow = Callable[..., Result]


def colours(image: Image.Image) -> int:
    found = image.getcolors(image.width * image.height)
    assert found is not None
    return len(found)


def contrast(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).stddev[0]


def changed(before: Image.Image, after: Image.Image) -> float:
    """The share of pixels that visibly differ."""
    difference = ImageChops.difference(before, after).convert("L").point(lambda x: 255 * (x > 16))
    return ImageStat.Stat(difference).mean[0] / 255


def test_installed_from_its_zip_it_shows_its_tab(run_in_window: RunInWindow) -> None:
    result = run_in_window("smoke")
    assert "bl_ext.user_default.jumps_blender" in result.figures["enabled"]
    whole = result.picture("tab")
    assert whole.size == (1280, 800)
    assert colours(whole) > 500
    assert contrast(whole) > 10
    sidebar = result.figures["sidebar"]
    assert sidebar[2] - sidebar[0] == pytest.approx(340, abs=4)
    panels = result.picture("tab", sidebar)
    assert colours(panels) > 50
    assert contrast(panels) > 10
    assert changed(result.picture("before", sidebar), panels) > 0.05
    shown = result.figures["buttons"]
    assert shown[0] == "jumps.import_poses"
    # The estimator isn't there yet: its installer is.
    assert "jumps.install_estimator" in shown


@pytest.mark.parametrize("sample", [EXAMPLE, ALPHAPOSE], ids=["example", "alphapose"])
def test_a_dropped_file_is_imported_once_its_popup_is_confirmed(
    run_in_window: RunInWindow, sample: Path
) -> None:
    if not sample.exists():
        pytest.skip(f"{sample} is absent")
    result = run_in_window("drop", files=[sample], real_events=True, name=sample.name)
    assert result.figures["people"] == 1
    left = result.figures["sidebar"][0]
    viewport = (0, 100, left, 700)
    assert changed(result.picture("before", viewport), result.picture("popup", viewport)) > 0.01
    assert changed(result.picture("before", viewport), result.picture("imported", viewport)) < 0.01
    sidebar = result.figures["sidebar"]
    assert changed(result.picture("before", sidebar), result.picture("imported", sidebar)) > 0.02
    # The sidebar shows it of itself, without the mouse having to come near.
    assert changed(result.picture("imported", sidebar), result.picture("redrawn", sidebar)) == 0


def test_looks(run_in_window: RunInWindow) -> None:
    result = run_in_window("looks", files=[EXAMPLE], file=EXAMPLE.name)
    looks = {
        name: result.picture(name, result.figures[name])
        for name in ("dark", "light", "large", "japanese")
    }
    for panels in looks.values():
        assert colours(panels) > 50
        assert contrast(panels) > 10
    brightness = {
        name: ImageStat.Stat(panels.convert("L")).median[0] for name, panels in looks.items()
    }
    assert brightness["light"] > brightness["dark"] + 100
    assert looks["large"].width == pytest.approx(1.5 * looks["light"].width, rel=0.02)
    assert result.figures["object_in_japanese"] == "オブジェクト"
    assert changed(looks["light"], looks["japanese"]) > 0.005


def test_the_driver_does_what_a_user_does(run_in_window: RunInWindow) -> None:
    """Without this, a test in which nothing happens could pass for one in which all is well."""
    result = run_in_window("instruments")
    assert result.figures["selected"] == ["Camera", "Cube", "Light"]
    assert result.figures["selected_then"] == []
    assert result.figures["renamed"] == "球 1"
    assert result.figures["locked"] is True
    assert any(name.endswith(".lens") for name in result.figures["shown"])
    assert not any(name.endswith(".lens") for name in result.figures["left"])
    gaps = {gap["label"]: gap for gap in result.gaps}
    assert 0.3 <= gaps["blocked"]["longest"] < 1
    assert gaps["blocked"]["cpu"] < 0.1
    assert gaps["idle"]["longest"] < 0.3


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("script", r"failing: TypeError: .*No such tab"),
        ("panel", r"Blender printed «.*Traceback"),
        ("late", r"failing: TimeoutError: the session took more than 3 s"),
        ("hanging", r"failing was killed after 12 s"),
    ],
    ids=["script", "panel", "late", "hanging"],
)
def test_failures_are_seen(run_in_window: RunInWindow, way: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        run_in_window("failing", way=way, seconds=12)
