"""Measures the joints' offsets and the creep of the soles, and configures the IMU and the motors' watchdogs.

    python -m deploy.calibrate            # move every joint by hand to its ends; Enter when done; writes the calibration file
    python -m deploy.calibrate imu        # writes output rate and content into the IMU
    python -m deploy.calibrate watchdogs  # writes the watchdogs' time into the motors' flash; then switch them off and on
    python -m deploy.calibrate floor --walk logs/left -0.03 --walk logs/right -0.04 ...  # creep of the soles, by a tape

For the offsets the motors are in IDLE, without torque: the robot must hang or lie. Each joint is pushed to its two ends. The
offset puts the middle of the measured span at the middle of the joint's range; measured span and range must agree.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from arbiter.errors import ArbiterError, RobotError
from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.outputs import writable
from deploy.cli.streams import forgive


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("deploy.calibrate", description=__doc__.splitlines()[0])
    p.add_argument(
        "what",
        nargs="?",
        choices=("joints", "imu", "watchdogs", "floor"),
        default="joints",
        help="joints by hand, the IMU's output, the watchdogs in the motors' flash, or the creep of the soles (default joints)",
    )
    p.add_argument(
        "--walk",
        nargs=2,
        action="append",
        default=[],
        metavar=("LOG", "METRES"),
        help="of floor, four times or more: a run with one walk, and how far ahead of its start it ended by the tape",
    )
    p.add_argument("--robot", default="berkeley_humanoid_lite", help="name of a robot description")
    p.add_argument("--hardware", metavar="FILE", help="another hardware file than the robot's own")
    return p


with extra(__name__, parser, "can", "serial"):
    import numpy as np

    from arbiter import strict
    from arbiter.robot import RobotModel
    from deploy.drivers.can import motor_protocol
    from deploy.drivers.can.bus import BusPort, open_bus
    from deploy.drivers.can.calibration import CalibrationFile, load_calibration, save_calibration, save_creep
    from deploy.drivers.can.hardware_file import HardwareConfig, calibration_path, load_hardware
    from deploy.drivers.can.motor_protocol import MotorMode, MotorParameter
    from deploy.drivers.can.sdo import SdoClient
    from deploy.drivers.sensors.imu import open_imu
    from deploy.replay import load_trace
    from deploy.robots.description import load_model
    from deploy.trace.tape import FEWEST, SURE, TapedWalk, fitted, taped

FLASH_TIME = 0.1  # [s] that a motor may take to store its settings
SPAN_SLACK = 0.15  # [rad] that a measured span may differ from the range: stops give, printed parts vary


@dataclass(slots=True)
class Sweep:
    """Least and largest reading of each joint while it was moved by hand, motor coordinates times direction [rad].

    Attributes:
        low, high: Shape (n,).
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def begin(cls, n: int) -> Sweep:
        return cls(np.full(n, np.inf), np.full(n, -np.inf))

    def take(self, reading: np.ndarray) -> None:
        np.minimum(self.low, reading, out=self.low)
        np.maximum(self.high, reading, out=self.high)


def offsets(sweep: Sweep, model: RobotModel) -> tuple[np.ndarray, list[str]]:
    """Offsets [rad], shape (n,), and a line for each joint whose sweep does not fit its range."""
    seen, span = sweep.high - sweep.low, model.upper - model.lower
    wrong = [
        f"{joint}: moved {seen[i]:.2f} rad, its range is {span[i]:.2f} rad; push it to both ends"
        if seen[i] < span[i]
        else f"{joint}: moved {seen[i]:.2f} rad, more than its range of {span[i]:.2f} rad; is it the right motor?"
        for i, joint in enumerate(model.joints)
        if not abs(seen[i] - span[i]) <= SPAN_SLACK
    ]
    return 0.5 * (sweep.low + sweep.high) - 0.5 * (model.lower + model.upper), wrong


class Calibrator:
    """Reads every motor in IDLE.

    Args:
        model, hardware: Figures and wiring.
        opener: Opens a bus.
        wait: Sleeps for so many seconds.

    Attributes:
        motors: Each motor and the client of its bus, robot order.
    """

    def __init__(
        self, model: RobotModel, hardware: HardwareConfig, opener: Callable = open_bus, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.model, self.hardware = model, hardware
        self._ports = {bus.name: BusPort(bus.name, opener(bus)) for bus in hardware.buses}
        self.motors = [(SdoClient(self._ports[m.bus], wait), m) for m in hardware.motor_of(model)]
        for client, motor in self.motors:
            client.set_mode(motor.id, MotorMode.IDLE)

    def read(self) -> np.ndarray:
        """Motor positions times direction [rad], shape (n,): joint positions without offsets."""
        return np.array([client.measure(motor.id) * motor.direction for client, motor in self.motors])

    def sweep(self, done: Callable[[], bool], show: Callable[[Sweep], None] = lambda sweep: None) -> Sweep:
        """Reads until `done`."""
        sweep = Sweep.begin(self.model.n)
        while True:
            sweep.take(self.read())
            show(sweep)
            if done():
                return sweep

    def close(self) -> None:
        for port in self._ports.values():
            port.close()


def calibrate(
    calibrator: Calibrator, path: Path, done: Callable[[], bool], today: str, show: Callable[[Sweep], None] = lambda sweep: None
) -> np.ndarray:
    """Measures and writes the file; the creep of the soles in it stays. Raises RobotError, and writes nothing, if a joint was not
    moved through its range, and ConfigError before anything moves for a file that cannot be read."""
    creep = strict.load(CalibrationFile, path).creep if path.is_file() else 0.0
    found, wrong = offsets(calibrator.sweep(done, show), calibrator.model)
    if wrong:
        raise RobotError("calibration: nothing written:\n" + "\n".join(wrong))
    save_calibration(path, calibrator.model, found, today, creep)
    return found


def store_watchdogs(calibrator: Calibrator) -> int:
    """Writes the hardware file's watchdog time into every motor's flash, beside what is stored there. Returns the time [ms].

    Firmware 0x20250226 sets its watchdog's timer when it is switched on: a time that is only written has no effect. Raises
    RobotError if a motor does not keep it.
    """
    limit = calibrator.hardware.limits.watchdog_ms
    for client, motor in calibrator.motors:
        client.send(motor_protocol.load_settings(motor.id))  # or what stands in its memory now would be stored too
        client.write(motor.id, MotorParameter.WATCHDOG_TIMEOUT, limit)
        client.send(motor_protocol.store_settings(motor.id))
        client.wait(FLASH_TIME)
        client.send(motor_protocol.load_settings(motor.id))
        kept = client.read(motor.id, MotorParameter.WATCHDOG_TIMEOUT)
        if kept != limit:
            raise RobotError(
                f"{client.port.name}/{motor.joint}: flash keeps WATCHDOG_TIMEOUT at {kept}; {limit} was stored; "
                "set it with the motor's own tool"
            )
    return limit


def find_creep(walks: list[list[str]], robot: str, file: str | None) -> str:
    """From `walks` of a LOG and METRES; writes it where they are of the real robot and it is known. Returns what to tell."""
    if not walks:
        raise RobotError("floor: no walk; give each with --walk LOG METRES (docs/estimate.md)")
    runs = [(log, _metres(log, metres), *load_trace(Path(log), verify=True)) for log, metres in walks]
    driven = sorted({str(header.get("robot")) for _, _, header, _ in runs})
    if len(driven) > 1:
        raise RobotError(f"--walk: the walks are of {' and of '.join(driven)}; each has a floor of its own: one at a time")
    path = _to_be_written(robot, file) if driven == [robot] else None
    found: dict[TapedWalk, str] = {}
    for log, tape, header, ticks in runs:
        walk = taped(header, ticks, tape, log)
        twin = next((name for other, name in found.items() if (other.told, other.slope) == (walk.told, walk.slope)), None)
        if twin is not None:
            raise RobotError(
                f"--walk {log}: the same run as --walk {twin}; a folder stands for its newest run: name that of each run"
            )
        found[walk] = log
    fit = fitted(list(found))
    deviation = f"{fit.deviation:.4f} s" if math.isfinite(fit.deviation) else "unknown"
    told = (
        f"creep {fit.creep:.4f} s, standard deviation {deviation}, of {len(found)} walk{'s' * (len(found) > 1)}: "
        f"their ends are off by {100 * fit.before:.1f} cm (rms) without it, {100 * fit.after:.1f} cm with it"
    )
    if not fit.known:
        return f"{told}\nnothing written: {FEWEST} walks are needed, and a creep of {SURE:g} standard deviations; take more walks"
    if path is None:
        return (
            f"{told}\nnothing written: the walks are of {driven[0]}; for a simulated body: --set simulation.creep={fit.creep:.4f}"
        )
    save_creep(path, load_model(robot), fit.creep)
    return f"{told}\nwritten: {path}"


def _metres(log: str, metres: str) -> float:
    try:
        return float(metres)
    except ValueError:
        raise RobotError(f"--walk {log} {metres}: a number of metres is expected") from None


def _to_be_written(robot: str, file: str | None) -> Path:
    """The calibration file, which must be there and can be written: known before the walks are estimated again."""
    hardware, model = load_hardware(robot, file), load_model(robot)
    path = calibration_path(hardware, robot)
    load_calibration(path, model, hardware.directions(model))
    return writable("calibration", path)


def _progress(model: RobotModel) -> Callable[[Sweep], None]:
    last = [0.0]

    def show(sweep: Sweep) -> None:
        if time.monotonic() - last[0] > 0.2:
            last[0] = time.monotonic()
            share = np.clip((sweep.high - sweep.low) / (model.upper - model.lower), 0.0, 1.0)
            todo = [model.joints[i].removesuffix("_joint") for i in np.argsort(share)[:3] if share[i] < 0.97]
            print(
                f"\r{int((share >= 0.97).sum()):2} of {model.n} joints done; next: {', '.join(todo) or 'press Enter':90}",
                end="",
                flush=True,
            )

    return show


def main(arguments: list[str] | None = None) -> int:
    command_line = parser()
    args = command_line.parse_args(arguments)
    if args.walk and args.what != "floor":
        command_line.error("--walk belongs to floor: deploy.calibrate floor --walk LOG METRES")
    try:
        if args.what == "floor":
            print(find_creep(args.walk, args.robot, args.hardware))
            return 0
        hardware = load_hardware(args.robot, args.hardware)
        if args.what == "imu":
            if hardware.imu is None:
                raise RobotError("imu: none is configured; add imu: to hardware.yaml")
            imu = open_imu(hardware.imu)
            imu.configure()
            imu.close()
            print(f"imu: {hardware.imu.rate_hz} Hz, acceleration, angular velocity, angles and quaternion, stored")
            return 0
        model, path = load_model(args.robot), calibration_path(hardware, args.robot)
        if args.what == "joints":
            writable("calibration", path)  # before somebody has pushed 22 joints to their ends
        calibrator = Calibrator(model, hardware)
        if args.what == "watchdogs":
            try:
                limit = store_watchdogs(calibrator)
            finally:
                calibrator.close()
            print(f"watchdogs: {limit} ms, stored in {model.n} motors. Now switch the motors off and on.")
            return 0
        enter = threading.Event()
        forgive(sys.stdin)  # whatever is on the line before Enter
        threading.Thread(target=lambda: (sys.stdin.readline(), enter.set()), daemon=True).start()
        print("The motors are without torque. Move every joint to both of its ends, then press Enter.")
        try:
            calibrate(calibrator, path, enter.is_set, date.today().isoformat(), _progress(model))
        finally:
            calibrator.close()
        print(f"\nwritten: {path}")
    except ArbiterError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(in_one_line(main))
