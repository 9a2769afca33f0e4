"""BVH files and the archives made from them: figures whose joints are known come back in place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from jumps_blender.errors import JumpsError
from jumps_blender.model_runtime import load_engine
from jumps_blender.model_runtime.evaluation import Protocol, evaluate
from jumps_blender.model_runtime.mocap import MocapArchive, MocapClip
from jumps_blender.skeletons import COMMON12, JOINTS
from training import bvh as bvh_module
from training.bvh import read_bvh
from training.prepare import RIGS, prepare

# A figure in centimetres, y up, facing along z, its left along x: part, parent, offset. Pelvis and
# neck lie where the archive has them: at 20 % and 87 % of the way from hip line to shoulder line.
TRUNK = (
    ("hips", None, (0, 0, 0)),
    ("back_a", "hips", (0, 11, 0)),
    ("back_b", "back_a", (0, 11, 0)),
    ("neck", "back_b", (0, 11.5, 0)),
    ("head", "neck", (0, 19, 1)),
    ("head_top", "head", (0, 19, 0)),
)
LEFT = (
    ("collar", "back_b", (3, 14, 0)),
    ("shoulder", "collar", (14, 4, 0)),
    ("elbow", "shoulder", (28, 0, 0)),
    ("wrist", "elbow", (26, 0, 0)),
    ("hand", "wrist", (8, 0, 0)),
    ("hip", "hips", (9, -10, 0)),
    ("knee", "hip", (0, -42, 0)),
    ("ankle", "knee", (0, -42, 0)),
    ("foot", "ankle", (0, -6, 11)),
    ("toe", "foot", (0, -1, 6)),
)
SIDED = {part for part, _, _ in LEFT}
STILL = {"back_a", "back_b", "collar"}  # a bent back would make "the way up it" a matter of taste


def side(part: str, prefix: str) -> str:
    return prefix + part if part in SIDED else part


FIGURE = TRUNK + tuple(
    (f"{letter}_{part}", side(parent, f"{letter}_"), (sign * x, y, z))
    for letter, sign in (("l", 1), ("r", -1))
    for part, parent, (x, y, z) in LEFT
)


def with_offsets(changes: dict[str, tuple]) -> tuple:
    """FIGURE with other offsets for some parts, given for the left side."""
    figure = []
    for part, parent, offset in FIGURE:
        x, y, z = changes.get(part.removeprefix("l_").removeprefix("r_"), offset)
        figure.append((part, parent, (abs(x) * (-1 if part[:2] == "r_" else 1), y, z)))
    return tuple(figure)


HUMAN_IK = {
    "hips": "Hips", "back_a": "Spine", "back_b": "Spine1", "neck": "Neck", "head": "Head",
    "head_top": "Head>", "collar": "{}Shoulder", "shoulder": "{}Arm", "elbow": "{}ForeArm",
    "wrist": "{}Hand", "hand": "{}Hand>", "hip": "{}UpLeg", "knee": "{}Leg", "ankle": "{}Foot",
    "foot": "{}ToeBase", "toe": "{}ToeBase>",
}  # fmt: skip
MIXAMO = {
    part: "mixamorig:" + name
    for part, name in (
        HUMAN_IK | {"head_top": "HeadTop_End", "hand": "{}HandMiddle1", "toe": "{}Toe_End"}
    ).items()
}
LAFAN = {k: v for k, v in HUMAN_IK.items() if k not in ("head_top", "hand", "toe")}
LAFAN["foot"] = "{}Toe"


def named(names: dict[str, str], left: str = "Left", right: str = "Right") -> dict[str, str]:
    """A name for every part of FIGURE that ``names`` has."""
    result = {}
    for part, _, _ in FIGURE:
        plain, word = part, ""
        if part[:2] in ("l_", "r_"):
            plain, word = part[2:], left if part[0] == "l" else right
        if plain in names:
            result[part] = names[plain].replace("{}", word)
    return result


def matrix(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "X": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "Y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "Z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


@dataclass
class Motion:
    """angles: degrees (F, parts, 3), about X, Y and Z, applied in ``order``; root: (F, 3)."""

    angles: np.ndarray
    root: np.ndarray
    order: str = "ZXY"

    @classmethod
    def of(cls, frames: int = 40, still: set[str] = STILL) -> Motion:
        """Limbs that swing, a body that turns and walks along x."""
        time = np.linspace(0, 2, frames)[:, None, None]
        rng = np.random.default_rng(3)
        phase, size = rng.uniform(0, 6, (len(FIGURE), 3)), rng.uniform(5, 30, (len(FIGURE), 3))
        angles = size * np.sin(2 * np.pi * time + phase)
        for number, (part, _, _) in enumerate(FIGURE):
            if part.removeprefix("l_").removeprefix("r_") in still:
                angles[:, number] = 0
        angles[:, 0] = [0, 0, 0] + time[:, 0] * [5, 60, 3]
        root = np.stack([time[:, 0, 0] * 50, 95 + time[:, 0, 0], time[:, 0, 0]], axis=1)
        return cls(angles, root)

    def places(self, figure=FIGURE) -> dict[str, np.ndarray]:
        """Where the parts are: (F, 3) each, in the figure's units, y up."""
        result = {part: np.zeros((len(self.root), 3)) for part, _, _ in figure}
        for frame, root in enumerate(self.root):
            turns = {}
            for number, (part, parent, offset) in enumerate(figure):
                turn = np.eye(3)
                for axis in self.order:
                    turn = turn @ matrix(axis, self.angles[frame, number, "XYZ".index(axis)])
                if parent is None:
                    turns[part], result[part][frame] = turn, root
                else:
                    result[part][frame] = result[parent][frame] + turns[parent] @ offset
                    turns[part] = turns[parent] @ turn
        return result


def write_bvh(
    path: Path, names: dict[str, str], motion: Motion, figure=FIGURE, scale=1.0, fps=120.0
) -> Path:
    """The parts of ``figure`` that have a name; a name that ends in > becomes an End Site."""
    lines, columns = ["HIERARCHY"], []

    def write(number: int) -> None:
        part, parent, offset = figure[number]
        end = names[part].endswith(">")
        kind = "ROOT" if parent is None else "JOINT"
        lines.append("End Site" if end else f"{kind} {names[part]}")
        numbers = " ".join(f"{value * scale:.6f}" for value in offset)
        lines.extend(["{", f"OFFSET {numbers}"])
        if not end:
            channels = [f"{axis}rotation" for axis in motion.order]
            if parent is None:
                channels = ["Xposition", "Yposition", "Zposition", *channels]
                columns.append(motion.root * scale)
            columns.append(motion.angles[:, number, ["XYZ".index(a) for a in motion.order]])
            lines.append(f"CHANNELS {len(channels)} {' '.join(channels)}")
            for child, (name, above, _) in enumerate(figure):
                if above == part and name in names:
                    write(child)
        lines.append("}")

    write(0)
    rows = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / fps:.7f}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def to_world(places: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Centimetres, y up, to metres, z up: what pointed along z points along -y."""
    return {part: np.stack([p[:, 0], -p[:, 2], p[:, 1]], -1) / 100 for part, p in places.items()}


def prepared(folder: Path, **options) -> MocapArchive:
    output = folder.parent / "out.npz"
    prepare(folder, output, **options)
    return MocapArchive(output)


def misses(clip: MocapClip, truth: dict[str, np.ndarray]) -> dict[str, float]:
    """The greatest distance of each joint, metres, from where it was put; the floor aside."""
    lift = clip.xyz[0, JOINTS.index("pelvis"), 2] - truth["hips"][0, 2]
    return {
        joint: float(
            np.linalg.norm(clip.xyz[:, number] - [0, 0, lift] - truth[joint], axis=1).max()
        )
        for number, joint in enumerate(JOINTS)
        if joint in truth
    }


def whole_truth(places: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All 28 joints, of a straight back: the synthesised ones as the archive's README has them."""
    truth = dict(places, pelvis=places["hips"])
    for share, joint in zip((1, 2, 3, 4), ("spine", "spine2", "spine3", "spine4"), strict=True):
        truth[joint] = places["hips"] + share / 5 * (places["neck"] - places["hips"])
    for letter in "lr":
        way = places[f"{letter}_shoulder"] - places["neck"]
        truth[f"{letter}_clavicle"] = places["neck"] + 0.27 * way
    return truth


SMALL = """HIERARCHY
ROOT base
{
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT arm
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
0 0 0 0 0 0 0 0 0
5 6 7 90 0 0 0 90 0
"""


def small(tmp_path: Path, text: str | bytes = SMALL) -> Path:
    path = tmp_path / "small.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_small_file_by_hand(tmp_path):
    read = read_bvh(small(tmp_path))
    assert (read.names, read.parents, read.fps) == (("base", "arm", ""), (-1, 0, 1), 40)
    places = read.positions()
    assert places.dtype == np.float32
    assert np.allclose(places[0], [(0, 0, 0), (0, 1, 0), (0, 3, 0)], atol=1e-6)
    # 90 degrees about z lay y along -x; a further 90 about the turned x lay the arm along z.
    assert np.allclose(places[1], [(5, 6, 7), (4, 6, 7), (4, 6, 9)], atol=1e-6)
    assert np.allclose(read.positions(0.5, "y")[1], [(2.5, -3.5, 3), (2, -3.5, 3), (2, -4.5, 3)])


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_every_rotation_order(tmp_path, order):
    angle = {"X": 20.0, "Y": -35.0, "Z": 130.0}
    channels = " ".join(f"{axis}rotation" for axis in order)
    text = SMALL.replace("Zrotation Xrotation Yrotation", channels)
    row = " ".join(str(angle[axis]) for axis in order)
    text = text.replace("5 6 7 90 0 0 0 90 0", f"0 0 0 {row} {row}")
    first, second, third = (matrix(axis, angle[axis]) for axis in order)
    turn = first @ second @ third
    arm = turn @ [0, 1, 0]
    expected = [(0, 0, 0), arm, arm + turn @ turn @ [0, 2, 0]]
    assert np.allclose(read_bvh(small(tmp_path, text)).positions()[1], expected, atol=1e-6)


def test_two_orders_by_hand(tmp_path):
    row = "0 0 0 90 90 0 0 0 0"
    z_then_x = SMALL.replace("5 6 7 90 0 0 0 90 0", row)
    assert np.allclose(read_bvh(small(tmp_path, z_then_x)).positions()[1, 1], (0, 0, 1), atol=1e-6)
    x_then_z = z_then_x.replace("Zrotation Xrotation", "Xrotation Zrotation")
    assert np.allclose(read_bvh(small(tmp_path, x_then_z)).positions()[1, 1], (-1, 0, 0), atol=1e-6)


def test_positions_of_other_joints_take_the_place_of_their_offset(tmp_path):
    text = SMALL.replace("CHANNELS 3 Z", "CHANNELS 5 Xposition Zposition Z")
    text = text.replace("0 0 0 0 0 0 0 0 0", "0 0 0 0 0 0 7 8 0 0 0")
    text = text.replace("5 6 7 90 0 0 0 90 0", "5 6 7 90 0 0 7 8 0 0 0")
    places = read_bvh(small(tmp_path, text)).positions()
    assert np.allclose(places[0, 1], (7, 1, 8))
    assert np.allclose(places[1, 1], (4, 13, 15), atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("\n", "\r"),
        (" ", "\t"),
        ("JOINT arm\n  {", "JOINT arm {"),
        ("JOINT arm", "JOINT arm of the left side"),
        ("HIERARCHY", "\ufeffHIERARCHY"),
        ("Frames: 2\n", "Frames:\t2  \n\n"),
        ("Frame Time: 0.025", "Frame Time:\t.02500"),
        ("Frame Time: 0.025", "frame time: 2.5e-2"),
        ("Zrotation", "ZROTATION"),
        ("0 90 0\n", "0 90 0"),
        ("0 90 0\n", "0 90 0\n\n  \n"),
        ("0 90 0\n", "0 90 0\n1 2 3 4 5 6 7 8 9\n"),
    ],
)
def test_spellings_of_the_same_file(tmp_path, old, new):
    assert old in SMALL
    read = read_bvh(small(tmp_path, SMALL.replace(old, new)))
    assert read.fps == 40
    expected = read_bvh(small(tmp_path)).positions()
    assert np.array_equal(read.positions(), expected)


def test_missing_end_sites_and_single_frames(tmp_path):
    start, end = SMALL.index("    End Site"), SMALL.index("  }\n}\nMOTION")
    text = (SMALL[:start] + SMALL[end:]).replace("Frames: 2", "Frames: 1")
    assert read_bvh(small(tmp_path, text)).positions().shape == (1, 2, 3)


def test_rates_are_rounded_as_the_files_rounded_them(tmp_path):
    for written, fps in (("0.0083333", 120), ("0.0333", 30), ("0.04", 25), ("0.08", 12.5)):
        assert read_bvh(small(tmp_path, SMALL.replace("0.025", written))).fps == fps


DEEP = "JOINT a\n{\nOFFSET 0 0 0\n" * 200
WIDE = "End Site\n{\nOFFSET 0 0 0\n}\n" * 600


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (SMALL, "", "line 1: it doesn't begin"),
        ("HIERARCHY", "hello", "line 1: it doesn't begin"),
        ("HIERARCHY", "HIERARCHY\nROOT base\n{\nOFFSET 0 0 0\n}", "line 6: a second ROOT"),
        ("ROOT base", "JOINT base", "line 2: a JOINT that belongs to no joint"),
        ("JOINT arm", "JOINT", "line 6: a JOINT without a name"),
        ("JOINT arm", "THING arm", "line 6: 'THING' has no place"),
        ("OFFSET 0 1 0", "OFFSET 0 1", "line 8: OFFSET needs three"),
        ("OFFSET 0 1 0", "OFFSET 0 nan 0", "line 8: OFFSET needs three"),
        ("OFFSET 0 1 0", "OFFSET 0 1e300 0", "line 8: OFFSET needs three"),
        ("OFFSET 0 1 0", "OFFSET 0 __import__('os') 0", "line 8: OFFSET needs three"),
        ("    OFFSET 0 1 0\n", "", "line 13: arm has no OFFSET"),
        ("CHANNELS 3 ", "CHANNELS 4 ", "line 9: CHANNELS announces 4, not 3"),
        (
            "Xrotation Yrotation\n    End",
            "Wrotation Yrotation\n    End",
            "line 9: the channel 'Wrot",
        ),
        ("Xrotation Yrotation\n    End", "Zrotation Yrotation\n    End", "line 9: a joint has the"),
        ("  }\n}\nMOTION", "MOTION", "ends before its braces"),
        ("}\nMOTION", "}\n}\nMOTION", "line 16: a } that closes nothing"),
        ("  JOINT arm", DEEP, "joints more than 128 deep"),
        ("    End Site", WIDE + "End Site", "more than 512 joints"),
        ("      OFFSET 0 2 0", "OFFSET 0 2 0\nJOINT b", "line 13: a JOINT that belongs to no"),
        ("MOTION", "", "line 17: 'Frames:' has no place"),
        ("Frames: 2", "Frames: two", "line 17: Frames: and a number"),
        ("Frames: 2", "Frames: 0", "holds no motion"),
        ("Frames: 2", "Frames: 3", "cut off"),
        ("Frames: 2", "Frames: 999999999999", "cut off"),
        ("0.025", "0", "line 18: a frame time of 0 s"),
        ("0.025", "nan", "line 18: a frame time of nan s"),
        ("0.025", "0,025", "line 18: a frame time of 0,025 s"),
        ("Frame Time: 0.025\n", "", "line 18: Frame Time: and a number"),
        ("90 0 0 0 90 0", "90 0 0 0 90", "line 20: has 8 numbers for 9"),
        ("90 0 0 0 90 0", "90 0 0 0 90 0 0", "line 20: has 10 numbers for 9"),
        ("0 0 0 0 0 0 0 0 0\n5 6", "0 0 0 0 0 0 0 0\n0 5 6", "line 19: has 8 numbers for 9"),
        ("5 6 7", "5 6 nan", "line 20: 'nan' is no plain number"),
        ("5 6 7", "5 6 inf", "line 20: 'inf' is no plain number"),
        ("5 6 7", "5 6 7e99", "line 20: '7e99' is no plain number"),
        ("5 6 7", "5 6 7_0", "line 20: '7_0' is no plain number"),
        ("5 6 7", "\n\n5 6 x", "line 22: 'x' is no plain number"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, old, new, complaint):
    assert old in SMALL
    with pytest.raises(JumpsError) as caught:
        read_bvh(small(tmp_path, SMALL.replace(old, new, 1)))
    message = str(caught.value)
    assert complaint in message
    assert "small.bvh" in message
    assert "\n" not in message


def test_a_file_cut_off_anywhere_is_read_rightly_or_refused(tmp_path):
    whole = read_bvh(small(tmp_path)).positions()
    for end in range(len(SMALL)):
        try:
            places = read_bvh(small(tmp_path, SMALL[:end])).positions()
        except JumpsError:
            continue
        assert end >= len(SMALL) - 2  # the last number, 0, and the end of its line
        assert np.array_equal(places, whole)


def test_noise_is_refused_or_finite(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(SMALL.encode())
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        try:
            read = read_bvh(small(tmp_path, bytes(data)))
        except JumpsError:
            continue
        assert np.isfinite(read.positions()).all()


def test_what_is_too_big_is_not_read(tmp_path, monkeypatch):
    path = small(tmp_path)
    monkeypatch.setattr(bvh_module, "MAX_HEAD_BYTES", 200)
    with pytest.raises(JumpsError, match="no MOTION in its first"):
        read_bvh(path)
    monkeypatch.setattr(bvh_module, "MAX_BYTES", 200)
    with pytest.raises(JumpsError, match="cut the take"):
        read_bvh(path)
    with pytest.raises(JumpsError, match="no such file"):
        read_bvh(tmp_path)


@pytest.mark.parametrize(
    ("rig", "names", "missing"),
    [
        ("mixamo", MIXAMO, set()),
        ("mixamo", HUMAN_IK, set()),
        ("lafan", LAFAN, {"head_top", "l_hand", "r_hand", "l_toe", "r_toe"}),
    ],
)
def test_figures_come_back_where_they_were_put(tmp_path, rig, names, missing):
    motion = Motion.of()
    write_bvh(tmp_path / "in" / "ann" / "walk.bvh", named(names), motion)
    archive = prepared(tmp_path / "in")
    assert (archive.clip_ids, archive.subjects, archive.fps) == (["ann/walk"], ["ann"], 60)
    clip = archive.clip(0)
    assert len(clip.xyz) == 20
    truth = {part: p[::2] for part, p in whole_truth(to_world(motion.places())).items()}
    far = misses(clip, truth)
    assert {joint for joint, valid in zip(JOINTS, clip.valid, strict=True) if not valid} == missing
    assert len(far) == 28
    assert max(value for joint, value in far.items() if joint not in missing) < 1e-3
    # Estimates are near: the figure is built like the archive's people, and its head nods by 30
    # degrees that nothing in the file tells of.
    assert max(far.values()) < 0.1
    with np.load(archive.path) as data:
        assert list(data["source"]) == [f"bvh_{rig}"]
        assert data["offsets"].dtype == np.int16
        assert data["root"].dtype == np.float32
        assert data["fps"].dtype == np.int16


def test_the_cmu_rig_gets_its_dropped_bones_back(tmp_path):
    # cgspeed's files have no bone from Spine1 to Neck, two thirds of the forearm and half the head.
    bones = {"neck": (0, 11, 0), "collar": (0, 11, 0), "shoulder": (17, 7, 0)}
    true = with_offsets(bones)
    dropped = {"neck": (0, 0, 0), "collar": (0, 0, 0), "wrist": (26 * 2 / 3, 0, 0)}
    extra = {
        "back_a": "low",
        "l_hip": "l_pin",
        "r_hip": "r_pin",
        "l_hand": "l_palm",
        "r_hand": "r_palm",
    }
    figure = []
    for part, parent, offset in with_offsets(bones | dropped | {"head_top": (0, 9.5, 0)}):
        if part in extra:  # joints that sit on their parent
            figure.append((extra[part], parent, (0, 0, 0)))
        figure.append((part, extra.get(part, parent), offset))
    names = named(HUMAN_IK) | {
        "low": "LowerBack",
        "l_pin": "LHipJoint",
        "r_pin": "RHipJoint",
        "l_palm": "LeftHandIndex1",
        "r_palm": "RightHandIndex1",
        "l_hand": "LeftHandIndex1>",
        "r_hand": "RightHandIndex1>",
    }
    motion = Motion.of(still=set())
    index = {part: number for number, (part, _, _) in enumerate(true)}
    for letter in "lr":  # what was dropped of the forearm turns about its own length only
        motion.angles[:, index[f"{letter}_wrist"], 1:] = 0
    none = np.zeros_like(motion.angles[:, 0])
    angles = [motion.angles[:, index[part]] if part in index else none for part, _, _ in figure]
    written = Motion(np.stack(angles, axis=1), motion.root)
    write_bvh(tmp_path / "in" / "07_01.bvh", names, written, figure, scale=0.45 / 2.54)
    archive = prepared(tmp_path / "in")
    clip = archive.clip(0)
    assert archive.subjects == ["07"]
    assert clip.valid.all()
    truth = {part: p[::2] for part, p in to_world(motion.places(true)).items()}
    truth["pelvis"] = truth["hips"]
    # Three equal bones: 60 % of the way is at four fifths of the second.
    truth["spine3"] = truth["back_a"] + 0.8 * (truth["back_b"] - truth["back_a"])
    assert max(misses(clip, truth).values()) < 1e-3
    with np.load(archive.path) as data:
        assert list(data["source"]) == ["bvh_cmu"]


def test_pelvis_and_neck_of_other_rigs_are_looked_for_on_their_spine(tmp_path):
    # Hips on the hip line and a neck above the shoulders, as Xsens has them.
    offsets = {"hip": (9, 0, 0), "back_a": (0, 21, 0), "neck": (0, 24, 0), "head": (0, 10, 0)}
    figure = with_offsets(offsets)
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), Motion.of(), figure)
    xyz = prepared(tmp_path / "in").clip(0).xyz
    at = {joint: xyz[:, number] for number, joint in enumerate(JOINTS)}
    hips = (at["l_hip"] + at["r_hip"]) / 2
    way = (at["l_shoulder"] + at["r_shoulder"]) / 2 - hips
    assert np.abs(at["pelvis"] - (hips + 0.20 * way)).max() < 2e-3
    assert np.abs(at["neck"] - (hips + 0.87 * way)).max() < 2e-3
    assert np.abs(at["spine2"] - (hips + (0.20 + 0.4 * 0.67) * way)).max() < 2e-3


def test_a_root_on_the_floor_is_no_pelvis(tmp_path):
    motion = Motion.of()
    motion.angles[:, 0] = 0
    motion.root[:, 1] -= 95
    figure = with_offsets({"back_a": (0, 106, 0), "hip": (9, 85, 0)})
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), motion, figure)
    xyz = prepared(tmp_path / "in").clip(0).xyz
    hips = (xyz[:, JOINTS.index("l_hip")] + xyz[:, JOINTS.index("r_hip")]) / 2
    assert np.allclose(xyz[:, JOINTS.index("pelvis")] - hips, (0, 0, 0.10), atol=2e-3)


def test_ends_are_believed_only_at_a_human_length(tmp_path):
    # Fingertips, a stub for a head, a toe without length.
    figure = with_offsets({"hand": (18, 0, 0), "head_top": (0, 3, 4), "toe": (0, 0, 0)})
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), Motion.of(), figure)
    clip = prepared(tmp_path / "in").clip(0)
    valid = dict(zip(JOINTS, clip.valid, strict=True))
    at = {joint: clip.xyz[:, number] for number, joint in enumerate(JOINTS)}
    assert {joint for joint in JOINTS if not valid[joint]} == {"head_top", "l_toe", "r_toe"}
    hand = np.linalg.norm(at["l_hand"] - at["l_wrist"], axis=1)
    assert np.allclose(hand, 0.47 * 0.18, atol=2e-3)
    places = to_world(Motion.of().places(figure))
    stub = (places["head_top"] - places["head"])[::2]  # 5 cm
    assert np.allclose(at["head_top"] - at["head"], stub / 0.05 * 0.39 * 0.50, atol=2e-3)
    toe = np.linalg.norm(at["r_toe"] - at["r_foot"], axis=1)
    assert np.allclose(toe, 0.5 * np.hypot(6, 11) / 100, atol=2e-3)


def test_a_rig_without_neck_and_head_is_filled_up(tmp_path):
    names = {
        part: name for part, name in MIXAMO.items() if part not in ("neck", "head", "head_top")
    }
    write_bvh(tmp_path / "in" / "a_1.bvh", named(names), Motion.of())
    clip = prepared(tmp_path / "in").clip(0)
    filled = {"pelvis", "neck", "head", "head_top", "l_clavicle", "r_clavicle"}
    filled |= {"spine", "spine2", "spine3", "spine4"}
    assert {joint for joint, v in zip(JOINTS, clip.valid, strict=True) if not v} == filled
    truth = {part: p[::2] for part, p in whole_truth(to_world(Motion.of().places())).items()}
    assert max(misses(clip, truth).values()) < 0.15


@pytest.mark.parametrize("rig", RIGS)
def test_every_rigs_names_are_found(tmp_path, rig):
    table = RIGS[rig]
    names = {part: spelt.split()[0] for part, spelt in table.joints.items()}
    names |= {"hips": "Root", "back_a": "BackA", "back_b": "BackB", "collar": "{}Clav"}
    words = [word.split()[0] for word in table.sides]
    motion = Motion.of()
    write_bvh(tmp_path / "in" / "a_1.bvh", named(names, *words), motion)
    if rig not in ("cmu", "neuron"):  # without their marks, these are taken for mixamo
        with np.load(prepared(tmp_path / "in").path) as data:
            assert list(data["source"]) == [f"bvh_{rig}"]
    clip = prepared(tmp_path / "in", rig=rig).clip(0)
    truth = {part: p[::2] for part, p in to_world(motion.places()).items()}
    far = misses(clip, truth)
    assert max(far[JOINTS[joint]] for joint in COMMON12) < 1e-3
    assert far["head"] < 1e-3
    assert far["l_foot"] < 1e-3
    assert far["r_toe"] < 1e-3
    if not table.cmu:  # there fingers, which this figure hasn't, would come between
        assert far["l_hand"] < 1e-3
    assert clip.valid[list(COMMON12)].all()


@pytest.mark.parametrize(
    "spell",
    [
        lambda name: name,
        lambda name: "mixamorig_" + name,
        lambda name: "mixamorig7:" + name,
        lambda name: "Character1_" + name,
        lambda name: name.upper(),
    ],
)
def test_prefixes_and_capitals_do_not_matter(tmp_path, spell):
    names = {p: spell(n[:-1]) + ">" if n[-1] == ">" else spell(n) for p, n in HUMAN_IK.items()}
    names["hips"] = "Armature"
    write_bvh(tmp_path / "in" / "a.bvh", named(names), Motion.of(5))
    assert prepared(tmp_path / "in").clip(0).valid.all()


def test_names_with_blanks(tmp_path):
    names = {part: name.split()[0] for part, name in RIGS["biped"].joints.items()}
    names |= {"hips": "Pelvis", "back_a": "Spine", "back_b": "Spine1", "collar": "{}Clavicle"}
    names = {part: "Bip01 " + name.replace("{}", "{} ") for part, name in names.items()}
    write_bvh(tmp_path / "in" / "a.bvh", named(names, "L", "R"), Motion.of(5))
    assert prepared(tmp_path / "in").clip(0).valid.all()


def test_left_stays_left_and_the_floor_is_at_zero(tmp_path):
    motion = Motion.of()
    motion.angles[:] = 0
    motion.root[:] = (0, 500, 0)
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), motion)
    xyz = prepared(tmp_path / "in").clip(0).xyz[0]
    at = dict(zip(JOINTS, xyz, strict=True))
    left = at["l_hip"] - at["r_hip"]
    assert np.allclose(left, (0.18, 0, 0), atol=1e-3)
    forward = np.cross(left, at["neck"] - at["pelvis"])
    assert np.allclose(forward / np.linalg.norm(forward), (0, -1, 0), atol=1e-2)
    assert np.allclose(at["l_foot"] - at["l_ankle"], (0, -0.11, -0.06), atol=2e-3)
    assert at["l_toe"][2] == pytest.approx(0, abs=1e-3)
    assert at["pelvis"][2] == pytest.approx(1.01, abs=1e-3)


def test_a_file_with_z_up_in_metres(tmp_path):
    motion = Motion.of()
    flat = Motion(motion.angles[..., [0, 2, 1]] * [1, 1, -1], motion.root[:, [0, 2, 1]], "YXZ")
    flat.root[:, 1] *= -1
    figure = [(part, parent, (x, -z, y)) for part, parent, (x, y, z) in FIGURE]
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), flat, figure, 0.01)
    clip = prepared(tmp_path / "in").clip(0)
    stood = {part: p[::2] / 100 for part, p in flat.places(figure).items()}
    assert max(misses(clip, whole_truth(stood)).values()) < 1e-3


def test_a_mirrored_figure_is_refused(tmp_path, capsys):
    figure = [(part, parent, (-x, y, z)) for part, parent, (x, y, z) in FIGURE]
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), Motion.of(), figure)
    with pytest.raises(JumpsError, match=r"a_1\.bvh: the name must end in \.npz"):
        prepare(tmp_path / "in", tmp_path / "in" / "a_1.bvh")
    assert (tmp_path / "in" / "a_1.bvh").read_bytes().startswith(b"HIERARCHY")
    with pytest.raises(JumpsError, match="none of its BVH files"):
        prepared(tmp_path / "in")
    assert "feet point backwards" in capsys.readouterr().err


def test_lying_takes_stay_lying(tmp_path, capsys):
    for name, lies in (("a_1", False), ("a_2", False), ("a_3", True)):
        motion = Motion.of()
        motion.angles[:, 0] = (90, 0, 0) if lies else (0, 0, 0)
        write_bvh(tmp_path / "in" / f"{name}.bvh", named(MIXAMO), motion)
    clips = list(prepared(tmp_path / "in"))
    rise = [
        clip.xyz[0, JOINTS.index("neck")] - clip.xyz[0, JOINTS.index("pelvis")] for clip in clips
    ]
    assert np.allclose(rise[0], (0, 0, 0.335), atol=1e-3)
    assert np.allclose(rise[2], (0, -0.335, 0), atol=1e-3)
    assert "a_3: stands along z, most takes along y" in capsys.readouterr().err
    (tmp_path / "in" / "a_1.bvh").unlink()
    (tmp_path / "in" / "a_2.bvh").unlink()
    motion = Motion.of()
    motion.angles[:, 0] = (0, 0, 90)
    write_bvh(tmp_path / "in" / "a_3.bvh", named(MIXAMO), motion)
    with pytest.raises(JumpsError, match="give --up y or --up z"):
        prepared(tmp_path / "in")
    assert len(prepared(tmp_path / "in", up="y")) == 1


def test_a_t_pose_before_the_take_is_left_out(tmp_path):
    motion = Motion.of(41)
    motion.angles[0] = 0
    motion.angles[0, [n for n, (part, _, _) in enumerate(FIGURE) if "shoulder" in part], 2] = 80
    path = write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), motion)
    clip = prepared(tmp_path / "in").clip(0)
    assert len(clip.xyz) == 20
    text = path.read_text().replace("Frame Time: 0.0083333", "Frame Time: 0.5")
    path.write_text(text)  # the same at two frames a second is no jump
    assert len(prepared(tmp_path / "in").clip(0).xyz) == 41


def test_rates(tmp_path):
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), Motion.of(80), fps=120)
    write_bvh(tmp_path / "in" / "a_2.bvh", named(MIXAMO), Motion.of(16), fps=30)
    archive = prepared(tmp_path / "in")
    assert archive.fps == 60
    assert [len(clip.xyz) for clip in archive] == [40, 31]
    own = archive.clip(1).xyz
    assert np.allclose(own[1], (own[0] + own[2]) / 2, atol=1e-3)
    archive = prepared(tmp_path / "in", fps=30)
    assert [len(clip.xyz) for clip in archive] == [20, 16]
    assert prepared(tmp_path / "in", fps=12.5).fps == 12.5
    (tmp_path / "in" / "a_1.bvh").unlink()
    assert prepared(tmp_path / "in").fps == 30


def test_subjects_and_clip_ids(tmp_path):
    for place in ("ann/day1/run.bvh", "ann/run.BVH", "ann/run.bvh", "bob_jump_2.bvh", "eve.bvh"):
        write_bvh(tmp_path / "in" / place, named(MIXAMO), Motion.of(3))
    (tmp_path / "in" / "ann" / "._run.bvh").write_bytes(b"\0\5\x16\7")
    (tmp_path / "in" / "notes.txt").write_text("no mocap")
    archive = prepared(tmp_path / "in")
    assert archive.clip_ids == ["ann/day1/run", "ann/run", "ann/run.bvh", "bob_jump_2", "eve"]
    assert archive.subjects == ["ann", "ann", "ann", "bob", "eve"]


def test_unusable_files_are_named_and_left_out(tmp_path, capsys):
    folder = tmp_path / "in"
    write_bvh(folder / "a_1.bvh", named(MIXAMO), Motion.of(3))
    names = named(MIXAMO)
    names["l_elbow"] = "tentacle"
    write_bvh(folder / "b_1.bvh", names, Motion.of(3))
    (folder / "c_1.bvh").write_text("HIERARCHY\nROOT a\n")
    names = named(MIXAMO)
    names["back_b"] = "mixamorig:LeftLeg"
    write_bvh(folder / "d_1.bvh", names, Motion.of(3))
    write_bvh(folder / "e_1.bvh", named(MIXAMO), Motion.of(3), scale=0)
    assert prepared(folder).clip_ids == ["a_1"]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    assert "b_1.bvh: no rig fits; the closest, mixamo, lacks l_elbow (LeftForeArm)" in errors[0]
    assert "c_1.bvh, line 2:" in errors[1]
    assert "two joints are called LeftLeg" in errors[2]
    assert "e_1.bvh: hips, knees and shoulders lie on one spot" in errors[3]
    before = (tmp_path / "out.npz").read_bytes()
    (folder / "a_1.bvh").unlink()
    with pytest.raises(JumpsError, match="none of its BVH files can be used"):
        prepared(folder)
    assert (tmp_path / "out.npz").read_bytes() == before


def test_wrong_arguments(tmp_path, capsys):
    write_bvh(tmp_path / "in" / "a_1.bvh", named(MIXAMO), Motion.of(3))
    for options, complaint in (
        ({"rig": "octopus"}, "--rig octopus: is none of auto, cmu"),
        ({"up": "x"}, "--up x"),
        ({"scale": float("nan")}, "--scale nan"),
        ({"scale": -1.0}, "--scale -1"),
        ({"fps": 0.0}, "--fps 0"),
    ):
        with pytest.raises(JumpsError, match=complaint):
            prepare(tmp_path / "in", tmp_path / "out.npz", **options)
    with pytest.raises(JumpsError, match="is no folder"):
        prepare(tmp_path / "nowhere", tmp_path / "out.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(JumpsError, match=r"holds no \.bvh"):
        prepare(tmp_path / "empty", tmp_path / "out.npz")
    with pytest.raises(JumpsError, match="its folder doesn't exist"):
        prepare(tmp_path / "in", tmp_path / "no" / "out.npz")
    with pytest.raises(JumpsError, match="none of its BVH files"):
        prepare(tmp_path / "in", tmp_path / "out.npz", scale=100.0)
    assert "m from the pelvis at 100 m per unit" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_figures_of_any_unit_are_given_a_human_height(tmp_path):
    heights = []
    for number, unit in enumerate((0.01, 1, 10, 0.3937, 0.1)):
        path = tmp_path / f"{number}" / "a_1.bvh"
        write_bvh(path, named(MIXAMO), Motion.of(3), scale=unit)
        xyz = prepared(path.parent).clip(0).xyz
        heights.append(
            np.linalg.norm(xyz[0, JOINTS.index("l_knee")] - xyz[0, JOINTS.index("l_hip")])
        )
    assert heights == pytest.approx([0.42] * 5, abs=2e-3)
    path = tmp_path / "giant" / "a_1.bvh"
    write_bvh(path, named(MIXAMO), Motion.of(3), scale=0.03)
    xyz = prepared(path.parent).clip(0).xyz  # no usual unit makes this one human
    knee = np.linalg.norm(xyz[0, JOINTS.index("l_knee")] - xyz[0, JOINTS.index("l_hip")])
    assert knee == pytest.approx(0.42 * 1.7 / (1.27 * 1.34), abs=2e-3)


def test_single_frames_and_an_evaluation(tmp_path):
    write_bvh(tmp_path / "in" / "a_1.bvh", named(LAFAN), Motion.of(60))
    write_bvh(tmp_path / "in" / "b_1.bvh", named(MIXAMO), Motion.of(1))
    archive = prepared(tmp_path / "in")
    assert [len(clip.xyz) for clip in archive] == [30, 1]
    result = evaluate(archive, load_engine("ridge"), Protocol(cameras=1))
    assert set(result["subjects"]) == {"a", "b"}
    assert result["given"]["mean_error"] < 1e-3
    assert 0 < result["missing"]["mean_error"] < 1
