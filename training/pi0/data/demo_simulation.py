"""The simulated robot of scripted demonstrations: standing or walking legs, head camera, safety layer, ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arbiter.errors import RobotError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.safety import Safety
from arbiter.types import JointTarget, Request, RobotState, frozen
from deploy.drivers.sensors.sim_camera import SimCamera
from deploy.drivers.simulated.simulated_robot import Noise, Scene, SimulatedRobot
from deploy.drivers.simulated.truth import Truth
from deploy.robots.collision import SelfCollision
from policies.fallback.reflex import BalanceReflex
from skills.rotations import rotations
from training.pi0.data.episode import EpisodeFrame
from training.pi0.data.upper_body import UpperBody

OWNER = "demonstrator"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a demonstrator observes in a tick.

    Attributes:
        state: As measured by the sensors. truth: The simulation's own state.
        balls: Centre of each ball in the base frame [m], shape (3,), by colour.
    """

    state: RobotState
    truth: Truth
    balls: dict[str, np.ndarray]


class DemoSimulation:
    """One simulated robot, used for many episodes.

    Args:
        model: Figures and limits.
        picture: Side of the square head camera picture [px].
        camera_hz: New pictures per second; between two the last one is used.
        walker: Locomotion policy for the legs while the arms gesture; None: the legs stand under the balance reflex.

    Attributes:
        body: Kinematics of the arms.
        interventions: Changes by the safety layer since the last `reset`.
    """

    def __init__(
        self,
        model: RobotModel,
        *,
        picture: int = 224,
        camera_hz: float = 25.0,
        walker: Policy | None = None,
        noise: Noise | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.body = UpperBody(model)
        self._robot = SimulatedRobot(model, seed=seed, scene=Scene(), noise=noise, hanging=False)
        self._camera = SimCamera(self._robot.mj_model, width=picture, height=picture)
        self._every = max(1, round(model.control_hz / camera_hz))
        self._walker = walker
        self._reflex = BalanceReflex(model)
        self._collision = SelfCollision(model)
        self._owners = (OWNER,) * model.n
        self._legs = model.groups["legs"]

    def reset(self, joint_pos: np.ndarray, balls: dict[str, np.ndarray]) -> None:
        """Places the robot on its feet in a posture [rad], shape (n,), the balls at positions [m, world], and arms it."""
        self._robot.connect()
        self._robot.reset(joint_pos, hanging=False)
        self._robot.set_balls(balls)
        self._reflex.reset()
        self._safety = Safety(self.model, collision=self._collision)
        self._tick = 0
        self._image: np.ndarray | None = None
        self.interventions = 0
        state = self._robot.read(0.0)
        if self._walker is not None:
            self._walker.reset(state, 0.0)
        refusal = self._safety.arm(state, 0.0)
        if refusal:
            raise RobotError(f"demonstration simulation: the robot cannot be armed: {refusal}")

    @property
    def now(self) -> float:
        """Simulated time [s]."""
        return self._tick * self.model.dt

    def observe(self) -> Observation:
        """The observation of this tick."""
        truth = self._robot.truth
        turn = rotations(truth.base_quat).T
        balls = {colour: turn @ (centre - truth.base_pos) for colour, centre in truth.balls.items()}
        return Observation(self._robot.read(self.now), truth, balls)

    def picture(self) -> np.ndarray:
        """What the head camera shows at this tick, uint8, shape (side, side, 3)."""
        if self._image is None or self._tick % self._every == 0:
            self._image = self._camera.render(self._robot.pose)
        return self._image

    def frame(self, observation: Observation, action: np.ndarray, start: float) -> EpisodeFrame:
        """This tick for the recorder, timed from `start` [s]."""
        state = observation.state
        return EpisodeFrame(self.now - start, self.picture(), state.joint_pos, state.joint_vel, action)

    def walking(self, observation: Observation, velocity: tuple[float, float, float]) -> np.ndarray:
        """Targets of the walking policy at this tick [rad], shape (n,); the default posture for joints that it does not drive."""
        if self._walker is None:
            return self.model.default
        wanted = self._walker.act(observation.state, Request(velocity=frozen(velocity)), self.now)
        return np.where(wanted.joints, wanted.q, self.model.default)

    def step(self, observation: Observation, target: np.ndarray, velocity: tuple[float, float, float] | None) -> None:
        """One tick towards position targets [rad], shape (n,), through the safety layer.

        `velocity`: command of the walking policy, x, y [m/s], yaw [rad/s]; None, or no policy: the legs take their targets from
        `target` and balance.
        """
        state, q, kp, kd = observation.state, np.array(target), self.model.kp, self.model.kd
        if velocity is not None and self._walker is not None:
            wanted = self._walker.act(state, Request(velocity=frozen(velocity)), self.now)
            q[self._legs] = wanted.q[self._legs]
            kp, kd = np.where(self._legs, wanted.kp, kp), np.where(self._legs, wanted.kd, kd)
        else:
            q += self._reflex.correction(state, target)
        command, verdict = self._safety.filter(
            JointTarget(frozen(q), kp, kd, self.model.groups["whole_body"]), self._owners, state, self.now
        )
        self.interventions += len(verdict.interventions)
        self._robot.write(command)
        self._robot.step(self.model.dt)
        self._tick += 1

    def move_balls(self, balls: dict[str, np.ndarray]) -> None:
        """Moves balls to their places [m, world]."""
        self._robot.set_balls(balls)

    def push(self, velocity: np.ndarray) -> None:
        """A sudden push: adds to the base's velocity [m/s], world, shape (3,)."""
        self._robot.push(velocity)
