"""From a pose file or a video to all joints: what several commands begin with."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import JumpsError
from ..files import printable
from ..keypoints import choose_person, read_pose_file
from ..keypoints.pose_file import PoseFile
from ..keypoints.sequence import JointState, PoseSequence
from ..keypoints.source import is_video
from ..keypoints.track import PoseTrack
from ..model_runtime import upsample_track
from ..processes.job import drain
from ..video.environments import estimator_runtime, usual_cache
from ..video.estimate import EstimateJob, EstimateSettings
from .console import progress_bar, say

if TYPE_CHECKING:
    from ..scene.footage import Footage


def read(arguments: argparse.Namespace, footage: Footage | None = None) -> PoseFile:
    """The pose file, with what the footage tells where it says nothing itself."""
    pose_file = read_pose_file(
        arguments.input,
        format=arguments.format,
        fps=arguments.fps,
        image_size=arguments.size,
        video_fps=footage.fps or None if footage else None,
        video_size=footage.size if footage else None,
    )
    for note in pose_file.notes:
        say(f"note: {note}")
    return pose_file


def estimated(arguments: argparse.Namespace) -> Path:
    """The pose file of a video, in the cache; estimated if it isn't there."""
    models = dict(arguments.model)
    twice = [name for name, file in arguments.model if models[name] != file]
    if twice:
        raise JumpsError(f"--model {twice[0]} is given twice.")
    settings = EstimateSettings(
        backend=arguments.backend,
        models=models,
        start=arguments.start,
        stop=arguments.stop,
        step=arguments.step,
        longest_side=arguments.longest_side,
        people=arguments.people,
    )
    job = EstimateJob(
        estimator_runtime(settings.check(), arguments.python),
        arguments.input,
        settings,
        cache=arguments.cache or usual_cache(),
    )
    with progress_bar("estimating") as progress:
        drain(job, progress)
    for note in job.notes:
        say(f"note: {note}")
    assert job.poses is not None  # noqa: S101 - a job that has finished has them
    return job.poses


def poses_of(arguments: argparse.Namespace) -> Path | None:
    """Estimate the poses where the input is a video, and go on with them; returns the video."""
    video = arguments.input
    if not is_video(video):
        return None
    arguments.input = estimated(arguments)
    return video


def run_engine(
    arguments: argparse.Namespace, footage: Footage | None = None, video: Path | None = None
) -> tuple[PoseTrack, PoseSequence]:
    """All joints of the person whom the user names, or of the most observed one.

    video: what the poses were estimated from, if that was done here
    """
    pose_file = read(arguments, footage)
    track = choose_person(pose_file, arguments.person)
    if video is not None:
        track = replace(track, source=printable(video))
    if arguments.person is None and len(pose_file.tracks) > 1:
        say(
            f"{len(pose_file.tracks)} people; taking {track.person}, the most observed "
            f"({len(track.frames)} frames). --person chooses another."
        )
    notes: list[str] = []
    with progress_bar("upsampling") as progress:
        sequence = upsample_track(
            track,
            engine=arguments.engine,
            device=arguments.device,
            min_confidence=arguments.min_confidence,
            shaking=arguments.shaking,
            edge=arguments.edge,
            dilation=arguments.dilation,
            denoise=arguments.denoise,
            repair_swaps=arguments.repair_swaps,
            progress=progress,
            notify=notes.append,
        )
    for note in notes:
        say(f"{note}")
    shares = ", ".join(
        f"{(sequence.state == state).mean():.0%} {state.name.lower()}" for state in JointState
    )
    say(f"{len(sequence.times)} frames of 28 joints: {shares}.")
    return track, sequence
