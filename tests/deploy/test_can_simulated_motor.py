"""The simulated motor controller: answers, modes, limits, watchdog, and the fault list's grammar."""

from tests.needs import needs

pytestmark = needs("robot", "can")

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from deploy.drivers.can import motor_protocol
from deploy.drivers.can.motor_protocol import Frame, MotorError, MotorMode, MotorParameter
from deploy.rig.fault_injection import parse_fault
from deploy.rig.simulated_motor import SimulatedMotor


def driving(kp=20.0, kd=2.0, limit=6.0, now=0.0) -> SimulatedMotor:
    motor = SimulatedMotor(7, watchdog_ms=100)
    for parameter, value in (
        (MotorParameter.POSITION_KP, kp),
        (MotorParameter.VELOCITY_KP, kd),
        (MotorParameter.TORQUE_LIMIT, limit),
    ):
        motor.handle(motor_protocol.write_parameter(7, parameter, value), now)
    motor.handle(motor_protocol.set_mode(7, MotorMode.POSITION), now)
    return motor


def ask(motor, frame, now=0.0):
    motor.handle(frame, now)
    return motor.take_frames()


def test_answers_the_bytes_that_the_published_client_waits_for():
    """By hand from the table: PDO 2, SDO read and ping, as seen on the wire."""
    motor = SimulatedMotor(7)
    motor.step(0.0, 0.5, -1.0)
    assert ask(motor, Frame(0x307, struct.pack("<ff", 0.0, 0.0))) == [Frame(0x287, struct.pack("<ff", 0.5, -1.0))]
    assert ask(motor, Frame(0x607, bytes.fromhex("400400")))[0].data == struct.pack("<I", 0x20250226)
    assert ask(motor, Frame(0x207, b"\xca")) == [Frame(0x187, b"\xca" + bytes(7))]
    assert ask(motor, Frame(0x607, bytes.fromhex("202000000000a041"))) == []  # writes are not acknowledged
    assert ask(motor, Frame(0x607, bytes.fromhex("402000"))) == [Frame(0x587, bytes.fromhex("0000a041"))]


def test_other_ids_and_garbage_are_not_answered():
    motor = SimulatedMotor(7)
    for frame in (
        Frame(0x308, bytes(8)),
        Frame(0x307, bytes(3)),
        Frame(0x607, b"\x40"),
        Frame(0x007, b"\x13\x08"),
        Frame(0x607, bytes.fromhex("2004000000000000")),
    ):
        assert ask(motor, frame) == []
    assert motor.mode == MotorMode.IDLE and motor.values[MotorParameter.FIRMWARE_VERSION] == motor_protocol.FIRMWARE
    assert motor.errors == MotorError.CAN_RX_FAULT  # the SDO of one byte


@pytest.mark.parametrize("data", [b"", b"\x40\x48\x03", b"\x60\x10\x00"])
def test_an_sdo_that_means_nothing_is_not_answered_and_leaves_its_bit(data):
    """Empty, beyond the last parameter, neither read nor write."""
    motor = SimulatedMotor(7)
    assert ask(motor, Frame(0x607, data)) == [] and motor.errors == MotorError.CAN_RX_FAULT


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-10, 10), st.floats(-10, 10))
def test_position_mode_is_a_clamped_pd_law(target, position, wanted, velocity):
    motor = driving()
    motor.handle(motor_protocol.targets(7, target, wanted), 0.0)
    target, wanted = struct.unpack("<ff", struct.pack("<ff", target, wanted))
    torque = motor.step(0.0, position, velocity)
    assert torque == pytest.approx(max(-6.0, min(6.0, 20.0 * (target - position) + 2.0 * (wanted - velocity))))


def test_position_limits_clip_the_target():
    motor = driving(kd=0.0)
    motor.handle(motor_protocol.write_parameter(7, MotorParameter.POSITION_LIMIT_UPPER, 0.1), 0.0)
    motor.handle(motor_protocol.targets(7, 3.0, 0.0), 0.0)
    assert motor.step(0.0, 0.1, 0.0) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("mode, torque", [(MotorMode.IDLE, 0.0), (MotorMode.DISABLED, 0.0), (MotorMode.DAMPING, -1.5)])
def test_modes_without_targets(mode, torque):
    motor = driving()
    motor.handle(motor_protocol.targets(7, 1.0, 0.0), 0.0)
    motor.handle(motor_protocol.set_mode(7, mode), 0.0)
    assert motor.step(0.0, 0.0, 1.5) == torque


@pytest.mark.parametrize(
    "frame", [motor_protocol.heartbeat(7), motor_protocol.ping(7), motor_protocol.targets(7, 0.0, 0.0), Frame(0x407, bytes(8))]
)
def test_watchdog_damps_once_and_what_feeds_it(frame):
    """Heartbeat and PDO 1 to 3, as the published firmware does; a heartbeat does not arm."""
    motor = driving()
    for k in range(50):
        motor.handle(frame, 0.02 * k)
        motor.step(0.02 * k, 0.0, 0.0)
    assert motor.mode == MotorMode.POSITION and motor.errors == 0
    last = 0.02 * 49
    motor.step(last + 0.0999, 0.0, 0.0)
    assert motor.mode == MotorMode.POSITION
    motor.step(last + 0.1001, 0.0, 0.0)
    assert motor.mode == MotorMode.DAMPING and motor.errors == MotorError.WATCHDOG_TIMEOUT
    motor.handle(motor_protocol.heartbeat(7), last + 0.2)
    assert motor.mode == MotorMode.DAMPING


@pytest.mark.parametrize(
    "frame",
    [
        motor_protocol.set_mode(7, MotorMode.POSITION),
        motor_protocol.read_parameter(7, MotorParameter.ERROR),
        motor_protocol.write_parameter(7, MotorParameter.TORQUE_LIMIT, 1.0),
    ],
)
def test_what_does_not_feed_the_watchdog(frame):
    motor = driving()
    for k in range(20):
        motor.handle(frame, 0.01 * k)
        motor.step(0.01 * k, 0.0, 0.0)
    assert motor.errors == MotorError.WATCHDOG_TIMEOUT


def test_a_watchdog_time_holds_from_the_next_switching_on():
    motor = SimulatedMotor(7)
    assert motor.period == 1.0
    motor.handle(motor_protocol.write_parameter(7, MotorParameter.WATCHDOG_TIMEOUT, 100), 0.0)
    assert motor.values[MotorParameter.WATCHDOG_TIMEOUT] == 100 and motor.period == 1.0
    motor.switch_on(1.0)
    assert motor.values[MotorParameter.WATCHDOG_TIMEOUT] == 1000
    motor.handle(motor_protocol.write_parameter(7, MotorParameter.WATCHDOG_TIMEOUT, 100), 1.0)
    motor.handle(motor_protocol.store_settings(7), 1.0)
    motor.switch_on(2.0)
    assert motor.period == 0.1 and motor.mode == MotorMode.IDLE


def test_a_motor_that_reports_does_so_once():
    motor = driving()
    motor.reports = True
    motor.raise_error(MotorError.OVER_CURRENT)
    motor.raise_error(MotorError.OVER_CURRENT)
    assert motor.take_frames() == [Frame(0x087, struct.pack("<I", 0x100))]
    motor.reports = False
    motor.raise_error(MotorError.ESTOP)
    assert motor.take_frames() == []


def test_modes_that_cannot_be_end_in_idle_with_an_error():
    motor = driving()
    motor.handle(Frame(0x007, b"\x77\x07"), 0.0)
    assert motor.mode == MotorMode.IDLE and motor.errors == MotorError.INVALID_MODE
    motor = driving()
    motor.handle(motor_protocol.set_mode(7, MotorMode.DISABLED), 0.0)
    motor.handle(motor_protocol.set_mode(7, MotorMode.POSITION), 0.0)
    assert motor.mode == MotorMode.IDLE and motor.errors == MotorError.INVALID_MODE


def test_flash_keeps_settings():
    motor = driving(kp=11.0)
    motor.handle(motor_protocol.store_settings(7), 0.0)
    motor.handle(motor_protocol.write_parameter(7, MotorParameter.POSITION_KP, 3.0), 0.0)
    motor.handle(motor_protocol.load_settings(7), 0.0)
    assert motor.values[MotorParameter.POSITION_KP] == 11.0 and motor.mode == MotorMode.POSITION


def test_faults_on_demand():
    motor = driving()
    motor.disturbance.twice = True
    assert len(ask(motor, motor_protocol.targets(7, 0.0, 0.0))) == 2
    motor.disturbance.twice, motor.disturbance.answers_as = False, 9
    assert [frame.device for frame in ask(motor, motor_protocol.targets(7, 0.0, 0.0))] == [9]
    motor.disturbance.answers_as, motor.disturbance.not_a_number = None, True
    assert all(math.isnan(value) for value in motor_protocol.unpack_pair(ask(motor, motor_protocol.targets(7, 0.0, 0.0))[0].data))
    motor.disturbance.silent = True
    assert ask(motor, motor_protocol.ping(7)) == []
    motor.disturbance.silent = False
    motor.disturbance.deaf_settings = True
    motor.handle(motor_protocol.write_parameter(7, MotorParameter.POSITION_KP, 99.0), 0.0)
    assert motor.values[MotorParameter.POSITION_KP] == 20.0


BUSES, JOINTS = ("can0", "can1"), ("knee_joint",)


def test_fault_list():
    fault = parse_fault("can1:drop=0.2@5s", BUSES, JOINTS)
    assert (fault.target, fault.kind, fault.value, fault.start, fault.end) == ("can1", "drop", 0.2, 5.0, math.inf)
    assert not fault.holds(4.99) and fault.holds(5.0)
    fault = parse_fault("imu:silent@8s+0.2s", BUSES, JOINTS)
    assert fault.holds(8.1) and not fault.holds(8.2)
    assert parse_fault("knee_joint:error=over temperature", BUSES, JOINTS).value == MotorError.OVER_TEMPERATURE


@pytest.mark.parametrize(
    "text, words",
    [
        ("can1", "expected TARGET:FAULT"),
        ("can9:drop=1", "unknown target 'can9'; did you mean"),
        ("can1:dorp=1", "did you mean 'drop'"),
        ("can1:drop", "drop takes a value"),
        ("can1:bus_off=1", "bus_off takes no value"),
        ("knee_joint:error=warm", "unknown error 'warm'"),
        ("can1:drop=much", "'much' is not a number"),
        ("imu:bus_off", "unknown fault 'bus_off' of imu"),
    ],
)
def test_fault_list_errors_name_the_way_out(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_fault(text, BUSES, JOINTS)
