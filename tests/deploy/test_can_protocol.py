"""The motors' bytes: golden frames written by hand from the published table, and round trips."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.drivers.can import motor_protocol
from deploy.drivers.can.adapter_errors import describe_error_frame, describe_send_error
from deploy.drivers.can.motor_protocol import Frame, Function, MotorError, MotorMode, MotorParameter, ProtocolError, error_names

GOLDEN = [
    (motor_protocol.set_mode(5, MotorMode.POSITION), 0x005, "1305"),
    (motor_protocol.set_mode(14, MotorMode.DAMPING), 0x00E, "020e"),
    (motor_protocol.ping(1), 0x201, "ca"),
    (motor_protocol.targets(3, 1.0, -2.0), 0x303, "0000803f000000c0"),
    (motor_protocol.read_parameter(7, MotorParameter.ERROR), 0x607, "401400"),
    (motor_protocol.read_parameter(7, MotorParameter.BUS_VOLTAGE_MEASURED), 0x607, "400001"),
    (motor_protocol.write_parameter(7, MotorParameter.POSITION_KP, 20.0), 0x607, "202000000000a041"),
    (motor_protocol.write_parameter(7, MotorParameter.WATCHDOG_TIMEOUT, 100), 0x607, "2008000064000000"),
    (motor_protocol.write_parameter(2, MotorParameter.POSITION_LIMIT_UPPER, math.inf), 0x602, "203c00000000807f"),
    (motor_protocol.heartbeat(11), 0x70B, ""),
    (motor_protocol.store_settings(9), 0x689, "01"),
    (motor_protocol.load_settings(9), 0x689, "02"),
]


@pytest.mark.parametrize("frame, identifier, data", GOLDEN)
def test_golden_frames(frame, identifier, data):
    assert frame == Frame(identifier, bytes.fromhex(data))


def test_table_of_functions_modes_errors():
    assert [f.value for f in Function] == list(range(15))
    assert (Function.TRANSMIT_SDO, Function.RECEIVE_SDO, Function.HEARTBEAT) == (0xB, 0xC, 0xE)
    assert {m.name: m.value for m in MotorMode} == {
        "DISABLED": 0,
        "IDLE": 1,
        "DAMPING": 2,
        "CALIBRATION": 5,
        "CURRENT": 0x10,
        "TORQUE": 0x11,
        "VELOCITY": 0x12,
        "POSITION": 0x13,
        "DEBUG": 0x80,
    }
    assert MotorError.OVER_TEMPERATURE == 0x200 and MotorError.I2C_FAULT == 0x1000


@given(st.integers(0, 14), st.integers(1, 127))
def test_identifier_round_trip(function, device):
    frame = Frame(motor_protocol.identifier(function, device))
    assert (frame.function, frame.device) == (function, device) and frame.id < 2**11


@pytest.mark.parametrize("device", [0, 128, -1])
def test_device_out_of_range_is_refused(device):
    with pytest.raises(ProtocolError, match=f"device {device}; a motor's id is 1..127"):
        motor_protocol.heartbeat(device)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_targets_round_trip(position, velocity):
    assert motor_protocol.unpack_pair(motor_protocol.targets(1, position, velocity).data) == (position, velocity)


@pytest.mark.parametrize("position, velocity", [(math.nan, 0.0), (0.0, math.inf), (-math.inf, 0.0)])
def test_targets_that_are_not_finite_are_refused(position, velocity):
    with pytest.raises(ProtocolError, match="both must be finite"):
        motor_protocol.targets(1, position, velocity)


@given(st.sampled_from([p for p in MotorParameter if p.kind == "f32"]), st.floats(width=32, allow_nan=False))
def test_float_parameters_round_trip(parameter, value):
    assert parameter.unpack(motor_protocol.write_parameter(1, parameter, value).data[4:]) == value


@given(st.sampled_from([p for p in MotorParameter if p.kind == "u32"]), st.integers(0, 2**32 - 1))
def test_whole_parameters_round_trip(parameter, value):
    assert parameter.unpack(parameter.pack(value)) == value


@pytest.mark.parametrize(
    "parameter, value, text",
    [
        (MotorParameter.POSITION_KP, math.nan, "POSITION_KP = nan"),
        (MotorParameter.POSITION_KP, 1e39, "does not fit"),
        (MotorParameter.WATCHDOG_TIMEOUT, -1, "whole number"),
        (MotorParameter.WATCHDOG_TIMEOUT, 0.5, "whole number"),
        (MotorParameter.WATCHDOG_TIMEOUT, 2**32, "whole number"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(parameter, value, text):
    with pytest.raises(ProtocolError, match=text):
        motor_protocol.write_parameter(1, parameter, value)


def test_short_answers_are_named():
    with pytest.raises(ProtocolError, match="a PDO 2 of 7 bytes"):
        motor_protocol.unpack_pair(bytes(7))
    with pytest.raises(ProtocolError, match="MODE: the motor sent 3 bytes"):
        MotorParameter.MODE.unpack(bytes(3))


def test_parameters_by_address():
    assert MotorParameter.at(0x100) is MotorParameter.BUS_VOLTAGE_MEASURED and MotorParameter.at(0x999) is None
    assert len({p.address for p in MotorParameter}) == len(MotorParameter)


def test_error_names():
    assert error_names(0) == ()
    assert error_names(0x0240) == ("watchdog timeout", "over temperature")
    assert error_names(0x8001) == ("general", "unknown bits 0x8000")


@given(st.integers(1, 0x1FFF))
def test_error_reports_round_trip(bits):
    assert motor_protocol.unpack_error_report(motor_protocol.error_report(3, bits).data) == bits


def test_an_empty_error_report_is_still_an_error():
    assert motor_protocol.unpack_error_report(b"") == MotorError.GENERAL
    assert motor_protocol.unpack_error_report(struct.pack("<H", 0x200)) == MotorError.OVER_TEMPERATURE


@pytest.mark.parametrize(
    "identifier, data, words",
    [
        (0x40, bytes(8), "bus off"),
        (0x04, b"\x00\x10" + bytes(6), "error passive"),
        (0x04, b"\x00\x04" + bytes(6), "error warning"),
        (0x04, b"\x00\x01" + bytes(6), "adapter overflow"),
        (0x20, bytes(8), "no acknowledge"),
        (0x100, bytes(8), "restarted"),
        (0x44, b"\x00\x10", "bus off"),
        (0x88, b"", "error frame"),
    ],
)
def test_error_frames_in_words(identifier, data, words):
    assert describe_error_frame(identifier, data) == words


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(105, "No buffer space available"), "transmit queue full"),
        (OSError(19, "No such device"), "adapter gone"),
        (OSError(100, "Network is down"), "adapter gone"),
        (ConnectionResetError("reset"), "adapter gone"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_send_errors_in_words(error, words):
    assert describe_send_error(error) == words


def test_bits_on_the_wire():
    assert motor_protocol.frame_bits(0) == pytest.approx(47 + 33 / 8)
    assert 111 < motor_protocol.frame_bits(8) < 135
