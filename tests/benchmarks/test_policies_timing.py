"""What policies cost inside a tick. Run with `--benchmark-enable`; nothing here asserts a time."""

from __future__ import annotations

import itertools

import numpy as np
import onnxruntime
import pytest

from arbiter.types import Request, frozen
from arbiter.worker import LockstepWorker
from deploy.robots.description import load_model
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.inference import infer
from policies.chunk.player import ChunkPolicy
from policies.contract import resting_state
from policies.fallback.policies import Hold, Stand
from policies.fallback.reflex import BalanceReflex
from policies.locomotion.policy import OnnxPolicy
from tests.onnx_policies import card_for, save_policy

MODEL = load_model()
STATE = resting_state(MODEL)
WALK = Request(velocity=frozen((0.3, 0.0, 0.0)), prompt="wave")


def acting(policy):
    """A call of act() with ever later times; checks nothing but that it answers."""
    policy.reset(STATE, 0.0)
    while not policy.warm(STATE, WALK, 0.0):
        pass
    ticks = itertools.count(1)
    return lambda: policy.act(STATE, WALK, MODEL.dt * next(ticks))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A policy as large as a walking one: three hidden layers of 256, 128 and 64."""
    torch = pytest.importorskip("torch")
    card = card_for(MODEL)
    net = torch.nn.Sequential(
        torch.nn.Linear(45, 256),
        torch.nn.ELU(),
        torch.nn.Linear(256, 128),
        torch.nn.ELU(),
        torch.nn.Linear(128, 64),
        torch.nn.ELU(),
        torch.nn.Linear(64, 12),
    )
    path = tmp_path_factory.mktemp("bench") / "walk.onnx"
    torch.onnx.export(net, (torch.zeros(1, 45),), str(path), input_names=["obs"], output_names=["actions"], dynamo=False)
    return path, card


@pytest.mark.train
def test_locomotion_act(benchmark, network):
    target = benchmark(acting(OnnxPolicy(network[0], MODEL, card=network[1])))
    assert np.isfinite(target.q).all()


@pytest.mark.train
def test_onnxruntime_alone(benchmark, network):
    """The floor under test_locomotion_act."""
    session = onnxruntime.InferenceSession(str(network[0]), providers=["CPUExecutionProvider"])
    x = np.zeros((1, 45), np.float32)
    assert benchmark(lambda: session.run(None, {"obs": x}))[0].shape == (1, 12)


@pytest.mark.parametrize("kind", [Hold, Stand])
def test_fallback_act(benchmark, kind):
    assert np.isfinite(benchmark(acting(kind(MODEL))).q).all()


@pytest.mark.parametrize("balance", [False, True])
def test_chunk_act(benchmark, balance):
    """With a question, an answer and a splice every half second of ticks, as in a run."""
    backend = RecordedChunks({"wave": np.tile(MODEL.default, (100, 1))}, MODEL.joints)
    reflex = BalanceReflex(MODEL) if balance else None
    policy = ChunkPolicy(backend, MODEL, LockstepWorker(infer(backend), 0.0), reflex=reflex)
    policy.reset(STATE, 0.0)
    policy.warm(STATE, WALK, 0.0)
    policy.warm(STATE, WALK, 0.0)
    ticks = itertools.count(1)

    def act():
        now = MODEL.dt * next(ticks)
        return policy.act(resting_state(MODEL, now), WALK, now)

    assert np.isfinite(benchmark(act).q).all()


def test_load(benchmark, tmp_path):
    path = save_policy(tmp_path / "walk.onnx", card_for(MODEL))
    assert benchmark(lambda: OnnxPolicy(path, MODEL)).name == "test_walk"
