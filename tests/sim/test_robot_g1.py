"""The Unitree G1 under its own names: a folder and a public policy, no code. Judged by the simulation's truth."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest

from deploy.drivers.sensors.raycast import RayCaster, look_at
from deploy.drivers.sensors.sim_camera import SimCamera, put
from deploy.drivers.sensors.visible import not_drawn
from deploy.drivers.simulated.scene import Scene
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from deploy.run import main
from tests.sim.rig import SimRun
from tests.unitree_g1 import policy_folder, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("robots") / "unitree_g1", policy_folder())


def run_of(folder, seed=1):
    return SimRun(seed=seed, settings=[f"robot={json.dumps(str(folder))}"])


def tallest(run, since=0):
    return max(truth.torso_height for truth in run.truth[since:])


def test_its_parts_are_found_in_its_model(folder):
    model = load_model(folder)
    assert {name: int(mask.sum()) for name, mask in model.groups.items()} == {
        "legs": 12,
        "arms": 14,
        "waist": 3,
        "whole_body": 29,
    }
    assert [model.joints[i] for i in model.body.knees] == ["left_knee_joint", "right_knee_joint"]
    assert 0.6 < model.body.standing < 0.8 and model.body.hands["left"].root[1] > 0.0 > model.body.hands["right"].root[1]


def test_it_stands_walks_by_words_and_stops(folder):
    with run_of(folder, seed=3) as run:  # with one seed in six its first walk of 2 m ends 8 to 10 cm short, and says so
        truth = run.truth[-1]
        assert run.arbiter.world.ready and sum(truth.foot_force) == pytest.approx(33.34 * 9.81, rel=0.15)
        since = run.mark()
        item = run.say("walk forward two meters")
        assert str(item.result) == "succeeded" and run.path(since)[0] == pytest.approx(2.0, abs=0.12)
        told = run.reports[-1].state.estimate
        assert told.trusted and told.position[:2] == pytest.approx(run.path()[:2], abs=0.1)
        since = run.mark()
        item = run.say("turn left")  # which this policy does only while it walks
        assert str(item.result) == "succeeded" and run.path(since)[2] == pytest.approx(np.pi / 2, abs=0.07)
        assert np.hypot(*run.path(since)[:2]) < 0.2, "it walks back and forth around its spot"
        run.arbiter.inbox.say("walk forward")
        run.wait(2.0)
        run.say("stop")
        since = run.wait(2.0).mark()
        run.wait(2.0)
        assert np.abs(run.path(since)).max() < 0.05, "it stands"
        assert run.falls == 0 and run.broken_limits() == []


def in_mid_walk(run):
    run.arbiter.inbox.say("walk forward two meters")
    run.wait(3.1)
    return run.mark()


def test_an_arm_that_is_lost_settles_it_without_a_fall(folder):
    with run_of(folder) as run:
        in_mid_walk(run)
        run.robot.failures.garbled.add("left_elbow_joint")
        since = run.wait(6.0).mark()
        run.wait(3.0)
        assert run.reports[-1].verdict.mode.value == "settle" and run.falls == 0
        assert set(run.reports[-1].owners[:12]) == {"stand"} and np.abs(run.path(since)).max() < 0.1


def test_a_policy_that_fails_in_mid_walk_is_brought_to_rest(folder, monkeypatch):
    with run_of(folder) as run:
        in_mid_walk(run)
        walker = run.arbiter.bank.players("locomotion")[0]
        monkeypatch.setattr(walker, "act", lambda *_: 1 / 0)
        since = run.wait(7.0).mark()
        run.wait(3.0)
        assert run.falls == 0 and set(run.reports[-1].owners[:12]) == {"stand"}
        assert np.abs(run.path(since)).max() < 0.1


def test_from_the_command_line(folder, tmp_path, capsys):
    words = ["--say", "walk forward one meter", "--fast", "--report", str(tmp_path / "report.json")]
    assert main(["--robot", str(folder), *words]) == 0
    told = capsys.readouterr().out
    assert "stands by itself" in told and "left out: wave_right" in told and "made for another robot" in told
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["instructions"][0]["truth"]["ahead_m"] > 0.88 and report["instructions"][0]["truth"]["falls"] == 0


def test_film_and_head_camera_show_its_meshes(folder):
    robot = SimulatedRobot(load_model(folder), scene=Scene(balls={}), hanging=False)
    assert robot.head_camera and not_drawn(robot.mj_model) == []
    data = mujoco.MjData(robot.mj_model)
    put(robot.mj_model, data, robot.pose)
    caster = RayCaster(robot.mj_model, 160, 120, 0.62)
    eye, aim = np.array((2.8, -1.9, 1.2)), np.array((0.0, 0.0, 0.65))
    caster.render(data, eye, look_at(eye, aim))
    hit = caster._view.hit[caster._view.hit >= 0]
    bodies = {robot.mj_model.body(robot.mj_model.geom_bodyid[geom]).name for geom in hit}
    assert {"torso_link", "pelvis", "left_knee_link", "right_ankle_roll_link", "right_elbow_link"} <= bodies
    ahead = SimCamera(robot.mj_model, camera=robot.head_camera, width=64, height=64).render(robot.pose)
    assert len(np.unique(ahead.reshape(-1, 3), axis=0)) > 20
