"""A file of a maker with any one value exchanged is read or refused by name: never a traceback."""

from __future__ import annotations

import copy
import json
import math

import pytest
import yaml

from arbiter.errors import ConfigError
from policies.locomotion.readers.finding import Hints, describe
from policies.locomotion.readers.loose_yaml import parse_loose
from tests.makers import (
    deploy_yaml,
    env_yaml,
    gym_yaml,
    holosoma_metadata,
    mjlab_metadata,
    policy_file,
    published_yaml,
    rl_sar_folder,
)
from tests.policies.test_card_describing import ISAAC, LEGS, MODEL, MOTORS

JUNK = (None, -1, 1e300, math.inf, "x", True, [], {}, [None], [[1.0]], {"a": 1})


def places(value, path=()):
    """Every place of a value, as the keys on the way to it; of a list the first item only."""
    yield path
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def exchanges(value):
    """Each place with one of JUNK, another one at each next place."""
    return [(place, JUNK[k % len(JUNK)]) for k, place in enumerate(places(value)) if place]


def exchanged(value, path, junk):
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = junk
    return changed


def judge(path, sources=()):
    """A draft or one line for each problem; a complete one holds numbers only."""
    try:
        draft = describe(path, MODEL, Hints(sources=sources, order=LEGS, beside=False)).draft
        if draft.complete:
            draft.card("x")
    except ConfigError as error:
        assert str(error)


def texts():
    yield "deploy.yaml", deploy_yaml(MODEL, ISAAC, MOTORS)
    yield "published.yaml", published_yaml(MODEL, LEGS)
    yield "env.yaml", env_yaml(MODEL, LEGS)
    yield "mjlab_env.yaml", env_yaml(MODEL, LEGS, mjlab=True)
    yield "gym.yaml", gym_yaml(MODEL, LEGS)


@pytest.mark.parametrize(("name", "text"), list(texts()), ids=[name for name, _ in texts()])
def test_yaml_with_a_value_exchanged(name, text, tmp_path):
    path, file = policy_file(tmp_path / "policy.onnx", 45, 12), tmp_path / name
    value = json.loads(json.dumps(parse_loose(text), default=str))
    for place, junk in exchanges(value):
        file.write_text(json.dumps(exchanged(value, place, junk)).replace("Infinity", ".inf"))
        judge(path, [file])


def test_rl_sar_with_a_value_exchanged(tmp_path):
    config = rl_sar_folder(tmp_path, MODEL, ISAAC, MOTORS, observations_history=[1, 0])
    path, value = policy_file(tmp_path / "policy.onnx", 90, 12), yaml.safe_load(config.read_text())
    for place, junk in exchanges(value):
        config.write_text(json.dumps(exchanged(value, place, junk)).replace("Infinity", ".inf"))
        judge(path, [config])


@pytest.mark.parametrize("make", [mjlab_metadata, holosoma_metadata])
def test_metadata_with_a_value_exchanged(make, tmp_path):
    metadata = make(MODEL, LEGS)
    for key, text in metadata.items():
        for junk in ("", ",", "x", "1", "nan", "[]", "{}", "null", "1;2,3", text[:-1], f"{text},1", "[null]", '{"a": [1]}'):
            judge(policy_file(tmp_path / "walk.onnx", 45, 12, metadata | {key: junk}))
    if make is holosoma_metadata:
        value = json.loads(metadata["experiment_config"])
        for place, junk in exchanges(value):
            changed = {"experiment_config": json.dumps(exchanged(value, place, junk))}
            judge(policy_file(tmp_path / "walk.onnx", 49, 12, metadata | changed))
