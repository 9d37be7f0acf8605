"""What is believed of the encoders: each joint by itself, its position and its velocity checking each other.

A position has to be where the last one and the velocity lead to. What does not fit is not believed: the position is then the
last one carried on by the velocity, the velocity is how fast the position changes; with neither, the last good values stand in.
"""

from __future__ import annotations

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety.encoder_reading import DRIFT, EPS, HEALED, SPEED, Believed, EncoderReading, possible
from arbiter.safety.encoders import MIRROR, REPEATS, Liveness, Repeats, Slips

SANE = 1e3  # [rad, rad/s] beyond this nothing is computed with
MISMATCH = 0.2  # [rad] between a position and where the last one and the velocity lead in a tick: at most 0.05 in walks
LATER = 10.0  # [rad/s] that this grows by with readings that are further apart
CREEP = 0.1  # [rad/s] by which a position that is carried on by its velocity becomes uncertain
SURGE = 0.2  # [rad] that a position may be off in a tick where no velocity is known
MOVING = 0.3  # [rad/s] from which on a velocity shows its sign


class Joints:
    """Attributes:
    reading: The newest one.
    believed: What is believed.
    why: Why a joint is not believed, by its index: its position, its velocity or both.
    repeats: Joints that tell the same again and again.
    slips: Encoders that are off by the same angle again and again.
    """

    def __init__(self, model: RobotModel, believed: np.ndarray) -> None:
        """`believed`: the memory to keep what is believed in, shape (2, n)."""
        self._dt, self._may = model.dt, possible(model)
        self.reading, self.believed, self.repeats = EncoderReading(model.n), Believed(believed), Repeats(model)
        self.believed.q[:] = model.default
        self.why: dict[int, str] = {}
        self.forget()

    def forget(self) -> None:
        """The operator's reset: the next reading is taken as it comes, whatever the ones before were."""
        n = self.believed.q.size
        self._last = np.full((2, n), np.nan)  # position and velocity of the reading before
        self._lively, self.slips = Liveness(n, DRIFT / (SPEED * self._dt)), Slips(n, MISMATCH)
        self._doubt = self._was_plain = False  # something is not believed; the last reading was, whole
        self.believed.forget()
        self.repeats.forget()
        self.reading.forget()
        self.why.clear()

    # -- a reading ------------------------------------------------------------------------------------------------

    def news(self) -> bool:
        """Whether anything in `reading.told` differs from the reading before."""
        before = self.believed.block if self._was_plain else self._last
        return not np.array_equal(self.reading.told, before, equal_nan=True)

    def take(self, measured: float, strict: bool = True) -> None:
        """Judges what is in `reading.raw`; a joint of age 0 was measured at `measured` [s].

        `strict`: the motors drive. Where they do not, anybody may move a joint in any way: what is possible is believed.
        """
        reading, believed = self.reading, self.believed
        q, dq, age = reading.rows
        np.greater_equal(reading.raw, self._may.low, reading.ok[0])
        np.less_equal(reading.raw, self._may.high, reading.ok[1])
        # What was believed whole is the last reading, bit for bit.
        np.equal(reading.told, believed.block if self._was_plain else self._last, reading.same)
        if not self._lively.everywhere:
            self._lively.note(reading.same[1])
        if self._doubt or np.count_nonzero(reading.ok) != reading.ok.size:
            self._clean(measured)
        else:
            np.subtract(measured, age, reading.at)
            reading.compare(q, dq, believed, self._lively, self._may)
            if strict and np.count_nonzero(reading.fits) == reading.fits.size and not self._stands_still():
                np.copyto(believed.block, reading.told)
                np.copyto(believed.drift, reading.fit[0])
                np.copyto(believed.times, reading.at)
                self._was_plain = True
                return
            np.copyto(reading.new, reading.told)
        self._sift(strict)

    def _stands_still(self) -> bool:
        """Counts equal readings; whether a joint is frozen."""
        repeats = self.repeats
        if repeats.any or np.count_nonzero(self.reading.same):
            self._count_repeats(self.reading.fits[0, 1])
        return repeats.any and bool(repeats.frozen.any())

    def _count_repeats(self, new: np.ndarray) -> None:
        same = self.reading.same
        self.repeats.note(new, same[0] & same[1] & self._lively.alive, self.believed.q)

    def _clean(self, measured: float) -> None:
        """Takes off what encoders have slipped by; nothing that is computed with may be nan or beyond all measure."""
        reading, may = self.reading, self._may
        raw, new, (above, below) = reading.raw, reading.new, reading.ok
        np.copyto(new, self.believed.block)
        sane = np.abs(raw[:2]) < SANE
        np.copyto(new, raw[:2], where=sane)
        np.subtract(new[0], self.slips.angle, out=new[0], where=sane[0])
        above[0], below[0] = new[0] >= may.low[0], sane[0] & (new[0] <= may.high[0])
        np.subtract(measured, raw[2], out=reading.at, where=above[2] & below[2])
        reading.compare(new[0], new[1], self.believed, self._lively, may)

    # -- where something is wrong, or may be ----------------------------------------------------------------------

    def _sift(self, strict: bool) -> None:
        """Takes what is good joint by joint, and judges the others."""
        reading, believed = self.reading, self.believed
        if not strict:
            reading.mismatch[:] = reading.fit[0] = 0.0
            reading.fits[:, 0] = True
        np.copyto(self._last, reading.told)
        self._was_plain = False
        (q_ok, dq_ok, dated), fit = reading.ok[0] & reading.ok[1], (reading.fits[0] & reading.fits[1]).all(axis=0)
        new = dated & (reading.fit[1] > EPS)
        np.minimum(believed.seen, reading.at, out=believed.seen)  # the driver's word on how old it is counts
        if self.repeats.any or reading.same.any():
            self._count_repeats(new)
        suspect = believed.drifts | believed.mirrored | self.repeats.frozen
        good = new & q_ok & dq_ok & fit & ~suspect
        self._accept(good)
        for i in np.flatnonzero(good).tolist():
            self.why.pop(i, None)
        for i in np.flatnonzero(new & ~good).tolist():
            self._judge(i, bool(q_ok[i]), bool(dq_ok[i]))
        for i in np.flatnonzero(~dated).tolist():
            self.why[i] = f"reads age {reading.raw[2, i]:g}"
        for i in np.flatnonzero(self.slips.angle).tolist():
            self.why.setdefault(i, f"has slipped by {self.slips.angle[i]:+.2f} rad")
        self._doubt = bool(self.why)

    def _accept(self, good: np.ndarray) -> None:
        np.copyto(self.believed.block, self.reading.new, where=good)
        np.copyto(self.believed.drift, self.reading.fit[0], where=good)
        np.copyto(self.believed.times, self.reading.at, where=good)
        self.slips.none(good)

    def hold(self, blind: np.ndarray) -> None:
        """Joints of which nothing is known, indices: their last good position stands in, at rest."""
        self.believed.dq[blind] = 0.0

    def _judge(self, i: int, q_ok: bool, dq_ok: bool) -> None:
        """What of joint `i` can be believed, and what stands in for the rest."""
        reading, believed = self.reading, self.believed
        q, dq = reading.new[:, i].tolist()
        mismatch, (drift, step) = reading.mismatch[i].item(), reading.fit[:, i].tolist()
        at, why = reading.at[i].item(), ""
        # Where a value stood in, or a reading is missing, there is no slow error yet to be found.
        apart = step > 1.5 * self._dt or not believed.drifts[i] and believed.seen[:, i].min() < believed.at[i]
        allowed = MISMATCH + LATER * max(0.0, step - 1.5 * self._dt) + CREEP * (at - believed.seen[0, i].item())
        if self.repeats.frozen[i]:
            q_ok = dq_ok = False
            np.minimum(believed.seen[:, i], at - REPEATS * self._dt, out=believed.seen[:, i])
            why = f"reads the same position {q:.4f} and velocity again and again"
        elif self._has_wrong_sign(i, q, dq, step, q_ok and dq_ok and abs(mismatch) <= allowed):
            self.why[i] = f"reads position {q:.2f} where {-q:.2f} is expected: the wrong sign"
            return
        elif not (q_ok and dq_ok):
            why = self._impossible(i, q_ok)
            miss = q - believed.q[i].item() - believed.dq[i].item() * step
            q_ok = q_ok and abs(miss) <= allowed + SURGE
        elif abs(mismatch) > allowed:
            q_ok, dq_ok, why = self._weigh(i, q, dq, step, mismatch)
        elif not apart and abs(drift) > (HEALED if believed.drifts[i] else DRIFT):
            same_q, same_dq = reading.same[:, i].tolist()
            q_ok, dq_ok = not same_q, same_q and not same_dq
            believed.drifts[i], believed.drift[i], believed.at[i] = True, drift, at
            why = f"reads a position that changes by other than its velocity, {dq:.2f} rad/s"
        else:
            believed.drifts[i], believed.drift[i] = False, 0.0 if apart else drift
        self._stand_in(i, q_ok, dq_ok, step)
        if why:
            self.why[i] = why
        else:
            self.why.pop(i, None)

    def _impossible(self, i: int, q_ok: bool) -> str:
        row, name = (1, "velocity") if q_ok else (0, "position")
        return f"reads {name} {self.reading.raw[row, i]:g}; {self._may.low[row, i]:g} to {self._may.high[row, i]:g} is possible"

    def _has_wrong_sign(self, i: int, q: float, dq: float, step: float, fits: bool) -> bool:
        """Whether position and velocity are the negative of what is expected; if so, what they mean stands in, and ages.

        Where only the position is, the velocity serves.
        """
        believed = self.believed
        was_q, was_dq = believed.block[:, i].tolist()
        ahead = was_q + was_dq * step
        if believed.mirrored[i]:
            believed.mirrored[i] = abs(q + ahead) < 2.0 * MIRROR and (abs(q) < MIRROR or q * ahead < 0.0)
        elif not fits:
            turned = abs(was_dq) > MOVING and dq * was_dq < 0.0
            believed.mirrored[i] = turned and abs(q + ahead) < MIRROR < abs(ahead)
        if believed.mirrored[i]:
            moved = -q - was_q  # tells whether the velocity's sign is wrong, too
            believed.block[:, i] = -q, min(max(dq if moved * dq >= 0.0 else -dq, -SPEED), SPEED)
            believed.at[i] = self.reading.at[i]
        return bool(believed.mirrored[i])

    def _weigh(self, i: int, q: float, dq: float, step: float, miss: float) -> tuple[bool, bool, str]:
        """Position and velocity contradict each other: which of them jumped?"""
        was_q, was_dq = self.believed.block[:, i].tolist()
        if abs(q - was_q - was_dq * step) >= abs(dq - was_dq) * step:
            return False, True, f"reads position {q:.2f}, {miss:+.2f} rad off where it can be"
        return True, False, f"reads velocity {dq:.2f} rad/s, but the position changes by {(q - was_q) / step:.2f} rad/s"

    def _stand_in(self, i: int, q_ok: bool, dq_ok: bool, step: float) -> None:
        """Believes what is good of joint `i`, and puts in for the rest."""
        reading, believed, may = self.reading, self.believed, self._may
        (q, dq), (was_q, was_dq), at = reading.new[:, i].tolist(), believed.block[:, i].tolist(), reading.at[i].item()
        if q_ok:
            believed.block[:, i] = q, dq if dq_ok else min(max((q - was_q) / step, -SPEED), SPEED)
            self.slips.none(i)
        elif dq_ok:
            carried = was_q + 0.5 * (was_dq + dq) * step
            believed.block[:, i] = min(max(carried, may.low[0, i].item()), may.high[0, i].item()), dq
            self.slips.follow(i, q, believed.q[i].item(), reading.raw[0, i].item())
        if q_ok or dq_ok:
            believed.at[i] = at
        believed.seen[0, i] = at if q_ok else believed.seen[0, i]
        believed.seen[1, i] = at if dq_ok else believed.seen[1, i]
