"""A figure that walks without sliding, before a camera: what floors and lifting are tested on."""

import numpy as np

from jumps_blender.keypoints.sequence import PoseSequence
from jumps_blender.keypoints.space import Lens, StillCamera
from jumps_blender.skeletons import JOINTS

PELVIS = JOINTS.index("pelvis")
LEGS = {
    side: [JOINTS.index(f"{side}_{part}") for part in ("hip", "knee", "ankle", "foot", "toe")]
    for side in "lr"
}
FEET = [joint for leg in LEGS.values() for joint in leg[2:]]
HELD_JOINTS = [joint for leg in LEGS.values() for joint in leg[1:]]
STEP = 15  # frames that a foot stands


def walker(frames: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """World positions (F, 28, 3) of a figure that walks along +x, and which soles stand (F, 4)."""
    world = np.zeros((frames, 28, 3))
    world[..., 2] = np.linspace(1.0, 1.75, 28)
    world[:, :, 0] = np.arange(frames)[:, None] / 30
    world[:, PELVIS, 2] = 0.95
    stands = np.zeros((frames, 4), bool)
    for number, (side, leg) in enumerate(LEGS.items()):
        hip, knee, ankle, foot, toe = leg
        aside = 0.1 if side == "l" else -0.1
        world[:, hip] = world[:, PELVIS] + (0, aside, -0.1)
        phase = (np.arange(frames) + number * STEP) / STEP
        cycle = np.floor(phase).astype(int)
        within = phase - cycle
        swing = cycle % 2 == 1
        place = (cycle // 2) * 1.0 + np.where(swing, within**2 * (3 - 2 * within), 0.0)
        world[:, ankle] = np.stack(
            [
                place + 0.25 - 0.5 * number,
                np.full(frames, aside),
                0.075 + 0.1 * swing * np.sin(np.pi * within) ** 2,
            ],
            -1,
        )
        thigh = shin = 0.45
        line = world[:, ankle] - world[:, hip]
        reach = np.linalg.norm(line, axis=1, keepdims=True)
        assert reach.max() < 0.9
        up = line / reach
        bend = np.sqrt(thigh**2 - (reach / 2) ** 2)
        forward = np.array([1.0, 0, 0]) - up[:, :1] * up
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        world[:, knee] = world[:, hip] + line / 2 + bend * forward
        assert np.allclose(np.linalg.norm(world[:, ankle] - world[:, knee], axis=1), shin)
        world[:, foot] = world[:, ankle] + (0.12, 0, -0.041)
        world[:, toe] = world[:, ankle] + (0.18, 0, -0.041)
        stands[:, 2 * number : 2 * number + 2] = ~swing[:, None]
    return world, stands


def camera(pitch: float = 0.25) -> StillCamera:
    """4 m behind, 1.5 m up, looking along +y and down."""
    cos, sin = np.cos(pitch), np.sin(pitch)
    right, forward = np.array([1.0, 0, 0]), np.array([0, cos, -sin])
    turn = np.stack([right, np.cross(forward, right), forward], axis=1)
    return StillCamera(turn, np.array([1.5, -4.0, 1.5]), Lens(1500.0, (960, 540)), (1920, 1080))


def times(frames: int) -> np.ndarray:
    return np.arange(frames) / 30


def picture(frames: int = 60, size: tuple[int, int] | None = (1920, 1080)) -> PoseSequence:
    world, _ = walker(frames)
    pixels = camera().project(world).astype(np.float32)
    return PoseSequence(
        positions=pixels,
        state=np.zeros((frames, 28), np.int8),
        confidence=np.ones((frames, 28), np.float32),
        uncertainty=np.ones((frames, 28), np.float32),
        times=times(frames),
        fps=30.0,
        image_size=size,
        person="1",
        source="walk.json",
        engine="test",
    )
