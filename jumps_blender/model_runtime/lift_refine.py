"""One skeleton for the whole clip: bones of constant length, joints on the rays they were seen on.

What the network finds frame by frame is a guess with errors; a body has one length for each bone,
and stands as tall as it is said to. For each frame the most likely joints are solved for, given the
network's bones, the rays and the lengths; these are then learned from the solution, in turns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..signs import signs
from ..skeletons import MIRROR, PARENTS, joint_index
from .proportions import SPREAD, USUAL, bone_lengths, stature

_PELVIS = joint_index("pelvis")
_ALLOWED = (0.1, 0.05, 0.02, 0.015)  # shares that a bone's length may be off, round by round
_STEPS = 3
_STRIDE = 0.2  # metres that a step of the solver may go
_ROBUST = 5.0  # times that, beyond which a length counts less and less: the joint is misplaced
_RAY = 0.0005  # radians that a joint of full trust may lie off its ray
_DOUBT = 0.6  # metres more that one of half trust may lie off
_ROOT = 0.05  # share that the pelvis' distance may be off in a frame by itself,
_ROOT_OVER_TIME = 0.01  # and after what the frames around tell
_ROOT_LASTS = 3.0  # seconds; for about so long it is off alike
_SURE = 30.0  # times better than not at all; so well a frame tells at most how far it is off
_ACROSS = 0.1  # radians; a bone this little off the picture plane tells its length best
_SPREAD = 0.03  # metres that the network's bones are off, at least
_TIE = 5.0  # per metre: how unlikely it is that a bone that leans so far swings over in one frame
_LEAP = 0.05  # metres more in depth than the network's bone, from one frame to the next
_SWING = 0.2  # seconds before and after, over which that is spread
_LOOKS = 3.0  # per second; frames close to each other err alike and tell little more than one


def _levels() -> list[NDArray[np.int_]]:
    """Joints by their number of ancestors, the pelvis' children first."""
    level, found = [_PELVIS], []
    while level:
        level = [joint for joint, parent in enumerate(PARENTS) if parent in level]
        if level:
            found.append(np.array(level))
    return found


_LEVELS = _levels()
_PARENT = np.where(np.array(PARENTS) < 0, np.arange(28), PARENTS)


def refined(
    positions: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
    rays: NDArray[np.float32],
    trust: NDArray[np.float32],
    height: float,
    step: float,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Joints (F, 28, 3), metres, camera axes, on a skeleton of constant bones; these (28,).

    positions, uncertainty (F, 28): the network's; rays (F, 28, 2): right and down for 1 forward;
    trust (F, 28) in [0, 1]: of the rays; height: metres; step: seconds per frame
    """
    guess = positions.astype(np.float64)

    def solve(
        likely: NDArray, start: NDArray, allowed: float, allowed_root: float
    ) -> tuple[NDArray, NDArray]:
        lengths = _lengths(start, uncertainty, height, step)
        lengths = lengths * (height / float(stature(lengths)))
        for _ in range(_STEPS):
            start = _solved(likely, start, uncertainty, rays, trust, lengths, allowed, allowed_root)
        return start, lengths

    solved = guess
    for allowed in _ALLOWED:
        solved, _ = solve(guess, solved, allowed, _ROOT)
    likely = _carried_over(guess, solved, trust, step)
    # Along the rays to that distance: in the picture nothing moves.
    nearer = likely[:, _PELVIS, 2] / np.maximum(solved[:, _PELVIS, 2], 0.1)
    solved = solved * nearer[:, None, None]
    solved, lengths = solve(likely, solved, _ALLOWED[-1], _ROOT_OVER_TIME)
    solved = _settled(guess, solved, uncertainty, step)
    return rigid(solved, lengths).astype(np.float32), lengths


def _carried_over(
    guess: NDArray, solved: NDArray, trust: NDArray, step: float
) -> NDArray[np.float64]:
    """What the network would have found, had it known its errors in the frames around.

    It errs alike in frames close to each other: what rays and lengths have told of its errors where
    the body was seen holds for some time where it wasn't. So nothing jumps where it comes to sight:
    not its distance, nor the bones that were hidden.
    """
    # Against the network's own spread, as the rays count in a frame.
    known = np.minimum((_SPREAD / _off_ray(trust, solved[..., 2])) ** 2, _SURE)
    known = np.minimum(known, known[:, _PARENT])
    own = guess - guess[:, _PARENT]
    eased = _eased(solved - solved[:, _PARENT] - own, known, np.exp(-_LOOKS * step))
    likely = own + eased / (1 + known[..., None])
    nearer = np.log(np.maximum(solved[:, _PELVIS, 2], 0.1) / np.maximum(guess[:, _PELVIS, 2], 0.1))
    seen = known.mean(axis=1, keepdims=True)
    nearer = _eased(nearer[:, None, None], seen, np.exp(-step / _ROOT_LASTS))[:, 0]
    likely[:, _PELVIS] = guess[:, _PELVIS] * np.exp(nearer)
    for level in _LEVELS:
        likely[:, level] += likely[:, _PARENT[level]]
    return likely


def _off_ray(trust: NDArray, depth: NDArray) -> NDArray[np.float64]:
    """Metres (F, 28) that joints of that trust, at that depth in metres, may lie off their rays."""
    trust = trust.astype(float)
    return np.asarray(_RAY * depth + _DOUBT * (1 - trust) / np.maximum(trust, 1e-6))


def _eased(values: NDArray, known: NDArray, alike: float) -> NDArray[np.float64]:
    """The likeliest values (F, N, 3) of N first-order autoregressive processes about 0.

    values: what was measured; known (F, N): how well, the process' variance over the measurement's;
    alike: the correlation of frames next to each other
    """
    # The process' precision: what a frame tells of its neighbours, of which the ends have one.
    tie = 1 / max(1 - alike**2, 1e-9)
    neighbours = np.full(len(values), 2)
    neighbours[0] -= 1
    neighbours[-1] -= 1
    pivot = (1 + neighbours * alike**2 * tie)[:, None] + known
    eased = known[..., None] * values
    # Its matrix is tridiagonal: forwards, each frame is told by those before it; then back.
    for frame in range(1, len(values)):
        share = alike * tie / pivot[frame - 1]
        pivot[frame] -= share * alike * tie
        eased[frame] += share[:, None] * eased[frame - 1]
    eased[-1:] /= pivot[-1:, :, None]
    for frame in range(len(values) - 2, -1, -1):
        eased[frame] = (eased[frame] + alike * tie * eased[frame + 1]) / pivot[frame][:, None]
    return np.asarray(eased)


def _settled(
    guess: NDArray, solved: NDArray, uncertainty: NDArray, step: float
) -> NDArray[np.float64]:
    """The same joints with each bone leaning the way, towards the camera or away, that is likely
    over time: one that is shorter in the picture than it is long leans by so much, and the picture
    alone doesn't tell where to.
    """
    own = guess[..., 2] - guess[:, _PARENT, 2]
    lean = np.abs(solved[..., 2] - solved[:, _PARENT, 2])
    spread = np.maximum(uncertainty, _SPREAD).astype(float)
    evidence = lean * own / spread**2 * min(_LOOKS * step, 1.0)
    ties = _TIE * np.minimum(lean[1:], lean[:-1])
    leaning = lean * signs(evidence, ties)
    # A limb that goes over to the other side, or leaps, does so on the network's own smooth way.
    leaps = np.abs(np.diff(leaning, axis=0)) > _LEAP + np.abs(np.diff(own, axis=0))
    share = np.clip(_frames_away(leaps) * step / _SWING, 0, 1)
    firm = share * share * (3 - 2 * share)
    leaning = firm * leaning + (1 - firm) * np.clip(own, -lean, lean)
    depth = solved[..., 2].copy()
    for level in _LEVELS:
        depth[:, level] = depth[:, _PARENT[level]] + leaning[:, level]
    # Along their rays: in the picture nothing moves.
    return solved * (depth / np.maximum(solved[..., 2], 0.1))[..., None]


def _frames_away(events: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(F, N): how many frames it is to the nearest event; these (F - 1, N) lie between frames."""
    between = np.zeros((len(events) + 2, events.shape[1]), bool)
    between[1:-1] = events
    place = np.arange(len(between))[:, None] - 0.5
    before = np.maximum.accumulate(np.where(between, place, -np.inf), axis=0)[:-1]
    after = np.minimum.accumulate(np.where(between, place, np.inf)[::-1], axis=0)[::-1][1:]
    frames = place[:-1] + 0.5
    return np.minimum(frames - before, after - frames)


def _lengths(
    solved: NDArray, uncertainty: NDArray, height: float, step: float
) -> NDArray[np.float64]:
    """(28,): bones' lengths, most from the frames in which they lie across the view.

    Between what the clip shows and what is usual for a person of that height, by how far each can
    be trusted: a short and shaky clip tells little about a forearm.
    """
    bones = solved - solved[:, _PARENT]
    length = bone_lengths(solved)
    along = np.abs(bones[..., 2]) / np.maximum(length, 1e-6)
    off = length / np.maximum(np.median(length, axis=0), 1e-6) - 1
    weight = 1 / (along**2 + _ACROSS) / (1 + (off / 0.1) ** 2)
    seen = np.log(np.maximum((weight * length).sum(axis=0) / weight.sum(axis=0), 1e-6))
    usual = np.log(np.maximum(USUAL * height, 1e-6))
    shaky = np.maximum(uncertainty, 0.005) / np.maximum(USUAL * height, 1e-3)
    shown = _LOOKS * step * (weight / shaky.astype(float) ** 2).sum(axis=0)
    mean = usual + shown / (shown + SPREAD**-2) * (seen - usual)
    return np.where(USUAL > 0, np.exp(0.5 * (mean + mean[list(MIRROR)])), 0.0)


def _solved(
    guess: NDArray,
    start: NDArray,
    uncertainty: NDArray,
    rays: NDArray,
    trust: NDArray,
    lengths: NDArray,
    allowed: float,
    allowed_root: float,
) -> NDArray[np.float64]:
    """One Newton step from ``start``, exact on the tree of joints."""
    frames = len(guess)
    depth = np.maximum(start[..., 2], 0.1)
    eye = np.eye(3)
    # On the ray: x - u z = 0, y - v z = 0.
    sure = 1 / _off_ray(trust, depth) ** 2
    u, v = rays[..., 0].astype(float), rays[..., 1].astype(float)
    a = np.zeros((frames, 28, 3, 3))
    a[..., 0, 0] = a[..., 1, 1] = sure
    a[..., 0, 2] = a[..., 2, 0] = -sure * u
    a[..., 1, 2] = a[..., 2, 1] = -sure * v
    a[..., 2, 2] = sure * (u * u + v * v)
    b = np.zeros((frames, 28, 3))
    root = 1 / (allowed_root * depth[:, _PELVIS]) ** 2
    a[:, _PELVIS] += root[:, None, None] * eye
    b[:, _PELVIS] += root[:, None] * guess[:, _PELVIS]
    # Not far at once.
    a += _STRIDE**-2 * eye
    b += _STRIDE**-2 * start
    # Bones: the network's, and of their length.
    own, bone = guess - guess[:, _PARENT], start - start[:, _PARENT]
    size = np.maximum(np.linalg.norm(bone, axis=-1), 1e-9)
    direction = bone / size[..., None]
    soft = 1 / np.maximum(uncertainty, 0.005).astype(float) ** 2
    within = allowed * np.maximum(lengths, 1e-3)
    off = (size - lengths) / within
    hard = 1 / (within**2 * (1 + (off / _ROBUST) ** 2))
    pull = soft[..., None] * own + (hard * lengths)[..., None] * direction
    stiffness = soft[..., None, None] * eye
    # Where the picture shows a bone longer than it is, a step that minds its length alone swings
    # beyond; with the length's curvature (Newton's method) it doesn't.
    along = direction[..., :, None] * direction[..., None, :]
    across = np.clip((size - lengths) / size, 0, 1)
    stiffness = stiffness + hard[..., None, None] * (
        along + across[..., None, None] * (eye - along)
    )
    # From the ends inwards: each joint is expressed by its parent.
    gain, offset = np.empty_like(a), np.empty_like(b)
    for level in reversed(_LEVELS):
        k, f = stiffness[:, level], pull[:, level]
        inverse = _inverse(a[:, level] + k)
        gain[:, level] = inverse @ k
        offset[:, level] = _times(inverse, b[:, level] + f)
        more_a, more_b = k - k @ gain[:, level], _times(k, offset[:, level]) - f
        for place, joint in enumerate(level):  # two joints may have one parent
            a[:, PARENTS[joint]] += more_a[:, place]
            b[:, PARENTS[joint]] += more_b[:, place]
    solved = np.empty_like(guess)
    solved[:, _PELVIS] = _times(_inverse(a[:, _PELVIS]), b[:, _PELVIS])
    for level in _LEVELS:
        solved[:, level] = _times(gain[:, level], solved[:, _PARENT[level]]) + offset[:, level]
    return solved


def _times(matrices: NDArray, vectors: NDArray) -> NDArray:
    return (matrices @ vectors[..., None])[..., 0]


def _inverse(matrices: NDArray) -> NDArray:
    """Of symmetric positive definite matrices (…, 3, 3), many times faster than LAPACK's."""
    a, b, c = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 0, 2]
    d, e, f = matrices[..., 1, 1], matrices[..., 1, 2], matrices[..., 2, 2]
    result = np.empty_like(matrices)
    result[..., 0, 0] = d * f - e * e
    result[..., 0, 1] = result[..., 1, 0] = c * e - b * f
    result[..., 0, 2] = result[..., 2, 0] = b * e - c * d
    result[..., 1, 1] = a * f - c * c
    result[..., 1, 2] = result[..., 2, 1] = b * c - a * e
    result[..., 2, 2] = a * d - b * b
    determinant = a * result[..., 0, 0] + b * result[..., 0, 1] + c * result[..., 0, 2]
    return result / determinant[..., None, None]


def rigid(positions: NDArray, lengths: NDArray) -> NDArray[np.float64]:
    """The same directions of bones with exactly these lengths, outwards from the pelvis."""
    result = positions.copy()
    for level in _LEVELS:
        bone = positions[:, level] - positions[:, _PARENT[level]]
        size = np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-9)
        result[:, level] = result[:, _PARENT[level]] + bone / size * lengths[level, None]
    return result
