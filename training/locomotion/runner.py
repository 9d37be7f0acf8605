"""RSL-RL's runner with a curriculum; a resumed run continues exactly."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from rsl_rl.runners import OnPolicyRunner

from arbiter.errors import ConfigError
from training.locomotion.presets import TrainConfig, rsl_rl_config
from training.locomotion.rsl_rl_checkpoint import read_checkpoint

INITIAL_OUTPUT_SCALE = 0.02  # of the actor's last layer: training starts close to the reference gait


class Runner(OnPolicyRunner):
    """Trains on `env` and advances the curriculum of its `task`.

    Args:
        env: An environment of this package: RSL-RL's interface, and task, state_dict and load_state_dict.
        config: Settings of the run.
        out: Folder for checkpoints and TensorBoard events; None: neither.
        device: Of the network.
    """

    def __init__(self, env, config: TrainConfig, out: Path | None, device: str = "cpu") -> None:
        super().__init__(env, rsl_rl_config(config, env.task.joints), log_dir=str(out) if out else None, device=device)
        self.config, self.done = config, 0
        with torch.no_grad():
            self.alg.actor.mlp[-1].weight.mul_(INITIAL_OUTPUT_SCALE)
        self._update, self.alg.update = self.alg.update, self._staged_update
        self._enter()

    def _enter(self) -> None:
        """Sets the curriculum stage for the number of updates done."""
        self.env.task.enter(self.done / self.config.iterations)
        self.alg.desired_kl = self.config.kl * self.env.task.stage.kl

    def _staged_update(self) -> dict[str, float]:
        losses = self._update()
        self.done += 1
        self._enter()
        with torch.no_grad():
            self.alg.actor.distribution.log_std_param.clamp_(max=math.log(self.env.task.stage.max_std))
        return losses

    def train(self, iterations: int | None = None) -> None:
        """Trains until `iterations` updates are done; None: the number in the configuration."""
        left = (self.config.iterations if iterations is None else iterations) - self.done
        if left > 0:
            self.learn(left, init_at_random_ep_len=self.done == 0)

    def save(self, path: str, infos: dict | None = None) -> None:
        """Also saves what an exact resume needs: environment, random generators and the number of updates done."""
        generator = (
            np.random.default_rng().bit_generator.state if not hasattr(self.env, "rng") else self.env.rng.bit_generator.state
        )
        super().save(path, {"env": self.env.state_dict(), "numpy": generator, "torch": torch.get_rng_state(), "done": self.done})

    def resume(self, path: Path) -> None:
        """Continues from a checkpoint of `save`. Raises ConfigError if it is none."""
        found = read_checkpoint(path)
        infos = found.get("infos") or {}
        if "env" not in infos or "optimizer_state_dict" not in found:
            raise ConfigError(f"{path}: holds weights but no training state; --resume needs a checkpoint of this program")
        self.alg.load(found, None, True)
        self.done = infos["done"]
        self.current_learning_iteration = self.done
        self.env.load_state_dict(infos["env"])
        if hasattr(self.env, "rng"):
            self.env.rng.bit_generator.state = infos["numpy"]
        torch.set_rng_state(infos["torch"])
        self._enter()


def newest(folder: Path) -> Path:
    """The checkpoint of the most updates in `folder`. Raises ConfigError if there is none."""
    found = sorted(folder.glob("model_*.pt"), key=lambda path: int(path.stem.split("_")[1]))
    if not found:
        raise ConfigError(f"{folder}: no checkpoint (model_N.pt) to resume from; leave --resume out to start anew")
    return found[-1]
