"""Training on the CPU engine: it improves, resumes exactly, and says what is wrong with a checkpoint."""

from __future__ import annotations

from tests.needs import needs

pytestmark = needs("train", "torch")

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from arbiter.errors import ConfigError
from policies.locomotion.readers.rsl_rl_weights import read_actor
from training.locomotion.cpu_env import CpuEnv
from training.locomotion.curriculum import STAGES
from training.locomotion.presets import PRESETS, TrainConfig
from training.locomotion.runner import Runner, newest
from training.locomotion.task import TaskConfig

SMALL = TrainConfig(envs=16, steps=6, iterations=6, hidden=(32, 32), save_every=1, variants=3, threads=2)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(config: TrainConfig, out: Path, seed: int = 3) -> Runner:
    torch.manual_seed(seed)
    env = CpuEnv(config.task, config.envs, seed=seed, threads=config.threads, variants=config.variants, dump=out)
    return Runner(env, config, out)


def weights(runner: Runner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in (*runner.alg.actor.parameters(), *runner.alg.critic.parameters())])


def test_a_resumed_run_continues_exactly(tmp_path):
    through = make(SMALL, tmp_path / "through")
    through.train(6)
    first = make(SMALL, tmp_path / "cut")
    first.train(3)
    second = make(SMALL, tmp_path / "cut")
    torch.manual_seed(99)  # what counts must come from the checkpoint
    second.env.rng.random(7)
    second.resume(newest(tmp_path / "cut"))
    assert second.done == 3
    second.train(6)
    assert torch.equal(weights(through), weights(second))
    assert np.array_equal(through.env.physics, second.env.physics)


def test_a_checkpoint_of_a_run_is_exported_although_it_holds_what_the_run_goes_on_with(tmp_path):
    runner = make(SMALL, tmp_path)
    runner.train(1)
    actor = read_actor(newest(tmp_path))
    assert torch.equal(actor.weights["mlp.0.weight"], runner.alg.actor.state_dict()["mlp.0.weight"])


def test_another_seed_is_another_run(tmp_path):
    runs = [make(SMALL, tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    for run in runs:
        run.train(2)
    assert not torch.equal(weights(runs[0]), weights(runs[1]))


def test_thirty_iterations_improve(tmp_path):
    """The walking robots of the first stage stay up longer."""
    task = TaskConfig(stages=(dataclasses.replace(STAGES[0], until=1.0),))
    config = TrainConfig(envs=192, iterations=30, save_every=100, variants=4, task=task)
    runner = make(config, tmp_path, seed=1)
    lengths, step = [], runner.env.step

    def counted(actions):
        before = runner.env.episode_length_buf.clone()
        result = step(actions)
        lengths.append((before[result[2] > 0] + 1).float().numpy())
        return result

    runner.env.step = counted
    runner.learn(30)
    third = len(lengths) // 3
    early, late = np.concatenate(lengths[:third]).mean(), np.concatenate(lengths[-third:]).mean()
    assert late > 1.2 * early, f"episodes lasted {early:.1f} steps in the first ten iterations, {late:.1f} in the last ten"


def test_resume_refuses_a_checkpoint_without_training_state(tmp_path):
    runner = make(SMALL, tmp_path)
    torch.save({"actor_state_dict": {}, "infos": None}, tmp_path / "model_9.pt")
    with pytest.raises(ConfigError, match="model_9.pt: holds weights but no training state; --resume needs a checkpoint"):
        runner.resume(tmp_path / "model_9.pt")


def test_resume_refuses_another_number_of_robots(tmp_path):
    make(SMALL, tmp_path).train(1)
    other = make(dataclasses.replace(SMALL, envs=8), tmp_path)
    with pytest.raises(ConfigError, match="made with 16 robots, this run has 8; resume with --envs 16"):
        other.resume(newest(tmp_path))


def test_resume_refuses_another_seed(tmp_path):
    make(SMALL, tmp_path).train(1)
    with pytest.raises(ConfigError, match="made with seed 3, this run has 4; resume with --seed 3"):
        make(SMALL, tmp_path, seed=4).resume(newest(tmp_path))


def test_no_checkpoint_to_resume_from(tmp_path):
    with pytest.raises(ConfigError, match="no checkpoint .model_N.pt. to resume from; leave --resume out"):
        newest(tmp_path)


def test_a_diverged_robot_leaves_a_dump_and_starts_anew(tmp_path):
    env = CpuEnv(TaskConfig(), 4, seed=0, variants=2, dump=tmp_path)
    env.physics[2, 1] = np.nan
    obs, reward, done, _ = env.step(torch.zeros(4, 12))
    assert done.tolist() == [0, 0, 1, 0]
    assert torch.isfinite(obs["actor"]).all() and torch.isfinite(obs["critic"]).all() and torch.isfinite(reward).all()
    dump = np.load(tmp_path / "diverged_0.npz")
    assert np.isnan(dump["after"]).any() and dump["control"].shape[0] == env.substeps


def test_the_whole_body_variant_trains(tmp_path):
    config = dataclasses.replace(SMALL, task=TaskConfig(group="whole_body"))
    runner = make(config, tmp_path)
    assert runner.env.num_actions == 22
    runner.train(1)
    assert torch.isfinite(weights(runner)).all()


def test_presets_name_their_engine():
    assert PRESETS["cpu"].engine == "cpu" and PRESETS["gpu"].engine == "mjlab"
