"""2D pose files in, PoseTrack out: one module per format, one error type."""

from .jumps import read_sequence, write_sequence
from .pose_file import FORMATS, PoseFile, choose_person, read_pose_file
from .sequence import JointState, PoseSequence
from .track import Observation, PoseFileError, PoseTrack, observe

__all__ = [
    "FORMATS",
    "JointState",
    "Observation",
    "PoseFile",
    "PoseFileError",
    "PoseSequence",
    "PoseTrack",
    "choose_person",
    "observe",
    "read_pose_file",
    "read_sequence",
    "write_sequence",
]
