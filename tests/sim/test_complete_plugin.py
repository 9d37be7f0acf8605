"""The example package that brings one of everything, found as an installation leaves it, and used together in one run."""

import importlib
import json
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from arbiter.tree.contract import check_node
from deploy.drivers.contract import check_driver
from deploy.drivers.door import check_driver_kind
from deploy.drivers.sensors.balls import camera_of
from deploy.drivers.sensors.detector import check_detector, check_detector_kind
from deploy.replay import main as replay
from deploy.robots.description import load_model
from deploy.run import main
from deploy.runtime.assemble import assemble
from deploy.runtime.config import load_tree
from deploy.runtime.doors import load_doors
from deploy.runtime.instruction_sources import Sayings
from deploy.runtime.robot_contract import check_robot_folder
from deploy.runtime.session import Session
from deploy.tree import main as tree
from policies.chunk.contract import check_backend
from policies.context import PolicyContext
from policies.contract import check_policy
from policies.loading import check_backend_kind, check_policy_kind
from skills.contract import check_skill

DOORS = ("skills", "policies", "backends", "nodes", "robots", "drivers", "detectors")
EXAMPLE = Path(__file__).parents[2] / "examples" / "complete_plugin"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """What `pip install` leaves on the path: the package, and its metadata as pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"]
    lines = [line for group, names in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines))
    shutil.copytree(EXAMPLE / "complete_plugin", tmp_path / "complete_plugin")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield groups
    for name in [name for name in sys.modules if name.partition(".")[0] == "complete_plugin"]:
        del sys.modules[name]


def part(name):
    return importlib.import_module(f"complete_plugin.{name}")


def test_each_of_its_parts_keeps_the_contract_of_its_door(installed):
    assert set(installed) == {f"arbiter.{door}" for door in DOORS}
    model = load_model("desk")
    assert check_robot_folder("desk") == []
    assert check_skill(part("skill").Welcome(), model) == []
    assert check_node(part("node").Still) == []
    kind, config = part("policy").Sway, part("policy").SwayConfig()
    assert check_policy_kind(kind) == []
    assert check_policy(lambda: kind().open("sway", config, PolicyContext(model)), model) == []
    kind = part("backend").Lift
    assert check_backend_kind(kind) == []
    assert check_backend(lambda: kind().open(kind.Config(), PolicyContext(model)), "raise your arms") == []
    kind = part("driver").Delayed
    assert check_driver_kind(kind) == []
    assert check_driver(lambda: kind().open(model, kind.Config())) == []
    kind, camera = part("detector").Nearby, camera_of(load_model("berkeley_humanoid_lite"))
    assert check_detector_kind(kind) == []
    assert check_detector(lambda: kind().open(camera, kind.Config())) == []


def test_one_run_uses_all_of_it(installed, tmp_path, capsys):
    report = tmp_path / "report.json"
    options = ["--robot", "delayed", "--fast", "--viewer", "none", "--report", str(report), "--log", str(tmp_path / "log")]
    assert main(["--tree", str(EXAMPLE / "desk.yaml"), *options, "--say", "welcome our guests"]) == 0
    told = capsys.readouterr().out
    (said,) = [one for one in json.loads(report.read_text())["instructions"] if one["by"] == "words"]
    assert said["result"] == "succeeded", told
    assert "pass  link    delivers commands 1 ticks later" in told
    drove = [one["to"] for one in json.loads(report.read_text())["handovers"]]
    assert drove[-4:-1] == ["chunk", "sway", "rest"], "backend, policy, then home"
    assert replay([str(tmp_path / "log"), "--verify"]) == 0, "and its trace decides the same again"


def test_in_truth_the_hands_go_up_and_sway(installed):
    assembly = assemble(load_tree(str(EXAMPLE / "desk.yaml")), robot="delayed", fast=True)
    heights = []
    observers = [*assembly.observers, lambda report: heights.append(assembly.truth().hands[:, 2])]
    session = Session(assembly.robot, assembly.arbiter, assembly.clock, [Sayings(["welcome our guests"])], observers)
    try:
        session.start()
        session.run(14.0)
    finally:
        assembly.close()
    z = np.array(heights)
    assert (z.max(axis=0) > z[0] + 0.1).all(), "both hands rise by 10 cm and more"
    up = z[z.mean(axis=1) > z[0].mean() + 0.05].mean(axis=1)
    turns = np.diff(np.sign(np.diff(up[::5])))
    assert np.count_nonzero(turns) >= 2, "and go down and up again there"
    assert (np.abs(z[-1] - z[0]) < 0.03).all(), "then they go home"


def test_the_same_on_the_first_robot_and_the_simulated_driver(installed, tmp_path, capsys):
    text = (EXAMPLE / "desk.yaml").read_text().replace("robot: desk", "robot: berkeley_humanoid_lite")
    text = text.replace("policies:\n", "policies:\n  locomotion: {kind: onnx, file: locomotion.onnx}\n", 1)
    file, report = tmp_path / "t.yaml", tmp_path / "report.json"
    file.write_text(text.replace("home: {", "home: {legs: locomotion, "))
    options = ["--fast", "--viewer", "none", "--report", str(report), "--set", "policies.sway.height=0.5"]
    assert main(["--tree", str(file), *options, "--say", "welcome our guests"]) == 0
    found = json.loads(report.read_text())
    assert [one["text"] for one in found["instructions"]] == ["welcome our guests"]
    assert found["instructions"][0]["result"] == "succeeded" and found["instructions"][0]["truth"]["falls"] == 0


def test_a_tree_file_that_does_not_use_it_is_as_before_but_for_a_skill_that_cannot_run(installed, capsys):
    doors = load_doors(load_tree("default.yaml"))
    assert set(doors.kinds) == {"sway"} and set(doors.backends) == {"lift"} and doors.problems == []
    assert tree(["default.yaml"]) == 0
    told = capsys.readouterr().err
    assert "warning: skill 'welcome' left out: tree of welcome:7: hand_over: no to 'sway'" in told
