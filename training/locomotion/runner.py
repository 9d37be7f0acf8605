"""RSL-RL's runner with a curriculum; a resumed run continues exactly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rsl_rl.runners import OnPolicyRunner

from arbiter.errors import ConfigError
from training.locomotion.presets import TrainConfig, rsl_rl_config
from training.locomotion.rsl_rl_checkpoint import read_checkpoint
from training.locomotion.task import Task

INITIAL_OUTPUT_SCALE = 0.02  # of the actor's last layer: training starts close to the reference gait


class TrainingEnv(Protocol):
    """What a Runner asks of an environment beside RSL-RL's own interface."""

    task: Task

    def state_dict(self) -> dict: ...

    def load_state_dict(self, found: dict) -> None: ...


class Runner(OnPolicyRunner):
    """Trains on `env` and advances the curriculum of its `task`.

    Args:
        env: An environment of this package: RSL-RL's interface, and task, state_dict and load_state_dict.
        config: Settings of the run.
        out: Folder for checkpoints and TensorBoard events; None: neither.
        device: Of the network.
    """

    def __init__(self, env: Any, config: TrainConfig, out: Path | None, device: str = "cpu") -> None:
        super().__init__(env, rsl_rl_config(config, env.task.joints), log_dir=str(out) if out else None, device=device)
        self.config, self.done = config, 0
        self._training: TrainingEnv = env
        self._rng: np.random.Generator | None = getattr(env, "rng", None)  # mjlab's environment has none in numpy
        actor: Any = self.alg.actor  # RSL-RL types its layers as Module | Tensor
        self._actor = actor
        with torch.no_grad():
            actor.mlp[-1].weight.mul_(INITIAL_OUTPUT_SCALE)
        self._update, self.alg.update = self.alg.update, self._staged_update
        self._enter()

    def _enter(self) -> None:
        """Sets the curriculum stage for the number of updates done."""
        task = self._training.task
        task.enter(self.done / self.config.iterations)
        self.alg.desired_kl = self.config.kl * task.stage.kl

    def _staged_update(self) -> dict[str, float]:
        losses = self._update()
        self.done += 1
        self._enter()
        with torch.no_grad():
            self._actor.distribution.log_std_param.clamp_(max=math.log(self._training.task.stage.max_std))
        return losses

    def train(self, iterations: int | None = None) -> None:
        """Trains until `iterations` updates are done; None: the number in the configuration."""
        left = (self.config.iterations if iterations is None else iterations) - self.done
        if left > 0:
            self.learn(left, init_at_random_ep_len=self.done == 0)

    def save(self, path: str, infos: dict | None = None) -> None:
        """Also saves what an exact resume needs: environment, random generators and the number of updates done."""
        kept = {"env": self._training.state_dict(), "torch": torch.get_rng_state(), "done": self.done}
        super().save(path, kept if self._rng is None else kept | {"numpy": self._rng.bit_generator.state})

    def resume(self, path: Path) -> None:
        """Continues from a checkpoint of `save`. Raises ConfigError if it is none."""
        found = read_checkpoint(path)
        infos = found.get("infos") or {}
        if "env" not in infos or "optimizer_state_dict" not in found:
            raise ConfigError(f"{path}: holds weights but no training state; --resume needs a checkpoint of this program")
        self.alg.load(found, None, True)
        self.done = infos["done"]
        self.current_learning_iteration = self.done
        self._training.load_state_dict(infos["env"])
        if self._rng is not None:
            self._rng.bit_generator.state = infos["numpy"]
        torch.set_rng_state(infos["torch"])
        self._enter()


def newest(folder: Path) -> Path:
    """The checkpoint of the most updates in `folder`. Raises ConfigError if there is none."""
    found = sorted(folder.glob("model_*.pt"), key=lambda path: int(path.stem.split("_")[1]))
    if not found:
        raise ConfigError(f"{folder}: no checkpoint (model_N.pt) to resume from; leave --resume out to start anew")
    return found[-1]
