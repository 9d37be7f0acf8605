"""What is written into every motor before anything moves, and read back: the second wall behind the safety layer.

Order for each motor: IDLE, clear old errors, settings, watchdog, feed, DAMPING. POSITION only comes from the cycle, once armed.
"""

from __future__ import annotations

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.config import HardwareConfig
from deploy.drivers.can.protocol import MotorMode, Parameter, error_names
from deploy.drivers.can.sdo import SdoClient


def settings(config: HardwareConfig, model: RobotModel, calibration: Calibration, index: int) -> dict[Parameter, float]:
    """What is written into the motor of joint `index`, in this order."""
    limits = config.limits
    lower, upper = calibration.range_to_motor(model.lower - limits.position_margin, model.upper + limits.position_margin)
    return {
        Parameter.POSITION_KP: float(model.kp[index]),
        Parameter.POSITION_KI: 0.0,
        Parameter.VELOCITY_KP: float(model.kd[index]),
        Parameter.VELOCITY_KI: 0.0,
        Parameter.TORQUE_LIMIT: float(model.effort[index]),
        Parameter.VELOCITY_LIMIT: limits.velocity,
        Parameter.POSITION_LIMIT_LOWER: float(lower[index]),
        Parameter.POSITION_LIMIT_UPPER: float(upper[index]),
        Parameter.WATCHDOG_TIMEOUT: limits.watchdog_ms,
    }


def prepare(client: SdoClient, device: int, joint: str, values: dict[Parameter, float]) -> None:
    """Brings one motor into DAMPING with everything set. Raises RobotError; the motor then stays in IDLE."""
    client.set_mode(device, MotorMode.IDLE)
    client.feed(device)
    client.write(device, Parameter.ERROR, 0)
    for parameter, value in values.items():
        client.feed(device)
        client.write(device, parameter, value)
    client.feed(device)
    errors = int(client.read(device, Parameter.ERROR))
    if errors:
        raise RobotError(
            f"{client.port.name}/{joint}: motor {device} reports {', '.join(error_names(errors))}; "
            "mend the cause, then switch the motor off and on"
        )
    client.set_mode(device, MotorMode.DAMPING)
