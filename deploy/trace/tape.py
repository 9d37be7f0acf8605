"""The creep of a robot's soles on its floor, from walks of which a tape says how far they went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from arbiter.errors import ConfigError
from arbiter.estimation.estimator import BaseEstimator
from arbiter.robot import CREEP_ROOM, RobotModel
from arbiter.types import Mode, SafeCommand
from deploy.runtime.config import load_text
from deploy.runtime.tree_robot import robot_of
from deploy.trace.writer import decode_state

PROBE = 0.01  # [s] of creep that shows what a walk's end owes to it: it is proportional


@dataclass(frozen=True, slots=True)
class TapedWalk:
    """A walk by the tape and by the estimate: how far ahead of its start the robot ended, as it looked at the start [m].

    Attributes:
        tape: Measured. told: Estimated without creep. slope: How much farther with 1 s of creep [m/s].
    """

    tape: float
    told: float
    slope: float


@dataclass(frozen=True, slots=True)
class CreepFit:
    """Attributes:
    creep: [s]. deviation: Of it, by how the walks disagree [s]; nan for a single one.
    before, after: Rms of what the estimate of the end is off without it and with it [m].
    """

    creep: float
    deviation: float
    before: float
    after: float


def taped(header: dict[str, Any], ticks: list[dict[str, Any]], tape: float, where: str) -> TapedWalk:
    """Of a whole run; `where`: its name in errors. Raises ConfigError."""
    if not math.isfinite(tape):
        raise ConfigError(f"{where}: {tape} m by the tape; a number is expected")
    model = robot_of(load_text(header["config"], Path(header["tree"])))
    if model.body is None or not model.body.feet or tuple(header["joints"]) != model.joints:
        raise ConfigError(f"{where}: it has no estimate: {model.name} has no feet that are known, or it is another robot's run")
    told, with_it = (_ahead(ticks, replace(model, creep=creep)) for creep in (0.0, PROBE))
    if abs(with_it - told) < 0.01 * PROBE:
        raise ConfigError(f"{where}: it hardly walked; a walk of a metre or more is needed")
    return TapedWalk(tape, told, (with_it - told) / PROBE)


def _ahead(ticks: list[dict[str, Any]], model: RobotModel) -> float:
    """x of the estimate at the end [m]: its origin is where the robot stood and looked."""
    estimator = BaseEstimator(model)
    for tick in ticks:
        state = decode_state(tick["state"])
        if state is not None:
            estimator.step(state)
        q, kp, kd = (np.array(tick[key], float) for key in ("q", "kp", "kd"))
        estimator.sent(SafeCommand(tick["t"], q, kp, kd, Mode(tick["mode"])))
    return float(estimator.estimate.position[0])


def fitted(walks: Sequence[TapedWalk]) -> CreepFit:
    """The creep with which the estimates end where the tape says, by least squares. Raises ConfigError for an absurd one."""
    tape, told, slope = (np.array([getattr(walk, name) for walk in walks]) for name in ("tape", "told", "slope"))
    creep = float(slope @ (tape - told) / (slope @ slope))
    left = told + creep * slope - tape
    if not abs(creep) <= CREEP_ROOM:
        raise ConfigError(
            f"creep {creep:.4f} s; {-CREEP_ROOM:g} to {CREEP_ROOM:g} s is possible: is the tape's figure in metres, ahead of the "
            "start as the robot then looked, and negative behind it?"
        )
    spare = len(walks) - 1
    deviation = float(np.sqrt(left @ left / spare / (slope @ slope))) if spare else math.nan
    return CreepFit(creep, deviation, float(np.sqrt(np.mean((told - tape) ** 2))), float(np.sqrt(np.mean(left**2))))
