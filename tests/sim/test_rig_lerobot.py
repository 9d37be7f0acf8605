"""The LeRobot plug-in on the rig: found by LeRobot's own discovery, records, obeys, and refuses what is not right."""

from tests.needs import needs

pytestmark = needs("train", "lerobot")

import importlib.metadata
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lerobot.robots import RobotConfig, make_robot_from_config
from lerobot.utils.errors import DeviceNotConnectedError
from lerobot.utils.import_utils import register_third_party_plugins

from arbiter.errors import ConfigError, RobotError
from deploy.lerobot import BerkeleyHumanoidLite, BerkeleyHumanoidLiteConfig

EXAMPLE = Path(__file__).parents[2] / "examples" / "lerobot_robot_berkeley_humanoid_lite"
ELBOW = "arm_left_elbow_pitch_joint.pos"


def connected(tmp_path, **settings):
    config = BerkeleyHumanoidLiteConfig(id="test", calibration_dir=tmp_path, rig=True, rig_body="joints", **settings)
    robot = make_robot_from_config(config)
    robot.connect()
    return robot


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_lerobots_discovery_finds_the_package(monkeypatch):
    """As if installed: on the path, and among the distributions."""

    class Installed:
        metadata = {"Name": "lerobot_robot_berkeley_humanoid_lite"}

    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [Installed])
    register_third_party_plugins()
    assert "lerobot_robot_berkeley_humanoid_lite" in sys.modules
    assert RobotConfig.get_choice_class("berkeley_humanoid_lite") is BerkeleyHumanoidLiteConfig
    assert isinstance(make_robot_from_config(BerkeleyHumanoidLiteConfig(id="x", rig=True)), BerkeleyHumanoidLite)


def test_features(tmp_path):
    arms = BerkeleyHumanoidLite(BerkeleyHumanoidLiteConfig(id="t", calibration_dir=tmp_path))
    body = BerkeleyHumanoidLite(BerkeleyHumanoidLiteConfig(id="t", calibration_dir=tmp_path, group="whole_body"))
    assert len(arms.action_features) == 10 and len(body.action_features) == 22
    assert arms.observation_features[ELBOW] is float and not arms.is_connected
    with pytest.raises(DeviceNotConnectedError, match="call connect"):
        arms.get_observation()


def test_an_armed_robot_goes_where_it_is_told_within_its_ranges(tmp_path):
    robot = connected(tmp_path, armed=True, max_speed=8.0)
    try:
        posture = robot.get_observation()
        assert posture.keys() == robot.observation_features.keys()
        sent = robot.send_action(dict.fromkeys(posture, 0.1) | {ELBOW: 9.0})
        assert sent[ELBOW] == pytest.approx(robot.model.upper[3])
        wait_for(lambda: robot.get_observation()[ELBOW] > 1.3)
        legs = np.flatnonzero(robot.model.groups["legs"])
        np.testing.assert_allclose(robot._loop.state.joint_pos[legs], robot.model.default[legs], atol=0.05)
        with pytest.raises(RobotError, match="action without"):
            robot.send_action({ELBOW: 0.0})
    finally:
        robot.disconnect()
    assert not robot.is_connected


def test_a_robot_that_is_not_armed_ignores_actions(tmp_path):
    robot = connected(tmp_path)
    try:
        asked = dict.fromkeys(robot.action_features, 0.5)
        assert robot.send_action(asked)[ELBOW] == pytest.approx(0.0, abs=0.02)
        assert {motor.mode for motor in robot._robot.rig.motors} == {2}
    finally:
        robot.disconnect()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="group is 'legs'; allowed: arms, whole_body"):
        BerkeleyHumanoidLiteConfig(id="t", group="legs")
    with pytest.raises(ConfigError, match="max_speed is 20"):
        BerkeleyHumanoidLiteConfig(id="t", max_speed=20.0)


@pytest.mark.parametrize("call", ["read", "write", "step"])
def test_a_driver_that_raises_is_a_fault_and_nothing_is_recorded_after_it(tmp_path, monkeypatch, call):
    """The thread died, the fault stayed empty, and the last reading was recorded for ever."""
    robot = connected(tmp_path, armed=True)
    try:
        loop, driver = robot._loop, robot._robot
        robot.send_action(robot.get_observation())
        sent, write = [], driver.write

        def broken(*_):
            raise OSError("bus is gone")

        monkeypatch.setattr(driver, "write", lambda command: sent.append(command) or write(command))
        monkeypatch.setattr(driver, call, broken)
        wait_for(lambda: loop.fault)
        for use in (robot.get_observation, lambda: robot.send_action(dict.fromkeys(robot.action_features, 0.0))):
            with pytest.raises(RobotError, match="stopped: driver: OSError: bus is gone; mend it and connect again"):
                use()
        if call != "write":
            count = len(sent)
            wait_for(lambda: len(sent) > count + 3)
            assert not sent[-1].kp.any(), "it goes on damping"
        assert loop._thread.is_alive()
    finally:
        robot.disconnect()


def test_a_loop_that_ends_by_itself_is_a_fault(tmp_path, monkeypatch):
    robot = connected(tmp_path)
    try:
        monkeypatch.setattr(robot._loop._safety, "filter", lambda *_: 1 / 0)
        monkeypatch.setattr("threading.excepthook", lambda _: None)
        wait_for(lambda: not robot._loop._thread.is_alive())
        with pytest.raises(RobotError, match="stopped: the control loop ended"):
            robot.get_observation()
    finally:
        robot.disconnect()
