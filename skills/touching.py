"""Touching a ball that the camera sees, by the chunk policy."""

from __future__ import annotations

import numpy as np

from arbiter.body import Body
from arbiter.skill import Parameter, Progress, Verification
from arbiter.types import Request, RobotState, Sighting
from skills import criteria
from skills.gestures import Gesture
from skills.measured import SIDES
from skills.recordings import Recording

COLOURS = ("red", "green", "blue")  # that the chunk policy was trained on
ABOVE = 0.06  # [m] above the shoulders: it was trained on no ball that was higher


class TouchBall(Gesture):
    """Touches the red, green or blue ball that the camera sees, with the hand on its side."""

    sees = True

    name = "touch_ball"
    utterances = (
        "touch the ball",
        "touch the red ball",
        "touch the blue ball",
        "touch the green ball",
        "put your hand on the ball",
        "reach for the ball",
        "tap the ball",
        "reach out and touch the red ball",
        "place your hand on the green ball",
        "feel the ball",
        "make contact with the ball",
        "poke the ball",
    )
    parameters = (
        Parameter("colour", choices=COLOURS),
        Parameter("side", choices=SIDES),
        Parameter("duration", "s", 4.0, 1.0, 20.0),
    )

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(prompt=f"touch the {_meant(progress) or COLOURS[0]} ball", elapsed=progress.elapsed)

    def impossible(self, state: RobotState, progress: Progress) -> str:
        """Decided by the first sighting, because later the hand may hide the ball."""
        if not progress.sightings:
            return f"no ball in view: {progress.blind}" if progress.blind else ""
        colour, first, side = _meant(progress), progress.sightings[0], _side(progress)
        if not colour:
            near = _within_reach(first, progress)
            return f"which ball? {', '.join(near)} are within reach; say its colour" if near else _none(side)
        if colour not in COLOURS:
            return f"the only ball there is {colour}; it touches {', '.join(COLOURS[:-1])} or {COLOURS[-1]} ones"
        ball = next((seen.balls[colour] for seen in progress.sightings if colour in seen.balls), None)
        if ball is None:
            return f"no {colour} ball in view" + (f"; in view: {', '.join(first.balls)}" if first.balls else "")
        far = out_of_reach(ball, progress.body)
        if far > 0.0:
            return f"the {colour} ball is {_where(ball)}, out of reach by {far:.2f} m"
        close = too_close(ball, progress.body)
        if close > 0.0:
            return f"the {colour} ball is {_where(ball)}, too close to my shoulder by {close:.2f} m"
        if side not in ("", side_of(ball)):
            return f"the {colour} ball is {_where(ball)}: the {side} hand touches balls on the {side}"
        return ""

    def criterion(self, run: Recording, progress: Progress) -> Verification | None:
        colour = _meant(progress)
        return criteria.touch_ball(run, colour, run.doubt, _side(progress)) if colour in run.balls else None


def out_of_reach(ball: np.ndarray, body: Body) -> float:
    """By how much a ball [m, base frame] is further or higher than a hand touches it [m]; negative within reach."""
    far = min(float(np.linalg.norm(ball - arm.root)) for arm in body.hands.values()) - body.reach
    return max(far, float(ball[2]) - body.shoulders - ABOVE)


def too_close(ball: np.ndarray, body: Body) -> float:
    """By how much a ball [m, base frame] is closer to the shoulder on its side than that hand can come [m]; negative where it can
    be touched."""
    return body.nearest - float(np.linalg.norm(ball - body.hands[side_of(ball)].root))


def side_of(ball: np.ndarray) -> str:
    """The hand that touches a ball [m, base frame]."""
    return "left" if ball[1] > 0.0 else "right"


def _side(progress: Progress) -> str:
    """The hand that the words name, "" for none."""
    return progress.word("side") if progress.parameters.get("side") else ""


def _none(side: str) -> str:
    return f"no ball in view that the {side} hand reaches" if side else "no ball in view"


def _meant(progress: Progress) -> str:
    """The colour of the ball that is meant: as said, else of the only one within reach, else of the only one in view; "" if
    that is none."""
    if progress.parameters.get("colour"):
        return progress.word("colour")
    for seen in progress.sightings[:1]:
        for there in (_within_reach(seen, progress), list(seen.balls)):
            if len(there) == 1:
                return there[0]
    return ""


def _within_reach(seen: Sighting, progress: Progress) -> list[str]:
    """Colours of the balls within reach, of the hand that is named."""
    side = _side(progress)
    body = progress.body
    return [
        colour
        for colour, ball in seen.balls.items()
        if max(out_of_reach(ball, body), too_close(ball, body)) <= 0.0 and side in ("", side_of(ball))
    ]


def _where(point: np.ndarray) -> str:
    """A point [m, base frame] in words, seen from the robot."""
    ahead, left = float(point[0]), float(point[1])
    parts = [
        f"{abs(ahead):.2f} m {'ahead' if ahead > 0.0 else 'behind me'}",
        f"{abs(left):.2f} m to my {'left' if left > 0.0 else 'right'}",
    ]
    return " and ".join(parts if abs(ahead) >= abs(left) else parts[::-1])
