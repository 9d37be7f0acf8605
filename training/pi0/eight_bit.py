"""AdamW with its moments in 8 bits, for LeRobot's trainer: a quarter of the optimiser's memory."""

from __future__ import annotations

from dataclasses import dataclass

from lerobot.optim import AdamWConfig, OptimizerConfig

from arbiter.errors import ConfigError


@OptimizerConfig.register_subclass("adamw_8bit")
@dataclass
class AdamW8bitConfig(AdamWConfig):
    """bitsandbytes' AdamW8bit."""

    def build(self, params):
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError as error:
            raise ConfigError("the 8-bit optimiser needs bitsandbytes: pip install bitsandbytes, or leave --eight-bit "
                              "out") from error
        return AdamW8bit(params, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay)
