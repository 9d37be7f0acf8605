"""Training sees the robot's limits and shapes as the safety layer does."""

from tests.needs import needs

pytestmark = needs("train", "torch")

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.safety import Safety
from arbiter.safety.limits import SafetyLimits
from arbiter.safety.shaper import Shaper
from arbiter.types import JointTarget, RobotState
from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model
from training.locomotion import terms
from training.locomotion.command_limiter import CommandLimiter
from training.locomotion.self_distance import SelfDistance
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
    theirs, ours = Shaper(SafetyLimits.from_model(MODEL), MODEL.dt), CommandLimiter(MODEL, torch.tensor(LEGS), 1, MODEL.dt)
    theirs.seed(MODEL.default)
    q = np.array(MODEL.default)
    for _ in range(100):
        dq = rng.normal(0.0, 4.0, MODEL.n)
        q = np.clip(q + MODEL.dt * dq, MODEL.lower, MODEL.upper)
        wanted = q + rng.normal(0.0, spread, MODEL.n)
        theirs.propose(np.clip(wanted, MODEL.lower, MODEL.upper), (q, dq), (MODEL.kp, MODEL.kd))
        theirs.commit()
        sent = ours.limit(legs(wanted), legs(q), legs(dq), brake=False)
        assert np.abs(sent[0].numpy() - theirs.q[LEGS]).max() < 1e-4


def test_a_start_forgets_the_last_step():
    ours = CommandLimiter(MODEL, torch.tensor(LEGS), 2, MODEL.dt)
    ours.limit(torch.ones(2, 12), torch.zeros(2, 12), torch.zeros(2, 12), brake=False)
    ours.reset(torch.tensor([1]), torch.full((1, 12), 9.0))
    assert ours.step[0].abs().max() > 0.0 and ours.step[1].abs().max() == 0.0
    assert torch.equal(ours.target[1], ours.upper)


def test_distances_are_those_of_the_collision_check():
    """Where leg meets leg or the arm beside it, the balls are never nearer than the shapes and 6 mm farther at most
    (12 mm where two gaps between balls meet)."""
    check, apart, rng, met = SelfCollision(MODEL), SelfDistance(MODEL), np.random.default_rng(0), 0
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
    apart, stance = SelfDistance(MODEL), legs(MODEL.default)
    q = stance + 0.4 * torch.randn(50, 12)
    mirror = joint_mirror(tuple(MODEL.joints[i] for i in LEGS))
    torch.testing.assert_close(apart(mirror(q)), apart(q), atol=2e-3, rtol=0.0)
    torch.testing.assert_close(torch.cat([apart(row.unsqueeze(0)) for row in q]), apart(q))


def test_crossing_is_free_with_legs_apart_and_counts_how_close_they_come():
    s = BatchState.zeros(3, 12)
    s.self_distance = torch.tensor([0.02, 0.005, -0.01])
    assert terms.self_distance(s).tolist() == pytest.approx([0.0, 0.01, 0.025])


def test_legs_stop_where_the_safety_layer_stops_them():
    """The same tick through the whole layer: legs that would cross stay where they were, others go on."""
    inwards = np.array(MODEL.default)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for part in ("hip_roll", "hip_yaw"):
            inwards[MODEL.index(f"leg_{side}_{part}_joint")] += sign * 0.17
    outwards = 2.0 * MODEL.default - inwards
    safety = Safety(MODEL, collision=SelfCollision(MODEL))
    limiter = CommandLimiter(MODEL, torch.tensor(LEGS), 2, MODEL.dt)
    limiter.reset(torch.arange(2), legs(MODEL.default).repeat(2, 1))
    state = RobotState(
        joint_pos=MODEL.default,
        joint_vel=np.zeros(MODEL.n),
        base_ang_vel=np.zeros(3),
        base_quat=np.array([1.0, 0.0, 0.0, 0.0]),
        stamp=0.0,
        joint_age=np.zeros(MODEL.n),
    )
    assert safety.arm(state, 0.0) == ""
    still, wanted = legs(MODEL.default).repeat(2, 1), torch.cat((legs(inwards), legs(outwards)))
    sent = limiter.limit(wanted, still, torch.zeros(2, 12), brake=True)
    target = JointTarget(inwards, MODEL.kp, MODEL.kd, np.ones(MODEL.n, bool))
    command, verdict = safety.filter(target, ("walk",) * MODEL.n, state, 0.02)
    assert {note.check for note in verdict.interventions} == {"collision"}
    np.testing.assert_allclose(sent[0].numpy(), command.q[LEGS], atol=1e-6)
    np.testing.assert_allclose(sent[1].numpy(), outwards[LEGS], atol=1e-6)
    assert (
        limiter.requested_distance[0] < 0.0 < limiter.sent_distance[0]
        and limiter.requested_distance[1] == limiter.sent_distance[1]
    )
