"""The contract of a driver. Run it against your own, on hardware that may move freely, with a person ready to damp it:

from deploy.drivers.contract import check_driver
assert check_driver(lambda: MyDriver().open(load_model("my_robot"), MyConfig())) == []

A driver of a real robot takes `wait=time.sleep`. The commands that are sent ask for the posture that is measured, at nominal
gains, for half a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from arbiter.robot import Robot, SelfDamping
from arbiter.safety import Safety
from arbiter.types import JointTarget, RobotState, SafeCommand, frozen
from arbiter.wall import walled
from deploy.drivers.checks import Check, Examinable
from deploy.drivers.door import form_problems

TICKS = 25
LATE = 0.005  # [s] that a read or write may take: they meet slow work through latest values


def no_wait(seconds: float) -> None:
    """For drivers whose time passes in `step` alone."""


def check_driver(make: Callable[[], Robot], wait: Callable[[float], None] = no_wait) -> list[str]:
    """The defects of the robot that `make` opens, one line each; empty when it keeps the contract.

    Args:
        make: Opens it, not connected.
        wait: Lets the time of a tick pass, for a driver whose `step` does not.
    """
    robot, error = walled(make)
    problems = [f"open(): {error}"] if robot is None else form_problems(robot)
    if robot is None or problems:
        return problems
    problems += _preflight(robot)
    problems += _life(robot, wait)
    for time_ in ("first", "second"):
        _, error = walled(robot.close)
        if error:
            problems.append(f"close(), called for the {time_} time: {error}")
    return problems


def _preflight(robot: Robot) -> Iterator[str]:
    if isinstance(robot, Examinable):
        checks, error = walled(robot.preflight)
        if checks is None or not all(isinstance(check, Check) for check in checks):
            yield f"preflight(): {error or 'a list of deploy.drivers.checks.Check is expected'}"


def _life(robot: Robot, wait: Callable[[float], None]) -> Iterator[str]:
    now, model = time.monotonic(), robot.model
    if not walled(robot.read, now).error:
        yield "read() before connect() gives a state; a RobotError is expected"
    _, error = walled(robot.connect)
    if error:
        yield f"connect(): {error}"
        return
    state, error = walled(robot.read, now)
    wrong = error or wrong_state(state, model.n)
    if state is None or wrong:
        yield f"read(): {wrong}"
        return
    if isinstance(robot, SelfDamping) and robot.damped_by != "":
        yield f'damped_by is {robot.damped_by!r} on a robot that just connected; "" is expected'
    yield from _refusals(robot, state)
    yield from _ticks(robot, state, wait)


def wrong_state(state: object, n: int) -> str:
    """What is wrong with a reading of a robot with `n` joints that is well; "" if nothing is."""
    if not isinstance(state, RobotState):
        return f"returned {type(state).__name__}; an arbiter.types.RobotState is expected"
    shapes = {"joint_pos": (n,), "joint_vel": (n,), "joint_age": (n,), "base_quat": (4,), "base_ang_vel": (3,)}
    for name in ("acceleration", "mean_ang_vel"):
        if getattr(state, name) is not None:
            shapes[name] = (3,)
    for name, shape in shapes.items():
        value = getattr(state, name)
        if np.shape(value) != shape:
            return f"{name} has the shape {np.shape(value)}; {shape} is expected"
        if not np.isfinite(value).all():
            return f"{name} is not finite"
    if abs(float(np.linalg.norm(state.base_quat)) - 1.0) > 1e-3:
        return f"base_quat has the length {np.linalg.norm(state.base_quat):.3f}; 1 is expected, (w, x, y, z)"
    if (state.joint_age < 0.0).any():
        return "joint_age is negative; ages count up from when a joint was asked"
    return f"faults are reported: {', '.join(state.faults)}" if state.faults else ""


def _refusals(robot: Robot, state: RobotState) -> Iterator[str]:
    """Only the safety layer makes commands."""
    target = JointTarget(state.joint_pos, robot.model.kp, robot.model.kd, frozen(np.ones(robot.model.n), bool))
    for what, command in (("a policy's target", target), ("an array", state.joint_pos), ("None", None)):
        if not walled(robot.write, command).error:
            yield f"write() takes {what}; a RobotError is expected for all but a SafeCommand"


def _ticks(robot: Robot, state: RobotState, wait: Callable[[float], None]) -> Iterator[str]:
    """Half a second in the posture that is measured: stamps go up, nothing is late, no fault comes."""
    model, now, last, late = robot.model, state.stamp, state.stamp, 0
    safety = Safety(model)
    posture = frozen(np.clip(state.joint_pos, model.lower, model.upper))
    if refusal := safety.arm(state, now):
        yield f"the safety layer does not arm on its reading: {refusal}"
        return
    target = JointTarget(posture, model.kp, model.kd, frozen(np.ones(model.n), bool))
    for _ in range(TICKS):
        now += model.dt
        command, _ = safety.filter(target, ("check",) * model.n, state, now)
        assert isinstance(command, SafeCommand)
        began = time.perf_counter()
        _, error = walled(robot.write, command)
        written = time.perf_counter() - began
        _, failed = walled(robot.step, model.dt)
        wait(model.dt)
        began = time.perf_counter()
        read, unread = walled(robot.read, now)
        late += max(written, time.perf_counter() - began) > LATE
        if error or failed or unread:
            yield f"write(), step() or read(): {error or failed or unread}"
            return
        wrong = wrong_state(read, model.n)
        if read is None or wrong:
            yield f"read() after a command: {wrong}"
            return
        state = read
        if state.stamp < last:
            yield f"the stamp goes back from {last:.3f} to {state.stamp:.3f} s; it is to rise with the clock of the tick"
            return
        last = state.stamp
    if late > TICKS // 2:
        yield f"read() or write() takes more than {1000 * LATE:g} ms; both return at once, slow work belongs on a thread"
