"""Which way each bone faces, from the joints alone: directions, and the twist about them.

A joint says where a bone points, not how it is turned about itself. The body tells: hips and
shoulders lie across pelvis and chest, elbows and knees are hinges, feet stand across their shins.
Where a limb is straight its hinge is nowhere, and the bone keeps the twist that it has at rest
against the body, so that nothing turns over on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..signs import signs
from ..skeletons import joint_index
from .armature import child_of

_STRAIGHT = 0.35  # sine of the angle at a hinge above which it alone tells the twist
_BENT = np.deg2rad(20), np.deg2rad(35)  # from where on a knee is bent for sure
_SURE, _TIE = 3.0, 4.0  # how much that counts, and that a firm hinge doesn't turn over at once
_MEMORY = 1 / 6  # seconds; how long a straight limb remembers its hinge
_USUAL = 0.004  # how much the twist at rest counts beside a firm hinge for all that time
_RATE = 30.0  # frames per second whose evidence counts in full: more of them tell the same
_FRONT = np.array([0.0, 0.0, 1.0])  # in the axes of pelvis and chest: side, up and front
_SPINE = ("pelvis", "spine", "spine2", "spine3", "spine4", "neck")


def orientations(
    rest: NDArray[np.float64], points: NDArray[np.float64], fps: float = _RATE
) -> NDArray[np.float64]:
    """(F, 28, 3, 3): turns from the rest pose, of the bone that begins at each joint.

    rest: (28, 3), joints at rest; points: (F, 28, 3), joints in the same axes, fps in a second. A
    bone's direction at rest, turned, is its direction in the frame; the bones at the ends of the
    limbs go with their parents.
    """
    still = body_frames(rest[None], rest)[0]
    return np.asarray(body_frames(points, rest, fps) @ still.swapaxes(-1, -2))


def body_frames(points: NDArray, rest: NDArray, fps: float = _RATE) -> NDArray[np.float64]:
    """(F, 28, 3, 3): axes of each joint's bone as columns: side, along, and square to both.

    These are the body's own: two bodies in the same pose have the same, however their bones are
    rolled and whatever their rest poses are. points (F, 28, 3), rest (28, 3) and fps as
    for ``orientations``; the rest pose says how a straight limb is twisted.
    """
    along = {joint: _along(points, joint) for joint in range(28)}
    shoulders = _unit(points[:, joint_index("l_shoulder")] - points[:, joint_index("r_shoulder")])
    frames = np.empty((*points.shape[:2], 3, 3))
    for name, frame in _trunk(points).items():
        frames[:, joint_index(name)] = frame
    head = joint_index("head")
    frames[:, head] = _square(shoulders, along[head])
    frames[:, joint_index("head_top")] = frames[:, head]
    pelvis, chest = frames[:, joint_index("pelvis")], frames[:, joint_index("spine4")]
    still = [_trunk(rest[None])[name][0] for name in ("pelvis", "spine4")]
    for side_name in "lr":
        joints = {
            part: joint_index(f"{side_name}_{part}")
            for part in (
                *("clavicle", "shoulder", "elbow", "wrist", "hand"),
                *("hip", "knee", "ankle", "foot", "toe"),
            )
        }
        clavicle = joints["clavicle"]
        frames[:, clavicle] = _square(chest[..., 1], along[clavicle])
        for body, body_at_rest, top, low, bends, one_way in (
            (chest, still[1], joints["shoulder"], joints["elbow"], _FRONT, False),
            (pelvis, still[0], joints["hip"], joints["knee"], -_FRONT, True),
        ):
            at_rest = body_at_rest.T @ _along(rest[None], top)[0]
            hinge = _hinge(along[top], along[low], body, at_rest, bends, one_way, fps)
            frames[:, top], frames[:, low] = _square(hinge, along[top]), _square(hinge, along[low])
        # The hand bends hardly at the wrist: it keeps the forearm's side.
        side = frames[:, joints["elbow"], :, 0]
        frames[:, joints["wrist"]] = _square(side, along[joints["wrist"]])
        frames[:, joints["hand"]] = frames[:, joints["wrist"]]
        shin, foot = along[joints["knee"]], along[joints["ankle"]]
        across = np.cross(foot, shin)
        firm = _firmness(np.linalg.norm(across, axis=-1, keepdims=True))
        knee_side = frames[:, joints["knee"], :, 0]
        across = across * _steady(across, (across * knee_side).sum(axis=-1), fps)
        side = firm * _unit(across) + (1 - firm) * knee_side
        for part in ("ankle", "foot"):
            frames[:, joints[part]] = _square(side, along[joints[part]])
        frames[:, joints["toe"]] = frames[:, joints["foot"]]
    return frames


def _trunk(points: NDArray) -> dict[str, NDArray[np.float64]]:
    """The spine's frames (F, 3, 3): hips below, shoulders above, and between them a mixture."""
    hips = _unit(points[:, joint_index("l_hip")] - points[:, joint_index("r_hip")])
    shoulders = _unit(points[:, joint_index("l_shoulder")] - points[:, joint_index("r_shoulder")])
    result = {}
    for step, name in enumerate(_SPINE):
        share = step / (len(_SPINE) - 1)
        side = (1 - share) * hips + share * shoulders
        result[name] = _square(side, _along(points, joint_index(name)))
    return result


def trunk_frames(
    points: NDArray, vertices: NDArray, spans: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """(F, S, 3, 3): axes as of ``body_frames``, of S parts of a trunk, from the hips up.

    points: (F, 28, 3), joints, of which hips and shoulders tell the sides; vertices: (F, V, 3),
    along the trunk; spans: for each part, between which vertices it points
    """
    hips = _unit(points[:, joint_index("l_hip")] - points[:, joint_index("r_hip")])
    shoulders = _unit(points[:, joint_index("l_shoulder")] - points[:, joint_index("r_shoulder")])
    frames = np.empty((len(points), len(spans), 3, 3))
    for step, (low, high) in enumerate(spans):
        share = step / len(spans)
        side = (1 - share) * hips + share * shoulders
        frames[:, step] = _square(side, _unit(vertices[:, high] - vertices[:, low]))
    return frames


def _along(points: NDArray, joint: int) -> NDArray[np.float64]:
    """(F, 3): where a joint's bone points; at the ends of limbs, where its parent does."""
    child = child_of(joint)
    if child is not None:
        return _unit(points[:, child] - points[:, joint])
    parent = next(other for other in range(28) if child_of(other) == joint)
    return _unit(points[:, joint] - points[:, parent])


def _hinge(
    upper: NDArray,
    lower: NDArray,
    body: NDArray,
    at_rest: NDArray,
    bends: NDArray,
    one_way: bool,
    fps: float,
) -> NDArray[np.float64]:
    """(F, 3): the axis about which a limb bends.

    upper, lower: (F, 3), directions of its bones; body: (F, 3, 3), the frame that it hangs on;
    at_rest: (3,), the upper bone's direction at rest in that frame's axes; bends: (3,), where to
    the lower one bends, in the same; one_way: the limb never turns so far that its hinge points the
    other way, so that a knee which seems to bend forward is only straight and seen badly
    """
    # As at rest: the body's own turn, then the shortest way to where the limb points.
    carried, across = body @ at_rest, body @ np.cross(at_rest, bends)
    usual = _turned(carried, upper, across)
    bent = np.cross(upper, lower)
    if one_way:
        # A knee that is bent is bent the right way, wherever the leg is.
        angle = np.arctan2(np.linalg.norm(bent, axis=-1), (upper * lower).sum(axis=-1))
        is_bent = np.clip((angle - _BENT[0]) / (_BENT[1] - _BENT[0]), 0, 1)
        bent = bent * _steady(bent, (bent * usual).sum(axis=-1) + _SURE * is_bent, fps)
    firm = _firmness(np.linalg.norm(bent, axis=-1, keepdims=True))
    remembered = _unit(_around(firm * _unit(bent), fps) + _USUAL * _unit(usual))
    return np.asarray(firm * _unit(bent) + (1 - firm) * remembered)


def _steady(vectors: NDArray, evidence: NDArray, fps: float) -> NDArray[np.float64]:
    """(F, 1): with which signs vectors (F, 3) turn over as little as may be, and point where
    evidence (F,) has them, which is positive for as they are."""
    size = np.linalg.norm(vectors, axis=-1)
    turn = (vectors[1:] * vectors[:-1]).sum(axis=-1) / np.maximum(size[1:] * size[:-1], 1e-12)
    ties = _TIE * turn * np.minimum(np.minimum(size[1:], size[:-1]) / _STRAIGHT, 1.0)
    return signs(evidence[:, None] * _RATE / fps, ties[:, None])


def _around(vectors: NDArray, fps: float) -> NDArray[np.float64]:
    """(F, 3): means over neighbouring frames, so that a limb that is straight for a moment keeps
    the hinge that it had and will have."""
    memory = _MEMORY * fps
    reach = int(np.ceil(3 * memory))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / memory) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(vectors, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, axis], kernel, "valid") for axis in range(3)], axis=-1)


def _firmness(sine: NDArray) -> NDArray[np.float64]:
    share = np.clip(sine / _STRAIGHT, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _square(side: NDArray, along: NDArray) -> NDArray[np.float64]:
    """(F, 3, 3): columns x near ``side``, y along, z square to both."""
    x = side - (side * along).sum(axis=-1, keepdims=True) * along
    # A side that lies along the bone says nothing: any will do.
    other = np.cross(along, np.where(np.abs(along[..., :1]) < 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]]))
    weak = np.linalg.norm(x, axis=-1, keepdims=True) < 1e-6
    x = _unit(np.where(weak, other, x))
    return np.stack([x, along, np.cross(x, along)], axis=-1)


def _turned(first: NDArray, second: NDArray, vector: NDArray) -> NDArray[np.float64]:
    """(F, 3): vectors turned the shortest way that takes unit vectors to others (Rodrigues)."""
    axis = np.cross(first, second)
    cos = np.maximum((first * second).sum(axis=-1, keepdims=True), -0.999)
    along = (axis * vector).sum(axis=-1, keepdims=True) / (1 + cos)
    return np.asarray(cos * vector + np.cross(axis, vector) + along * axis)


def _unit(vectors: NDArray) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
