"""Scripted experts for gestures. All but the bow are functions of the state alone, not of time.

An arm expert computes the wanted joint velocity at the present posture. Its target makes the joint controller (stiffness kp,
damping kd) move at that velocity against gravity: q* = q + (kd v + g(q)) / kp. It therefore recovers from any start and any
disturbance, and a network that sees only the state can imitate it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arbiter.errors import ConfigError
from training.pi0.data.instructions import TaskInstruction
from training.pi0.data.upper_body import SIDES, UpperBody

GAIN = 4.0  # [1/s] of the approach: velocity per distance left
SPEED = 2.0  # [rad/s] of the fastest joint
KICK = 0.6  # [rad/s] by which the wanted velocity may differ from the measured one: bounds the acceleration

# Postures of the left arm (shoulder pitch, roll, yaw, elbow pitch, roll) [rad]; the right arm's are the mirror images.
# Found by a random search over postures that the motors can hold inside the joints' ranges.
UP = (-1.38, 1.20, -0.18, 1.45, 0.0)
WAVING = (-1.30, 0.20, 0.0, 1.42, 0.0)
SIDEWAYS = (-1.40, 1.16, -0.48, 0.03, 0.0)
FORWARD = (-0.80, -0.10, 0.10, 0.72, 0.0)
REACHING = (-0.55, 0.10, 0.0, 0.95, 0.0)
Arm = tuple[float, ...]  # positions of an arm's joints [rad]
MIRROR = np.array((-1.0, -1.0, -1.0, -1.0, -1.0))

WAVE_JOINT = 2  # shoulder yaw, within an arm
WAVE_AMPLITUDE = 0.40  # [rad]
WAVE_RATE = 2.0 * np.pi * 0.9  # [rad/s]
WAVE_LEAD = 0.07  # [s] lag of the joint behind the wanted velocity
# Leg postures (hip pitch, knee, ankle pitch, both legs) [rad] that hold under the balance reflex.
CROUCH = (-0.8, 1.2, -0.58)
LEAN = (-0.7, 0.4, -0.03)
LEG_GAIN = 3.0  # [1/s] of the approach along a line of leg postures
LEG_SPEED = 0.9  # [1/s], share of the line
LEG_LEAD = 0.16  # [s] lead of the legs' targets over the measured posture
BOW_RATE = 2.0 * np.pi / 3.2  # [rad/s]
WAVE_NEAR = 0.35  # [rad] from the raised posture at which the waving is in full swing


class Expert(Protocol):
    """Demonstrates one instruction."""

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        """Position targets [rad], shape (n,), robot order.

        Args:
            q: Joint positions [rad], shape (n,). dq: Joint velocities [rad/s], shape (n,).
            balls: Centre of each ball in the base frame [m], shape (3,), by colour.
        """


def follow(body: UpperBody, q: np.ndarray, dq: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Targets that move the arms at `wanted` [rad/s], shape (n,); legs: the default posture."""
    model = body.model
    velocity = dq + np.clip(wanted - dq, -KICK, KICK)
    target = q + (model.kd * velocity + body.gravity(q)) / model.kp
    return np.where(model.groups["arms"], np.clip(target, model.lower, model.upper), model.default)


def approach(q: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Velocity towards `goal` on a straight line in joint space [rad/s], slowing down near it."""
    velocity = GAIN * (goal - q)
    return velocity / max(1.0, np.abs(velocity).max() / SPEED)


def posture(body: UpperBody, left: tuple[float, ...] | None, right: tuple[float, ...] | None) -> np.ndarray:
    """Both arms, each given as the left arm's joints [rad] or None for rest; legs: default. Shape (n,)."""
    q = body.model.default.copy()
    if left is not None:
        q[body.arm["left"]] = left
    if right is not None:
        q[body.arm["right"]] = MIRROR * np.array(right)
    return q


@dataclass(frozen=True)
class PostureExpert:
    """Moves the arms to a posture and holds it."""

    body: UpperBody
    goal: np.ndarray

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        arms = self.body.model.groups["arms"]
        return follow(self.body, q, dq, np.where(arms, approach(np.where(arms, q, self.goal), self.goal), 0.0))


@dataclass(frozen=True)
class WaveExpert:
    """Raises one hand and turns the upper arm to and fro: an oscillator whose phase is read from the joint itself."""

    body: UpperBody
    side: str

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        body = self.body
        arms = body.model.groups["arms"]
        goal = posture(body, *(WAVING if side == self.side else None for side in SIDES))
        wanted = np.where(arms, approach(np.where(arms, q, goal), goal), 0.0)
        joint = np.flatnonzero(body.arm[self.side])[WAVE_JOINT]
        others = [i for i in np.flatnonzero(body.arm[self.side]) if i != joint]
        near = np.clip(1.0 - np.abs(q - goal)[others].max() / (2.0 * WAVE_NEAR), 0.0, 0.5) / 0.5
        offset, rate = (q - goal)[joint] / WAVE_AMPLITUDE, dq[joint] / (WAVE_AMPLITUDE * WAVE_RATE)
        # The velocity at a slightly later phase: at the turning points the joint would otherwise stop.
        phase = np.arctan2(offset, rate) + WAVE_RATE * WAVE_LEAD
        swing = WAVE_AMPLITUDE * WAVE_RATE * np.cos(phase) * np.clip(2.0 - np.hypot(offset, rate), 0.5, 1.5)
        wanted[joint] = (1.0 - near) * wanted[joint] + near * swing
        return follow(body, q, dq, wanted)


@dataclass(frozen=True)
class LegLineExpert:
    """Moves the legs along a line of postures; the arms go to rest. Balance is the reflex's.

    Progress along the line is measured from the hips and knees, as far as the line moves them.

    Attributes:
        line: Postures at 0 and 1 [rad], each shape (n,). to: Where to go, 0 or 1.
    """

    body: UpperBody
    line: tuple[np.ndarray, np.ndarray]
    to: float

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        at = self.progress(q)
        step = np.clip(LEG_GAIN * (self.to - at), -LEG_SPEED, LEG_SPEED) * LEG_LEAD
        return self.compose(q, dq, np.clip(at + step, 0.0, 1.0))

    def progress(self, q: np.ndarray) -> float:
        """Progress along the line, 0 to 1: the least-squares fit over hips and knees."""
        along = np.where(self._measured, self.line[1] - self.line[0], 0.0)
        return float(along @ (q - self.line[0]) / (along @ along))

    def compose(self, q: np.ndarray, dq: np.ndarray, share: float) -> np.ndarray:
        """Targets [rad], shape (n,): the line's posture at `share`, arms on their way to rest."""
        arms = self.body.model.groups["arms"]
        legs = self.line[0] + share * (self.line[1] - self.line[0])
        rest = self.body.model.default
        moving = follow(self.body, q, dq, np.where(arms, approach(np.where(arms, q, rest), rest), 0.0))
        return np.where(arms, moving, legs)

    @property
    def _measured(self) -> np.ndarray:
        # The ankles are left out: the balance reflex moves them.
        return np.array(["hip_pitch" in name or "knee" in name for name in self.body.model.joints])


class BowExpert:
    """Leans forward and comes back, periodically in time; the first bow starts at the first call.

    The only expert that is a function of time. Leg positions and velocities determine its phase, so a network can imitate it.
    """

    def __init__(self, body: UpperBody) -> None:
        self._legs = LegLineExpert(body, (body.model.default, leg_posture(body, LEAN)), 0.0)
        self._step = BOW_RATE * body.model.dt
        self._phase = 0.0

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        self._phase += self._step
        return self._legs.compose(q, dq, float(0.5 - 0.5 * np.cos(self._phase)))


class TouchExpert:
    """Brings the hand on the ball's side to the ball of one colour, wherever it is now."""

    MOVED = 0.002  # [m] of the ball in the base frame that is worth solving again

    def __init__(self, body: UpperBody, colour: str) -> None:
        self._body = body
        self._colour = colour
        self._seen = np.full(3, np.inf)
        self._goal = body.model.default

    def act(self, q: np.ndarray, dq: np.ndarray, balls: dict[str, np.ndarray]) -> np.ndarray:
        ball = balls[self._colour]
        if not np.linalg.norm(ball - self._seen) < self.MOVED:
            self._seen = ball.copy()
            self._goal = reach_for(self._body, ball)[0]
        return PostureExpert(self._body, self._goal).act(q, dq, balls)


def nearer_side(point: np.ndarray) -> str:
    """The hand that is used for a point in the base frame: the hand on the same side."""
    return "left" if point[1] > 0.0 else "right"


def reach_for(body: UpperBody, point: np.ndarray) -> tuple[np.ndarray, float]:
    """Posture with the hand on the point's side at `point` [m, base frame], shape (n,), and the distance left [m]."""
    side = nearer_side(point)
    return body.reach(side, point, posture(body, *(REACHING if one == side else None for one in SIDES)))


def leg_posture(body: UpperBody, both: tuple[float, float, float]) -> np.ndarray:
    """The default posture with other hip pitch, knee and ankle pitch [rad] of both legs, shape (n,)."""
    q = body.model.default.copy()
    for part, angle in zip(("hip_pitch", "knee_pitch", "ankle_pitch"), both, strict=True):
        for side in SIDES:
            q[body.model.index(f"leg_{side}_{part}_joint")] = angle
    return q


def expert_for(instruction: TaskInstruction, body: UpperBody) -> Expert:
    """The expert that demonstrates a gesture. Raises ConfigError for an instruction that has none."""
    pointing = {"left": (SIDEWAYS, None), "right": (None, SIDEWAYS), "ahead": (None, FORWARD)}
    postures: dict[tuple[str, str], tuple[Arm | None, Arm | None]] = {
        ("raise_arms", ""): (UP, UP),
        ("lower_arms", ""): (None, None),
    }
    postures |= {("point_at", target): arms for target, arms in pointing.items()}
    if (arms := postures.get((instruction.skill, instruction.target))) is not None:
        return PostureExpert(body, posture(body, *arms))
    if instruction.skill in ("wave_right", "wave_left"):
        return WaveExpert(body, instruction.target)
    if instruction.skill in ("sit_down", "stand_up"):
        line = (body.model.default, leg_posture(body, CROUCH))
        return LegLineExpert(body, line, 1.0 if instruction.skill == "sit_down" else 0.0)
    if instruction.skill == "bow":
        return BowExpert(body)
    if instruction.skill == "touch_ball":
        return TouchExpert(body, instruction.target)
    raise ConfigError(
        f"no scripted expert for {instruction.text!r} (skill {instruction.skill!r}); "
        "walking is demonstrated by training.pi0.data.rollouts"
    )
