"""An operator's hands on the simulated robot: drive, stop and record, by the keys that the real robot answers to."""

import numpy as np
import pytest

import deploy.operator as devices
from deploy.operator import OperatorSource
from deploy.operator.devices import Signs
from deploy.run import main
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.session import Session

REST = np.zeros(3)


class Hands:
    """A device that does what it is told at the next poll."""

    def __init__(self):
        self.orders, self.velocity, self.lost = [], REST, False

    def poll(self):
        orders, self.orders = tuple(self.orders), []
        return Signs(orders, np.array(self.velocity), self.lost)

    def close(self):
        pass


@pytest.fixture(params=["operator", "file"])
def drive(request, monkeypatch):
    """(hands, session) once the robot stands free: the skill comes with the operator, or as a file of the tree."""
    hands = Hands()
    settings = []
    if request.param == "file":
        settings = ["skills.files=[../operator/hand.py]"]
        monkeypatch.setattr("deploy.runtime.assemble.offer_the_hand", lambda skills: None)
    monkeypatch.setitem(devices.OPERATORS, "gamepad", lambda: hands)
    assembly = assemble(load_tree("default.yaml", settings), fast=True, operator="gamepad")
    assert isinstance(assembly.sources[0], OperatorSource)
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, assembly.sources, assembly.observers)
    session.start()
    until(session, lambda: assembly.arbiter.world.ready, 20.0)
    wait(session, 1.0)
    yield hands, session
    assembly.close()


def until(session, done, limit):
    end = session.clock.now + limit
    while not done():
        assert session.clock.now < end, "it never came"
        session.step()


def wait(session, seconds):
    end = session.clock.now + seconds
    while session.clock.now < end:
        session.step()


def test_the_stick_drives_and_stop_stops(drive):
    hands, session = drive
    robot, arbiter = session.robot, session.arbiter
    hands.orders.append("hand")
    until(session, lambda: "locomotion" in arbiter.authority.names[-1], 3.0)
    begin = robot.truth.base_pos[0]
    hands.velocity = np.array((0.4, 0.0, 0.0))
    wait(session, 4.0)
    assert robot.truth.base_pos[0] - begin > 0.4
    yaw = robot.truth.base_quat[3]
    hands.velocity = np.array((0.0, 0.0, 0.8))
    wait(session, 3.0)
    assert robot.truth.base_quat[3] - yaw > 0.3
    hands.velocity, stop_at = REST, robot.truth.base_pos.copy()
    hands.orders.append("stop")
    wait(session, 2.0)
    assert np.linalg.norm(robot.truth.base_pos - stop_at) < 0.3 and arbiter.world.stopped == "operator"
    assert not arbiter.safety.fault


def test_a_lost_operator_is_a_stop(drive):
    hands, session = drive
    hands.lost = True
    wait(session, 0.1)
    assert session.arbiter.world.stopped == "the operator is lost"


def test_records_begin_and_end_by_a_key(tmp_path, monkeypatch, capsys):
    hands = Hands()
    ticks = iter(range(10**6))

    def poll(elapsed=hands.poll):
        tick = next(ticks)
        hands.orders += ["record"] if tick in (20, 60, 100) else []
        return elapsed()

    monkeypatch.setattr(hands, "poll", poll)
    monkeypatch.setitem(devices.OPERATORS, "gamepad", lambda: hands)
    monkeypatch.chdir(tmp_path)
    assert main(["--fast", "--operator", "gamepad", "--for", "4", "--say", "stand still", "--viewer", "none"]) == 0
    records = sorted(tmp_path.glob("records/record_*/trace.jsonl"))
    lines = [record.read_text().splitlines() for record in records]
    assert [path.parent.name for path in records] == ["record_001", "record_002"]
    assert 2 <= len(lines[0]) <= 42 and 2 <= len(lines[1])  # the settings, and the ticks between the two keys
    assert '"joints"' in lines[0][0] and '"state"' in lines[0][1]
    said = capsys.readouterr().out
    assert said.count("recording into records/record_00") == 2 and said.count("recorded") == 2


def test_the_heart_beats_until_the_last_tick_of_the_stop(drive):
    hands, session = drive
    beats, ticks = [], []
    beating = Session(session.robot, session.arbiter, session.clock, [], session.observers, lambda: beats.append(1))
    tick = session.arbiter.tick
    session.arbiter.tick = lambda now: (ticks.append(1), tick(now))[1]
    beating.step()
    beating.stop()
    assert len(beats) == len(ticks) > 100, "a supervisor that hears nothing damps a robot that is about to settle"
