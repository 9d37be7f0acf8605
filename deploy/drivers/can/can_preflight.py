"""Pre-flight of the robot on CAN: buses, motors, watchdogs, IMU.

Nothing here makes torque: the torque limit is zero while a motor is in POSITION.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from arbiter.errors import RobotError
from arbiter.robot import RobotModel
from deploy.drivers.can import motor_protocol
from deploy.drivers.can.bus import BusPort, HostWire
from deploy.drivers.can.calibration import Calibration
from deploy.drivers.can.hardware_file import BusConfig, HardwareConfig, MotorConfig
from deploy.drivers.can.motor_protocol import MotorError, MotorMode, MotorParameter, error_names
from deploy.drivers.can.sdo import SdoClient
from deploy.drivers.can.startup import settings
from deploy.drivers.checks import Check, CheckResult, attempt, failed, passed, warned
from deploy.drivers.sensors.imu import Imu
from deploy.drivers.sensors.sensor_checks import check_imu

SCAN = range(1, 21)  # ids that are looked for besides those that belong to a bus
SCAN_PATIENCE = 5  # looks
WATCHDOG_SPARE = 0.1  # [s] that the watchdog's reaction may take beyond its time
WATCHDOG_FACTORY = 1.2  # [s] more: new motors' watchdogs bite after 1 s
HARMLESS = {MotorParameter.TORQUE_LIMIT: 0.0, MotorParameter.POSITION_KP: 0.0, MotorParameter.VELOCITY_KP: 0.0}


class Wired(Protocol):
    """What is looked at: a `CanRobot`."""

    model: RobotModel
    hardware: HardwareConfig
    calibration: Calibration
    imu: Imu | None
    open_bus: Callable[[BusConfig], HostWire]
    clock: Callable[[], float]
    wait: Callable[[float], None]


def check_bus(port: BusPort, config: HardwareConfig, wait: Callable[[float], None]) -> list[Check]:
    """Who answers on a bus, and whether the adapter is well."""
    mine = {motor.id: motor for motor in config.motors if motor.bus == port.name}
    port.clear()
    client, quick = SdoClient(port, wait), SdoClient(port, wait, SCAN_PATIENCE)

    def look() -> list[Check]:
        silent = [f"{m.id} ({m.joint})" for m in mine.values() if not (client.ping(m.id) or client.ping(m.id))]
        strangers = [device for device in SCAN if device not in mine and quick.ping(device)]
        found = []
        if silent:
            found.append(
                failed(
                    f"{port.name} motors",
                    f"no answer from {', '.join(silent)}",
                    "check power, the connector before the first silent motor, and ids",
                )
            )
        if strangers:
            found.append(
                failed(
                    f"{port.name} strangers",
                    f"ids {strangers} answer and belong elsewhere",
                    "two buses are swapped, or a motor has a wrong id",
                )
            )
        if port.count.error_frames:
            found.append(
                warned(
                    f"{port.name} errors",
                    f"{port.count.error_frames} error frames ({', '.join(port.events)})",
                    "check termination (60 ohm between the lines), bit rate and cables",
                )
            )
        return found or [passed(f"{port.name} motors", f"{len(mine)} of {len(mine)} answer, no strangers")]

    return attempt(f"{port.name} motors", look)


def check_motor(
    client: SdoClient, motor: MotorConfig, index: int, config: HardwareConfig, model: RobotModel, calibration: Calibration
) -> list[Check]:
    """Firmware, errors, voltage, position and limits of one motor; it is left in IDLE with its limits written."""
    name = f"{motor.bus}/{motor.joint}"

    def look() -> list[Check]:
        client.set_mode(motor.id, MotorMode.IDLE)
        found = [
            *_identity(client, motor, name),
            *_errors(client, motor, name),
            *_voltage(client, motor, name, config),
            *_position(client, motor, name, index, model, calibration),
        ]
        if all(check.verdict is not CheckResult.FAIL for check in found):
            _write_settings(client, motor, settings(config, model, calibration, index))
        return found

    found = attempt(name, look)
    return found or [passed(name, f"firmware {motor_protocol.FIRMWARE:#x}, no errors, limits written and read back")]


def _identity(client: SdoClient, motor: MotorConfig, name: str) -> list[Check]:
    firmware, device = client.read(motor.id, MotorParameter.FIRMWARE_VERSION), client.read(motor.id, MotorParameter.DEVICE_ID)
    if device != motor.id:
        return [failed(name, f"answers as {motor.id} and says it is {device}", "set its id with the motor's own tool")]
    if firmware != motor_protocol.FIRMWARE:
        return [
            warned(
                name, f"firmware {firmware:#x}", f"this project was written for {motor_protocol.FIRMWARE:#x}; check the protocol"
            )
        ]
    return []


def _errors(client: SdoClient, motor: MotorConfig, name: str) -> list[Check]:
    """The watchdog's bit is left over from the time before; any other that comes back after clearing is a fault."""
    before = int(client.read(motor.id, MotorParameter.ERROR))
    client.send(motor_protocol.write_parameter(motor.id, MotorParameter.ERROR, 0))
    after = int(client.read(motor.id, MotorParameter.ERROR))
    if after:
        return [failed(name, f"reports {', '.join(error_names(after))}", "mend the cause, then switch the motor off and on")]
    old = before & ~int(MotorError.WATCHDOG_TIMEOUT)
    if old:
        return [warned(name, f"reported {', '.join(error_names(old))}; it could be cleared", "watch whether it comes back")]
    return []


def _voltage(client: SdoClient, motor: MotorConfig, name: str, config: HardwareConfig) -> list[Check]:
    volts, limits = client.read(motor.id, MotorParameter.BUS_VOLTAGE_MEASURED), config.limits
    if not limits.voltage_low <= volts <= limits.voltage_high:
        return [
            failed(
                name,
                f"supply {volts:.1f} V; {limits.voltage_low:g} to {limits.voltage_high:g} V are needed",
                "charge or change the battery, check its fuse",
            )
        ]
    if volts < limits.voltage_warn:
        return [warned(name, f"supply {volts:.1f} V", "charge the battery soon")]
    return []


def _position(
    client: SdoClient, motor: MotorConfig, name: str, index: int, model: RobotModel, calibration: Calibration
) -> list[Check]:
    joint = client.measure(motor.id) * calibration.direction[index] - calibration.offset[index]
    lower, upper = model.lower[index], model.upper[index]
    if not np.isfinite(joint) or not lower - 0.1 <= joint <= upper + 0.1:
        return [
            failed(
                name,
                f"stands at {joint:.2f} rad; its range is {lower:.2f} to {upper:.2f} rad",
                "calibrate it: python -m deploy.calibrate (the offset may be lost after switching off)",
            )
        ]
    return []


def _write_settings(client: SdoClient, motor: MotorConfig, values: dict[MotorParameter, float]) -> None:
    """Raises RobotError, naming the parameter, if one does not take."""
    for parameter, value in values.items():
        client.write(motor.id, parameter, value)


def check_watchdogs(clients: dict[str, SdoClient], config: HardwareConfig, wait: Callable[[float], None]) -> Check:
    """That a motor which is not fed falls to DAMPING with its error bit set: in POSITION, with no gain and no torque.

    Everything behind the 250 Hz cycle relies on it, and the motor that answers with the right number need not act on it:
    firmware 0x20250226 sets its timer from flash, when it is switched on.
    """
    limit = config.limits.watchdog_ms
    for motor in config.motors:
        client = clients[motor.bus]
        for parameter, value in (*HARMLESS.items(), (MotorParameter.WATCHDOG_TIMEOUT, limit)):
            client.feed(motor.id)
            client.write(motor.id, parameter, value)
    for motor in config.motors:
        clients[motor.bus].set_mode(motor.id, MotorMode.POSITION)
        clients[motor.bus].feed(motor.id)
    wait(limit / 1000.0 + WATCHDOG_SPARE)
    late = [motor for motor in config.motors if clients[motor.bus].read(motor.id, MotorParameter.MODE) == MotorMode.POSITION]
    if late:
        wait(WATCHDOG_FACTORY)
    never = [motor for motor in late if clients[motor.bus].read(motor.id, MotorParameter.MODE) == MotorMode.POSITION]
    mute = []
    for motor in config.motors:
        client = clients[motor.bus]
        if motor not in late and not int(client.read(motor.id, MotorParameter.ERROR)) & MotorError.WATCHDOG_TIMEOUT:
            mute.append(motor)
        client.set_mode(motor.id, MotorMode.IDLE)
        client.send(motor_protocol.write_parameter(motor.id, MotorParameter.ERROR, 0))
    if never:
        return failed(
            "watchdogs",
            f"{_some(never)} in POSITION without a heartbeat",
            "do not run without a watchdog: a dead computer would leave the motors driving",
        )
    if late:
        return failed(
            "watchdogs",
            f"{_some(late)} in POSITION for more than {limit} ms without a heartbeat, then damps",
            "python -m deploy.calibrate watchdogs, then switch the motors off and on",
        )
    if mute:
        return failed(
            "watchdogs",
            f"{_some(mute, 'leaves', 'leave')} POSITION without the error bit",
            "check the firmware: nothing would tell that the motor has let go",
        )
    return passed("watchdogs", f"all {len(config.motors)} motors fall to damping within {limit} ms of the last heartbeat")


def _some(motors: list[MotorConfig], one: str = "stays", several: str = "stay") -> str:
    """A few names and their verb."""
    more = f" and {len(motors) - 3} more" if len(motors) > 3 else ""
    return f"{', '.join(motor.joint for motor in motors[:3])}{more} {several if len(motors) > 1 else one}"


def open_ports(config: HardwareConfig, opener: Callable) -> tuple[dict[str, BusPort], list[Check]]:
    """The buses that can be opened, and a failed check for each that cannot."""
    ports, found = {}, []
    for bus in config.buses:
        try:
            ports[bus.name] = BusPort(bus.name, opener(bus))
        except RobotError as error:
            seen, _, advice = str(error).partition("; ")
            found.append(failed(bus.name, seen, advice))
    return ports, found


def check_hardware(robot: Wired) -> list[Check]:
    """Buses, motors, watchdogs, IMU of a robot that is not connected."""
    hardware, model = robot.hardware, robot.model
    ports, checks = open_ports(hardware, robot.open_bus)
    try:
        clients = {name: SdoClient(port, robot.wait) for name, port in ports.items()}
        for port in ports.values():
            checks += check_bus(port, hardware, robot.wait)
        whole = len(ports) == len(hardware.buses) and not any(check.verdict.value == "fail" for check in checks)
        if whole:
            for index, motor in enumerate(hardware.motor_of(model)):
                checks += check_motor(clients[motor.bus], motor, index, hardware, model, robot.calibration)
            checks += attempt("watchdogs", lambda: check_watchdogs(clients, hardware, robot.wait))
        else:
            checks.append(failed("motors", "not looked at", "mend the buses first"))
    finally:
        for port in ports.values():
            port.close()
    return checks + check_imu(robot.imu, robot.wait, robot.clock)
