"""The simulated robot: MuJoCo behind the driver protocol, repeatable bit for bit."""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.types import RobotState, SafeCommand, frozen
from deploy.drivers.simulated.accelerometer import Accelerometer
from deploy.drivers.simulated.gyroscope import Gyroscope
from deploy.drivers.simulated.harness import Harness
from deploy.drivers.simulated.motors import ImplicitMotors, Motors
from deploy.drivers.simulated.scene import Scene, check_ball, compile_scene
from deploy.drivers.simulated.senses import Failures, Noise, Senses
from deploy.drivers.simulated.truth import Pose, Truth
from deploy.robots.mjcf import standing_data
from deploy.robots.roles import find_roles
from deploy.robots.shape import imu_in_base, sole_height
from deploy.robots.stability import unstable

__all__ = ["Failures", "Noise", "Pose", "Scene", "SimulatedRobot", "Truth"]

MOTOR_HZ_AT_LEAST = 250.0
CONTACT_FORCE = 1.0  # [N] above which a foot counts as touching the floor
GRAVITY = 9.81
LIFT_S = 2.0
LOWER_S = 1.5


class SimulatedRobot:
    """A robot in MuJoCo. Starts passive, hanging in a virtual harness; `release` puts it on its feet.

    A robot whose base does not move freely has no harness. Motors whose damping would be unstable at the motors' rate get
    MuJoCo's own, implicit one: see `deploy.robots.stability`.

    Physics and motors advance only in `step`. Everything that happens depends on the arguments, the calls and the
    seed alone: two runs are equal bit for bit.

    Attributes:
        model: Figures and limits.
        scene: What it was built with.
        mj_model: The compiled MuJoCo model, for cameras and viewers; not to be changed.
        accelerometer, gyroscope: What its IMU has felt, and how it has turned.
        battery: State of charge 0..1, as `read` tells it; may be set at any time.
    """

    def __init__(
        self,
        model: RobotModel,
        *,
        seed: int = 0,
        scene: Scene | None = None,
        noise: Noise | None = None,
        physics_dt: float = 0.002,
        motor_hz: float = 500.0,
        watchdog: float = 0.1,
        hanging: bool = True,
        battery: float = 1.0,
        drain: float = 0.0,
    ) -> None:
        """`physics_dt` [s]; the motors compute their torque at `motor_hz`; without a command for `watchdog` seconds of
        simulated time they damp. `hanging` False: starts free, on its feet, in the default posture. `battery`: state of
        charge 0..1 at the start, of which `drain` goes in a minute of simulated time."""
        ratio = 1.0 / (motor_hz * physics_dt)
        if motor_hz < MOTOR_HZ_AT_LEAST or ratio < 0.999 or abs(ratio - round(ratio)) > 1e-6:
            raise RobotError(
                f"simulated robot: motor_hz {motor_hz} with a physics step of {physics_dt} s; at least "
                f"{MOTOR_HZ_AT_LEAST:g} Hz and a whole number of physics steps are needed"
            )
        self.model = model
        self.scene = scene or Scene()
        self.mj_model = compile_scene(model, self.scene, physics_dt)
        self.battery, self._charged, self._drain = battery, battery, drain
        self._senses = Senses(model.joints, noise or Noise(), seed)
        self._hanging = hanging
        self._every = round(ratio)
        self._data = mujoco.MjData(self.mj_model)
        self._motors = self._make_motors(watchdog, 1.0 / motor_hz)
        roles = self._roles = find_roles(self.mj_model, model)
        first, base = (7, 6) if roles.free else (0, 0)
        self._q, self._dq = slice(first, first + model.n), slice(base, base + model.n)
        self._foot_of = self._feet_by_geom()
        self._weight = GRAVITY * float(self.mj_model.body_subtreemass[roles.base])
        self.accelerometer = Accelerometer(roles.free, imu_in_base(self.mj_model, roles.base))
        self.gyroscope = Gyroscope()
        self._connected = False
        self._standing = self._standing_height()
        self.reset()

    def _make_motors(self, watchdog: float, dt: float) -> Motors:
        if unstable(self.mj_model, self.model, dt):
            return ImplicitMotors(self.model, watchdog, self.mj_model)
        return Motors(self.model, watchdog)

    def _feet_by_geom(self) -> np.ndarray:
        """Number of the foot that each geom belongs to, -1 for none, shape (geoms,)."""
        mj, found = self.mj_model, np.full(self.mj_model.ngeom, -1)
        for number, foot in enumerate(self._roles.feet):
            found[mj.body_weldid[mj.geom_bodyid] == mj.body_weldid[foot]] = number
        return found

    def reset(self, joint_pos: np.ndarray | None = None, *, hanging: bool | None = None) -> None:
        """Back to the start: time 0, failures mended, noise as at first.

        `joint_pos`: posture [rad], shape (n,); None: the default one. `hanging`: in the harness or on its feet.
        """
        data = self._data
        mujoco.mj_resetData(self.mj_model, data)
        data.qpos[self._q] = self.model.default if joint_pos is None else joint_pos
        self._harness = Harness(self.mj_model, self._roles.base, self._standing)
        if self._roles.free:
            data.qpos[2] = self._standing
        if (self._hanging if hanging is None else hanging) and self._roles.free:
            data.qpos[2] = self._harness.hanging_height
            self._harness.hang(data, 0.0)
        self._steps = 0
        self._time = 0.0
        self.battery = self._charged
        self._motors.clear()
        mujoco.mj_forward(self.mj_model, data)
        self.accelerometer.restart(data, self._turned()[0])
        self.gyroscope.restart(self._turned()[1])
        self._senses.reset(data.qpos[self._q], data.qvel[self._dq], *self._turned())

    # The driver protocol

    def connect(self) -> None:
        """Nothing to open; the motors are in damping."""
        self._connected = True

    def read(self, now: float) -> RobotState:
        """The sensors at this moment. The stamp is `now`; ages are counted in simulated time."""
        self._need_connection("read")
        data = self._data
        return self._senses.read(
            data.qpos[self._q],
            data.qvel[self._dq],
            *self._turned(),
            self.accelerometer,
            self.gyroscope,
            time=float(data.time),
            now=now,
            battery=self.battery,
            faults=("watchdog",) if self._motors.expired else (),
        )

    def write(self, command: SafeCommand) -> None:
        """Takes the command that holds until the next one. Feeds the watchdog."""
        self._need_connection("written to")
        self._motors.take(command, self._data.time)

    def step(self, dt: float) -> None:
        """Advances physics by `dt` seconds; what does not fill a physics step is kept for the next call."""
        data, model, motors, harness = self._data, self.mj_model, self._motors, self._harness
        q, dq = data.qpos[self._q], data.qvel[self._dq]
        torqueless = [self.model.index(name) for name in self.failures.torqueless]
        self._time += dt
        self.battery = max(0.0, self.battery - self._drain * dt / 60.0)
        until = round(self._time / model.opt.timestep)
        while self._steps < until:
            if self._steps % self._every == 0:
                motors.drive(q, dq, data.time, data.ctrl, torqueless)
            harness.apply(data)
            mujoco.mj_step(model, data)
            self._steps += 1
            quat, ang_vel = self._turned()
            self.accelerometer.pass_time(data, quat, model.opt.timestep)
            self.gyroscope.pass_time(ang_vel, model.opt.timestep)
        if not np.isfinite(data.qpos).all():
            raise RobotError(f"simulated robot: physics diverged before {data.time:.3f} s; call reset()")

    def close(self) -> None:
        """Damps. May be called twice."""
        self._motors.damp()
        self._connected = False

    # What only a simulation has

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self._data.time)

    @property
    def supported(self) -> float:
        """1 hanging in the harness, 0 free; between while it is being released."""
        return self._harness.supported

    @property
    def head_camera(self) -> str:
        """Name of its head camera in `mj_model`; "" for a robot without one."""
        return self._roles.head_camera

    @property
    def loaded(self) -> float:
        """Share of its weight that its feet carry; 1 for a robot without feet, or fixed to the world."""
        known = self._roles.free and self._roles.feet
        return float(self._foot_forces().sum()) / self._weight if known else 1.0

    def release(self, lower_s: float = LOWER_S) -> None:
        """Lowers the robot onto its feet and lets it go within `lower_s` seconds."""
        self._harness.release(self._data, lower_s)

    def hang(self, lift_s: float = LIFT_S) -> None:
        """Catches the robot wherever it is, and lifts it upright until its feet are off the floor."""
        if self._roles.free:
            self._harness.hang(self._data, lift_s)

    @property
    def failures(self) -> Failures:
        """What is broken; change it at any time."""
        return self._senses.failures

    def clear_faults(self) -> None:
        """The operator's reset after a fallen watchdog: the motors, still damping, take commands again."""
        self._motors.clear()

    def push(self, velocity) -> None:
        """Adds `velocity` (x, y, z) [m/s], world frame, to that of the base: a sudden push."""
        if np.shape(velocity) != (3,) or not np.all(np.isfinite(velocity)):
            raise RobotError(f"simulated robot: push {velocity!r}; three finite numbers [m/s] are expected")
        if not self._roles.free:
            raise RobotError(f"simulated robot: {self.model.name} is fixed to the world; it cannot be pushed")
        self._data.qvel[:3] += velocity

    def set_balls(self, balls) -> None:
        """Moves balls: centre (x, y, z) [m], world frame, by colour; the others stay."""
        for colour, centre in balls.items():
            check_ball(colour, centre, tuple(self.scene.balls))
            self._data.mocap_pos[self.mj_model.body(f"ball_{colour}").mocapid[0]] = centre

    @property
    def pose(self) -> Pose:
        """What a camera or viewer draws."""
        data = self._data
        return Pose(float(data.time), frozen(data.qpos), frozen(data.mocap_pos))

    @property
    def truth(self) -> Truth:
        """The whole truth of this moment."""
        data = self._data
        mujoco.mj_kinematics(self.mj_model, data)
        force = frozen(self._foot_forces())
        balls = {colour: frozen(data.mocap_pos[self.mj_model.body(f"ball_{colour}").mocapid[0]]) for colour in self.scene.balls}
        quat, turn = self._turned()
        return Truth(
            time=float(data.time),
            base_pos=frozen(data.qpos[:3] if self._roles.free else data.xpos[self._roles.base]),
            base_quat=frozen(quat),
            base_vel=frozen(data.qvel[:3] if self._roles.free else np.zeros(3)),
            base_ang_vel=frozen(turn),
            torso_height=float(data.xipos[self._roles.base, 2]),
            joint_pos=frozen(data.qpos[self._q]),
            joint_vel=frozen(data.qvel[self._dq]),
            joint_torque=frozen(data.actuator_force),
            foot_force=force,
            foot_contact=tuple((force > CONTACT_FORCE).tolist()),
            hands=frozen(self._hands()),
            balls=balls,
            supported=self.supported,
        )

    def _turned(self) -> tuple[np.ndarray, np.ndarray]:
        """Orientation (w, x, y, z) of the base and its angular velocity [rad/s], body frame."""
        data = self._data
        return (data.qpos[3:7], data.qvel[3:6]) if self._roles.free else (data.xquat[self._roles.base], np.zeros(3))

    def _hands(self) -> np.ndarray:
        """Where the hands are [m], world, shape (hands, 3)."""
        data, hands = self._data, self._roles.hands
        return np.array([data.xpos[body] + data.xmat[body].reshape(3, 3) @ at for body, at in hands]).reshape(len(hands), 3)

    def _foot_forces(self) -> np.ndarray:
        """Normal force between each foot and what it touches [N], shape (feet,)."""
        data, total, wrench = self._data, np.zeros(len(self._roles.feet)), np.zeros(6)
        for number, pair in enumerate(data.contact.geom if data.ncon else ()):
            first, second = self._foot_of[pair[0]], self._foot_of[pair[1]]
            if first != second:
                mujoco.mj_contactForce(self.mj_model, data, number, wrench)
                for foot in (first, second):
                    if foot >= 0:
                        total[foot] += wrench[0]
        return total

    def _need_connection(self, verb: str) -> None:
        if not self._connected:
            raise RobotError(f"simulated robot: {verb} before connect(); call connect() first")

    def _standing_height(self) -> float:
        """Height of the base frame at which the lowest point of the feet touches the floor, default posture [m]."""
        data, roles = standing_data(self.mj_model, self.model), self._roles
        if not roles.free:
            return float(data.xpos[roles.base, 2])
        return -min((sole_height(self.mj_model, data, foot) for foot in roles.feet), default=float(data.geom_xpos[:, 2].min()))
