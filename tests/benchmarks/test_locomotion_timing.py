"""Speed of the locomotion engines: control steps per second, over threads and against mjlab's own task on this machine."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch")

import time

import pytest
import torch

ENVS, STEPS = 64, 8


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_control_steps_of_the_cpu_engine(benchmark, threads):
    from training.locomotion.cpu_env import CpuEnv
    from training.locomotion.task import TaskConfig

    torch.set_num_threads(1)
    env = CpuEnv(TaskConfig(), ENVS, seed=0, threads=threads, variants=4)
    actions = torch.zeros(ENVS, env.num_actions)

    def run():
        for _ in range(STEPS):
            env.step(actions)

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["steps_per_second"] = ENVS * STEPS / benchmark.stats.stats.median
    assert torch.isfinite(env.get_observations()["actor"]).all()


@pytest.mark.timeout(1500)
def test_ratio_to_mjlab(benchmark):
    """Both engines on the same robot and machine in one run; the ratio goes into the benchmark's extra_info."""
    pytest.importorskip("mjlab")
    if not benchmark.enabled:
        pytest.skip("a comparison of speeds: run it with make benchmarks")
    import dataclasses

    from training.locomotion import mjlab_env
    from training.locomotion.cpu_env import CpuEnv
    from training.locomotion.presets import PRESETS

    torch.set_num_threads(1)
    config = dataclasses.replace(PRESETS["gpu"], envs=ENVS)
    theirs, device = mjlab_env.make(config, seed=1)
    ours = CpuEnv(config.task, ENVS, seed=1, threads=2, variants=4)

    def rate(env, where) -> float:
        actions = torch.zeros(ENVS, 12, device=where)
        env.step(actions)
        start = time.perf_counter()
        for _ in range(STEPS):
            env.step(actions)
        return ENVS * STEPS / (time.perf_counter() - start)

    slow = rate(theirs, device)
    fast = benchmark.pedantic(rate, args=(ours, "cpu"), rounds=3)
    benchmark.extra_info.update(cpu_engine=fast, mjlab=slow, ratio=fast / slow, mjlab_device=device)
    assert fast > 0.0 and slow > 0.0
