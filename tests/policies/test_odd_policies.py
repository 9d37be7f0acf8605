"""Files and options that are nearly right: refused where they stand, never taken for something else."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from arbiter.errors import ConfigError
from deploy.policies.check.locomotion import Locomotion, _network
from deploy.policy import main
from policies.locomotion.card import check_card, read_card, to_json
from policies.locomotion.policy import OnnxPolicy
from policies.locomotion.readers.finding import Hints, describe
from policies.locomotion.readers.loose_yaml import parse_loose
from tests.makers import deploy_yaml, env_yaml, holosoma_metadata, policy_file, published_yaml, rl_sar_folder
from tests.onnx_policies import FLOAT, card_for, initializer, message, save_policy, value_info
from tests.policies.test_card_describing import ISAAC, LEGS, MODEL, MOTORS
from tests.policies.test_reader_formats import described

AGENT = "seed: 1\nnum_steps_per_env: 24\nalgorithm: {class_name: PPO}\n"


def env(**changes) -> str:
    """params/env.yaml with some of its values exchanged: the keys on the way to each, with dots, by `__`."""
    top = parse_loose(env_yaml(MODEL, LEGS))
    for key, value in changes.items():
        at = top
        *above, last = key.split("__")
        for part in above:
            at = at[part]
        at[last] = value
    return json.dumps(top, default=lambda _: None)  # JSON is YAML; a slice of everything is none


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decimation": 0}, "decimation is 0; a positive number"),
        ({"scene__robot__init_state__joint_pos": [0.1, 0.2]}, "joint_pos is .0.1, 0.2.; a number, or numbers by patterns"),
        ({"actions__joint_pos__clip": [-1.0, 1.0]}, "clip is .-1.0, 1.0.; .low, high. by patterns"),
    ],
)
def test_a_setting_of_another_form_is_no_setting_left_out(changes, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        described(tmp_path / "env.yaml", env(**changes))


def test_a_posture_by_names_that_the_robot_does_not_have_is_asked_for(tmp_path):
    angles = {".*_hip_pitch_joint": -0.2, ".*_knee_joint": 0.4, "left_middle_finger": 1.0}
    draft = described(tmp_path / "env.yaml", env(scene__robot__init_state__joint_pos=angles))
    assert "'.*_knee_joint'" in draft.missing["default_pos"]
    del angles[".*_knee_joint"]  # a part that the robot does not have is not its posture
    assert described(tmp_path / "env.yaml", env(scene__robot__init_state__joint_pos=angles)).complete


def test_filtered_observations_are_refused(tmp_path):
    entry = {"func": "isaaclab.envs.mdp.observations:base_ang_vel", "modifiers": [{"func": "DigitalFilter"}]}
    draft = described(tmp_path / "env.yaml", env(observations__policy__base_ang_vel=entry))
    assert any("base_ang_vel: it has modifiers" in line for line in draft.problems)


def test_counts_that_do_not_fit_are_refused(tmp_path):
    config = rl_sar_folder(tmp_path, MODEL, ISAAC, MOTORS, joint_mapping=list(MOTORS[:-1]))
    with pytest.raises(ConfigError, match="joint_mapping has 11 values; num_of_dofs is 12"):
        describe(policy_file(tmp_path / "p.onnx", 45, 12), MODEL, Hints([config], beside=False))
    metadata = holosoma_metadata(MODEL, LEGS)
    metadata["experiment_config"] = metadata["experiment_config"].replace('"control_decimation": 4', '"control_decimation": 0')
    with pytest.raises(ConfigError, match="control_decimation is 0; a positive number"):
        describe(policy_file(tmp_path / "w.onnx", 49, 12, metadata), MODEL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "observations=3"], "observations is 3; a list of terms"),
        (["--set", "format=2"], "format is 2; 1 is expected"),
        (["--set", "kind=chunk"], "kind is 'chunk'; 'locomotion' is expected"),
        (["--rename", f"{LEGS[0]}=nobody"], f"--rename {LEGS[0]}=nobody"),
        (["--rename", f"nobody={LEGS[0]}"], "no file names a joint 'nobody'"),
        (["--order", ",".join((*LEGS[1:], LEGS[1]))], "names leg_left_hip_yaw_joint twice"),
        (["--set", "recurrent=[{input: h}]"], "output"),
    ],
)
def test_an_option_that_says_nothing_is_refused(options, words, tmp_path, capsys):
    path = policy_file(tmp_path / "policy.onnx", 45, 12)
    (tmp_path / "policy.yaml").write_text(published_yaml(MODEL, LEGS))
    assert main(["describe", str(path), *options]) != 0
    told = capsys.readouterr()
    assert words in told.out + told.err


def test_a_card_of_other_bytes_is_a_contradiction(tmp_path):
    path = policy_file(tmp_path / "policy.onnx", 45, 12)
    (tmp_path / "theirs.yaml").write_text(to_json(card_for(MODEL, sha256="0" * 64)))
    draft = describe(path, MODEL, Hints([tmp_path / "theirs.yaml"], beside=False)).draft
    assert any("sha256" in line and "theirs.yaml" in line for line in draft.contradictions)


def test_a_period_is_no_rate(tmp_path):
    path = policy_file(tmp_path / "policy.onnx", 45, 12)
    (tmp_path / "deploy.yaml").write_text(deploy_yaml(MODEL, ISAAC, MOTORS, step_dt=20))  # [ms]
    with pytest.raises(ConfigError, match="rate_hz is 0.05, below 1 Hz"):
        describe(path, MODEL, Hints(order=MODEL.joints))
    with pytest.raises(ConfigError, match="below 1 Hz"):
        card_for(MODEL, rate_hz=0.02)


def of_shape(path, *sizes):
    """A policy whose input has these sizes."""
    shape = message(*((1, message((1, size))) for size in sizes))
    port = message((1, "obs"), (2, message((1, message((1, FLOAT), (2, shape))))))
    node = message((1, "obs"), (1, "w"), (1, "b"), (2, "actions"), (4, "Gemm"))
    weights = (5, initializer("w", np.zeros((45, 12)))), (5, initializer("b", np.zeros(12)))
    graph = message((1, node), (2, "policy"), *weights, (11, port), (12, value_info("actions", 12)))
    path.write_bytes(message((1, 8), (7, graph), (8, message((1, ""), (2, 17)))))
    return path


@pytest.mark.parametrize(("sizes", "runs"), [((1, 45), True), ((4096, 45), False), ((45,), False), ((1, 1, 45), False)])
def test_what_is_said_to_run_runs(sizes, runs, tmp_path):
    path = of_shape(tmp_path / "policy.onnx", *sizes)
    path.with_suffix(".yaml").write_text(published_yaml(MODEL, LEGS))
    draft = describe(path, MODEL).draft
    assert draft.complete == runs and (runs or f"has the shape {[*sizes]}" in draft.problems[0])
    if runs:
        OnnxPolicy(path, MODEL)
        return
    with pytest.raises(ConfigError, match="has the shape"):
        OnnxPolicy(path, MODEL)


def test_an_action_of_scale_zero_is_no_warning_of_numpy(tmp_path):
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL, action_scale=(0.0,) * 12))
    with np.errstate(all="raise"):
        check_card(OnnxPolicy(path, MODEL).card, MODEL, path)


def test_a_checkpoint_in_place_of_the_policy_is_told(tmp_path):
    (tmp_path / "model_9.pt").write_bytes(b"PK\3\4" + b"\0" * 40)
    with pytest.raises(ConfigError, match="no ONNX file: python -m deploy.policy describe"):
        read_card(tmp_path / "model_9.pt")


def test_the_run_s_clip_of_the_actions_is_read(tmp_path):
    (tmp_path / "exported").mkdir()
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "agent.yaml").write_text(AGENT + "clip_actions: 1.5\n")
    (tmp_path / "params" / "env.yaml").write_text(env_yaml(MODEL, LEGS))
    policy = OnnxPolicy(policy_file(tmp_path / "exported" / "policy.onnx", 45, 12), MODEL)
    assert policy.card.action_clip == 1.5
    assert parse_loose(AGENT)["num_steps_per_env"] == 24


@pytest.mark.parametrize("changes", [{"bias": float("nan")}, {"action_scale": (0.0,) * 12}])
def test_probes_of_a_network_that_answers_nothing_sane(changes, tmp_path):
    scale = {key: value for key, value in changes.items() if key == "action_scale"}
    card = card_for(MODEL, **scale)
    path = save_policy(tmp_path / "walk.onnx", card, bias=changes.get("bias", 0.0))
    found = _network(Locomotion(path, card, MODEL, lambda steps, what: steps))
    assert [one.level for one in found] in (["warn"], ["not probed"]) and found[0].check == "network"


def test_input_and_output_have_two_names():
    with pytest.raises(ConfigError, match="both 'x'"):
        dataclasses.replace(card_for(MODEL), input="x", output="x")
