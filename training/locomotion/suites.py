"""The evaluation's episodes: each suite is a list of worlds and a length, the same for every policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from training.locomotion.arena import EpisodeConditions
from training.locomotion.floors import Floor

SETTLE = 3.0  # [s] until the velocity counts as reached


@dataclass(frozen=True, slots=True)
class Suite:
    """Episodes to run.

    Attributes:
        name: For tables.
        worlds: One episode each.
        seconds: Length of each [s].
        rate_hz: Rate to run the policy at; None: its own.
    """

    name: str
    worlds: list[EpisodeConditions] = field(default_factory=list)
    seconds: float = 8.0
    rate_hz: float | None = None


def hold(command: tuple[float, float, float], **conditions) -> EpisodeConditions:
    """One command from start to end."""
    return EpisodeConditions(commands=((0.0, command),), **conditions)


def grid() -> list[tuple[float, float, float]]:
    """The commands over which tracking is measured: x +-0.5, y +-0.2 m/s, yaw +-0.8 rad/s, slow ones and zero included."""
    return [(x, y, yaw) for x in (-0.5, -0.25, 0.0, 0.25, 0.5) for y in (-0.2, 0.0, 0.2) for yaw in (-0.8, 0.0, 0.8)]


FEW = [
    (0.3, 0.0, 0.0),
    (-0.3, 0.0, 0.0),
    (0.0, 0.2, 0.0),
    (0.0, -0.2, 0.0),
    (0.0, 0.0, 0.5),
    (0.0, 0.0, -0.5),
    (0.1, 0.0, 0.0),
    (0.3, 0.0, 0.5),
]


def changing(rng: np.random.Generator, seconds: float) -> tuple[tuple[float, tuple[float, float, float]], ...]:
    """Random commands, one in five zero, that change every 2 to 5 s."""
    found, time = [], 0.0
    while time < seconds:
        command = rng.uniform((-0.5, -0.2, -0.8), (0.5, 0.2, 0.8)) * (rng.random() > 0.2)
        found.append((time, tuple(float(v) for v in command)))
        time = round((time + rng.uniform(2.0, 5.0)) * 50.0) / 50.0
    return tuple(found)


def randomised(rng: np.random.Generator, seconds: float) -> EpisodeConditions:
    """Conditions within what the real robot may bring."""
    return EpisodeConditions(
        friction=float(rng.uniform(0.4, 1.2)),
        mass=float(rng.uniform(0.95, 1.05)),
        payload=(float(rng.uniform(0.0, 0.3)), float(rng.uniform(0.0, 0.3))),
        gain=float(rng.uniform(0.9, 1.1)),
        latency=float(rng.integers(0, 11)) * 0.002,
        noise=0.5,
        commands=changing(rng, seconds),
    )


def pushed(rng: np.random.Generator, speed: float) -> EpisodeConditions:
    """A push from a random side at 3 s, on the plain model, while one of several commands holds."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    command = [(0.0, 0.0, 0.0), *FEW][rng.integers(len(FEW) + 1)]
    return replace(hold(command), pushes=((3.0, (float(speed * np.cos(angle)), float(speed * np.sin(angle)))),))


def storm(rng: np.random.Generator, seconds: float) -> EpisodeConditions:
    """Starts and stops 0.1 to 1 s apart, in any direction."""
    found, time = [], 0.0
    while time < seconds:
        command = rng.uniform((-0.5, -0.2, -0.8), (0.5, 0.2, 0.8)) * one_axis_or_all(rng) * (rng.random() > 0.4)
        found.append((time, tuple(float(v) for v in command)))
        time = round((time + rng.uniform(0.1, 1.0)) * 50.0) / 50.0
    return EpisodeConditions(commands=tuple(found))


def rough_storm(rng: np.random.Generator, seconds: float) -> EpisodeConditions:
    """A storm within what the real robot may bring."""
    return replace(randomised(rng, seconds), commands=storm(rng, seconds).commands)


def one_axis_or_all(rng: np.random.Generator) -> np.ndarray:
    """A mask of x, y, yaw: half of the time one of them, else all, shape (3,)."""
    return np.eye(3)[rng.integers(3)] if rng.random() < 0.5 else np.ones(3)


def floors(rng: np.random.Generator, n: int) -> dict[str, list[EpisodeConditions]]:
    """Walks of 8 s over what real floors are, and with what a robot carries; `n` of each."""

    def walks(floor: Callable[[], Floor]) -> list[EpisodeConditions]:
        return [hold(FEW[k % len(FEW)], floor=floor()) for k in range(n)]

    def downhill() -> float:
        return float(rng.uniform(0.0, 2.0 * np.pi))

    found = {f"slope of {angle} degrees": walks(lambda a=angle: Floor(np.radians(a), downhill())) for angle in (3, 5)}
    for low, high in ((0.005, 0.01), (0.01, 0.02)):
        bumps = (low, high)
        name = f"bumps of {1e3 * low:.0f} to {1e3 * high:.0f} mm"
        found[name] = walks(lambda b=bumps: Floor(bumps=b, layout=int(rng.integers(2**31))))
    found["soft floor"] = walks(lambda: Floor(softness=float(rng.uniform(0.08, 0.12))))
    found["1 kg in one hand"] = [hold(FEW[k // 2 % len(FEW)], payload=((1.0, 0.0), (0.0, 1.0))[k % 2]) for k in range(n)]
    return found


def suites(episodes: int = 100, seed: int = 0) -> list[Suite]:
    """Every suite; `episodes` scales the long ones (100 is the full evaluation)."""
    rng = np.random.default_rng(seed)
    pushes, waves = max(4, episodes * 6 // 10), max(4, episodes // 5)
    return [
        Suite("grid", [hold(command) for command in grid()]),
        Suite("random", [randomised(rng, 20.0) for _ in range(episodes)], seconds=20.0),
        Suite("push 0.5 m/s", [pushed(rng, 0.5) for _ in range(pushes)], seconds=7.0),
        Suite("arms waving", [hold(FEW[k % len(FEW)], waving=0.6) for k in range(waves)]),
        Suite("push 0.8 m/s", [pushed(rng, 0.8) for _ in range(pushes)], seconds=7.0),
        Suite("storm", [storm(rng, 20.0) for _ in range(pushes)], seconds=20.0),
        Suite("storm, as random", [rough_storm(rng, 20.0) for _ in range(pushes)], seconds=20.0),
        *(Suite(name, uneven) for name, uneven in floors(rng, 4 * waves // 5).items()),
        *(Suite(f"friction {mu}", [hold(command, friction=mu) for command in FEW]) for mu in (0.4, 0.6, 0.8, 1.0, 1.2)),
        *(Suite(f"{rate:.0f} Hz", [hold(command) for command in FEW], rate_hz=rate) for rate in (25.0, 50.0)),
    ]
