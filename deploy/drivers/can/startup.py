"""Settings that are written into every motor before anything moves, and read back: limits behind the safety layer.

Order for each motor: IDLE, clear old errors, settings, watchdog, feed, DAMPING. POSITION only comes from the cycle, once armed.
"""

from __future__ import annotations

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.hardware_file import HardwareConfig
from deploy.drivers.can.motor_protocol import MotorMode, MotorParameter, error_names
from deploy.drivers.can.sdo import SdoClient


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
