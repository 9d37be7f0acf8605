"""The gait clock and the command that a walking policy follows, written once: for one robot, and for many in training.

A clock turns while a velocity is commanded. At zero command the policy goes on stepping in place for `settle` ticks, finishes the
step under way and stands; a standing robot whose base rotates too fast, or that lost its stance, steps in place again.

Each function takes the array namespace `xp` that its values belong to: numpy, torch, or `Scalars` for the numbers of one robot,
on which an array library would cost the control loop ten times as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REST = 1e-4  # [cycles] within which a phase counts as between two steps
STILL = 0.022  # a velocity command up to this [m/s, rad/s] asks to stand
DEAD_BAND = 0.02  # [m/s, rad/s] up to this the reference gait stands: what is between steps in place
LINGER = (0.021, 0.0, 0.0)  # command of a robot that is to stand but still steps in place
GRACE = 0.2  # [s] that a robot is given to find its stance after its last step
IN_PLACE = 2  # ticks in place that stay left while the arms are out
NEVER = math.inf

Command = Sequence[Any]  # x, y [m/s] and yaw [rad/s], numbers or arrays of shape (n,)


class Scalars:
    """The functions of an array namespace that the clock uses, on single numbers."""

    floor, round, hypot = staticmethod(math.floor), staticmethod(round), staticmethod(math.hypot)

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        """`yes` or `no`."""
        return yes if condition else no

    @staticmethod
    def logical_and(first: bool, second: bool) -> bool:
        """Both."""
        return first and second

    @staticmethod
    def logical_or(first: bool, second: bool) -> bool:
        """Either."""
        return first or second

    @staticmethod
    def logical_not(value: bool) -> bool:
        """The opposite."""
        return not value


@dataclass(frozen=True, slots=True)
class GaitClock:
    """Figures of a clock.

    Attributes:
        half: Half a cycle, in the unit of the phase: 0.5 cycles or pi rad.
        turn: By how much the phase advances in a tick.
        settle: Ticks in place before a robot at zero command stands.
        grace: Ticks that it is given to find its stance then.
        tilt_rate: Angular velocity about x and y above which a standing robot takes steps [rad/s].
    """

    half: float
    turn: float
    settle: int = 0
    grace: int = 0
    tilt_rate: float = NEVER

    def start(self) -> ClockState:
        """The state of the clock of a robot that stands."""
        return ClockState(0.0, 0, -self.grace)


@dataclass(slots=True)
class ClockState:
    """State of a clock, numbers or arrays of shape (n,).

    Attributes:
        phase: From 0 to a full cycle.
        in_place: Ticks in place that are left.
        standing: Ticks for which the robot has stood, from -grace on.
    """

    phase: Any
    in_place: Any
    standing: Any


def squared_norm(command: Command) -> Any:
    """x² + y² + yaw²."""
    x, y, yaw = command
    return x * x + y * y + yaw * yaw


def moves(command: Command) -> Any:
    """Whether more is commanded than to finish a step."""
    return squared_norm(command) > STILL * STILL


def at_rest(xp: Any, phase: Any, half: float) -> Any:
    """Whether a phase lies between two steps, both feet down."""
    halves = phase / half
    return abs(halves - xp.round(halves)) < 2.0 * REST


def slewed(xp: Any, command: Command, target: Command, max_step: Command) -> tuple[Any, ...]:
    """The command on its way to `target`, each component by at most `max_step` a tick."""
    steps = []
    for now, end, most in zip(command, target, max_step, strict=True):
        change = end - now
        steps.append(now + xp.where(change > most, most, xp.where(change < -most, -most, change)))
    return tuple(steps)


def idles(xp: Any, command: Command, target: Command) -> Any:
    """Whether a robot is to stand: neither the command nor its target asks for motion."""
    return xp.logical_not(xp.logical_or(moves(command), moves(target)))


def stands(xp: Any, clock: GaitClock, state: ClockState) -> Any:
    """Whether the step under way is finished and no ticks in place are left."""
    return xp.logical_and(at_rest(xp, state.phase, clock.half), state.in_place <= 0)


def hold_stance(
    xp: Any, clock: GaitClock, state: ClockState, idle: Any, roll_rate: Any, pitch_rate: Any, lost: Any, busy: Any
) -> ClockState:
    """The state of a clock whose robot is to stand where `idle`; it may have to step in place again.

    Args:
        roll_rate, pitch_rate: Angular velocity of the base about x and y [rad/s].
        lost: Whether a joint is far from its place in the stance.
        busy: Whether joints that others drive are far from rest: the robot goes on stepping in place.
    """
    still = stands(xp, clock, state)
    standing = xp.where(xp.logical_and(idle, still), state.standing + 1, -clock.grace)
    ready = standing > 0
    tips = xp.logical_and(ready, xp.hypot(roll_rate, pitch_rate) > clock.tilt_rate)
    # The leg on the side that it does not fall towards carries less, and steps first.
    phase = xp.where(tips, xp.where(roll_rate < 0.0, clock.half, 0.0), state.phase)
    again = xp.logical_or(tips, xp.logical_and(ready, lost))
    in_place = xp.where(again, clock.settle, state.in_place)
    longer = xp.logical_and(xp.logical_and(idle, busy), xp.logical_and(in_place > 0, in_place < IN_PLACE))
    return ClockState(phase, xp.where(longer, IN_PLACE, in_place), standing)


def followed(xp: Any, clock: GaitClock, state: ClockState, command: Command, idle: Any) -> tuple[Any, ...]:
    """What the network sees of a command: where the robot is to stand, zero, and `LINGER` while it steps in place."""
    still = stands(xp, clock, state)
    return tuple(xp.where(idle, xp.where(still, 0.0, step), value) for step, value in zip(LINGER, command, strict=True))


def advance(xp: Any, clock: GaitClock, state: ClockState, moving: Any) -> ClockState:
    """The state after a tick. Where the robot is not `moving` the clock turns for the ticks in place that are left, finishes its
    half cycle, the step under way, and rests there."""
    phase, half = state.phase, clock.half
    halves, following = phase / half, phase + clock.turn
    ahead = xp.floor(following / half)
    resting = xp.where(at_rest(xp, phase, half), xp.round(halves) * half, xp.where(ahead > halves, ahead * half, following))
    turns = xp.logical_or(moving, state.in_place > 0)
    left = xp.where(state.in_place > 1, state.in_place - 1, 0)
    return ClockState(xp.where(turns, following, resting) % (2.0 * half), xp.where(moving, clock.settle, left), state.standing)
