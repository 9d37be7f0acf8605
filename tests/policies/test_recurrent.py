"""Recurrent policies as rsl_rl exports them, step by step against the same model in torch."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch", "rsl_rl", "onnx")

import dataclasses
import io
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from rsl_rl.models.rnn_model import RNNModel
from tensordict import TensorDict

from arbiter.errors import ConfigError, PolicyError
from arbiter.types import Request, frozen
from policies.contract import check_policy
from policies.deadline import Deadline
from policies.locomotion.card import RecurrentState, embed_card
from policies.locomotion.policy import OnnxPolicy
from tests.fakes import MODEL, state_of
from tests.onnx_policies import card_for, policy_bytes
from tests.policies.test_observation_terms import states

LEGS = np.flatnonzero(MODEL.groups["legs"])
STATES = {"lstm": (RecurrentState("h_in", "h_out"), RecurrentState("c_in", "c_out")), "gru": (RecurrentState("h_in", "h_out"),)}
WALK = Request(velocity=frozen((0.3, 0.0, 0.1)))


@pytest.fixture(autouse=True)
def one_thread():
    """For networks this small torch's other threads cost more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def export(folder, kind: str, layers: int = 1, **changes):
    """(file, card, model in torch) of a recurrent actor with normaliser, as rsl_rl exports it."""
    torch.manual_seed(3)
    card = card_for(MODEL, recurrent=STATES[kind], **changes)
    obs = TensorDict({"policy": torch.zeros(1, card.observation_size)}, [1])
    shape = {"rnn_type": kind, "rnn_hidden_dim": 24, "rnn_num_layers": layers, "hidden_dims": [32]}
    model = RNNModel(obs, {"actor": ["policy"]}, "actor", len(card.joints), obs_normalization=True, **shape).eval()
    model.obs_normalizer._mean.uniform_(-0.2, 0.2)
    model.obs_normalizer._std.uniform_(0.5, 1.5)
    as_onnx, buffer = model.as_onnx(), io.BytesIO()
    names = {"input_names": as_onnx.input_names, "output_names": as_onnx.output_names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that do not change
        torch.onnx.export(as_onnx, as_onnx.get_dummy_inputs(), buffer, opset_version=17, dynamo=False, **names)
    path = folder / f"{kind}.onnx"
    path.write_bytes(embed_card(buffer.getvalue(), card))
    return path, card, model


def step(model: RNNModel, policy: OnnxPolicy) -> np.ndarray:
    """What the model in torch answers to the observation that the policy built last."""
    vector = torch.from_numpy(policy._observation.vector.copy())
    with torch.inference_mode():
        return model(TensorDict({"policy": vector}, [1]))[0].numpy()


def actions(target) -> np.ndarray:
    return (target.q[LEGS] - MODEL.default[LEGS]) / 0.25


@pytest.mark.parametrize(("kind", "layers"), [("lstm", 1), ("gru", 1), ("lstm", 2), ("gru", 2)])
def test_it_answers_as_torch_does_for_many_steps_and_again_after_a_reset(tmp_path, kind, layers):
    path, _, model = export(tmp_path, kind, layers)
    policy = OnnxPolicy(path, MODEL)
    for seed in (1, 2):
        many = states(seed, 60)
        policy.reset(many[0], 0.0)
        model.reset()
        first = None
        for k, state in enumerate(many):
            found = actions(policy.act(state, WALK, 0.02 * k))
            np.testing.assert_allclose(found, step(model, policy), atol=1e-5)
            first = found if first is None else first
        fresh = OnnxPolicy(path, MODEL)
        fresh.reset(many[-1], 0.0)
        again = actions(fresh.act(many[-1], WALK, 0.0))
        assert np.abs(again - found).max() > 1e-3, "what it remembers matters"


def test_a_slower_one_steps_at_its_own_rate(tmp_path):
    path, _, model = export(tmp_path, "gru", rate_hz=25.0)
    policy = OnnxPolicy(path, MODEL)
    policy.reset(state_of(), 0.0)
    for k, state in enumerate(states(4, 20)):
        found = actions(policy.act(state, WALK, 0.02 * k))
        if k % 2 == 0:
            wanted = step(model, policy)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", STATES)
def test_it_is_warmed_while_another_policy_drives(tmp_path, kind):
    path, _, model = export(tmp_path, kind)
    policy = OnnxPolicy(path, MODEL)
    many = states(5, 20)
    policy.reset(many[0], 0.0)
    for k, state in enumerate(many[:10]):
        assert policy.warm(state, WALK, 0.02 * k)
        step(model, policy)
    for k, state in enumerate(many[10:], 10):
        np.testing.assert_allclose(actions(policy.act(state, WALK, 0.02 * k)), step(model, policy), atol=1e-5)


@pytest.mark.parametrize("kind", STATES)
def test_its_spare_answers_the_same_and_goes_on_with_what_it_remembers(tmp_path, kind):
    """Of a network that fails at some step: what it wrote is not believed, what it began with is."""
    path, card, _ = export(tmp_path, kind)
    policy, alone = OnnxPolicy(path, MODEL), OnnxPolicy(path, MODEL)
    spare, many = policy.spare(), states(6, 40)
    assert spare.recompute(policy) is None
    for one in (policy, alone):
        one.reset(many[0], 0.0)
    for k, state in enumerate(many[:20]):
        target = policy.act(state, WALK, 0.02 * k)
        for _ in range(2):
            assert np.abs(spare.recompute(policy).q - target.q).max() < 1e-6
        assert np.array_equal(alone.act(state, WALK, 0.02 * k).q, target.q), "asking it disturbs nothing"
    policy._network.remember([np.full_like(each, np.nan) for each in policy._network.memory])
    spare.resume(policy, many[20], 0.4)
    for k, state in enumerate(many[20:], 20):
        np.testing.assert_allclose(spare.act(state, WALK, 0.02 * k).q, alone.act(state, WALK, 0.02 * k).q, atol=1e-5)


def test_readings_that_are_not_finite_never_reach_what_it_remembers(tmp_path):
    path, _, _ = export(tmp_path, "lstm")
    policy, alone = OnnxPolicy(path, MODEL), OnnxPolicy(path, MODEL)
    good, bad = states(7, 2)[0], state_of(base_ang_vel=frozen((np.nan, 0.0, 0.0)))
    for call in (policy.warm, policy.act):
        policy.reset(good, 0.0)
        with pytest.raises(PolicyError, match="observation base_ang_vel is not finite"):
            call(bad, WALK, 0.0)
        policy.reset(good, 0.0)
        alone.reset(good, 0.0)
        assert np.array_equal(policy.act(good, WALK, 0.0).q, alone.act(good, WALK, 0.0).q)


def test_it_keeps_the_contract_also_behind_a_deadline(tmp_path):
    path, _, _ = export(tmp_path, "lstm")
    assert check_policy(lambda: OnnxPolicy(path, MODEL), MODEL) == []
    assert check_policy(lambda: Deadline(OnnxPolicy(path, MODEL)), MODEL) == []


@pytest.mark.parametrize(
    ("recurrent", "words"),
    [
        (
            (),
            r"the graph also reads h_in, c_in, of which its card says nothing; what a recurrent network remembers is named in "
            r"its card, here perhaps `recurrent: \[\{input: h_in, output: h_out\}, \{input: c_in, output: c_out\}\]`",
        ),
        (STATES["lstm"][:1], "the graph also reads c_in"),
        (
            (RecurrentState("h_in", "hidden"), STATES["lstm"][1]),
            "no output 'hidden' in the graph; there are: actions, h_out, c_out",
        ),
        ((RecurrentState("state", "h_out"), STATES["lstm"][1]), "the graph also reads h_in"),
    ],
)
def test_a_card_that_does_not_fit_the_graph_is_refused_with_the_way_out(tmp_path, recurrent, words):
    path, card, _ = export(tmp_path, "lstm")
    with pytest.raises(ConfigError, match=words):
        OnnxPolicy(path, MODEL, card=dataclasses.replace(card, recurrent=recurrent))


def test_a_second_observation_is_not_taken_for_a_memory(tmp_path):
    """As of a policy that reads what it sees and what it saw in two inputs."""
    model = onnx.load_model_from_string(policy_bytes(45, 12))
    model.graph.input.append(helper.make_tensor_value_info("obs_history", TensorProto.FLOAT, [1, 225]))
    (tmp_path / "two.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match="also reads obs_history.*export it with all observations in one input"):
        OnnxPolicy(tmp_path / "two.onnx", MODEL, card=card_for(MODEL))
