"""What a tick costs without the robot, and as a ratio to a bare floor in the same run.

The floor is what no arbiter can do without: a py_trees tick of the same tree, the network's inference, two np.clip.
"""

import time

import numpy as np
import onnxruntime as ort
import pytest

from arbiter.safety import Safety
from arbiter.skill import Route, SkillCall
from arbiter.tick import Arbiter
from arbiter.worker import LockstepWorker
from deploy.runtime.config import load_tree
from deploy.runtime.tree_check import check_tree
from policies.fallback.policies import Damp, Hold, Rest, Stand
from policies.locomotion.policy import OnnxPolicy
from policies.registry import SHIPPED
from skills.contract import default_parameters
from skills.registry import load_skills
from tests.fakes import MODEL, FakePolicy, FakeRobot
from tests.sim.rig import SimRun

POLICY = SHIPPED / "locomotion.onnx"
pytestmark = pytest.mark.skipif(not POLICY.exists(), reason="the walking policy is not here")


@pytest.fixture
def walking():
    """An arbiter that walks, on a robot that costs next to nothing."""
    loaded, found = load_tree("default.yaml"), load_skills(use_entry_points=False)
    policies = {
        "stand": (Stand(MODEL),),
        "hold": (Hold(MODEL),),
        "rest": (Rest(MODEL),),
        "damp": (Damp(MODEL),),
        "locomotion": (OnnxPolicy(POLICY, MODEL, name="locomotion"),),
        "chunk": (FakePolicy("chunk", "chunk"),),
    }
    skill = found.skills["walk_forward"]
    call = SkillCall("walk_forward", default_parameters(skill) | {"distance": 1e6})
    skill.time_limit = 1e9
    arbiter = Arbiter(
        FakeRobot(),
        policies,
        found.skills,
        loaded.config.home,
        Safety(MODEL),
        LockstepWorker(lambda request: Route(request.text, "accepted", ((call,),)), 0.005),
        check_tree(loaded, found, set(policies)),
        lambda text: False,
    )
    arbiter.arm(0.0)
    arbiter.inbox.go()
    rig = {"now": 0.0, "arbiter": arbiter}

    def tick():
        rig["now"] += 0.02
        return arbiter.tick(rig["now"])

    for _ in range(50):
        tick()
    arbiter.inbox.say("walk")
    for _ in range(50):
        tick()
    assert arbiter.authority.describe()["legs"] == "locomotion" and not arbiter.executor.idle
    return arbiter, tick


@pytest.fixture
def floor(walking):
    """The bare floor of the same tree and network."""
    arbiter, _ = walking
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(POLICY), options, providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[1]
    observation = {session.get_inputs()[0].name: np.zeros((1, size), np.float32)}
    q, low, high = MODEL.default.copy(), MODEL.lower, MODEL.upper

    def bare():
        for _ in arbiter.root.tick():
            pass
        session.run(None, observation)
        np.clip(np.clip(q, low, high), q - 0.1, q + 0.1)

    return bare


def test_tick(benchmark, walking):
    """Tree + inference + blend + safety + report."""
    benchmark.group = "tick"
    benchmark.pedantic(walking[1], rounds=3000, warmup_rounds=200)


def test_floor(benchmark, floor):
    """What no arbiter can do without."""
    benchmark.group = "tick"
    benchmark.pedantic(floor, rounds=3000, warmup_rounds=200)


def test_ratio_to_the_floor(benchmark, walking, floor):
    """Alternates both in one run, so that a noisy machine disturbs both alike; the ratio is in `extra_info`."""
    tick = walking[1]
    pairs = []

    def both():
        a = time.perf_counter_ns()
        tick()
        b = time.perf_counter_ns()
        floor()
        pairs.append((b - a, time.perf_counter_ns() - b))

    benchmark.group = "ratio"
    benchmark.pedantic(both, rounds=3000, warmup_rounds=200)
    ticks, floors = np.array(pairs, dtype=float).T / 1e3
    benchmark.extra_info |= {
        "ratio_p50": round(float(np.median(ticks) / np.median(floors)), 2),
        "tick_us_p50": round(float(np.median(ticks)), 1),
        "tick_us_p99": round(float(np.percentile(ticks, 99)), 1),
        "floor_us_p50": round(float(np.median(floors)), 1),
    }
    print("\ntick and floor [µs]:", benchmark.extra_info)


def timed(call, spent: list[int]):
    """The same call; how long it took [ns] is added to `spent`."""

    def other(argument):
        began = time.perf_counter_ns()
        found = call(argument)
        spent.append(time.perf_counter_ns() - began)
        return found

    return other


def test_the_estimate_as_a_share_of_the_tick(benchmark):
    """Of a robot that walks in simulation, in the same ticks: those read the simulated sensors, too; physics does not count."""
    ticks, estimates = [], []
    with SimRun(seed=1) as run:
        run.arbiter.inbox.say("walk forward for 25 seconds")
        run.wait(3.0)
        run.arbiter.estimator.step = timed(run.arbiter.estimator.step, estimates)
        run.arbiter.tick = timed(run.arbiter.tick, ticks)
        benchmark.group = "ratio"
        benchmark.pedantic(run.session.step, rounds=1000)
        assert run.arbiter.estimator.estimate.trusted, run.arbiter.estimator.estimate.doubt
    benchmark.extra_info |= {
        "share_p50": round(float(np.median(np.divide(estimates, ticks))), 3),
        "estimate_us_p50": round(float(np.median(estimates)) / 1e3, 1),
        "tick_us_p50": round(float(np.median(ticks)) / 1e3, 1),
    }
    print("\nestimate and tick:", benchmark.extra_info)
