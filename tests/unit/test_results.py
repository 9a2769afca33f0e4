"""The results page: written from kept runs, with what was written by hand kept."""

import pytest

from jumps_blender.errors import JumpsError
from training.results import MARKER, write_results

from .test_evaluation import write_archive


def test_results_are_measured_once_and_keep_what_was_written_by_hand(tmp_path, capsys):
    archive = write_archive(tmp_path / "a.npz", {"s1.a": 121, "s2.a": 90})
    out = tmp_path / "docs" / "RESULTS.md"
    (out.parent / "images").mkdir(parents=True)
    out.write_text(f"old\n{MARKER}\n\n## Notes\n\nkept\n")
    engines = ["ridge", "interpolate"]
    write_results(archive, out, tmp_path / "cache", engines)
    text = out.read_text()
    assert text.endswith(f"{MARKER}\n\n## Notes\n\nkept\n")
    assert "old" not in text
    assert text.count("| `ridge` |") == 7  # six tables and a heading
    assert "| left arm | 24 | " in text
    assert (out.parent / "images" / "pckh.png").stat().st_size > 1000
    ran = capsys.readouterr().out.count("ridge: Protocol")
    assert ran == 2 + 4 * 4 + 2
    write_results(archive, out, tmp_path / "cache", engines)
    assert capsys.readouterr().out == ""
    assert out.read_text() == text


def test_a_page_without_the_marker_is_not_overwritten(tmp_path):
    archive = write_archive(tmp_path / "a.npz", {"s1.a": 60})
    out = tmp_path / "RESULTS.md"
    out.write_text("by hand")
    with pytest.raises(JumpsError, match="lacks the line"):
        write_results(archive, out, tmp_path / "cache", ["ridge"])
    assert out.read_text() == "by hand"
