"""Reads BVH motion capture files: a skeleton of offsets and channels, and a row of numbers for each frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.pi0.data.disk import RecordingError
from training.pi0.data.skeletons import CapturedBody

AXES = {"X": 0, "Y": 1, "Z": 2}
FASTEST, SLOWEST = 1e-3, 1.0  # [s] between two frames


@dataclass(frozen=True, slots=True)
class Joint:
    """One joint. `parent`: its number, -1 for the root. `offset`: from the parent, shape (3,), the file's unit.
    `channels`: as in the file, such as "Zrotation"; empty for the end of a limb."""

    name: str
    parent: int
    offset: np.ndarray
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CapturedMotion:
    """A recording. `frame_time`: [s]. `values`: One row a frame, shape (T, channels), in the file's units."""

    joints: tuple[Joint, ...]
    frame_time: float
    values: np.ndarray

    def positions(self) -> dict[str, np.ndarray]:
        """World position of every joint, shape (T, 3), in the file's unit, by name."""
        frames = len(self.values)
        places, turns, column = [], [], 0
        for joint in self.joints:
            move, turn = np.tile(joint.offset, (frames, 1)), np.tile(np.eye(3), (frames, 1, 1))
            for channel in joint.channels:
                values, axis = self.values[:, column], AXES[channel[0]]
                if channel.endswith("position"):
                    move = move.copy()
                    move[:, axis] = values
                else:
                    turn = turn @ axis_rotations(np.radians(values), axis)
                column += 1
            if joint.parent < 0:
                places.append(move)
                turns.append(turn)
            else:
                places.append(places[joint.parent] + np.einsum("tij,tj->ti", turns[joint.parent], move))
                turns.append(turns[joint.parent] @ turn)
        return {joint.name: place for joint, place in zip(self.joints, places, strict=True)}

    def body(self) -> CapturedBody:
        """The places of its joints."""
        parents = {joint.name: self.joints[joint.parent].name if joint.parent >= 0 else "" for joint in self.joints}
        return CapturedBody(self.positions(), parents, self.frame_time)


def axis_rotations(angles: np.ndarray, axis: int) -> np.ndarray:
    """Rotations about a coordinate axis [rad], shape (T,) to (T, 3, 3)."""
    c, s = np.cos(angles), np.sin(angles)
    out = np.zeros((len(angles), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, i, i], out[:, j, j], out[:, i, j], out[:, j, i] = c, c, -s, s
    return out


def read_bvh(path: Path) -> CapturedMotion:
    """Reads a BVH file. Raises RecordingError naming the line that breaks the format."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    rows = ((number, line.split()) for number, line in enumerate(lines, 1) if line.strip())
    try:
        joints = _skeleton(rows)
        return _motion(rows, joints)
    except (StopIteration, ValueError, IndexError, KeyError) as error:
        number = next(rows, (len(lines), []))[0]
        raise RecordingError(
            f"{path}, near line {number}: not BVH ({str(error) or 'the file ends too early'}); HIERARCHY with "
            "ROOT, JOINT, OFFSET, CHANNELS, then MOTION with Frames and Frame Time are expected"
        ) from error


def _skeleton(rows: Iterator[tuple[int, list[str]]]) -> tuple[Joint, ...]:
    _expect(next(rows)[1], "HIERARCHY")
    joints: list[Joint] = []
    stack: list[int] = []
    for _, words in rows:
        if words[0] in ("ROOT", "JOINT", "End"):
            name = " ".join(words[1:]).removesuffix("{").strip() if words[0] != "End" else f"{joints[stack[-1]].name}_end"
            parent = stack[-1] if stack else -1
            _expect(next(rows)[1], "{")
            offset = next(rows)[1]
            _expect(offset, "OFFSET")
            channels: tuple[str, ...] = ()
            if words[0] != "End":
                listed = next(rows)[1]
                _expect(listed, "CHANNELS")
                channels = tuple(listed[2 : 2 + int(listed[1])])
                if any(one[0] not in AXES or one[1:] not in ("position", "rotation") for one in channels):
                    raise ValueError(f"channels {' '.join(channels)}")
            joints.append(Joint(name, parent, np.array(offset[1:4], float), channels))
            stack.append(len(joints) - 1)
        elif words[0] == "}":
            stack.pop()
            if not stack:
                return tuple(joints)
        else:
            raise ValueError(f"{words[0]!r} is not part of a skeleton")
    raise ValueError("the skeleton has no closing brace")


def _motion(rows: Iterator[tuple[int, list[str]]], joints: tuple[Joint, ...]) -> CapturedMotion:
    _expect(next(rows)[1], "MOTION")
    count = int(next(rows)[1][-1])
    frame_time = float(next(rows)[1][-1])
    channels = sum(len(joint.channels) for joint in joints)
    if not FASTEST <= frame_time <= SLOWEST:
        raise ValueError(f"Frame Time {frame_time:g}; {FASTEST:g} to {SLOWEST:g} seconds are expected: are these milliseconds?")
    values = np.array([_row(next(rows), channels) for _ in range(count)])
    if count < 2 or not np.isfinite(values).all():
        raise ValueError(f"{count} frames of {channels} finite numbers are expected, two at least")
    more = sum(len(words) == channels for _, words in rows)
    if more:
        raise ValueError(f"Frames: {count}, and {more} more rows follow; mend the number")
    return CapturedMotion(joints, frame_time, values)


def _row(row: tuple[int, list[str]], channels: int) -> list[float]:
    number, words = row
    if len(words) != channels:
        raise ValueError(f"line {number} has {len(words)} numbers; {channels} channels are expected")
    return [float(word) for word in words]


def _expect(words: list[str], first: str) -> None:
    if words[0] != first:
        raise ValueError(f"{words[0]!r} where {first} is expected")
