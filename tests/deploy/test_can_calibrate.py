"""The calibration command on the rig: joints moved through their ranges by hand give back the true offsets."""

from tests.needs import needs

pytestmark = needs("robot", "can")

import numpy as np
import pytest

import deploy.rig
from arbiter.errors import RobotError
from deploy.calibrate import Calibrator, Sweep, calibrate, main, offsets
from deploy.drivers.can.calibration import Calibration, load_calibration
from deploy.rig.fault_injection import parse_fault

ENDS = ("lower", "upper")


def rig_with(offset):
    robot = deploy.rig.start(body="joints")
    robot.rig.calibration = Calibration(offset, robot.calibration.direction)
    return robot


def by_hand(robot, share=1.0):
    """Someone moves the joints: to the lower ends, then to the upper ones; then he is done."""
    left = list(ENDS)

    def done():
        if not left:
            return True
        end = getattr(robot.model, left.pop(0))
        middle = 0.5 * (robot.model.lower + robot.model.upper)
        robot.rig.body._q[:] = middle + share * (end - middle)
        robot.rig._feel()
        return False

    return done


def calibrator_of(robot):
    return Calibrator(robot.model, robot.hardware, robot.open_bus, robot.wait)


def test_offsets_come_back(tmp_path):
    true = np.random.default_rng(1).uniform(-1.0, 1.0, 22)
    robot, path = rig_with(true), tmp_path / "calibration.yaml"
    calibrator = calibrator_of(robot)
    robot.rig.body._q[:] = 0.5 * (robot.model.lower + robot.model.upper)
    robot.rig._feel()
    calibrate(calibrator, path, by_hand(robot), "2025-05-01")
    loaded = load_calibration(path, robot.model, robot.calibration.direction)
    np.testing.assert_allclose(loaded.offset, true, atol=1e-5)
    np.testing.assert_allclose(loaded.to_joint(loaded.to_motor(robot.model.default)), robot.model.default)
    assert all(motor.mode == 1 for motor in robot.rig.motors)
    calibrator.close()


def test_the_rigs_own_hand_moves_every_joint_far_enough(tmp_path):
    true = np.random.default_rng(2).uniform(-1.0, 1.0, 22)
    robot, path = rig_with(true), tmp_path / "calibration.yaml"
    calibrator = calibrator_of(robot)
    robot.rig.sweep()
    end = robot.rig.time + 6.5
    calibrate(calibrator, path, lambda: robot.rig.time > end, "today")
    np.testing.assert_allclose(load_calibration(path, robot.model, robot.calibration.direction).offset, true, atol=0.02)
    calibrator.close()


def test_joints_that_were_not_moved_through_are_named_and_nothing_is_written(tmp_path):
    robot, path = rig_with(np.zeros(22)), tmp_path / "calibration.yaml"
    with pytest.raises(RobotError, match="nothing written:\n.*arm_left_shoulder_pitch_joint: moved .* push it to both ends"):
        calibrate(calibrator_of(robot), path, by_hand(robot, share=0.5), "today")
    assert not path.exists()


def test_a_joint_that_moved_too_far_is_another_motor():
    model = deploy.rig.start(body="joints").model
    _, wrong = offsets(Sweep(model.lower - 0.5, model.upper + 0.5), model)
    assert len(wrong) == 22 and "is it the right motor?" in wrong[0]
    found, wrong = offsets(Sweep(model.lower + 0.2, model.upper + 0.2), model)
    assert not wrong
    np.testing.assert_allclose(found, 0.2)


def test_a_motor_that_does_not_answer_is_named():
    robot = rig_with(np.zeros(22))
    robot.rig.set_fault(parse_fault("leg_left_knee_pitch_joint:silent", tuple(robot.rig.nodes), robot.model.joints), True)
    with pytest.raises(RobotError, match="can2: motor 7 does not answer"):
        calibrator_of(robot).read()


def test_the_command_names_what_is_missing(capsys, tmp_path):
    assert main(["--hardware", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml is missing" in capsys.readouterr().err
    assert main([]) == 1
    assert "ip link set can0 up" in capsys.readouterr().err
