"""Blends at a hand-over: no jolt when one policy's target takes over from another's.

Inertialisation (Bollo, "Inertialization: High-Performance Animation Transitions in Gears of War", GDC 2018): the new
policy runs at once, and the difference between what was sent and what it asks, in position and velocity, decays along
a quintic that ends with zero offset, velocity and acceleration. The cross-fade lets the old target coast to a stop
while the new one's weight rises.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from arbiter.errors import ConfigError
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, frozen

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


class Decay:
    """Blends under way; every array has shape (n,), robot order.

    Attributes:
        active: Joints whose blend still runs.
        running: Whether any does.
        began, duration: Of each joint's last blend [s].
        place: What the blend begins from: position [rad] and, coasting, gains [N·m/rad, N·m·s/rad], shape (3, n).
        offset, speed: Differences in position [rad] and velocity [rad/s] at the start.
    """

    def __init__(self, block: np.ndarray, longest: float) -> None:
        n = block.shape[1]
        self.active, self.running = np.zeros(n, bool), False
        self.began, self.duration = np.zeros(n), np.full(n, longest)
        self.place = block.copy()
        self.offset, self.speed = np.zeros((2, n))

    def keep(self, mask: np.ndarray) -> None:
        """Blends of other joints are over."""
        self.active &= mask
        self.running = bool(self.active.any())

    def begin(
        self, mask: np.ndarray, place: np.ndarray, offset: np.ndarray, speed: np.ndarray, duration: np.ndarray, now: float
    ) -> None:
        """The joints of `mask` begin one at `now` [s]."""
        for into, value in (
            (self.place, place),
            (self.offset, offset),
            (self.speed, speed),
            (self.began, now),
            (self.duration, duration),
        ):
            np.copyto(into, value, where=mask)
        self.active |= mask
        self.running = bool(self.active.any())


class Blend:
    """Blends per joint; every array has shape (n,), robot order.

    A blend that starts while another runs starts from what goes out now, so the output stays continuous in position and
    velocity. A target that is not finite passes through (the safety layer refuses it and charges its policy); when
    finite ones come again, they are blended in.

    Args:
        model: The robot.
        kind: "inertial" or "crossfade".
        longest: Longest blend [s].
    """

    def __init__(self, model: RobotModel, kind: str = "inertial", longest: float = 0.3) -> None:
        if kind not in KINDS:
            raise ConfigError(f"blend {kind!r} is not known; there are: {', '.join(KINDS)}")
        if not 0.0 < longest < np.inf:
            raise ConfigError(f"blend_time {longest!r} s is not allowed; a finite number above 0 is")
        self._model, self._crossfade, self._longest, self._dt = model, kind == "crossfade", longest, model.dt
        self._everything = frozen(np.ones(model.n), bool)
        self._finite = np.zeros((3, model.n), bool)
        self._lost, self._losing = np.zeros(model.n, bool), False  # joints whose last target was not finite
        self._sent: deque[np.ndarray] = deque(maxlen=TRAIL + 1)  # finite ones that went out, q, kp, kd, the newest last
        self.seed(model.default, np.zeros(model.n))

    def seed(self, q: np.ndarray, kp: np.ndarray | None = None) -> None:
        """Starts at rest at `q` [rad]: the measured posture when motors are armed. `kp` [N·m/rad]: None: the robot's own."""
        model = self._model
        self._sent.extend([frozen((q, model.kp if kp is None else kp, model.kd))] * (TRAIL + 1))
        self._lost[:] = self._losing = False
        self._decay = Decay(self._sent[-1], self._longest)

    @property
    def active(self) -> np.ndarray:
        """Joints whose blend still runs, bool, shape (n,)."""
        return self._decay.active

    @property
    def duration(self) -> np.ndarray:
        """Length of each joint's last blend [s], shape (n,)."""
        return self._decay.duration

    @property
    def output(self) -> np.ndarray:
        """Last finite position target that went out [rad], shape (n,)."""
        return self._sent[-1][0]

    @property
    def velocity(self) -> np.ndarray:
        """Its velocity [rad/s], from the last two ticks, shape (n,)."""
        return (self._sent[-1][0] - self._sent[-2][0]) * (1.0 / self._dt)

    def go_on(self, mask: np.ndarray) -> None:
        """What comes next for the joints of `mask` continues their motion: it is not blended in, whatever came before."""
        self._lost &= ~mask
        self._losing = bool(self._lost.any())

    def _momentum(self) -> np.ndarray:
        """Velocity [rad/s] to go on with: the mean of the last ticks, as far as the joints' acceleration allows."""
        mean = (self._sent[-1][0] - self._sent[0][0]) / (TRAIL * self._dt)
        change, velocity = self._model.acceleration * self._dt, self.velocity
        return np.clip(mean, velocity - change, velocity + change)

    def start(self, mask: np.ndarray, asked: np.ndarray, now: float, dq: np.ndarray | None = None) -> None:
        """The joints of `mask` change hands at `now` [s]; called before the `apply` of the same tick.

        Args:
            mask: Joints that change hands.
            asked: First target of the new policy: q, kp, kd [rad, N·m/rad, N·m·s/rad], shape (3, n).
            dq: Its velocity [rad/s]; None: at rest.
        """
        finite = np.logical_and.reduce(np.isfinite(asked))
        self._lost |= mask & ~finite
        self._losing = bool(self._lost.any())
        mask, momentum, place = mask & finite, self._momentum(), self._sent[-1].copy()
        place[0] += momentum * self._dt
        offset = place[0] - np.where(mask, asked[0], 0.0)
        speed = momentum - (0.0 if dq is None or self._crossfade else np.nan_to_num(dq))
        model = self._model
        duration = blend_time(np.abs(offset), np.abs(speed), model.velocity, model.acceleration, self._longest)
        self._decay.begin(mask, place, offset, speed, duration, now)

    def apply(self, asked: np.ndarray, now: float) -> JointTarget:
        """The target of this tick: what the policies ask, blended where joints have just changed hands.

        Args:
            asked: q, kp, kd [rad, N·m/rad, N·m·s/rad], shape (3, n).
        """
        out = asked.copy()
        np.isfinite(out, self._finite)
        if self._losing or np.count_nonzero(self._finite) != self._finite.size:
            self._regain(np.logical_and.reduce(self._finite), asked, now)
        if self._decay.running:
            self._mix(out, now)
        out.setflags(write=False)
        self._remember(out)
        return JointTarget(out[0], out[1], out[2], self._everything)

    def _regain(self, finite: np.ndarray, asked: np.ndarray, now: float) -> None:
        back = self._lost & finite
        self._lost = ~finite
        self._decay.keep(finite)
        if back.any():
            self.start(back, asked, now)
        self._losing = bool(self._lost.any())

    def _mix(self, out: np.ndarray, now: float) -> None:
        decay = self._decay
        t = now - decay.began
        decay.keep(t < decay.duration - 1e-9)
        s = np.clip(t / decay.duration, 0.0, 1.0)
        old = offset_decay(s)
        if self._crossfade:
            coast = decay.place[0] + decay.speed * t * (1.0 - 0.5 * s)
            q = old * coast + (1.0 - old) * out[0]
        else:
            q = out[0] + decay.offset * old + decay.speed * decay.duration * velocity_decay(s)
        np.copyto(out[0], q, where=decay.active)
        np.copyto(out[1:], out[1:] + (decay.place[1:] - out[1:]) * old, where=decay.active)

    def _remember(self, out: np.ndarray) -> None:
        if self._losing:  # joints without a target stay where they are
            last = self._sent[-1]
            out = frozen(np.where(self._lost, last, out))
            self._sent.extend([frozen(np.where(self._lost, last, old)) for old in list(self._sent)])
        self._sent.append(out)
