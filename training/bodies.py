"""Other people's bodies for a motion: what makes skeletons different, exchanged between subjects.

A motion archive holds few skeletons, and each moves in its own way, so a network that sees them
as they are learns who somebody is from how she moves, and then guesses wrong for everybody new.
Here a clip's body is given, in part or in whole or a little beyond, what another clip's body has:
bone lengths, where pelvis and hips, and neck and shoulders, sit on each other, the spine's curve,
and how head, hands and feet are set on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from jumps_blender.skeletons import MIRROR, PARENTS, joint_index

_CLAVICLE_SHARE = 0.27  # a clavicle's joint lies there on the way from neck to shoulder
_LENGTH_NOISE = 0.03  # of the logarithm of a bone's length, left and right alike
_PLACE_NOISE = 0.006  # metres, of the hips' place on the pelvis and the shoulders' on the chest
_CURVE_NOISE = 0.005  # metres
_HEAD_NOISE = np.deg2rad(4.0)
_HAND_NOISE = 0.08  # of a hand's length, sideways
_FOOT_NOISE = np.deg2rad(3.0)
_LEAST_SHARE, _MOST_SHARE = 0.5, 1.2  # of the other's body; beyond 1 is extrapolation
_KEPT_SHARE = 0.15  # of the samples keep their body

_SIDES = tuple(
    tuple(joint_index(f"{side}_{part}") for side in "lr")
    for part in ("hip", "clavicle", "shoulder")
)
_HIPS, _CLAVICLES, _SHOULDERS = _SIDES
_ARMS = tuple(
    tuple(joint_index(f"{side}_{part}") for part in ("elbow", "wrist", "hand")) for side in "lr"
)
_FEET = tuple(
    tuple(joint_index(f"{side}_{part}") for part in ("ankle", "foot", "toe")) for side in "lr"
)
_SPINE = tuple(joint_index(name) for name in ("spine", "spine2", "spine3", "spine4"))
_NECK, _HEAD, _HEAD_TOP = (joint_index(name) for name in ("neck", "head", "head_top"))
_PELVIS, _LOW, _CHEST = (joint_index(name) for name in ("pelvis", "spine", "spine3"))
_PARENT = np.maximum(PARENTS, 0)


def _ancestor_matrix() -> NDArray[np.float32]:
    """(28, 28): row j sums the bones (child minus parent) from the pelvis to joint j."""
    matrix = np.zeros((28, 28), np.float32)
    for joint in range(28):
        step = joint
        while PARENTS[step] >= 0:
            matrix[joint, step] = 1
            step = PARENTS[step]
    return matrix


_ANCESTORS = _ancestor_matrix()


@dataclass(frozen=True)
class Proportions:
    """What makes C bodies different; metres, but for angles (radians) and the hands' shares.

    lengths: float32 (C, 28), from each joint's parent to the joint; 1 for the pelvis
    hips: float32 (C, 3), width, and how far their middle is up and forward of the pelvis
    shoulders: float32 (C, 3), width, and how far their middle is up and forward of the neck
    curve: float32 (C, 1), how far the middle of the spine is forward of its ends
    head: float32 (C, 2), pitch of neck to head against the chest, and of head to head top
    hands: float32 (C, 4), the hands' directions off the forearms': left hand's in the upper arm's
        direction and sideways, right hand's
    feet: float32 (C, 4), left foot's pitch against the shin, its toes' against the foot; right's
    """

    lengths: NDArray[np.float32]
    hips: NDArray[np.float32]
    shoulders: NDArray[np.float32]
    curve: NDArray[np.float32]
    head: NDArray[np.float32]
    hands: NDArray[np.float32]
    feet: NDArray[np.float32]

    def of(self, index: NDArray[np.integer]) -> Proportions:
        """The bodies with these numbers."""
        return Proportions(*(getattr(self, part.name)[index] for part in fields(self)))


def measure(clips: list[NDArray[np.float32]], subjects: list[str]) -> Proportions:
    """Proportions of the bodies in clips (F, 28, 3), metres, as medians over frames.

    Curve, head, hands and feet, which are also posture, are means over all clips of a subject.
    """
    rows = []
    for xyz in clips:
        some = xyz[:: max(len(xyz) // 50, 1)][None]
        pelvis, chest = _pelvis(some), _chest(some)
        across = [_off_forearm(some, arm, sign) for arm, sign in zip(_ARMS, (1, -1), strict=True)]
        values = (
            _norm(some - some[:, :, _PARENT]),
            pelvis.place(),
            chest.place(),
            _curve(some, chest)[..., None],
            _head_pitch(some, chest),
            np.concatenate([off for off, _, _ in across], axis=-1),
            np.concatenate([_foot_pitch(some, foot)[0] for foot in _FEET], axis=-1),
        )
        rows.append([np.median(value[0], axis=0) for value in values])
    lengths, *rest = (np.stack(column).astype(np.float32) for column in zip(*rows, strict=True))
    lengths = np.maximum(lengths, 1e-3)
    lengths[:, _PELVIS] = 1
    lengths = np.sqrt(lengths * lengths[:, list(MIRROR)])
    hips, shoulders, *habits = rest
    _, subject = np.unique(subjects, return_inverse=True)
    for values in habits:
        for one in range(subject.max() + 1):
            values[subject == one] = values[subject == one].mean(axis=0)
    return Proportions(lengths, hips, shoulders, *habits)


def exchanged(
    xyz: NDArray[np.float32],
    own: Proportions,
    other: Proportions,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Motions (B, T, 28, 3) of bodies ``own`` on bodies like ``other``, metres."""
    size = len(xyz)
    kept = (rng.random(size) < _KEPT_SHARE)[:, None]
    share = np.where(kept, 0, rng.uniform(_LEAST_SHARE, _MOST_SHARE, (size, 1)))
    share = share.astype(np.float32)

    def noise(columns: int, scale: float) -> NDArray[np.float32]:
        return rng.standard_normal((size, columns), np.float32) * np.float32(scale) * ~kept

    # Bodies are compared at the same size.
    alike = _size(own) / _size(other)
    lengths = noise(28, _LENGTH_NOISE)
    lengths = np.where(np.arange(28) > np.array(MIRROR), lengths[:, list(MIRROR)], lengths)
    lengths = lengths + share * np.log(other.lengths * alike / own.lengths)
    bones = (xyz - xyz[:, :, _PARENT]) * np.clip(np.exp(lengths), 0.5, 2.0)[:, None, :, None]

    pelvis, chest = _pelvis(xyz), _chest(xyz)
    left, right = pelvis.moved(own.hips, other.hips * alike, share, noise(2, _PLACE_NOISE))
    bones[:, :, _HIPS[0]], bones[:, :, _HIPS[1]] = left, right
    both = chest.moved(own.shoulders, other.shoulders * alike, share, noise(2, _PLACE_NOISE))
    for clavicle, shoulder, whole in zip(_CLAVICLES, _SHOULDERS, both, strict=True):
        bones[:, :, clavicle] = _CLAVICLE_SHARE * whole
        bones[:, :, shoulder] = (1 - _CLAVICLE_SHARE) * whole

    turned = share * (own.head - other.head) + noise(2, _HEAD_NOISE)
    for joint, angle in ((_HEAD, turned[:, 0]), (_HEAD_TOP, turned.sum(axis=1))):
        bones[:, :, joint] = _turned(bones[:, :, joint], chest.left, angle)
    off = share * (other.hands - own.hands) + noise(4, _HAND_NOISE)
    for number, (arm, sign) in enumerate(zip(_ARMS, (1, -1), strict=True)):
        _, outward, sideways = _off_forearm(xyz, arm, sign)
        hand = arm[-1]
        length = _norm(bones[:, :, hand])[..., None]
        direction = _unit(bones[:, :, hand])
        direction = direction + _each(off[:, 2 * number]) * outward
        direction = direction + _each(off[:, 2 * number + 1]) * sideways
        bones[:, :, hand] = length * _unit(direction)
    pitched = share * (other.feet - own.feet) + noise(4, _FOOT_NOISE)
    yaw = noise(2, _FOOT_NOISE)
    for number, leg in enumerate(_FEET):
        (_, axis), (ankle, foot, toe) = _foot_pitch(xyz, leg), leg
        shin, pitch = _unit(bones[:, :, ankle]), pitched[:, 2 * number]
        for joint, angle in ((foot, pitch), (toe, pitch + pitched[:, 2 * number + 1])):
            turned_foot = _turned(bones[:, :, joint], axis, angle)
            bones[:, :, joint] = _turned(turned_foot, shin, yaw[:, number])

    moved = xyz[:, :, _PELVIS : _PELVIS + 1] + _ANCESTORS @ bones
    curve = share[:, 0] * (other.curve * alike - own.curve)[:, 0] + noise(1, _CURVE_NOISE)[:, 0]
    for step, joint in enumerate(_SPINE, start=1):
        arch = 4 * (step / 5) * (1 - step / 5)
        moved[:, :, joint] += arch * _each(curve) * chest.forward
    return moved.astype(np.float32)


@dataclass(frozen=True)
class _Girdle:
    """Two joints on a bone of the trunk: (B, T, 3) each, from the bone's end that holds them.

    centre: the pair's middle; half: half the way from right to left; up, forward, left: the bone's
    unit vectors, left through the pair.
    """

    centre: NDArray
    half: NDArray
    up: NDArray
    forward: NDArray
    left: NDArray

    def place(self) -> NDArray:
        """(B, T, 3): width, and how far the pair's middle is up and forward."""
        along = (_dot(self.centre, axis) for axis in (self.up, self.forward))
        return np.stack([2 * _norm(self.half), *along], -1)

    def moved(
        self, own: NDArray, other: NDArray, share: NDArray, jitter: NDArray
    ) -> tuple[NDArray, NDArray]:
        """The left and the right joint, placed by a share of another's (B, 3)."""
        width = np.clip(other[:, 0] / own[:, 0], 0.5, 2.0) ** share[:, 0]
        step = share * (other[:, 1:] - own[:, 1:]) + jitter
        centre = self.centre + _each(step[:, 0]) * self.up + _each(step[:, 1]) * self.forward
        half = self.half * _each(width)
        return centre + half, centre - half


def _girdle(xyz: NDArray, pair: tuple[int, ...], root: int, axis: NDArray) -> _Girdle:
    left_joint, right_joint = (xyz[:, :, joint] - xyz[:, :, root] for joint in pair)
    half = (left_joint - right_joint) / 2
    left = _unit(half)
    up = _unit(axis - _dot(axis, left)[..., None] * left)
    return _Girdle((left_joint + right_joint) / 2, half, up, np.cross(left, up), left)


def _pelvis(xyz: NDArray) -> _Girdle:
    return _girdle(xyz, _HIPS, _PELVIS, xyz[:, :, _LOW] - xyz[:, :, _PELVIS])


def _chest(xyz: NDArray) -> _Girdle:
    return _girdle(xyz, _SHOULDERS, _NECK, xyz[:, :, _NECK] - xyz[:, :, _CHEST])


def _curve(xyz: NDArray, chest: _Girdle) -> NDArray:
    """(B, T): how far forward of the line from pelvis to neck the spine's middle would be."""
    # The curve's height is 4 s (1 - s) of the middle's at the share s of the way.
    total = np.zeros(xyz.shape[:2])
    for step, joint in enumerate(_SPINE, start=1):
        s = step / 5
        line = (1 - s) * xyz[:, :, _PELVIS] + s * xyz[:, :, _NECK]
        total += _dot(xyz[:, :, joint] - line, chest.forward) / (4 * s * (1 - s)) / len(_SPINE)
    return total


def _head_pitch(xyz: NDArray, chest: _Girdle) -> NDArray:
    """(B, T, 2): pitch backward of the neck against the chest, of the head against the neck."""
    angles = []
    for low, high in ((_NECK, _HEAD), (_HEAD, _HEAD_TOP)):
        bone = xyz[:, :, high] - xyz[:, :, low]
        angles.append(np.arctan2(-_dot(bone, chest.forward), _dot(bone, chest.up)))
    return np.stack([angles[0], _wrapped(angles[1] - angles[0])], -1)


def _off_forearm(xyz: NDArray, arm: tuple[int, ...], sign: int) -> tuple[NDArray, NDArray, NDArray]:
    """A hand's direction off the forearm's (B, T, 2), and the two axes (B, T, 3) it is told in.

    The axes lie in and across the elbow's plane, and vanish when the arm is straight: there
    that plane is nowhere.
    """
    elbow, wrist, hand = (xyz[:, :, joint] for joint in arm)
    forearm = _unit(wrist - elbow)
    upper = _unit(elbow - xyz[:, :, _PARENT[arm[0]]])
    outward = upper - _dot(upper, forearm)[..., None] * forearm
    bend = _norm(outward)[..., None]
    outward = outward / np.maximum(bend, 1e-6) * np.clip(bend / 0.15, 0, 1)
    sideways = sign * np.cross(forearm, outward)
    direction = _unit(hand - wrist)
    return np.stack([_dot(direction, outward), _dot(direction, sideways)], -1), outward, sideways


def _foot_pitch(xyz: NDArray, leg: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """Pitch of foot against shin and of toes against foot, (B, T, 2), and the axis (B, T, 3)."""
    shin, foot, toes = (_unit(xyz[:, :, joint] - xyz[:, :, _PARENT[joint]]) for joint in leg)
    axis = _unit(np.cross(shin, foot))
    angles = [
        np.arctan2(_dot(np.cross(a, b), axis), _dot(a, b)) for a, b in ((shin, foot), (foot, toes))
    ]
    return np.stack(angles, -1), axis


def _turned(vectors: NDArray, axis: NDArray, angle: NDArray) -> NDArray:
    """Vectors (B, T, 3) turned about unit axes (B, T, 3) by angles (B,), by Rodrigues' formula."""
    cos, sin = _each(np.cos(angle)), _each(np.sin(angle))
    along = _dot(axis, vectors)[..., None] * axis
    return cos * (vectors - along) + sin * np.cross(axis, vectors) + along


def _size(bodies: Proportions) -> NDArray[np.float32]:
    """(B, 1), all bones laid end to end; the pelvis has none."""
    return bodies.lengths.sum(axis=1, keepdims=True) - bodies.lengths[:, _PELVIS, None]


def _wrapped(angle: NDArray) -> NDArray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(_norm(vectors)[..., None], 1e-6)


def _norm(vectors: NDArray) -> NDArray:
    return np.linalg.norm(vectors, axis=-1)


def _dot(a: NDArray, b: NDArray) -> NDArray:
    return (a * b).sum(axis=-1)


def _each(values: NDArray) -> NDArray:
    return values[:, None, None]
