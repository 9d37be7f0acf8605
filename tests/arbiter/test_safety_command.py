"""Only the safety layer makes commands that a robot takes."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from arbiter.errors import RobotError
from arbiter.safety import is_safe
from arbiter.safety.command import _Issued
from arbiter.types import Mode, SafeCommand
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from tests.safety_rig import Drive, armed, small_model

MODEL = small_model()


def sent() -> SafeCommand:
    return Drive(armed(MODEL)).tick(MODEL.default)[0]


def test_what_the_filter_returns_is_accepted():
    command = sent()
    assert isinstance(command, SafeCommand) and is_safe(command)
    assert command.stamp == 0.02 and command.mode is Mode.RUN
    assert np.array_equal(command.kp, MODEL.kp) and np.array_equal(command.kd, MODEL.kd)


def test_a_forged_command_is_not():
    zero = np.zeros(MODEL.n)
    assert not is_safe(SafeCommand(0.0, zero, zero, zero, Mode.RUN))
    assert not is_safe(None) and not is_safe("command")

    class Fake(SafeCommand):
        pass

    assert not is_safe(Fake(0.0, zero, zero, zero, Mode.RUN))
    with pytest.raises(RobotError, match="built outside arbiter.safety; only Safety.filter makes one"):
        _Issued(object(), 0.0, zero, zero, zero, Mode.RUN)


def test_an_issued_command_cannot_be_edited_into_another():
    command = sent()
    with pytest.raises(RobotError, match="built outside arbiter.safety"):
        dataclasses.replace(command, q=np.full(MODEL.n, 9.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        command.q = np.full(MODEL.n, 9.0)
    for array in (command.q, command.kp, command.kd):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
        assert array.base is None or not getattr(array.base, "flags", array.flags).owndata
    assert np.array_equal(copy.copy(command).q, command.q)


def test_nothing_that_goes_around_the_constructor_is_taken():
    """By the simulated robot, whose motors ask as those on the bus do."""
    robot, high = SimulatedRobot(load_model()), np.full(22, 9.0)
    robot.connect()
    drive = Drive(armed(robot.model))
    edited, restored, empty, filled = (drive.tick(robot.model.default)[0] for _ in range(4))
    robot.write(edited)
    object.__setattr__(edited, "q", high)
    restored.__setstate__([0.0, high, high, high, Mode.RUN])
    empty = object.__new__(_Issued)
    filled = object.__new__(_Issued)
    for name, value in (("stamp", 0.0), ("q", high), ("kp", high), ("kd", high), ("mode", Mode.RUN), ("seal", 0)):
        object.__setattr__(filled, name, value)
    again = pickle.loads(pickle.dumps(drive.tick(robot.model.default)[0]))
    plain = SafeCommand(0.0, high, high, high, Mode.RUN)
    for command in (edited, restored, empty, filled, again, plain, copy.copy(edited), None):
        assert not is_safe(command)
        with pytest.raises(RobotError, match="did not come from the safety layer; only arbiter.safety makes commands"):
            robot.write(command)
    robot.step(0.02)
    assert not (np.abs(robot.truth.joint_pos) > 1.0).any()
    robot.close()


def test_commands_do_not_share_memory():
    drive = Drive(armed(MODEL))
    first = drive.tick(MODEL.default)[0]
    before = first.q.copy()
    drive.tick(MODEL.default + 0.01)
    assert np.array_equal(first.q, before)
