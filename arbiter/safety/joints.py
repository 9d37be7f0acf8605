"""What is believed of the encoders: each joint by itself, its position and its velocity checking each other.

A position has to be where the last one and the velocity lead to. What does not fit is not believed: the position is then the
last one carried on by the velocity, the velocity is how fast the position changes; with neither, the last good values stand in.
"""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel

SLACK = 0.5  # [rad] a joint measured further outside its range than this is a broken encoder, not a posture
SPEED = 40.0  # [rad/s] twice what the motors reach; walking, the fastest joint measured turns at 9
SANE = 1e3  # [rad, rad/s] beyond this nothing is computed with
MISMATCH = 0.2  # [rad] between a position and where the last one and the velocity lead in a tick: at most 0.05 in walks
LATER = 10.0  # [rad/s] that this grows by with readings that are further apart
FADE, DRIFT, HEALED = 0.9, 0.2, 0.06  # a fading sum of the mismatch, per tick; its limits [rad]: at most 0.08 in walks
CREEP = 0.1  # [rad/s] by which a position that is carried on by its velocity becomes uncertain
SURGE = 0.2  # [rad] that a position may be off in a tick where no velocity is known
STEADY = 0.05  # [rad] that the offset of a slipped encoder stays the same within
SLIPPED = 4  # readings with the same offset: the encoder has slipped
MIRROR = 0.1  # [rad] a reading so close to the negative of what was expected has the wrong sign
MOVING = 0.3  # [rad/s] from which on a velocity shows its sign
REPEATS = 4  # equal readings in a row of a joint that is told to move: frozen
PUSH = 2.0  # [N·m] by which what a command asks for changes; a joint between its ends answers in its last bits
INSIDE = 0.02  # [rad] off the ends of its range a joint is not held by them
LIVELY = 10  # readings in which a velocity has changed; one that does not is none, and nothing is judged by it
LONG_AGO = -1e6  # [s]
EPS = 1e-9  # [s]


class Joints:
    """Attributes:
    raw: Position, velocity and age of each joint as they were read [rad, rad/s, s], shape (3, n); `rows`: its rows.
    believed: Positions and velocities [rad, rad/s], shape (2, n); `q`, `dq`: its rows.
    seen: When position and velocity of each joint were last measured and believed [s], shape (2, n).
    why: Why a joint is not believed, by its index: its position, its velocity or both.
    slip: How far each encoder has slipped [rad], shape (n,); taken off its readings.
    mirrored: Joints that read the negative of what they do, bool, shape (n,): what they mean stands in.
    frozen: Joints that repeat their last bits though they are told to move, bool, shape (n,).
    repeats: Equal readings in a row of each joint, shape (n,).
    command: Position target and gain in force [rad, N·m/rad], shape (2, n).
    """

    def __init__(self, model: RobotModel, believed: np.ndarray) -> None:
        """`believed`: the memory to keep what is believed in, shape (2, n)."""
        n = model.n
        self._dt, self._inner = model.dt, (model.lower + INSIDE, model.upper - INSIDE)
        self._low = np.stack((model.lower - SLACK, np.full(n, -SPEED), np.full(n, -model.dt)))
        self._high = np.stack((model.upper + SLACK, np.full(n, SPEED), np.full(n, 1e12)))
        self._fit_low = np.stack((np.full(n, -DRIFT), np.full(n, EPS)))
        self._fit_high = np.stack((np.full(n, DRIFT), np.full(n, 1.5 * model.dt)))
        self.raw = np.zeros((3, n))
        self.rows, self._read = tuple(self.raw), self.raw[:2]
        self._new, self._fit = np.zeros((2, n)), np.zeros((2, n))  # position and velocity; drift and step
        self._ok, self._fits, self._same = np.zeros((2, 3, n), bool), np.zeros((2, 2, n), bool), np.zeros((2, n), bool)
        self._span, self._mismatch = np.zeros((2, n))
        self.believed, (self.q, self.dq) = believed, believed
        self.q[:] = model.default
        self.command = np.stack((model.default, np.zeros(n)))
        self.why: dict[int, str] = {}
        self.forget()

    def forget(self) -> None:
        """The operator's reset: the next reading is taken as it comes, whatever the ones before were."""
        n = len(self.q)
        self._last = np.full((2, n), np.nan)  # position and velocity of the reading before
        self._at_new = np.full(n, LONG_AGO)
        self._times = np.full((3, n), LONG_AGO)
        self._at, self.seen = self._times[0], self._times[1:]  # `_at`: of the believed values
        self._drift, self._offset, self.slip = np.zeros((3, n))
        self._drifts, self.mirrored, self._alive, self._pushed, self.frozen = np.zeros((5, n), bool)
        self._steady, self._changes, self.repeats = np.zeros((3, n), int)
        self._all_alive = False
        self._fade, self._heed, self._scale = np.zeros((3, n))  # set by the first reading
        self._anchor = self.command[0].copy()
        self._doubt = self.repeating = self._was_plain = False
        self.why.clear()

    # -- a reading ------------------------------------------------------------------------------------------------

    def news(self) -> bool:
        """Whether anything in `raw` differs from the reading before."""
        return not np.array_equal(self._read, self.believed if self._was_plain else self._last, equal_nan=True)

    def take(self, measured: float, strict: bool = True) -> None:
        """Judges what is in `raw`; a joint of age 0 was measured at `measured` [s].

        `strict`: the motors drive. Where they do not, anybody may move a joint in any way: what is possible is believed.
        """
        q, dq, age = self.rows
        np.greater_equal(self.raw, self._low, self._ok[0])
        np.less_equal(self.raw, self._high, self._ok[1])
        # What was believed whole is the last reading, bit for bit.
        np.equal(self._read, self.believed if self._was_plain else self._last, self._same)
        if not self._all_alive:
            self._wake()
        if self._doubt or np.count_nonzero(self._ok) != self._ok.size:
            self._clean(measured)
        else:
            np.subtract(measured, age, self._at_new)
            self._compare(q, dq)
            if strict and np.count_nonzero(self._fits) == self._fits.size and not self._stands_still():
                np.copyto(self.believed, self._read)
                np.copyto(self._drift, self._fit[0])
                np.copyto(self._times, self._at_new)
                self._was_plain = True
                return
            np.copyto(self._new, self._read)
        self._sift(strict)

    def _stands_still(self) -> bool:
        """Counts equal readings; whether a joint is frozen."""
        if self.repeating or np.count_nonzero(self._same):
            self._count_repeats(self._fits[0, 1])
        return self.repeating and bool(self.frozen.any())

    def _wake(self) -> None:
        """Counts readings with another velocity. One that never changes is none: its joint is judged by its speed alone."""
        if np.count_nonzero(self._same[1]) == len(self.q):
            return
        self._changes += ~self._same[1]
        np.greater_equal(self._changes, LIVELY, out=self._alive)
        self._all_alive = bool(self._alive.all())
        self._fade[:] = np.where(self._alive, FADE, 0.0)
        self._heed[:] = np.where(self._alive, 0.5, 0.0)
        self._scale[:] = np.where(self._alive, 1.0, DRIFT / (SPEED * self._dt))

    def _clean(self, measured: float) -> None:
        """Takes off what encoders have slipped by; nothing that is computed with may be nan or beyond all measure."""
        raw, new, (above, below) = self.raw, self._new, self._ok
        np.copyto(new, self.believed)
        sane = np.abs(raw[:2]) < SANE
        np.copyto(new, raw[:2], where=sane)
        np.subtract(new[0], self.slip, out=new[0], where=sane[0])
        above[0], below[0] = new[0] >= self._low[0], sane[0] & (new[0] <= self._high[0])
        np.subtract(measured, raw[2], out=self._at_new, where=above[2] & below[2])
        self._compare(*new)

    def _compare(self, q: np.ndarray, dq: np.ndarray) -> None:
        """Mismatch, its fading sum, and the time since the last reading, of each joint."""
        mismatch, span, drift, step = self._mismatch, self._span, self._fit[0], self._fit[1]
        np.subtract(self._at_new, self._at, step)
        np.add(self.dq, dq, span)
        np.multiply(span, step, span)
        np.multiply(span, self._heed, span)
        np.subtract(q, self.q, mismatch)
        np.subtract(mismatch, span, mismatch)
        if not self._all_alive:
            np.multiply(mismatch, self._scale, mismatch)
        np.multiply(self._drift, self._fade, drift)
        np.add(drift, mismatch, drift)
        np.greater_equal(self._fit, self._fit_low, self._fits[0])
        np.less_equal(self._fit, self._fit_high, self._fits[1])

    # -- where something is wrong, or may be ----------------------------------------------------------------------

    def _sift(self, strict: bool) -> None:
        """Takes what is good joint by joint, and judges the others."""
        if not strict:
            self._mismatch[:] = self._fit[0] = 0.0
            self._fits[:, 0] = True
        np.copyto(self._last, self._read)
        self._was_plain = False
        (q_ok, dq_ok, dated), fit = self._ok[0] & self._ok[1], (self._fits[0] & self._fits[1]).all(axis=0)
        new = dated & (self._fit[1] > EPS)
        np.minimum(self.seen, self._at_new, out=self.seen)  # the driver's word on how old it is counts
        if self.repeating or self._same.any():
            self._count_repeats(new)
        suspect = self._drifts | self.mirrored | self.frozen
        good = new & q_ok & dq_ok & fit & ~suspect
        self._accept(good)
        for i in np.flatnonzero(good).tolist():
            self.why.pop(i, None)
        for i in np.flatnonzero(new & ~good).tolist():
            self._judge(i, bool(q_ok[i]), bool(dq_ok[i]))
        for i in np.flatnonzero(~dated).tolist():
            self.why[i] = f"reads age {self.raw[2, i]:g}"
        for i in np.flatnonzero(self.slip).tolist():
            self.why.setdefault(i, f"has slipped by {self.slip[i]:+.2f} rad")
        self._doubt = bool(self.why)

    def _accept(self, good: np.ndarray) -> None:
        np.copyto(self.believed, self._new, where=good)
        np.copyto(self._drift, self._fit[0], where=good)
        np.copyto(self._times, self._at_new, where=good)
        self._steady[good] = 0

    def _count_repeats(self, new: np.ndarray) -> None:
        """Joints that tell the same bits again and again while their command asks for more and more, or for less."""
        same = self._same[0] & self._same[1] & self._alive
        if not (self.repeating or np.count_nonzero(same)):
            return
        self.repeats = np.where(new, (self.repeats + 1) * same, self.repeats)
        still = self.repeats > 0
        self.repeating = bool(still.any())
        if not self.repeating:
            self.frozen.fill(False)
            return
        np.copyto(self._anchor, self.command[0], where=self.repeats <= 1)
        inside = (self.q > self._inner[0]) & (self.q < self._inner[1])
        pushed = self.command[1] * np.abs(self.command[0] - self._anchor) > PUSH
        self._pushed = still & (self._pushed | pushed & inside)
        frozen = self._pushed & (self.repeats >= REPEATS)
        if np.count_nonzero(frozen) > 1:  # not one encoder, but what brings their readings
            frozen = self.repeats >= REPEATS
        self.frozen = frozen | self.frozen & still

    def freeze(self, joints: np.ndarray) -> None:
        """Something else tells that these joints, bool, shape (n,), must have moved, but they repeat themselves."""
        self.frozen |= joints & (self.repeats >= REPEATS)

    def hold(self, blind: np.ndarray) -> None:
        """Joints of which nothing is known, indices: their last good position stands in, at rest."""
        self.dq[blind] = 0.0

    def _judge(self, i: int, q_ok: bool, dq_ok: bool) -> None:
        """What of joint `i` can be believed, and what stands in for the rest."""
        q, dq = self._new[:, i].tolist()
        mismatch, (drift, step) = self._mismatch[i].item(), self._fit[:, i].tolist()
        at, why = self._at_new[i].item(), ""
        # Where a value stood in, or a reading is missing, there is no slow error yet to be found.
        apart = step > 1.5 * self._dt or not self._drifts[i] and self.seen[:, i].min() < self._at[i]
        allowed = MISMATCH + LATER * max(0.0, step - 1.5 * self._dt) + CREEP * (at - self.seen[0, i].item())
        if self.frozen[i]:
            q_ok = dq_ok = False
            np.minimum(self.seen[:, i], at - REPEATS * self._dt, out=self.seen[:, i])
            why = f"reads the same position {q:.4f} and velocity again and again"
        elif self._has_wrong_sign(i, q, dq, step, q_ok and dq_ok and abs(mismatch) <= allowed):
            self.why[i] = f"reads position {q:.2f} where {-q:.2f} is expected: the wrong sign"
            return
        elif not (q_ok and dq_ok):
            why = self._impossible(i, q_ok)
            miss = q - self.q[i].item() - self.dq[i].item() * step
            q_ok = q_ok and abs(miss) <= allowed + SURGE
        elif abs(mismatch) > allowed:
            q_ok, dq_ok, why = self._weigh(i, q, dq, step, mismatch)
        elif not apart and abs(drift) > (HEALED if self._drifts[i] else DRIFT):
            same_q, same_dq = self._same[:, i].tolist()
            q_ok, dq_ok = not same_q, same_q and not same_dq
            self._drifts[i], self._drift[i], self._at[i] = True, drift, at
            why = f"reads a position that changes by other than its velocity, {dq:.2f} rad/s"
        else:
            self._drifts[i], self._drift[i] = False, 0.0 if apart else drift
        self._stand_in(i, q_ok, dq_ok, step)
        if why:
            self.why[i] = why
        else:
            self.why.pop(i, None)

    def _impossible(self, i: int, q_ok: bool) -> str:
        row, name = (1, "velocity") if q_ok else (0, "position")
        return f"reads {name} {self.raw[row, i]:g}; {self._low[row, i]:g} to {self._high[row, i]:g} is possible"

    def _has_wrong_sign(self, i: int, q: float, dq: float, step: float, fits: bool) -> bool:
        """Whether position and velocity are the negative of what is expected; if so, what they mean stands in, and ages.

        Where only the position is, the velocity serves.
        """
        was_q, was_dq = self.believed[:, i].tolist()
        ahead = was_q + was_dq * step
        if self.mirrored[i]:
            self.mirrored[i] = abs(q + ahead) < 2.0 * MIRROR and (abs(q) < MIRROR or q * ahead < 0.0)
        elif not fits:
            turned = abs(was_dq) > MOVING and dq * was_dq < 0.0
            self.mirrored[i] = turned and abs(q + ahead) < MIRROR < abs(ahead)
        if self.mirrored[i]:
            moved = -q - was_q  # tells whether the velocity's sign is wrong, too
            self.believed[:, i] = -q, min(max(dq if moved * dq >= 0.0 else -dq, -SPEED), SPEED)
            self._at[i] = self._at_new[i]
        return bool(self.mirrored[i])

    def _weigh(self, i: int, q: float, dq: float, step: float, miss: float) -> tuple[bool, bool, str]:
        """Position and velocity contradict each other: which of them jumped?"""
        was_q, was_dq = self.believed[:, i].tolist()
        if abs(q - was_q - was_dq * step) >= abs(dq - was_dq) * step:
            return False, True, f"reads position {q:.2f}, {miss:+.2f} rad off where it can be"
        return True, False, f"reads velocity {dq:.2f} rad/s, but the position changes by {(q - was_q) / step:.2f} rad/s"

    def _stand_in(self, i: int, q_ok: bool, dq_ok: bool, step: float) -> None:
        """Believes what is good of joint `i`, and puts in for the rest."""
        (q, dq), (was_q, was_dq) = self._new[:, i].tolist(), self.believed[:, i].tolist()
        at = self._at_new[i].item()
        if q_ok:
            self.believed[:, i] = q, dq if dq_ok else min(max((q - was_q) / step, -SPEED), SPEED)
            self._steady[i] = 0
        elif dq_ok:
            lower, upper = self._low[0, i].item(), self._high[0, i].item()
            self.believed[:, i] = min(max(was_q + 0.5 * (was_dq + dq) * step, lower), upper), dq
            self._follow_slip(i, q)
        if q_ok or dq_ok:
            self._at[i] = at
        self.seen[0, i] = at if q_ok else self.seen[0, i]
        self.seen[1, i] = at if dq_ok else self.seen[1, i]

    def _follow_slip(self, i: int, q: float) -> None:
        """An encoder that is off by the same angle again and again has slipped."""
        offset = q - self.q[i].item()
        steady = np.isfinite(self.raw[0, i]) and abs(offset - self._offset[i]) < STEADY and abs(offset) > STEADY
        self._steady[i] = self._steady[i] + 1 if steady else 1
        self._offset[i] = offset
        if self._steady[i] >= SLIPPED and abs(q + self.q[i]) > MIRROR:
            slip = self.slip[i] + offset
            self.slip[i], self._steady[i] = slip if abs(slip) > MISMATCH else 0.0, 0
