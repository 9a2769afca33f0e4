"""The pose estimators that video can be given to: data only.

Each runs in a Python environment of its own (``processes/install.py`` makes it), because what they
need doesn't go together with Blender's Python or with PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int]


@dataclass(frozen=True)
class ModelFile:
    """A file with weights that the user has to bring.

    name: as the estimator's settings call it; suffix: what its name ends with
    """

    name: str
    label: str
    suffix: str


@dataclass(frozen=True)
class Backend:
    """A pose estimator.

    pythons: the first and the last version of Python that its packages support
    packages: what pip installs for it, without looking at what ``alone`` would need
    alone: packages whose own requirements are not followed: they ask for more than is used
    download: bytes of ``packages`` with what they need, and of ``alone``, roughly
    modules: what is imported to see whether it is there; the first one's version is told
    models: files that the user brings; empty where the packages hold the weights
    joint_set: the joints that it finds, by its name in ``skeletons``
    people: how many it finds in a picture, 0 for any number
    licence: of the program and of the weights, for people
    """

    name: str
    label: str
    pythons: tuple[Version, Version]
    packages: tuple[str, ...]
    alone: tuple[str, ...]
    download: tuple[float, float]
    modules: tuple[str, ...]
    models: tuple[ModelFile, ...]
    joint_set: str
    people: int
    licence: str


_OPENCV = "opencv-python-headless>=4.8,<4.12"  # 4.12 needs numpy 2, which MediaPipe can't use

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend(
            name="mediapipe",
            label="MediaPipe Pose",
            pythons=((3, 9), (3, 12)),
            # What mediapipe asks for beside these (jax, sounddevice …) its pose estimator never
            # imports.
            packages=(
                "numpy>=1.24,<2",
                "protobuf>=4.25.3,<5",
                "absl-py>=2,<3",
                "attrs>=23",
                "flatbuffers>=24",
                "matplotlib>=3.8,<4",
                _OPENCV,
            ),
            # The last release that has the model inside.
            alone=("mediapipe==0.10.21",),
            download=(92e6, 36e6),
            modules=("mediapipe", "cv2", "numpy"),
            models=(),
            joint_set="mediapipe33",
            people=1,
            licence="Apache-2.0, model included",
        ),
        Backend(
            name="rtmpose",
            label="RTMPose",
            pythons=((3, 9), (3, 13)),
            # rtmlib asks for two more OpenCVs, which would overwrite each other.
            packages=(
                "numpy>=1.24,<3",
                "onnxruntime>=1.17,<2",
                "opencv-python-headless>=4.8,<5",
                "tqdm>=4.60,<5",  # rtmlib imports it
            ),
            alone=("rtmlib>=0.0.13,<0.1",),
            download=(102e6, 0.1e6),
            modules=("rtmlib", "onnxruntime", "cv2", "numpy"),
            models=(
                ModelFile("detector", "Person Detector", ".onnx"),
                ModelFile("pose", "Pose Model (Halpe-26)", ".onnx"),
            ),
            joint_set="halpe26",
            people=0,
            licence="Apache-2.0; models: their own licences",
        ),
        Backend(
            name="mediapipe-task",
            label="MediaPipe Pose Landmarker",
            pythons=((3, 9), (3, 13)),
            # The OpenCV that mediapipe asks for would overwrite the one without windows.
            packages=(
                "numpy>=1.24,<3",
                "absl-py>=2.1,<3",
                "certifi>=2023",
                "flatbuffers>=25.9,<26",
                "matplotlib>=3.8,<4",
                "sounddevice>=0.5,<1",
                "opencv-python-headless>=4.8,<5",
            ),
            alone=("mediapipe>=1,<2",),
            download=(104e6, 43e6),
            modules=("mediapipe", "cv2", "numpy"),
            models=(ModelFile("landmarker", "Pose Landmarker", ".task"),),
            joint_set="mediapipe33",
            people=0,
            licence="Apache-2.0; model: its own licence",
        ),
    )
}
