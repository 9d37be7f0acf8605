"""Node types of third parties: loaded by file and by entry point, walled, checked like any other."""

import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from arbiter.errors import ConfigError
from arbiter.skill import Outcome
from arbiter.tree.contract import check_node
from arbiter.tree.loading import load_nodes
from arbiter.tree.plugin import TreeNode
from arbiter.tree.registry import NODE_TYPES
from deploy.runtime.config import find_tree
from deploy.tree import main
from tests.arbiter_rig import Rig

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "every_node"


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


def rig_with(monkeypatch, kind, branch, patience=1.0):
    """A rig whose tree may use the node type `kind`."""
    from arbiter.tree import loading

    monkeypatch.setattr(
        "deploy.runtime.tree_check.load_nodes",
        lambda *args, **options: loading.NodeSet(NODE_TYPES | {kind.name: loading._type_of(kind, patience)}),
    )
    return Rig(tree=branch).stand()


class Recorded(TreeNode):
    """Notes what is called."""

    name, help = "recorded", "notes what is called"
    answer, calls = Outcome.RUNNING, ()

    def __init__(self, config=None):
        super().__init__(config)
        type(self).calls = []

    def enter(self, view):
        self.calls.append("enter")

    def update(self, view):
        self.calls.append("update")
        view.tell(f"at {view.now:.2f}, {', '.join(view.skills)}")
        return type(self).answer

    def leave(self, view):
        self.calls.append("leave")


def test_the_life_of_a_node(monkeypatch):
    up = rig_with(monkeypatch, Recorded, "- when: {turning_above: 0.3, child: {ignore_failure: {child: recorded}}}")
    up.robot.changes["base_ang_vel"] = np.array((0.0, 0.0, 0.4))
    up.tick(3)
    assert Recorded.calls == ["enter", "update", "update", "update"]
    up.robot.changes["base_ang_vel"] = np.zeros(3)
    up.tick(2)
    assert Recorded.calls[4:] == ["leave"]
    up.robot.changes["base_ang_vel"] = np.array((0.0, 0.0, 0.4))
    Recorded.answer = Outcome.SUCCESS
    up.tick(2)
    assert Recorded.calls[5:] == ["enter", "update", "enter", "update"]
    Recorded.answer = Outcome.RUNNING
    assert len(up.texts("skill")) == 5, "what it tells is told"
    mine = [thread for thread in threading.enumerate() if thread.name == "node-recorded"]
    up.arbiter.close()
    for thread in mine:
        thread.join(10.0)
    assert mine and not any(thread.is_alive() for thread in mine), "its thread ends with the run"


class Broken(TreeNode):
    """Goes wrong in the way that a test asks for."""

    name, help = "broken", "goes wrong"
    how = ""

    def update(self, view):
        if self.how == "raise":
            raise RuntimeError("no sensor")
        if self.how == "exit":
            sys.exit(3)
        if self.how == "block":
            time.sleep(0.6)
        return {"none": None, "text": "success"}.get(self.how, Outcome.RUNNING)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raise", "RuntimeError: no sensor"),
        ("exit", "SystemExit: 3"),
        ("none", "update() returned None; an arbiter.skill.Outcome"),
        ("text", "update() returned 'success'"),
        ("block", "blocks: no answer within 10 ticks"),
    ],
)
def test_a_node_that_goes_wrong_is_left_out_by_name_and_the_tick_goes_on(monkeypatch, how, why):
    monkeypatch.setattr(Broken, "how", how)
    up = rig_with(monkeypatch, Broken, "- selector: [broken, {say: went on}]", patience=0.002)
    up.tick(60)
    told = [text for text in up.texts("skill") if "node broken is left out from now on" in text]
    assert len(told) == 1 and why in told[0]
    assert "went on" in up.texts("mode")
    assert up.say("walk_forward").tick(3) and up.last().text == "walk_forward"


def test_a_node_whose_answer_comes_late_is_running_meanwhile(monkeypatch):
    class Slow(TreeNode):
        name, help = "slow", "takes its time"

        def update(self, view):
            time.sleep(0.01)
            return Outcome.SUCCESS

    up = rig_with(monkeypatch, Slow, "- steps: [slow, {say: done}, {wait: 100}]", patience=0.002)
    up.tick(60)
    assert "done" in up.texts("mode")


def test_a_constructor_that_raises_stops_the_run_before_it_begins(monkeypatch):
    class Picky(TreeNode):
        name, help = "picky", "wants a licence"

        def __init__(self, config=None):
            raise OSError("no licence")

    with pytest.raises(ConfigError, match="node picky cannot be made: OSError: no licence"):
        rig_with(monkeypatch, Picky, "- picky")


@dataclass(frozen=True)
class Odd:
    view: object
    child: int = 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "Has Blanks"}, "name is 'Has Blanks'; lower-case letters"),
        ({"name": "run"}, "which is a node type of this project"),
        ({"help": ""}, "help is ''; one line is expected"),
        ({"help": "a\nb"}, "one line is expected"),
        ({"Config": Odd}, "Config.view is a <class 'object'>"),
        ({"Config": Odd}, "Config has a field name, child or children"),
        ({"Config": dict}, "a dataclass is expected"),
        ({"main": "seconds"}, "main is 'seconds', but there is no Config"),
        ({"update": lambda self, view: True}, "update() returned True; an arbiter.skill.Outcome is expected"),
        ({"update": lambda self, view: 1 / 0}, "ZeroDivisionError"),
        ({"enter": lambda self, view: time.sleep(3)}, "blocks: six ticks not over within 0.5 s"),
    ],
)
def test_the_contract_tells_everything_that_is_wrong(changes, error):
    good = {"name": "good", "help": "is good", "update": lambda self, view: Outcome.SUCCESS}
    assert check_node(type("Good", (TreeNode,), good)) == []
    assert any(error in line for line in check_node(type("Bad", (TreeNode,), good | changes)))


def test_the_contract_of_what_is_no_node():
    assert check_node(Rig) == ["Rig is not a subclass of arbiter.tree.plugin.TreeNode"]
    assert "is not a subclass" in check_node(3)[0]


GOOD = """
    from arbiter.skill import Outcome
    from arbiter.tree.plugin import TreeNode
    class Nod(TreeNode):
        name, help = "nod", "nods"
        def update(self, view):
            return Outcome.SUCCESS
"""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def nod(:", "SyntaxError"),
        ("x = 1", "holds no subclass of arbiter.tree.plugin.TreeNode"),
        (GOOD.replace('"nod"', '"run"'), "is a node type of this project"),
        (GOOD.replace("Outcome.SUCCESS", "'yes'"), "update() returned 'yes'"),
        (GOOD, "the name is taken"),
        (None, "no such file"),
    ],
)
def test_a_broken_file_is_left_out_by_name_and_an_error_of_the_tree_file(tmp_path, capsys, text, error):
    write(tmp_path / "good.py", GOOD)
    if text is not None:
        write(tmp_path / "broken.py", text)
    found = load_nodes([tmp_path / "good.py", tmp_path / "broken.py"], use_entry_points=False)
    assert found.types.keys() == NODE_TYPES.keys() | {"nod"}
    assert len(found.problems) == 1 and "broken.py" in found.problems[0] and error in found.problems[0]
    file = tmp_path / "t.yaml"
    tree = find_tree("default.yaml").read_text().replace("    - home", "    - nod\n    - home")
    file.write_text(f"nodes: {{files: [good.py, broken.py]}}\n{tree}")
    assert main([str(file)]) == 1
    told = capsys.readouterr().err
    assert f"{file}:1: nodes.files: broken.py: " in told and error in told


def test_the_example_keeps_the_contract_and_its_settings_are_checked(tmp_path, capsys):
    found = load_nodes([EXAMPLE / "every_node.py"], use_entry_points=False)
    assert found.problems == [] and found.types["every"].main == "seconds"
    kind = sys.modules["plugin_file_every_node"].Every
    assert check_node(kind) == [] and check_node(kind, {"seconds": 2}) == []
    assert check_node(kind, {"seconds": -2}) == ["settings: ValueError: seconds is -2; more than 0 is allowed"]
    assert check_node(kind, {"secnds": 2})[0].endswith("unknown key 'every.secnds'; did you mean 'seconds'?")
    text = find_tree("default.yaml").read_text()
    for setting, error in (
        ("{seconds: 3, quit: true}", "unknown key 'every.quit'; did you mean 'quiet'?"),
        ("soon", "every.seconds is 'soon'; a number is expected"),
        ("-1", "every: ValueError: seconds is -1; more than 0 is allowed"),
        ("{}", "'every.seconds' is missing"),
    ):
        file = tmp_path / "t.yaml"
        file.write_text(
            f"nodes: {{files: [{EXAMPLE / 'every_node.py'}]}}\n"
            + text.replace("    - home", f"    - every: {setting}\n    - home")
        )
        line = file.read_text().splitlines().index(f"    - every: {setting}") + 1
        assert main([str(file)]) == 1
        assert capsys.readouterr().err == f"error: {file}:{line}: {error}\n"


def test_an_installed_package_is_found_by_its_entry_point(tmp_path):
    """The package's metadata on the path is what an installation leaves."""
    info = tmp_path / "site" / "every_node-0.1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "every_node.py").write_text((EXAMPLE / "every_node.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: every-node\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[arbiter.nodes]\nevery = every_node:Every\nbroken = no_such_module:X\n")
    file = tmp_path / "t.yaml"
    text = find_tree("default.yaml").read_text()
    file.write_text(text.replace("    - home", "    - steps: [{every: 3}, {run: bow}]\n    - home"))
    code = "import sys; sys.path.insert(0, sys.argv[1]); from deploy.tree import main; sys.exit(main([sys.argv[2]]))"
    command = [sys.executable, "-c", code, str(tmp_path / "site"), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "* every seconds: 3" in done.stdout
    assert "warning: entry point 'broken' left out: ModuleNotFoundError" in done.stderr


class Unreadable:
    def __repr__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("told", [Unreadable(), "fine"])
def test_an_answer_that_cannot_be_printed_is_left_out_by_name(monkeypatch, told):
    class Odd(TreeNode):
        name, help = "odd", "answers what cannot be printed"

        def update(self, view):
            if told != "fine":
                view.told.append(told)  # past `tell`
                Unreadable.__str__ = Unreadable.__repr__
                return Outcome.RUNNING
            return Unreadable()

    rig = rig_with(monkeypatch, Odd, "- odd")
    rig.tick(5)
    assert any("node odd is left out from now on: RuntimeError: no text" in text for text in rig.texts("skill"))
