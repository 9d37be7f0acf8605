"""What the robot is doing when something goes wrong: the situations of `python -m tests.faults.moments`.

A situation is a function (sim, rng) -> seconds: it starts by itself, with parameters drawn from `rng`, and returns how long it
is under way from there [s]. Add one with three lines and `@situation("name")`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.sim.rig import SimRun

Begin = Callable[[SimRun, np.random.Generator], float]

SITUATIONS: dict[str, Begin] = {}
HAND_OVER = 4.0  # [s] after the second instruction in which legs change hands
BOW = 3.6  # [s]
WAVE = 4.2  # [s]


def situation(name: str) -> Callable[[Begin], Begin]:
    """Registers a situation under its name."""

    def register(begin: Begin) -> Begin:
        SITUATIONS[name] = begin
        return begin

    return register


def walk(words: str, slowest: float, fastest: float, unit: str = "m/s") -> Begin:
    """A walk or a turn at a random speed for a random time, and a second of coming to rest."""

    def begin(sim: SimRun, rng: np.random.Generator) -> float:
        speed, seconds = rng.uniform(slowest, fastest), rng.uniform(4.0, 8.0)
        sim.arbiter.inbox.say(f"{words} at {speed:.2f} {unit} for {seconds:.1f} seconds")
        return seconds + 1.0

    return begin


WALKS = {
    "forward": walk("walk forward", 0.1, 0.5),
    "backward": walk("walk backward", 0.1, 0.3),
    "left": walk("sidestep left", 0.05, 0.2),
    "right": walk("sidestep right", 0.05, 0.2),
    "turn-left": walk("turn left", 0.2, 0.8, "rad/s"),
    "turn-right": walk("turn right", 0.2, 0.8, "rad/s"),
}
SITUATIONS.update(WALKS)


@situation("wave")
def wave(sim: SimRun, rng: np.random.Generator) -> float:
    sim.arbiter.inbox.say(f"wave your {rng.choice(('left', 'right'))} hand")
    return WAVE


@situation("bow")
def bow(sim: SimRun, rng: np.random.Generator) -> float:
    sim.arbiter.inbox.say("take a bow")
    return BOW


@situation("walk-bow")
def walk_bow(sim: SimRun, rng: np.random.Generator) -> float:
    """Legs go from the walking policy to the chunk policy."""
    WALKS[str(rng.choice(tuple(WALKS)))](sim, rng)
    sim.wait(rng.uniform(1.0, 4.0))
    return bow(sim, rng)


@situation("bow-walk")
def bow_walk(sim: SimRun, rng: np.random.Generator) -> float:
    """Legs go from the chunk policy to the walking policy in the middle of a bow."""
    bow(sim, rng)
    sim.wait(rng.uniform(1.0, BOW))
    WALKS[str(rng.choice(tuple(WALKS)))](sim, rng)
    return HAND_OVER


@situation("wave-walk")
def wave_walk(sim: SimRun, rng: np.random.Generator) -> float:
    """Arms go home while the legs start to walk."""
    wave(sim, rng)
    sim.wait(rng.uniform(0.5, WAVE))
    WALKS[str(rng.choice(tuple(WALKS)))](sim, rng)
    return HAND_OVER
