"""Policy cards: round trip, strictness, hash, fit to the robot."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from deploy.robots.description import load_model
from policies.locomotion import card as cards
from policies.locomotion.card import ObservationTerm, check_card, embed_card, from_json, from_yaml, read_card, to_json
from policies.onnx_file import NotOnnxError, add_metadata, model_hash, read_metadata, strip_metadata
from tests.onnx_policies import card_for, policy_bytes, save_policy

MODEL = load_model()
CARD = dataclasses.replace(card_for(MODEL), sha256="0" * 64)


def changed(**changes) -> str:
    value = json.loads(to_json(CARD)) | changes
    return json.dumps({key: item for key, item in value.items() if item != "LEFT OUT"})


def test_json_round_trip_keeps_every_digit():
    card = dataclasses.replace(
        CARD,
        default_pos=(1 / 3,) * 12,
        observations=(
            ObservationTerm("phase", period=0.7123456789, stand_still=True, settle=0.64, wake=0.4, tip=0.45),
            ObservationTerm("joint_vel", CARD.joints[:3], (0.1, 1 / 7, 1.0), 3),
        ),
    )
    assert from_json(to_json(card), "walk.onnx") == card


def test_the_brief_format_is_what_is_written():
    value = json.loads(to_json(CARD))
    assert list(value) == [
        "format",
        "kind",
        "name",
        "version",
        "robot",
        "rate_hz",
        "joints",
        "default_pos",
        "kp",
        "kd",
        "action_scale",
        "input",
        "output",
        "observations",
        "sha256",
    ]
    assert value["observations"][0] == {"term": "velocity_command", "scale": 1.0, "history": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(nmae="x"), "unknown key 'nmae'; did you mean 'name'?"),
        (changed(kp="LEFT OUT"), "'kp' is missing"),
        (changed(sha256="LEFT OUT"), "'sha256' is missing"),
        (changed(rate_hz="fast"), "rate_hz is 'fast'; a number is expected"),
        (changed(rate_hz=0.0), "rate_hz is 0.0; a positive number is expected"),
        (changed(format=2), "format is 2"),
        (changed(kind="chunk"), "kind is 'chunk'"),
        (changed(kp=[20.0] * 11), "kp has 11 values; joints has 12"),
        (changed(kd=[1e999] * 12).replace("Infinity", "1e999"), "kd is not finite"),
        (changed(joints=["a"] * 12), "joints names a joint twice"),
        (changed(kp=[math.nan] * 12), "holds NaN, which is not a number"),
        (changed(observations=[]), "observations is empty"),
        (changed(observations=[{"term": "odometry"}]), "'odometry'"),
        (changed(observations=[{"term": "joint_vel"}]), "observations[0].joints has 0 names; joint_vel needs at least one"),
        (changed(observations=[{"term": "phase"}]), "observations[0].period is missing"),
        (changed(observations=[{"term": "phase", "period": 0}]), "observations[0].period is 0.0"),
        (changed(observations=[{"term": "base_ang_vel", "period": 1.0}]), "period does not belong to base_ang_vel"),
        (changed(observations=[{"term": "base_ang_vel", "stand_still": True}]), "stand_still does not belong to base_ang_vel"),
        (changed(observations=[{"term": "phase", "period": 1, "settle": 1}]), "settle needs stand_still: true"),
        (
            changed(observations=[{"term": "phase", "period": 1, "stand_still": True, "settle": -1}]),
            "settle is -1.0; a number of seconds is expected",
        ),
        (
            changed(observations=[{"term": "phase", "period": 1, "stand_still": True, "wake": 0.4}]),
            "wake needs settle: the seconds it then steps in place",
        ),
        (
            changed(observations=[{"term": "phase", "period": 1, "stand_still": True, "settle": 1, "wake": 0}]),
            "wake is 0.0; a positive number [rad] is expected",
        ),
        (
            changed(observations=[{"term": "phase", "period": 1, "stand_still": True, "tip": 0.4}]),
            "tip needs settle: the seconds it then steps in place",
        ),
        (
            changed(observations=[{"term": "phase", "period": 1, "stand_still": True, "settle": 1, "tip": -1}]),
            "tip is -1.0; a positive number [rad/s] is expected",
        ),
        (changed(observations=[{"term": "base_ang_vel", "slew": [1, 1, 1]}]), "slew does not belong to base_ang_vel"),
        (
            changed(observations=[{"term": "velocity_command", "slew": [1, 0, 1]}]),
            "slew is [1.0, 0.0, 1.0]; three positive numbers are expected",
        ),
        (changed(observations=[{"term": "base_ang_vel", "scale": [1.0]}]), "scale has 1 values; one number or 3 are expected"),
        (changed(observations=[{"term": "base_ang_vel", "history": 0}]), "history is 0; 1 to 100 are allowed"),
        ("{", "not valid JSON"),
        ("[1]", "a mapping with format, kind"),
        ('{"format": 1, "format": 1}', "the key 'format' stands there twice"),
    ],
)
def test_each_fault_names_file_and_key(text, words):
    with pytest.raises(ConfigError) as found:
        from_json(text, "walk.onnx")
    assert "walk.onnx (metadata policy_arbiter)" in str(found.value) and words in str(found.value)


def test_all_faults_of_a_file_come_at_once():
    with pytest.raises(ConfigError) as found:
        from_json(changed(nmae="x", rate_hz="fast", kp="LEFT OUT"), "walk.onnx")
    assert len(str(found.value).splitlines()) == 3


def test_metadata_survive_and_leave_the_graph_alone(tmp_path):
    bare = policy_bytes(45, 12)
    path = tmp_path / "walk.onnx"
    path.write_bytes(embed_card(bare, CARD))
    assert strip_metadata(path.read_bytes()) == bare
    assert read_card(path).sha256 == model_hash(bare)
    assert embed_card(path.read_bytes(), CARD) == path.read_bytes()


@pytest.mark.train
def test_the_onnx_package_reads_what_is_written_here(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = save_policy(tmp_path / "walk.onnx", CARD)
    onnx.checker.check_model(str(path))
    metadata = onnx.load(path).metadata_props
    assert [(item.key, json.loads(item.value)["name"]) for item in metadata] == [("policy_arbiter", "test_walk")]


@pytest.mark.train
def test_metadata_written_by_the_onnx_package_are_read():
    onnx = pytest.importorskip("onnx")
    model = onnx.load_model_from_string(policy_bytes(45, 12))
    entry = model.metadata_props.add()
    entry.key, entry.value = "policy_arbiter", to_json(CARD)
    assert read_metadata(model.SerializeToString()) == {"policy_arbiter": to_json(CARD)}


def test_a_changed_graph_is_refused(tmp_path):
    path = save_policy(tmp_path / "walk.onnx", CARD)
    data = path.read_bytes()
    path.write_bytes(add_metadata(policy_bytes(45, 12, bias=1.0), "policy_arbiter", read_metadata(data)["policy_arbiter"]))
    with pytest.raises(ConfigError, match="its SHA-256 is .*, its card says .*: export it again"):
        read_card(path)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_garbage_is_not_onnx_but_never_a_crash(data):
    try:
        assert isinstance(read_metadata(data), dict)
    except NotOnnxError as error:
        assert str(error)


def test_a_file_that_says_nothing(tmp_path):
    path = tmp_path / "walk.onnx"
    path.write_bytes(policy_bytes(45, 12))
    with pytest.raises(ConfigError, match="says nothing about itself .* describe it in walk.yaml beside it"):
        read_card(path)
    with pytest.raises(ConfigError, match="absent.onnx: cannot be read"):
        read_card(tmp_path / "absent.onnx")
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(ConfigError, match="not an ONNX file"):
        read_card(path)


def test_a_yaml_beside_the_file_says_the_same(tmp_path):
    path = tmp_path / "walk.onnx"
    path.write_bytes(policy_bytes(45, 12))
    value = json.loads(to_json(CARD))
    del value["sha256"]
    path.with_suffix(".yaml").write_text(yaml.safe_dump(value))
    assert read_card(path) == dataclasses.replace(CARD, sha256="")
    path.with_suffix(".yaml").write_text(yaml.safe_dump(value | {"rate_hz": -1.0}))
    with pytest.raises(ConfigError, match=r"walk.yaml:\d+: rate_hz is -1"):
        read_card(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"robot": "other"}, "robot is 'other'; this robot is 'berkeley_humanoid_lite'"),
        ({"rate_hz": 100.0}, "rate_hz is 100; the tick runs at 50 Hz"),
        ({"rate_hz": 30.0}, "rate_hz is 30"),
        ({"joints": ("leg_left_knee_joint", *CARD.joints[1:])}, "did you mean 'leg_left_knee_pitch_joint'?"),
        ({"default_pos": (9.0,) * 12}, "default_pos of leg_left_hip_roll_joint is 9 rad; its range is"),
        ({"kp": (41.0,) * 12}, "kp of leg_left_hip_roll_joint is 41; the robot allows 0 to 40"),
        ({"kd": (-1.0,) * 12}, "kd of leg_left_hip_roll_joint is -1"),
        ({"observations": (ObservationTerm("joint_vel", ("knee",)),)}, "observations[0].joints names 'knee'"),
    ],
)
def test_misfits_name_what_is_allowed(changes, words):
    with pytest.raises(ConfigError) as found:
        check_card(dataclasses.replace(CARD, **changes), MODEL, "walk.onnx")
    assert "walk.onnx: does not fit the robot" in str(found.value) and words in str(found.value)


@pytest.mark.parametrize("rate", [50.0, 25.0, 50.0 / 3.0, 10.0])
def test_rates_that_divide_the_tick_fit(rate):
    check_card(dataclasses.replace(CARD, rate_hz=rate), MODEL, "walk.onnx")


def test_the_cards_of_the_published_policies_fit():
    found = sorted((Path(cards.__file__).parents[1] / "cards").glob("*.yaml"))
    assert [path.stem for path in found] == ["published_humanoid", "published_humanoid_legs"]
    for path, size in zip(found, (75, 45), strict=True):
        card = from_yaml(path)
        check_card(card, MODEL, path)
        assert card.observation_size == size and len(card.sha256) == 64
