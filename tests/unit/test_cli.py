"""The command line, as a user calls it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.cli import main
from jumps_blender.cli.arguments import rig_name
from jumps_blender.cli.console import check_writable
from jumps_blender.errors import JumpsError
from jumps_blender.keypoints import choose_person, read_pose_file, read_sequence
from jumps_blender.model_runtime import upsample_track
from jumps_blender.skeletons import JOINTS

from ..films import numbered, write_film
from .conftest import EXAMPLE
from .test_evaluation import write_archive


def run(*arguments) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        return int(stop.code or 0)


def test_info_as_json(capsys):
    assert run("info", EXAMPLE, "--json", "-") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["format"] == "alphapose"
    assert facts["joint_set"] == "coco17"
    assert facts["frames"] == 300
    assert facts["fps"] is None
    assert [person["id"] for person in facts["people"]] == ["1"]
    assert 0.01 < facts["people"][0]["missing"] < 0.1


def test_info_for_people(capsys):
    assert run("info", EXAMPLE, "--fps", "25") == 0
    out, err = capsys.readouterr()
    assert "300, from 0" in out
    assert "25" in out
    assert "assumed" not in err


def test_upsample_writes_what_the_function_returns(tmp_path, capsys):
    out = tmp_path / "a.npz"
    assert run("upsample", EXAMPLE, "-o", out) == 0
    assert "30 frames per second assumed" in capsys.readouterr().err
    sequence = upsample_track(choose_person(read_pose_file(EXAMPLE), None))
    with np.load(out, allow_pickle=False) as data:
        assert np.array_equal(data["positions"], sequence.positions)
        assert data["positions"].dtype == np.float32
        assert data["state"].dtype == np.int8
        assert data["uncertainty"].dtype == np.float32
        assert data["times"].dtype == np.float64
        assert np.array_equal(data["state"], sequence.state)
        assert list(data["joint_names"]) == list(JOINTS)
        assert float(data["fps"]) == 30
        assert data["times"][-1] == pytest.approx(299 / 30)


def test_the_hidden_arm_is_inpainted_where_the_body_goes(tmp_path):
    run("upsample", EXAMPLE, "-o", tmp_path / "a.npz")
    sequence = read_sequence(tmp_path / "a.npz")
    wrist, shoulder = JOINTS.index("r_wrist"), JOINTS.index("r_shoulder")
    assert (sequence.state[135:195, wrist] == 1).all()
    step = np.linalg.norm(np.diff(sequence.positions[130:200], axis=0), axis=-1)
    assert step[:, wrist].max() < 60
    arm = np.linalg.norm(sequence.positions[:, wrist] - sequence.positions[:, shoulder], axis=-1)
    assert arm[135:195].max() < 1.5 * arm[:135].max()
    hidden, seen = sequence.uncertainty[150:180, wrist], sequence.uncertainty[:100, wrist]
    assert hidden.mean() > 2 * seen.mean()


def test_a_result_read_back_gives_the_same_result(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert run("upsample", EXAMPLE, "-o", first, "--fps", "30") == 0
    assert run("upsample", first, "-o", second) == 0
    one, two = read_sequence(first), read_sequence(second)
    assert np.array_equal(one.state, two.state)
    assert np.abs(one.positions - two.positions).max() < 0.01
    assert two.fps == 30


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"{}",
        b"[]",
        b'[{"image_id": 1',
        b"\xff\xfe[\x00",
        b"[" * 100_000,
        os.urandom(500),
    ],
    ids=["empty", "cut", "object", "nobody", "truncated", "utf-16", "deep", "random"],
)
def test_bad_files_end_with_one_line_and_code_2(tmp_path, content, capsys):
    path, out = tmp_path / "bad.json", tmp_path / "out.npz"
    path.write_bytes(content)
    assert run("upsample", path, "-o", out) == 2
    err = capsys.readouterr().err
    assert err.startswith("jumps: ")
    assert err.count("\n") == 1
    assert "bad.json" in err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "nowhere/a.npz"), "cannot be written"),
        (("-o", "a.txt"), "must end in .json or .npz"),
        (("-o", "a.npz", "--person", "nobody"), "nobody"),
        (("-o", "a.npz", "--engine", "magic"), "choose one of"),
        (("-o", "a.npz", "--device", "mps"), "no mps device"),
        (("-o", "a.npz", "--format", "openpose"), "openpose|OpenPose"),
        (("-o", "a.npz", "--fps", "0"), "above zero"),
        (("-o", "a.npz", "--fps", "nan"), "above zero"),
        (("-o", "a.npz", "--min-confidence", "2"), "between 0 and 1"),
    ],
)
def test_bad_arguments_leave_nothing_behind(tmp_path, monkeypatch, capsys, arguments, words):
    import re

    monkeypatch.chdir(tmp_path)
    assert run("upsample", EXAMPLE, *arguments) == 2
    err = capsys.readouterr().err
    assert re.search(words, err.splitlines()[-1])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written(tmp_path, capsys):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere (root)")
    assert run("upsample", EXAMPLE, "-o", folder / "a.npz") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.npz", "a.json"])
def test_a_full_disk(tmp_path, name):
    # A limit on the size of files stands in for a full disk: writing fails in the middle.
    code = (
        "import resource, signal, sys; from jumps_blender.cli import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "upsample", EXAMPLE, "-o", tmp_path / name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("jumps: ")
    assert "could not be written" in last
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_older_result_survives_a_failed_run(tmp_path):
    out = tmp_path / "a.json"
    out.write_text("mine")
    bad = tmp_path / "bad.json"
    bad.write_text("[")
    assert run("upsample", bad, "-o", out) == 2
    assert out.read_text() == "mine"


def test_animate_writes_a_preview(tmp_path):
    assert run("animate", EXAMPLE, "--preview", tmp_path / "a.png") == 0
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert run("animate", EXAMPLE) == 2


def test_animate_writes_joints_without_blender(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "a.npz")]
    assert run("animate", EXAMPLE, "--json", paths[0], "--npz", paths[1]) == 0
    expected = upsample_track(choose_person(read_pose_file(EXAMPLE)))
    for path in paths:
        assert read_sequence(path).positions == pytest.approx(expected.positions, abs=1e-3)


def test_animate_writes_lifted_joints_in_place(tmp_path):
    names = ("--lift", "--engine", "interpolate", "--in-place")
    assert run("animate", EXAMPLE, *names, "--npz", tmp_path / "a.npz") == 0
    assert run("animate", EXAMPLE, *names[:-1], "--npz", tmp_path / "b.npz") == 0
    pelvis = JOINTS.index("pelvis")
    with np.load(tmp_path / "a.npz") as held, np.load(tmp_path / "b.npz") as free:
        way = free["positions"][:, pelvis] - free["positions"][0, pelvis]
        assert np.abs(way[:, :2]).max() > 0.2
        way[:, 2] = 0
        assert held["positions"] == pytest.approx(free["positions"] - way[:, None], abs=1e-6)
        assert np.array_equal(held["contact"], free["contact"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--trc", "a.trc"], "--trc needs --lift: a flat result has no depth."),
        (["--rig", "a.blend", "--fbx", "a.fbx"], "--rig needs --lift"),
        (["--meshes", "--fbx", "a.fbx"], "--meshes needs --rig."),
        (["--deform-only", "--fbx", "a.fbx"], "--deform-only needs --rig."),
        (["--rig", "absent.blend", "--lift", "--fbx", "a.fbx"], "absent.blend: there is no such"),
        (["--rig", "a.fbx", "--lift", "--fbx", "a.fbx"], "a.fbx is not a .blend"),
        (["--usd", "a.glb"], "a.glb: the name must end in .usdc or .usda or .usd."),
        (["--fbx", "a.fbx", "--fbx-for", "maya"], "invalid choice: 'maya'"),
    ],
)
def test_animate_refuses_before_the_work(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("animate", EXAMPLE.resolve(), *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_c3d_without_its_package_is_said_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "c3d", None)
    assert run("animate", EXAMPLE, "--lift", "--c3d", tmp_path / "a.c3d") == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("jumps: Writing C3D needs the Python package c3d; install it with")
    assert "upsampling" not in said


def test_evaluate_writes_the_protocols_json(tmp_path, capsys):
    archive = write_archive(tmp_path / "a.npz", {"s1.1": 121, "s2.1": 90})
    out = tmp_path / "scores.json"
    arguments = ("--engine", "ridge", "--cameras", "2", "--hide", "l_arm:12", "--json", out)
    assert run("evaluate", archive, *arguments) == 0
    scores = json.loads(out.read_text())
    assert scores["engine"] == "ridge"
    assert scores["settings"]["cameras"] == 2
    names = {"pckh@0.1", "pckh@0.5", "pckh@1.0", "auc", "mean_error", "jitter"}
    for group in ("all", "missing", "raw", "hidden"):
        assert names <= scores[group].keys()
    assert set(scores["subjects"]) == {"s1", "s2"}
    assert "missing" in capsys.readouterr().out
    assert run("evaluate", tmp_path / "none.npz", "--engine", "ridge") == 2
    assert run("evaluate", archive, "--engine", "ridge", "--hide", "tail:3") == 2


def test_evaluate_with_noise_is_repeatable(tmp_path):
    archive = write_archive(tmp_path / "a.npz", {"s": 121})
    scores = []
    for name in ("a.json", "b.json"):
        out = tmp_path / name
        arguments = ("--engine", "ridge", "--noise", "detector", "--denoise", "--json", out)
        assert run("evaluate", archive, *arguments) == 0
        scores.append(json.loads(out.read_text())["all"]["auc"])
    assert scores[0] == scores[1]


def test_every_sample_keeps_its_given_joints(shared, tmp_path):
    samples = shared / "samples"
    sources = [
        *(samples / "alphapose").glob("*.json"),
        samples / "openpose_body25" / "workout_march",
        *(samples / "mediapipe").glob("*.jsonl"),
    ]
    assert len(sources) == 5
    for source in sources:
        out = tmp_path / "out.npz"
        assert run("upsample", source, "-o", out) == 0
        sequence = read_sequence(out)
        for values in (sequence.positions, sequence.uncertainty, sequence.times):
            assert np.isfinite(values).all()
        track = choose_person(read_pose_file(source), None)
        observed = 0
        for joint, sources_of in track.joint_set.target_sources().items():
            seen = sequence.state[:, joint] == 0
            given = track.positions[:, list(sources_of)].mean(axis=1)
            assert np.abs(sequence.positions[seen, joint] - given[seen]).max() < 0.01
            observed += int(seen.sum())
        assert observed > 0.75 * 12 * len(sequence.times)
        # Nothing flies away where the file has nobody.
        size = np.ptp(sequence.positions, axis=1).max(axis=1)
        assert size.max() < 4 * np.median(size), Path(source).name


def test_the_input_is_never_overwritten(tmp_path, capsys):
    source = tmp_path / "in.json"
    source.write_bytes(EXAMPLE.read_bytes())
    link = tmp_path / "link.json"
    link.symlink_to(source)
    for command in (("upsample", source, "-o", source), ("upsample", source, "-o", link)):
        assert run(*command) == 2
        assert f"is read, as {source}; name another" in capsys.readouterr().err
    assert run("info", source, "--json", source) == 2
    assert source.read_bytes() == EXAMPLE.read_bytes()


def test_nothing_else_that_is_read_is_overwritten(tmp_path):
    movie, shot = tmp_path / "shot.mp4", tmp_path / "shot_0001.png"
    frames = tmp_path / "openpose"
    frames.mkdir()
    kept = [movie, shot, tmp_path / "shot_0002.png", frames / "x_000_keypoints.json"]
    for path in kept:
        path.write_text("kept")
    (tmp_path / "same.mp4").hardlink_to(movie)  # as another name on a disk that ignores case

    poses = tmp_path / "poses.json"
    for target, source in (
        (movie, movie),
        (tmp_path / "same.mp4", movie),
        (tmp_path / "shot_0002.png", shot),
        (kept[-1], frames),
        (frames / "x_001_keypoints.json", frames),
    ):
        with pytest.raises(JumpsError, match=f"{target}: is read, as {source}"):
            check_writable(target, (), poses, source)
    # What is written beside them, a second time too, is no part of them.
    (tmp_path / "preview.png").write_text("of before")
    for target in (tmp_path / "preview.png", tmp_path / "new.png", frames / "facts.json"):
        check_writable(target, (), poses, movie, shot, frames)
    assert [path.read_text() for path in kept] == ["kept"] * 4


def test_a_film_that_somebody_shot_is_not_written_over(tmp_path, capsys):
    """Bug: a preview that is called like the video, beside its poses, took its place."""
    film = write_film(tmp_path / "walk.mp4", numbered(5))
    shot = film.read_bytes()
    poses = tmp_path / "walk.json"
    poses.write_bytes(EXAMPLE.read_bytes())
    assert run("animate", poses, "--preview", film) == 2
    assert "walk.mp4: is a film that jumps did not write" in capsys.readouterr().err
    assert film.read_bytes() == shot
    for _ in range(2):  # its own film again is
        assert run("animate", EXAMPLE, "--engine", "ridge", "--preview", tmp_path / "own.mp4") == 0


def test_nothing_is_put_into_a_folder_that_is_read(tmp_path):
    """Bug: frames that aren't called as OpenPose does were written over."""
    numbered, loud, filmed = (tmp_path / name for name in ("numbered", "loud", "filmed"))
    for folder, names in (
        (numbered, ("0000.json", "0001.json")),
        (loud, ("A_0000_KEYPOINTS.JSON", "A_0001_KEYPOINTS.JSON")),
        (filmed, ("0000.png", "0001.png")),
    ):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("kept")
    for target in (
        *(numbered / "0001.json", numbered / "out.json", loud / "A_0001_KEYPOINTS.JSON"),
        *(filmed / "0001.png", filmed / "preview.png"),
    ):
        with pytest.raises(JumpsError, match="is read, as"):
            check_writable(target, (), target.parent)
    check_writable(filmed / "poses.json", (), filmed)
    check_writable(tmp_path / "out.json", (), numbered, loud, filmed)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such descriptors")
@pytest.mark.parametrize(
    ("streams", "is_told"), [(">&-", True), ("2>&-", False), ("2>/dev/full", False), ("<&-", True)]
)
def test_closed_and_full_streams_stop_nothing(streams, is_told, tmp_path):
    out = tmp_path / "out.json"
    command = shlex.join(
        [sys.executable, "-m", "jumps_blender", "upsample", str(EXAMPLE), "-o", str(out)]
    )
    done = subprocess.run(
        ["sh", "-c", f"{command} --engine ridge {streams}"],
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())["engine"].startswith("ridge")
    assert bool(done.stderr) == is_told
    assert ("█" in done.stderr.decode()) == is_told  # the bar as the console can write it
    assert done.stdout == b""


def test_names_that_the_console_cannot_write_are_written_in_numbers(tmp_path):
    records = json.loads(EXAMPLE.read_text())
    path = tmp_path / "poses.json"
    path.write_text(json.dumps([{**record, "idx": "Łukasz"} for record in records[:5]]))
    command = [sys.executable, "-m", "jumps_blender", "info", path]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252:strict", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\u0141ukasz" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hero.blend", ("hero.blend", "")),
        ("a/İşler/hero.BLEND:Rig", ("a/İşler/hero.BLEND", "Rig")),
        ("a.blend:b.blend:x", ("a.blend:b.blend", "x")),
    ],
)
def test_a_rig_is_named_by_its_file_and_its_object(text, expected):
    assert rig_name(text) == (Path(expected[0]), expected[1])


@pytest.mark.parametrize("extra", [("--json", "-"), ()])
def test_output_that_cannot_be_printed(extra):
    command = [sys.executable, "-m", "jumps_blender", "info", EXAMPLE, *extra]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a file
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1] == "jumps: standard output: No space left on device."


def test_wrong_arguments_are_one_line(capsys):
    for arguments in (("info",), ("info", "a", "--fps", "abc"), ("fly",), ("info", "a", "-x")):
        assert run(*arguments) == 2
        err = capsys.readouterr().err
        assert err.startswith("jumps: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fps", np.array("fast")),
        ("root", np.full((121, 3), "x")),
        ("valid", np.zeros((1, 28), bool)),
        ("clip_start", np.array(["a", "b"])),
    ],
)
def test_evaluating_an_archive_that_is_none(tmp_path, capsys, key, value):
    archive = write_archive(tmp_path / "a.npz", {"s": 121}, **{key: value})
    assert run("evaluate", archive, "--engine", "interpolate") == 2
    assert "a.npz" in capsys.readouterr().err.splitlines()[-1]
