"""The bench in this process and in lockstep: bench time passes only in `step`, so that a run is repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arbiter.robot import RobotModel
from deploy.drivers.can.calibration import nominal
from deploy.drivers.can.config import HardwareConfig, ImuConfig, load_hardware
from deploy.drivers.can.robot import FIRST_ROUNDS, CanRobot
from deploy.drivers.sensors.imu import Imu
from deploy.rig.bench import Bench
from deploy.rig.faults import Fault, parse_fault
from deploy.robots.description import load_model

SLICE = 0.01  # [s] of waiting at once


class BenchRobot(CanRobot):
    """The real robot's driver in front of a bench. `step` runs the command cycle and the bench, turn by turn.

    Attributes:
        bench: Motors, IMU and body; `bench.body` is the simulated robot (harness, truth, pushes) if it is MuJoCo's.
    """

    def __init__(self, bench: Bench):
        self.bench = bench
        self._left = 0.0
        model, hardware = bench.model, bench.hardware
        super().__init__(
            model,
            hardware,
            bench.calibration,
            Imu(hardware.imu or ImuConfig(), bench.imu_port),
            bus_opener=bench.host_bus,
            clock=lambda: bench.time,
            wait=self._wait_still,
        )

    def step(self, dt: float) -> None:
        """Lets `dt` seconds pass: whole rounds of the command cycle; what is left over is kept for the next call."""
        self._left += dt
        while self._left > self.period - 1e-9:
            self._left -= self.period
            self._round(still=False)

    def close(self) -> None:
        super().close()
        self.bench.close()

    def _round(self, still: bool) -> None:
        self._look_around(self.bench.time)
        self.cycle.round(self.bench.time)
        for _ in range(2):
            self.bench.advance(self.period / 2, still)
            self.imu.poll(self.bench.time)
            self.cycle.receive(self.bench.time)

    def _start_cycle(self) -> None:
        """No thread: `step` runs the rounds. The first ones find the robot still held."""
        for k in range(FIRST_ROUNDS):
            self._round(still=True)
            if k > 0 and np.isfinite(self.cycle.snapshot.answered).all():
                return

    def _wait_still(self, dt: float) -> None:
        """While starting, the robot's body is held."""
        for slice_ in (SLICE,) * int(dt / SLICE) + (dt % SLICE,):
            self.bench.advance(slice_, still=self.cycle is None)
            self.imu.poll(self.bench.time)

    # What only a simulation has: the harness and the truth of MuJoCo's body

    @property
    def time(self) -> float:
        """Simulated time of the body [s]."""
        return self.bench.body.time

    @property
    def supported(self) -> float:
        """1 hanging in the harness, 0 free."""
        return self.bench.body.supported

    @property
    def loaded(self) -> float:
        return self.bench.body.loaded

    @property
    def head_camera(self) -> str:
        return self.bench.body.head_camera

    def release(self, *arguments: float) -> None:
        """Lowers the robot onto its feet and lets it go."""
        self.bench.body.release(*arguments)

    def hang(self, *arguments: float) -> None:
        """Catches the robot and lifts it."""
        self.bench.body.hang(*arguments)

    def push(self, velocity) -> None:
        """Adds `velocity` (x, y, z) [m/s], world frame, to the base's."""
        self.bench.body.push(velocity)

    def set_balls(self, balls) -> None:
        self.bench.body.set_balls(balls)

    @property
    def mj_model(self):
        return self.bench.body.mj_model

    @property
    def scene(self):
        return self.bench.body.scene

    @property
    def pose(self):
        return self.bench.body.pose

    @property
    def truth(self):
        return self.bench.body.truth


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
) -> BenchRobot:
    """A bench and the robot's driver in front of it, not yet connected.

    Args:
        robot: Name of a robot description.
        faults: Fault list, such as ("can1:drop=0.2@5s",); times count from `connect`.
        body: "mujoco" or "joints" (each joint on its own: tests of the wire).
        noise: Standard deviation of measured positions [rad].
        options: Passed to the bench and its MuJoCo body: watchdog_ms, scene, hanging, physics_dt, ...
    """
    model = model or load_model(robot)
    hardware = hardware or load_hardware(robot)
    hardware = replace(hardware, imu=hardware.imu or ImuConfig())
    buses = tuple(bus.name for bus in hardware.buses)
    played: tuple[Fault, ...] = tuple(parse_fault(text, buses, model.joints) for text in faults)
    bench = Bench(
        hardware,
        model,
        body=body,
        calibration=nominal(hardware.directions(model)),
        faults=played,
        seed=seed,
        noise=noise,
        **options,
    )
    return BenchRobot(bench)
