"""What is believed of the IMU: orientation and angular velocity check each other, and stand in for each other.

The orientation has to turn as the angular velocity says. What does not fit is not believed: the orientation is then the last one
turned on by the angular velocity, the angular velocity is how fast the orientation changes.
"""

from __future__ import annotations

import math

RATE = 35.0  # [rad/s] the gyroscope's own range, 2000 degrees per second
MISMATCH = 0.15  # [rad] between how far it turned and what the angular velocity says, in a tick: at most 0.024 in walks
LATER = 2.0  # [rad/s] that this grows by with readings that are further apart
FADE, DRIFT, HEALED = 0.9, 0.12, 0.04  # a fading sum of the mismatch, per tick; its limits [rad]: at most 0.018 in walks
CREEP = 0.05  # [rad/s] by which an orientation that is carried on by the gyroscope becomes uncertain
SURGE = 0.15  # [rad] that an orientation may be off in a tick where no angular velocity is known
REPEATS = 4  # equal readings in a row while the legs move: frozen
HELD = 0.06  # [s] after which a base of which nothing is known counts as still
SMOOTH = 0.4  # share of the newest change of orientation in an angular velocity that stands in
ADOPTED = 5  # readings that go together after a jump of the orientation: it is what the sensor says now
LIVELY = 10  # readings in which the angular velocity has changed; one that does not is none, and nothing is judged by it
LONG_AGO = -1e6  # [s]
EPS = 1e-9  # [s]

Quat = tuple[float, ...]  # four
Vector = tuple[float, ...]  # three


def squared_length(quat) -> float:
    """Of a quaternion; that of an orientation is 1."""
    w, x, y, z = quat
    return w * w + x * x + y * y + z * z


class Inertial:
    """Attributes:
    quat: Believed orientation of the base in the world (w, x, y, z).
    rate: Believed angular velocity [rad/s], body frame.
    seen: When orientation and angular velocity were last measured and believed [s].
    why: Why the reading is not believed, in whole or in part; "" if it is.
    frozen: It repeats its last bits though the legs moved.
    repeats: Equal readings in a row.
    fresh: The last reading brought a new orientation, measured or carried on.
    """

    def __init__(self, dt: float) -> None:
        self._dt, self.frozen = dt, False
        self.quat: Quat = (1.0, 0.0, 0.0, 0.0)
        self.rate: Vector = (0.0, 0.0, 0.0)
        self.forget()

    def forget(self) -> None:
        """The operator's reset: the next reading is taken as it comes. A frozen IMU stays one until it reads something else."""
        if self.frozen:
            return
        self._at, self.seen = LONG_AGO, [LONG_AGO, LONG_AGO]
        self._drift: Vector = (0.0, 0.0, 0.0)
        self._last: tuple = ()
        self._before: tuple = ()
        self._steady = self._changes = 0
        self._alive = self._drifts = self.fresh = False
        self.repeats, self.why = 0, ""

    def take(self, quat: list[float], rate: list[float], at: float, strict: bool = True) -> None:
        """Judges a reading measured at `at` [s]: orientation (4,) and angular velocity (3,), whatever they hold.

        `strict`: the motors drive. Where they do not, anybody may turn the robot in any way: what is possible is believed.
        """
        step = at - self._at
        self.fresh = False
        if step <= EPS:
            self.seen = [min(seen, at) for seen in self.seen]  # the driver's word on how old it is counts
            return
        self._count_repeats(quat, rate)
        norm = squared_length(quat)
        quat_ok, rate_ok = 0.8 < norm < 1.2, all(-RATE <= value <= RATE for value in rate)
        if not (strict and self._alive) and quat_ok and rate_ok and not self.frozen:
            self._drift, self._drifts, self.why = (0.0, 0.0, 0.0), False, ""
            self._believe(quat, rate, True, True, at)
        elif quat_ok and rate_ok and not self.frozen and not self._drifts:
            a, b, c = turned = self._turn_to(quat, norm)
            (p, q, r), (u, v, s), (d, e, f), half = self.rate, rate, self._drift, 0.5 * step
            i, j, k = a - half * (p + u), b - half * (q + v), c - half * (r + s)
            d, e, f = FADE * d + i, FADE * e + j, FADE * f + k
            if max(d, e, f, -d, -e, -f) <= DRIFT and step <= 1.5 * self._dt:  # a mismatch is in its fading sum
                self._drift, self.why, self.fresh = (d, e, f), "", True
                self.quat, self.rate, self._at, self.seen = tuple(quat), (u, v, s), at, [at, at]
                return
            self._contradicted(quat, rate, turned, (i, j, k), (d, e, f), step, at)
        elif self.frozen:
            self.why = "the IMU reads the same again and again, though the legs moved"
            self.seen = [min(seen, at - REPEATS * self._dt) for seen in self.seen]
            self.rate = (0.0, 0.0, 0.0) if step > HELD else self.rate
        elif quat_ok and rate_ok:
            self._still_parted(quat, rate, norm, step, at)
        else:
            self._half(quat, rate, norm, quat_ok, rate_ok, step, at)

    def freeze(self) -> None:
        """The legs tell that it must have moved."""
        self.frozen = self.frozen or self.repeats >= REPEATS

    def _count_repeats(self, quat: list[float], rate: list[float]) -> None:
        now = (*quat, *rate)
        self._before = self._last
        if now == self._last:
            self.repeats += self._alive
        else:
            self._changes += self._last[4:] != now[4:]
            self._alive, self.frozen, self.repeats = self._changes >= LIVELY, False, 0
            self._last = now

    def _turn_to(self, quat: list[float], norm: float, start: Quat | None = None) -> Vector:
        """Rotation vector [rad], body frame, from `start`, the believed orientation, to `quat`; for small angles."""
        (w, x, y, z), (a, b, c, d) = start or self.quat, quat
        cosine = w * a + x * b + y * c + z * d
        scale = (2.0 if cosine >= 0.0 else -2.0) / norm
        return (
            scale * (w * b - x * a - y * d + z * c),
            scale * (w * c + x * d - y * a - z * b),
            scale * (w * d - x * c + y * b - z * a),
        )

    def _allowed(self, step: float, at: float) -> float:
        return MISMATCH + LATER * max(0.0, step - 1.5 * self._dt) + CREEP * (at - self.seen[0])

    def _contradicted(self, quat, rate, turned: Vector, miss: Vector, drift: Vector, step: float, at: float) -> None:
        """Orientation and angular velocity do not go together, or the last reading is long ago."""
        worst = max(map(abs, miss))
        if worst <= self._allowed(step, at):
            # Where a value stood in, or a reading is missing, there is no slow error yet to be found.
            known = step <= 1.5 * self._dt and min(self.seen) >= self._at
            self._parted(quat, rate, drift if known else (0.0, 0.0, 0.0), step, at)
        elif max(abs(t - r * step) for t, r in zip(turned, self.rate, strict=True)) >= max(
            abs(g - r) * step for g, r in zip(rate, self.rate, strict=True)
        ):
            self.why = f"the orientation is {worst:.2f} rad off where the angular velocity leads"
            self._follow_jump(quat, rate, step, at)
        else:
            self.why = f"the angular velocity is {max(rate, key=abs):.2f} rad/s, but the orientation does not turn so"
            self._believe(quat, self._rate_of(turned, step), True, False, at)

    def _follow_jump(self, quat, rate, step: float, at: float) -> None:
        """The orientation has jumped. One that goes on from there for a while is believed again: it knows where down is."""
        turned = self._turn_to(quat, 1.0, self._before[:4])
        miss = [t - step * g for t, g in zip(turned, rate, strict=True)]
        goes_on = 0.8 < squared_length(self._before[:4]) < 1.2 and max(map(abs, miss)) <= MISMATCH
        self._steady = self._steady + 1 if goes_on else 0
        if self._steady < ADOPTED:
            self._believe(self._carried(rate, step), rate, False, True, at)
        else:
            self._steady = 0
            self._believe(quat, rate, True, True, at)

    def _still_parted(self, quat, rate, norm: float, step: float, at: float) -> None:
        """Whether what was read last, and now, goes together again."""
        w, x, y, z, *was = self._before
        if not (0.8 < squared_length((w, x, y, z)) < 1.2 and all(-RATE <= value <= RATE for value in was)):
            self._parted(quat, rate, self._drift, step, at)  # the last reading was none: nothing new is known
            return
        turned = self._turn_to(quat, norm, (w, x, y, z))
        miss = [t - 0.5 * step * (r + g) for t, r, g in zip(turned, was, rate, strict=True)]
        self._parted(quat, rate, tuple(FADE * d + m for d, m in zip(self._drift, miss, strict=True)), step, at)

    def _parted(self, quat, rate, drift: Vector, step: float, at: float) -> None:
        """Orientation and angular velocity may have parted slowly; the one that stands still is not believed."""
        self._drift = drift
        self._drifts = max(map(abs, drift)) > (HEALED if self._drifts else DRIFT)
        self.why = "the orientation does not turn as the angular velocity says" if self._drifts else ""
        if not self._drifts:
            self._believe(quat, rate, True, True, at)
        elif self._before[:4] == tuple(quat):
            self._believe(self._carried(rate, step), rate, False, True, at)
        else:
            self._believe(quat, self._rate_of(self._turn_to(quat, 1.0), step), True, False, at)

    def _half(self, quat, rate, norm: float, quat_ok: bool, rate_ok: bool, step: float, at: float) -> None:
        """One of the two is no orientation, or no angular velocity."""
        if not quat_ok:
            self.why = f"base_quat has a squared length of {norm:g}; 1 is expected"
        else:
            self.why = f"the angular velocity is {max(rate, key=lambda value: abs(value) if value == value else 1e9):g} rad/s"
        if rate_ok and step <= HELD:
            self._believe(self._carried(rate, step), rate, False, True, at)
        elif quat_ok and step <= HELD:
            turned = self._turn_to(quat, norm)
            if max(abs(t - r * step) for t, r in zip(turned, self.rate, strict=True)) <= self._allowed(step, at) + SURGE:
                self._believe(quat, self._rate_of(turned, step), True, False, at)
        elif step > HELD:
            self.rate = (0.0, 0.0, 0.0)

    def _carried(self, rate, step: float) -> Quat:
        """The believed orientation, turned on by the angular velocity for `step` [s]."""
        x, y, z = (0.25 * step * (r + g) for r, g in zip(self.rate, rate, strict=True))
        w, a, b, c = self.quat
        w, a, b, c = w - a * x - b * y - c * z, a + w * x + b * z - c * y, b + w * y + c * x - a * z, c + w * z + a * y - b * x
        norm = math.sqrt(w * w + a * a + b * b + c * c)
        return w / norm, a / norm, b / norm, c / norm

    def _rate_of(self, turned: Vector, step: float) -> Vector:
        """How fast the orientation changes, smoothed: the difference of two orientations is noisy."""
        return tuple(
            min(max(was + SMOOTH * (angle / step - was), -RATE), RATE) for was, angle in zip(self.rate, turned, strict=True)
        )

    def _believe(self, quat, rate, quat_ok: bool, rate_ok: bool, at: float) -> None:
        self.quat, self.rate, self._at, self.fresh = tuple(quat), tuple(rate), at, True
        self.seen = [at if quat_ok else self.seen[0], at if rate_ok else self.seen[1]]
