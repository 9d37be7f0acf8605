"""Trains a walking policy.

    python -m training.locomotion.train --preset cpu --seed 1
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path


def ppo_config(iterations: int) -> dict:
    model = {"class_name": "MLPModel", "hidden_dims": [128, 128, 64], "activation": "elu", "obs_normalization": True}
    return {
        "num_steps_per_env": 24, "save_interval": 20, "logger": "tensorboard", "obs_groups": {"actor": ["actor"], "critic": ["critic"]},
        "actor": model | {"distribution_cfg": {"class_name": "GaussianDistribution", "init_std": 0.6, "std_type": "log"}},
        "critic": dict(model),
        "algorithm": {"class_name": "PPO", "num_learning_epochs": 4, "num_mini_batches": 4, "clip_param": 0.2, "gamma": 0.99, "lam": 0.95,
                      "value_loss_coef": 1.0, "entropy_coef": 0.0, "learning_rate": 1e-3, "max_grad_norm": 1.0,
                      "use_clipped_value_loss": False, "schedule": "adaptive", "desired_kl": 0.009, "rnd_cfg": None},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--envs", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch
    from rsl_rl.runners import OnPolicyRunner

    from training.locomotion.cpu_env import CpuEnv
    from training.locomotion.symmetry import HalfMirrored
    from training.locomotion.task import TaskConfig
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    env = CpuEnv(TaskConfig(), args.envs, seed=args.seed, dump=args.out)
    runner = OnPolicyRunner(env, ppo_config(args.iterations), log_dir=str(args.out))
    runner.alg.symmetry = HalfMirrored(env, runner.alg.actor)
    with torch.no_grad():
        runner.alg.actor.mlp[-1].weight.mul_(0.02)
    if args.resume:
        runner.load(str(args.resume))
        with torch.no_grad():
            runner.alg.actor.distribution.log_std_param.fill_(-1.2)
    original = runner.alg.update

    def update():
        env.task.enter((runner.current_learning_iteration + 1) / args.iterations)
        return original()
    runner.alg.update = update
    runner.learn(args.iterations - runner.current_learning_iteration, init_at_random_ep_len=True)


if __name__ == "__main__":
    main()
