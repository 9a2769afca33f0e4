"""``jumps-train prepare FOLDER -o OUT.npz``: a folder of BVH files into a 28-joint archive.

Rigs name and place their joints as they like. The archive's skeleton is that of the CMU database,
so what a rig lacks or has elsewhere is derived from its own joints where that can be done, and
otherwise filled with a plausible estimate and marked not valid.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jumps_blender.errors import JumpsError
from jumps_blender.files import writable_file, written_whole
from jumps_blender.skeletons import COMMON12, JOINTS, PARENTS, joint_index

from .bvh import Bvh, read_bvh, z_up


@dataclass(frozen=True)
class Rig:
    """Where a family of rigs has the joints that the archive wants.

    sides: what stands for {}in a name on the left and on the right, in its spellings
    joints: for each part, the names that it may have, best first; a name with > is the end site of
        that joint. Capitals, spaces, punctuation and whatever all names begin with don't count.
    marks: names that tell this family from its relatives
    cmu: pelvis, neck and the head's end are where the CMU database has them
    """

    sides: tuple[str, str]
    joints: dict[str, str]
    marks: str = ""
    cmu: bool = False


_HUMAN_IK = {
    "neck": "Neck",
    "head": "Head",
    "head_top": "HeadTop_End HeadEnd Head>",
    "shoulder": "{}Arm",
    "elbow": "{}ForeArm",
    "wrist": "{}Hand",
    "hand": "{}HandMiddle1 {}HandIndex1 {}InHandMiddle {}Hand>",
    "hip": "{}UpLeg",
    "knee": "{}Leg",
    "ankle": "{}Foot",
    "foot": "{}ToeBase {}Foot>",
    "toe": "{}Toe_End {}ToeBase>",
}

RIGS: dict[str, Rig] = {
    # cgspeed's "MotionBuilder-friendly" conversion and those made from it.
    "cmu": Rig(
        ("Left", "Right"),
        _HUMAN_IK | {"head_top": "Head>", "hand": "{}HandIndex1>"},
        marks="LHipJoint RHipJoint LowerBack",
        cmu=True,
    ),
    # The same database with the names of its own ASF files: a joint is where its bone begins.
    "asf": Rig(
        ("l", "r"),
        {
            "neck": "lowerneck",
            "head": "head",
            "head_top": "head>",
            "shoulder": "{}humerus",
            "elbow": "{}radius",
            "wrist": "{}hand",
            "hand": "{}fingers>",
            "hip": "{}femur",
            "knee": "{}tibia",
            "ankle": "{}foot",
            "foot": "{}toes",
            "toe": "{}toes>",
        },
        cmu=True,
    ),
    "mixamo": Rig(("Left", "Right"), _HUMAN_IK),
    # Perception Neuron, and what MotionBuilder's characters are called elsewhere.
    "neuron": Rig(("Left", "Right"), _HUMAN_IK, marks="Spine3 LeftInHandMiddle"),
    # Ubisoft's LAFAN1 and data sets that followed it.
    "lafan": Rig(("Left", "Right"), _HUMAN_IK | {"foot": "{}Toe", "toe": "{}ToeEnd {}Toe>"}),
    "rokoko": Rig(
        ("Left", "Right"),
        _HUMAN_IK
        | {
            "head_top": "HeadTip HeadEnd Head>",
            "hand": "{}Finger3Metacarpal {}Finger3Proximal {}Hand>",
            "hip": "{}Thigh",
            "knee": "{}Shin",
            "foot": "{}Toe",
            "toe": "{}ToeTip {}Toe>",
        },
    ),
    # Xsens MVN and, with the same names, the old Biovision files.
    "xsens": Rig(
        ("Left", "Right"),
        {
            "neck": "Neck",
            "head": "Head",
            "head_top": "Head>",
            "shoulder": "{}Shoulder {}UpArm",
            "elbow": "{}Elbow {}LowArm",
            "wrist": "{}Wrist {}Hand",
            "hand": "{}Wrist> {}Hand>",
            "hip": "{}Hip {}UpLeg",
            "knee": "{}Knee {}LowLeg",
            "ankle": "{}Ankle {}Foot",
            "foot": "{}Toe {}Foot>",
            "toe": "{}Toe>",
        },
    ),
    # 3ds Max Biped; names begin with Bip01 or the like. Finger2 is the middle one.
    "biped": Rig(
        ("L", "R"),
        {
            "neck": "Neck",
            "head": "Head",
            "head_top": "HeadNub Head>",
            "shoulder": "{}UpperArm",
            "elbow": "{}Forearm",
            "wrist": "{}Hand",
            "hand": "{}Finger2 {}Finger1 {}Hand>",
            "hip": "{}Thigh",
            "knee": "{}Calf",
            "ankle": "{}Foot",
            "foot": "{}Toe0",
            "toe": "{}Toe0Nub {}Toe0>",
        },
    ),
    "smpl": Rig(
        ("left l", "right r"),
        {
            "neck": "neck",
            "head": "head",
            "head_top": "head>",
            "shoulder": "{}_shoulder",
            "elbow": "{}_elbow",
            "wrist": "{}_wrist",
            "hand": "{}_middle1 {}_hand {}_palm",
            "hip": "{}_hip",
            "knee": "{}_knee",
            "ankle": "{}_ankle",
            "foot": "{}_foot {}_toe",
            "toe": "{}_foot> {}_toe>",
        },
        marks="pelvis",
    ),
    "unreal": Rig(
        ("l", "r"),
        {
            "neck": "neck_01",
            "head": "head",
            "head_top": "head>",
            "shoulder": "upperarm_{}",
            "elbow": "lowerarm_{}",
            "wrist": "hand_{}",
            "hand": "middle_01_{} index_01_{} hand_{}>",
            "hip": "thigh_{}",
            "knee": "calf_{}",
            "ankle": "foot_{}",
            "foot": "ball_{}",
            "toe": "ball_{}>",
        },
    ),
    # Bandai Namco's data sets; Unity's humanoid names.
    "bandai": Rig(
        ("L", "R"),
        {
            "neck": "Neck",
            "head": "Head",
            "head_top": "Head>",
            "shoulder": "UpperArm_{}",
            "elbow": "LowerArm_{}",
            "wrist": "Hand_{}",
            "hand": "Hand_{}>",
            "hip": "UpperLeg_{}",
            "knee": "LowerLeg_{}",
            "ankle": "Foot_{}",
            "foot": "Toes_{}",
            "toe": "Toes_{}>",
        },
    ),
    # Poser, Daz and Second Life; cgspeed's "Daz-friendly" conversion.
    "poser": Rig(
        ("l", "r"),
        {
            "neck": "neck",
            "head": "head",
            "head_top": "head>",
            "shoulder": "{}Shldr",
            "elbow": "{}ForeArm",
            "wrist": "{}Hand",
            "hand": "{}Mid1 {}Hand>",
            "hip": "{}Thigh",
            "knee": "{}Shin",
            "ankle": "{}Foot",
            "foot": "{}Toe {}Foot>",
            "toe": "{}Toe>",
        },
    ),
}

# The archive's own proportions, medians over its subjects; shares of the trunk, which is the
# distance from the middle of the hips to the middle of the shoulders.
_PELVIS_HEIGHT = 0.20  # 10 cm
_NECK_HEIGHT = 0.87  # 7 cm below the shoulders
_NECK_LENGTH = 0.38
_STATURE = 1.27  # of thigh, shin and trunk together
_CLAVICLE_SHARE = 0.27
_NEAR_HIPS = 0.35  # farther from them, a rig's root is on the floor or the like
# For what ends a limb: the least and the greatest length that is believed, and the usual one, as
# shares of the trunk (head), the forearm (hand), thigh and shin (foot) and the foot (toe).
_ENDS = {
    "head_top": (0.30, 0.60, 0.39),
    "hand": (0.12, 0.50, 0.24),
    "foot": (0.08, 0.26, 0.14),
    "toe": (0.20, 1.00, 0.50),
}
_FINGERTIPS, _KNUCKLES = 1.1, 0.47  # an end site may be a fingertip; the knuckles are half-way
_UNITS = (1.0, 0.1, 0.0254 / 0.45, 0.0254, 0.01, 0.001)  # m, dm, CMU's, inch, cm, mm
_STATURES = (1.3, 2.2)  # metres; a skeleton's unit is the one that makes its height so
_USUAL_STATURE = 1.7
_GREATEST_RATE = 60.0
_SAME_RATE = 0.005  # relative
_FARTHEST = 32.0  # metres from the pelvis; more doesn't fit the archive
_FARTHEST_PELVIS = 10_000.0  # metres from the origin
_GREATEST_SPEED = 25.0  # metres per second, against the pelvis; faster is a cut
_SIDED = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot", "toe")


@dataclass
class _Take:
    """One file: xyz float32 (F, 28, 3), metres, in the file's own axes; valid bool (28,)."""

    clip_id: str
    subject: str
    rig: str
    scale: float
    xyz: NDArray[np.float32]
    valid: NDArray[np.bool_]
    fps: float


@dataclass
class _Body:
    """What a rig gives: points (F, 3) of the parts by name, and the names of measured ones."""

    points: dict[str, NDArray] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)

    def put(self, name: str, points: NDArray, measured: bool) -> None:
        """Add a part."""
        self.points[name] = points
        if measured:
            self.measured.add(name)


def prepare(
    folder: Path,
    output: Path,
    rig: str = "auto",
    scale: float | None = None,
    up: str = "auto",
    fps: float | None = None,
) -> None:
    """Write all BVH files below ``folder`` as one archive that MocapArchive reads.

    rig: a key of RIGS, or auto
    scale: metres per unit; None guesses it from each skeleton's height
    up: the files' upward axis, y or z, or auto
    fps: of the archive; None takes every n-th frame so that no file is above 60

    A file that cannot be used is named on stderr and left out. Raises JumpsError when none can be
    used, for wrong arguments, and when the archive cannot be written.
    """
    if rig != "auto" and rig not in RIGS:
        raise JumpsError(f"--rig {rig}: is none of auto, {', '.join(RIGS)}.")
    if up not in ("auto", "y", "z"):
        raise JumpsError(f"--up {up}: is none of auto, y, z.")
    if scale is not None and not 1e-6 <= scale <= 1e3:
        raise JumpsError(f"--scale {scale}: must be metres per unit, such as 0.01.")
    if fps is not None and not 1 <= fps <= 1000:
        raise JumpsError(f"--fps {fps}: must be a rate between 1 and 1000.")
    if not writable_file(output).parent.is_dir():
        raise JumpsError(f"{output}: cannot be written (its folder doesn't exist).")
    if output.suffix.lower() != ".npz":
        raise JumpsError(f"{output}: the name must end in .npz.")
    takes = []
    for path, clip_id, subject in _files(folder):
        try:
            takes.append(_take(path, clip_id, subject, rig, scale, fps))
        except JumpsError as error:
            print(f"jumps-train: {error} Left out.", file=sys.stderr)
    if not takes:
        raise JumpsError(f"{folder}: none of its BVH files can be used; nothing was written.")
    axis = up if up != "auto" else _upward(takes)
    rate = fps or _common_rate(takes)
    for take in takes:
        take.xyz = _at_rate(_on_floor(z_up(take.xyz, axis)), take.fps, rate)
    _write(output, takes, rate)
    _report(output, takes, rate, axis)


def _files(folder: Path) -> list[tuple[Path, str, str]]:
    """Path, clip id and subject of each BVH file, in the order of their paths."""
    if not folder.is_dir():
        raise JumpsError(f"{folder}: is no folder; name the folder that holds the BVH files.")
    found: list[tuple[Path, str, str]] = []
    ids: set[str] = set()
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if path.suffix.lower() != ".bvh" or hidden or not path.is_file():
            continue
        clip_id = place.with_suffix("").as_posix()
        clip_id = place.as_posix() if clip_id in ids else clip_id
        ids.add(clip_id)
        subject = place.parts[0] if len(place.parts) > 1 else path.stem.split("_")[0]
        found.append((path, clip_id, subject or path.stem))
    if not found:
        raise JumpsError(f"{folder}: holds no .bvh files.")
    return found


def _take(
    path: Path, clip_id: str, subject: str, rig: str, scale: float | None, fps: float | None
) -> _Take:
    """Read a file as far as its own content goes; raises JumpsError where it cannot be used."""
    bvh = read_bvh(path)
    nodes = _Nodes(path, bvh)
    name = nodes.best_rig() if rig == "auto" else rig
    found = nodes.parts(RIGS[name])
    if missing := [JOINTS[joint] for joint in COMMON12 if not found[JOINTS[joint]]]:
        names = ", ".join(f"{joint} ({_called(RIGS[name], joint)})" for joint in missing)
        lacks = f"no rig fits; the closest, {name}," if rig == "auto" else f"as rig {name} it"
        raise JumpsError(f"{path}: {lacks} lacks {names}; give another --rig, or rename joints.")
    bvh = _with_dropped_bones(bvh, found)
    body, height = _body(path, bvh, found, RIGS[name])
    metres = scale if scale is not None else _unit_of(height)
    xyz = np.stack([body.points[joint] for joint in JOINTS], axis=1) * metres
    valid = np.array([joint in body.measured for joint in JOINTS])
    pelvis = xyz[:, joint_index("pelvis"), None]
    reach = np.linalg.norm(xyz - pelvis, axis=-1).max(axis=0)
    if reach.max() > _FARTHEST:
        raise JumpsError(
            f"{path}: {JOINTS[reach.argmax()]} is {reach.max():.0f} m from the pelvis at "
            f"{metres:g} m per unit; give another --scale."
        )
    if np.abs(pelvis).max() > _FARTHEST_PELVIS:
        raise JumpsError(f"{path}: the pelvis is over 10 km from the origin; give another --scale.")
    xyz = _without_rest_pose(xyz, valid, bvh.fps)
    every = _every(bvh.fps, fps)
    xyz = xyz[::every].astype(np.float32)
    return _Take(clip_id, subject, name, metres, xyz, valid, bvh.fps / every)


class _Nodes:
    """A file's nodes, by the names that rigs have for them."""

    def __init__(self, path: Path, bvh: Bvh) -> None:
        self._path = path
        plain = [_plain(name) for name in bvh.names]
        # The root may be called otherwise than the rest: Armature, then mixamorig_Hips.
        letters = [name for name in plain[1:] if name]
        prefix = os.path.commonprefix(letters)  # noqa: RUF071 (by letters is meant)
        keys = [name.removeprefix(prefix) or name for name in plain]
        self._twice = {key for key, count in Counter(keys).items() if count > 1}
        self._node = {key: node for node, key in enumerate(keys) if key}
        self._end: dict[int, int] = {}  # a joint's first end site
        for node, (name, parent) in enumerate(zip(bvh.names, bvh.parents, strict=True)):
            if not name:
                self._end.setdefault(parent, node)

    def best_rig(self) -> str:
        """The rig that finds the most joints, and its marks; the first of those alike."""

        def score(name: str) -> int:
            marks = RIGS[name].marks.split()
            found = sum(_plain(mark) in self._node for mark in marks)
            parts = self.parts(RIGS[name], check=False)
            return sum(map(bool, parts.values())) + 2 * found - len(marks)

        return max(RIGS, key=score)

    def parts(self, rig: Rig, check: bool = True) -> dict[str, list[int]]:
        """For each part, such as l_elbow or neck, the nodes that it may be, best first.

        Raises JumpsError where two joints of the file have a name that is wanted.
        """
        result = {}
        for part, names in rig.joints.items():
            sides = zip(("l_", "r_"), rig.sides, strict=True) if part in _SIDED else [("", "")]
            for side, word in sides:
                spelt = [name.replace("{}", w) for name in names.split() for w in word.split(" ")]
                nodes = (self._find(name, check) for name in spelt)
                result[side + part] = [node for node in nodes if node is not None]
        return result

    def _find(self, name: str, check: bool) -> int | None:
        key = _plain(name)
        node = self._node.get(key)
        if node is not None and key in self._twice and check:
            raise JumpsError(f"{self._path}: two joints are called {name}; rename one.")
        if node is not None and name.endswith(">"):
            return self._end.get(node)
        return node


def _called(rig: Rig, joint: str) -> str:
    """What a rig calls l_elbow and the like."""
    side, part = joint.split("_", 1)
    return rig.joints[part].split()[0].replace("{}", rig.sides["lr".index(side)].split()[0])


def _plain(name: str) -> str:
    """A name without its namespace, capitals and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower())


def _with_dropped_bones(bvh: Bvh, found: dict[str, list[int]]) -> Bvh:
    """Put back the two bones that the usual conversions of the CMU database leave out.

    Such files begin neck and collars where the chest's bone begins, and the hand where the second
    half of the forearm does. In the ASF skeletons the chest is as long as the bone below it, and
    the forearm's second half is half as long as its first and in line with it.
    """
    if not found["neck"]:
        return bvh
    neck = found["neck"][0]
    chest = bvh.parents[neck]
    wrists = [found[f"{side}_wrist"][0] for side in "lr"]
    girdle = {neck, *(bvh.parents[found[f"{side}_shoulder"][0]] for side in "lr")}
    palms = {node for node, name in enumerate(bvh.names) if name and bvh.parents[node] in wrists}
    begun = [node for node in girdle | palms if node >= 0 and not bvh.offsets[node].any()]
    dropped = (
        len(girdle) == 3
        and girdle <= set(begun)
        and all(bvh.parents[node] == chest for node in girdle)
        and {bvh.parents[node] for node in palms & set(begun)} == set(wrists)
    )
    # Where a channel places a joint, its offset says nothing.
    channels = [name for node in (*begun, *wrists) for name in bvh.channels[node]]
    if not dropped or any(name.endswith("position") for name in channels):
        return bvh
    offsets = bvh.offsets.copy()
    offsets[list(girdle)] = bvh.offsets[chest]
    offsets[wrists] *= 1.5
    return replace(bvh, offsets=offsets)


def _body(path: Path, bvh: Bvh, found: dict[str, list[int]], rig: Rig) -> tuple[_Body, float]:
    """The 28 joints, in the file's units and axes, and about how tall the person is in them."""
    xyz = bvh.positions().astype(np.float64)
    body = _Body()
    for joint in COMMON12:
        body.put(JOINTS[joint], xyz[:, found[JOINTS[joint]][0]], True)
    at = body.points
    hips = (at["l_hip"] + at["r_hip"]) / 2
    shoulders = (at["l_shoulder"] + at["r_shoulder"]) / 2
    trunk = _length(shoulders - hips)
    left = at["l_hip"] - at["r_hip"]
    leg = _length(at["l_knee"] - at["l_hip"]) + _length(at["l_ankle"] - at["l_knee"])
    if min(trunk, leg, _length(left)) <= 0:
        raise JumpsError(f"{path}: hips, knees and shoulders lie on one spot; there is no figure.")

    _put_trunk(body, bvh, xyz, found, rig, (hips, shoulders))
    head_end = at["head"] + (at["head"] - at["neck"])
    reach = 2.0 if rig.cmu else 1.0  # there the bone ends in the middle of the head
    ends = [at["head"] + reach * (xyz[:, node] - at["head"]) for node in found["head_top"]]
    top, known = _end("head_top", at["head"], ends, trunk, head_end)
    body.put("head_top", top, known and "head" in body.measured)
    ahead = []
    for side in ("l_", "r_"):
        _put_hand(body, side, [xyz[:, node] for node in found[side + "hand"]])
        ends = [[xyz[:, node] for node in found[side + part]] for part in ("foot", "toe")]
        # Feet point forward of their shins, whatever the rest of the body does.
        forward = np.cross(left, at[side + "knee"] - at[side + "ankle"])
        _put_foot(body, side, ends[0], ends[1], leg, forward)
        ahead.append(np.median(_dot(at[side + "foot"] - at[side + "ankle"], forward)))
    if {"l_foot", "r_foot"} <= body.measured and max(ahead) < 0:
        raise JumpsError(
            f"{path}: its feet point backwards, so left and right are exchanged or an axis is "
            "mirrored; mend it where it was exported."
        )
    return body, _STATURE * (leg + trunk)


def _put_hand(body: _Body, side: str, ends: list[NDArray]) -> None:
    """The knuckles of one side, l_ or r_; ends: what the rig has for them, best first."""
    wrist = body.points[side + "wrist"]
    forearm = wrist - body.points[side + "elbow"]
    body.put(side + "hand", *_end("hand", wrist, ends, _length(forearm), wrist + forearm))


def _put_foot(
    body: _Body,
    side: str,
    balls: list[NDArray],
    tips: list[NDArray],
    leg: float,
    forward: NDArray,
) -> None:
    """Ball and tip of one foot; balls, tips: what the rig has for them; forward (F, 3)."""
    ankle = body.points[side + "ankle"]
    shin = _unit(ankle - body.points[side + "knee"])
    ball, known = _end("foot", ankle, balls, leg, ankle + forward)
    body.put(side + "foot", ball, known)
    ahead = ball + 0.94 * _unit(_across(ball - ankle, shin)) - 0.34 * shin
    tip, tip_known = _end("toe", ball, tips, _length(ball - ankle), ahead)
    body.put(side + "toe", tip, known and tip_known)


def _put_trunk(
    body: _Body,
    bvh: Bvh,
    xyz: NDArray,
    found: dict[str, list[int]],
    rig: Rig,
    ends: tuple[NDArray, NDArray],
) -> None:
    """Pelvis, spine, neck, head and clavicles, on the rig's own line from the hips to the head.

    Rigs have their hips anywhere from the hip line to the waist, and their neck anywhere from below
    the shoulders to the nape. The archive's are looked for on that line, at the archive's heights
    between ``ends``, the middle of the hips and that of the shoulders, (F, 3) each.
    """
    hips, shoulders = ends
    up, trunk = _unit(shoulders - hips), _length(shoulders - hips)
    root, spine = _spine(bvh, found)
    line = [hips]
    if root is not None and (rig.cmu or _length(xyz[:, root] - hips) < _NEAR_HIPS * trunk):
        line.append(xyz[:, root])
    pelvis_at = len(line) - 1
    line += [xyz[:, node] for node in spine]
    line.append(xyz[:, found["neck"][0]] if found["neck"] else shoulders)
    neck_at = len(line) - 1
    line += [xyz[:, node] for node in found["head"][:1]]
    points = np.stack(line, axis=1)
    along = np.cumsum(np.linalg.norm(np.diff(points, axis=1), axis=-1), axis=1)
    share = np.median(along / np.maximum(along[:, -1:], 1e-12), axis=0)
    share = np.concatenate([[0.0], share])
    if rig.cmu and found["neck"]:
        low, high = share[pelvis_at], share[neck_at]
    else:
        height = np.median(_dot(points - hips[:, None], up[:, None]), axis=0) / trunk
        low, high = np.interp((_PELVIS_HEIGHT, _NECK_HEIGHT), np.maximum.accumulate(height), share)
    steps = low + (high - low) * np.arange(6) / 5
    placed = _on_line(points, steps)
    measured = bool(spine and found["neck"])
    names = ("pelvis", "spine", "spine2", "spine3", "spine4", "neck")
    for name, step in zip(names, np.moveaxis(placed, 1, 0), strict=True):
        body.put(name, step, measured)
    at = body.points
    if found["head"]:
        body.put("head", xyz[:, found["head"][0]], True)
    else:
        body.put("head", at["neck"] + _NECK_LENGTH * trunk * up, False)
    for side in ("l_", "r_"):
        way = at[side + "shoulder"] - at["neck"]
        body.put(side + "clavicle", at["neck"] + _CLAVICLE_SHARE * way, measured)


def _spine(bvh: Bvh, found: dict[str, list[int]]) -> tuple[int | None, list[int]]:
    """The joint from which spine and legs part, and the joints between it and the neck, upward."""
    legs = [_ancestors(bvh, found[f"{side}_hip"][0]) for side in "lr"]
    arms = [_ancestors(bvh, found[f"{side}_shoulder"][0]) for side in "lr"]
    if found["neck"]:
        chain = _ancestors(bvh, found["neck"][0])
    else:
        chain = [node for node in arms[0] if node in arms[1]]
    root = next((node for node in chain if node in legs[0] and node in legs[1]), None)
    spine = chain if root is None else chain[: chain.index(root)]
    return root, spine[::-1]


def _end(
    part: str, base: NDArray, ends: list[NDArray], unit: float, guess: NDArray
) -> tuple[NDArray, bool]:
    """Where a limb ends, (F, 3), and whether a joint of the rig says so.

    base: where its last bone begins; ends: what the rig has for its end, best first; unit: what
    _ENDS are shares of; guess: a point in the direction that is taken when the rig says nothing
    """
    least, most, usual = _ENDS[part]
    lengths = [_length(end - base) for end in ends]
    for end, length in zip(ends, lengths, strict=True):
        if least * unit <= length <= most * unit:
            return end, True
        if part == "hand" and most * unit < length <= _FINGERTIPS * unit:
            return base + _KNUCKLES * (end - base), True
    for end, length in zip(ends, lengths, strict=True):
        if length > 0.02 * unit:  # a stub still says which way the bone points
            guess = end
            break
    return base + usual * unit * _unit(guess - base), False


def _ancestors(bvh: Bvh, node: int) -> list[int]:
    """From a node's parent to the root."""
    result = []
    while (node := bvh.parents[node]) >= 0:
        result.append(node)
    return result


def _on_line(points: NDArray, shares: NDArray) -> NDArray:
    """(F, S, 3): where the S shares of the way along the line through points (F, K, 3) are."""
    lengths = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    along = np.concatenate([np.zeros((len(points), 1)), np.cumsum(lengths, axis=1)], axis=1)
    target = along[:, -1:] * shares
    # The piece that each share falls on: as many corners lie before it.
    piece = (along[:, None, 1:-1] <= target[..., None]).sum(axis=-1)
    start = np.take_along_axis(along, piece, axis=1)
    length = np.maximum(np.take_along_axis(lengths, piece, axis=1), 1e-12)
    rest = np.clip((target - start) / length, 0, 1)[..., None]
    low = np.take_along_axis(points, piece[..., None], axis=1)
    high = np.take_along_axis(points, piece[..., None] + 1, axis=1)
    return low + rest * (high - low)


def _unit_of(height: float) -> float:
    """Metres per unit of a skeleton that is ``height`` units tall."""
    for unit in _UNITS:
        if _STATURES[0] <= height * unit <= _STATURES[1]:
            return unit
    return _USUAL_STATURE / height


def _without_rest_pose(xyz: NDArray, valid: NDArray[np.bool_], fps: float) -> NDArray:
    """Drop a first frame that the second doesn't follow from: many exports begin with a T-pose."""
    if len(xyz) < 3:
        return xyz
    first = (xyz[:3] - xyz[:3, joint_index("pelvis"), None])[:, valid]
    speed = np.linalg.norm(np.diff(first, axis=0), axis=-1).max(axis=-1) * fps
    return xyz[1:] if speed[0] > _GREATEST_SPEED >= speed[1] else xyz


def _every(rate: float, target: float | None) -> int:
    """n, where every n-th frame is taken to come from one rate to another or near it."""
    if target is None:
        return max(int(np.ceil(rate / _GREATEST_RATE - 1e-6)), 1)
    every = max(round(rate / target), 1)
    return every if np.isclose(rate / every, target, rtol=_SAME_RATE) else 1


def _common_rate(takes: list[_Take]) -> float:
    """The rate that most of the time was recorded at."""
    seconds: dict[float, float] = {}
    for take in takes:
        seconds[take.fps] = seconds.get(take.fps, 0.0) + len(take.xyz) / take.fps
    return max(seconds, key=lambda rate: seconds[rate])


def _at_rate(xyz: NDArray[np.float32], fps: float, rate: float) -> NDArray[np.float32]:
    """The take (F, 28, 3) at another rate, between its frames in straight lines."""
    if np.isclose(fps, rate, rtol=_SAME_RATE):
        return xyz
    count = int((len(xyz) - 1) * rate / fps + 1e-6) + 1
    place = np.minimum(np.arange(count) * (fps / rate), len(xyz) - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, len(xyz) - 1)
    share = (place - low).astype(np.float32)[:, None, None]
    return xyz[low] * (1 - share) + xyz[high] * share


def _upward(takes: list[_Take]) -> str:
    """The upward axis, y or z: along it people stand, over all takes and most of the time.

    Raises JumpsError where that is neither.
    """
    joints = {name: joint_index(name) for name in ("l_ankle", "r_ankle", "neck")}
    means, seconds = [], []
    for take in takes:
        feet = (take.xyz[:, joints["l_ankle"]] + take.xyz[:, joints["r_ankle"]]) / 2
        means.append(_unit(take.xyz[:, joints["neck"]] - feet).mean(axis=0))
        seconds.append(len(take.xyz) / take.fps)
    mean = np.average(means, axis=0, weights=seconds)
    axis = int(np.abs(mean).argmax())
    if axis == 0 or mean[axis] < 0.3:
        raise JumpsError("which axis is up cannot be told from these takes; give --up y or --up z.")
    other = 3 - axis
    for take, own in zip(takes, means, strict=True):
        if own[other] > 0.8:
            print(
                f"jumps-train: {take.clip_id}: stands along {'xyz'[other]}, most takes along "
                f"{'xyz'[axis]}; prepare it apart if it isn't lying.",
                file=sys.stderr,
            )
    return "xyz"[axis]


def _on_floor(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lifted so that the 1st percentile of the height of feet and toes is 0; z is up."""
    soles = [joint_index(f"{side}_{part}") for side in "lr" for part in ("foot", "toe")]
    floor = np.percentile(xyz[:, soles, 2], 1).astype(np.float32)
    return xyz - np.array([0, 0, floor], np.float32)


def _write(output: Path, takes: list[_Take], rate: float) -> None:
    xyz = np.concatenate([take.xyz for take in takes])
    root = xyz[:, joint_index("pelvis")]
    whole = rate == round(rate)
    with written_whole(output) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            offsets=np.rint((xyz - root[:, None]) * 1000).astype(np.int16),
            root=root.astype(np.float32),
            clip_start=np.cumsum([0, *(len(take.xyz) for take in takes)], dtype=np.int64),
            clip_id=np.array([take.clip_id for take in takes]),
            subject=np.array([take.subject for take in takes]),
            source=np.array([f"bvh_{take.rig}" for take in takes]),
            valid=np.stack([take.valid for take in takes]),
            fps=np.int16(rate) if whole else np.float32(rate),
            joint_names=np.array(JOINTS),
            parents=np.array(PARENTS),
        )


def _report(output: Path, takes: list[_Take], rate: float, axis: str) -> None:
    frames = sum(len(take.xyz) for take in takes)
    print(
        f"{output}: clips {len(takes)}, subjects {len({take.subject for take in takes})}, "
        f"minutes {frames / rate / 60:.1f}, frames per second {rate:g}, upward axis {axis}"
    )
    for (rig, scale), count in Counter((t.rig, f"{t.scale:.4g}") for t in takes).items():
        print(f"  rig {rig}, {scale} m per unit: clips {count}")
    for missing, count in Counter(_not_valid(take) for take in takes).items():
        if missing:
            print(f"  not measured, filled with estimates: {missing}: clips {count}")


def _not_valid(take: _Take) -> str:
    return ", ".join(name for name, valid in zip(JOINTS, take.valid, strict=True) if not valid)


def _across(vectors: NDArray, axis: NDArray) -> NDArray:
    """Vectors (..., 3) without their part along unit vectors ``axis``."""
    return vectors - _dot(vectors, axis)[..., None] * axis


def _dot(a: NDArray, b: NDArray) -> NDArray:
    return (a * b).sum(axis=-1)


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _length(vectors: NDArray) -> float:
    """The usual length of vectors (F, 3)."""
    return float(np.median(np.linalg.norm(vectors, axis=-1)))
