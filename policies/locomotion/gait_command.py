"""The velocity command as a policy's network sees it, and its gait clock: one robot's, step by step of the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import RobotState
from policies.locomotion.card import PolicyCard
from policies.locomotion.gait_clock import GRACE, NEVER, GaitClock, Scalars, advance, followed, hold_stance, idles, moves, slewed
from policies.locomotion.observation_terms import AXES, ObservationTerm

REACH = 0.35  # [rad] of a joint that others drive: with the arms out a robot goes on stepping in place,
LONGEST = 4.0  # [s] at most: it drifts meanwhile, and a walk that was stopped has to come to rest
NO_CLOCK = ObservationTerm("phase", period=math.inf)
FUNCTIONS = {"sin": math.sin, "cos": math.cos}


def figures(term: ObservationTerm, rate_hz: float) -> GaitClock:
    """The clock that a term describes, for steps at `rate_hz`."""
    return GaitClock(
        half=0.5,
        turn=1.0 / ((term.period or math.inf) * rate_hz),
        settle=round((term.settle or 0.0) * rate_hz),
        grace=round(GRACE * rate_hz),
        tilt_rate=term.tip or NEVER,
    )


def largest_steps(card: PolicyCard) -> tuple[float, ...]:
    """By how much the command may change in a step of the policy, x, y [m/s], yaw [rad/s]; (): at once."""
    steps: dict[str, float] = {}
    for term in card.observations:
        steps |= {axis: slew / card.rate_hz for axis, slew in zip(term.seen_axes, term.slew or (), strict=False)}
    return tuple(steps.get(axis, math.inf) for axis in AXES["velocity_command"]) if steps else ()


@dataclass(frozen=True, slots=True)
class PhaseValues:
    """The values of one phase term.

    Attributes:
        parts: (sin or cos, how far the leg is ahead [rad]), in the order of the term.
        standing: What stands in while the robot is to stand; None: the clock is shown.
    """

    parts: tuple[tuple[str, float], ...]
    standing: tuple[float, ...] | None

    @classmethod
    def of(cls, term: ObservationTerm) -> PhaseValues:
        ahead = [2.0 * math.pi * leg for leg in term.legs or (0.0,)]
        by_leg = [(axis, angle) for angle in ahead for axis in term.seen_axes]
        by_axis = [(axis, angle) for axis in term.seen_axes for angle in ahead]
        return cls(tuple(by_leg if term.layout == "by_leg" else by_axis), term.standing)

    def values(self, gait: GaitCommand) -> tuple[float, ...]:
        """Of the clock as it stands."""
        if self.standing is not None and not gait.walks:
            return self.standing
        angle = 2.0 * math.pi * gait.clock.phase
        return tuple([FUNCTIONS[axis](angle + ahead) for axis, ahead in self.parts])


class GaitCommand:
    """What becomes of the velocity that is asked for, and where the gait clock stands.

    Attributes:
        clock: State of the gait clock; its phase goes from 0 to 1.
        velocity: The command that the network saw last, x, y [m/s], yaw [rad/s], shape (3,).
    """

    def __init__(self, card: PolicyCard, model: RobotModel, velocity: np.ndarray) -> None:
        """`velocity`: where the command is kept, shape (3,)."""
        term = next((term for term in card.observations if term.term == "phase"), NO_CLOCK)
        self._gait, self._stand_still = figures(term, card.rate_hz), bool(term.stand_still)
        self._restart, self._joint_error = bool(term.restart), term.wake or NEVER
        self._max_step, self._longest = largest_steps(card), round(LONGEST * card.rate_hz)
        self._idle = 0  # steps of the policy at zero command
        self._others = [i for i, joint in enumerate(model.joints) if joint not in card.joints]
        self._rest = model.default[self._others]
        self._driven, self._stance = [model.index(joint) for joint in card.joints], np.array(card.default_pos)
        self.velocity, self.clock = velocity, self._gait.start()

    @property
    def walks(self) -> bool:
        """Whether the command that the network saw last asks for motion."""
        return moves(self.velocity.tolist())

    def reset(self) -> None:
        """No command, and a clock at its start."""
        self.velocity[:] = 0.0
        self.clock, self._idle = self._gait.start(), 0

    def step_in_place(self) -> None:
        """The robot may be in the middle of a step: a clock that may stand still does not yet."""
        self.clock.in_place = self._gait.settle

    def copy(self, other: GaitCommand) -> None:
        """Takes over clock and command of another of the same card; what is not finite is left out."""
        self.clock, self._idle = replace(other.clock), other._idle
        np.copyto(self.velocity, other.velocity, where=np.isfinite(other.velocity))

    def follow(self, asked: np.ndarray, state: RobotState) -> None:
        """Takes the command that the network sees on its way to what is asked for, where the card says how fast."""
        target = asked.tolist()
        if not (self._max_step and all(map(math.isfinite, target))):
            self.velocity[:] = asked  # what is not finite is refused where the vector is looked at
            return
        now = [value if math.isfinite(value) else 0.0 for value in self.velocity.tolist()]
        command = slewed(Scalars, now, target, self._max_step)
        idle = idles(Scalars, command, target)
        self._idle = self._idle + 1 if idle else 0
        if idle and self._stand_still:
            self._hold_stance(state)
            command = followed(Scalars, self._gait, self.clock, command, idle)
        elif idle:
            command = (0.0, 0.0, 0.0)
        else:  # all that hold_stance changes then
            self.clock.standing = -self._gait.grace
        self.velocity[:] = command

    def _hold_stance(self, state: RobotState) -> None:
        """A robot that is to stand steps in place again where it loses its stance, and goes on while its arms are out."""
        clock = self.clock
        busy = lost = False  # each is asked for only where it matters
        if clock.in_place > 0 and self._idle <= self._longest:
            busy = bool(np.abs(state.joint_pos[self._others] - self._rest).max(initial=0.0) > REACH)
        elif clock.standing >= 0:
            lost = bool(np.abs(state.joint_pos[self._driven] - self._stance).max() > self._joint_error)
        roll, pitch = float(state.base_ang_vel[0]), float(state.base_ang_vel[1])
        self.clock = hold_stance(Scalars, self._gait, clock, True, roll, pitch, lost, busy)

    def advance(self) -> None:
        """The policy acted: the clock moves on."""
        if not self._gait.turn:
            return
        walks = self.walks
        if self._restart and not walks:
            self.clock.phase = 0.0
        else:
            self.clock = advance(Scalars, self._gait, self.clock, walks or not self._stand_still)
