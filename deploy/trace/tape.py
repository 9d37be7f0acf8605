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
from arbiter.reader import Reader
from arbiter.robot import MAX_CREEP, RobotModel
from arbiter.safety import Safety
from arbiter.types import Mode, RobotState, SafeCommand
from deploy.runtime.config import load_text
from deploy.runtime.tree_robot import robot_of
from deploy.trace.redecide import RecordedRobot
from deploy.trace.writer import decode_state

PROBE = 0.01  # [s] of creep that shows what a walk's end owes to it: it is proportional
LEAST_WALK = 0.3  # [m] from its start: who only stands, turns or waves sways by less
# [s] without a trusted estimate: readings that are late now and then cost nothing, a robot that slips or is lifted does.
GAP = 0.2
TAPE = 0.01  # [m] that a tape tells of where a robot stands
SURE = 2.0  # standard deviations from 0 at which a creep is known
FEWEST = 4  # walks: how fewer disagree says nothing


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
    walks: How many. creep: [s]. deviation: Of it, by how the walks disagree [s]; inf for a single one.
    before, after: Rms of what the estimate of the end is off without it and with it [m].
    """

    walks: int
    creep: float
    deviation: float
    before: float
    after: float

    @property
    def known(self) -> bool:
        """Whether it is more than the noise of the walks."""
        return self.walks >= FEWEST and abs(self.creep) > SURE * self.deviation


def taped(header: dict[str, Any], ticks: list[dict[str, Any]], tape: float, where: str) -> TapedWalk:
    """Of a whole run; `where`: its name in errors. Raises ConfigError."""
    if not math.isfinite(tape):
        raise ConfigError(f"{where}: {tape} m by the tape; a number is expected")
    if ticks and ticks[0]["i"] != 0:
        raise ConfigError(
            f"{where}: begins with tick {ticks[0]['i']}; where it started is not in it: a dump does not hold that, nor a trace "
            "that grew beyond --log-limit"
        )
    model = robot_of(load_text(header["config"], Path(header["tree"])))
    if model.body is None or not model.body.feet or tuple(header["joints"]) != model.joints:
        raise ConfigError(f"{where}: it has no estimate: {model.name} has no feet that are known, or it is another robot's run")
    states = _believed(ticks, model)
    told, with_it = (_path(ticks, states, replace(model, creep=creep), where) for creep in (0.0, PROBE))
    slope = float(with_it[-1, 0] - told[-1, 0]) / PROBE
    reach = float(np.hypot(*told.T).max())
    if reach < LEAST_WALK:
        raise ConfigError(f"{where}: it went {reach:.2f} m from its start; a walk of a metre or more is needed")
    return TapedWalk(tape, float(told[-1, 0]), slope)


def _believed(ticks: list[dict[str, Any]], model: RobotModel) -> list[RobotState | None]:
    """What a run believes of its readings, tick by tick; None before the first: no NaN reaches an estimate."""
    robot, states = RecordedRobot(model), []
    reader = Reader(robot, Safety(model), lambda event: None)
    for tick in ticks:
        robot.state = decode_state(tick["state"])
        begun = robot.state is not None or reader.state is not None
        states.append(reader.read(tick["t"]) if begun else None)
    return states


def _path(ticks: list[dict[str, Any]], states: list[RobotState | None], model: RobotModel, where: str) -> np.ndarray:
    """Estimated x, y [m] from the first trusted moment to the last, where the robot is lifted or the run ends; odometry frame:
    its origin is where the robot stood and looked. Shape (T, 2). Raises ConfigError for a fall, and where the estimate is not
    trusted in between: how far the robot came meanwhile is not known."""
    estimator, path, last = BaseEstimator(model), [(0.0, 0.0)], math.inf
    for tick, state in zip(ticks, states, strict=True):
        now = tick["t"]
        if state is not None:
            estimate = estimator.step(state)
            if len(path) > 1 and state.tilt > model.fall_tilt:
                raise ConfigError(f"{where}: it fell at {now - ticks[0]['t']:.1f} s; leave this walk out")
            if estimate.trusted:
                if now - last > GAP:
                    raise ConfigError(
                        f"{where}: its estimate was not trusted for {now - last:.1f} s before {now - ticks[0]['t']:.1f} s; leave "
                        "this walk out"
                    )
                path.append((float(estimate.position[0]), float(estimate.position[1])))
                last = now
        q, kp, kd = (np.array(tick[key], float) for key in ("q", "kp", "kd"))
        estimator.sent(SafeCommand(now, q, kp, kd, Mode(tick["mode"])))
    return np.array(path)


def fitted(walks: Sequence[TapedWalk]) -> CreepFit:
    """The creep with which the estimates end where the tape says, by least squares. Raises ConfigError for an absurd one."""
    tape, told, slope = (np.array([getattr(walk, name) for walk in walks]) for name in ("tape", "told", "slope"))
    most = MAX_CREEP * float(np.sqrt(np.mean(slope**2)))
    if most < TAPE:
        raise ConfigError(
            f"the largest creep, {MAX_CREEP:g} s, moves the ends of these walks by {100 * most:.1f} cm, which no tape shows: "
            "take longer ones, sideways and backward"
        )
    creep = float(slope @ (tape - told) / (slope @ slope))
    left = told + creep * slope - tape
    if not abs(creep) <= MAX_CREEP:
        raise ConfigError(
            f"creep {creep:.4f} s; {-MAX_CREEP:g} to {MAX_CREEP:g} s is possible: is the tape's figure in metres, ahead of the "
            "start as the robot then looked, and negative behind it?"
        )
    spare = len(walks) - 1
    deviation = float(np.sqrt(left @ left / spare / (slope @ slope))) if spare else math.inf
    return CreepFit(len(walks), creep, deviation, float(np.sqrt(np.mean((told - tape) ** 2))), float(np.sqrt(np.mean(left**2))))
