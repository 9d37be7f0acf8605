"""What the safety layer and the blend cost a tick.

    python -m pytest tests/benchmarks/test_safety_timing.py --benchmark-enable

The floor is what one could not do without: two `np.clip` of the target.
"""

import numpy as np
import pytest

from arbiter.handover.blend import Blend
from arbiter.safety import Safety
from arbiter.types import JointTarget, Mode, RobotState
from deploy.robots.collision import SelfCollision
from deploy.robots.description import load_model

MODEL = load_model()
OWNERS = ["walk"] * MODEL.n
ALL = np.ones(MODEL.n, bool)
ROUNDS, WARM = 2000, 50


def inputs(noise: float):
    """Ticks of a smooth movement, with `noise` [rad] on the targets: (target, state, now)."""
    rng = np.random.default_rng(0)
    base = np.clip(MODEL.default, MODEL.lower + 0.05, MODEL.upper - 0.05)
    k = 0
    while True:
        k += 1
        q = base + 0.04 * np.sin(0.06 * k)
        still = np.zeros(MODEL.n)
        state = RobotState(k * MODEL.dt, q, still, np.array((1.0, 0.0, 0.0, 0.0)), np.zeros(3), still)
        asked = q + rng.normal(scale=noise, size=MODEL.n) if noise else q
        yield JointTarget(asked, MODEL.kp, MODEL.kd, ALL), state, k * MODEL.dt


def run(benchmark, noise: float, collision=None) -> Safety:
    """Times `filter` alone."""
    safety, source = Safety(MODEL, collision=collision), inputs(noise)
    _, state, now = next(source)
    assert safety.arm(state, now) == ""

    def setup():
        target, state, now = next(source)
        return (target, OWNERS, state, now), {}

    for _ in range(WARM):  # also where benchmarks are off, which then call it once
        safety.filter(*setup()[0])
    _, verdict = benchmark.pedantic(safety.filter, setup=setup, rounds=ROUNDS)
    assert verdict.mode is Mode.RUN
    return safety


@pytest.mark.benchmark(group="safety")
def test_safety_when_nothing_clips(benchmark):
    assert not run(benchmark, 0.0).counts


@pytest.mark.benchmark(group="safety")
def test_safety_when_many_joints_clip(benchmark):
    assert len(run(benchmark, 0.2).counts) > 10


@pytest.mark.benchmark(group="safety")
def test_safety_with_self_collision(benchmark):
    assert not run(benchmark, 0.0, SelfCollision(MODEL)).counts


@pytest.mark.benchmark(group="safety")
def test_safety_floor_two_clips(benchmark):
    source = inputs(0.0)

    def floor(target):
        return np.clip(np.clip(target.q, MODEL.lower, MODEL.upper), -9.0, 9.0)

    benchmark.pedantic(floor, setup=lambda: ((next(source)[0],), {}), rounds=ROUNDS, warmup_rounds=WARM)


@pytest.mark.benchmark(group="blend")
@pytest.mark.parametrize("running", [False, True], ids=["idle", "running"])
def test_blend(benchmark, running):
    blend, source = Blend(MODEL), inputs(0.0)
    blend.seed(MODEL.default)

    def setup():
        target, _, now = next(source)
        if running:
            blend.start(ALL, np.stack((target.q + 0.2, target.kp, target.kd)), now)
        return (np.stack((target.q, target.kp, target.kd)), now), {}

    benchmark.pedantic(blend.apply, setup=setup, rounds=ROUNDS, warmup_rounds=WARM)
    assert blend.active.all() == running
