"""What the makers of a policy write is read into one card, each value with its place; contradictions are refused, naming both."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from arbiter.errors import ConfigError
from deploy.policy import main
from deploy.robots.description import load_model
from policies.locomotion.card import check_card, read_card, to_json
from policies.locomotion.policy import OnnxPolicy
from policies.locomotion.readers.card_draft import Draft
from policies.locomotion.readers.finding import Hints, describe
from policies.locomotion.readers.names import matched
from tests.makers import deploy_yaml, holosoma_metadata, mjlab_metadata, policy_file, published_yaml
from tests.onnx_policies import card_for

MODEL = load_model()
LEGS = tuple(joint for joint, leg in zip(MODEL.joints, MODEL.groups["legs"], strict=True) if leg)
# Both legs by depth, as Isaac Lab numbers joints; motors are counted leg by leg, as the robot's joints are here.
ISAAC = tuple(joint for pair in zip(LEGS[:6], LEGS[6:], strict=True) for joint in pair)
MOTORS = [LEGS.index(joint) for joint in ISAAC]


def drafted(path, **hints) -> Draft:
    return describe(path, MODEL, Hints(**hints)).draft


def values(draft: Draft, key: str) -> dict[str, float]:
    return dict(zip(draft.values["joints"].value, draft.values[key].value, strict=True))


def test_mjlab_says_all_but_the_rate(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 45, 12, mjlab_metadata(MODEL, LEGS, scales=[0.2, 1, 1, 1, 0.05, 1]))
    draft = drafted(path)
    assert list(draft.missing) == ["rate_hz"] and "params/env.yaml" in draft.missing["rate_hz"]
    assert draft.values["kp"].source == "walk.onnx:joint_stiffness"
    assert values(draft, "kp") == pytest.approx({joint: MODEL.kp[MODEL.index(joint)] for joint in LEGS}, abs=1e-3)
    assert [term.value["term"] for term in draft.terms] == [
        *("base_ang_vel", "projected_gravity", "velocity_command", "joint_pos_rel", "joint_vel", "previous_action")
    ]
    assert [term.value.get("scale") for term in draft.terms] == [0.2, 1.0, 1.0, 1.0, 0.05, 1.0]
    card = drafted(path, settings={"rate_hz": 50}).card("walk.onnx")
    check_card(card, MODEL, path)
    assert card.observation_size == 45 and card.joints == LEGS


def test_holosoma_with_its_experiment_is_complete(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 49, 12, holosoma_metadata(MODEL, LEGS))
    card = read_card(path, robot=MODEL)
    check_card(card, MODEL, path)
    assert card.rate_hz == 50.0 and card.joints == LEGS
    assert [term.term for term in card.observations] == [  # in the alphabetical order of holosoma's names
        *("previous_action", "base_ang_vel", "velocity_command", "velocity_command", "phase", "joint_pos_rel", "joint_vel"),
        *("projected_gravity", "phase"),
    ]
    yaw, xy, cos = card.observations[2], card.observations[3], card.observations[4]
    assert (yaw.axes, xy.axes, cos.axes) == (("yaw",), ("x", "y"), ("cos",))
    assert (cos.period, cos.legs, cos.standing) == (0.9, (0.0, 0.5), (-1.0, -1.0)) and card.commands == (1.0, 0.5, 1.0)


def test_an_older_holosoma_tells_what_is_missing(tmp_path):
    draft = drafted(policy_file(tmp_path / "walk.onnx", 49, 12, holosoma_metadata(MODEL, LEGS, experiment=False)))
    assert {*draft.missing} == {"rate_hz", "default_pos", "action_scale", "observations"}
    assert draft.values["kd"].source == "walk.onnx:kd"


def test_deploy_yaml_is_by_motor_and_by_policy(tmp_path):
    path = policy_file(tmp_path / "exported" / "policy.onnx", 225, 12)
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "deploy.yaml").write_text(deploy_yaml(MODEL, ISAAC, MOTORS, history=5))
    draft = drafted(path)
    assert list(draft.missing) == ["joints"] and "--order" in draft.missing["joints"]
    assert draft.values["rate_hz"].value == 50.0 and draft.values["rate_hz"].source == "deploy.yaml:step_dt"
    draft = drafted(path, order=LEGS)
    card = draft.card("policy.onnx")
    check_card(card, MODEL, path)
    assert card.joints == ISAAC and card.observation_size == 225 and card.commands == (1.0, 0.3, 0.2)
    for key in ("kp", "kd"):
        assert values(draft, key) == {joint: float(getattr(MODEL, key)[MODEL.index(joint)]) for joint in ISAAC}
    assert card.observations[3].joints == ISAAC and {term.history for term in card.observations} == {5}


def test_the_published_folder_runs_as_it_is(tmp_path):
    path = policy_file(tmp_path / "policy_walk.onnx", 45, 12)
    path.with_suffix(".yaml").write_text(published_yaml(MODEL, LEGS))
    policy = OnnxPolicy(path, MODEL)
    assert policy.card.joints == LEGS and policy.card.rate_hz == 25.0
    assert policy.card.default_pos == tuple(MODEL.default[MODEL.groups["legs"]])


def test_a_settings_file_of_the_maker_is_named_as_the_card(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 45, 12)
    (tmp_path / "theirs.yaml").write_text(published_yaml(MODEL, LEGS))
    assert OnnxPolicy(path, MODEL, card=tmp_path / "theirs.yaml").card.rate_hz == 25.0


def test_what_is_not_complete_does_not_run_and_says_why(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 45, 12, mjlab_metadata(MODEL, LEGS))
    with pytest.raises(ConfigError, match=r"rate_hz is missing: .*\n.*deploy.policy describe .*walk.onnx --out walk.yaml"):
        OnnxPolicy(path, MODEL)


def swapped(names):
    return [*names[6:], *names[:6]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"kp": [10.0] * 12},
            "kp of leg_left_hip_roll_joint: 10 in walk.yaml:kp, 20 in walk.onnx:joint_stiffness (12 joints differ)",
        ),
        (
            {"joints": swapped(LEGS)},
            "joints: output 0 is leg_right_hip_roll_joint in walk.yaml:joints, leg_left_hip_roll_joint in walk.onnx:joint_names",
        ),
        (
            {"action_scale": [0.5] * 12},
            "action_scale of leg_left_hip_roll_joint: 0.5 in walk.yaml:action_scale, 0.25 in walk.onnx:",
        ),
        ({"default_pos": [0.0] * 12}, "default_pos of leg_left_hip_pitch_joint: 0 in walk.yaml:default_pos, -0.2 in walk.onnx:"),
    ],
)
def test_a_card_that_contradicts_the_file_is_refused(changes, words, tmp_path):
    """At every door: in a tree, and where the card is drafted."""
    terms = ("command", "base_ang_vel", "projected_gravity", "joint_pos", "joint_vel", "actions")
    path = policy_file(tmp_path / "walk.onnx", 45, 12, mjlab_metadata(MODEL, LEGS, terms))
    right = json.loads(to_json(card_for(MODEL)))
    path.with_suffix(".yaml").write_text(yaml.safe_dump(right))
    assert read_card(path).kp == card_for(MODEL).kp, "three decimals are no contradiction"
    path.with_suffix(".yaml").write_text(yaml.safe_dump(right | changes))
    with pytest.raises(ConfigError) as found:
        OnnxPolicy(path, MODEL)
    assert words in str(found.value)
    assert any(words in line for line in drafted(path).contradictions)


def test_two_files_that_differ_are_told(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 45, 12, mjlab_metadata(MODEL, LEGS))
    (tmp_path / "mine.yaml").write_text("rate_hz: 50\nkd: 3.0\n")
    draft = drafted(path, sources=[tmp_path / "mine.yaml"])
    assert draft.contradictions == [
        "kd of leg_left_hip_roll_joint: 3 in mine.yaml:kd, 2 in walk.onnx:joint_damping (12 joints differ)"
    ]


@pytest.mark.parametrize(("inputs", "outputs", "words"), [(46, 12, "reads 46"), (45, 11, "has 11 values")])
def test_a_network_of_another_width_is_told(inputs, outputs, words, tmp_path):
    path = policy_file(tmp_path / "policy.onnx", inputs, outputs)
    path.with_suffix(".yaml").write_text(published_yaml(MODEL, LEGS))
    assert [words in line for line in drafted(path).contradictions] == [True]


@pytest.mark.parametrize("term", ["height_scan", "motion_anchor_ori_b", "something_else"])
def test_what_nobody_measures_here_is_said(term, tmp_path):
    terms = ("base_ang_vel", "projected_gravity", "command", "joint_pos", "joint_vel", "actions", term)
    path = policy_file(tmp_path / "walk.onnx", 60, 12, mjlab_metadata(MODEL, LEGS, terms))
    assert any(term in line and "walk.onnx:observation_names" in line for line in drafted(path).problems)


def test_joint_names_are_matched_by_name_then_by_words():
    found, wrong = matched(["robot/leg_left_knee_pitch_joint", "left_hip_roll_joint", "RightKnee", "l_ankle_roll"], MODEL.joints)
    assert wrong == [] and list(found.values()) == [
        *("leg_left_knee_pitch_joint", "leg_left_hip_roll_joint", "leg_right_knee_pitch_joint", "leg_left_ankle_roll_joint")
    ]
    _, wrong = matched(["left_elbow_joint", "tail_joint"], MODEL.joints)
    assert "it may be arm_left_elbow_pitch_joint or arm_left_elbow_roll_joint" in wrong[0] and "--rename" in wrong[0]
    assert len(wrong) == 2
    assert matched(["tail"], MODEL.joints, {"tail": MODEL.joints[0]}) == ({"tail": MODEL.joints[0]}, [])


def test_names_matched_by_words_are_drafted_and_do_not_run_unseen(tmp_path):
    metadata = mjlab_metadata(MODEL, LEGS)
    metadata["joint_names"] = ",".join(joint.removeprefix("leg_") for joint in LEGS)
    path = policy_file(tmp_path / "walk.onnx", 45, 12, metadata)
    draft = drafted(path, settings={"rate_hz": 50.0})
    assert (
        draft.complete and draft.values["joints"].value == list(LEGS) and any("look through it" in line for line in draft.notes)
    )
    with pytest.raises(ConfigError, match="other names than the robot's"):
        OnnxPolicy(path, MODEL)


def test_the_command_writes_a_card_that_runs(tmp_path, capsys):
    path = policy_file(tmp_path / "run" / "walk.onnx", 45, 12, mjlab_metadata(MODEL, LEGS, scales=[0.2, 1, 1, 1, 0.05, 1]))
    assert main(["describe", str(path)]) == 1
    assert "missing: rate_hz" in capsys.readouterr().out
    out = tmp_path / "run" / "walk.yaml"
    assert main(["describe", str(path), "--set", "rate_hz=25", "--out", str(out)]) == 0
    text = out.read_text()
    assert "# walk.onnx:joint_stiffness" in text and "rate_hz: 25  # --set rate_hz" in text
    policy = OnnxPolicy(path, MODEL)
    assert policy.card.rate_hz == 25.0 and np.allclose(policy.card.kp, MODEL.kp[MODEL.groups["legs"]])
    assert main(["describe", str(path)]) == 0, "with the card beside it, it is complete"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "rate=50"], "did you mean 'rate_hz'?"),
        (["--rename", "knee"], "NAME=JOINT is expected"),
        (["--from", "absent.yaml"], "absent.yaml: cannot be read"),
        (["--from", "a1_config.py"], "a1_config.py: is Python code, which is never run"),
        (["--order", "robto"], "did you mean 'robot'?"),
        (["--robot", "nobody"], "no description by that name"),
    ],
)
def test_a_wrong_option_is_one_line(options, words, tmp_path, capsys):
    path = policy_file(tmp_path / "walk.onnx", 45, 12)
    assert main(["describe", str(path), *options]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


def test_a_file_that_nobody_knows_is_said_with_what_is_read(tmp_path):
    path = policy_file(tmp_path / "walk.onnx", 45, 12)
    (tmp_path / "other.yaml").write_text("alpha: 1\nbeta: 2\n")
    with pytest.raises(ConfigError, match="is none of the files that are read here: .*deploy.yaml.*it has: alpha, beta"):
        drafted(path, sources=[tmp_path / "other.yaml"])
