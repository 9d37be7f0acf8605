"""Gait clock and reference gait. A policy's action is the reference gait plus the network's output, in the exported graph too."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from policies.locomotion.gait_clock import DEAD_BAND

TWO_PI = 2.0 * math.pi
ANKLE_PER_ABDUCTION = 1.42  # keeps the sole level: hip roll and yaw together tilt it by sqrt(2) of either
HIP_ROLL, HIP_YAW, HIP_PITCH, KNEE = range(4)  # of the six joints of a leg


@dataclass(frozen=True, slots=True)
class GaitConfig:
    """Parameters of the reference gait and of its balance feedback; angles [rad].

    The values were found by CMA-ES (`training.locomotion.tune`). The robot's hip roll and hip yaw axes lie at 45 degrees: the
    same angle on both abducts the leg, opposite angles turn it.

    Attributes:
        period: Time of a full cycle, a step of each leg [s].
        lag: Time by which a joint trails its target, kd / kp of the legs [s]; targets lead by it.
        hip, knee, ankle: Pitch of all legs relative to the default posture.
        knee_lift: Knee bend at mid-swing.
        hip_lift, ankle_lift: Fractions of it by which hip and ankle pitch compensate.
        stance_abduction: Hip roll and yaw of the stance leg, against the sag under the robot's weight.
        stance_knee: Extension of the stance leg's knee.
        stance_hip_pitch: Hip pitch of the stance leg.
        stride: Hip pitch per forward velocity [rad per m/s].
        sidestep: Hip roll and yaw per lateral velocity [rad per m/s].
        turn: Opposed hip roll and yaw per yaw rate [rad per rad/s].
        sway: Abduction of both legs with the sine and the cosine of the clock.
        stance_ankle: Ankle pitch of the stance leg per forward lean (gravity x), pitch rate [rad/s] and leg speed [rad/s].
        stance_hip: Hip pitch of the stance leg per lean and pitch rate.
        swing_hip: Hip pitch of the swing leg (foot placement) per lean, pitch rate and speed of the stance leg.
        stance_side: Abduction of the stance leg per lateral lean (gravity y) and roll rate [rad/s].
        stance_roll: Ankle roll of the stance leg per lateral lean and roll rate.
        swing_side: Abduction of the swing leg per lateral lean, roll rate and abduction speed of the stance leg [rad/s].
        yaw_feedback: Opposed hip roll and yaw of the stance leg per yaw rate error [rad/s].
        leg_speed: Nominal speed of the stance leg per forward and lateral velocity [rad/s per m/s]; feedback acts on the
            difference.
        lean_per_speed: Nominal forward lean (gravity x) per forward velocity [1 per m/s].
        stand: Pitch of hip, knee and ankle relative to the default posture at zero command.
        stand_hip, stand_ankle, stand_side, stand_roll: As their namesakes of the stance leg, for both legs while standing.
    """

    period: float = 0.48
    lag: float = 0.053
    hip: float = 0.275
    knee: float = -0.353
    ankle: float = 0.305
    knee_lift: float = 0.701
    hip_lift: float = 0.732
    ankle_lift: float = 0.602
    stance_abduction: float = 0.59
    stance_knee: float = -0.047
    stance_hip_pitch: float = -0.332
    stride: float = -0.006
    sidestep: float = 0.136
    turn: float = 0.102
    sway: tuple[float, float] = (-0.07, -0.353)
    stance_ankle: tuple[float, float, float] = (1.065, 0.148, 0.135)
    stance_hip: tuple[float, float] = (9.285, 0.261)
    swing_hip: tuple[float, float, float] = (-2.78, -0.132, -0.073)
    stance_side: tuple[float, float] = (-0.813, 0.047)
    stance_roll: tuple[float, float] = (-1.726, -0.003)
    swing_side: tuple[float, float, float] = (1.197, -0.208, -0.113)
    yaw_feedback: float = 0.321
    leg_speed: tuple[float, float] = (2.008, -2.914)
    lean_per_speed: float = -0.055
    stand: tuple[float, float, float] = (-0.304, -0.197, -0.044)
    stand_hip: tuple[float, float] = (2.002, -0.042)
    stand_ankle: tuple[float, float, float] = (2.832, 0.499, 0.352)
    stand_side: tuple[float, float] = (1.153, 0.075)
    stand_roll: tuple[float, float] = (-0.946, 0.118)


PLAIN = GaitConfig(  # no feedback: where the search started
    lag=0.1,
    hip=0.0,
    knee=0.0,
    ankle=0.0,
    knee_lift=0.8,
    hip_lift=0.5,
    ankle_lift=0.5,
    stance_abduction=0.28,
    stance_knee=0.0,
    stance_hip_pitch=0.0,
    stride=0.42,
    sidestep=0.26,
    turn=0.113,
    sway=(0.0, 0.0),
    stance_ankle=(0.0, 0.0, 0.0),
    stance_hip=(0.0, 0.0),
    swing_hip=(0.0, 0.0, 0.0),
    stance_side=(0.0, 0.0),
    stance_roll=(0.0, 0.0),
    swing_side=(0.0, 0.0, 0.0),
    yaw_feedback=0.0,
    leg_speed=(2.0, -2.0),
    lean_per_speed=0.0,
    stand=(0.0, 0.0, 0.0),
    stand_hip=(0.0, 0.0),
    stand_ankle=(0.0, 0.0, 0.0),
    stand_side=(0.0, 0.0),
    stand_roll=(0.0, 0.0),
)


def moving(command: torch.Tensor) -> torch.Tensor:
    """1.0 where the command asks for motion, else 0.0, shape (n,)."""
    return (command.square().sum(-1) > DEAD_BAND**2).to(command.dtype)


def swing(sin_phase: torch.Tensor) -> torch.Tensor:
    """How far left and right leg are through the air, 0 (stance) to 1 (mid-swing), shape (n, 2)."""
    return torch.stack((sin_phase, -sin_phase), -1).clamp(min=0.0)


def reference(
    command: torch.Tensor,
    clock: torch.Tensor,
    gravity: torch.Tensor,
    spin: torch.Tensor,
    joint_vel: torch.Tensor,
    gait: GaitConfig,
) -> torch.Tensor:
    """Offset of the twelve leg joints [rad] from the default posture, left then right leg, shape (n, 12).

    The swing leg shortens; hips carry the body over the stance leg as fast as the command asks; ankles, hips and the
    place of the next step answer to lean and speed. Without a command both feet stay and ankles and hips balance.

    Args:
        command: x, y [m/s] and yaw [rad/s], shape (n, 3).
        clock: (sin, cos) of the phase, shape (n, 2).
        gravity: Unit gravity vector, body frame, shape (n, 3).
        spin: Angular velocity, body frame [rad/s], shape (n, 3).
        joint_vel: Of the twelve leg joints [rad/s], shape (n, 12).
    """
    lead = gait.lag * TWO_PI / gait.period  # a target ahead in time: q + lag * dq/dt
    forward, lateral, yaw = command.unbind(-1)
    lean, tilt, roll_rate, pitch_rate = gravity[:, 0] - gait.lean_per_speed * forward, gravity[:, 1], spin[:, 0], spin[:, 1]
    speed, aside = [], []
    for k in (0, 6):
        speed.append(joint_vel[:, k + HIP_PITCH] + 0.5 * joint_vel[:, k + KNEE] - gait.leg_speed[0] * forward)
        aside.append(0.7 * (joint_vel[:, k + HIP_ROLL] + joint_vel[:, k + HIP_YAW]) - gait.leg_speed[1] * lateral)
    legs = []
    for k, side in ((0, 1.0), (1, -1.0)):
        sin, cos = side * clock[:, 0], side * clock[:, 1]
        air, load = sin.clamp(min=0.0), (-sin).clamp(min=0.0)
        stance = 0.5 - 0.5 * (3.0 * sin).clamp(-1.0, 1.0)
        back = cos - lead * sin  # +1: the leg is as far behind as it gets, about to lift
        bend = gait.knee_lift * (air.square() + 2.0 * lead * air * cos)
        pitch = gait.stride * forward * back
        abduct = -gait.sidestep * lateral * back
        twist = gait.turn * yaw * back + gait.yaw_feedback * (yaw - spin[:, 2]) * stance
        held = _sum(gait.stance_side, tilt, roll_rate)
        placed = _sum(gait.swing_side, tilt, roll_rate, aside[1 - k])
        carry = side * gait.stance_abduction * load + stance * held + (1.0 - stance) * placed
        carry = carry + gait.sway[0] * (clock[:, 0] + lead * clock[:, 1]) + gait.sway[1] * (clock[:, 1] - lead * clock[:, 0])
        hip = stance * _sum(gait.stance_hip, lean, pitch_rate)
        hip = hip + (1.0 - stance) * _sum(gait.swing_hip, lean, pitch_rate, speed[1 - k])
        legs += [
            abduct + carry - twist,
            abduct + carry + twist,
            gait.hip + gait.stance_hip_pitch * load + pitch - gait.hip_lift * bend + hip,
            gait.knee - gait.stance_knee * load + bend,
            gait.ankle - gait.ankle_lift * bend - pitch + stance * _sum(gait.stance_ankle, lean, pitch_rate, speed[k]),
            -ANKLE_PER_ABDUCTION * abduct + stance * _sum(gait.stance_roll, tilt, roll_rate),
        ]
    walking = moving(command).unsqueeze(-1) > 0.0
    return torch.where(walking, torch.stack(legs, -1), torch.stack(_standing(gait, lean, tilt, spin, speed), -1))


def _standing(
    gait: GaitConfig, lean: torch.Tensor, tilt: torch.Tensor, spin: torch.Tensor, speed: list[torch.Tensor]
) -> list[torch.Tensor]:
    """The reference of a robot that stands, joint by joint."""
    legs = []
    for k in (0, 1):
        upright = _sum(gait.stand_side, tilt, spin[:, 0])
        legs += [
            upright,
            upright,
            gait.stand[0] + _sum(gait.stand_hip, lean, spin[:, 1]),
            gait.stand[1] + torch.zeros_like(lean),
            gait.stand[2] + _sum(gait.stand_ankle, lean, spin[:, 1], speed[k]),
            _sum(gait.stand_roll, tilt, spin[:, 0]),
        ]
    return legs


def _sum(gains: tuple[float, ...], *values: torch.Tensor) -> torch.Tensor:
    return sum((gain * value for gain, value in zip(gains, values, strict=True)), start=torch.zeros_like(values[0]))
