"""The simulated robot: MuJoCo behind the driver protocol, repeatable bit for bit."""

from __future__ import annotations

import mujoco
import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from arbiter.types import RobotState, SafeCommand, frozen
from deploy.drivers.simulated.harness import Harness
from deploy.drivers.simulated.motors import Motors
from deploy.drivers.simulated.scene import Scene, check_ball, compile_scene
from deploy.drivers.simulated.senses import Failures, Noise, Senses
from deploy.drivers.simulated.truth import Pose, Truth

__all__ = ["Failures", "Noise", "Pose", "Scene", "SimulatedRobot", "Truth"]

FEET = ("leg_left_ankle_roll", "leg_right_ankle_roll")
MOTOR_HZ_AT_LEAST = 250.0
CONTACT_FORCE = 1.0  # [N] above which a foot counts as touching the floor
LIFT_S = 2.0
LOWER_S = 1.5


class SimulatedRobot:
    """A robot in MuJoCo. Starts passive, hanging in a virtual gantry; `release` puts it on its feet.

    Physics and motors advance only in `step`. Everything that happens depends on the arguments, the calls and the
    seed alone: two runs are equal bit for bit.

    Attributes:
        model: Figures and limits.
        scene: What it was built with.
        mj_model: The compiled MuJoCo model, for cameras and viewers; not to be changed.
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
        self.mj_model = compile_scene(model.name, self.scene, physics_dt)
        self.battery, self._charged, self._drain = battery, battery, drain
        self._senses = Senses(model.joints, noise or Noise(), seed)
        self._hanging = hanging
        self._every = round(ratio)
        self._data = mujoco.MjData(self.mj_model)
        self._motors = Motors(model, watchdog)
        self._q = slice(7, 7 + model.n)
        self._dq = slice(6, 6 + model.n)
        self._feet = [self.mj_model.sensor(f"{foot}_touch").adr[0] for foot in FEET]
        self._hands = [self.mj_model.site(f"hand_{side}").id for side in ("left", "right")]
        self._base = self.mj_model.body("base").id
        self._connected = False
        self._check_joints()
        self._standing = self._standing_height()
        self.reset()

    def reset(self, joint_pos: np.ndarray | None = None, *, hanging: bool | None = None) -> None:
        """Back to the start: time 0, failures mended, noise as at first.

        `joint_pos`: posture [rad], shape (n,); None: the default one. `hanging`: in the gantry or on its feet.
        """
        data = self._data
        mujoco.mj_resetData(self.mj_model, data)
        data.qpos[self._q] = self.model.default if joint_pos is None else joint_pos
        self._harness = Harness(self.mj_model, self._standing)
        data.qpos[2] = self._standing
        if self._hanging if hanging is None else hanging:
            data.qpos[2] = self._harness.hanging_height
            self._harness.hang(data, 0.0)
        self._steps = 0
        self._time = 0.0
        self.battery = self._charged
        self._motors.clear()
        mujoco.mj_forward(self.mj_model, data)
        self._senses.reset(data.qpos[self._q], data.qvel[self._dq], data.qpos[3:7], data.qvel[3:6])

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
            data.qpos[3:7],
            data.qvel[3:6],
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
        q, dq, torque = data.qpos[self._q], data.qvel[self._dq], data.ctrl
        limp = [self.model.index(name) for name in self.failures.limp]
        self._time += dt
        self.battery = max(0.0, self.battery - self._drain * dt / 60.0)
        until = round(self._time / model.opt.timestep)
        while self._steps < until:
            if self._steps % self._every == 0:
                motors.torque(q, dq, data.time, torque)
                if limp:
                    torque[limp] = 0.0
            harness.apply(data)
            mujoco.mj_step(model, data)
            self._steps += 1
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

    def release(self, lower_s: float = LOWER_S) -> None:
        """Lowers the robot onto its feet and lets it go within `lower_s` seconds."""
        self._harness.release(self._data, lower_s)

    def hang(self, lift_s: float = LIFT_S) -> None:
        """Catches the robot wherever it is, and lifts it upright until its feet are off the floor."""
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
        force = frozen(data.sensordata[self._feet])
        balls = {colour: frozen(data.mocap_pos[self.mj_model.body(f"ball_{colour}").mocapid[0]]) for colour in self.scene.balls}
        return Truth(
            time=float(data.time),
            base_pos=frozen(data.qpos[:3]),
            base_quat=frozen(data.qpos[3:7]),
            base_vel=frozen(data.qvel[:3]),
            base_ang_vel=frozen(data.qvel[3:6]),
            torso_height=float(data.xipos[self._base, 2]),
            joint_pos=frozen(data.qpos[self._q]),
            joint_vel=frozen(data.qvel[self._dq]),
            joint_torque=frozen(data.actuator_force),
            foot_force=force,
            foot_contact=(bool(force[0] > CONTACT_FORCE), bool(force[1] > CONTACT_FORCE)),
            hands=frozen(data.site_xpos[self._hands]),
            balls=balls,
            supported=self.supported,
        )

    def _need_connection(self, verb: str) -> None:
        if not self._connected:
            raise RobotError(f"simulated robot: {verb} before connect(); call connect() first")

    def _check_joints(self) -> None:
        names = tuple(self.mj_model.joint(i).name for i in range(1, self.mj_model.njnt))
        if names != self.model.joints:
            raise RobotError(
                f"simulated robot: model.xml has the joints {names}, robot.yaml {self.model.joints}; "
                "build model.xml again from the yaml files"
            )

    def _standing_height(self) -> float:
        """Height of the base frame at which the lowest corner of the feet touches the floor, default posture [m]."""
        data = mujoco.MjData(self.mj_model)
        data.qpos[self._q] = self.model.default
        mujoco.mj_kinematics(self.mj_model, data)
        feet = [self.mj_model.geom(f"{foot}_collision").id for foot in FEET]
        below = (data.geom_xpos[i, 2] - np.abs(data.geom_xmat[i, 6:]) @ self.mj_model.geom_size[i] for i in feet)
        return -float(min(below))
