"""What a trial says about a card, line by line. Bounds: docs/results/policy-check.md has what right policies show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arbiter.robot import RobotModel
from deploy.policies.check.drive import tilt
from deploy.policies.check.trial import PUSH, START, Trial
from policies.locomotion.probes.probe_finding import ProbeFinding, judged, skipped

# Speed reached over speed asked for: forward, sideways, turning. Walks of others do not follow a slow sidestep well.
REACHED = ((0.6, 1.4), (0.1, 1.5), (0.4, 1.45))
WAYS = ("forward", "sideways", "turning")
UNREST = 0.6  # [rad/s] root mean square of the joints while it stands
DRIFT = 0.25  # [m] in the last four of five seconds of standing
AT_LIMIT = 0.55  # share of time that a leg's motor is at its torque limit, walking
BEYOND = 0.1  # [rad] outside a joint's range: MuJoCo's stops are soft
UNDISTURBED = ("walk", "stand", "turn left", "turn right", "walk left", "walk right")
ORDER = "joint order, signs, scales, gains or rate are not what it was trained with; see what fits better below"


def judge(trial: Trial) -> list[ProbeFinding]:
    """Every line, those that fail first in order of the courses."""
    return [*_stays_up(trial), *_speeds(trial), *_stands(trial), *_motors(trial)]


def broken(trial: Trial) -> bool:
    """Whether anything but the pushes is out of bounds."""
    return any(finding.level in ("fail", "warn") for finding in judge(trial))


def _advice(trial: Trial) -> str:
    """What makes a walk fall; first of all joints of the policy that the tree leaves to others while it walks."""
    model = trial.model
    left = [model.joints[i] for i in trial.driven if not model.groups["legs"][i]]
    if not left:
        return ORDER
    some = ", ".join(left[:3]) + (" ..." if len(left) > 3 else "")
    return (
        f"{len(left)} of its joints are not in the group legs and are held at rest while it walks ({some}); where it needs "
        f"them, robot.yaml says so, such as `groups: {{legs: [legs, waist, arms]}}`. Else {ORDER}"
    )


def _stays_up(trial: Trial) -> Iterator[ProbeFinding]:
    for name in UNDISTURBED:
        if name not in trial.courses:
            continue
        course = trial.courses[name]
        v = course.plan.velocity
        asked = f"{v[0]:.2f}, {v[1]:.2f} m/s, {v[2]:.2f} rad/s for {course.plan.seconds:g} s"
        if course.failed:
            yield ProbeFinding(name, "fail", f"{course.failed} (asked for {asked})", course.share, 1.0, None, _advice(trial))
        elif course.truth:
            worst = max(map(tilt, course.truth))
            yield ProbeFinding(
                name, "pass", f"stays up, tilt up to {worst:.2f} rad ({asked})", worst, None, trial.model.fall_tilt
            )
    for name in ("pushed standing", "pushed walking"):
        if name in trial.courses and not trial.failures(*UNDISTURBED):
            failed = trial.courses[name].failed
            seen = failed or f"stays up, pushed by {PUSH:g} m/s from four sides"
            advice = f"{_advice(trial)}; or it was trained without pushes" if failed else ""
            yield ProbeFinding(name, "warn" if failed else "pass", seen, trial.courses[name].share, 1.0, None, advice)


def _speeds(trial: Trial) -> Iterator[ProbeFinding]:
    if "walk" not in trial.courses:
        yield skipped("speeds", "it observes no velocity command")
        return
    for axis, (low, high) in enumerate(REACHED):
        value = trial.reached(axis)
        if not np.isfinite(value):
            yield skipped(f"speed {WAYS[axis]}", "it did not get so far")
            continue
        name = ("x", "y", "yaw")[axis]
        if value < 0.0 and value < -low:
            advice = f"it goes the other way: velocity_command {name} has the other sign, or left and right are swapped"
        else:
            advice = f"scale of velocity_command {name}, or an axis at another place; or it was not trained for that speed"
        yield judged(
            f"speed {WAYS[axis]}",
            f"{value:.2f} of what was asked for",
            value,
            low,
            high,
            advice,
            "fail" if value < -low else "warn",
        )


def _stands(trial: Trial) -> Iterator[ProbeFinding]:
    course = trial.courses.get("stand")
    if course is None or course.failed:
        return
    later = [truth for truth in course.truth if truth.time > 1.0]
    moved = float(np.linalg.norm(later[-1].base_pos[:2] - later[0].base_pos[:2]))
    yield judged(
        "drift",
        f"{moved:.2f} m in {later[-1].time - later[0].time:.0f} s of standing",
        moved,
        None,
        DRIFT,
        "it does not stand still",
    )
    yield judged(
        "calm",
        f"joints move by {trial.unrest:.2f} rad/s (rms) while it stands",
        trial.unrest,
        None,
        UNREST,
        "it trembles: kp too high or kd too low, a joint velocity or angular velocity scaled too high, or the wrong rate",
    )


def _motors(trial: Trial) -> Iterator[ProbeFinding]:
    """Torques and ranges of undisturbed walking or standing."""
    model, course = trial.model, trial.courses.get("walk", trial.courses.get("stand"))
    if course is None or course.failed:
        return
    kept = [truth for truth in course.truth if truth.time > START]
    yield _torque(model, kept, trial.driven)
    q = np.array([truth.joint_pos for truth in kept])
    beyond = np.maximum(q - model.upper, model.lower - q).max(axis=0)
    worst = int(np.argmax(beyond))
    yield judged(
        "ranges",
        f"{model.joints[worst]} is {max(beyond[worst], 0.0):.2f} rad beyond its end at most",
        float(max(beyond[worst], 0.0)),
        None,
        BEYOND,
        "default_pos or action_scale ask for more than the joint has",
    )
    seen = f"changes {100.0 * course.changed:.0f} % of the commands of the walk (limits of range, speed, acceleration, torque)"
    yield ProbeFinding("safety", "pass", seen, course.changed)


def _torque(model: RobotModel, kept: list, driven: np.ndarray) -> ProbeFinding:
    share = np.array([np.abs(truth.joint_torque) for truth in kept])[:, driven] / model.effort[driven] > 0.98
    worst = int(np.argmax(share.mean(axis=0)))
    value = float(share.mean(axis=0)[worst])
    return judged(
        "torque",
        f"{model.joints[driven[worst]]} is at its limit for {100.0 * value:.0f} % of the walk",
        value,
        None,
        AT_LIMIT,
        "gains or action_scale are higher than it was trained with, or the robot is weaker",
    )
