"""Demonstrations gathered in memory as they are made: no data set is packed on the way."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from training.pi0.data.episode import EpisodeFrame
from training.pi0.memory import Demonstrations, shrink


class Collected:
    """Episodes so far. `side`: of the pictures that are kept [px]."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._rows: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []
        self._pictures: list[np.ndarray] = []
        self._of: list[int] = []
        self._lengths: list[int] = []
        self._said: list[str] = []

    def __len__(self) -> int:
        return len(self._said)

    def add(self, instruction: str, frames: Iterable[EpisodeFrame]) -> None:
        """One episode; a picture that is shown on is kept once."""
        before, length = None, 0
        for frame in frames:
            if frame.image is not before:
                self._pictures.append(shrink(frame.image, self._side))
                before = frame.image
            self._of.append(len(self._pictures) - 1)
            self._rows.append(np.concatenate((frame.joint_pos, frame.joint_vel)))
            self._actions.append(frame.action)
            length += 1
        self._lengths.append(length)
        self._said.append(instruction)

    def demonstrations(self) -> Demonstrations:
        """All of them."""
        tasks, lengths = tuple(sorted(set(self._said))), self._lengths
        return Demonstrations(
            state=np.array(self._rows, np.float32),
            action=np.array(self._actions, np.float32),
            picture=np.stack(self._pictures),
            picture_of=np.array(self._of, np.int64),
            end=np.repeat(np.cumsum(lengths), lengths).astype(np.int64),
            episode=np.repeat(np.arange(len(lengths)), lengths).astype(np.int64),
            task=np.repeat([tasks.index(text) for text in self._said], lengths).astype(np.int64),
            tasks=tasks,
        )
