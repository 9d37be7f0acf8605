"""`deploy.policy check`: the policies that are right pass, and wrong cards are refused with the likeliest right one named.

All forty wrong cards, and those of policies that do not ship: `python -m tests.wrong_cards`, docs/results/policy-check.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arbiter.types import JointTarget
from deploy.policies.check.drive import DrivePlan, DriveResult, Ground, velocity
from deploy.policies.check.judge import judge
from deploy.policies.check.trial import Trial, plans, try_card
from deploy.policy import main
from deploy.robots.description import load_model
from policies.context import SHIPPED
from policies.locomotion.card import read_card, to_json
from policies.locomotion.policy import OnnxPolicy
from policies.registry import CARDS
from tests.onnx_policies import card_for, save_policy
from tests.unitree_g1 import policy_folder, write_folder
from tests.wrong_cards import MISTAKES

MODEL = load_model()
WALK = SHIPPED / "locomotion.onnx"
PUBLISHED = os.environ.get("POLICY_ARBITER_PUBLISHED", "")


def check(capsys, *args) -> tuple[int, dict]:
    """Exit status, and the JSON that was printed."""
    status = main(["check", *map(str, args), "--json"])
    return status, json.loads(capsys.readouterr().out)


def doubts(told: dict) -> dict[str, dict]:
    return {one["check"]: one for one in told["findings"] if one["level"] in ("warn", "fail")}


def wrong_card(tmp_path: Path, kind: str, name: str) -> Path:
    card = replace(MISTAKES[kind][name](read_card(WALK), MODEL), sha256="")
    file = tmp_path / "card.yaml"
    file.write_text(to_json(card))  # JSON is YAML
    return file


def test_the_walk_that_ships_passes_every_check(capsys):
    status, told = check(capsys, WALK)
    assert (status, doubts(told)) == (0, {}) and told["counts"]["pass"] >= 30


def test_swapped_legs_fall_and_are_named(capsys, tmp_path):
    status, told = check(capsys, WALK, "--card", wrong_card(tmp_path, "legs", "swapped"))
    found = doubts(told)
    assert status == 1 and "fell after" in found["walk"]["seen"]
    assert found["another card"]["seen"] == "fits better: left and right legs are swapped"


def test_a_card_that_does_not_fit_the_robot_is_told_which_one_would(capsys, tmp_path):
    status, told = check(capsys, WALK, "--card", wrong_card(tmp_path, "order", "left and right alternate"))
    found = doubts(told)
    assert status == 1 and "leg_left_ankle_roll_joint is -0.3 rad" in found["card"]["seen"]
    assert "limb by limb" in found["another card"]["seen"]


@pytest.mark.parametrize(
    ("kind", "name", "check"),
    [("sign", "command yaw", "speed turning"), ("scale", "command by 4", "speed forward"), ("gains", "kp times 2", "calm")],
)
def test_what_only_degrades_is_warned_of(kind, name, check):
    card = replace(MISTAKES[kind][name](read_card(WALK), MODEL), sha256="")
    policy = OnnxPolicy(WALK, MODEL, card=card)
    found = {one.check: one.level for one in judge(try_card(Ground(MODEL), policy, plans(card, MODEL)))}
    assert found[check] in ("warn", "fail") and "fail" not in (found["stand"], found["walk"])


def test_a_policy_that_does_nothing_falls_on_its_own_and_is_no_success(tmp_path):
    card = card_for(MODEL)
    policy = OnnxPolicy(save_policy(tmp_path / "still.onnx", card), MODEL)
    found = {one.check: one for one in judge(try_card(Ground(MODEL), policy, plans(card, MODEL)))}
    assert found["walk"].level == "fail" and found["speed forward"].level == "not probed"


def test_a_policy_of_the_arms_is_checked_as_far_as_it_goes(capsys, tmp_path):
    file = save_policy(tmp_path / "arms.onnx", card_for(MODEL, group="arms"))
    assert main(["check", str(file)]) == 0
    table = capsys.readouterr().out
    assert "-     simulation" in table and "it drives no joint of the legs" in table
    assert table.splitlines()[0].startswith("pass  card") and "0 fail" in table.splitlines()[-1]


class Waver:
    """Holds the robot's posture but for its arms, which it raises; drives every joint."""

    name, joints = "waver", np.ones(MODEL.n, bool)

    def reset(self, state, now): ...

    def act(self, state, request, now):
        q = np.where(MODEL.groups["arms"], MODEL.default + 0.4, MODEL.default)
        return JointTarget(q, MODEL.kp, MODEL.kd, self.joints)


def test_joints_that_walking_skills_leave_to_others_are_at_rest_and_named():
    ground = Ground(MODEL)
    arms = [ground.drive(Waver(), DrivePlan((0.3, 0.0, 0.0), 0.6)).truth[-1].joint_pos[MODEL.groups["arms"]]]
    np.testing.assert_allclose(arms[0], MODEL.default[MODEL.groups["arms"]], atol=0.1)
    fallen = {"walk": DriveResult(DrivePlan((0.3, 0.0, 0.0)), (), 0.0, "fell after 1.2 s")}
    (every,) = (one for one in judge(Trial(fallen, np.arange(MODEL.n), MODEL)) if one.level == "fail")
    assert "10 of its joints are not in the group legs" in every.advice and "groups: {legs:" in every.advice
    (legs,) = (one for one in judge(Trial(fallen, np.flatnonzero(MODEL.groups["legs"]), MODEL)) if one.level == "fail")
    assert "group legs" not in legs.advice


def test_a_course_ends_where_the_policy_fails():
    class Broken(OnnxPolicy):
        def act(self, state, request, now):
            raise ZeroDivisionError("policy code")

    course = Ground(MODEL).drive(Broken(WALK, MODEL), DrivePlan((0.3, 0.0, 0.0)))
    assert "policy code" in course.failed and not course.truth and course.share == 0.0
    assert np.array_equal(velocity(course, 0.0), np.zeros(3))


def test_a_chunk_policy_keeps_its_contract_and_what_no_probe_knows_is_told(capsys, tmp_path):
    status, told = check(capsys, SHIPPED / "pi0_tiny")
    assert status == 0 and told["counts"]["not probed"] == 2
    (tmp_path / "nothing").mkdir()
    status, told = check(capsys, tmp_path / "nothing")
    assert status == 1 and "opens" in doubts(told)


def test_a_file_that_says_nothing_is_one_line(capsys, tmp_path):
    (tmp_path / "walk.onnx").write_bytes(b"")
    assert main(["check", str(tmp_path / "walk.onnx")]) == 2
    assert "walk.onnx" in capsys.readouterr().err


def test_a_g1_policy_passes_in_its_folder(capsys, tmp_path):
    folder = write_folder(tmp_path / "unitree_g1", policy_folder())
    status, told = check(capsys, folder / "policies" / "locomotion.onnx", "--robot", folder)
    assert (status, doubts(told)) == (0, {})


@pytest.mark.skipif(not PUBLISHED, reason="POLICY_ARBITER_PUBLISHED names no folder with the published policies")
@pytest.mark.parametrize("name", ["humanoid", "humanoid_legs"])
def test_published_policies_pass(capsys, name):
    card = CARDS / f"published_{name}.yaml"
    status, told = check(capsys, Path(PUBLISHED) / f"policy_{name}.onnx", "--card", card)
    assert (status, doubts(told)) == (0, {})
