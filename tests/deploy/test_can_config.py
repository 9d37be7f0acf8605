"""Wiring, limits and calibration of the real robot."""

from dataclasses import replace

import numpy as np
import pytest

from arbiter import strict
from arbiter.errors import ConfigError
from deploy.drivers.can.calibration import Calibration, load_calibration, nominal, save_calibration, save_creep
from deploy.drivers.can.faults import REACTIONS, reaction
from deploy.drivers.can.hardware_file import BusConfig, HardwareConfig, Limits, MotorConfig, load_hardware
from deploy.drivers.can.motor_protocol import MotorError
from deploy.robots.description import load_model

MODEL = load_model()


def test_published_wiring():
    hardware = load_hardware()
    wiring = {(m.bus, m.id): (m.joint, m.direction) for m in hardware.motors}
    assert len(wiring) == 22 and [bus.name for bus in hardware.buses] == ["can0", "can1", "can2", "can3"]
    assert wiring["can0", 9] == ("arm_left_elbow_roll_joint", -1)
    assert wiring["can1", 8] == ("arm_right_elbow_pitch_joint", 1)
    assert wiring["can2", 13] == ("leg_left_ankle_roll_joint", 1)
    assert wiring["can3", 2] == ("leg_right_hip_roll_joint", -1)
    assert list(hardware.directions(MODEL)) == [1, 1, -1, -1, -1, -1, 1, -1, 1, -1, -1, 1, -1, -1, -1, 1, -1, 1, 1, 1, 1, 1]


def test_hardware_errors_name_what_is_wrong(tmp_path):
    motor = MotorConfig("a", "can0", 1, 1)
    with pytest.raises(ConfigError, match="bus and id .* stands twice"):
        HardwareConfig((BusConfig("can0"),), (motor, replace(motor, joint="b")))
    with pytest.raises(ConfigError, match="bus 'can7' is none of can0"):
        HardwareConfig((BusConfig("can0"),), (replace(motor, bus="can7"),))
    with pytest.raises(ConfigError, match="direction is 2; 1 or -1"):
        MotorConfig("a", "can0", 1, 2)
    with pytest.raises(ConfigError, match="id is 0; 1..127"):
        MotorConfig("a", "can0", 0, 1)
    with pytest.raises(ConfigError, match="joints without a motor.*motors without a joint: \\['a'\\]"):
        HardwareConfig((BusConfig("can0"),), (motor,)).check(MODEL)
    file = tmp_path / "hardware.yaml"
    file.write_text("buses: []\nmotors: []\nlimits: {watchdog: 5}\n")
    with pytest.raises(ConfigError, match="watchdog_ms"):
        strict.load(HardwareConfig, file)


@pytest.mark.parametrize(
    "wrong, text",
    [
        ({"watchdog_ms": 0}, "watchdog_ms is 0"),
        ({"velocity_feedforward": 1.5}, "0..1 is allowed"),
        ({"voltage_low": 22.0}, "voltages must rise"),
    ],
)
def test_limits_check_themselves(wrong, text):
    with pytest.raises(ConfigError, match=text):
        Limits(**wrong)


def test_calibration_turns_joint_into_motor_coordinates_and_back():
    calibration = Calibration(np.array((0.5, -0.25)), np.array((1.0, -1.0)))
    np.testing.assert_allclose(calibration.to_motor(np.array((1.0, 1.0))), (1.5, -0.75))
    np.testing.assert_allclose(calibration.to_joint(calibration.to_motor(np.array((0.3, -2.0)))), (0.3, -2.0))
    lower, upper = calibration.range_to_motor(np.array((-1.0, 0.0)), np.array((1.0, 2.0)))
    np.testing.assert_allclose(lower, (-0.5, -1.75))
    np.testing.assert_allclose(upper, (1.5, 0.25))


def test_calibration_file_round_trip(tmp_path):
    path, offsets = tmp_path / "deep" / "calibration.yaml", np.linspace(-0.2, 0.2, MODEL.n)
    save_calibration(path, MODEL, offsets, "2025-05-01")
    save_creep(path, MODEL, 0.004)
    direction = load_hardware().directions(MODEL)
    loaded = load_calibration(path, MODEL, direction)
    np.testing.assert_allclose(loaded.offset, offsets, atol=1e-6)
    assert loaded.creep == 0.004
    assert not loaded.offset.flags.writeable and list(path.parent.iterdir()) == [path]


def test_calibration_errors(tmp_path):
    direction = load_hardware().directions(MODEL)
    with pytest.raises(ConfigError, match="no calibration; measure it with `python -m deploy.calibrate`"):
        load_calibration(tmp_path / "none.yaml", MODEL, direction)
    path = tmp_path / "c.yaml"
    path.write_text("robot: other\nmeasured: today\noffsets: {}\n")
    with pytest.raises(ConfigError, match="calibration of 'other'; this robot is 'berkeley_humanoid_lite'"):
        load_calibration(path, MODEL, direction)
    path.write_text("robot: berkeley_humanoid_lite\nmeasured: today\noffsets: {elbow: 0.1}\n")
    with pytest.raises(ConfigError, match="joints missing: .*unknown: \\['elbow'\\]"):
        load_calibration(path, MODEL, direction)
    for creep, said in ((0.06, "-0.05 to 0.05 s are allowed"), (np.nan, "a number is expected")):
        save_calibration(path, MODEL, np.zeros(MODEL.n), "today", creep)
        with pytest.raises(ConfigError, match=f"creep.*{said}"):
            load_calibration(path, MODEL, direction)
    save_calibration(path, MODEL, np.full(MODEL.n, 7.0), "today")
    with pytest.raises(ConfigError, match="at most one turn"):
        load_calibration(path, MODEL, direction)


def test_no_calibration_is_the_identity_but_for_directions():
    direction = load_hardware().directions(MODEL)
    np.testing.assert_allclose(nominal(direction).to_motor(np.ones(MODEL.n)), direction)


def test_every_error_bit_and_unknown_words_have_a_reaction():
    for error in MotorError:
        assert error.name.lower().replace("_", " ") in REACTIONS
    assert reaction("can1: bus off", arms_only=True).value == "settle"
    assert reaction("can2: bus off").value == "damp"
    assert reaction("can2/knee: low voltage (19.1 V)").value == "settle"
    assert reaction("can2/knee: battery runs low (20.1 V)").value == "run"
    assert reaction("can2/knee: unknown bits 0x8000").value == "damp"
