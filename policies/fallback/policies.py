"""Policies that need no network: they take over when others fail, and between skills."""

from __future__ import annotations

import math

import numpy as np

from arbiter.errors import PolicyError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState, frozen
from policies.fallback.gait_replay import GaitReplay
from policies.fallback.reflex import BalanceReflex

SETTLE_RATE = 4.0  # [1/s] rate of a SmoothApproach: within 1 % of its goal in about 1.7 s
APPROACH_SPEED = 1.2  # [rad/s] of the joint with the longest distance
REST_SPEED = 0.8  # [rad/s]
SAG = 0.15  # [rad] between command and joint under its own weight; farther off, something is in its way
THERE = 0.1  # [rad] off the default posture, within which a policy can take the legs
TAKE_OVER = 0.4  # [s] in which it does
STILL = Request()  # zero velocity
ARRIVED = 1e-6  # [rad, rad/s] distance from the goal, and speed, at which a SmoothApproach ends
START_SPEED = 0.5  # [rad/s] out of the harness, where people may touch the robot


class SmoothApproach:
    """A posture that moves to a goal along a straight line in joint space, critically damped, at a bounded speed.

    Args:
        speed: Largest speed of any joint [rad/s]; the others are slowed in proportion.
    """

    def __init__(self, speed: float) -> None:
        self._most = speed
        self.q = np.zeros(0)
        self._dq = np.zeros(0)
        self._arrived: np.ndarray | None = None  # the goal where it is

    def start(self, q: np.ndarray, dq: np.ndarray | None = None) -> None:
        """Begins at `q` [rad], in motion with `dq` [rad/s]; None: at rest."""
        self.q, self._arrived = np.array(q), None
        self._dq = np.zeros(len(q)) if dq is None else np.clip(dq, -self._most, self._most)

    def step(self, goal: np.ndarray, dt: float, most: float = math.inf) -> np.ndarray:
        """One tick of `dt` [s] towards `goal` [rad], at most as fast as `most` [rad/s]. Once it is at a goal that nobody can
        write to, the answer is this array itself, tick by tick."""
        if goal is self._arrived:
            return self.q
        w = SETTLE_RATE
        # Implicit Euler of q̈ = w² (goal - q) - 2 w q̇: stable for any dt.
        self._dq = (self._dq + dt * w * w * (goal - self.q)) / (1.0 + w * dt) ** 2
        fastest = float(np.abs(self._dq).max())
        most = min(self._most, most)
        if fastest > most:
            self._dq *= most / fastest
        self.q = self.q + dt * self._dq
        self._arrived = None
        if fastest < ARRIVED and not goal.flags.writeable and np.abs(goal - self.q).max() < ARRIVED:
            self.q = self._arrived = goal
            self._dq = np.zeros(len(goal))
        return self.q


class Fallback:
    """What the policies of this module share. `joints` None: the whole body.

    Attributes:
        carries: Whether it keeps the robot on its legs.
    """

    kind = "fallback"
    name = ""
    carries = False

    def __init__(self, model: RobotModel, *, name: str = "", joints: np.ndarray | None = None) -> None:
        self._model = model
        self.name = name or type(self).name
        self.joints = frozen(model.groups["whole_body"] if joints is None else joints, bool)
        self._at = math.nan
        self._last: JointTarget | None = None

    def reset(self, state: RobotState, now: float) -> None:
        """Starts from the measured posture."""
        self._at, self._last = math.nan, None
        self._start(state)

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Follows the robot until it acts. Always ready."""
        self._start(state)
        return True

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """The target of this tick; the same one when asked twice."""
        if self._last is None or now != self._at:
            dt = now - self._at
            self._at = now
            self._last = self._compose(state, request, dt if 0.0 < dt < 0.5 else self._model.dt)
        return self._last

    def _start(self, state: RobotState) -> None:
        """Takes the measured posture as its beginning."""

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        raise TypeError(f"{type(self).__name__} composes no target")

    def _target(self, q: np.ndarray, kp: np.ndarray | None = None) -> JointTarget:
        if not np.isfinite(q).all():
            raise PolicyError(f"policy {self.name}: its target is not finite; check the sensors behind it")
        return JointTarget(frozen(q), self._model.kp if kp is None else kp, self._model.kd, self.joints)

    def release(self) -> None:
        """Nothing runs in the background."""

    def close(self) -> None:
        """Nothing to free."""


class Hold(Fallback):
    """Keeps the posture that was measured when it took over.

    A joint that the request's posture, what was commanded last, differs from by no more than it sags keeps to that: a
    robot that is stopped again and again would else let its arms sink a little each time.
    """

    name = "hold"

    def _start(self, state: RobotState) -> None:
        self._q = frozen(np.clip(state.joint_pos, self._model.lower, self._model.upper))

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        if request.posture is None:
            return self._target(self._q)
        return self._target(np.where(np.abs(request.posture - self._q) <= SAG, request.posture, self._q))


class Damp(Fallback):
    """No position gain: the joints resist motion, nothing else."""

    name = "damp"

    def __init__(self, model: RobotModel, *, name: str = "", joints: np.ndarray | None = None) -> None:
        super().__init__(model, name=name, joints=joints)
        self._zero = frozen(np.zeros(model.n))
        self._q = model.default

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        if np.isfinite(state.joint_pos).all():  # without a position gain the target only says where a blend ends
            self._q = state.joint_pos
        return self._target(self._q, self._zero)


class Rest(Fallback):
    """Goes slowly to the default posture, or to the one the request names: arms at rest."""

    name = "rest"

    def __init__(self, model: RobotModel, *, name: str = "", joints: np.ndarray | None = None) -> None:
        super().__init__(model, name=name, joints=joints)
        self._approach = SmoothApproach(REST_SPEED)
        self._still: tuple[np.ndarray, JointTarget] | None = None  # the last posture, and its target

    def _start(self, state: RobotState) -> None:
        self._approach.start(np.clip(state.joint_pos, self._model.lower, self._model.upper))

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        goal = self._model.default if request.posture is None else request.posture
        posture = self._approach.step(np.asarray(goal), dt, START_SPEED if request.start else math.inf)
        if self._still is None or posture is not self._still[0]:
            self._still = posture, self._target(posture)
        return self._still[1]


class PostureStand(Rest):
    """Stands by holding a posture: for a robot that does not fall over by itself."""

    name = "stand"
    carries = True


class PolicyStand(Rest):
    """Stands by a policy that is asked for zero velocity; joints that it does not drive rest.

    Out of the harness the legs first move to the default posture; from there on the policy acts, also in the air.

    Args:
        policy: Of its own: nobody else drives with it.
    """

    name = "stand"
    carries = True

    def __init__(self, model: RobotModel, policy: Policy, *, name: str = "", joints: np.ndarray | None = None) -> None:
        super().__init__(model, name=name, joints=joints)
        self._policy, self._legs = policy, model.groups["legs"]
        self._acts, self._share = False, 0.0

    def reset(self, state: RobotState, now: float) -> None:
        """Starts from the measured posture."""
        super().reset(state, now)
        self._policy.reset(state, now)
        self._acts = False

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Follows the robot until it acts."""
        super().warm(state, request, now)
        return self._policy.warm(state, STILL, now)

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        resting = super()._compose(state, request, dt)
        if not self._acts:
            away = np.abs(state.joint_pos - self._model.default)[self._legs].max(initial=0.0)
            if request.start and away > THERE:
                return resting
            self._acts, self._share = True, 0.0 if request.start else 1.0
            self._policy.reset(state, self._at)
        target = self._policy.act(state, STILL, self._at)
        self._share = min(1.0, self._share + dt / TAKE_OVER)
        share = np.where(target.joints, self._share, 0.0)
        mixed = [a + share * (b - a) for a, b in ((resting.q, target.q), (resting.kp, target.kp), (resting.kd, target.kd))]
        return JointTarget(*map(frozen, mixed), self.joints)

    def release(self) -> None:
        self._policy.release()

    def close(self) -> None:
        self._policy.close()


class Stand(Rest):
    """Stands in the default posture, or in the one the request names, and balances: see BalanceReflex."""

    name = "stand"
    carries = True

    def __init__(self, model: RobotModel, *, name: str = "", joints: np.ndarray | None = None) -> None:
        super().__init__(model, name=name, joints=joints)
        self._approach = SmoothApproach(APPROACH_SPEED)
        self._started = False
        self._reflex = BalanceReflex(model)

    def spare(self) -> GaitReplay:
        """What comes before a stand where somebody walked."""
        return GaitReplay(self._model)

    def _start(self, state: RobotState) -> None:
        """Slows a motion under way down: to stop a bow from one tick to the next throws the robot on its toes."""
        self._approach.start(state.joint_pos, np.nan_to_num(state.joint_vel))

    def reset(self, state: RobotState, now: float) -> None:
        """Starts from the measured posture, without trim."""
        super().reset(state, now)
        self._reflex.reset()
        self._started = False

    def _compose(self, state: RobotState, request: Request, dt: float) -> JointTarget:
        if request.start is not self._started:
            self._started = request.start
            self._reflex.may_hang(request.start)
        goal = self._model.default if request.posture is None else request.posture
        posture = self._approach.step(np.asarray(goal), dt, START_SPEED if request.start else math.inf)
        return self._target(posture + self._reflex.correction(state, posture))
