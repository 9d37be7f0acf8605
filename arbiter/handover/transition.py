"""A hand-over: its settings, its record, its start envelope."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np

from arbiter.execution.run import Run
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.skill import StartEnvelope
from arbiter.types import Request, RobotState

HOME_ENVELOPE = StartEnvelope(tilt=0.4, joint_speed=10.0, ang_vel=3.0, posture=0.25)


@dataclass(frozen=True, slots=True)
class HandoverSettings:
    """How joints change hands.

    Attributes:
        blend: "inertial" (the new policy runs at once, the difference decays) or "crossfade".
        blend_time: Longest blend [s].
        dwell: Least time between two switches of the same joints [s]; tames storms of instructions.
        warm_limit: Longest time a policy may take to warm once nothing else is in its way [s].
        bridge_limit: Longest time to wait for, or work towards, the start envelope [s].
        stop_limit: Of it, how long a walking policy is given to come to a stand by itself [s].
    """

    blend: str = "inertial"
    blend_time: float = 0.3
    dwell: float = 0.2
    warm_limit: float = 5.0
    bridge_limit: float = 8.0
    stop_limit: float = 3.0


DEFAULTS = HandoverSettings()


@dataclass(slots=True, eq=False)
class Handover:
    """One change of hands, for the report. Times [s]; None: did not happen (yet)."""

    from_policy: str
    to_policy: str
    skill: str
    joints: str
    requested: float
    first_command: float | None = None
    blend_end: float | None = None
    peak_velocity: float = 0.0
    peak_acceleration: float = 0.0
    result: str = "pending"


@dataclass(slots=True, eq=False)
class Transition:
    """A change of hands that is under way."""

    policy: Policy
    joints: np.ndarray
    run: Run | None
    envelope: StartEnvelope
    record: Handover
    reset: bool = False
    hindered: float = -np.inf  # when the start envelope last did not hold [s]
    bridged: str = ""
    request: Request = field(default_factory=Request)  # of the policy, where there is no run to ask


class Bound(enum.Enum):
    """Which bound of a start envelope does not hold."""

    TILT = "tilt"
    JOINT_SPEED = "joint speed"
    ANG_VEL = "angular velocity"
    POSTURE = "posture"
    REST = "rest"  # the legs stepped a moment ago


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a policy may not take joints now: the bound, for decisions, and one line, for people."""

    bound: Bound
    text: str

    def __str__(self) -> str:
        return self.text


def check_envelope(envelope: StartEnvelope, state: RobotState, joints: np.ndarray, model: RobotModel) -> Violation | None:
    """Why `state` is outside `envelope`; None when it holds."""
    if state.tilt > envelope.tilt:
        return Violation(Bound.TILT, f"tilt {state.tilt:.2f} rad, at most {envelope.tilt:g}")
    speed = float(np.abs(state.joint_vel[joints]).max(initial=0.0))
    if speed > envelope.joint_speed:
        return Violation(Bound.JOINT_SPEED, f"joint speed {speed:.1f} rad/s, at most {envelope.joint_speed:g}")
    turn = float(np.abs(state.base_ang_vel).max())
    if turn > envelope.ang_vel:
        return Violation(Bound.ANG_VEL, f"base turns at {turn:.1f} rad/s, at most {envelope.ang_vel:g}")
    if envelope.posture < np.inf:
        legs = model.groups["legs"]
        off = float(np.abs(state.joint_pos[legs] - model.default[legs]).max(initial=0.0))
        if off > envelope.posture:
            return Violation(
                Bound.POSTURE, f"a leg joint is {off:.2f} rad from the standing posture, at most {envelope.posture:g}"
            )
    return None
