"""When a gesture counts as done: pure functions over what the simulation knows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arbiter.robot import RobotModel
from arbiter.types import frozen
from deploy.robots.truth import Truth
from training.pi0.data.instructions import Instruction
from training.pi0.data.kinematics import SIDES, UpperBody

FALLEN_TILT = 0.9  # [rad] of the base
HEAD_HEIGHT = 0.90  # [m] of the top of the head above the base frame
WAVE_HEIGHT = 0.76  # [m] of the shoulders: a waving hand is above them
WAVE_SWING = 0.05  # [m] peak to peak, sideways
WAVE_PERIODS = 2.0
BOW_PITCH = 0.20  # [rad] of the torso
BOW_BACK = 0.10  # [rad] of what the torso leant before: upright again
BOW_STAND = 0.15  # [rad] upright as well: the balance reflex stands at 0.1, where the soles of the default posture are level
CROUCH_DROP = 0.03  # [m] of the torso's centre of mass below its standing height
STAND_DROP = 0.015  # [m] below standing height that still counts as standing
POINT_ANGLE = float(np.radians(20.0))
TOUCH_DISTANCE = 0.04  # [m] between hand and the ball's centre
REST_ANGLE = 0.30  # [rad] of an arm joint from the default posture
WALK_SHARE = 0.5  # of the commanded velocity
STILL_SPEED = 0.08  # [m/s]
TURN_RADIUS = 0.3  # [m] at which turning counts as moving
SPAN = 0.2  # [s] that a posture must last
DIRECTIONS = {"left": np.array((0.0, 1.0, 0.0)), "right": np.array((0.0, -1.0, 0.0)), "ahead": np.array((1.0, 0.0, 0.0))}


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A run, tick by tick; T ticks, n joints.

    Attributes:
        time: [s], shape (T,).
        joint_pos: [rad], shape (T, n), robot order. joint_vel: [rad/s], shape (T, n).
        hands: Left and right hand in the base frame [m], shape (T, 2, 3).
        forearms: Directions from elbow to hand in the base frame, shape (T, 2, 3).
        pitch: Of the base, forward positive [rad], shape (T,).
        tilt: Of the base [rad], shape (T,).
        height: Of the torso's centre of mass [m], shape (T,).
        place: Of the base in the world, x, y [m], shape (T, 2). yaw: Its heading, unwrapped [rad], shape (T,).
        balls: Centre of each ball in the base frame [m], shape (T, 3), by colour.
        arm_rest: Default posture [rad], shape (n,). arms: Mask of the arm joints, shape (n,).
        standing: Height of the torso's centre of mass when standing in the default posture [m].
    """

    time: np.ndarray
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    hands: np.ndarray
    forearms: np.ndarray
    pitch: np.ndarray
    tilt: np.ndarray
    height: np.ndarray
    place: np.ndarray
    yaw: np.ndarray
    balls: dict[str, np.ndarray]
    arm_rest: np.ndarray
    arms: np.ndarray
    standing: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a run met its criterion.

    Attributes:
        success: It did.
        measured: The number that decides, in `unit`.
        required: What it had to reach or stay below.
        unit: "m", "rad", "m/s", "periods", "share".
        text: One line for people.
    """

    success: bool
    measured: float
    required: float
    unit: str
    text: str


def judgement(success, measured, required: float, unit: str, text: str) -> Judgement:
    """A judgement out of numpy's numbers."""
    return Judgement(bool(success), float(measured), required, unit, text)


def rotations(quat: np.ndarray) -> np.ndarray:
    """Rotation matrices of (w, x, y, z) quaternions, body to world, shape (T, 3, 3)."""
    w, x, y, z = np.moveaxis(np.asarray(quat, float), -1, 0)
    return np.stack((1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
                     2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                     2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), -1).reshape(*w.shape, 3, 3)


def trajectory(truths: Sequence[Truth], model: RobotModel, body: UpperBody) -> Trajectory:
    """The run that `truths` tell of, one a tick."""
    pos = np.array([one.base_pos for one in truths])
    rotation = rotations(np.array([one.base_quat for one in truths]))
    joint_pos = np.array([one.joint_pos for one in truths])

    def local(points: np.ndarray) -> np.ndarray:
        return np.einsum("tji,t...j->t...i", rotation, points)

    hands = np.array([one.hands for one in truths]) - pos[:, None]
    balls = {colour: local(np.array([one.balls[colour] for one in truths]) - pos) for colour in truths[0].balls}
    return Trajectory(
        time=frozen([one.time for one in truths]), joint_pos=frozen(joint_pos),
        joint_vel=frozen([one.joint_vel for one in truths]), hands=frozen(local(hands)),
        forearms=frozen([body.forearms(q) for q in joint_pos]),
        # The base's x axis sinks by sin(pitch).
        pitch=frozen(np.arcsin(np.clip(-rotation[:, 2, 0], -1.0, 1.0))),
        tilt=frozen(np.arccos(np.clip(rotation[:, 2, 2], -1.0, 1.0))),
        height=frozen([one.torso_height for one in truths]), place=frozen(pos[:, :2]),
        yaw=frozen(np.unwrap([one.yaw for one in truths])), balls={c: frozen(b) for c, b in balls.items()},
        arm_rest=model.default, arms=model.groups["arms"], standing=body.standing_height)


def lasting(flags: np.ndarray, time: np.ndarray, span: float = SPAN) -> bool:
    """Whether `flags` stays true for `span` seconds somewhere."""
    since = None
    for flag, now in zip(flags, time, strict=True):
        since = (now if since is None else since) if flag else None
        if since is not None and now - since >= span - 1e-9:
            return True
    return False


def best_lasting(values: np.ndarray, time: np.ndarray, span: float = SPAN) -> float:
    """The lowest level that `values` stay at or below for `span` seconds."""
    ticks = max(1, int(np.ceil(span / max(np.median(np.diff(time)), 1e-9) - 1e-9)) + 1) if len(time) > 1 else 1
    if ticks > len(values):
        return float("inf")
    return float(np.lib.stride_tricks.sliding_window_view(values, ticks).max(axis=1).min())


def fell(run: Trajectory) -> bool:
    """Whether the robot fell over."""
    return bool(np.any(run.tilt > FALLEN_TILT))


def swings(lateral: np.ndarray, least: float = WAVE_SWING) -> float:
    """Full periods of an oscillation: half the number of its sweeps that are at least `least` long."""
    halves, direction, extreme = 0, 0.0, lateral[0]
    for value in lateral:
        if direction * (value - extreme) > 0.0:
            extreme = value
        elif abs(value - extreme) >= least:
            halves, direction, extreme = halves + 1, np.sign(value - extreme), value
    return 0.5 * halves


def wave(run: Trajectory, side: str) -> Judgement:
    """The hand is above the shoulder and goes to and fro sideways."""
    hand = run.hands[:, SIDES.index(side)]
    up = hand[:, 2] >= WAVE_HEIGHT
    periods = swings(hand[up, 1]) if up.any() else 0.0
    return judgement(periods >= WAVE_PERIODS, periods, WAVE_PERIODS, "periods",
                     f"the {side} hand waved {periods:g} times above the shoulder")


def raise_arms(run: Trajectory) -> Judgement:
    """Both hands above the head for a moment."""
    height = -best_lasting(-run.hands[:, :, 2].min(axis=1), run.time)
    return judgement(height >= HEAD_HEIGHT, height, HEAD_HEIGHT, "m", f"the lower hand reached {height:.2f} m")


def lower_arms(run: Trajectory) -> Judgement:
    """The arms end at rest."""
    last = run.time >= run.time[-1] - SPAN
    away = float(np.abs(run.joint_pos - run.arm_rest)[last][:, run.arms].max())
    return judgement(away <= REST_ANGLE, away, REST_ANGLE, "rad", f"the arms ended {away:.2f} rad from rest")


def bow(run: Trajectory) -> Judgement:
    """The torso leans forward and comes back: to where it was, or to the reflex's stand where a walk stood more upright."""
    lean = run.pitch - run.pitch[0]
    deepest = int(np.argmax(lean))
    back = float(lean[deepest:].min())
    upright = back <= BOW_BACK or run.pitch[deepest:].min() <= BOW_STAND
    return judgement(lean[deepest] >= BOW_PITCH and upright, lean[deepest], BOW_PITCH, "rad",
                     f"the torso leant {lean[deepest]:.2f} rad and came back to {back:.2f} rad")


def sit_down(run: Trajectory) -> Judgement:
    """The torso ends lower."""
    drop = run.standing - best_lasting(run.height[-_ticks(run, 0.5):], run.time[-_ticks(run, 0.5):])
    return judgement(drop >= CROUCH_DROP, drop, CROUCH_DROP, "m", f"the torso sank {100 * drop:.1f} cm")


def stand_up(run: Trajectory) -> Judgement:
    """The torso ends at standing height."""
    drop = run.standing - float(run.height[-_ticks(run, SPAN):].mean())
    return judgement(drop <= STAND_DROP, drop, STAND_DROP, "m", f"the torso ended {100 * drop:.1f} cm below standing")


def point_at(run: Trajectory, direction: str) -> Judgement:
    """A forearm points the way, for a moment."""
    cosine = np.clip(run.forearms @ DIRECTIONS[direction], -1.0, 1.0)
    sides = {"left": [0], "right": [1], "ahead": [0, 1]}[direction]
    off = min(best_lasting(np.arccos(cosine[:, side]), run.time) for side in sides)
    return judgement(off <= POINT_ANGLE, off, POINT_ANGLE, "rad", f"the arm pointed {np.degrees(off):.0f}° off {direction}")


def touch_ball(run: Trajectory, colour: str) -> Judgement:
    """A hand comes to the ball and stays a moment."""
    gaps = np.linalg.norm(run.hands - run.balls[colour][:, None], axis=-1)
    gap = min(best_lasting(gaps[:, side], run.time, 0.1) for side in range(2))
    return judgement(gap <= TOUCH_DISTANCE, gap, TOUCH_DISTANCE, "m",
                     f"a hand came within {100 * gap:.1f} cm of the {colour} ball")


def walk(run: Trajectory, velocity: tuple[float, float, float]) -> Judgement:
    """The second half of the run goes the commanded way at WALK_SHARE of its speed; told to stop, it stands."""
    last = slice(len(run.time) // 2, None)
    span = run.time[last][-1] - run.time[last][0]
    turned = float(run.yaw[last][-1] - run.yaw[last][0])
    heading = run.yaw[last][0] + 0.5 * turned
    moved = run.place[last][-1] - run.place[last][0]
    ahead = moved @ (np.cos(heading), np.sin(heading))
    aside = moved @ (-np.sin(heading), np.cos(heading))
    speed = np.array((ahead, aside, TURN_RADIUS * turned)) / max(span, 1e-9)
    wanted = np.array(velocity) * (1.0, 1.0, TURN_RADIUS)
    if not wanted.any():
        still = float(np.linalg.norm(speed))
        return judgement(still <= STILL_SPEED, still, STILL_SPEED, "m/s", f"the robot moved at {still:.2f} m/s")
    share = float(speed @ wanted / (wanted @ wanted))
    return judgement(share >= WALK_SHARE, share, WALK_SHARE, "share", f"the robot went at {100 * share:.0f} % of the command")


def _ticks(run: Trajectory, span: float) -> int:
    """How many of the last ticks lie within `span` seconds of the end."""
    return max(1, int(np.count_nonzero(run.time >= run.time[-1] - span - 1e-9)))


CRITERIA = {
    "wave_right": lambda run, one: wave(run, "right"),
    "wave_left": lambda run, one: wave(run, "left"),
    "raise_arms": lambda run, one: raise_arms(run),
    "lower_arms": lambda run, one: lower_arms(run),
    "bow": lambda run, one: bow(run),
    "sit_down": lambda run, one: sit_down(run),
    "stand_up": lambda run, one: stand_up(run),
    "point_at": lambda run, one: point_at(run, one.target),
    "touch_ball": lambda run, one: touch_ball(run, one.target),
}


def misplaced(run: Trajectory, instruction: Instruction) -> str:
    """Why a run did not begin where its instruction asks for anything; "" if it did: who is up already need not stand up."""
    if instruction.skill == "stand_up":
        drop = run.standing - float(run.height[0])
        return "" if drop >= CROUCH_DROP else f"it did not begin in a crouch: {100 * drop:.1f} cm below standing"
    if instruction.skill == "lower_arms":
        away = float(np.abs(run.joint_pos - run.arm_rest)[0, run.arms].max())
        return "" if away > REST_ANGLE else f"it did not begin with the arms up: {away:.2f} rad from rest"
    return ""


def judge(run: Trajectory, instruction: Instruction) -> Judgement:
    """Whether `run` did what `instruction` asks for. A fall fails everything."""
    if fell(run):
        return judgement(False, run.tilt.max(), FALLEN_TILT, "rad", f"fell: tilt {run.tilt.max():.2f} rad")
    if instruction.velocity is not None:
        return walk(run, instruction.velocity)
    return CRITERIA[instruction.skill](run, instruction)
