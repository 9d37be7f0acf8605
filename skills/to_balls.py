"""Going to a ball and facing one: found by the camera, remembered while it is out of sight."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Self

import numpy as np

from arbiter.ball_memory import bearing_of, doubt_of
from arbiter.body import Body
from arbiter.frames import to_base
from arbiter.robot import RobotModel
from arbiter.skill import Outcome, Parameter, Progress, Verification
from arbiter.types import RememberedBall, RobotState, Standpoint
from skills import criteria
from skills.approach import PACE, Guided, ToGo
from skills.recordings import Recording
from skills.touching import ABOVE, COLOURS

COLOUR = Parameter("colour", choices=COLOURS)
AHEAD, OUTWARD = 0.74, 1.15  # of an arm's reach, and of the shoulder's distance to the middle: where a hand works best
STRETCH, NEAREST = 0.93, 0.5  # of the reach: a low ball is approached more closely, so that the arm is stretched so far at most
SEARCH, SEARCH_RATE, AIMED = math.radians(60.0), 0.5, 0.1  # [rad] to both sides, [rad/s], [rad] at which it turns back
RECENT, AGAIN = 1.5, 3.0  # [s] since it was last seen; a robot that is there looks so long for it


def asked(progress: Progress) -> str:
    """The colour that the words name, "" for none."""
    return progress.word("colour") if progress.parameters.get("colour") else ""


class ToBall(Guided):
    """What is common: which ball is meant, and the search for it.

    Without a colour it is the only ball in view, else the only one that is remembered. A ball that is nowhere is searched for by
    turning SEARCH to both sides and back.
    """

    sees = True

    _colour = ""
    _sweeps: tuple[float, ...] = ()
    _swept = 0

    def unfit(self, robot: RobotModel) -> str:
        """Why the robot cannot do it: without hands it has nothing to reach a ball with."""
        known = robot.body is not None and robot.body.hands and robot.body.feet
        return super().unfit(robot) or ("" if known else f"the robot {robot.name} has no hands and feet that are known")

    def seeing(self, colours: tuple[str, ...]) -> Self:
        """It goes to whatever is found."""
        made = copy.copy(self)
        made.parameters = tuple(replace(one, choices=colours) if one.name == "colour" else one for one in self.parameters)
        return made

    def ball(self, progress: Progress) -> RememberedBall | None:
        """The ball that is meant; None: not found yet, or `_why` says what is in the way."""
        known = progress.surroundings.balls
        if not self._colour:
            self._colour = asked(progress) or self._only(progress)
        return known.get(self._colour)

    def _only(self, progress: Progress) -> str:
        """The colour of the one ball that there is; "" for none."""
        latest = [seen.balls for seen in progress.sightings[-1:]]
        there = sorted(latest[0] if latest and latest[0] else progress.surroundings.balls)
        if len(there) > 1:
            self._why = f"which ball? there are {', '.join(there)}; say its colour"
        return there[0] if len(there) == 1 else ""

    def togo(self, here: Standpoint, progress: Progress) -> ToGo | None:
        ball = self.ball(progress)
        if ball is None:
            return None
        self._sweeps, self._swept = (), 0
        return self.towards(ball, here, progress)

    def towards(self, ball: RememberedBall, here: Standpoint, progress: Progress) -> ToGo:
        """What is left to go for a ball."""
        raise NotImplementedError

    def lost(self, here: Standpoint, progress: Progress) -> float:
        if self._why:
            return 0.0
        if progress.blind and not progress.sightings:
            self._why = f"{progress.blind}; {f'no {self._colour} ball' if self._colour else 'no ball'} is remembered"
            return 0.0
        if not self._sweeps:
            self._sweeps = here.heading + SEARCH, here.heading - SEARCH, here.heading
        off = self._sweeps[self._swept] - here.heading
        if abs(off) < AIMED:
            self._swept += 1
            if self._swept == len(self._sweeps):
                self._why = self._not_seen(progress)
                return 0.0
        return math.copysign(SEARCH_RATE, self._sweeps[self._swept] - here.heading)

    def _not_seen(self, progress: Progress) -> str:
        others = ", ".join(sorted(progress.surroundings.balls))
        name = f"the {self._colour} ball" if self._colour else "a ball"
        sides = progress.blind or f"looked {math.degrees(SEARCH):.0f}° to both sides"
        return f"I do not see {name}: {sides}" + (f"; known: {others}" if others else "")

    def measured(self, state: RobotState, progress: Progress) -> Verification | None:
        ball = progress.surroundings.balls.get(self._colour)
        if ball is None or state.estimate is None:
            return criteria.verification(False, math.inf, 0.0, "m", f"no {self._colour} ball is known".replace("  ", " "))
        return self.worth(to_base(ball.position, state, progress.body), self._colour, progress.body)

    def criterion(self, run: Recording, progress: Progress) -> Verification | None:
        colour = self._colour or asked(progress) or (next(iter(run.balls)) if len(run.balls) == 1 else "")
        return self.worth(run.balls[colour][-1], colour, progress.body) if colour in run.balls else None

    def worth(self, ball: np.ndarray, colour: str, body: Body) -> Verification:
        """The criterion, of a ball [m, base frame]."""
        raise NotImplementedError


class WalkToBall(ToBall):
    """Walks to a ball until a hand reaches it."""

    name = "walk_to_ball"
    utterances = (
        "walk over to the ball",
        "walk up to the ball",
        "head over to the ball",
        "approach the ball",
        "walk until you are close to the ball",
        "move over to the ball",
        "go and stand in front of the ball",
        "go over to the ball",
        "go up to the ball",
        "walk towards the ball",
        "walk all the way to the ball",
        "stroll over to the ball",
        "march up to the ball",
        "make your way to the ball",
    )
    parameters = (COLOUR, PACE)

    _side = 0.0
    _there = math.inf

    def towards(self, ball: RememberedBall, here: Standpoint, progress: Progress) -> ToGo:
        ahead, left = bearing_of(ball.position, here)
        self._side = self._side or math.copysign(1.0, left)
        front, aside = self._place(self._height, progress.body)
        aside *= self._side
        far = math.hypot(ahead, left)
        way = math.sqrt(max(far**2 - aside**2, 0.0)) - front
        if way <= self.near:
            return ToGo(ahead - front, left - aside)
        turn = math.atan2(left, ahead) - math.asin(aside / far)
        return ToGo(way * math.cos(turn), way * math.sin(turn), turn)

    @staticmethod
    def _place(height: float, body: Body) -> tuple[float, float]:
        """Where a ball at a height [m, base frame] is best: ahead and to one side [m]."""
        root = max((arm.root for arm in body.hands.values()), key=lambda root: root[1])
        low = min(abs(height - float(root[2])), STRETCH * body.reach)
        ahead = min(AHEAD * body.reach, math.sqrt((STRETCH * body.reach) ** 2 - low**2))
        return max(ahead, NEAREST * body.reach), OUTWARD * float(root[1])

    _height = 0.0

    def impossible(self, state: RobotState, progress: Progress) -> str:
        ball = progress.surroundings.balls.get(self._colour)
        if self._why or ball is None or state.estimate is None:
            return self._why
        body, at = progress.body, to_base(ball.position, state, progress.body)
        self._height = float(at[2])
        front, aside = self._place(self._height, body)
        shoulder = next(iter(body.hands.values())).root
        gap = math.hypot(front, aside - abs(float(shoulder[1])), self._height - float(shoulder[2]))
        beyond = max(gap - body.reach, self._height - body.shoulders - ABOVE)
        if beyond <= 2.0 * doubt_of(ball, progress.surroundings.way):
            return ""
        high = self._height - float(body.torso[2]) + body.standing
        return f"the {self._colour} ball is {high:.2f} m high, out of reach by {beyond:.2f} m"

    def finish(self, state: RobotState, progress: Progress) -> Outcome:
        """There, and the ball is seen, or was looked for long enough."""
        done, ball = super().finish(state, progress), progress.surroundings.balls.get(self._colour)
        if done is not Outcome.SUCCESS:
            self._there = math.inf
            return done
        self._there = min(self._there, progress.elapsed)
        unseen = ball is None or state.stamp - ball.stamp > RECENT
        return Outcome.RUNNING if unseen and progress.elapsed - self._there < AGAIN else done

    def worth(self, ball: np.ndarray, colour: str, body: Body) -> Verification:
        return criteria.beside_ball(ball, colour, body.reach, [arm.root for arm in body.hands.values()])


class FaceBall(ToBall):
    """Turns on the spot until it looks towards a ball."""

    name = "face_ball"
    utterances = (
        "face the ball",
        "turn to face the ball",
        "turn your body to the ball",
        "rotate to face the ball",
        "orient yourself towards the ball",
        "pivot to face the ball",
        "turn and look at the ball",
        "turn until you face the ball",
        "turn round to face the ball",
        "turn to the ball",
        "turn towards the ball",
        "look towards the ball",
    )
    parameters = (COLOUR, PACE)

    def towards(self, ball: RememberedBall, here: Standpoint, progress: Progress) -> ToGo:
        ahead, left = bearing_of(ball.position, here)
        return ToGo(0.0, 0.0, math.atan2(left, ahead))

    def worth(self, ball: np.ndarray, colour: str, body: Body) -> Verification:
        return criteria.facing(ball, colour)
