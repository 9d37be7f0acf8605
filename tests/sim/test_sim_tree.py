"""What the tree runs by itself, in simulation, judged by the truth: who moved, how far, and that it stands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deploy.run import main
from deploy.runtime.assemble import assemble
from deploy.runtime.config import find_tree, load_tree
from tests.sim.rig import SimRun

ROOT = Path(__file__).parents[2]
EVERY = ROOT / "examples" / "every_node" / "every_node.py"
DEFAULT = find_tree("default.yaml").read_text()


def tree_file(tmp_path, branch):
    """The default tree with `branch` before `home`."""
    file = tmp_path / "tree.yaml"
    file.write_text(DEFAULT.replace("    - home", f"{branch}\n    - home"))
    return str(file)


def results(sim):
    return [(item.text, str(item.result)) for item in sim.arbiter.executor.log if item.by == "tree"]


def swing(sim, since, side=1):
    """How far the hand has gone to and fro to the side, over the last quarter of the ticks since `since` [m]."""
    hands = np.array([truth.hands[side, 1] - truth.base_pos[1] for truth in sim.truth[since:]])
    return float(np.ptp(hands))


def test_a_wave_beside_home_waves(tmp_path):
    branch = "    - parallel: {until: all, children: [{run: {skill: wave_right, parameters: {duration: 4.0}}}, home]}"
    with SimRun(seed=1, tree=tree_file(tmp_path, branch)) as sim:
        sim.wait(7.0)
        item = sim.arbiter.executor.log[0]
        assert (item.by, item.text) == ("tree", "wave_right") and item.result in ("succeeded", "ended")
        owned = sum(report.owners[0] == "chunk" for report in sim.reports)
        assert owned >= 190, "4 s, not the dwell"
        assert len(results(sim)) == 1 and sim.falls == 0
        assert swing(sim, sim.mark() - 300) > 0.1, "the hand went to and fro"


def test_a_patrol_is_told_reported_and_walked(tmp_path):
    branch = """\
    - steps:
        - run: {skill: walk_forward, parameters: {distance: 0.6, speed: 0.3}}
        - run: {skill: turn_left, parameters: {angle: 1.2}}
        - parallel: [{run: wave_right}, {run: {skill: walk_forward, parameters: {distance: 0.5}}}]
        - say: patrol done
        - wait: 100"""
    path = tmp_path / "report.json"
    options = ["--tree", tree_file(tmp_path, branch), "--fast", "--for", "32", "--report", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "deploy.run", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text())
    assert report["falls"] == 0
    rows = report["instructions"]
    assert [(row["by"], row["skills"]) for row in rows] == [
        ("tree", ["walk_forward"]),
        ("tree", ["turn_left"]),
        ("tree", ["wave_right"]),
        ("tree", ["walk_forward"]),
    ]
    assert all(row["result"] in ("succeeded", "ended") for row in rows)
    base = np.array(report["base_path"])
    assert 0.5 < np.hypot(*base[:, 1:3].T).max() and np.ptp(np.unwrap(base[:, 3])) > 0.9
    out = done.stdout
    assert "walk_forward (speed=0.3, distance=0.6), run by the tree" in out and "patrol done" in out
    assert "the tree's turn_left" in out


def test_a_stop_is_a_stop_in_a_tree_without_a_branch_for_it(tmp_path):
    text = DEFAULT.replace("    - when: {name: stopped, stopped: true, child: stop}\n", "")
    assert text != DEFAULT
    file = tmp_path / "tree.yaml"
    file.write_text(text.replace("    - home", "    - run: {skill: walk_forward, parameters: {distance: 3.0}}\n    - home"))
    with SimRun(seed=2, tree=str(file)) as sim:
        sim.wait(2.0)
        assert sim.path()[0] > 0.2, "it walks by itself"
        sim.arbiter.inbox.stop("test")
        sim.wait(1.5)
        here = sim.mark()
        sim.wait(4.0)
        assert np.hypot(*sim.path(here)[:2]) < 0.1 and sim.falls == 0


def test_handing_walking_legs_to_a_stand_waits_until_they_stand(tmp_path):
    branch = """\
    - steps:
        - timeout: {seconds: 2, child: {run: {skill: walk_forward, parameters: {distance: 3.0, speed: 0.4}}}}
        - wait: 1"""
    hand = """\
    - parallel:
        - ignore_failure: {child: {run: {skill: walk_forward, parameters: {distance: 3.0, speed: 0.4}}}}
        - steps: [{wait: 2}, {hand_over: {to: stand, joints: legs}}, {wait: 100}]"""
    for seed in (3, 4):
        with SimRun(seed=seed, tree=tree_file(tmp_path, hand)) as sim:
            sim.wait(1.0)
            assert sim.reports[-1].owners[-1] == "locomotion"
            sim.wait(6.0)
            assert sim.reports[-1].owners[-1] == "stand" and sim.falls == 0
            assert results(sim)[0] == ("walk_forward", "cancelled")
    with SimRun(seed=3, tree=tree_file(tmp_path, branch)) as sim:
        sim.wait(10.0)
        assert sim.falls == 0 and results(sim)[0] == ("walk_forward", "cancelled")


def test_the_battery_drains_and_the_tree_stands_down_from_a_walk(tmp_path):
    with SimRun(seed=5, settings=["simulation.battery=0.2", "simulation.battery_drain=0.6"]) as sim:
        charge = sim.reports[-1].state.battery
        assert charge == pytest.approx(0.2 - 0.01 * sim.reports[-1].now, abs=0.001)
        sim.arbiter.inbox.say("keep walking until I say stop")
        assert sim.until(lambda: sim.reports[-1].state.battery < 0.1, 15.0)
        sim.wait(6.0)
        said = [event.text for report in sim.reports for event in report.events]
        assert said.count("the battery is nearly empty, standing down") == 1
        assert sim.falls == 0 and set(sim.reports[-1].owners) <= {"stand", "rest"}
        sim.robot.battery = 0.9
        sim.wait(2.0)
        sim.robot.battery = 0.05
        sim.wait(1.0)
        said = [event.text for report in sim.reports for event in report.events]
        assert said.count("the battery is nearly empty, standing down") == 2


@pytest.mark.robot
def test_the_rig_tells_its_own_battery(capsys):
    assert main(["--robot", "rig", "--fast", "--say", "bow", "--set", "simulation.battery=0.5"]) == 2
    assert "on the rig the motors tell their supply; set it with --fault" in capsys.readouterr().err


@pytest.mark.robot
@pytest.mark.parametrize("setting", ["noise=false", "motor_hz=1000.0"])
def test_what_the_rig_has_of_its_own_is_not_set(capsys, setting):
    assert main(["--robot", "rig", "--fast", "--say", "bow", "--set", f"simulation.{setting}"]) == 2
    assert f"simulation.{setting.partition('=')[0]}: the motors and the IMU of the rig have their own" in capsys.readouterr().err


@pytest.mark.robot
@pytest.mark.parametrize("robot", ["simulated", "rig"])
def test_the_balls_of_the_tree_file_hang_before_every_simulated_body(robot):
    tree = load_tree("default.yaml", ["simulation.balls={green: [1, 0.5, 0.6]}", "simulation.physics_dt=0.001"])
    assembly = assemble(tree, robot=robot, fast=True)
    try:
        assert {colour: at.tolist() for colour, at in assembly.truth().balls.items()} == {"green": [1.0, 0.5, 0.6]}
        assert assembly.robot.mj_model.opt.timestep == 0.001
    finally:
        assembly.close()


def test_the_example_of_a_node_in_a_run(tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text(
        f"nodes: {{files: [{EVERY}]}}\n"
        + DEFAULT.replace(
            "    - home",
            "    - steps:\n      - every: {seconds: 4, quiet: false}\n"
            "      - run: {skill: wave_right, parameters: {duration: 1}}\n    - home",
        )
    )
    with SimRun(tree=str(file)) as sim:
        sim.wait(10.0)
        begun = [item.at for item in sim.arbiter.executor.log if item.by == "tree"]
        assert len(begun) >= 2 and begun[1] - begun[0] >= 4.0 - 1e-6
        assert sum(event.text == "4 s have passed" for report in sim.reports for event in report.events) == len(begun)
        assert sim.falls == 0


def test_what_the_tree_runs_by_itself_is_no_order_that_must_succeed(tmp_path):
    """An instruction interrupts the tree's own walk: the walk is cancelled, the exit status tells of the instruction."""
    path = tmp_path / "report.json"
    file = tree_file(tmp_path, "    - run: {skill: walk_forward, parameters: {distance: 3.0}}")
    status = main(["--tree", file, "--fast", "--strict", "--say", "wave your right hand", "--report", str(path)])
    rows = json.loads(path.read_text())["instructions"]
    assert ("tree", "cancelled") in [(row["by"], row["result"]) for row in rows]
    assert [row["result"] for row in rows if row["by"] == "words"] == ["succeeded"] and status == 0
