"""What readings of the encoders show only over several ticks: no velocity, the same again and again, an offset."""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel

FADE = 0.9  # of the sum of mismatches, per tick, of a joint that tells its velocity
LIVELY = 10  # readings in which a velocity has changed; one that does not is none, and nothing is judged by it
REPEATS = 4  # equal readings in a row of a joint that is told to move: frozen
PUSH = 2.0  # [N·m] by which what a command asks for changes; a joint between its ends answers in its last bits
INSIDE = 0.02  # [rad] off the ends of its range a joint is not held by them
STEADY = 0.05  # [rad] that the offset of a slipped encoder stays the same within
SLIPPED = 4  # readings with the same offset: the encoder has slipped
MIRROR = 0.1  # [rad] a reading so close to the negative of what was expected has the wrong sign


class Liveness:
    """Which joints tell a velocity: those in which it changes. One that never changes is none: its joint is judged by its speed
    alone.

    Attributes:
        alive: Joints that do, bool, shape (n,). everywhere: All of them.
        fade, heed, scale: Of the mismatch of each joint, shape (n,): by how much its sum fades a tick, how much the two
            velocities count, how much it counts itself.
    """

    def __init__(self, n: int, slow: float) -> None:
        """`slow`: `scale` of a joint that tells no velocity."""
        self._changes, self._slow = np.zeros(n, int), slow
        self.alive, self.everywhere = np.zeros(n, bool), False
        self.fade, self.heed, self.scale = np.zeros((3, n))  # set by the first reading

    def note(self, same: np.ndarray) -> None:
        """A reading; `same`: joints whose velocity is the one of the reading before, bool, shape (n,)."""
        if np.count_nonzero(same) == same.size:
            return
        self._changes += ~same
        np.greater_equal(self._changes, LIVELY, out=self.alive)
        self.everywhere = bool(self.alive.all())
        self.fade[:] = np.where(self.alive, FADE, 0.0)
        self.heed[:] = np.where(self.alive, 0.5, 0.0)
        self.scale[:] = np.where(self.alive, 1.0, self._slow)


class Repeats:
    """Joints that tell the same bits again and again while their command asks for more and more, or for less.

    Attributes:
        count: Equal readings in a row of each joint, shape (n,). any: Whether there are any.
        frozen: Joints that repeat their last bits though they are told to move, bool, shape (n,).
        command: Position target and gain in force [rad, N·m/rad], shape (2, n).
    """

    def __init__(self, model: RobotModel) -> None:
        self._inner = model.lower + INSIDE, model.upper - INSIDE
        self.command = np.stack((model.default, np.zeros(model.n)))
        self.forget()

    def forget(self) -> None:
        """The operator's reset."""
        n = self.command.shape[1]
        self.count, self.any = np.zeros(n, int), False
        self.frozen, self._pushed = np.zeros((2, n), bool)
        self._anchor = self.command[0].copy()

    def note(self, new: np.ndarray, same: np.ndarray, q: np.ndarray) -> None:
        """A reading.

        Args:
            new: Joints that have one. same: Those whose bits are the ones before, bool, shape (n,).
            q: Believed positions [rad], shape (n,).
        """
        if not (self.any or np.count_nonzero(same)):
            return
        self.count = np.where(new, (self.count + 1) * same, self.count)
        still = self.count > 0
        self.any = bool(still.any())
        if not self.any:
            self.frozen.fill(False)
            return
        np.copyto(self._anchor, self.command[0], where=self.count <= 1)
        inside = (q > self._inner[0]) & (q < self._inner[1])
        pushed = self.command[1] * np.abs(self.command[0] - self._anchor) > PUSH
        self._pushed = still & (self._pushed | pushed & inside)
        frozen = self._pushed & (self.count >= REPEATS)
        if np.count_nonzero(frozen) > 1:  # not one encoder, but what brings their readings
            frozen = self.count >= REPEATS
        self.frozen = frozen | self.frozen & still

    def freeze(self, joints: np.ndarray) -> None:
        """Something else tells that these joints, bool, shape (n,), must have moved, but they repeat themselves."""
        self.frozen |= joints & (self.count >= REPEATS)


class Slips:
    """Encoders that are off by the same angle again and again: they have slipped.

    Attributes:
        angle: How far each has slipped [rad], shape (n,); taken off its readings.
    """

    def __init__(self, n: int, least: float) -> None:
        """`least`: smallest slip [rad]; less is none."""
        self.angle, self._offset = np.zeros((2, n))
        self._steady, self._least = np.zeros(n, int), least

    def none(self, joints: np.ndarray | int) -> None:
        """These joints fit."""
        self._steady[joints] = 0

    def follow(self, i: int, q: float, expected: float, told: float) -> None:
        """Joint `i` reads `q` [rad] where `expected` [rad] is; `told` [rad] with its slip, may be nan."""
        offset = q - expected
        steady = np.isfinite(told) and abs(offset - self._offset[i]) < STEADY and abs(offset) > STEADY
        self._steady[i] = self._steady[i] + 1 if steady else 1
        self._offset[i] = offset
        if self._steady[i] >= SLIPPED and abs(q + expected) > MIRROR:
            slip = self.angle[i] + offset
            self.angle[i], self._steady[i] = slip if abs(slip) > self._least else 0.0, 0
