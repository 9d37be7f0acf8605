"""A walk of the shipped policy, read by the estimator, with the simulation's truth beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from arbiter.estimation.estimator import BaseEstimator
from arbiter.types import BaseEstimate, Mode, Request, RobotState, SafeCommand, frozen
from deploy.drivers.simulated.simulated_robot import Noise, Scene, SimulatedRobot
from deploy.robots.description import load_model
from deploy.runtime.bodies import SENSOR_NOISE
from deploy.runtime.config import SimulationConfig
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from skills.rotations import rotations
from tests.safety_rig import issued

MODEL = replace(load_model(), creep=SimulationConfig().creep)
DT = MODEL.dt
STILL = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class EndErrors:
    """Errors of estimates against the truth, in the frame of the estimates.

    Attributes:
        end: Of the last position, x, y [m], shape (2,). shift: Of it, truly gone since the first, likewise.
        way: Length of the true way [m].
        velocity: Rms of the horizontal velocity, each axis [m/s].
        heading: Of the last one [rad].
    """

    end: np.ndarray
    shift: np.ndarray
    way: float
    velocity: float
    heading: float

    @property
    def miss(self) -> float:
        """How far the end is off [m]."""
        return float(np.linalg.norm(self.end))

    @property
    def distance(self) -> float:
        """How much longer the distance from start to end is told than it is, as a share of it."""
        return float(np.linalg.norm(self.shift + self.end) / np.linalg.norm(self.shift)) - 1.0


def errors_of(place: np.ndarray, velocity: np.ndarray, heading: np.ndarray, truth: np.ndarray) -> EndErrors:
    """Positions [m] and velocities [m/s], shape (ticks, 2), headings [rad], shape (ticks,); `truth` as of a Walk, of the same
    ticks. The first ticks, at rest, tell how the frames are turned against each other."""
    turn = float(np.mean(truth[:25, 6] - heading[:25]))
    c, s = np.cos(turn), np.sin(turn)
    back = np.array(((c, s), (-s, c)))
    path, speed = (truth[:, :2] - truth[0, :2]) @ back.T, truth[:, 3:5] @ back.T
    return EndErrors(
        end=place[-1] - place[0] - path[-1],
        shift=path[-1],
        way=float(np.linalg.norm(np.diff(path[::10], axis=0), axis=1).sum()),
        velocity=float(np.sqrt(((velocity - speed) ** 2).mean())),
        heading=float(heading[-1] - (truth[-1, 6] - turn)),
    )


class Walk:
    """The shipped policy walks; the estimator reads what `spoil` makes of each reading.

    Attributes:
        found: Estimates. truth: Position and velocity of the torso's centre of mass and heading, shape (ticks, 7).
        readings, commands: What the estimator read, and was told of, tick by tick.
    """

    def __init__(self, seed: int = 1, noise: Noise = SENSOR_NOISE, scene: Scene | None = None, late: float = 0.0) -> None:
        self.robot = SimulatedRobot(MODEL, seed=seed, noise=noise, scene=scene, hanging=False)
        self.robot.connect()
        self.policy, self.estimator = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL), BaseEstimator(MODEL)
        self.found: list[BaseEstimate] = []
        self.readings: list[RobotState] = []
        self.commands: list[SafeCommand] = []
        self._truth: list[np.ndarray] = []
        self._late, self._random, self._noise = late, np.random.default_rng(seed), noise
        self._joints = self._measured()
        self.policy.reset(self.robot.read(0.0), 0.0)
        self.go(STILL, 1.0)

    def go(
        self,
        velocity: tuple[float, float, float],
        seconds: float,
        spoil: Callable[[RobotState], RobotState] = lambda state: state,
        push: tuple[float, float, float] | None = None,
        hold: bool = False,
    ) -> Walk:
        """At a commanded velocity [m/s], [rad/s]; `push` [m/s] at its start; `hold`: in the default posture, no policy."""
        for k in range(round(seconds / DT)):
            now = len(self.found) * DT
            state = self.robot.read(now)
            if self._late:
                state = replace(state, **self._joints, joint_age=frozen(np.full(MODEL.n, self._late)))
            self._look()
            self.readings.append(spoil(state))
            self.found.append(self.estimator.step(self.readings[-1]))
            target = self.policy.act(state, Request(velocity=frozen(velocity)), now)
            q = np.where(self.policy.joints, target.q, self.arms(now))
            q, kp, kd = (MODEL.default, MODEL.kp, MODEL.kd) if hold else (q, target.kp, target.kd)
            command = issued(now, q, kp, kd, Mode.RUN)
            self.commands.append(command)
            self.estimator.sent(command)
            self.robot.write(command)
            if push is not None and k == 0:
                self.robot.push(push)
            self.robot.step(DT - self._late)
            if self._late:
                self._joints = self._measured()
                self.robot.step(self._late)
        return self

    def arms(self, now: float) -> np.ndarray:
        """Where the arms are meant to be at `now` [s] [rad], shape (n,)."""
        return MODEL.default

    def _measured(self) -> dict[str, np.ndarray]:
        """The joints now, for a reading that comes later."""
        truth, (q, dq) = self.robot.truth, self._random.standard_normal((2, MODEL.n))
        noise = self._noise
        return {
            "joint_pos": frozen(truth.joint_pos + noise.joint_pos * q),
            "joint_vel": frozen(truth.joint_vel + noise.joint_vel * dq),
        }

    def _look(self) -> None:
        truth, centre = self.robot.truth, MODEL.known_body.torso
        turned = rotations(truth.base_quat)
        velocity = truth.base_vel + turned @ np.cross(truth.base_ang_vel, centre)
        self._truth.append(np.concatenate((truth.base_pos + turned @ centre, velocity, (truth.yaw,))))

    @property
    def truth(self) -> np.ndarray:
        truth = np.array(self._truth)
        truth[:, 6] = np.unwrap(truth[:, 6])
        return truth

    def errors(self, since: int = 25) -> EndErrors:
        """Of the estimates since tick `since`."""
        told = self.found[since:]
        place, velocity = (np.array([getattr(one, name)[:2] for one in told]) for name in ("position", "velocity"))
        return errors_of(place, velocity, np.array([one.heading for one in told]), self.truth[since:])
