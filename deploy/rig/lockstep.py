"""The rig in this process and in lockstep: rig time passes only in `step`, so that a run is repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.robot import RobotModel
from deploy.drivers.can.calibration import nominal
from deploy.drivers.can.can_robot import FIRST_ROUNDS, CanRobot
from deploy.drivers.can.hardware_file import HardwareConfig, ImuConfig, load_hardware
from deploy.drivers.sensors.imu import Imu
from deploy.rig.fault_injection import Fault, parse_fault
from deploy.rig.rig import Rig
from deploy.rig.rig_body import MujocoBody
from deploy.robots.description import load_model

SLICE = 0.01  # [s] of waiting at once


class RigRobot(CanRobot):
    """The real robot's driver in front of a rig. `step` runs the command cycle and the rig, turn by turn.

    Attributes:
        sensor: The driver of the rig's IMU.
        rig: Motors, IMU and body; `rig.body` is the simulated robot (harness, truth, pushes) if it is MuJoCo's.
    """

    def __init__(self, rig: Rig):
        self.rig = rig
        self._left = 0.0
        model, hardware = rig.model, rig.hardware
        self.sensor = Imu(hardware.imu or ImuConfig(), rig.imu_port)
        super().__init__(
            model, hardware, rig.calibration, self.sensor, bus_opener=rig.host_bus, clock=lambda: rig.time, wait=self._wait_still
        )

    def step(self, dt: float) -> None:
        """Lets `dt` seconds pass: whole rounds of the command cycle; what is left over is kept for the next call."""
        self._left += dt
        while self._left > self.period - 1e-9:
            self._left -= self.period
            self._round(still=False)

    def close(self) -> None:
        super().close()
        self.rig.close()

    def _round(self, still: bool) -> None:
        self._look_around(self.rig.time)
        cycle = self.running_cycle
        cycle.round(self.rig.time)
        for _ in range(2):
            self.rig.advance(self.period / 2, still)
            self.sensor.poll(self.rig.time)
            cycle.receive(self.rig.time)

    def _start_cycle(self) -> None:
        """No thread: `step` runs the rounds. The first ones find the robot still held."""
        for k in range(FIRST_ROUNDS):
            self._round(still=True)
            if k > 0 and np.isfinite(self.running_cycle.snapshot.answered).all():
                return

    def _wait_still(self, dt: float) -> None:
        """While starting, the robot's body is held."""
        for slice_ in (SLICE,) * int(dt / SLICE) + (dt % SLICE,):
            self.rig.advance(slice_, still=self.cycle is None)
            self.sensor.poll(self.rig.time)

    # What only a simulation has: the harness and the truth of MuJoCo's body

    @property
    def _simulated(self) -> MujocoBody:
        """MuJoCo's body. Raises AttributeError where there are joints only: nothing of this is there then."""
        if not isinstance(self.rig.body, MujocoBody):
            raise AttributeError("joints alone have no body in MuJoCo")
        return self.rig.body

    @property
    def time(self) -> float:
        """Simulated time of the body [s]."""
        return self._simulated.time

    @property
    def supported(self) -> float:
        """1 hanging in the harness, 0 free."""
        return self._simulated.supported

    @property
    def loaded(self) -> float:
        return self._simulated.loaded

    @property
    def head_camera(self) -> str:
        return self._simulated.head_camera

    def release(self, *arguments: float) -> None:
        """Lowers the robot onto its feet and lets it go."""
        self._simulated.release(*arguments)

    def hang(self, *arguments: float) -> None:
        """Catches the robot and lifts it."""
        self._simulated.hang(*arguments)

    def push(self, velocity) -> None:
        """Adds `velocity` (x, y, z) [m/s], world frame, to the base's."""
        self._simulated.push(velocity)

    def set_balls(self, balls) -> None:
        self._simulated.set_balls(balls)

    @property
    def mj_model(self):
        return self._simulated.mj_model

    @property
    def scene(self):
        return self._simulated.scene

    @property
    def pose(self):
        return self._simulated.pose

    @property
    def truth(self):
        return self._simulated.truth


def start(
    robot: str = "berkeley_humanoid_lite",
    *,
    faults: tuple[str, ...] = (),
    body: str = "mujoco",
    seed: int = 0,
    noise: float = 0.0,
    hardware: HardwareConfig | None = None,
    model: RobotModel | None = None,
    **options,
) -> RigRobot:
    """A rig and the robot's driver in front of it, not yet connected.

    Args:
        robot: Name of a robot description.
        faults: Fault list, such as ("can1:drop=0.2@5s",); times count from `connect`.
        body: "mujoco" or "joints" (each joint on its own: tests of the wire).
        noise: Standard deviation of measured positions [rad].
        options: Passed to the rig and its MuJoCo body: watchdog_ms, scene, hanging, physics_dt, ...
    """
    model = model or load_model(robot)
    hardware = hardware or load_hardware(robot)
    hardware = replace(hardware, imu=hardware.imu or ImuConfig())
    buses = tuple(bus.name for bus in hardware.buses)
    played: tuple[Fault, ...] = tuple(parse_fault(text, buses, model.joints) for text in faults)
    rig = Rig(
        hardware,
        model,
        body=body,
        calibration=nominal(hardware.directions(model)),
        faults=played,
        seed=seed,
        noise=noise,
        **options,
    )
    return RigRobot(rig)
