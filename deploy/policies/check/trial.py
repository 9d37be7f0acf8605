"""Standing and walking of one card in simulation, as a few figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arbiter.robot import RobotModel
from deploy.policies.check.drive import DrivePlan, DriveResult, Ground, Push, velocity
from policies.locomotion.card import PolicyCard

FORWARD, SIDEWAYS, TURN = 0.4, 0.25, 0.5  # [m/s], [m/s], [rad/s] where neither robot nor card say how fast it goes
START = 1.5  # [s] that a walk is given to find its speed
PUSH = 0.3  # [m/s]
PUSHES = (Push(1.0, PUSH, 0.0), Push(2.0, -PUSH, 0.0), Push(3.0, 0.0, PUSH), Push(4.0, 0.0, -PUSH))
AXES = ("forward", "sideways", "turn")


def plans(card: PolicyCard, model: RobotModel) -> dict[str, DrivePlan]:
    """What a card is tried with, the most telling first. A policy without a velocity command stands only."""
    if not any(term.term == "velocity_command" for term in card.observations):
        return {"stand": DrivePlan((0.0, 0.0, 0.0)), "pushed standing": DrivePlan((0.0, 0.0, 0.0), pushes=PUSHES)}
    usual = {"forward": FORWARD, "sideways": SIDEWAYS, "turn": TURN} | {
        way: model.speeds[way][1] for way in AXES if way in model.speeds
    }
    most = card.commands or (np.inf, np.inf, np.inf)
    ahead, left, turn = (min(usual[way], limit) for way, limit in zip(AXES, most, strict=True))
    return {
        "walk": DrivePlan((ahead, 0.0, 0.0)),
        "stand": DrivePlan((0.0, 0.0, 0.0)),
        "turn left": DrivePlan((ahead, 0.0, turn)),
        "turn right": DrivePlan((ahead, 0.0, -turn)),
        "walk left": DrivePlan((0.75 * ahead, left, 0.0)),
        "walk right": DrivePlan((0.75 * ahead, -left, 0.0)),
        "pushed standing": DrivePlan((0.0, 0.0, 0.0), pushes=PUSHES),
        "pushed walking": DrivePlan((ahead, 0.0, 0.0), pushes=PUSHES),
    }


@dataclass(frozen=True, slots=True)
class Trial:
    """What one card did. Figures of courses that ended early are nan.

    Attributes:
        courses: By name.
        driven: Indices of the policy's joints, robot order.
    """

    courses: dict[str, DriveResult]
    driven: np.ndarray
    model: RobotModel

    def failures(self, *names: str) -> dict[str, str]:
        """Why courses ended early, by name; of all of them, or of these."""
        return {name: c.failed for name, c in self.courses.items() if c.failed and (not names or name in names)}

    @property
    def lasted(self) -> float:
        """Mean share of the time that the courses lasted."""
        return float(np.mean([course.share if course.failed else 1.0 for course in self.courses.values()]))

    def reached(self, axis: int) -> float:
        """Speed reached over speed asked for: forward (0), sideways (1), yaw (2); of the last two, the mean of both ways."""
        names = (("walk",), ("walk left", "walk right"), ("turn left", "turn right"))[axis]
        found = [self.courses[name] for name in names if name in self.courses]
        if len(found) < len(names) or any(course.failed for course in found):
            return float("nan")
        return float(np.mean([velocity(course, START)[axis] / course.plan.velocity[axis] for course in found]))

    @property
    def tracking(self) -> float:
        """Mean distance of what was reached from 1, at most 1 for each axis."""
        known = [min(1.0, abs(1.0 - value)) for value in map(self.reached, range(3)) if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    @property
    def rocking(self) -> float:
        """Root mean square of the roll and pitch rate while it walks undisturbed [rad/s]."""
        names = [name for name in ("walk", "turn left", "turn right") if name in self.courses and not self.courses[name].failed]
        rates = [truth.base_ang_vel[:2] for name in names for truth in self.courses[name].truth]
        return float(np.sqrt(np.mean(np.square(rates)))) if rates else float("nan")

    @property
    def unrest(self) -> float:
        """Root mean square of its joints' velocity while it stands, the first second left out [rad/s]."""
        course = self.courses.get("stand")
        if course is None or course.failed:
            return float("nan")
        return float(np.sqrt(np.mean([np.square(t.joint_vel[self.driven]) for t in course.truth if t.time > 1.0])))


def try_card(
    ground: Ground, policy, courses: dict[str, DrivePlan], stop: Callable[[DriveResult], bool] = lambda course: False
) -> Trial:
    """Drives every course, or until `stop` says that it is enough."""
    found: dict[str, DriveResult] = {}
    for name, plan in courses.items():
        found[name] = ground.drive(policy, plan)
        if stop(found[name]):
            break
    return Trial(found, np.flatnonzero(policy.joints), ground.model)


def course_error(course: DriveResult) -> float:
    """How badly one course went: 1 to 2 where it ended early, else by how much it missed the command and rocked."""
    if course.failed or not course.truth:
        return 2.0 - course.share
    asked, got = np.array(course.plan.velocity), velocity(course, START)
    axis = int(np.argmax(np.abs(asked) * (0.1, 2.0, 1.0)))  # the one that the course is about
    miss = abs(1.0 - got[axis] / asked[axis]) if asked[axis] else float(np.abs(got).max())
    rates = np.array([truth.base_ang_vel[:2] for truth in course.truth])
    return 0.5 * min(1.0, float(miss)) + 0.2 * min(2.0, float(np.sqrt(np.mean(np.square(rates)))))
