"""The results page: written from kept runs, with what was written by hand kept."""

import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime.baselines import RidgeEngine
from training import results
from training.results import MARKER, cases, write_results

from .test_evaluation import write_archive


def test_results_are_measured_once_and_keep_what_was_written_by_hand(tmp_path, capsys, monkeypatch):
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
    assert "| `ridge, denoised` |" in text
    assert "| left arm | 24 | " in text
    assert (out.parent / "images" / "pckh.png").stat().st_size > 1000
    ran = capsys.readouterr().out.count("ridge: Protocol")
    assert ran == 3 + 4 * 4 + 2
    assert (out.parent / "images" / "cases.png").stat().st_size > 5000
    write_results(archive, out, tmp_path / "cache", engines)
    assert capsys.readouterr().out == ""
    assert out.read_text() == text

    def written_meanwhile(archive, engine):
        out.write_text(text + "and more\n")
        return cases(archive, engine)

    monkeypatch.setattr(results, "cases", written_meanwhile)
    write_results(archive, out, tmp_path / "cache", engines)
    assert out.read_text() == text + "and more\n"


def test_slow_engines_are_measured_on_a_sample_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "load_engine", lambda *_: RidgeEngine())
    archive = write_archive(tmp_path / "a.npz", {"s1.a": 122, "s1.b": 721, "s2.a": 130})
    out = tmp_path / "RESULTS.md"
    (tmp_path / "images").mkdir()
    write_results(archive, out, tmp_path / "cache", ["ridge", "latent"], sample_frames=100)
    whole, few = out.read_text().split("## JUMPS as published, on a sample")
    assert "`latent`" not in whole
    assert few.count("| `latent` |") == 7
    assert "(2 clips, 126 frames)" in few
    assert "JUMPS, 12 joints given exactly | 0.6096" in few


def test_a_page_without_the_marker_is_not_overwritten(tmp_path):
    archive = write_archive(tmp_path / "a.npz", {"s1.a": 60})
    out = tmp_path / "RESULTS.md"
    out.write_text("by hand")
    with pytest.raises(JumpsError, match="lacks the line"):
        write_results(archive, out, tmp_path / "cache", ["ridge"])
    assert out.read_text() == "by hand"
