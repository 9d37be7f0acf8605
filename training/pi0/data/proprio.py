"""Writes episodes in the layout that the integration guide converts them to, with its `dataset_info.yaml`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from training.pi0.data.disk import disk_errors, free_space
from training.pi0.data.episode import ACTIONS, IMAGES, INSTRUCTION, PROPRIO, RecordingError
from training.pi0.data.episode_reader import INFO
from training.pi0.data.sources import DemonstrationSource, SourceEpisode

DESCRIPTION = """\
name: {robot}_demos
robot: {robot}
num_episodes: {episodes}
control_frequency: {fps}  # Hz
observation_space:
  images:
    head_camera:
      shape: [{height}, {width}, 3]
      dtype: uint8
  proprio:
    shape: [{state}]  # {joints} joint positions, then {joints} velocities
    dtype: float32
action_space:
  shape: [{joints}]
  dtype: float32
"""


def write_proprio(source: DemonstrationSource, folder: Path, robot: str) -> int:
    """A source to one file an episode, and the description of them all. Returns the number of frames."""
    if folder.exists() and any(folder.iterdir()):
        raise RecordingError(f"{folder} is not empty; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for number, episode in enumerate(source.episodes):
        _write(episode, folder / f"{robot}_episode_{number:05d}.hdf5", source, robot)
    n, (height, width) = len(source.layout.joints), source.layout.image
    text = DESCRIPTION.format(
        robot=robot, episodes=len(source.episodes), fps=source.layout.fps, height=height, width=width, state=2 * n, joints=n
    )
    (folder / INFO).write_text(text)
    return sum(len(one.rows) for one in source.episodes)


def _write(episode: SourceEpisode, file: Path, source: DemonstrationSource, robot: str) -> None:
    """One file, which appears under its name when it is whole."""
    partial, size = file.with_name(f".{file.name}.partial"), (*source.layout.image, 3)
    with disk_errors(file):
        free_space(file.parent)
        with h5py.File(partial, "w") as out:
            stored = out.create_dataset(
                IMAGES, (len(episode.rows), *size), np.uint8, chunks=(1, *size), compression="gzip", compression_opts=4
            )
            for i, image in enumerate(episode.pictures(episode.rows)):
                stored[i] = image
            low = episode.low
            out[PROPRIO] = np.concatenate((low.joint_pos, low.joint_vel), axis=1).astype(np.float32)
            out[ACTIONS] = low.action.astype(np.float32)
            out.attrs[INSTRUCTION] = episode.instruction
            out.attrs["robot_name"], out.attrs["num_frames"] = robot, len(episode.rows)
            out.attrs["joints"], out.attrs["fps"] = list(source.layout.joints), source.layout.fps
        partial.replace(file)
