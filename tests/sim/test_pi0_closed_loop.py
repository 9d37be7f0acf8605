"""The shipped tiny π0 by words, through the arbiter; and what happens when it loses its camera."""

from tests.needs import needs

pytestmark = needs("train", "mink")

from pathlib import Path

import numpy as np
import pytest

from policies.chunk.backends import load_backend
from policies.chunk.protocol import ChunkObservation
from training.pi0.rollout import ClosedLoop, RolloutJob, run_once

WEIGHTS = Path(__file__).resolve().parents[2] / "policies" / "weights" / "pi0_tiny"


@pytest.fixture(scope="module")
def loop():
    made = ClosedLoop(str(WEIGHTS), "onnx", seed=3)
    yield made
    made.close()


def test_gestures_by_words(loop):
    for text in ("wave the right hand", "raise both arms"):
        result = run_once(loop, RolloutJob(str(WEIGHTS), "onnx", text, 1, 3), 3)
        assert result.success and not result.fell, result.text


def test_balls_are_touched_wherever_they_hang(loop):
    colours = ("red", "green", "blue") * 2
    results = [
        run_once(loop, RolloutJob(str(WEIGHTS), "onnx", f"touch the {colour} ball", 1, seed), seed)
        for seed, colour in enumerate(colours)
    ]
    assert sum(one.success for one in results) >= 4, [one.text for one in results]
    assert not any(one.fell for one in results)
    for one in results:
        assert 0.2 <= one.scene[0] <= 0.36 and 0.5 <= one.scene[2] <= 0.8, "in the base frame"
        assert 0.0 < one.inference_ms < 1000.0


@pytest.mark.parametrize(
    ("text", "why"), [("stand up", "did not begin in a crouch"), ("lower both arms", "did not begin with the arms up")]
)
def test_a_policy_that_does_nothing_succeeds_at_nothing(loop, monkeypatch, text, why):
    backend = loop.arbiter.bank.players("chunk")[0]._backend
    still = np.tile(loop.model.default, (backend.horizon, 1))
    monkeypatch.setattr(backend, "predict", lambda *_, **__: still)
    result = run_once(loop, RolloutJob(str(WEIGHTS), "onnx", text, 1, 3), 3)
    assert not result.success and why in result.text, result.text


def test_a_chunk_is_fast_enough_for_one_core():
    backend = load_backend(WEIGHTS)
    seen = ChunkObservation(0.0, np.zeros(22), np.zeros(22), np.full((224, 224, 3), 90, np.uint8), 0.0)
    spent = []
    for _ in range(20):
        backend.predict(seen, "bow")
        spent.append(sum(backend.seconds))
    assert min(spent) < 0.1, "the best of twenty: the others wait for a busy machine"


def test_without_its_camera_the_skill_fails_and_hands_back(loop):
    players = loop.arbiter.bank.players("chunk")
    cameras = [player._camera for player in players]
    try:
        for player in players:
            player._camera = lambda: None
        assert loop.say("touch the red ball").startswith("failed")
    finally:
        for player, camera in zip(players, cameras, strict=True):
            player._camera = camera
    loop.wait(1.0)
    assert "chunk" not in loop.reports[-1].owners, "the joints went back"
    assert not loop.session.faulted and loop.robot.truth.torso_height > 0.4


def test_it_is_small():
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 30e6


def test_same_seed_same_chunk(loop):
    backend = load_backend(WEIGHTS)
    state = loop.robot.read(loop.session.clock.now)
    seen = ChunkObservation(0.0, state.joint_pos, state.joint_vel, np.full((224, 224, 3), 90, np.uint8), 0.0)
    one, two, other = (backend.predict(seen, "bow", seed=seed) for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()
