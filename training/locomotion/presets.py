"""Settings of a training run, and its presets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from training.locomotion.task import TaskConfig


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run.

    Attributes:
        engine: "cpu" (MuJoCo's native threads) or "mjlab" (MuJoCo Warp, for a GPU).
        envs: Number of robots simulated in parallel.
        steps: Control steps of each robot between updates.
        iterations: Number of updates.
        hidden: Widths of actor and critic.
        std: Initial standard deviation of the exploration noise [units of action].
        entropy: Weight of the entropy bonus.
        kl: KL divergence per update that the learning rate is adapted to.
        save_every: Updates between checkpoints.
        threads: Native threads of the simulation; engine "cpu" only.
        variants: Number of randomised models; engine "cpu" only.
        task: The task.
    """

    engine: Literal["cpu", "mjlab"] = "cpu"
    envs: int = 512
    steps: int = 24
    iterations: int = 1500
    hidden: tuple[int, ...] = (128, 128, 64)
    std: float = 0.35
    entropy: float = 0.0
    kl: float = 0.016
    save_every: int = 20
    threads: int = 2
    variants: int = 64
    task: TaskConfig = field(default_factory=TaskConfig)


PRESETS = {
    "cpu": TrainConfig(),
    "gpu": TrainConfig(engine="mjlab", envs=4096, iterations=3000, hidden=(256, 128, 128), kl=0.012, save_every=50),
}


def rsl_rl_config(config: TrainConfig, joints: tuple[str, ...]) -> dict:
    """Configuration of RSL-RL's runner; `joints`: names of the driven joints."""
    network = {"class_name": "training.locomotion.symmetry:SymmetricModel", "joints": list(joints)}
    model = network | {"hidden_dims": list(config.hidden), "activation": "elu", "obs_normalization": True}
    noise = {"class_name": "GaussianDistribution", "init_std": config.std, "std_type": "log"}
    return {
        "num_steps_per_env": config.steps,
        "save_interval": config.save_every,
        "logger": "tensorboard",
        "obs_groups": {"actor": ["actor"], "critic": ["critic"]},
        "actor": model | {"distribution_cfg": noise},
        "critic": dict(model),
        # Unclipped value loss: a fall costs some tens, and a critic clipped to 0.2 per update never learns that.
        "algorithm": {
            "class_name": "PPO",
            "num_learning_epochs": 4,
            "num_mini_batches": 4,
            "clip_param": 0.2,
            "gamma": 0.99,
            "lam": 0.95,
            "value_loss_coef": 1.0,
            "entropy_coef": config.entropy,
            "learning_rate": 1e-3,
            "max_grad_norm": 1.0,
            "use_clipped_value_loss": False,
            "schedule": "adaptive",
            "desired_kl": config.kl,
            "rnd_cfg": None,
        },
    }
