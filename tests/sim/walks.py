"""The walks of `tests.sim.distances`: what is said, and what it asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

DIRECTIONS = {"forward": (1.0, 0.0), "backward": (-1.0, 0.0), "left": (0.0, 1.0), "right": (0.0, -1.0)}
VERBS = {"forward": "walk forward", "backward": "walk backward", "left": "sidestep left", "right": "sidestep right"}
SPEEDS = {"slow": "slowly", "default": "", "fast": "quickly"}


@dataclass(frozen=True, slots=True)
class Walk:
    """One instruction.

    Attributes:
        text: What is said. group: Line of the table.
        way: "forward", "backward", "left", "right", "turn" or "circle".
        amount: Way [m], or angle [rad] of a turn; of a circle: its length [m]; of a walk for a duration: [s].
        sign: 1 to the left, -1 to the right.
        timed: `amount` is a duration.
    """

    text: str
    group: str
    way: str
    amount: float
    sign: float = 1.0
    timed: bool = False

    @property
    def direction(self) -> tuple[float, float]:
        return DIRECTIONS[self.way]

    def asked(self, speed: float) -> float:
        """The way [m], or angle [rad] of a turn; `speed` as it was understood [m/s, rad/s]."""
        return speed * self.amount if self.timed else self.amount


def walks() -> list[Walk]:
    """All of them."""
    return [*straight(), *turns(), *circles(), *timed()]


def straight() -> list[Walk]:
    found = []
    for way, verb in VERBS.items():
        for name, how in SPEEDS.items():
            for text, metres in (("30 cm", 0.3), ("1 meter", 1.0), ("2 meters", 2.0)):
                found.append(Walk(f"{verb} {text} {how}".strip(), f"{way}, {name}", way, metres))
    found += [Walk(f"walk forward {n} meters", "forward, default", "forward", n) for n in (3.0, 4.5)]
    found += [Walk("walk backward 3 meters", "backward, default", "backward", 3.0)]
    found += [Walk("walk forward 2 meters at 0.2 m/s", "forward, slow", "forward", 2.0)]
    return found


def turns() -> list[Walk]:
    found = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, how in SPEEDS.items():
            for degrees in (20, 90, 180):
                text = f"turn {side} {degrees} degrees {how}".strip()
                found.append(Walk(text, f"turn, {name}", "turn", math.radians(degrees), sign))
    return found


def circles() -> list[Walk]:
    found = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, how in SPEEDS.items():
            text = f"walk in a circle to the {side} {how}".strip()
            found.append(Walk(text, f"circle, {name}", "circle", 2.0 * math.pi * 0.6, sign))
        text = f"walk in a circle of 1 meter radius to the {side}"
        found.append(Walk(text, "circle, default", "circle", 2.0 * math.pi, sign))
    return found


def timed() -> list[Walk]:
    found = [
        Walk(f"walk forward for 6 seconds {how}".strip(), "for 6 s, forward", "forward", 6.0, timed=True)
        for how in SPEEDS.values()
    ]
    found.append(Walk("walk backward for 6 seconds", "for 6 s, others", "backward", 6.0, timed=True))
    found.append(Walk("sidestep left for 6 seconds", "for 6 s, others", "left", 6.0, timed=True))
    return found
