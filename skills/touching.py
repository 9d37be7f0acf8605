"""Touching a ball that the camera sees, by the chunk policy."""

from __future__ import annotations

import numpy as np

from arbiter.body import Body
from arbiter.skill import Parameter, Progress, Verification
from arbiter.types import Request, RobotState, Sighting
from skills import criteria
from skills.criteria import TOUCH_DISTANCE
from skills.gestures import Gesture
from skills.recordings import Recording

COLOURS = ("red", "green", "blue")


class TouchBall(Gesture):
    """Touches the red, green or blue ball that the camera sees."""

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
    parameters = (Parameter("colour", choices=COLOURS), Parameter("duration", "s", 4.0, 1.0, 20.0))

    def request(self, state: RobotState, progress: Progress) -> Request:
        return Request(prompt=f"touch the {_meant(progress) or COLOURS[0]} ball", elapsed=progress.elapsed)

    def impossible(self, state: RobotState, progress: Progress) -> str:
        """Decided by the first sighting, because later the hand may hide the ball."""
        if not progress.sightings:
            return f"no ball in view: {progress.blind}" if progress.blind else ""
        colour, others = _meant(progress), ", ".join(progress.sightings[0].balls)
        if not colour:
            near = _within_reach(progress.sightings[0], progress.body)
            return f"which ball? {', '.join(near)} are within reach; say its colour" if near else "no ball in view"
        if any(colour in seen.balls for seen in progress.sightings):
            ball = next(seen.balls[colour] for seen in progress.sightings if colour in seen.balls)
            far = _beyond(ball, progress.body)
            return "" if far <= 0.0 else f"the {colour} ball is {_where(ball)}, out of reach by {far:.2f} m"
        return f"no {colour} ball in view" + (f"; in view: {others}" if others else "")

    def criterion(self, run: Recording, progress: Progress) -> Verification | None:
        colour = _meant(progress)
        return criteria.touch_ball(run, colour, run.doubt) if colour in run.balls else None


def _meant(progress: Progress) -> str:
    """The colour of the ball that is meant: as said, else of the only one within reach, else of the only one in view; "" if
    that is none."""
    if progress.parameters.get("colour"):
        return progress.word("colour")
    for seen in progress.sightings[:1]:
        for there in (_within_reach(seen, progress.body), list(seen.balls)):
            if len(there) == 1:
                return there[0]
    return ""


def _within_reach(seen: Sighting, body: Body) -> list[str]:
    return [colour for colour, ball in seen.balls.items() if _beyond(ball, body) <= 0.0]


def _beyond(ball: np.ndarray, body: Body) -> float:
    """How far a ball [m, base frame] is out of reach [m]; negative within."""
    return min(float(np.linalg.norm(ball - arm.root)) for arm in body.hands.values()) - (body.reach + TOUCH_DISTANCE)


def _where(point: np.ndarray) -> str:
    """A point [m, base frame] in words, seen from the robot."""
    ahead, left = float(point[0]), float(point[1])
    parts = [
        f"{abs(ahead):.2f} m {'ahead' if ahead > 0.0 else 'behind me'}",
        f"{abs(left):.2f} m to my {'left' if left > 0.0 else 'right'}",
    ]
    return " and ".join(parts if abs(ahead) >= abs(left) else parts[::-1])
