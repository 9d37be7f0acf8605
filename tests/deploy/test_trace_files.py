"""Traces of elsewhere, half ones and garbage: one line with file, line and field, never a traceback."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from deploy.replay import describe, load_trace, main, story
from deploy.robots.description import load_model
from deploy.runtime.config import load_tree
from deploy.trace.check import check_tick
from deploy.trace.writer import decode_state, encode, encode_state
from tests.arbiter_rig import Rig
from tests.fakes import FakeRobot

HEADER = {"format": 1, "joints": ["a", "b"], "config": "", "tree": "t.yaml", "seed": 0, "start": 0.0}
STATE = {
    "stamp": 0.0,
    "q": [0.0, None],
    "dq": [0, 0.0],
    "quat": [1.0, 0.0, 0.0, 0.0],
    "gyro": [0.0, 0.0, 0.0],
    "age": [0.0, 0.0],
    "imu_age": 0.0,
    "battery": None,
    "faults": [],
}
ROUTE = {
    "text": "x",
    "outcome": "accepted",
    "reason": "",
    "score": 0.9,
    "margin": None,
    "ms": 1.0,
    "forbids": [],
    "steps": [[["walk_forward", {"speed": 0.2}, 0.9, 0.4, "walk"]]],
}
TICK = {
    "i": 0,
    "t": 0.02,
    "state": STATE,
    "asked": [0.0, 0.0],
    "q": [0.0, 0.0],
    "kp": [1.0, 1.0],
    "kd": [1.0, 1.0],
    "mode": "run",
    "reason": "",
    "interventions": [["position", "a", "walk", 0.1, 0.0], ["shape", None, "walk", None, None]],
    "owners": ["walk", "rest"],
    "branch": "root",
    "events": [["mode", "armed"]],
    "ns": [1, 2],
    "inputs": [
        ["say", "x", "queue", 3],
        ["arm", 0.0, STATE],
        ["route", 1, ROUTE],
        ["stop", "key"],
        ["damp", "key"],
        ["reset"],
        ["go"],
        ["sight", {"stamp": 0.0, "balls": {"red": [0.3, 0.0, 0.2]}}],
        ["chunk", "chunk", 0, 0.0, [[0.0, 0.0]], ""],
        ["chunk", "chunk", 0, 0.0, None, "failed"],
    ],
}


def written(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def without(field):
    tick = copy.deepcopy(TICK)
    *above, last = field.split(".")
    node = tick
    for name in above:
        node = node[name]
    del node[last]
    return tick


def test_a_trace_is_read_and_told(tmp_path):
    header, ticks = load_trace(written(tmp_path / "t.jsonl", HEADER, TICK), verify=True)
    assert "armed" in "\n".join(story(ticks)) and "changed by shape: the whole command" in describe(ticks[0], header["joints"])


def test_readings_come_back_bit_for_bit_and_those_of_earlier_versions_lack_what_was_not_told_then():
    means = {"acceleration": np.array((0.1, -0.2, 9.7)), "mean_ang_vel": np.array((1.0 / 3.0, -0.5, 1e-9))}
    state = replace(FakeRobot().read(0.0), **means)
    kept = json.loads(json.dumps(encode_state(state)))
    again = decode_state(kept)
    assert all(getattr(again, name).tobytes() == value.tobytes() for name, value in means.items())
    del kept["acc"], kept["mean_gyro"]
    earlier = decode_state(kept)
    assert earlier.acceleration is None and earlier.mean_ang_vel is None and np.array_equal(earlier.joint_pos, state.joint_pos)
    assert not {"acc", "mean_gyro"} & set(STATE), "the tests below read traces without them"


@pytest.mark.parametrize("field", [*TICK.keys() - {"ns"}, *(f"state.{name}" for name in STATE)])
def test_a_missing_field_is_named_with_file_and_line(tmp_path, field):
    path = written(tmp_path / "t.jsonl", HEADER, TICK, without(field))
    with pytest.raises(ConfigError, match=rf"t.jsonl:3: {field} is missing; .* is expected"):
        load_trace(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t": "now"}, "t is 'now'; a number is expected"),
        ({"t": None}, "t is None"),
        ({"t": True}, "t is True"),
        ({"t": 10**400}, "t is 1000"),
        ({"q": [0.0]}, "q is [0.0]; 2 numbers or nulls"),
        ({"q": [0.0, "x"]}, "2 numbers or nulls"),
        ({"mode": "fly"}, "mode is 'fly'; one of damp"),
        ({"mode": []}, "mode is []"),
        ({"owners": "walk"}, "owners is 'walk'"),
        ({"events": [["x"]]}, "events is [['x']]"),
        ({"interventions": [[1, 2, 3, 4, 5]]}, "interventions is"),
        ({"state": [1]}, "state is [1]; a mapping"),
        ({"state": STATE | {"quat": [1.0]}}, "state.quat is [1.0]; 4 numbers"),
        ({"state": STATE | {"mean_gyro": [1.0]}}, "state.mean_gyro is [1.0]; 3 numbers"),
        ({"inputs": [["say"]]}, "inputs holds ['say'], which is no 'say'"),
        ({"inputs": [["arm", 0.0, {}]]}, "which is no 'arm'"),
        ({"inputs": [["say", "x", "now", 1]]}, "which is no 'say'"),
        ({"inputs": [["sight", {"stamp": 0.0, "balls": {"red": [1]}}]]}, "which is no 'sight'"),
        ({"inputs": [["route", 1, ROUTE | {"forbids": 3}]]}, "which is no 'route'"),
        ({"inputs": [[]]}, "inputs is [[]]"),
        ({"inputs": [["chunk", "c", 0, 0.0, [[0.0], [0.0, 0.0]], ""]]}, "which is no 'chunk'"),
    ],
)
def test_a_field_of_another_type_is_named_with_its_value(tmp_path, change, words):
    with pytest.raises(ConfigError) as error:
        load_trace(written(tmp_path / "t.jsonl", HEADER, TICK | change))
    told = str(error.value)
    assert "t.jsonl:2: " in told and words in told and "\n" not in told and len(told) < 600


@pytest.mark.parametrize(
    ("header", "verify", "words"),
    [
        ([1], False, "not a trace of format 1"),
        (HEADER | {"format": 2}, False, "the first line says 2"),
        (HEADER | {"joints": 3}, False, "joints is 3; a list of names"),
        (HEADER | {"joints": []}, False, "joints is []"),
        (HEADER | {"start": None}, False, "start is None"),
        (HEADER | {"config": 1}, True, "config is 1; text"),
        ({k: v for k, v in HEADER.items() if k != "seed"}, True, "seed is missing"),
        (HEADER | {"seed": -1}, True, "seed is -1"),
    ],
)
def test_a_bad_first_line(tmp_path, header, verify, words):
    with pytest.raises(ConfigError) as error:
        load_trace(written(tmp_path / "t.jsonl", header, TICK), verify)
    assert "t.jsonl:1: " in str(error.value) and words in str(error.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff", "cannot be read"),
        (b"", "not a trace"),
        (b"[" * 100_000 + b"\n1", "t.jsonl:1: not JSON"),
        (b"9" * 5000 + b"\n1", "t.jsonl:1: not JSON"),
        (json.dumps(HEADER).encode() + b"\n{", "holds no tick"),
        (json.dumps(HEADER).encode() + b"\n5\n", "t.jsonl:2: the line is 5; a mapping is expected"),
    ],
)
def test_the_command_says_it_in_one_line(tmp_path, capsys, data, words):
    (tmp_path / "t.jsonl").write_bytes(data)
    for options in ([], ["--at", "1"], ["--verify"]):
        assert main([str(tmp_path / "t.jsonl"), *options]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ") and told.count("\n") == 1 and words in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "t.jsonl:1: of another robot than berkeley_humanoid_lite"),
        ({"config": "policies: 3"}, "t.yaml:1: "),
        ({"config": "a: !!bool x"}, "t.yaml:1: the tag !!bool"),
    ],
)
def test_a_trace_of_another_robot_or_tree_is_not_decided_again(tmp_path, capsys, change, words):
    header = HEADER | {"config": load_tree("default.yaml").resolved_yaml()} | change
    assert main([str(written(tmp_path / "t.jsonl", header, TICK)), "--verify"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["walk_forwad", {}, 0.9, 0.4, ""], "t.jsonl: tick 0: the trace routes to the skill 'walk_forwad'; did you mean"),
        (["walk_forward", {"sped": 1.0}, 0.9, 0.4, ""], "the trace calls walk_forward with {'sped': 1.0}; it takes "),
        (["walk_forward", {"speed": [1]}, 0.9, 0.4, ""], "the trace calls walk_forward with {'speed': [1]}; it takes "),
    ],
)
def test_a_trace_with_a_route_of_no_router_is_not_decided_again(tmp_path, capsys, call, words):
    n = load_model().n
    state = STATE | {"q": [0.0] * n, "dq": [0.0] * n, "age": [0.0] * n}
    rows = {name: [0.0] * n for name in ("asked", "q", "kp", "kd")}
    tick = TICK | rows | {"state": state, "owners": ["x"] * n, "inputs": [["route", 1, ROUTE | {"steps": [[call]]}]]}
    header = HEADER | {"config": load_tree("default.yaml").resolved_yaml(), "joints": list(load_model().joints)}
    assert main([str(written(tmp_path / "t.jsonl", header, tick)), "--verify"]) == 2
    assert words in capsys.readouterr().err


PLACES = [(*above, name) for above, node in (((), TICK), (("state",), STATE), (("inputs", 2, 2), ROUTE)) for name in node]
JUNK = st.sampled_from([None, True, -1, 1e308, 10**30, "", "x", [], [[]], {}, {"a": 1}, [None], ["x", 1], float("nan")])


@given(st.sampled_from(PLACES), JUNK)
def test_whatever_stands_in_a_field_is_read_or_refused_by_name(tmp_path_factory, place, junk):
    tick = copy.deepcopy(TICK)
    node = tick
    for name in place[:-1]:
        node = node[name]
    node[place[-1]] = junk
    path = written(tmp_path_factory.getbasetemp() / "fuzz.jsonl", HEADER, tick)
    try:
        header, ticks = load_trace(path, verify=True)
    except ConfigError as error:
        assert str(error).startswith(f"{path}:2: ")
        return
    story(ticks)
    describe(ticks[0], header["joints"])


def failing(*_):
    raise OSError("bus off")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"stamp": math.nan},
        {"joint_pos": np.zeros(3)},
        {"joint_vel": None},
        {"base_quat": np.zeros((2, 2))},
        {"faults": None},
        {"faults": (3, "bus off")},
        {"imu_age": math.inf},
        {"mean_ang_vel": np.full(3, np.nan)},
        {"mean_ang_vel": "fast"},
        {"joint_age": np.full(22, np.nan)},
        None,
    ],
)
def test_a_run_with_what_no_driver_may_tell_can_be_looked_at(spoilt):
    """It is the run that one wants to look at."""
    rig = Rig().ready()
    if spoilt is None:
        rig.robot.read = failing
    else:
        rig.robot.changes.update(spoilt)
    tick = json.loads(json.dumps(encode(rig.tick())))
    check_tick(tick, rig.arbiter.model.n, "run:2")
    assert "tick " in describe(tick, list(rig.arbiter.model.joints))
    state = decode_state(tick["state"])
    assert state is None or rig.arbiter.safety.believe(state, rig.now + 0.02) is not None
