"""Skills that bring a tree: what it runs, how it ends, and what is left out by name."""

import numpy as np
import pytest

from arbiter.skill import Skill, Verification
from skills.contract import check_skill
from tests.arbiter_rig import Rig


def greet(tree="steps: [{run: wave_right}, {run: raise_arms}]", name="greet", **changes):
    """A skill with a tree."""
    values = {"name": name, "utterances": ("greet", "say hello", "welcome us"), "joints": "whole_body", "tree": tree}
    return type("Greet", (Skill,), values | changes)()


def rig_with(*skills, **options):
    return Rig(skills=skills, **options).ready()


def by_tree(up):
    return [item.text for item in up.arbiter.executor.log if item.by == "tree"]


def test_its_tree_runs_skills_one_after_the_other_and_then_it_is_done():
    up = rig_with(greet())
    up.say("greet").tick(600)
    said = next(item for item in up.arbiter.executor.log if item.by == "words")
    assert by_tree(up) == ["wave_right", "raise_arms"]
    assert said.result == "ended" and said.reason == "greet: not verified"
    assert up.owner() == {"legs": "locomotion", "arms": "chunk"}, "raised arms are held, as those of any instruction"


@pytest.mark.parametrize(("success", "result"), [(True, "succeeded"), (False, "failed")])
def test_its_own_criterion_decides(success, result):
    def verify(self, readings, progress):
        return Verification(success and len(readings) > 10, 1.0, 1.0, "share", "greeted")

    up = rig_with(greet("run: raise_arms", verify=verify))
    up.say("greet").tick(400)
    said = next(item for item in up.arbiter.executor.log if item.by == "words")
    assert said.result == result and "greeted" in said.reason


def test_it_fails_with_the_reason_of_what_failed():
    def give_up(self, state, progress):
        return "no hand is free"

    nod = type("Nod", (Skill,), {"name": "nod", "utterances": ("nod", "nod once", "yes"), "impossible": give_up})()
    up = rig_with(greet("steps: [{run: nod}, {run: wave_right}]"), nod)
    up.say("greet").tick(20)
    said = next(item for item in up.arbiter.executor.log if item.by == "words")
    assert said.result == "failed" and "no hand is free" in said.reason
    assert by_tree(up) == ["nod"]


def test_a_newer_instruction_ends_it_and_what_its_tree_runs():
    up = rig_with(greet())
    up.say("greet").tick(60)
    assert any(item.by == "tree" and not item.over for item in up.arbiter.executor.log)
    up.say("walk_forward").tick(30)
    ended = [item for item in up.arbiter.executor.log if item.text in ("greet", "wave_right")]
    assert [item.result for item in ended] == ["cancelled", "cancelled"] and up.last().text == "walk_forward"
    up.say("greet").tick(600)
    assert up.arbiter.executor.log[-3].text == "greet" and up.arbiter.executor.log[-3].result == "ended", "it begins anew"


@pytest.mark.parametrize("how", ["stop", "damp", "fall"])
def test_a_stop_and_a_fall_end_all_of_it(how):
    up = rig_with(greet())
    up.say("greet").tick(60)
    if how == "fall":
        up.robot.tilt = 1.4
    else:
        getattr(up.arbiter.inbox, how)("test")
    up.tick(30)
    assert all(item.over for item in up.arbiter.executor.log) and up.arbiter.executor.active == []
    assert by_tree(up) == ["wave_right"]


def test_who_takes_its_joints_ends_it():
    """A branch of the tree file runs an arm skill while greet's tree waves."""
    up = rig_with(greet(), tree="- when: {turning_above: 0.3, child: {run: raise_arms}}\n- sequence: [route, instructions]")
    up.say("greet").tick(60)
    up.robot.changes["base_ang_vel"] = np.array((0.0, 0.0, 0.4))
    up.tick(30)
    results = {item.text: item.result for item in up.arbiter.executor.log}
    assert results["greet"] == "cancelled" and results["wave_right"] == "cancelled" and not results["raise_arms"]


def test_it_has_a_time_limit():
    up = rig_with(greet("wait: 100", time_limit=0.5))
    up.say("greet").tick(60)
    assert up.last().result == "failed" and "time limit of 0.5 s" in up.last().reason


def test_the_tree_file_runs_it_too_and_one_may_run_another():
    up = rig_with(greet("run: inner"), greet("run: raise_arms", name="inner"), tree="- sequence: [route, instructions]")
    up.say("greet").tick(600)
    said = next(item for item in up.arbiter.executor.log if item.by == "words")
    assert by_tree(up) == ["inner", "raise_arms"] and said.result == "ended"


@pytest.mark.parametrize(
    ("tree", "error"),
    [
        ("steps: [{run: wave_rigth}]", "tree of greet:1: run: no skill 'wave_rigth'; did you mean 'wave_right'?"),
        ("steps: [{run: greet}]", "it runs greet itself again"),
        ("settle", "unknown node type 'settle'"),
        ("instructions", "unknown node type 'instructions'"),
        ("steps: [", "tree of greet:"),
        ("run: {skill: wave_right, parameters: {duration: -3}}", "duration of wave_right is -3"),
    ],
)
def test_a_wrong_tree_is_left_out_by_name_and_so_is_who_runs_it(tree, error):
    up = rig_with(greet(tree), greet("run: greet", name="twice"))
    assert not {"greet", "twice"} & set(up.skills)
    assert any("skill 'greet' left out: " in line and error in line for line in up.problems)
    assert any(line.startswith("skill 'twice' left out: tree of twice: greet is left out: ") for line in up.problems)


def test_the_contract_of_a_skill_with_a_tree():
    from arbiter.skill import Parameter

    assert check_skill(greet()) == []
    assert "tree of greet:" in check_skill(greet("steps: ["))[0]
    assert "tree is 3" in check_skill(greet(3))[0]
    assert "takes none" in check_skill(greet(parameters=(Parameter("count"),)))[0]
