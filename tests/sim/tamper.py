"""Readings of a simulated robot, spoiled on their way to the arbiter: what an encoder, an IMU, a driver, a clock does wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arbiter.types import RobotState
from tests.sim.rig import SimRun

KNEE, ELBOW = "leg_left_knee_pitch_joint", "arm_left_elbow_pitch_joint"
Spoil = Callable[[RobotState, float, dict], object]  # (reading, time of the tick, memory of its own) -> what comes out


class Tampered:
    """Stands between a robot and whoever reads it.

    Attributes:
        spoil: What it does to readings, None: nothing.
        ticks: For how many readings more; None: for ever.
    """

    def __init__(self, sim: SimRun) -> None:
        self._read, self.spoil, self.ticks, self._memory = sim.robot.read, None, None, {}
        sim.robot.read = self.read

    def begin(self, spoil: Spoil, ticks: int | None = None) -> None:
        """From the next reading on."""
        self.spoil, self.ticks, self._memory = spoil, ticks, {}

    def read(self, now: float) -> object:
        """As a robot's."""
        state = self._read(now)
        if self.spoil is None or self.ticks == 0:
            return state
        self.ticks = None if self.ticks is None else self.ticks - 1
        return self.spoil(state, now, self._memory)


def changed(field: str, joint: int | slice, change: Callable) -> Spoil:
    """`change` is applied to part of an array of the reading."""

    def spoil(state, now, memory):
        values = np.array(getattr(state, field))
        values[joint] = change(values[joint])
        return replace(state, **{field: values})

    return spoil


def frozen_in(*fields: str, joints: int | slice = slice(None)) -> Spoil:
    """Parts of the reading stay as they are, with fresh stamps."""

    def spoil(state, now, memory):
        values = {}
        for field in fields:
            values[field] = np.array(getattr(state, field))
            values[field][joints] = memory.setdefault(field, values[field].copy())[joints]
        return replace(state, **values)

    return spoil


def silent(joint: int) -> Spoil:
    """A joint's reading stays, and its age grows."""

    def spoil(state, now, memory):
        then, q, dq = memory.setdefault("was", (state.stamp, state.joint_pos[joint], state.joint_vel[joint]))
        values = {name: np.array(getattr(state, name)) for name in ("joint_pos", "joint_vel", "joint_age")}
        values["joint_pos"][joint], values["joint_vel"][joint], values["joint_age"][joint] = q, dq, state.stamp - then
        return replace(state, **values)

    return spoil


def imu_silent(state, now, memory):
    """The IMU's reading stays, and its age grows."""
    then, quat, rate = memory.setdefault("was", (state.stamp, state.base_quat, state.base_ang_vel))
    return replace(state, base_quat=quat, base_ang_vel=rate, imu_age=state.stamp - then)


def clock_jumps(sim: SimRun, seconds: float) -> None:
    """The clock of the arbiter and its driver is another from the next tick on."""
    tick = sim.arbiter.tick
    sim.arbiter.tick = lambda now: tick(now + seconds)


def raises(state, now, memory):
    raise OSError("bus read timed out")


def walking(sim: SimRun, phase: int) -> None:
    """In the middle of a walk, `phase` ticks later or earlier."""
    sim.arbiter.inbox.say("walk forward 5 meters")
    sim.wait(2.0 + 0.02 * phase)


def gesturing(sim: SimRun, phase: int) -> None:
    """In the middle of a wave."""
    sim.arbiter.inbox.say("wave your left hand")
    sim.wait(1.5 + 0.02 * phase)


def handing_over(sim: SimRun, phase: int) -> None:
    """Between a walk and a bow."""
    sim.arbiter.inbox.say("walk forward half a meter, then bow")
    sim.until(lambda: any(run.skill.name == "bow" for run in runs(sim)), 12.0)
    sim.wait(0.02 * phase)


def runs(sim: SimRun) -> list:
    """What runs, or waits for its joints."""
    return [run for item in sim.arbiter.executor.active for run in item.runs]


MOMENTS = {"walking": walking, "gesturing": gesturing, "handing over": handing_over}
