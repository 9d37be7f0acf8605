"""Success criteria of the skills: pure functions of the measurements of a run.

The same functions judge a run on the robot (`skills.measured`: joints, IMU and camera), an evaluation and the report of a
simulated run (`training.pi0.data.success`, `deploy.observers.in_truth`: the simulation's true state).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arbiter.skill import Verification
from skills.recordings import Recording, Way

WAVE_SWING = 0.05  # [m] peak to peak, sideways
WAVE_PERIODS = 2.0
BOW_PITCH = 0.20  # [rad] of the torso
BOW_BACK = 0.10  # [rad] of what the torso leant before: upright again
BOW_STAND = 0.15  # [rad] upright as well: the balance reflex stands at 0.1, where the soles of the default posture are level
CROUCH_DROP = 0.03  # [m] of the torso's centre of mass below its standing height
STAND_DROP = 0.015  # [m] below standing height that still counts as standing
POINT_ANGLE = float(np.radians(20.0))
TOUCH_DISTANCE, TOUCH_SPAN = 0.04, 0.1  # [m] between hand and the ball's centre, and [s] for which
FACE_ANGLE = float(np.radians(5.0))
BACK_DISTANCE, BACK_ANGLE = 0.15, float(np.radians(10.0))  # [m], [rad] from where it began: it is back
REST_ANGLE = 0.30  # [rad] of an arm joint from the default posture
WALK_SHARE = 0.5  # of the commanded velocity
STILL_SPEED = 0.08  # [m/s]
STILL_WAY = 0.1  # [m] that a robot which stands may have moved in the second half of the time
TURN_RADIUS = 0.3  # [m] at which turning counts as moving
SPAN = 0.2  # [s] that a posture must last
BOW_SWING = 0.12  # [rad] of the torso, the least that counts as going down or up again
NEAR_SHARE, NEAR_LEAST = 0.04, 0.05  # of the asked way, and [m]: a walk that ends nearer to where it should has gone the way
NEAR_ANGLE = float(np.radians(3.0))  # a turn that ends nearer to its angle has turned it, a walk to its heading kept it
HALF = 0.5  # of a short way or a small angle: no more may be missing
FALLEN_TILT = 0.9  # [rad] of the base
SIDES = ("left", "right")
DIRECTIONS = {"left": np.array((0.0, 1.0, 0.0)), "right": np.array((0.0, -1.0, 0.0)), "ahead": np.array((1.0, 0.0, 0.0))}


def verification(success, measured, required: float, unit: str, text: str) -> Verification:
    """A verification from NumPy values."""
    return Verification(bool(success), float(measured), float(required), unit, text)


def best_lasting(values: np.ndarray, time: np.ndarray, span: float = SPAN) -> float:
    """The lowest level below which `values` stay for `span` seconds."""
    ticks = max(1, int(np.ceil(span / max(np.median(np.diff(time)), 1e-9) - 1e-9)) + 1) if len(time) > 1 else 1
    if ticks > len(values):
        return float("inf")
    return float(np.lib.stride_tricks.sliding_window_view(values, ticks).max(axis=1).min())


def swings(lateral: np.ndarray, least: float = WAVE_SWING) -> float:
    """Full periods of an oscillation: half the number of its sweeps that are at least `least` long."""
    halves, direction, extreme = 0, 0.0, lateral[0]
    for value in lateral:
        if direction * (value - extreme) > 0.0:
            extreme = value
        elif abs(value - extreme) >= least:
            halves, direction, extreme = halves + 1, np.sign(value - extreme), value
    return 0.5 * halves


def fallen(run: Way) -> Verification | None:
    """A failed verification if the robot fell over; None otherwise."""
    tilt = float(run.tilt.max())
    return verification(False, tilt, FALLEN_TILT, "rad", f"fell: tilt {tilt:.2f} rad") if tilt > FALLEN_TILT else None


def wave(run: Recording, side: str, periods: float = WAVE_PERIODS) -> Verification:
    """The hand, above the shoulder, moves sideways and back, `periods` times."""
    hand = run.hands[:, SIDES.index(side)]
    up = hand[:, 2] >= run.shoulders + run.hand_doubt
    waved = swings(hand[up, 1], WAVE_SWING + 2.0 * run.hand_doubt) if up.any() else 0.0
    return verification(
        waved >= periods,
        waved,
        periods,
        "periods",
        f"the {side} hand waved {waved:g} times above the shoulder, at least {periods:g} asked",
    )


def raise_arms(run: Recording) -> Verification:
    """Both hands above the head for a moment."""
    height = -best_lasting(-run.hands[:, :, 2].min(axis=1), run.time)
    return verification(
        height >= run.head, height, run.head, "m", f"the lower hand reached {height:.2f} m, at least {run.head:.2f}"
    )


def lower_arms(run: Recording) -> Verification:
    """The arms end at rest."""
    last = run.time >= run.time[-1] - SPAN
    away = float(np.abs(run.joint_pos - run.arm_rest)[last][:, run.arms].max())
    return verification(
        away <= REST_ANGLE, away, REST_ANGLE, "rad", f"the arms ended {away:.2f} rad from rest, at most {REST_ANGLE:.2f}"
    )


def bow(run: Recording, count: float = 1.0) -> Verification:
    """The torso leans forward and comes back, `count` times: to its first pitch, or to that of the reflex's stand if the walking
    policy stood more upright."""
    lean = run.pitch - run.pitch[0]
    deepest = int(np.argmax(lean))
    back = float(lean[deepest:].min())
    upright = back <= BOW_BACK or run.pitch[deepest:].min() <= BOW_STAND
    bows = swings(lean, BOW_SWING)
    if count > 1.0 and bows < count:
        return verification(False, bows, count, "periods", f"the torso bowed {bows:g} times, at least {count:g} asked")
    return verification(
        lean[deepest] >= BOW_PITCH and upright,
        lean[deepest],
        BOW_PITCH,
        "rad",
        f"the torso leant {lean[deepest]:.2f} rad, at least {BOW_PITCH:.2f}, and came back to {back:.2f} rad",
    )


def sit_down(run: Recording) -> Verification:
    """The torso ends lower."""
    drop = run.standing - best_lasting(run.height[-_ticks(run, 0.5) :], run.time[-_ticks(run, 0.5) :])
    return verification(
        drop >= CROUCH_DROP, drop, CROUCH_DROP, "m", f"the torso sank {100 * drop:.1f} cm, at least {100 * CROUCH_DROP:.1f}"
    )


def stand_up(run: Recording) -> Verification:
    """The torso ends at standing height."""
    drop = run.standing - float(run.height[-_ticks(run, SPAN) :].mean())
    return verification(
        drop <= STAND_DROP,
        drop,
        STAND_DROP,
        "m",
        f"the torso ended {100 * drop:.1f} cm below standing, at most {100 * STAND_DROP:.1f}",
    )


def point_at(run: Recording, direction: str) -> Verification:
    """A forearm points in the direction for a moment."""
    cosine = np.clip(run.forearms @ DIRECTIONS[direction], -1.0, 1.0)
    sides = {"left": [0], "right": [1], "ahead": [0, 1]}[direction]
    off = min(best_lasting(np.arccos(cosine[:, side]), run.time) for side in sides)
    return verification(
        off <= POINT_ANGLE,
        off,
        POINT_ANGLE,
        "rad",
        f"the arm pointed {np.degrees(off):.0f}° off {direction}, at most {np.degrees(POINT_ANGLE):.0f}",
    )


def touch_ball(run: Recording, colour: str, doubt: float = 0.0, side: str = "") -> Verification:
    """A hand, that of `side` if it is named, reaches the ball and stays for a moment. `doubt`: largest error of the ball's
    position [m]."""
    gaps = np.linalg.norm(run.hands - run.balls[colour][:, None], axis=-1)
    gap = min(best_lasting(gaps[:, i], run.time, TOUCH_SPAN) for i, name in enumerate(SIDES) if side in ("", name))
    most, hand = TOUCH_DISTANCE - doubt, f"{side} hand".lstrip()
    return verification(gap <= most, gap, most, "m", f"{hand} {gap:.3f} m from the {colour} ball, at most {most:.3f}")


def beside_ball(ball: np.ndarray, colour: str, reach: float, shoulders: Sequence[np.ndarray]) -> Verification:
    """A ball at `ball` is in front, and a hand reaches it. `reach`: Of an arm [m]. Ball and `shoulders` [m, base frame]."""
    gap = float(min(np.linalg.norm(ball - shoulder) for shoulder in shoulders))
    text = f"the {colour} ball is {gap:.2f} m from a shoulder, at most {reach:.2f}, and {ball[0]:.2f} m ahead"
    return verification(gap <= reach and ball[0] > 0.0, gap, reach, "m", text)


def facing(ball: np.ndarray, colour: str) -> Verification:
    """The robot looks towards a ball at `ball` [m, base frame]."""
    off = abs(float(np.arctan2(ball[1], ball[0])))
    text = f"the {colour} ball is {np.degrees(off):.0f}° off ahead, at most {np.degrees(FACE_ANGLE):.0f}"
    return verification(off <= FACE_ANGLE, off, FACE_ANGLE, "rad", text)


def returned(off: float, turned: float) -> Verification:
    """The robot is back, `off` [m] and `turned` [rad] away."""
    text = (
        f"{off:.2f} m and {np.degrees(abs(turned)):.0f}° from where it began, at most {BACK_DISTANCE:.2f} m and "
        f"{np.degrees(BACK_ANGLE):.0f}°"
    )
    return verification(off <= BACK_DISTANCE and abs(turned) <= BACK_ANGLE, off, BACK_DISTANCE, "m", text)


def walk(run: Way, velocity: tuple[float, float, float]) -> Verification:
    """The second half of the run has at least WALK_SHARE of the commanded velocity; at zero command the robot stands."""
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
        still, way = float(np.linalg.norm(speed)), float(np.linalg.norm(moved))
        if way > STILL_WAY:
            return verification(False, way, STILL_WAY, "m", f"the robot moved away by {way:.2f} m, at most {STILL_WAY:.2f}")
        return verification(
            still <= STILL_SPEED, still, STILL_SPEED, "m/s", f"the robot moved at {still:.3f} m/s, at most {STILL_SPEED:.2f}"
        )
    share = float(speed @ wanted / (wanted @ wanted))
    return verification(
        share >= WALK_SHARE,
        share,
        WALK_SHARE,
        "share",
        f"the robot went at {100 * share:.0f} % of the command, at least {100 * WALK_SHARE:.0f}",
    )


def walked(run: Way) -> tuple[float, float]:
    """Displacement of the base forward and to the left [m], in the heading in which it began."""
    x, y = run.place[-1] - run.place[0]
    c, s = np.cos(run.yaw[0]), np.sin(run.yaw[0])
    return float(c * x + s * y), float(c * y - s * x)


def near(asked: float) -> float:
    """How far from where it should end a walk of `asked` metres may end [m]."""
    return min(max(NEAR_LEAST, NEAR_SHARE * asked), HALF * asked)


def distance(run: Way, direction: tuple[float, float], asked: float) -> Verification | None:
    """The torso ends `asked` metres along `direction`, (x, y) in the heading in which it began, and in that heading. None: it
    was not measured where it ended."""
    ahead, left = walked(run)
    gone, aside = ahead * direction[0] + left * direction[1], abs(ahead * direction[1] - left * direction[0])
    off, most = float(run.yaw[-1] - run.yaw[0]), near(asked)
    text = f"went {gone:.2f} m of {asked:.2f} m, at most {most:.2f} off"
    if run.drift > most:
        return None
    if aside > max(most, NEAR_LEAST):
        return verification(False, aside, most, "m", f"{text}, and {aside:.2f} m aside")
    if abs(off) > NEAR_ANGLE:
        return verification(False, off, NEAR_ANGLE, "rad", f"{text}, and turned {np.degrees(off):.0f}°")
    return verification(abs(gone - asked) <= most, gone, asked, "m", text)


def angle(run: Way, asked: float) -> Verification:
    """The base turns by `asked` [rad], positive to the left."""
    turned = float(run.yaw[-1] - run.yaw[0])
    most = min(NEAR_ANGLE, HALF * abs(asked))
    return verification(
        abs(turned - asked) <= most,
        turned,
        asked,
        "rad",
        f"turned {np.degrees(turned):.0f}° of {np.degrees(asked):.0f}°, at most {np.degrees(most):.0f}° off",
    )


def circle(run: Way, asked: float, radius: float) -> Verification | None:
    """The base turns by `asked` [rad], positive to the left, on a circle of `radius` metres, and ends where that ends. None: it
    was not measured where it ended."""
    turned, side = angle(run, asked), float(np.sign(asked))
    c, s = np.cos(run.yaw[0]), np.sin(run.yaw[0])
    place = (run.place - run.place[0]) @ np.array(((c, -s), (s, c)))  # ahead, to the left
    wide = float(np.hypot(place[:, 0], place[:, 1] - side * radius).mean())
    end = radius * np.array((np.sin(abs(asked)), side * (1.0 - np.cos(asked))))
    off, most = float(np.hypot(*(place[-1] - end))), near(radius * abs(asked))
    if run.drift > most:
        return None
    text = f"{turned.text}; radius {wide:.2f} m of {radius:.2f} m; ended {off:.2f} m off, at most {most:.2f}"
    return verification(
        turned.success and off <= most and abs(wide - radius) <= near(radius), turned.measured, asked, "rad", text
    )


def _ticks(run: Recording, span: float) -> int:
    """Number of ticks within the last `span` seconds."""
    return max(1, int(np.count_nonzero(run.time >= run.time[-1] - span - 1e-9)))
