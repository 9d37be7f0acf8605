"""What a robot's readings, its command and its clock give for each term of an observation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from arbiter.base_velocity import BaseVelocity
from arbiter.robot import RobotModel
from arbiter.types import Request, RobotState
from policies.locomotion.card import PolicyCard
from policies.locomotion.gait_command import GaitCommand, PhaseValues
from policies.locomotion.observation_terms import AXES, JOINT_TERMS, ObservationTerm

Values = Sequence[float] | np.ndarray
Source = Callable[[RobotState, Request, GaitCommand], Values]  # all values of a term, before offset, clip and scale
COMMAND, ANG_VEL, GRAVITY = slice(0, 3), slice(3, 6), slice(6, 9)  # of every raw vector, with joints and action behind them


def euler(quat: np.ndarray) -> tuple[float, float, float]:
    """Roll, pitch, yaw [rad] of an orientation (w, x, y, z): turned about x, then y, then z of the world."""
    w, x, y, z = quat.tolist()
    pitch = math.asin(min(1.0, max(-1.0, 2.0 * (w * y - z * x)))) if math.isfinite(w * y - z * x) else math.nan
    return (
        math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y)),
        pitch,
        math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)),
    )


def source_of(term: ObservationTerm, velocity: BaseVelocity | None) -> Source:
    """What gives the values of a term that does not stand in every raw vector."""
    match term.term:
        case "phase":
            phase = PhaseValues.of(term)
            return lambda state, request, gait: phase.values(gait)
        case "walk_command":
            return lambda state, request, gait: (float(gait.walks),)
        case "height_command":
            return lambda state, request, gait: term.numbers if request.height is None else (request.height,)
        case "heading_command":
            return lambda state, request, gait: term.numbers if request.heading is None else (request.heading,)
        case "base_euler":
            return lambda state, request, gait: euler(state.base_quat)
        case "base_lin_vel" if velocity is not None:
            return lambda state, request, gait: velocity.measure(state)
        case "constant":
            return lambda state, request, gait: term.numbers
    raise ValueError(f"no source of {term.term}")


def places_of(term: ObservationTerm, slot: slice, model: RobotModel) -> list[int]:
    """Where the values of a term stand in the raw vector, if all that it is taken from stands in `slot`."""
    if term.term in JOINT_TERMS:
        return [slot.start + model.index(joint) for joint in term.joints]
    if term.term in AXES and term.term != "phase":
        return [slot.start + AXES[term.term].index(axis) for axis in term.seen_axes]
    return list(range(slot.start, slot.stop))


class Measurements:
    """All that the terms of a card are taken from, in one raw vector.

    Attributes:
        raw: Newest values, float64: command, which GaitCommand keeps there, angular velocity, gravity, joint positions and
            velocities, previous action, and what the card asks for beside these.
        action: Slice of the previous action.
        places: Of the values of all terms in `raw`, in their order.
    """

    def __init__(self, card: PolicyCard, model: RobotModel) -> None:
        n, m = model.n, len(card.joints)
        self._pos, self._vel, self.action = slice(9, 9 + n), slice(9 + n, 9 + 2 * n), slice(9 + 2 * n, 9 + 2 * n + m)
        seen = {term.term for term in card.observations}
        self._velocity = BaseVelocity(model.known_body) if "base_lin_vel" in seen else None
        self._sources: list[tuple[slice, Source]] = []
        slots = {"velocity_command": COMMAND, "base_ang_vel": ANG_VEL, "projected_gravity": GRAVITY}
        slots |= {"joint_pos": self._pos, "joint_pos_rel": self._pos, "joint_vel": self._vel, "previous_action": self.action}
        self.places: list[int] = []
        end = self.action.stop
        for term in card.observations:
            slot = slots.get(term.term)
            if slot is None:
                whole = term if term.term == "phase" else replace(term, axes=())
                slot = slice(end, end := end + whole.size(m))
                self._sources.append((slot, source_of(term, self._velocity)))
                if term.term == "base_lin_vel":
                    slots[term.term] = slot
            self.places += places_of(term, slot, model)
        self.raw = np.zeros(end)

    def reset(self) -> None:
        """No action yet."""
        self.raw[:] = 0.0
        if self._velocity is not None:
            self._velocity.reset()

    def copy(self, other: Measurements, most_action: np.ndarray) -> None:
        """Takes over the last action of another of the same card, as far as it is sane: up to `most_action`, shape (m,)."""
        theirs = other.raw[self.action]
        np.copyto(self.raw[self.action], np.clip(theirs, -most_action, most_action), where=np.isfinite(theirs))
        if self._velocity is not None and other._velocity is not None:
            self._velocity.copy(other._velocity)

    def update(self, state: RobotState, request: Request, gait: GaitCommand) -> None:
        """The newest values, beside the command."""
        raw = self.raw
        raw[ANG_VEL] = state.base_ang_vel
        raw[GRAVITY] = state.gravity
        raw[self._pos] = state.joint_pos
        raw[self._vel] = state.joint_vel
        for slot, source in self._sources:
            raw[slot] = source(state, request, gait)
