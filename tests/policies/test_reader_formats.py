"""Settings files of Isaac Lab, mjlab, rl_sar and unitree_rl_gym, as their writers have them: read by names, orders asked for."""

from __future__ import annotations

import pytest

from deploy.policies.named_orders import breadth_first
from deploy.policy import main
from policies.locomotion.card import check_card
from policies.locomotion.policy import OnnxPolicy
from policies.locomotion.readers.card_draft import Draft
from policies.locomotion.readers.finding import Hints, describe
from policies.locomotion.readers.joint_orders import UNITREE, Context, motor_order
from tests.makers import env_yaml, gym_yaml, mjlab_metadata, policy_file, rl_sar_folder
from tests.policies.test_card_describing import ISAAC, LEGS, MODEL, MOTORS

ALL = MODEL.joints
TERMS = ["base_ang_vel", "projected_gravity", "velocity_command", "joint_pos_rel", "joint_vel", "previous_action"]


def described(path, text, **hints) -> Draft:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    inputs = hints.pop("inputs", 45)
    onnx = policy_file(path.parent / "p" / "policy.onnx", inputs, hints.pop("outputs", 12))
    return describe(onnx, MODEL, Hints(sources=[path], beside=False, **hints)).draft


def posture(joints):
    ends = {"hip_pitch_joint": -0.2, "knee_pitch_joint": 0.4, "ankle_pitch_joint": -0.3}
    return [next((value for end, value in ends.items() if joint.endswith(end)), 0.0) for joint in joints]


def test_env_yaml_that_names_its_joints_is_complete(tmp_path):
    draft = described(tmp_path / "env.yaml", env_yaml(MODEL, ISAAC))
    card = draft.card("policy.onnx")
    check_card(card, MODEL, "policy.onnx")
    assert card.joints == ISAAC and card.rate_hz == 50.0 and list(card.default_pos) == posture(ISAAC)
    assert card.kp == (20.0,) * 12 and card.kd == (2.0,) * 12 and card.commands == (1.0, 0.5, 1.5)
    assert [term.term for term in card.observations] == TERMS and card.observations[4].scale == 0.05
    assert draft.terms[3].source == "env.yaml:observations.policy.joint_pos"
    assert draft.values["rate_hz"].source == "env.yaml:sim.dt * decimation"


def test_patterns_need_an_order_and_take_it_by_name(tmp_path):
    text = env_yaml(MODEL, ALL, patterns=[".*"], keep=False)
    draft = described(tmp_path / "env.yaml", text, inputs=75, outputs=22)
    assert {*draft.missing} == {"joints", "observations"} and "--order breadth-first" in draft.missing["joints"]
    order = breadth_first(MODEL)
    assert sorted(order) == sorted(ALL) and order != ALL
    depth = [order.index(joint) for joint in ("leg_left_hip_roll_joint", "leg_right_hip_roll_joint", "leg_left_hip_yaw_joint")]
    assert depth == sorted(depth), "both legs' first joints come before the second of either"
    draft = described(tmp_path / "env.yaml", text, inputs=75, outputs=22, order=order)
    card = draft.card("policy.onnx")
    assert card.joints == order and card.observations[3].joints == order
    arms = [joint for joint in order if joint.startswith("arm")]
    assert {card.kp[order.index(joint)] for joint in arms} == {10.0} and list(card.default_pos) == posture(order)


def test_mjlab_s_env_yaml_completes_its_metadata(tmp_path):
    scales = [0.2, 1.0, 1.0, 1.0, 0.05, 1.0]
    path = policy_file(tmp_path / "run" / "policy.onnx", 45, 12, mjlab_metadata(MODEL, LEGS, scales=scales))
    (tmp_path / "run" / "params").mkdir()
    (tmp_path / "run" / "params" / "env.yaml").write_text(env_yaml(MODEL, LEGS, mjlab=True, keep=True))
    policy = OnnxPolicy(path, MODEL)
    assert policy.card.rate_hz == 50.0 and policy.card.joints == LEGS and policy.card.commands == (1.0, 0.5, 1.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"actions": {"a": {"class_type": "isaaclab.envs.mdp.actions:JointEffortAction", "joint_names": [".*"]}}},
            "JointEffortAction",
        ),
        ({"actions": {"legs": {"joint_names": ["a"]}, "arms": {"joint_names": ["b"]}}}, "legs, arms; one action"),
        ({"observations": {"policy": {"scan": {"func": "isaaclab.envs.mdp.observations:height_scan"}}}}, "height_scan"),
        ({"commands": {"base_velocity": {"ranges": {"pos_x": (0.0, 1.0)}}}}, "'base_velocity' is no velocity"),
    ],
)
def test_what_cannot_be_played_is_named_with_its_place(changes, words, tmp_path):
    draft = described(tmp_path / "env.yaml", env_yaml(MODEL, LEGS, **changes))
    assert any(words in line and "env.yaml:" in line for line in draft.problems)


def test_actions_of_other_kinds_are_said(tmp_path):
    action = {
        "class_type": "isaaclab.envs.mdp.actions:RelativeJointPositionAction",
        "joint_names": list(LEGS),
        "preserve_order": True,
    }
    draft = described(
        tmp_path / "env.yaml", env_yaml(MODEL, LEGS, actions={"a": action | {"scale": {".*hip.*": 0.1, ".*(knee|ankle).*": 0.2}}})
    )
    card = draft.card("policy.onnx")
    assert card.action_mode == "residual" and card.action_scale == tuple(0.1 if "hip" in joint else 0.2 for joint in LEGS)
    action |= {"class_type": "isaaclab.envs.mdp.actions:JointPositionAction", "use_default_offset": False, "offset": 0.0}
    card = described(tmp_path / "env.yaml", env_yaml(MODEL, LEGS, actions={"a": action | {"clip": {".*": (-1.0, 1.0)}}})).card(
        "p"
    )
    assert card.action_mode == "absolute" and card.target_clip == (-1.0, 1.0) and card.action_scale == (1.0,) * 12


@pytest.mark.parametrize(
    ("history", "priority", "order", "layout"),
    [
        ([], "time", "oldest_first", "by_term"),
        ([5, 4, 3, 2, 1, 0], "time", "oldest_first", "by_frame"),
        ([0, 1, 2, 3, 4, 5], "time", "newest_first", "by_frame"),
        ([2, 1, 0], "term", "oldest_first", "by_term"),
    ],
)
def test_rl_sar_names_its_joints_by_motor(history, priority, order, layout, tmp_path):
    changes = {"observations_history": history, "observations_history_priority": priority}
    config = rl_sar_folder(tmp_path, MODEL, ISAAC, MOTORS, **changes)
    path = policy_file(config.parent / "policy.onnx", 45 * max(1, len(history)), 12)
    card = describe(path, MODEL).draft.card("policy.onnx")
    check_card(card, MODEL, path)
    assert card.joints == ISAAC and card.rate_hz == 50.0 and (card.history_order, card.history_layout) == (order, layout)
    assert {term.history for term in card.observations} == {max(1, len(history))}
    assert (
        card.observations[2].scale == (2.0, 2.0, 0.25) and card.observation_clip == 100.0 and card.action_clip == (-100.0, 100.0)
    )
    assert card.default_pos == tuple(MODEL.default[[MODEL.index(joint) for joint in ISAAC]])


def test_rl_sar_with_gaps_or_wheels_is_told(tmp_path):
    config = rl_sar_folder(tmp_path, MODEL, ISAAC, MOTORS, observations_history=[0, 5], wheel_indices=[3])
    problems = describe(policy_file(config.parent / "policy.onnx", 90, 12), MODEL).draft.problems
    assert any("a history with gaps" in line for line in problems) and any("wheels" in line for line in problems)


def test_unitree_rl_gym_has_no_names_and_asks(tmp_path):
    draft = described(tmp_path / "g1.yaml", gym_yaml(MODEL, LEGS), inputs=47)
    assert list(draft.missing) == ["joints"] and "--order" in draft.missing["joints"]
    card = described(tmp_path / "g1.yaml", gym_yaml(MODEL, LEGS), inputs=47, order=LEGS).card("policy.onnx")
    check_card(card, MODEL, "policy.onnx")
    assert card.joints == LEGS and card.rate_hz == 50.0 and card.observation_size == 47
    assert [term.term for term in card.observations] == [*TERMS, "phase"] and card.observations[6].period == 0.8
    real = gym_yaml(MODEL, LEGS, leg_joint2motor_idx=list(range(12)), control_dt=0.02, max_cmd=[0.8, 0.5, 1.57], num_obs=45)
    card = described(tmp_path / "real.yaml", real, order=LEGS).card("policy.onnx")
    assert card.commands == (0.8, 0.5, 1.57) and card.observation_size == 45


def test_motors_of_unitree_s_robots_are_known_by_their_names():
    g1 = UNITREE["G1"]
    assert motor_order(Context(robot=g1), [0, 6, 12]).of([0, 6, 12]) == [
        "left_hip_pitch_joint",
        "right_hip_pitch_joint",
        "waist_yaw_joint",
    ]
    assert motor_order(Context(robot=tuple(reversed(g1))), range(29)).names == g1, "the robot's own order does not matter"
    assert not motor_order(Context(robot=g1[:12]), range(12)).known, "legs alone may be of the G1 or of the H1_2"
    assert not motor_order(Context(robot=LEGS), range(12)).known
    h1 = tuple(name for name in UNITREE["H1"] if name)
    assert motor_order(Context(robot=h1), [7, 3, 4, 5, 10]).of([7, 10]) == ["left_hip_yaw_joint", "left_ankle_joint"]


def test_orders_are_named_on_the_command_line(tmp_path, capsys):
    path = policy_file(tmp_path / "policy.onnx", 75, 22)
    (tmp_path / "env.yaml").write_text(env_yaml(MODEL, ALL, patterns=[".*"], keep=False))
    assert main(["describe", str(path), "--robot", "berkeley_humanoid_lite", "--order", "breadth-first"]) == 0
    assert "--order" in capsys.readouterr().out
    assert main(["describe", str(path), "--order", ",".join(ALL)]) == 0


def test_joints_that_are_seen_and_not_driven_are_measured_from_the_maker_s_posture(tmp_path):
    legs = {
        "joint_names": list(LEGS),
        "scale": 0.25,
        "preserve_order": True,
        "class_type": "isaaclab.envs.mdp:JointPositionAction",
    }
    text = env_yaml(MODEL, ALL, actions={"joint_pos": legs})
    card = described(tmp_path / "env.yaml", text, inputs=65, outputs=12).card("policy.onnx")
    seen = card.observations[3]
    assert card.joints == LEGS and seen.term == "joint_pos" and seen.joints == ALL and list(seen.offset) == posture(ALL)
