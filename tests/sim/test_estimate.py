"""The estimate of where the base is, with noise and delays like those of the real robot, against the simulation's truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arbiter.estimation.estimator import BaseEstimator
from arbiter.types import BaseEstimate, Mode, Request, RobotState, frozen
from deploy.drivers.simulated.simulated_robot import Noise, Scene, SimulatedRobot
from deploy.robots.description import load_model
from deploy.runtime.bodies import SENSOR_NOISE
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from skills.criteria import rotation
from tests.safety_rig import issued

MODEL = load_model()
DT = MODEL.dt
FORWARD, STILL = (0.35, 0.0, 0.0), (0.0, 0.0, 0.0)


class Walk:
    """The shipped policy walks; the estimator reads what `spoil` makes of each reading.

    Attributes:
        found: Estimates. truth: Position and velocity of the torso's centre of mass and heading, shape (ticks, 7).
    """

    def __init__(self, seed: int = 1, noise: Noise = SENSOR_NOISE, scene: Scene | None = None, late: float = 0.0) -> None:
        self.robot = SimulatedRobot(MODEL, seed=seed, noise=noise, scene=scene, hanging=False)
        self.robot.connect()
        self.policy, self.estimator = OnnxPolicy(SHIPPED / "locomotion.onnx", MODEL), BaseEstimator(MODEL)
        self.found: list[BaseEstimate] = []
        self._truth: list[np.ndarray] = []
        self._late, self._random, self._noise = late, np.random.default_rng(seed), noise
        self._joints = self._measured()
        self.policy.reset(self.robot.read(0.0), 0.0)
        self.go(STILL, 1.0)

    def go(self, velocity, seconds: float, spoil=lambda state: state, push=None, hold: bool = False) -> Walk:
        """`hold`: in the default posture, no policy."""
        for k in range(round(seconds / DT)):
            now = len(self.found) * DT
            state = self.robot.read(now)
            if self._late:
                state = replace(state, **self._joints, joint_age=frozen(np.full(MODEL.n, self._late)))
            self._look()
            self.found.append(self.estimator.step(spoil(state)))
            target = self.policy.act(state, Request(velocity=frozen(velocity)), now)
            q = np.where(self.policy.joints, target.q, MODEL.default)
            q, kp, kd = (MODEL.default, MODEL.kp, MODEL.kd) if hold else (q, target.kp, target.kd)
            command = issued(now, q, kp, kd, Mode.RUN)
            self.estimator.sent(command)
            self.robot.write(command)
            if push is not None and k == 0:
                self.robot.push(push)
            self.robot.step(DT - self._late)
            if self._late:
                self._joints = self._measured()
                self.robot.step(self._late)
        return self

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
        turned = rotation(truth.base_quat)
        velocity = truth.base_vel + turned @ np.cross(truth.base_ang_vel, centre)
        self._truth.append(np.concatenate((truth.base_pos + turned @ centre, velocity, (truth.yaw,))))

    @property
    def truth(self) -> np.ndarray:
        truth = np.array(self._truth)
        truth[:, 6] = np.unwrap(truth[:, 6])
        return truth

    def errors(self, since: int = 45) -> tuple[float, float, float, float]:
        """Since tick `since`: of the end [m], the true way [m], rms of the horizontal velocity [m/s], of the heading [rad]."""
        truth, told = self.truth[since:], self.found[since:]
        turn = truth[0, 6] - told[0].heading
        c, s = np.cos(turn), np.sin(turn)
        turned = np.array(((c, -s), (s, c)))
        place = np.array([one.position[:2] for one in told]) @ turned.T
        speed = np.array([one.velocity[:2] for one in told]) @ turned.T
        end = np.linalg.norm(place[-1] - place[0] - (truth[-1, :2] - truth[0, :2]))
        way = np.linalg.norm(np.diff(truth[::10, :2], axis=0), axis=1).sum()
        rms = np.sqrt(((speed - truth[:, 3:5]) ** 2).mean())
        return float(end), float(way), float(rms), float(abs((told[-1].heading - told[0].heading) - (truth[-1, 6] - truth[0, 6])))


@pytest.mark.parametrize(
    ("velocity", "friction", "late"),
    [(FORWARD, 1.0, 0.004), ((-0.25, 0.0, 0.0), 0.7, 0.0), ((0.0, 0.15, 0.0), 0.5, 0.004), ((0.3, 0.0, 0.5), 1.2, 0.0)],
)
def test_it_knows_how_far_the_robot_walked(velocity, friction, late):
    walk = Walk(scene=Scene(balls={}, friction=friction), late=late).go(velocity, 6.0).go(STILL, 1.0)
    end, way, rms, turned = walk.errors()
    assert way > 0.5 and end < 0.06 * way + 0.02 and rms < 0.03 and turned < 0.03
    assert all(one.trusted for one in walk.found[10:])
    assert abs(walk.found[-1].position[2] - (walk.truth[-1, 2] - walk.truth[10, 2])) < 0.01
    deviation, speed, angle = walk.found[-1].deviations
    assert end < 3.0 * deviation < 0.3 and speed < 0.05 and angle < 0.05


def test_pushes_are_felt():
    walk = Walk(seed=2).go(FORWARD, 2.0).go(FORWARD, 2.0, push=(0.0, 0.4, 0.0)).go(FORWARD, 2.0, push=(-0.3, 0.0, 0.0))
    end, way, rms, _ = walk.go(STILL, 1.0).errors()
    assert end < 0.06 * way + 0.02 and rms < 0.03


def test_joints_a_whole_tick_older_than_the_imu_are_brought_to_one_moment_with_it():
    told: list[RobotState] = []

    def delayed(state: RobotState) -> RobotState:
        told.append(state)
        before = told[max(0, len(told) - 2)]
        return replace(state, joint_pos=before.joint_pos, joint_vel=before.joint_vel, joint_age=frozen(np.full(MODEL.n, DT)))

    walk = Walk().go(FORWARD, 4.0, delayed).go(STILL, 1.0, delayed)
    end, way, rms, _ = walk.errors()
    assert end < 0.08 * way + 0.02 and rms < 0.04 and walk.found[-1].trusted
    two = delayed(replace(told[-1], stamp=told[-1].stamp + DT))
    assert "ms apart" in walk.estimator.step(replace(two, joint_age=frozen(np.full(MODEL.n, 2.5 * DT)))).doubt


def test_a_drift_of_the_imus_heading_is_found_at_rest():
    noise = replace(SENSOR_NOISE, ang_vel_bias=0.01)
    walk = Walk(seed=3, noise=noise).go(STILL, 5.0)
    drift = abs(walk.robot.read(walk.found[-1].heading).base_ang_vel - walk.robot.truth.base_ang_vel)
    assert drift.max() > 0.003, "this IMU drifts"
    walk.go(FORWARD, 5.0).go(STILL, 1.0)
    assert walk.errors(since=280)[3] < 0.03
    uncorrected = walk.robot.read(0.0).base_quat
    assert uncorrected is not None


def test_a_robot_that_is_carried_says_so_and_comes_back():
    walk = Walk().go(FORWARD, 2.0).go(STILL, 1.0)
    before = walk.found[-1]
    walk.robot.hang()
    walk.go(STILL, 4.0, hold=True)
    assert walk.found[-1].doubt == "no foot carries it" and np.abs(walk.found[-1].velocity).max() < 0.3
    assert walk.found[-1].deviations[0] > before.deviations[0] + 0.1
    walk.robot.release()
    walk.go(STILL, 1.0, hold=True).go(STILL, 2.0)
    assert walk.found[-1].trusted
    since = len(walk.found)
    end, way, rms, _ = walk.go(FORWARD, 3.0).go(STILL, 1.0).errors(since)
    assert end < 0.06 * way + 0.03 and rms < 0.04


def test_one_foot_is_enough_and_silent_legs_are_told():
    walk = Walk().go(FORWARD, 1.0)
    knee = MODEL.index("leg_left_knee_pitch_joint")

    def silent(state: RobotState) -> RobotState:
        age = np.array(state.joint_age)
        age[knee] = 0.2
        return replace(state, joint_age=frozen(age))

    end, way, _, _ = walk.go(FORWARD, 2.0, silent).go(STILL, 1.0).errors()
    assert end < 0.1 * way + 0.03
    walk.go(STILL, 0.2, lambda state: replace(state, joint_age=frozen(np.full(MODEL.n, 0.2))))
    assert walk.found[-1].doubt == "the legs' readings are 0.20 s old"
    walk.go(STILL, 0.2, lambda state: replace(state, imu_age=0.3))
    assert walk.found[-1].doubt == "the IMU's reading is 0.30 s old"
    assert walk.go(STILL, 0.5).found[-1].trusted


def test_without_an_accelerometer_it_is_less_sure():
    walk = Walk()
    walk.go(FORWARD, 4.0, lambda state: replace(state, acceleration=None))
    end, way, rms, _ = walk.go(STILL, 1.0, lambda state: replace(state, acceleration=None)).errors()
    assert end < 0.08 * way + 0.02 and rms < 0.09


def test_a_fallen_robot_says_so():
    walk = Walk()
    lying = frozen((np.cos(0.7), 0.0, np.sin(0.7), 0.0))
    walk.go(STILL, 1.0, lambda state: replace(state, base_quat=lying))
    assert walk.found[-1].doubt == "it has fallen" and np.abs(walk.found[-1].velocity).max() < 0.3
