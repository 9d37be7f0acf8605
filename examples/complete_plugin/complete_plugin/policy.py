"""A policy: the arms sway around where they are."""

import math
from dataclasses import dataclass

import numpy as np

from arbiter.errors import PolicyError
from arbiter.robot import RobotModel
from arbiter.strict.fields import limited
from arbiter.types import JointTarget, Request, RobotState, frozen
from policies.context import PolicyContext
from policies.plugin import PolicyKind


@dataclass(frozen=True)
class SwayConfig:
    """Attributes:
    height: Of a swing, to either side [rad].
    period: Of a swing to and fro [s].
    """

    height: float = limited(0.2, 0.0, 0.5, "rad")
    period: float = limited(2.0, 1.0, 10.0, "s")


class SwayPolicy:
    """Drives the arms; needs nothing that is slow."""

    kind = "chunk"

    def __init__(self, name: str, model: RobotModel, config: SwayConfig) -> None:
        self.name, self.joints = name, model.groups["arms"]
        self._model, self._config = model, config
        self._around: np.ndarray | None = None
        self._began: float | None = None

    def reset(self, state: RobotState, now: float) -> None:
        """It will sway around this posture."""
        self._around, self._began = state.joint_pos, None

    def warm(self, state: RobotState, request: Request, now: float) -> bool:
        """Ready at once."""
        self._around = state.joint_pos
        return True

    def act(self, state: RobotState, request: Request, now: float) -> JointTarget:
        """A sine, from rest."""
        if self._around is None or not np.isfinite(self._around).all():
            raise PolicyError(f"policy {self.name}: where the arms are is not known")
        self._began = now if self._began is None else self._began
        swing = self._config.height * math.sin(2.0 * math.pi * (now - self._began) / self._config.period)
        q = np.clip(self._around + swing, self._model.lower, self._model.upper)
        return JointTarget(frozen(q), self._model.kp, self._model.kd, self.joints)

    def release(self) -> None:
        """Nothing runs beside it."""

    def close(self) -> None:
        """Nothing to free."""


class Sway(PolicyKind):
    """`kind: sway` in a tree file."""

    name, help, Config = "sway", "the arms sway around where they are", SwayConfig

    def open(self, name: str, settings: SwayConfig, context: PolicyContext) -> SwayPolicy:
        """Of the robot's arms."""
        return SwayPolicy(name, context.model, settings)
