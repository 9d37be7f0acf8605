"""Walking a circle, by its radius and its angle."""

from __future__ import annotations

import math

import numpy as np

from arbiter.skill import Parameter, Progress, Verification
from skills import criteria
from skills.course import Place
from skills.pacing import Walking
from skills.recordings import Way

FASTEST_TURN = 0.8  # [rad/s] as in turning on the spot: a narrow circle is walked more slowly
AHEAD = 0.25  # [m] by which it is further on the circle than it has turned: its policy turns too slowly to follow the circle
SPARED = 0.8  # of the fastest turn that the policy was made for: the rest is for coming back to the circle


class WalkInCircle(Walking):
    """Walks a circle, to the left by default."""

    name = "walk_in_circle"
    utterances = (
        "walk in a circle",
        "go in a circle",
        "walk around in circles",
        "walk round and round",
        "make a circle as you walk",
        "do a lap",
        "circle around",
        "walk a loop",
        "go around in a big circle",
        "move along a circle",
        "walk in circles",
        "trace a circle on the floor with your feet",
    )
    parameters = (
        Parameter("speed", "m/s", 0.3, 0.1, 0.5),
        Parameter("side", "", "left", choices=("left", "right")),
        Parameter("angle", "rad", 2 * math.pi, 0.5, 4 * math.pi),
        Parameter("radius", "m", 0.6, 0.4, 2.0),
        Parameter("duration", "s", None, 0.5, 40.0),
    )

    def outside(self, place: Place, progress: Progress) -> float:
        """How far it is outside of the circle [m]; negative: inside."""
        radius = progress.number("radius")
        return math.hypot(place.ahead, place.left - self._sign(progress) * radius) - radius

    def astray(self, place: Place, progress: Progress) -> float:
        return abs(self.outside(place, progress))

    def steer(self, speed: float, place: Place, progress: Progress) -> np.ndarray:
        sign, radius = self._sign(progress), progress.number("radius")
        spot = self.goal(sign * place.turned * radius, progress)
        if self._by_strokes or place.towards(spot)[0] < -AHEAD:
            self.turn_by_strokes()
            return self.strokes(spot, place, sign * speed / radius, progress)
        inwards = self._line.command(self.outside(place, progress), progress.elapsed)
        turn = self._heading.command(self._swept(place, progress) - sign * place.turned, progress.elapsed)
        return np.array((speed, sign * inwards, sign * (self.speed(place, progress) / radius + turn)))

    @staticmethod
    def _sign(progress: Progress) -> float:
        return 1.0 if progress.word("side") == "left" else -1.0

    def _swept(self, place: Place, progress: Progress) -> float:
        """Angle of the circle until `place` [rad]; the heading tells which time round it is."""
        sign, radius = self._sign(progress), progress.number("radius")
        angle, turned = math.atan2(place.ahead, radius - sign * place.left), sign * place.turned
        return angle + 2.0 * math.pi * round((turned - angle) / (2.0 * math.pi))

    def pace(self, progress: Progress) -> float:
        most = FASTEST_TURN if progress.commands is None else min(FASTEST_TURN, SPARED * progress.commands[2])
        return min(super().pace(progress), most * progress.number("radius"))

    def target(self, progress: Progress) -> float:
        return progress.number("radius") * progress.number("angle")

    def goal(self, asked: float, progress: Progress) -> Place:
        sign, radius = self._sign(progress), progress.number("radius")
        angle = asked / radius
        return Place(radius * math.sin(angle), sign * radius * (1.0 - math.cos(angle)), sign * angle)

    def gone(self, place: Place, progress: Progress) -> float:
        turned = self._sign(progress) * place.turned if self._by_strokes else self._swept(place, progress)
        return progress.number("radius") * turned

    def towards(self, progress: Progress) -> np.ndarray:
        return np.array((1.0, 0.0, 0.0))

    def criterion(self, run: Way, progress: Progress) -> Verification | None:
        radius = progress.number("radius")
        return criteria.circle(run, self._sign(progress) * self.asked(progress) / radius, radius)
