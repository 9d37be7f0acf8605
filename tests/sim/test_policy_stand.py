"""The stand policy and the balance reflex in simulation, judged by the truth, with sensor noise."""

from __future__ import annotations

import numpy as np
import pytest

from arbiter.types import Mode, Request, frozen
from arbiter.worker import LockstepWorker
from deploy.drivers.simulated.simulated_robot import SimulatedRobot
from deploy.robots.description import load_model
from deploy.robots.mjcf import open_spec
from deploy.runtime.bodies import SENSOR_NOISE
from policies.chunk.backends.recorded import RecordedChunks
from policies.chunk.inference import infer
from policies.chunk.player import ChunkPolicy
from policies.fallback.balance.gains import make
from policies.fallback.policies import Hold, Stand
from policies.fallback.reflex import GAINS, BalanceReflex
from tests.policy_rig import drive
from tests.safety_rig import issued

MODEL = load_model()
LEGS = np.flatnonzero(MODEL.groups["legs"])


def legs(hip: float, knee: float, ankle: float) -> np.ndarray:
    """The default posture with other leg pitch angles [rad], both sides."""
    q = np.array(MODEL.default)
    for side in ("left", "right"):
        for part, angle in (("hip", hip), ("knee", knee), ("ankle", ankle)):
            q[MODEL.index(f"leg_{side}_{part}_pitch_joint")] = angle
    return q


def stand(request, seconds, **course):
    return drive(Stand(MODEL), MODEL, request, seconds, **course)


def test_holding_a_posture_falls_and_standing_does_not():
    """What the reflex is for; if the first half ever holds, the second proves nothing."""
    assert drive(Hold(MODEL), MODEL, lambda now: Request(), 4.0).fell
    course = stand(lambda now: Request(), 15.0)
    assert not course.fell and course.tilts[100:].max() < 0.05
    start, end = course.truth[100], course.truth[-1]
    assert np.abs(end.base_pos - start.base_pos).max() < 0.02
    assert np.abs(course.torques[100:, LEGS]).max() < 5.5  # of 6 N·m
    calm = course.torques[-250:, LEGS].mean(axis=0)
    assert np.abs(calm).max() < 2.0
    ankle_rolls = [i for i, name in enumerate(MODEL.joints) if "ankle_roll" in name]
    assert np.abs(end.joint_pos[ankle_rolls]).max() < 0.02  # the feet do not creep


@pytest.mark.parametrize("push", [(0.3, 0.0), (0.0, 0.2), (0.2, -0.15)])
def test_pushes_are_survived(push):
    course = stand(lambda now: Request(), 6.0, pushes=[(1.5, *push), (3.5, -push[0], -push[1])])
    assert not course.fell and course.tilts[-50:].max() < 0.05


def test_arms_may_go_anywhere():
    rng = np.random.default_rng(3)
    goals = rng.uniform(MODEL.lower[:10], MODEL.upper[:10], (12, 10))

    def arms(now: float) -> np.ndarray:
        i, share = int(now), min(1.0, (now % 1.0) / 0.6)
        share = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
        before = goals[i - 1] if i else MODEL.default[:10]
        return before + share * (goals[i] - before)

    course = stand(lambda now: Request(), 12.0, arms=arms)
    assert not course.fell and course.tilts.max() < 0.1


@pytest.mark.parametrize(("name", "hip", "knee", "tilt"), [("deep crouch", -1.1, 1.5, 0.4), ("deep bow", -0.8, 0.4, 0.5)])
def test_postures_are_followed_and_left_again(name, hip, knee, tilt):
    down = frozen(legs(hip, knee, -0.5 * knee))
    course = stand(lambda now: Request(posture=down if 0.5 <= now < 4.0 else None), 7.5)
    assert not course.fell and course.tilts.max() < tilt
    low, end = course.truth[195], course.truth[-1]
    pitch = [MODEL.index(f"leg_{side}_{part}_pitch_joint") for side in ("left", "right") for part in ("hip", "knee")]
    np.testing.assert_allclose(low.joint_pos[pitch], down[pitch], atol=0.06)
    np.testing.assert_allclose(end.joint_pos[pitch], MODEL.default[pitch], atol=0.05)
    assert np.abs(course.torques[150:195, LEGS]).max() < 5.9


def test_it_stands_up_from_whatever_posture_it_finds():
    """From a crouch that another policy left; the approach starts at the measured posture, without a jump."""
    policy = Stand(MODEL)
    crouch = frozen(legs(-0.8, 1.2, -0.58))
    course = drive(policy, MODEL, lambda now: Request(posture=crouch), 4.0)
    assert not course.fell
    q = course.truth[-1].joint_pos
    policy.reset(course.robot.read(4.0), 4.0)
    first = policy.act(course.robot.read(4.0), Request(), 4.0)
    assert np.abs(first.q - q).max() < 0.35  # what the load asks for, and the lean


def test_whole_body_chunks_play_through_the_reflex():
    times = np.arange(0.0, 6.0, 0.02)
    share = np.clip(np.minimum(times, 5.0 - times) / 1.5, 0.0, 1.0)[:, None]
    share = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    bow = MODEL.default + share * (legs(-0.7, 0.4, -0.1) - MODEL.default)
    backend = RecordedChunks({"bow": bow}, MODEL.joints)
    policy = ChunkPolicy(backend, MODEL, LockstepWorker(infer(backend), 0.3), reflex=BalanceReflex(MODEL))

    class Warmed:
        joints, reset = policy.joints, policy.reset

        def act(self, state, request, now):
            while policy._plan is None:
                policy.warm(state, request, now) or policy.warm(state, request, now + 0.3)
            return policy.act(state, request, now)

    course = drive(Warmed(), MODEL, lambda now: Request(prompt="bow"), 7.5)
    hips = np.array([truth.joint_pos[MODEL.index("leg_left_hip_pitch_joint")] for truth in course.truth])
    assert not course.fell and hips.min() == pytest.approx(-0.7, abs=0.05) and hips[-1] == pytest.approx(-0.2, abs=0.05)
    assert policy.refused == 0 and policy.chunks >= 10


def test_the_gains_in_the_tree_are_those_of_the_model():
    import json

    built = make(open_spec(MODEL).compile(), MODEL, ("leg_left_ankle_roll", "leg_right_ankle_roll"))
    kept = json.loads((MODEL.folder / GAINS).read_text())
    assert built["legs"] == kept["legs"] and built["chain"].keys() == kept["chain"].keys()
    for new, old in zip(built["knots"], kept["knots"], strict=True):
        for key in ("knee", "carry", "pos", "vel", "tilt", "rate"):
            np.testing.assert_allclose(new[key], old[key], rtol=1e-3, atol=1e-3)


def hang(policy, seconds, release=None, seed=0, start=True):
    """In the harness, released onto its feet at `release` [s]. Returns the targets, shape (ticks, n), and the last truth."""
    robot = SimulatedRobot(MODEL, seed=seed, noise=SENSOR_NOISE, hanging=True)
    robot.connect()
    policy.reset(robot.read(0.0), 0.0)
    targets = []
    for k in range(round(seconds / MODEL.dt)):
        now = k * MODEL.dt
        if release is not None and now <= release < now + MODEL.dt:
            robot.release()
        target = policy.act(robot.read(now), Request(start=start), now)
        robot.write(issued(now, target.q, target.kp, target.kd, Mode.RUN))
        robot.step(MODEL.dt)
        targets.append(target.q)
    return np.array(targets), robot.truth


@pytest.mark.parametrize("seed", range(6))
def test_legs_in_the_air_are_not_shaken(seed):
    """The regulator that holds a body's weight would drive them from end to end of its answer, 25 times a second."""
    targets, _ = hang(Stand(MODEL), 8.0, seed=seed)
    speed = np.abs(np.diff(targets, axis=0)).max(axis=1) / MODEL.dt
    assert speed.max() < 8.0 and speed.mean() < 2.0  # of 20 rad/s
    shaken = np.abs(np.diff(hang(Stand(MODEL), 2.0, start=False)[0], axis=0)).max(axis=1) / MODEL.dt
    assert shaken[50:].min() > 20.0  # what it would be


@pytest.mark.parametrize("release", [1.0, 6.0])
@pytest.mark.parametrize("seed", range(3))
def test_it_stands_when_the_harness_lets_go(release, seed):
    _, end = hang(Stand(MODEL), release + 6.0, release, seed)
    w, x, y, _ = end.base_quat
    assert 1.0 - 2.0 * (x * x + y * y) > np.cos(0.06)
