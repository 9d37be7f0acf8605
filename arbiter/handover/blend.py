"""Blends at a hand-over: no jolt when one policy's target takes over from another's.

Inertialisation (Bollo, "Inertialization: High-Performance Animation Transitions in Gears of War", GDC 2018): the new
policy runs at once, and the difference between what was sent and what it asks, in position and velocity, decays along
a quintic that ends with zero offset, velocity and acceleration. The cross-fade lets the old target coast to a stop
while the new one's weight rises.
"""

from __future__ import annotations

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import JointTarget

KINDS = ("inertial", "crossfade")
SHORTEST = 0.1  # [s]
TRAIL = 4  # ticks over which the velocity is taken: targets of RL policies jitter from tick to tick
# Peaks of the quintics below over s = t / T: the offset's speed and acceleration, the velocity's acceleration.
OFFSET_SPEED, OFFSET_ACCELERATION, VELOCITY_ACCELERATION = 1.875, 5.7736, 3.9395
SHARE = 0.5  # of the joint's velocity and acceleration limits for the blend, the rest for the policy


def offset_decay(s: np.ndarray) -> np.ndarray:
    """Quintic from 1 to 0 over s = 0..1 with zero first and second derivatives at both ends."""
    return 1.0 - s * s * s * (10.0 + s * (6.0 * s - 15.0))


def velocity_decay(s: np.ndarray) -> np.ndarray:
    """Quintic of unit slope at s = 0, else zero with zero first and second derivatives at both ends."""
    r = 1.0 - s
    return s * r * r * r * (1.0 + 3.0 * s)


def blend_time(
    offset: np.ndarray, speed: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray, longest: float
) -> np.ndarray:
    """Shortest duration [s] that keeps the decay within a share of the limits, between `SHORTEST` and `longest`.

    Args:
        offset, speed: Size of the difference in position [rad] and velocity [rad/s].
        velocity, acceleration: Limits of the joint [rad/s], [rad/s²].
    """
    v, a = SHARE * velocity, SHARE * acceleration
    b = VELOCITY_ACCELERATION * speed
    gentle = (b + np.sqrt(b * b + 4.0 * a * OFFSET_ACCELERATION * offset)) / (2.0 * a)
    return np.clip(np.maximum(OFFSET_SPEED * offset / v, gentle), min(SHORTEST, longest), longest)


class Blend:
    """Blends per joint; every array has shape (n,), robot order.

    A blend that starts while another runs starts from what goes out now, so the output stays continuous in position and
    velocity. A target that is not finite passes through (the safety layer refuses it and charges its policy); when
    finite ones come again, they are blended in.

    Args:
        model: The robot.
        kind: "inertial" or "crossfade".
        longest: Longest blend [s].

    Attributes:
        active: Joints whose blend still runs.
        output: Last finite position target that went out [rad].
        velocity: Its velocity [rad/s], from the last two ticks.
        duration: Length of each joint's last blend [s].
    """

    def __init__(self, model: RobotModel, kind: str = "inertial", longest: float = 0.3) -> None:
        if kind not in KINDS:
            raise ConfigError(f"blend {kind!r} is not known; there are: {', '.join(KINDS)}")
        if not 0.0 < longest < np.inf:
            raise ConfigError(f"blend_time {longest!r} s is not allowed; a finite number above 0 is")
        n = model.n
        self._model, self._crossfade, self._longest, self._dt = model, kind == "crossfade", longest, model.dt
        self._everything = np.ones(n, bool)
        self._everything.setflags(write=False)
        self.output, self.velocity = model.default.copy(), np.zeros(n)
        self.active, self.duration = np.zeros(n, bool), np.full(n, longest)
        self._gains = np.stack((np.zeros(n), model.kd))  # kp, kd that went out last
        self._began = np.zeros(n)
        self._offset, self._speed = np.zeros(n), np.zeros(n)  # differences at the start of a blend
        self._from = np.zeros(n)  # position at the start of a blend
        self._from_gains = self._gains.copy()
        self._lost = np.zeros(n, bool)  # joints whose last target was not finite
        self._running = self._losing = False
        self._trail = np.tile(self.output, (TRAIL, 1))  # what went out before, a ring
        self._row = 0

    def seed(self, q: np.ndarray, kp: np.ndarray | None = None, kd: np.ndarray | None = None) -> None:
        """Starts at rest at `q` [rad]: the measured posture when motors are armed."""
        self.output[:], self.velocity[:] = q, 0.0
        self._gains[:] = self._model.kp if kp is None else kp, self._model.kd if kd is None else kd
        self.active[:] = self._lost[:] = self._running = self._losing = False
        self._trail[:] = self.output

    def go_on(self, mask: np.ndarray) -> None:
        """What comes next for the joints of `mask` continues their motion: it is not blended in, whatever came before."""
        self._lost &= ~mask
        self._losing = bool(self._lost.any())

    def _momentum(self) -> np.ndarray:
        """Velocity [rad/s] to go on with: the mean of the last ticks, as far as the joints' acceleration allows."""
        mean = (self.output - self._trail[self._row]) / (TRAIL * self._dt)
        change = self._model.acceleration * self._dt
        return np.clip(mean, self.velocity - change, self.velocity + change)

    def start(
        self, mask: np.ndarray, q: np.ndarray, kp: np.ndarray, kd: np.ndarray, now: float, dq: np.ndarray | None = None
    ) -> None:
        """The joints of `mask` change hands at `now` [s]; called before the `apply` of the same tick.

        Args:
            mask: Joints that change hands.
            q, kp, kd: First target of the new policy [rad], [N·m/rad], [N·m·s/rad].
            dq: Its velocity [rad/s]; None: at rest.
        """
        finite = np.isfinite(q) & np.isfinite(kp) & np.isfinite(kd)
        self._lost |= mask & ~finite
        self._losing = bool(self._lost.any())
        mask = mask & finite
        momentum = self._momentum()
        coasting = self.output + momentum * self._dt
        offset = coasting - np.where(mask, q, 0.0)
        speed = momentum - (0.0 if dq is None or self._crossfade else np.nan_to_num(dq))
        duration = blend_time(np.abs(offset), np.abs(speed), self._model.velocity, self._model.acceleration, self._longest)
        for into, value in (
            (self._from, coasting),
            (self._offset, offset),
            (self._speed, speed),
            (self._from_gains, self._gains),
            (self._began, now),
            (self.duration, duration),
        ):
            np.copyto(into, value, where=mask)
        self.active |= mask
        self._running = bool(self.active.any())

    def apply(self, q: np.ndarray, kp: np.ndarray, kd: np.ndarray, now: float) -> JointTarget:
        """The target of this tick: what the policies ask, blended where joints have just changed hands."""
        out = np.stack((q, kp, kd))
        finite = np.isfinite(out)
        if self._losing or not finite.all():
            self._regain(np.logical_and.reduce(finite), q, kp, kd, now)
        if self._running:
            self._mix(out, now)
        self._remember(out)
        out.setflags(write=False)
        return JointTarget(out[0], out[1], out[2], self._everything)

    def _regain(self, finite: np.ndarray, q: np.ndarray, kp: np.ndarray, kd: np.ndarray, now: float) -> None:
        back = self._lost & finite
        self._lost = ~finite
        self.active &= finite
        self._running = bool(self.active.any())
        if back.any():
            self.start(back, q, kp, kd, now)
        self._losing = bool(self._lost.any())

    def _mix(self, out: np.ndarray, now: float) -> None:
        t = now - self._began
        self.active &= t < self.duration - 1e-9
        self._running = bool(self.active.any())
        s = np.clip(t / self.duration, 0.0, 1.0)
        old = offset_decay(s)
        if self._crossfade:
            coast = self._from + self._speed * t * (1.0 - 0.5 * s)
            q = old * coast + (1.0 - old) * out[0]
        else:
            q = out[0] + self._offset * old + self._speed * self.duration * velocity_decay(s)
        np.copyto(out[0], q, where=self.active)
        np.copyto(out[1:], out[1:] + (self._from_gains - out[1:]) * old, where=self.active)

    def _remember(self, out: np.ndarray) -> None:
        self._trail[self._row] = self.output
        self._row = (self._row + 1) % TRAIL
        if self._losing:
            out = np.where(self._lost, np.stack((self.output, *self._gains)), out)
            self._trail[:, self._lost] = self.output[self._lost]
        np.subtract(out[0], self.output, out=self.velocity)
        self.velocity *= 1.0 / self._dt
        self.output[:], self._gains[:] = out[0], out[1:]
