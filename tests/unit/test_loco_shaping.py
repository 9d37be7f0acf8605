"""Training sees the robot's limits and shapes as the safety layer does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.safety.limits import SafetyLimits
from arbiter.safety.shaper import Shaper
from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model
from training.locomotion import terms
from training.locomotion.apart import Apart
from training.locomotion.shaping import Shaping
from training.locomotion.state import BatchState

MODEL = load_model()
LEGS = np.flatnonzero(MODEL.groups["legs"])


def legs(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values[LEGS], dtype=torch.float32).unsqueeze(0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 2.0))
def test_targets_move_as_the_safety_layer_lets_them(seed, spread):
    """Hundreds of ticks of wild targets and measurements: both send the same target, tick by tick."""
    rng = np.random.default_rng(seed)
    theirs, ours = Shaper(SafetyLimits.from_model(MODEL), MODEL.dt), Shaping(MODEL, torch.tensor(LEGS), 1, MODEL.dt)
    theirs.seed(MODEL.default)
    q = np.array(MODEL.default)
    for _ in range(100):
        dq = rng.normal(0.0, 4.0, MODEL.n)
        q = np.clip(q + MODEL.dt * dq, MODEL.lower, MODEL.upper)
        wanted = q + rng.normal(0.0, spread, MODEL.n)
        theirs.propose(np.clip(wanted, MODEL.lower, MODEL.upper), q, dq, MODEL.kp, MODEL.kd)
        theirs.commit()
        sent = ours.move(legs(wanted), legs(q), legs(dq))
        assert np.abs(sent[0].numpy() - theirs.q[LEGS]).max() < 1e-4


def test_a_start_forgets_the_last_step():
    ours = Shaping(MODEL, torch.tensor(LEGS), 2, MODEL.dt)
    ours.move(torch.ones(2, 12), torch.zeros(2, 12), torch.zeros(2, 12))
    ours.start(torch.tensor([1]), torch.full((1, 12), 9.0))
    assert ours.step[0].abs().max() > 0.0 and ours.step[1].abs().max() == 0.0
    assert torch.equal(ours.target[1], ours.upper)


def test_distances_are_those_of_the_collision_check():
    """Where leg meets leg or the arm beside it, the balls are never nearer than the shapes and 6 mm farther at most
    (12 mm where two gaps between balls meet)."""
    check, apart, rng, met = SelfCollision(MODEL), Apart(MODEL), np.random.default_rng(0), 0
    for _ in range(400):
        q = np.array(MODEL.default)
        q[LEGS] += 0.5 * (rng.uniform(MODEL.lower[LEGS], MODEL.upper[LEGS]) - q[LEGS])
        distance, a, b = check.distance(q)
        if "pelvis" in (a, b) or "torso" in (a, b):
            continue
        met += 1
        found = apart(legs(q)).item()
        assert distance - 1e-4 <= found <= distance + (0.012 if distance > 0.0 else 0.03), (a, b)
    assert met > 50


def test_distance_is_the_same_in_a_mirror_and_of_each_robot_alone():
    from training.locomotion.symmetry import joint_mirror

    torch.manual_seed(0)
    apart, stance = Apart(MODEL), legs(MODEL.default)
    q = stance + 0.4 * torch.randn(50, 12)
    mirror = joint_mirror(tuple(MODEL.joints[i] for i in LEGS))
    torch.testing.assert_close(apart(mirror(q)), apart(q), atol=2e-3, rtol=0.0)
    torch.testing.assert_close(torch.cat([apart(row.unsqueeze(0)) for row in q]), apart(q))


def test_crossing_is_free_with_legs_apart_and_counts_how_close_they_come():
    s = BatchState.zeros(2, 12)
    s.target[1, [0, 1, 6, 7]] = torch.tensor([-0.17, -0.17, 0.17, 0.17])  # both legs inwards
    apart, stance = Apart(MODEL), legs(MODEL.default)[0]
    price = terms.crossing(s, apart, torch.arange(12), stance)
    assert price[0] == 0.0
    assert price[1].item() == pytest.approx(0.015 - apart((s.target[1] + stance).unsqueeze(0)).item())
    assert price[1] > 0.0
