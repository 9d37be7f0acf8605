"""A recurrent policy walks: the project's own network, whose last action is what it remembers instead of an observation."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "onnx")

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from arbiter.types import Request, frozen
from deploy.robots.description import load_model
from policies.locomotion.card import RecurrentState, embed_card, read_card
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from tests.faults.causes import alter_network
from tests.policy_rig import drive
from tests.sim.rig import SimRun

MODEL = load_model()
PLAIN = SHIPPED / "locomotion.onnx"


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory) -> Path:
    """The shipped network with a memory: last_in takes the place of the term previous_action, last_out is the action."""
    card, model = read_card(PLAIN), onnx.load(PLAIN)
    sizes = [term.size(len(card.joints)) for term in card.observations]
    at = next(i for i, term in enumerate(card.observations) if term.term == "previous_action")
    before, wide = sum(sizes[:at]), sum(sizes)
    graph = model.graph
    whole = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["whole" if name == whole else name for name in node.input]
    split = np.array([before, wide - before - sizes[at]], np.int64)
    graph.initializer.append(helper.make_tensor("split", TensorProto.INT64, [2], split))
    graph.node.insert(0, helper.make_node("Split", [whole, "split"], ["first", "last"], axis=1))
    graph.node.insert(1, helper.make_node("Concat", ["first", "last_in", "last"], ["whole"], axis=1))
    graph.node.append(helper.make_node("Identity", [card.output], ["last_out"]))
    del graph.input[:]
    for name, size in ((whole, wide - sizes[at]), ("last_in", sizes[at])):
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]))
    graph.output.append(helper.make_tensor_value_info("last_out", TensorProto.FLOAT, [1, sizes[at]]))
    onnx.checker.check_model(model)
    terms = tuple(term for i, term in enumerate(card.observations) if i != at)
    card = dataclasses.replace(card, observations=terms, recurrent=(RecurrentState("last_in", "last_out"),))
    path = tmp_path_factory.mktemp("policies") / "recurrent.onnx"
    path.write_bytes(embed_card(model.SerializeToString(), card))
    return path


def test_it_walks_and_asks_for_what_the_plain_one_asks_for(recurrent):
    """Both see every reading; the memory of the one is the observation of the other. The second run begins anew."""
    policy, plain = OnnxPolicy(recurrent, MODEL), OnnxPolicy(PLAIN, MODEL)
    apart, act = [], policy.act

    def beside(state, request, now):
        if now == 0.0:
            plain.reset(state, now)
        target = act(state, request, now)
        apart.append(np.abs(target.q - plain.act(state, request, now).q).max())
        return target

    policy.act = beside
    for _ in range(2):
        course = drive(policy, MODEL, lambda now: Request(velocity=frozen((0.4, 0.0, 0.0))), 4.0)
        assert not course.fell and course.truth[-1].base_pos[0] > 0.5
    assert max(apart) < 1e-5


@pytest.mark.parametrize("fault", [lambda y: np.full_like(y, np.nan), lambda y: -y], ids=["nan", "sign"])
def test_it_walks_by_words_through_hand_overs_a_stop_and_a_failure(recurrent, fault):
    """Its spare has the same weights and what it remembers: it tells a wrong target, and goes on in mid-step."""
    with SimRun(seed=2, settings=[f"policies.locomotion.file={json.dumps(str(recurrent))}"]) as run:
        since = run.mark()
        assert str(run.say("walk forward one meter").result) == "succeeded"
        assert run.path(since)[0] == pytest.approx(1.0, abs=0.25)
        run.arbiter.inbox.say("walk forward")
        run.wait(2.0)
        run.say("stop")
        assert str(run.say("turn left").result) == "succeeded"
        run.arbiter.inbox.say("walk forward two meters")
        run.wait(3.0)
        alter_network(run, fault)
        since = run.wait(5.0).mark()
        assert "locomotion" in run.arbiter.bank.banned
        run.wait(2.0)
        assert np.abs(run.path(since)).max() < 0.1, "it came to rest"
        assert run.falls == 0
