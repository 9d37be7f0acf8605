"""Conditions: `guard: {NAME: VALUE, ...}` succeeds when all hold; `when: {..., child: NODE}` puts them before a branch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import py_trees
from py_trees.common import Status

from arbiter.strict.fields import limited
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
        instruction: An instruction in words waits, is being routed or runs; what the tree runs by itself does not count.
        battery_below: The state of charge (0 to 1) is lower. An unknown one is not below anything; one that jumps counts once it
            has stayed for 0.2 s.
        tilt_above: The base leans more [rad].
        joint_speed_above: The fastest joint is faster [rad/s].
        turning_above: The base turns faster about any axis [rad/s].
    """

    mode: str | None = None
    fault: bool | None = None
    fallen: bool | None = None
    stopped: bool | None = None
    ready: bool | None = None
    instruction: bool | None = None
    battery_below: float | None = limited(None, 0.0, 1.0)
    tilt_above: float | None = limited(None, 0.0, unit="rad")
    joint_speed_above: float | None = limited(None, 0.0, unit="rad/s")
    turning_above: float | None = limited(None, 0.0, unit="rad/s")


class Conditions:
    """Checks a GuardConfig against the world, in the order of its fields."""

    def __init__(self, world: World, config: GuardConfig) -> None:
        checks = {
            "mode": lambda value: world.mode is Mode(value),
            "fault": lambda value: bool(world.fault) is value,
            "fallen": lambda value: (world.state.tilt > world.model.fall_tilt) is value,
            "stopped": lambda value: bool(world.stopped) is value,
            "ready": lambda value: world.ready is value,
            "instruction": lambda value: (not world.executor.idle) is value,
            "battery_below": lambda value: world.state.battery < value,
            "tilt_above": lambda value: world.state.tilt > value,
            "joint_speed_above": lambda value: np.abs(world.state.joint_vel).max() > value,
            "turning_above": lambda value: np.abs(world.state.base_ang_vel).max() > value,
        }
        self._checks = [(check, getattr(config, name)) for name, check in checks.items() if getattr(config, name) is not None]

    def hold(self) -> bool:
        """Whether every condition holds."""
        for check, value in self._checks:  # a loop: `all` of a generator takes twice the time
            if not check(value):
                return False
        return True


class Guard(py_trees.behaviour.Behaviour):
    """SUCCESS when every condition holds, else FAILURE."""

    def __init__(self, name: str, world: World, config: GuardConfig) -> None:
        super().__init__(name)
        self._conditions = Conditions(world, config)

    def update(self) -> Status:
        return Status.SUCCESS if self._conditions.hold() else Status.FAILURE


class When(py_trees.decorators.Decorator):
    """A branch behind conditions: FAILURE, and its child is interrupted, unless all of them hold."""

    def __init__(self, name: str, world: World, config: GuardConfig, child: py_trees.behaviour.Behaviour) -> None:
        super().__init__(name=name, child=child)
        self._conditions = Conditions(world, config)

    def tick(self) -> Iterator[py_trees.behaviour.Behaviour]:
        """Checks the conditions before anything below is ticked."""
        if self._conditions.hold():
            yield from super().tick()
        else:
            if self.status is Status.RUNNING:
                self.stop(Status.INVALID)
            self.status = Status.FAILURE
            yield self

    def update(self) -> Status:
        return self.decorated.status
