"""The same task on mjlab: it is registered, it runs, its robot is that of the CPU engine. Slow: Warp compiles for the CPU."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch", "mjlab")

import dataclasses

import pytest
import torch

STEPS = 6  # by then it has landed from up to a centimetre, but not begun to tip over


def standing_on_the_cpu(task, steps: int):
    """The state of the CPU engine after as many steps of holding the default posture, without a command."""
    from training.locomotion.cpu_env import CpuEnv

    env = CpuEnv(dataclasses.replace(task, wrench=(0.0, 0.0)), 4, seed=1, threads=1, variants=4)
    env.state.command[:], env.commands.target[:], env.commands.time_left[:] = 0.0, 0.0, 100.0
    for _ in range(steps):
        env.step(-env.reference())
    return env.state


@pytest.mark.timeout(1500)
def test_the_registered_task_runs_and_trains_a_little(tmp_path):
    from mjlab.tasks.registry import list_tasks, load_env_cfg

    from training.locomotion import mjlab_env, terms
    from training.locomotion.presets import PRESETS
    from training.locomotion.runner import Runner

    assert mjlab_env.TASK_ID in list_tasks()
    assert load_env_cfg(mjlab_env.TASK_ID).scene.num_envs == PRESETS["gpu"].envs
    config = dataclasses.replace(PRESETS["gpu"], envs=4, steps=4, iterations=1, hidden=(16,))
    env, device = mjlab_env.make(config, seed=1)
    action = mjlab_env.gait_action(env.unwrapped)
    action.state.command[:] = action.commands.target[:] = 0.0
    action.commands.time_left[:] = 100.0
    state, gait = action.state, config.task.gait
    for _ in range(STEPS):
        reference = terms.reference_gait(terms.actor_observation(state), action.task.legs, gait) / config.task.action_scale
        obs, reward, done, _ = env.step(-reference)  # what is left is the default posture
    assert obs["actor"].shape == (4, 47) and obs["critic"].shape == (4, 66) and torch.isfinite(reward).all()
    assert not done.any()
    native = standing_on_the_cpu(config.task, steps=STEPS)
    assert (state.height - native.height).abs().max() < 0.02  # on its feet, sinking into its soft knees as much
    assert (state.gravity[:, 2] < -0.98).all()
    weight = state.foot_force.sum(-1)
    assert (weight > 60.0).all() and (weight < 400.0).all() and terms.contact(state).sum() == 8  # 16 kg stand on two feet
    assert state.foot_height.abs().max() < 0.02 and ((state.foot_gap[:, 1] > 0.08) & (state.foot_gap[:, 1] < 0.15)).all()
    runner = Runner(env, config, tmp_path, device)
    runner.train()
    assert (tmp_path / "model_0.pt").is_file()
    env.close()
