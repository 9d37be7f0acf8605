"""Prints how well the robot knows where it is: random walks in simulation, judged by its truth, as a Markdown table.

    python -m tests.estimate_table [--walks 100] [--first 1000] [--solref 0.02]

Each walk has its own plan, friction (0.4 to 1.2), sensor noise, biases of accelerometer and gyroscope, and joints that are read
4 ms before the IMU, as on the rig; half of them move the arms, half are pushed. The robot stands for 10 s before.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import mujoco
import numpy as np
from tqdm import tqdm

from arbiter.estimation.estimator import BaseEstimator
from deploy.drivers.simulated import scene
from deploy.drivers.simulated.simulated_robot import Scene
from deploy.runtime.bodies import SENSOR_NOISE
from skills.rotations import rotations
from tests.estimate_rig import DT, MODEL, STILL, EndErrors, Walk, errors_of

NOISE = replace(SENSOR_NOISE, ang_vel_bias=0.005)
LATE = 0.004  # [s]
REST, END = 10.0, 1.6  # [s]
KINDS = {"forward": 0.28, "backward": 0.18, "sideways": 0.24, "turn": 0.08, "circle": 0.1, "mixed": 0.12}
HEAD = "| {} | walks | distance % | end, % of the way | end cm | velocity m/s | heading ° |\n|---|---|---|---|---|---|---|"
COLUMNS = (("position", (slice(2),)), ("velocity", (slice(2),)), ("heading", ()))
Plan = list[tuple[float, tuple[float, float, float]]]


class WavingWalk(Walk):
    """One whose arms may move."""

    waves: np.ndarray | None = None  # frequency [Hz] and amplitude [rad], shape (2, n)

    def arms(self, now: float) -> np.ndarray:
        if self.waves is None or now < REST:
            return MODEL.default
        swing = self.waves[1] * np.sin(2.0 * np.pi * self.waves[0] * (now - REST))
        asked = np.clip(MODEL.default + swing, MODEL.lower, MODEL.upper)
        return np.where(MODEL.groups["arms"], asked, MODEL.default)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A walk as each method has it. `sigmas`: how many of its own standard deviations the estimate of the end is off."""

    kind: str
    fell: bool
    errors: dict[str, EndErrors]
    sigmas: float
    doubted: bool


def command_of(kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A velocity [m/s], [rad/s] that the policy was trained for."""
    side = float(rng.choice((-1.0, 1.0)))
    return {
        "forward": lambda: (rng.uniform(0.15, 0.5), 0.0, 0.0),
        "backward": lambda: (-rng.uniform(0.12, 0.4), 0.0, 0.0),
        "sideways": lambda: (0.0, side * rng.uniform(0.08, 0.2), 0.0),
        "turn": lambda: (0.0, 0.0, side * rng.uniform(0.3, 0.8)),
        "circle": lambda: (rng.uniform(0.15, 0.4), 0.0, side * rng.uniform(0.2, 0.6)),
    }[kind]()


def plan_of(kind: str, rng: np.random.Generator) -> Plan:
    if kind != "mixed":
        return [(rng.uniform(6.0, 10.0), command_of(kind, rng))]
    return [(rng.uniform(2.0, 4.0), command_of(str(rng.choice(list(KINDS)[:5])), rng)) for _ in range(3)]


def walk_of(seed: int) -> Outcome:
    """The walk of a seed."""
    rng = np.random.default_rng((seed, 99))
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    plan = plan_of(kind, rng)
    walk = WavingWalk(seed, NOISE, Scene(balls={}, friction=float(rng.uniform(0.4, 1.2))), LATE)
    if rng.random() < 0.5:
        walk.waves = np.stack((rng.uniform(0.2, 0.8, MODEL.n), rng.uniform(0.1, 0.5, MODEL.n)))
    pushed, commands = rng.random() < 0.5, [STILL] * round(1.0 / DT)
    walk.go(STILL, REST - 1.0)
    commands += [STILL] * (len(walk.found) - len(commands))
    for seconds, velocity in [*plan, (END, STILL)]:
        size, angle = rng.uniform(0.1, 0.4), rng.uniform(0.0, 2.0 * np.pi)
        push = (size * np.cos(angle), size * np.sin(angle), 0.0) if pushed else None
        walk.go(velocity, 0.5 * seconds).go(velocity, 0.5 * seconds, push=push)
        commands += [velocity] * (len(walk.found) - len(commands))
    return judged(kind, walk, np.array(commands))


def leg_odometry(soles: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Way of the torso's centre of mass, x, y [m], shape (T, 2), if the sole that carries never moves: what walks went by before
    there was an estimate. A foot takes over once the other is clearly off the floor.

    Args:
        soles: Corners from that point [m], base frame, shape (T, feet, p, 3).
        turned: Rotation of the base, body to world, shape (T, 3, 3).
    """
    corners = np.einsum("tij,tfpj->tfpi", turned, soles)
    low = corners[..., 2].min(axis=2)
    load = np.exp((low[..., None] - corners[..., 2]) / 0.001)
    way, foot = np.zeros((len(soles), 2)), int(low[0].argmin())
    for k in range(1, len(soles)):
        heights = 0.5 * (low[k - 1] + low[k])
        foot = int(heights.argmin()) if heights[foot] - heights.min() > 0.005 else foot
        share = load[k - 1, foot] + load[k, foot]
        way[k] = way[k - 1] - share @ (corners[k, foot, :, :2] - corners[k - 1, foot, :, :2]) / share.sum()
    return way


def judged(kind: str, walk: Walk, commands: np.ndarray) -> Outcome:
    since = round((REST - 0.5) / DT)
    q, quat = (np.array([getattr(one, name) for one in walk.readings]) for name in ("joint_pos", "base_quat"))
    turned, centre = rotations(quat), MODEL.known_body.torso
    yaw = np.unwrap(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    c, s = np.cos(yaw), np.sin(yaw)
    speed = np.column_stack((c * commands[:, 0] - s * commands[:, 1], s * commands[:, 0] + c * commands[:, 1]))
    legs = leg_odometry(MODEL.known_body.soles(q) - centre, turned)

    def of(place: np.ndarray, velocity: np.ndarray, heading: np.ndarray = yaw) -> EndErrors:
        return errors_of(place[since:], velocity[since:], heading[since:], walk.truth[since:])

    def estimated(creep: float, felt: bool) -> EndErrors:
        estimator, told = BaseEstimator(replace(MODEL, creep=creep)), []
        for reading, command in zip(walk.readings, walk.commands, strict=True):
            told.append(estimator.step(reading if felt else replace(reading, acceleration=None)))
            estimator.sent(command)
        return of(*(np.array([getattr(one, name) for one in told])[:, *cut] for name, cut in COLUMNS))

    found = {
        "estimate": walk.errors(since),
        "estimate, creep not calibrated": estimated(0.0, felt=True),
        "estimate without accelerometer": estimated(MODEL.creep, felt=False),
        "leg odometry: the loaded sole stands still": of(legs, np.gradient(legs, DT, axis=0)),
        "integral of the command, by the IMU's heading": of(DT * np.cumsum(speed, axis=0), speed),
    }
    spread = walk.found[-1].covariance[:2, :2]
    end = found["estimate"].end
    return Outcome(
        kind,
        walk.robot.truth.torso_height < 0.6 * MODEL.known_body.standing,
        found,
        float(np.sqrt(end @ np.linalg.solve(spread, end))),
        any(one.doubt for one in walk.found[since:]),
    )


def row(name: str, found: list[EndErrors]) -> str:
    """Of a method: median and 95 % of each error."""

    def cell(value: Callable[[EndErrors], float], digits: int, scale: float = 1.0, some: list[EndErrors] = found) -> str:
        values = [scale * abs(value(one)) for one in some]
        return f"{np.median(values):.{digits}f} / {np.percentile(values, 95):.{digits}f}" if values else "-"

    gone = [one for one in found if np.linalg.norm(one.shift) > 0.5]
    cells = (
        cell(lambda one: one.distance, 1, 100.0, gone),
        cell(lambda one: one.miss / max(one.way, 0.3), 1, 100.0),
        cell(lambda one: one.miss, 1, 100.0),
        cell(lambda one: one.velocity, 3),
        cell(lambda one: one.heading, 1, 57.3),
    )
    return f"| {name} | {len(found)} | {' | '.join(cells)} |"


def softened(add_floor: Callable, solref: float, spec: mujoco.MjSpec, friction: float) -> None:
    """A floor whose contacts have another time constant [s]."""
    add_floor(spec, friction)
    spec.geom("floor").solref = (solref, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first")
    parser.add_argument("--solref", type=float, default=0.02, help="time constant of the floor's contacts [s] (default 0.02)")
    asked = parser.parse_args()
    scene.add_floor = partial(softened, scene.add_floor, asked.solref)
    outcomes = [walk_of(seed) for seed in tqdm(range(asked.first, asked.first + asked.walks), "walks", leave=False)]
    stood = [one for one in outcomes if not one.fell]
    print(HEAD.format("method"))
    for method in stood[0].errors:
        print(row(method, [one.errors[method] for one in stood]))
    print("\n" + HEAD.format("estimate"))
    for kind in KINDS:
        print(row(kind, [one.errors["estimate"] for one in stood if one.kind == kind]))
    far = sum(one.sigmas > 3.0 for one in stood)
    print(
        f"\nMedian / 95 %. {len(outcomes)} walks, seeds {asked.first} to {asked.first + asked.walks - 1}, "
        f"{len(outcomes) - len(stood)} falls left out. The end is within 3 standard deviations of its own covariance in "
        f"{len(stood) - far} of {len(stood)} walks (median {np.median([one.sigmas for one in stood]):.1f}); "
        f"{sum(one.doubted for one in stood)} walks were not trusted for a moment."
    )


if __name__ == "__main__":
    main()
