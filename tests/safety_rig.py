"""A small robot, readings and targets for tests of the safety layer and of blends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.robot import RobotModel
from arbiter.safety import Safety, SafetyLimits
from arbiter.safety.command import issue
from arbiter.types import JointTarget, Mode, RobotState, SafeCommand, frozen

DT = 0.02
DRIVING = (Mode.RUN, Mode.HOLD, Mode.SETTLE)


def small_model() -> RobotModel:
    """Four joints: a leg that brakes within a tick, one that needs four, an arm that needs two, one that needs ten."""
    return RobotModel(
        name="small",
        joints=("leg_hip_joint", "leg_knee_joint", "arm_shoulder_joint", "arm_elbow_joint"),
        lower=frozen((-1.0, 0.0, -2.0, -0.5)),
        upper=frozen((1.0, 2.0, 2.0, 0.5)),
        velocity=frozen((20.0, 20.0, 8.0, 2.0)),
        acceleration=frozen((1500.0, 300.0, 200.0, 10.0)),
        effort=frozen((6.0, 6.0, 4.0, 4.0)),
        kp=frozen((20.0, 20.0, 10.0, 10.0)),
        kd=frozen((2.0, 2.0, 2.0, 2.0)),
        default=frozen((0.0, 0.4, 0.0, 0.0)),
        groups={"legs": frozen((1, 1, 0, 0), bool), "arms": frozen((0, 0, 1, 1), bool), "whole_body": frozen((1,) * 4, bool)},
    )


def loose(model: RobotModel) -> SafetyLimits:
    """The model's limits with the torque window out of the way."""
    return replace(SafetyLimits.from_model(model), torque_factor=1e6)


def reading(model: RobotModel, t: float, q: np.ndarray | None = None, tilt: float = 0.0, **changes) -> RobotState:
    """A good reading at `t` [s], but for `changes`."""
    state = RobotState(
        t,
        np.array(model.default if q is None else q),
        np.zeros(model.n),
        np.array((np.cos(tilt / 2), np.sin(tilt / 2), 0.0, 0.0)),
        np.zeros(3),
        np.zeros(model.n),
    )
    return replace(state, **changes) if changes else state


def issued(stamp: float, q: np.ndarray, kp: np.ndarray, kd: np.ndarray, mode: Mode = Mode.RUN) -> SafeCommand:
    """A command as the safety layer issues it, but unchecked: for tests of what lies behind it."""
    return issue(stamp, np.array((q, kp, kd)), mode)


def target(model: RobotModel, q: np.ndarray, kp: np.ndarray | None = None, kd: np.ndarray | None = None) -> JointTarget:
    """A full-body target with nominal gains."""
    return JointTarget(
        np.asarray(q, float),
        np.array(model.kp if kp is None else kp),
        np.array(model.kd if kd is None else kd),
        np.ones(model.n, bool),
    )


def armed(model: RobotModel, q: np.ndarray | None = None, **options) -> Safety:
    """A safety layer that was armed at 0 s in the posture `q` [rad]."""
    safety = Safety(model, **options)
    assert safety.arm(reading(model, 0.0, q), 0.0) == ""
    return safety


class Drive:
    """Ticks a safety layer with a perfect robot: the joints are where they were sent."""

    def __init__(self, safety: Safety, q: np.ndarray | None = None, owners: tuple[str, ...] | None = None) -> None:
        self.safety, self.model = safety, safety.model
        self.t = 0.0
        self.measured = np.array(self.model.default if q is None else q)
        self.owners = owners or ("walk",) * self.model.n
        self.sent: list[SafeCommand] = []

    def tick(self, q, state: object = None, kp=None, kd=None, **changes):
        """One tick that asks for posture `q` [rad]; `changes` spoil the reading. Returns (command, verdict)."""
        self.t += DT
        state = state or reading(self.model, self.t, self.measured, **changes)
        asked = q if isinstance(q, JointTarget) or q is None else target(self.model, q, kp, kd)
        command, verdict = self.safety.filter(asked, self.owners, state, self.t)
        self.measured = command.q.copy()
        self.sent.append(command)
        return command, verdict

    def ticks(self, count: int, q, **changes):
        """`count` equal ticks; returns the last (command, verdict)."""
        for _ in range(count):
            result = self.tick(q, **changes)
        return result


def check_limits(model: RobotModel, start: np.ndarray, sent: list[SafeCommand]) -> None:
    """Range, velocity, acceleration and braking distance of everything that was sent while armed."""
    last, step = np.clip(start, model.lower, model.upper), np.zeros(model.n)
    a = model.acceleration * DT * DT
    for command in sent:
        assert np.isfinite(command.q).all() and np.isfinite(command.kp).all() and np.isfinite(command.kd).all()
        assert (command.q >= model.lower).all() and (command.q <= model.upper).all()
        if command.mode not in DRIVING:
            assert not command.kp.any()
            return
        d = command.q - last
        assert (np.abs(d) <= model.velocity * DT + 1e-7).all(), (np.abs(d) / DT, model.velocity)
        assert (np.abs(d - step) <= a + 1e-7).all(), (np.abs(d - step) / DT**2, model.acceleration)
        end, speed = command.q.copy(), d.copy()
        while np.abs(speed).max() > 0.0:  # brake by hand: it has to end inside the range
            speed = np.sign(speed) * np.maximum(np.abs(speed) - a, 0.0)
            end += speed
        assert (end >= model.lower - 1e-6).all() and (end <= model.upper + 1e-6).all()
        last, step = command.q, d
