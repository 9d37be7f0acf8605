"""A policy alone on the simulated robot, behind the safety layer; what happened, in the simulation's truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.safety import Safety
from arbiter.types import JointTarget, Mode, Request, RobotState, SafeCommand, Verdict, frozen
from arbiter.wall import walled
from deploy.drivers.simulated.scene import Scene
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.drivers.simulated.truth import Truth
from deploy.robots.collision import SelfCollision
from deploy.runtime.bodies import SENSOR_NOISE

BARE = Scene(balls={})


@dataclass(frozen=True, slots=True)
class Push:
    """A sudden change of the base's velocity: when [s], and by how much x, y [m/s], world frame."""

    at: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class DrivePlan:
    """What a policy is asked for.

    Attributes:
        velocity: x, y [m/s], yaw [rad/s].
        seconds: How long.
        pushes: On the way.
    """

    velocity: tuple[float, float, float]
    seconds: float = 5.0
    pushes: tuple[Push, ...] = ()


@dataclass(frozen=True, slots=True)
class DriveResult:
    """What happened.

    Attributes:
        plan: What was asked for.
        truth: After each tick.
        changed: Share of the ticks in which the safety layer changed a command.
        failed: Why it ended early: a fall, an error of the policy, the safety layer; "" if it did not.
    """

    plan: DrivePlan
    truth: tuple[Truth, ...]
    changed: float
    failed: str

    @property
    def share(self) -> float:
        """How much of the time it lasted."""
        return self.truth[-1].time / self.plan.seconds if self.truth else 0.0


class Ground:
    """A simulated robot that policies are tried on, one after the other, each from its feet in the default posture."""

    def __init__(self, model: RobotModel) -> None:
        self.model = model
        self._collision = SelfCollision(model)
        self._robot = SimulatedRobot(model, noise=SENSOR_NOISE, hanging=False, scene=BARE)
        self._robot.connect()

    def drive(self, policy: Policy, plan: DrivePlan) -> DriveResult:
        """Carries the plan out; ends early at a fall, or where the safety layer takes over."""
        robot, dt = self._robot, self.model.dt
        robot.reset(hanging=False)
        state, safety = robot.read(0.0), Safety(self.model, collision=self._collision)
        policy.reset(state, 0.0)
        failed, truth, changed = safety.arm(state, 0.0), [], 0
        request, pushes = Request(velocity=frozen(plan.velocity)), list(plan.pushes)
        for k in range(0 if failed else round(plan.seconds / dt)):
            while pushes and pushes[0].at <= k * dt:
                push = pushes.pop(0)
                robot.push((push.x, push.y, 0.0))
            state = robot.read(k * dt)
            target, failed = walled(policy.act, state, request, k * dt)
            if target is None:
                break
            command, verdict = self._safe(policy, target, safety, state)
            changed += bool(verdict.interventions)
            robot.write(command)
            robot.step(dt)
            truth.append(robot.truth)
            failed = self._ended(truth[-1], verdict)
            if failed:
                break
        return DriveResult(plan, tuple(truth), changed / max(len(truth), 1), failed)

    def _safe(self, policy: Policy, target: JointTarget, safety: Safety, state: RobotState) -> tuple[SafeCommand, Verdict]:
        """A target through the safety layer; at rest are the joints that walking skills leave to others: those not in "legs"."""
        model = self.model
        walked = policy.joints & model.groups["legs"] if (policy.joints & model.groups["legs"]).any() else policy.joints
        q = np.where(walked, target.q, model.default)
        whole = replace(target, q=q, joints=np.ones(model.n, bool))
        owners = tuple(policy.name if driven else "rest" for driven in walked)
        return safety.filter(whole, owners, state, state.stamp)

    def _ended(self, truth: Truth, verdict: Verdict) -> str:
        if tilt(truth) > self.model.fall_tilt:
            return f"fell after {truth.time:.1f} s"
        return "" if verdict.mode is Mode.RUN else f"safety: {verdict.mode.value} after {truth.time:.1f} s: {verdict.reason}"


def tilt(truth: Truth) -> float:
    """Angle between the base's z axis and the vertical [rad]."""
    _, x, y, _ = truth.base_quat
    return float(np.arccos(np.clip(1.0 - 2.0 * (x * x + y * y), -1.0, 1.0)))


def velocity(course: DriveResult, since: float) -> np.ndarray:
    """Mean velocity x, y [m/s] in the heading of each moment, and yaw [rad/s], from `since` [s] on, shape (3,)."""
    kept = [truth for truth in course.truth if truth.time >= since]
    if len(kept) < 3:
        return np.zeros(3)
    seconds = kept[-1].time - kept[0].time
    yaw = np.unwrap([truth.yaw for truth in kept])
    steps = np.diff(np.array([truth.base_pos[:2] for truth in kept]), axis=0)
    c, s = np.cos(yaw[1:]), np.sin(yaw[1:])
    ahead, left = c * steps[:, 0] + s * steps[:, 1], c * steps[:, 1] - s * steps[:, 0]
    return np.array((ahead.sum(), left.sum(), yaw[-1] - yaw[0])) / seconds
