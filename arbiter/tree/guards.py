"""Conditions: `guard: {NAME: VALUE, ...}` succeeds when all of them hold, else fails. Never runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import py_trees
from py_trees.common import Status

from arbiter.tree.world import World
from arbiter.types import Mode


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Conditions; those not given do not count.

    Attributes:
        mode: One of passive, run, hold, settle, damp, off.
        fault: A fault is latched (true) or none is (false).
        fallen: The base is tilted beyond the robot's fall angle.
        stopped: The robot was told to stop and got no new instruction since.
        ready: It stands by itself.
        instruction: An instruction waits, is being routed or runs.
        battery_below: State of charge 0..1; an unknown one is not below anything.
        tilt_above: Tilt of the base [rad].
        joint_speed_above: Fastest joint [rad/s].
        turning_above: Angular speed of the base [rad/s].
    """

    mode: str | None = None
    fault: bool | None = None
    fallen: bool | None = None
    stopped: bool | None = None
    ready: bool | None = None
    instruction: bool | None = None
    battery_below: float | None = None
    tilt_above: float | None = None
    joint_speed_above: float | None = None
    turning_above: float | None = None


class Guard(py_trees.behaviour.Behaviour):
    """Checks its conditions against the world, in the order written."""

    def __init__(self, name: str, world: World, config: GuardConfig) -> None:
        super().__init__(name)
        checks = {
            "mode": lambda value: world.mode is Mode(value),
            "fault": lambda value: bool(world.fault) is value,
            "fallen": lambda value: (world.state.tilt > world.model.fall_tilt) is value,
            "stopped": lambda value: bool(world.stopped) is value,
            "ready": lambda value: world.ready is value,
            "instruction": lambda value: (not world.errands.idle) is value,
            "battery_below": lambda value: world.state.battery < value,
            "tilt_above": lambda value: world.state.tilt > value,
            "joint_speed_above": lambda value: np.abs(world.state.joint_vel).max() > value,
            "turning_above": lambda value: np.abs(world.state.base_ang_vel).max() > value,
        }
        given = [(field, getattr(config, field)) for field in checks if getattr(config, field) is not None]
        self._checks = [(checks[field], value) for field, value in given]

    def update(self) -> Status:
        """SUCCESS when every condition holds."""
        for check, value in self._checks:
            if not check(value):
                return Status.FAILURE
        return Status.SUCCESS
