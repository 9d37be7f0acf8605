"""Figures of the drivers, measured on the rig: python -m deploy.rig.measure

Time of a command cycle of all joints, lateness of the 250 Hz thread, and cycles from each fault to damping.
"""

from __future__ import annotations

import argparse
import sys
import time

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra


def parser() -> argparse.ArgumentParser:
    """The command line: there is nothing to choose."""
    return CommandParser("deploy.rig.measure", description=__doc__)


with extra(__name__, parser, "can", "serial"):
    import numpy as np

    from arbiter.safety import Safety
    from arbiter.types import JointTarget, SafeCommand, frozen
    from deploy.drivers.can.motor_protocol import MotorMode
    from deploy.host.lateness import lateness
    from deploy.rig.lockstep import RigRobot, start

KNEE = "leg_left_knee_pitch_joint"
FAULTS = (
    "can2:bus_off",
    "can2:enobufs",
    "can2:unplug",
    "can2:drop=1",
    f"{KNEE}:duplicate_id",
    f"{KNEE}:wrong_id=9",
    f"{KNEE}:nan",
    f"{KNEE}:silent",
    f"{KNEE}:error=over current",
    f"{KNEE}:error=estop",
    f"{KNEE}:mode=2",
    "imu:unplug",
    "imu:silent",
    "imu:frozen",
)
START = 0.4  # [s] at which the faults begin


class PostureLoop:
    """Holds the start posture through the safety layer, as a tick would."""

    def __init__(self, robot: RigRobot) -> None:
        model = robot.model
        self.robot, self._safety, self._now = robot, Safety(model), 0.0
        self._target = JointTarget(frozen(model.default), model.kp, model.kd, frozen(np.ones(model.n), bool))
        self._owners = ("measure",) * model.n
        self._safety.arm(robot.read(0.0), 0.0)

    def command(self) -> SafeCommand:
        self._now += self.robot.model.dt
        command, _ = self._safety.filter(self._target, self._owners, self.robot.read(self._now), self._now)
        return command

    def run(self, cycles: int) -> None:
        for k in range(cycles):
            if k % 5 == 0:
                self.robot.write(self.command())
            self.robot.step(self.robot.period)


def cycle_times(cycles: int = 250) -> np.ndarray:
    """Time that the host spends in each command cycle of all buses [s], shape (cycles,); buses in memory."""
    robot = start(body="joints")
    robot.connect()
    driver, times, cycle = PostureLoop(robot), np.empty(cycles), robot.running_cycle
    driver.run(20)
    for k in range(cycles):
        if k % 5 == 0:
            robot.write(driver.command())
        began = time.perf_counter()
        cycle.round(robot.clock())
        times[k] = time.perf_counter() - began
        robot.rig.advance(robot.period / 2)
        robot.sensor.poll(robot.clock())
        began = time.perf_counter()
        cycle.receive(robot.clock())
        times[k] += time.perf_counter() - began
        robot.rig.advance(robot.period / 2)
    robot.close()
    return times


def cycles_to_damping(fault: str, most: int = 200) -> int:
    """Command cycles from the moment a fault begins until every motor that can be reached is damped."""
    robot = start(body="joints", faults=(f"{fault}@{START}s",))
    robot.connect()
    driver = PostureLoop(robot)
    driver.run(round(START / robot.period))
    bus = fault.split(":")[0]
    reached = [
        motor
        for motor, at in zip(robot.rig.motors, robot.hardware.motor_of(robot.model), strict=True)
        if bus not in (at.bus, at.joint)
    ]
    try:
        for cycle in range(1, most):
            driver.run(1)
            if all(motor.mode == MotorMode.DAMPING for motor in reached):
                return cycle
        return most
    finally:
        robot.close()


def main() -> int:
    parser().parse_args()
    times = 1000 * cycle_times(500)
    middle, high = np.median(times), np.percentile(times, 99)
    print(f"command cycle, 22 joints on 4 buses: {middle:.2f} ms median, {high:.2f} ms 99th percentile")
    worst, realtime = lateness(1000)
    priority = "granted" if realtime else "not granted"
    print(f"250 Hz thread: {1000 * worst:.2f} ms at worst in 1000 rounds, real-time priority {priority}")
    print("cycles of 4 ms from fault to damping of every motor within reach:")
    for fault in FAULTS:
        print(f"  {fault:45} {cycles_to_damping(fault)}")
    return 0


if __name__ == "__main__":
    sys.exit(in_one_line(main))
