"""A chunk backend: brings the arms to a height that belongs to the prompt. A model of your own would be asked in `predict`."""

from dataclasses import dataclass, field

import numpy as np

from arbiter.errors import PolicyError
from arbiter.robot import RobotModel
from policies.chunk.protocol import ChunkObservation
from policies.context import PolicyContext
from policies.plugin import BackendKind


@dataclass(frozen=True)
class LiftConfig:
    """Attributes:
    prompts: Height of every joint of the arms above the default posture [rad], by prompt.
    """

    prompts: dict[str, float] = field(default_factory=lambda: {"raise your arms": 1.0, "lower your arms": 0.0})


class LiftBackend:
    """Smoothly from where the arms are to the height, in one chunk."""

    name, rate_hz, horizon, needs_image, supports_rtc = "lift", 50.0, 50, False, False

    def __init__(self, model: RobotModel, config: LiftConfig) -> None:
        arms = np.flatnonzero(model.groups["arms"])
        self.joints = tuple(model.joints[i] for i in arms)
        self._default, self._lower, self._upper = model.default[arms], model.lower[arms], model.upper[arms]
        self._prompts = config.prompts

    def predict(
        self,
        observation: ChunkObservation,
        prompt: str,
        *,
        previous: np.ndarray | None = None,
        delay_steps: int = 0,
        seed: int = 0,
    ) -> np.ndarray:
        """Joint targets [rad], shape (horizon, m)."""
        if prompt not in self._prompts:
            raise PolicyError(f"{prompt!r} was not learnt; there are: {', '.join(self._prompts)}")
        if not np.isfinite(observation.joint_pos).all():
            raise PolicyError("where the arms are is not known")
        goal = np.clip(self._default + self._prompts[prompt], self._lower, self._upper)
        share = np.linspace(0.0, 1.0, self.horizon)[:, None]
        return observation.joint_pos + (goal - observation.joint_pos) * share**2 * (3.0 - 2.0 * share)

    def close(self) -> None:
        """Nothing to free."""


class Lift(BackendKind):
    """`backend: lift` of a policy of kind chunk."""

    name, help, Config = "lift", "brings the arms to a height that belongs to the prompt", LiftConfig

    def open(self, settings: LiftConfig, context: PolicyContext) -> LiftBackend:
        """Of the robot's arms."""
        return LiftBackend(context.model, settings)
