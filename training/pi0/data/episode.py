"""One episode as one HDF5 file in the integration guide's layout, written frame by frame; it appears only when complete.

observations/images/head_camera   uint8    (T, H, W, 3)  RGB
observations/joint_positions      float32  (T, n)        [rad]
observations/joint_velocities     float32  (T, n)        [rad/s]
actions                           float32  (T, n)        position targets [rad]
timestamps                        float64  (T,)          [s]
attribute language_instruction    text
attributes joints, fps            names in the arrays' order, frames per second; files of others may lack them
attribute job                     identifies the episode for a command that resumes; only in files written here
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from policies.chunk.pictures import picture_problem
from training.pi0.data.disk import RecordingError, disk_errors, free_space, sync_folder

IMAGES = "observations/images/head_camera"
POSITIONS = "observations/joint_positions"
VELOCITIES = "observations/joint_velocities"
ACTIONS = "actions"
TIMES = "timestamps"
INSTRUCTION = "language_instruction"
PROPRIO = "observations/proprio"  # positions and velocities in the guide's converted layout
JOB = "job"
BLOCK = 64  # frames that the low-dimensional arrays are stored by


@dataclass(frozen=True, slots=True)
class EpisodeFrame:
    """One tick of a demonstration; n joints in robot order.

    Attributes:
        time: When the joints were measured [s].
        image: Head camera, uint8, RGB, shape (H, W, 3).
        joint_pos: [rad], shape (n,). joint_vel: [rad/s], shape (n,).
        action: Position targets that the demonstrator asks for [rad], shape (n,).
    """

    time: float
    image: np.ndarray
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    action: np.ndarray


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes that every frame of a data set has.

    Attributes:
        joints: Joint names, robot order. image: Height and width of a picture [px]. fps: Frames per second.
    """

    joints: tuple[str, ...]
    image: tuple[int, int] = (224, 224)
    fps: int = 50

    def check(self, frame: EpisodeFrame, last: float = -np.inf) -> None:
        """Raises RecordingError naming what is wrong with `frame`, which follows one at `last` [s]."""
        n = len(self.joints)
        for name in ("joint_pos", "joint_vel", "action"):
            values = np.asarray(getattr(frame, name))
            if values.shape != (n,):
                raise RecordingError(
                    f"frame at {frame.time:.3f} s: {name} has shape {values.shape}; ({n},) is "
                    "expected; the episode was not recorded"
                )
            if not np.isfinite(values).all():
                joint = self.joints[int(np.flatnonzero(~np.isfinite(values))[0])]
                raise RecordingError(
                    f"frame at {frame.time:.3f} s: {name} of {joint} is not finite; mend the source; the episode was not recorded"
                )
        if wrong := picture_problem(frame.image):
            raise RecordingError(f"frame at {frame.time:.3f} s: {wrong}; the episode was not recorded")
        if frame.image.shape != (*self.image, 3):
            raise RecordingError(
                f"frame at {frame.time:.3f} s: the picture is {frame.image.shape}; {(*self.image, 3)} is expected, as in "
                "the frames before it; the episode was not recorded"
            )
        if not np.isfinite(frame.time):
            raise RecordingError(f"frame: time is {frame.time}; a finite number of seconds is expected")
        if frame.time <= last:
            raise RecordingError(
                f"frame at {frame.time:.3f} s follows one at {last:.3f} s; time must go forward; the episode was not recorded"
            )

    def check_same(self, other: Layout, where: str) -> None:
        """Raises RecordingError unless `other`, the layout found at `where`, is the same."""
        check_joints(other.joints, self.joints, where)
        if other != self:
            raise RecordingError(
                f"{where}: pictures of {other.image} px at {other.fps} Hz; {self.image} px at {self.fps} Hz are "
                "expected; keep the two kinds in folders of their own"
            )


class EpisodeWriter:
    """Writes one episode to a file that appears under its name only when it is complete."""

    def __init__(self, path: Path, instruction: str, layout: Layout, job: str = "") -> None:
        """`job`: identifies the episode for a command that resumes; "": none."""
        if not instruction.strip():
            raise RecordingError("an episode needs an instruction; got an empty one")
        self._path = path
        self._refuse_existing()
        self._partial = path.with_name(f".{path.name}.partial")
        self._layout = layout
        self._last = -np.inf
        self.frames = 0
        self._file: h5py.File | None = None
        with disk_errors(path):
            free_space(path.parent)
            self._file = file = h5py.File(self._partial, "w")
            file.attrs[INSTRUCTION] = instruction
            file.attrs[JOB] = job
            file.attrs["joints"] = list(layout.joints)
            file.attrs["fps"] = layout.fps
            n, size = len(layout.joints), layout.image
            file.create_dataset(
                IMAGES, (0, *size, 3), np.uint8, maxshape=(None, *size, 3), chunks=(1, *size, 3), compression="lzf"
            )
            for name in (POSITIONS, VELOCITIES, ACTIONS):
                file.create_dataset(name, (0, n), np.float32, maxshape=(None, n), chunks=(BLOCK, n))
            file.create_dataset(TIMES, (0,), np.float64, maxshape=(None,), chunks=(BLOCK,))

    def add(self, frame: EpisodeFrame) -> None:
        """Appends a frame. An invalid frame or a disk error raises RecordingError and drops the episode."""
        try:
            self._layout.check(frame, self._last)
            with disk_errors(self._path):
                if self.frames % BLOCK == 0:
                    free_space(self._path.parent)
                values = {
                    IMAGES: frame.image,
                    POSITIONS: frame.joint_pos,
                    VELOCITIES: frame.joint_vel,
                    ACTIONS: frame.action,
                    TIMES: frame.time,
                }
                file = self._open()
                for name, value in values.items():
                    stored = file[name]
                    stored.resize(self.frames + 1, axis=0)
                    stored[self.frames] = value
        except RecordingError:
            self.discard()
            raise
        self._last = frame.time
        self.frames += 1

    def _open(self) -> h5py.File:
        if self._file is None:
            raise RecordingError(f"{self._path.name}: the episode was kept or discarded; begin another")
        return self._file

    def commit(self) -> Path:
        """Flushes the episode to disk and gives the file its name. Raises RecordingError when it is empty."""
        if self.frames == 0:
            self.discard()
            raise RecordingError(f"{self._path.name}: the episode has no frames; nothing was recorded")
        try:
            with disk_errors(self._path):
                self._open().close()
                self._file = None
                with open(self._partial, "rb+") as handle:
                    os.fsync(handle.fileno())
                self._refuse_existing()
                os.replace(self._partial, self._path)
                sync_folder(self._path.parent)
        except RecordingError:
            self.discard()
            raise
        return self._path

    def _refuse_existing(self) -> None:
        """Another recorder may write to the same folder."""
        if self._path.exists():
            raise RecordingError(f"{self._path} exists and is not overwritten; move it away, or record one run at a time")

    def discard(self) -> None:
        """Drops the episode. May be called twice."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:  # what could not be flushed is thrown away anyway
                pass
            self._file = None
        self._partial.unlink(missing_ok=True)


def checked(frames: Iterable[EpisodeFrame], layout: Layout, where: str) -> Iterator[EpisodeFrame]:
    """`frames`, each checked. Raises RecordingError naming `where` at the first invalid one."""
    last = -np.inf
    for frame in frames:
        try:
            layout.check(frame, last)
        except RecordingError as error:
            raise RecordingError(f"{where}: {error}") from error
        last = frame.time
        yield frame


def check_joints(names: tuple[str, ...], joints: tuple[str, ...], where: str) -> None:
    """Raises RecordingError unless `names`, which stand at `where`, are `joints` in their order."""
    if len(names) != len(joints):
        raise RecordingError(
            f"{where}: {len(names)} names of joints; {len(joints)} are expected; use data of one robot (it has {_some(names)})"
        )
    for i, (name, joint) in enumerate(zip(names, joints, strict=True)):
        if name != joint:
            raise RecordingError(
                f"{where}: joint {i} is {name!r}; {joint!r} is expected; use data of one robot, with its joints in one order"
            )


def _some(names: tuple[str, ...], most: int = 8) -> str:
    """Names for people, the first `most` of them."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "none"
