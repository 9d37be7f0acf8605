"""Pre-flight on the rig: a whole robot passes, each defect is found and named, and motion is refused on a fail."""

from tests.needs import needs

pytestmark = needs("robot", "can", "serial", "cv2")

from dataclasses import replace

import numpy as np
import pytest

import deploy.rig
from arbiter.errors import RobotError
from deploy.calibrate import Calibrator, store_watchdogs
from deploy.doctor import main
from deploy.drivers.can.bus import open_bus
from deploy.drivers.can.hardware_file import BusConfig
from deploy.drivers.can.motor_protocol import MotorMode, MotorParameter
from deploy.drivers.checks import CheckResult, Report, failed, passed, warned
from deploy.drivers.sensors.camera import CameraConfig
from deploy.drivers.sensors.sensor_checks import check_camera
from deploy.rig.fault_injection import parse_fault
from deploy.runtime.host_checks import check_disk, check_engines, check_heat, check_timing
from deploy.runtime.preflight import _dry_command, check_limits, preflight

KNEE = "leg_left_knee_pitch_joint"


def robot_with(*faults):
    robot = deploy.rig.start(body="joints")
    for text in faults:
        robot.rig.set_fault(parse_fault(text, tuple(robot.rig.nodes), robot.model.joints), True)
    return robot


def lines(report, verdict=CheckResult.FAIL):
    return [f"{check.name}: {check.seen} -> {check.advice}" for check in report.checks if check.verdict is verdict]


def test_a_whole_robot_passes_and_can_be_connected_afterwards():
    robot = robot_with()
    report = preflight(robot, machine=False)
    assert report.ok, report.table()
    assert [check.verdict for check in report.checks].count(CheckResult.WARN) == 0
    assert {motor.mode for motor in robot.rig.motors} == {MotorMode.IDLE}
    robot.connect()
    robot.step(0.1)
    assert robot.read(0.0).faults == () and {motor.mode for motor in robot.rig.motors} == {MotorMode.DAMPING}
    assert all(motor.values[MotorParameter.TORQUE_LIMIT] > 0 for motor in robot.rig.motors)
    robot.close()


DEFECTS = {
    (f"{KNEE}:silent",): f"can2 motors: no answer from 7 ({KNEE})",
    (f"{KNEE}:voltage=19",): f"can2/{KNEE}: supply 19.0 V; 19.8 to 26.5 V are needed",
    (f"{KNEE}:deaf",): f"can2/{KNEE}: can2: motor 7 keeps POSITION_KP at",
    ("imu:silent",): "imu: no reading",
    ("imu:unplug",): "imu: ",
    ("can3:unplug",): "can3 motors: can3: cannot send: adapter gone",
}


@pytest.mark.parametrize("faults", DEFECTS)
def test_a_defect_is_found_named_and_refused(faults):
    report = preflight(robot_with(*faults), machine=False)
    assert not report.ok
    assert any(line.startswith(DEFECTS[faults]) for line in lines(report)), report.table()
    assert all(check.advice for check in report.failures)
    assert report.table().endswith(": motion is not armed")


def test_motors_that_are_not_where_they_should_be():
    robot = robot_with()
    robot.calibration = replace(robot.calibration, offset=np.where(np.arange(22) == 13, 3.0, robot.calibration.offset))
    assert any("stands at -2.60 rad; its range is 0.00 to 2.44 rad" in line for line in lines(preflight(robot, machine=False)))


def test_swapped_buses_and_old_firmware_are_found():
    robot = robot_with()
    nodes = robot.rig.nodes
    nodes["can0"]._by_device, nodes["can1"]._by_device = nodes["can1"]._by_device, nodes["can0"]._by_device
    nodes["can0"].motors, nodes["can1"].motors = nodes["can1"].motors, nodes["can0"].motors
    report = preflight(robot, machine=False)
    assert any(line.startswith("can0 strangers: ids [2, 4, 6, 8, 10] answer") for line in lines(report))
    robot = robot_with()
    robot.rig.motors[0].values[MotorParameter.FIRMWARE_VERSION] = 0x20240101
    assert any("firmware 0x20240101" in line for line in lines(preflight(robot, machine=False), CheckResult.WARN))


def test_a_motor_whose_watchdog_does_not_bite_is_refused():
    robot = robot_with()
    robot.rig.motors[13].watch = lambda now: None
    report = preflight(robot, machine=False)
    assert any(line.startswith(f"watchdogs: {KNEE} stays in POSITION without a heartbeat") for line in lines(report))


def test_new_motors_are_refused_until_their_watchdogs_are_stored_and_they_were_switched_off_and_on():
    """A time that is only written is read back, and has no effect: firmware 0x20250226 takes it from flash when switched on."""
    robot = deploy.rig.start(body="joints", watchdog_ms=1000)
    robot.rig.advance(0.0)
    [line] = lines(preflight(robot, machine=False))
    assert "and 19 more stay in POSITION for more than 100 ms without a heartbeat, then damps" in line
    assert line.endswith("python -m deploy.calibrate watchdogs, then switch the motors off and on")
    calibrator = Calibrator(robot.model, robot.hardware, robot.open_bus, robot.wait)
    robot.rig.motors[0].flash[MotorParameter.TORQUE_LIMIT] = 3.0
    assert store_watchdogs(calibrator) == 100
    calibrator.close()
    assert robot.rig.motors[0].flash[MotorParameter.TORQUE_LIMIT] == 3.0  # nothing else has changed
    assert not preflight(robot, machine=False).ok
    robot.rig.switch_off_and_on()
    assert preflight(robot, machine=False).ok


def test_a_motor_whose_flash_does_not_keep_the_watchdog_is_named():
    robot = robot_with()
    robot.rig.motors[13].values[MotorParameter.WATCHDOG_TIMEOUT] = robot.rig.motors[13].flash[MotorParameter.WATCHDOG_TIMEOUT] = (
        500
    )
    robot.rig.motors[13].disturbance.deaf_settings = True
    with pytest.raises(RobotError, match="motor 7 keeps WATCHDOG_TIMEOUT at 500, 100 was written; switch it off and on"):
        store_watchdogs(Calibrator(robot.model, robot.hardware, robot.open_bus, robot.wait))


def test_an_error_that_comes_back_is_refused_and_an_old_one_is_a_warning():
    robot = robot_with(f"{KNEE}:error=over temperature")
    assert any(
        "reported over temperature; it could be cleared" in line
        for line in lines(preflight(robot, machine=False), CheckResult.WARN)
    )
    robot = robot_with(f"{KNEE}:error=over temperature")
    robot.rig.motors[13].disturbance.deaf_settings = True
    assert any("reports over temperature" in line for line in lines(preflight(robot, machine=False)))


def test_a_tilted_imu_is_refused():
    robot = robot_with()
    robot.rig.body.base = lambda: (np.array((0.8, 0.6, 0.0, 0.0)), np.array((0.0, 0.0, 1.0)))
    report = preflight(robot, machine=False)
    assert any(line.startswith("imu tilt: 1.29 rad") for line in lines(report))
    assert any(line.startswith("imu rest: turns at") for line in lines(report, CheckResult.WARN))


def test_limits_that_let_targets_pass_are_found(monkeypatch):
    model = deploy.rig.start(body="joints").model
    assert check_limits(model)[0].verdict is CheckResult.PASS
    assert _dry_command(model, 13, 5.0) == pytest.approx(model.upper[13], abs=0.05)  # it does go to the end
    monkeypatch.setattr("deploy.runtime.preflight._dry_command", lambda model, index, target: target)
    assert "would be sent to" in check_limits(model)[0].seen


def test_the_computer(tmp_path):
    assert {check.name for check in check_timing()} == {"timing", "priority"}
    assert check_disk(tmp_path).verdict in CheckResult and "ONNX Runtime" in check_engines().seen
    assert check_heat(tmp_path).verdict is CheckResult.PASS
    zone = tmp_path / "thermal_zone0"
    zone.mkdir()
    (zone / "temp").write_text("91000\n")
    assert check_heat(tmp_path).seen == "91 °C" and check_heat(tmp_path).verdict is CheckResult.WARN


def test_tree_and_camera_errors_become_lines(tmp_path):
    robot = robot_with()
    report = preflight(robot, tree=str(tmp_path / "none.yaml"), machine=False)
    assert any(line.startswith("tree: --tree") and "no such file" in line for line in lines(report))
    [check] = check_camera(CameraConfig(source=str(tmp_path / "none.avi"), backend="file"), lambda dt: None)
    assert check.verdict is CheckResult.FAIL and "is it plugged in" in check.advice


def test_the_table():
    report = Report((passed("a", "well"), warned("long name", "so so", "do this"), failed("b", "bad", "do that")))
    assert report.table().splitlines() == [
        "pass  a          well",
        "warn  long name  so so",
        "                 -> do this",
        "fail  b          bad",
        "                 -> do that",
        "1 pass, 1 warn, 1 fail: motion is not armed",
    ]


def test_the_command_line(capsys):
    assert main(["--robot", "rig", "--tree", "none"]) == 0
    assert "22 motors fall to damping" in capsys.readouterr().out
    assert main(["--robot", "rig", "--tree", "none", "--fault", f"{KNEE}:silent"]) == 1
    assert main(["--robot", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err


def test_a_bus_that_is_not_there_names_the_way_out():
    with pytest.raises(RobotError, match="can0: cannot open socketcan 'nocan0': .*set nocan0 up type can bitrate 1000000"):
        open_bus(BusConfig("can0", "socketcan", "nocan0"))
