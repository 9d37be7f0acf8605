"""Evaluates one instruction that needs both kinds of policy: walk to a ball, then touch it, judged in MuJoCo's truth.

    python -m training.pi0.walk_and_touch --runs 50
    python -m training.pi0.walk_and_touch --page PAGE.md --strip PICTURES.png

Each run starts a robot at the origin with three balls at random places, 0.5 to 2 m away and within 60 degrees to either side,
at heights that the arms reach, and says "walk to the red ball and touch it" with a random colour. The ball is touched when a
hand was within 4 cm of its centre for 0.1 s. Lockstep simulation: the result does not depend on the machine's speed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from deploy.cli.command import CommandParser, in_one_line
from deploy.cli.extras import extra
from deploy.cli.options import seed
from training.pi0.data import fanout


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser("training.pi0.walk_and_touch", description=__doc__)
    p.add_argument("--runs", type=int, default=50, help="random starts")
    p.add_argument("--seed", type=seed, default=0, help="seed of the first start; each has the next one")
    p.add_argument("--tree", default="default.yaml", help="tree file whose skills and policies are tried")
    p.add_argument("--json", type=Path, help="JSON file for all results")
    p.add_argument("--page", type=Path, help="writes the results as a page, .md")
    p.add_argument("--strip", type=Path, help="pictures of the first run, side by side, .png")
    fanout.add_argument(p)
    return p


with extra(__name__, parser):
    import numpy as np

    from deploy.drivers.sensors.raycast import RayCaster, look_at
    from deploy.drivers.sensors.sim_camera import put
    from deploy.drivers.simulated.scene import BALL_COLOURS
    from deploy.drivers.simulated.simulated_robot import Pose, Scene, SimulatedRobot
    from deploy.drivers.simulated.truth import Truth
    from deploy.observers.in_truth import TrueRun
    from deploy.observers.video import FIELD
    from deploy.runtime.assemble import assemble
    from deploy.runtime.config import load_tree
    from deploy.runtime.provenance import commit
    from deploy.runtime.session import Session
    from skills.criteria import fallen, touch_ball
    from training.router.figures import Share

NEAREST, FURTHEST, ASIDE = 0.5, 2.0, math.radians(60.0)  # [m], [m], [rad] of the balls from where the robot stands
LOW, HIGH = 0.5, 0.7  # [m] of the balls' centres above the floor
APART = 0.3  # [m] between two balls over the floor
TEXTS = ("walk to the {} ball and touch it", "go to the {} ball and touch it", "walk up to the {} ball, then touch it")
READY, LIMIT, AFTER = 20.0, 90.0, 0.5  # [s]
PICTURES, WIDTH, HEIGHT = 5, 300, 240  # of a strip
STAND, AIM = np.array((2.6, -3.2, 1.5)), np.array((0.7, 0.1, 0.45))  # [m] of the strip's camera and what it looks at


@dataclass(frozen=True, slots=True)
class BallWalk:
    """One start and what came of it.

    Attributes:
        seed: Of the start. text: What was said. colour: Of the ball.
        distance, bearing, height: Of the ball from where the robot stood [m], [rad], [m].
        result: Of the instruction. reason: As it was told.
        gap: Least distance between a hand and the ball [m] that lasted for 0.1 s, in truth.
        touched, fell: In truth.
        impossible: It was told to be impossible here, before anything was measured.
        seconds: From the words to the end.
    """

    seed: int
    text: str
    colour: str
    distance: float
    bearing: float
    height: float
    result: str
    reason: str
    gap: float
    touched: bool
    fell: bool
    impossible: bool
    seconds: float

    def __str__(self) -> str:
        sign = "FELL" if self.fell else "ok  " if self.touched else "miss"
        place = f"{self.distance:.2f} m {math.degrees(self.bearing):+4.0f}° {self.height:.2f} m high"
        told = f"{self.result}: {self.reason}"
        return f"{self.seed:3d} {sign} {place}, hand {self.gap:.3f} m, {self.seconds:4.1f} s: {told}"


def scene_of(number: int) -> tuple[dict[str, tuple[float, float, float]], str, str]:
    """Balls [m, world] by colour, the colour that is asked for, and the words."""
    rng = np.random.default_rng((7, number))
    balls: dict[str, tuple[float, float, float]] = {}
    for colour in rng.permutation(list(BALL_COLOURS)).tolist():
        while True:
            far, aside = rng.uniform(NEAREST, FURTHEST), rng.uniform(-ASIDE, ASIDE)
            place = (far * math.cos(aside), far * math.sin(aside), rng.uniform(LOW, HIGH))
            if all(math.dist(place[:2], other[:2]) >= APART for other in balls.values()):
                break
        balls[colour] = place
    colour = str(rng.choice(list(BALL_COLOURS)))
    return balls, colour, TEXTS[number % len(TEXTS)].format(colour)


class BallWalkLoop:
    """The default tree on a simulated robot that stands among balls.

    Attributes:
        robot: The simulated one.
        truths, poses: Of every tick since the words.
    """

    def __init__(self, tree: str, number: int, balls: dict[str, tuple[float, float, float]]) -> None:
        self.assembly = assemble(load_tree(tree), fast=True, seed=number, scene=Scene(balls=balls))
        assert isinstance(self.assembly.robot, SimulatedRobot)
        self.robot = self.assembly.robot
        self.truths: list[Truth] = []
        self.poses: list[Pose] = []
        observers = [*self.assembly.observers, self._keep]
        self._session = Session(self.robot, self.assembly.arbiter, self.assembly.clock, [], observers)
        self._session.start()
        self._until(lambda: self.assembly.arbiter.world.ready, READY)
        self._until(lambda: False, 1.0)

    def _keep(self, report) -> None:
        self.truths.append(self.robot.truth)
        self.poses.append(self.robot.pose)

    def _until(self, done, limit: float) -> None:
        end = self._session.clock.now + limit
        while not done() and self._session.clock.now < end:
            self._session.step()

    def say(self, text: str):
        """Says it and waits until it has ended. Returns the instruction."""
        log = self.assembly.arbiter.executor.log
        count = log.total
        self.truths.clear()
        self.poses.clear()
        self.assembly.arbiter.inbox.say(text)
        self._until(lambda: log.total > count and log[-1].finished is not None, LIMIT)
        self._until(lambda: False, AFTER)
        return log[-1]


def run_once(job: tuple[int, str, Path | None]) -> BallWalk:
    """One start: its number, the tree, and where to put its pictures."""
    number, tree, pictures = job
    balls, colour, text = scene_of(number)
    loop = BallWalkLoop(tree, number, balls)
    try:
        item = loop.say(text)
        if pictures is not None:
            strip(loop, pictures)
        run, (x, y, z) = TrueRun(loop.truths, loop.robot.model), balls[colour]
        touch, seconds = touch_ball(run, colour), float(run.time[-1] - run.time[0]) - AFTER
        place = round(math.hypot(x, y), 3), round(math.atan2(y, x), 3), round(z, 3)
        told, gap = (str(item.result), item.reason), round(touch.measured, 4)
        impossible = bool(item.measured) and item.measured[-1][1] is None
        judged = gap, touch.success, fallen(run) is not None, impossible, round(seconds, 2)
        return BallWalk(number, text, colour, *place, *told, *judged)
    finally:
        loop.assembly.close()


def strip(loop: BallWalkLoop, path: Path) -> None:
    """Pictures of a run, side by side: from the words to the touch."""
    import mujoco
    from PIL import Image

    model = loop.robot.mj_model
    data, caster = mujoco.MjData(model), RayCaster(model, WIDTH, HEIGHT, FIELD, shadows=True)
    shown = []
    for index in np.linspace(0, len(loop.poses) - 1, PICTURES).round().astype(int):
        put(model, data, loop.poses[index])
        shown.append(caster.render(data, STAND, look_at(STAND, AIM)))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack(shown)).save(path, optimize=True)


def table(found: Sequence[BallWalk]) -> list[str]:
    """The results as lines of Markdown."""

    def row(what: str, hits: int) -> str:
        low, high = Share(hits, len(found)).interval()
        return f"| {what} | {hits} of {len(found)} | {low:.0f} to {high:.0f} % |"

    missed = [one for one in found if not one.touched]
    told = sum(one.impossible for one in missed)
    seconds = sorted(one.seconds for one in found if one.touched) or [math.nan]
    lines = ["| | starts | 95 % |", "|---|---|---|"]
    lines.append(row("a hand within 4 cm of the ball, in truth", len(found) - len(missed)))
    lines.append(row('told to be impossible: "I do not see it", "out of reach"', told))
    lines += [row("not touched for another reason", len(missed) - told), row("falls", sum(one.fell for one in found))]
    lines.append(row("touched, and told so", sum(one.touched and one.result == "succeeded" for one in found)))
    lines.append(row("told so, and not touched", sum(not one.touched and one.result == "succeeded" for one in found)))
    gaps = 1e3 * np.median([one.gap for one in found if one.touched] or [math.nan])
    lines += ["", f"From the words to the end: {seconds[len(seconds) // 2]:.1f} s (median), at most {seconds[-1]:.1f} s. "]
    lines[-1] += f"Hand to centre where it touched: {gaps:.0f} mm (median)."
    return lines


def page(found: Sequence[BallWalk], arguments: argparse.Namespace, picture: str) -> str:
    """The page of results."""
    at = (commit() or "no commit")[:7]
    command = f"python -m training.pi0.walk_and_touch --runs {arguments.runs} --seed {arguments.seed}"
    odd = [f"- {one}" for one in found if not one.touched or one.result != "succeeded"]
    return "\n".join(
        [
            "# Walk to a ball and touch it",
            "",
            "One instruction, both kinds of policy: the camera finds the ball, the walking policy goes there, and the chunk "
            "policy touches it. What the skills do: [walk_to_ball](../reference/skills.md#walk_to_ball) and "
            "[touch_ball](../reference/skills.md#touch_ball).",
            "",
            f"`{command}`, {date.today()} ({at}), made by the command. Three balls at random places, {NEAREST:g} to "
            f"{FURTHEST:g} m away, within {math.degrees(ASIDE):.0f}° to either side, {LOW:g} to {HIGH:g} m high; one of them is "
            "asked for. Lockstep simulation with sensor noise, judged by MuJoCo's true state.",
            "",
            *table(found),
            *(["", f"![From the words to the touch]({picture})"] if picture else []),
            "",
            "Starts that were not touched, or not told as a success:" if odd else "Each start was touched and told as a success.",
            *(["", *odd] if odd else []),
            "",
        ]
    )


def main(argv: list[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    numbers = range(arguments.seed, arguments.seed + arguments.runs)
    jobs = ((number, arguments.tree, arguments.strip if number == arguments.seed else None) for number in numbers)
    found = []
    for one in fanout.run(run_once, jobs, arguments.ray_address):
        found.append(one)
        print(one, flush=True)
    print("\n".join(table(found)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in found], indent=1), encoding="utf-8")
    if arguments.page:
        picture = "" if arguments.strip is None else f"../assets/{arguments.strip.name}"
        arguments.page.write_text(page(found, arguments, picture), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(in_one_line(main))
