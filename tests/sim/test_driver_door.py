"""Drivers from outside: the contract, what the drivers of this project make of it, and a run on one."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from arbiter.errors import ConfigError, RobotError
from arbiter.robot import FaultLatching, Hangable, SelfDamping
from deploy.drivers.contract import check_driver
from deploy.drivers.door import Depicted, Driver, Seeing, check_driver_kind
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from deploy.run import main
from deploy.runtime.assemble import assemble
from deploy.runtime.config import find_tree, load_tree
from deploy.runtime.simulated_operator import ClearsFaults
from tests.arbiter_rig import Rig
from tests.fakes import FakeRobot

ROOT = Path(__file__).parents[2]
MODEL = load_model()
LATE = """
    from collections import deque
    from dataclasses import dataclass
    from arbiter.strict.fields import limited
    from deploy.drivers.checks import failed, passed
    from deploy.drivers.door import Driver
    from deploy.drivers.simulated.simulated_robot import SimulatedRobot

    @dataclass(frozen=True)
    class LateConfig:
        ticks: int = limited(1, 0, 3)
        broken: bool = False

    class LateRobot(SimulatedRobot):
        def __init__(self, model, settings):
            super().__init__(model)
            self.settings, self.sent = settings, deque(maxlen=settings.ticks + 1)

        def preflight(self):
            if self.settings.broken:
                return [failed("link", "no carrier", "plug it in")]
            return [passed("link", "up")]

        def write(self, command):
            self.sent.append(command)
            super().write(self.sent[0])

    class Late(Driver):
        name, help, Config, lockstep = "late", "commands arrive later", LateConfig, True

        def open(self, model, settings):
            return LateRobot(model, settings)
"""


def tree_with(folder, text=LATE):
    (folder / "late.py").write_text(textwrap.dedent(text))
    file = folder / "t.yaml"
    file.write_text("drivers: {files: [late.py]}\n" + find_tree("default.yaml").read_text())
    return str(file)


def test_a_run_on_a_driver_from_outside_with_its_settings(tmp_path, capsys):
    report = tmp_path / "report.json"
    tree = tree_with(tmp_path)
    options = ["--robot", "late", "--set", "drivers.settings.late.ticks=1", "--fast", "--viewer", "none"]
    assert main(["--tree", tree, *options, "--say", "wave your right hand", "--report", str(report)]) == 0
    told = capsys.readouterr().out
    assert "pass  link " in told
    (said,) = [one for one in json.loads(report.read_text())["instructions"] if one["by"] == "words"]
    assert said["result"] == "succeeded" and said["truth"]["verified"][0]["success"]


def test_the_doctor_looks_at_it_on_the_base_install(tmp_path):
    """Only the robot on CAN needs the extra `robot`."""
    without = "import sys; sys.modules.update(dict.fromkeys(('can', 'serial', 'cv2')))"
    code = f"{without}; from deploy.doctor import main; sys.exit(main(sys.argv[1:]))"
    options = ["--tree", tree_with(tmp_path), "--robot", "late"]
    done = subprocess.run([sys.executable, "-c", code, *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pass  link " in done.stdout


@pytest.mark.parametrize(
    ("robot", "settings", "error"),
    [
        ("lat", (), "the robot of the tree file, berkeley_humanoid_lite, late; an installed robot is named with --set robot=lat"),
        ("late", ("drivers.settings.late.ticks=9",), "drivers.settings.late.ticks is 9; 0 to 3 are allowed"),
        ("late", ("drivers.settings.late.tick=1",), "unknown key 'drivers.settings.late.tick'; did you mean 'ticks'?"),
        ("late", ("drivers.settings.lte.ticks=1",), "drivers.settings: no driver 'lte'; did you mean 'late'?"),
        ("late", ("drivers.settings.late.broken=true",), "driver late: pre-flight failed, motion is not armed"),
    ],
)
def test_wrong_names_settings_and_hardware_are_told_before_anything_moves(tmp_path, robot, settings, error):
    with pytest.raises((ConfigError, RobotError)) as raised:
        assemble(load_tree(tree_with(tmp_path), settings), robot=robot, fast=True)
    assert error in str(raised.value)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("return LateRobot(model, settings)", "return 3"), "driver late: int has no connect()"),
        (("return LateRobot(model, settings)", "raise OSError('no port')"), "driver late: OSError: no port"),
        (("return LateRobot(model, settings)", "import time; time.sleep(2)"), "driver late: blocks: not opened within 0.1 s"),
        (('"link", "up")]', '"link", 1 / 0)]'), "fail  driver  ZeroDivisionError"),
        (("lockstep = ", "patience = "), "--fast needs a driver whose step() lets time pass"),
    ],
)
def test_a_driver_that_goes_wrong_while_it_opens_is_named(tmp_path, change, error):
    patience = 0.1 if "sleep" in change[1] else 10.0
    text = LATE.replace(*change).replace("class Late(Driver):\n", f"class Late(Driver):\n        patience = {patience}\n")
    with pytest.raises((ConfigError, RobotError)) as raised:
        assemble(load_tree(tree_with(tmp_path, text)), robot="late", fast=True)
    assert error in str(raised.value)


def test_the_drivers_of_this_project_keep_the_contract_and_say_what_they_can():
    robot = SimulatedRobot(MODEL)
    assert check_driver(lambda: robot) == []
    assert isinstance(robot, Hangable) and isinstance(robot, FaultLatching) and isinstance(robot, Depicted)
    assert not isinstance(robot, SelfDamping) and not isinstance(robot, Seeing)
    rig = pytest.importorskip("deploy.rig.lockstep", reason="needs the extra robot")
    assert check_driver(lambda: rig.start(body="joints")) == []
    assert isinstance(rig.start(body="joints"), SelfDamping)


class Bad(SimulatedRobot):
    def __init__(self):
        super().__init__(MODEL)


def changed(**changes):
    """A simulated robot with these methods instead of its own."""
    return type("Changed", (Bad,), changes)


def reads(change):
    def read(self, now):
        from dataclasses import replace

        state = Bad.read(self, now)
        return replace(state, **change(state, self))

    return read


def stamp_back(state, robot):
    robot.count = getattr(robot, "count", 0) - 1.0
    return {"stamp": robot.count}


def slow(self, now):
    time.sleep(0.006)
    return Bad.read(self, now)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"write": lambda self, command: None}, "write() takes a policy's target; a RobotError is expected"),
        ({"read": reads(stamp_back)}, "the stamp goes back"),
        ({"read": reads(lambda state, robot: {"joint_pos": state.joint_pos[:3]})}, "joint_pos has the shape (3,)"),
        ({"read": reads(lambda state, robot: {"joint_vel": state.joint_vel * np.nan})}, "joint_vel is not finite"),
        ({"read": reads(lambda state, robot: {"base_quat": 2.0 * state.base_quat})}, "base_quat has the length 2.000"),
        ({"read": reads(lambda state, robot: {"joint_age": state.joint_age - 1.0})}, "joint_age is negative"),
        ({"read": reads(lambda state, robot: {"mean_ang_vel": np.zeros(4)})}, "mean_ang_vel has the shape (4,)"),
        ({"read": reads(lambda state, robot: {"mean_ang_vel": np.full(3, np.nan)})}, "mean_ang_vel is not finite"),
        ({"read": reads(lambda state, robot: {"faults": ("hot",)})}, "faults are reported: hot"),
        ({"read": lambda self, now: None}, "returned NoneType"),
        ({"read": slow}, "takes more than 5 ms"),
        ({"connect": lambda self: 1 / 0}, "connect(): ZeroDivisionError"),
        ({"step": lambda self, dt: 1 / 0}, "write(), step() or read(): ZeroDivisionError"),
        ({"close": lambda self: 1 / 0}, "close(), called for the second time: ZeroDivisionError"),
        ({"preflight": lambda self: [1]}, "a list of deploy.drivers.checks.Check is expected"),
        ({"damped_by": "over-current", "damp": lambda self, why: None}, "damped_by is 'over-current'"),
        ({"model": None}, "model is no arbiter.robot.RobotModel"),
        ({"step": None}, "has no step()"),
    ],
)
def test_the_contract_of_a_driver_tells_what_is_wrong(changes, error):
    def make():
        robot = changed(**{key: value for key, value in changes.items() if key != "model"})()
        robot.model = changes.get("model", MODEL)
        return robot

    problems = check_driver(make)
    assert any(error in line for line in problems), problems


def test_a_robot_that_answers_before_it_is_connected_does_not_keep_the_contract():
    problems = check_driver(FakeRobot)
    assert problems[0].startswith("read() before connect() gives a state")


def test_an_operators_reset_reaches_the_faults_that_a_driver_has_latched():
    """A robot that nobody of ours lifts: what its driver latched is forgotten, once for each reset, never by itself."""

    class Latching(FakeRobot):
        cleared = 0

        def clear_faults(self):
            self.cleared += 1

    up, robot = Rig().ready(), Latching()
    clears = ClearsFaults(robot)
    clears(up.tick())
    up.arbiter.inbox.damp("a test")
    clears(up.tick())
    assert robot.cleared == 0
    up.arbiter.inbox.reset()
    clears(up.tick())
    clears(up.tick())
    assert robot.cleared == 1


def test_the_contract_of_a_driver_kind():
    assert check_driver_kind(type("D", (Driver,), {"name": "rig", "help": "h"}))[0].endswith("choose another")
    assert check_driver_kind(type("D", (Driver,), {"name": "mine", "help": "h"})) == ["D has no open()"]
    assert "is not a subclass of deploy.drivers.door.Driver" in check_driver_kind(3)[0]
