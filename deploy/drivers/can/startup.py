"""Settings that are written into every motor before anything moves, and read back: limits behind the safety layer.

Order for each motor: IDLE, clear old errors, settings, watchdog, feed, DAMPING. POSITION only comes from the cycle, once armed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.drivers.can.bus import BusPort
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.hardware_file import HardwareConfig
from deploy.drivers.can.motor_protocol import Frame, MotorMode, MotorParameter, error_names, heartbeat
from deploy.drivers.can.sdo import SdoClient

FEED_PERIOD = 0.02  # [s] between heartbeats while the motors are prepared


def settings(config: HardwareConfig, model: RobotModel, calibration: Calibration, index: int) -> dict[MotorParameter, float]:
    """What is written into the motor of joint `index`, in this order."""
    limits = config.limits
    lower, upper = calibration.range_to_motor(model.lower - limits.position_margin, model.upper + limits.position_margin)
    return {
        MotorParameter.POSITION_KP: float(model.kp[index]),
        MotorParameter.POSITION_KI: 0.0,
        MotorParameter.VELOCITY_KP: float(model.kd[index]),
        MotorParameter.VELOCITY_KI: 0.0,
        MotorParameter.TORQUE_LIMIT: float(model.effort[index]),
        MotorParameter.VELOCITY_LIMIT: limits.velocity,
        MotorParameter.POSITION_LIMIT_LOWER: float(lower[index]),
        MotorParameter.POSITION_LIMIT_UPPER: float(upper[index]),
        MotorParameter.WATCHDOG_TIMEOUT: limits.watchdog_ms,
    }


def prepare(client: SdoClient, device: int, joint: str, values: dict[MotorParameter, float]) -> None:
    """Brings one motor into DAMPING with everything set. Raises RobotError; the motor then stays in IDLE."""
    client.set_mode(device, MotorMode.IDLE)
    client.feed(device)
    client.write(device, MotorParameter.ERROR, 0)
    for parameter, value in values.items():
        client.feed(device)
        client.write(device, parameter, value)
    client.feed(device)
    errors = int(client.read(device, MotorParameter.ERROR))
    if errors:
        raise RobotError(
            f"{client.port.name}/{joint}: motor {device} reports {', '.join(error_names(errors))}; "
            "mend the cause, then switch the motor off and on"
        )
    client.set_mode(device, MotorMode.DAMPING)


class FedWait:
    """Lets time pass while every motor is fed: those that are ready already must not starve while the others are prepared.

    Args:
        heartbeats: The frame for each motor with the port of its bus.
        wait, clock: See CanRobot.
    """

    def __init__(
        self, heartbeats: Sequence[tuple[BusPort, Frame]], wait: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._heartbeats, self._wait, self._clock, self._fed = heartbeats, wait, clock, clock()

    def __call__(self, dt: float) -> None:
        self._wait(dt)
        if self._clock() - self._fed > FEED_PERIOD:
            self._fed = self._clock()
            for port, frame in self._heartbeats:
                port.send(port.message(frame.id, frame.data))


def prepare_all(
    config: HardwareConfig,
    model: RobotModel,
    calibration: Calibration,
    ports: Mapping[str, BusPort],
    wait: Callable[[float], None],
    clock: Callable[[], float],
) -> None:
    """Brings every motor into DAMPING with everything set. Raises RobotError."""
    wiring = config.motor_of(model)
    fed_wait = FedWait([(ports[motor.bus], heartbeat(motor.id)) for motor in wiring], wait, clock)
    for index, motor in enumerate(wiring):
        prepare(SdoClient(ports[motor.bus], fed_wait), motor.id, motor.joint, settings(config, model, calibration, index))
