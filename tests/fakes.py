"""Stand-ins for tests of the core: a robot that goes where it is told, and policies that do one thing."""

from __future__ import annotations

import numpy as np

from arbiter.errors import PolicyError
from arbiter.robot import RobotModel
from arbiter.skill import Route, SkillCall
from arbiter.types import JointTarget, Mode, Request, RobotState, SafeCommand, frozen
from deploy.robots.description import load_model

MODEL = load_model()


def state_of(q=None, dq=None, now=0.0, tilt=0.0, model: RobotModel = MODEL, **changes) -> RobotState:
    """A healthy reading: default posture, upright unless `tilt` [rad] about y is given."""
    values = {
        "stamp": now,
        "joint_pos": frozen(model.default if q is None else q),
        "joint_vel": frozen(np.zeros(model.n) if dq is None else dq),
        "base_quat": frozen((np.cos(tilt / 2), 0.0, np.sin(tilt / 2), 0.0)),
        "base_ang_vel": frozen(np.zeros(3)),
        "joint_age": frozen(np.zeros(model.n)),
    }
    return RobotState(**(values | changes))


class FakeRobot:
    """Follows commands at once, unless the mode gives it no position target."""

    def __init__(self, model: RobotModel = MODEL) -> None:
        self.model, self.q, self.tilt = model, model.default.copy(), 0.0
        self.sent: list[SafeCommand] = []
        self.broken = ""
        self.changes: dict = {}

    def connect(self) -> None:
        """Nothing to open."""

    def read(self, now: float) -> RobotState:
        if self.broken:
            raise OSError(self.broken)
        return state_of(self.q, now=now, tilt=self.tilt, model=self.model, **self.changes)

    def write(self, command: SafeCommand) -> None:
        self.sent.append(command)
        if command.mode in (Mode.RUN, Mode.HOLD, Mode.SETTLE):
            self.q = np.array(command.q)

    def step(self, dt: float) -> None:
        """Time is whatever the test says."""

    def close(self) -> None:
        """Nothing to free."""


class FakePolicy:
    """Drives its joints to `offset` from the default posture; fails, warms slowly or goes wild on demand."""

    def __init__(self, name: str, kind: str, group: str = "whole_body", offset: float = 0.0, model: RobotModel = MODEL) -> None:
        self.name, self.kind, self.joints, self.model = name, kind, model.groups[group], model
        self.offset, self.warm_ticks = offset, 1
        self.fail, self.stuck, self.kp = "", False, model.kp
        self.q: np.ndarray | None = None
        self.requests: list[Request] = []
        self.calls: list[str] = []
        self._warmed = 0

    def reset(self, state: RobotState, now: float) -> None:
        self.calls.append("reset")
        self._warmed = 0

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        self.calls.append("warm")
        self._warmed += 1
        return self._warmed >= self.warm_ticks

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        self.requests.append(request)
        if self.fail:
            raise PolicyError(self.fail)
        base = self.model.default if request.posture is None else request.posture
        q = base + self.offset if self.q is None else self.q
        if self.kind == "locomotion" and not self.stuck:  # a walk never asks for the same again and again
            q = q + 1e-12 * (len(self.requests) % 2)
        return JointTarget(q, self.kp, self.model.kd, self.joints)

    def release(self) -> None:
        self.calls.append("release")

    def close(self) -> None:
        self.calls.append("close")


def fallbacks() -> dict[str, tuple[FakePolicy, ...]]:
    """The policies that must always be there."""
    groups = {"stand": "legs", "rest": "arms", "hold": "whole_body", "damp": "whole_body"}
    return {name: (FakePolicy(name, "fallback", group),) for name, group in groups.items()}


def route_to(*steps, text: str = "") -> Route:
    """An accepted route: each step is a skill name or a tuple of them."""
    calls = tuple(
        tuple(
            SkillCall(name) if isinstance(name, str) else name
            for name in (step if isinstance(step, tuple) and not isinstance(step, SkillCall) else (step,))
        )
        for step in steps
    )
    return Route(text, "accepted", calls, score=0.9, margin=0.5, ms=1.0)
