"""One reading of the encoders, and what is believed of all of them until now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.encoders import Liveness

SLACK = 0.5  # [rad] a joint measured further outside its range than this is a broken encoder, not a posture
SPEED = 40.0  # [rad/s] twice what the motors reach; walking, the fastest joint measured turns at 9
DRIFT, HEALED = 0.2, 0.06  # [rad] of a fading sum of the mismatch: at most 0.08 in walks
LONG_AGO = -1e6  # [s]
EPS = 1e-9  # [s]


@dataclass(frozen=True, slots=True, eq=False)
class Possible:
    """What a reading may hold.

    Attributes:
        low, high: Of position, velocity and age [rad, rad/s, s], shape (3, n).
        fit_low, fit_high: Of the fading sum of the mismatch and of the time since the last reading [rad, s], shape (2, n).
    """

    low: np.ndarray
    high: np.ndarray
    fit_low: np.ndarray
    fit_high: np.ndarray


def possible(model: RobotModel) -> Possible:
    """What readings of this robot may hold."""
    n, dt = model.n, model.dt
    return Possible(
        low=np.stack((model.lower - SLACK, np.full(n, -SPEED), np.full(n, -dt))),
        high=np.stack((model.upper + SLACK, np.full(n, SPEED), np.full(n, 1e12))),
        fit_low=np.stack((np.full(n, -DRIFT), np.full(n, EPS))),
        fit_high=np.stack((np.full(n, DRIFT), np.full(n, 1.5 * dt))),
    )


class EncoderReading:
    """The newest reading, and how it compares with the one before; memory that is filled anew by each.

    Attributes:
        raw: Position, velocity and age of each joint as they were read [rad, rad/s, s], shape (3, n). rows: Its rows.
        told: Of it, positions and velocities.
        ok: Whether `raw` is at least, and at most, what is possible, bool, shape (2, 3, n).
        same: Whether positions and velocities are those of the reading before, bool, shape (2, n).
        new: Positions and velocities, slips taken off, nothing in them beyond all measure, shape (2, n).
        at: When it was measured [s], shape (n,).
        mismatch: Between positions and where the last ones and the velocities lead [rad], shape (n,).
        fit: Its fading sum [rad] and the time since the last reading [s], shape (2, n). fits: Whether `fit` is at least, and at
            most, what it may be, bool, shape (2, 2, n).
    """

    def __init__(self, n: int) -> None:
        self.raw = np.zeros((3, n))
        self.rows, self.told = tuple(self.raw), self.raw[:2]
        self.ok, self.same = np.zeros((2, 3, n), bool), np.zeros((2, n), bool)
        self.new, self.at = np.zeros((2, n)), np.full(n, LONG_AGO)
        self.mismatch, self._span = np.zeros((2, n))
        self.fit, self.fits = np.zeros((2, n)), np.zeros((2, 2, n), bool)

    def forget(self) -> None:
        """Nothing was read yet."""
        self.at.fill(LONG_AGO)

    def compare(self, q: np.ndarray, dq: np.ndarray, last: Believed, lively: Liveness, may: Possible) -> None:
        """Mismatch, its fading sum, and the time since the last reading, of each joint; q, dq [rad, rad/s], shape (n,)."""
        mismatch, span, (drift, step) = self.mismatch, self._span, self.fit
        np.subtract(self.at, last.at, step)
        np.add(last.dq, dq, span)
        np.multiply(span, step, span)
        np.multiply(span, lively.heed, span)
        np.subtract(q, last.q, mismatch)
        np.subtract(mismatch, span, mismatch)
        if not lively.everywhere:
            np.multiply(mismatch, lively.scale, mismatch)
        np.multiply(last.drift, lively.fade, drift)
        np.add(drift, mismatch, drift)
        np.greater_equal(self.fit, may.fit_low, self.fits[0])
        np.less_equal(self.fit, may.fit_high, self.fits[1])


class Believed:
    """What is believed.

    Attributes:
        block: Positions and velocities [rad, rad/s], shape (2, n). q, dq, rows: Its rows, and both.
        times: When each joint's values were measured, or stood in; when its position, and its velocity, were last measured and
            believed [s], shape (3, n). at, seen: The first of them, and the other two.
        drift: Fading sum of the mismatch [rad], shape (n,). drifts: Joints in which it was too much, bool, shape (n,).
        mirrored: Joints that read the negative of what they do, bool, shape (n,): what they mean stands in.
    """

    def __init__(self, block: np.ndarray) -> None:
        n = block.shape[1]
        self.block = block
        self.q, self.dq = self.rows = block[0], block[1]
        self.times = np.full((3, n), LONG_AGO)
        self.at, self.seen = self.times[0], self.times[1:]
        self.drift = np.zeros(n)
        self.drifts, self.mirrored = np.zeros((2, n), bool)

    def forget(self) -> None:
        """The operator's reset; the values stay until the next reading."""
        self.times.fill(LONG_AGO)
        self.drift.fill(0.0)
        self.drifts.fill(False)
        self.mirrored.fill(False)
