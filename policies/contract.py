"""The contract of a policy, as a check that its author can run.

from policies.contract import check_policy
assert check_policy(lambda: MyPolicy(...), model) == []
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arbiter.errors import PolicyError
from arbiter.policy import Policy
from arbiter.robot import RobotModel
from arbiter.types import JointTarget, Request, RobotState, frozen

KINDS = ("locomotion", "chunk", "fallback")
CALLS = ("reset", "warm", "act", "release", "close")
WARM_TICKS = 200
ACT_TICKS = 60


def resting_state(model: RobotModel, now: float = 0.0) -> RobotState:
    """The robot in its default posture, upright and still; all arrays read-only, as in a run."""
    zeros = frozen(np.zeros(model.n))
    return RobotState(now, frozen(model.default), zeros, frozen((1.0, 0.0, 0.0, 0.0)), frozen(np.zeros(3)), zeros)


class _BrokenRule(Exception):
    """A rule that a policy does not keep; the checks after it would make no sense."""


def check_policy(make: Callable[[], Policy], model: RobotModel, request: Request | None = None) -> list[str]:
    """What is wrong with fresh policies from `make`, one line each; empty when they keep the contract.

    Time is an argument: nothing here waits for a clock.
    """
    request = request or Request(velocity=frozen((0.2, 0.0, 0.1)))
    policy = make()
    try:
        return form_problems(policy, model) or _behaviour_problems(policy, model, request)
    finally:
        policy.close()
        policy.close()


def _behaviour_problems(policy: Policy, model: RobotModel, request: Request) -> list[str]:
    try:
        first = _run(policy, model, request)
        policy.release()
        second = _run(policy, model, request)
        _check_broken_sensors(policy, model, request)
        if any(not np.array_equal(a.q, b.q) for a, b in zip(first, second, strict=True)):
            raise _BrokenRule("after reset() the same inputs gave another target: reset() must forget everything")
    except (_BrokenRule, PolicyError) as error:
        return [f"{policy.name}: {error}"]
    return []


def form_problems(policy: object, model: RobotModel) -> list[str]:
    """What is wrong with the attributes of a policy, one line each."""
    calls = [call for call in CALLS if not callable(getattr(policy, call, None))]
    if calls:
        return [f"{type(policy).__name__} has no {', '.join(f'{call}()' for call in calls)}; see arbiter.policy.Policy"]
    name, kind, joints = (getattr(policy, key, None) for key in ("name", "kind", "joints"))
    problems = []
    if not isinstance(name, str) or not name:
        problems.append(f"name is {name!r}; text is expected")
    if kind not in KINDS:
        problems.append(f"{name}: kind is {kind!r}; allowed: {', '.join(KINDS)}")
    if not (isinstance(joints, np.ndarray) and joints.dtype == bool and joints.shape == (model.n,) and joints.any()):
        problems.append(f"{name}: joints is {joints!r}; a mask of {model.n} bools, at least one true, is expected")
    rate = getattr(policy, "rate_hz", None)
    if rate is not None and not (isinstance(rate, float | int) and 0.0 < rate <= model.control_hz):
        problems.append(
            f"{name}: rate_hz is {rate!r}; more than 0, at most the {model.control_hz:g} Hz of the tick, or None is expected"
        )
    return problems


def _run(policy: Policy, model: RobotModel, request: Request) -> list[JointTarget]:
    """A hand-over and some ticks; the targets, checked."""
    now, dt = 0.0, model.dt
    policy.reset(resting_state(model, now), now)
    for _ in range(WARM_TICKS):
        now += dt
        if policy.warm(resting_state(model, now), request, now):
            break
    else:
        raise _BrokenRule(f"warm() was not ready within {WARM_TICKS} ticks")
    targets = []
    for k in range(ACT_TICKS):
        now += dt
        state = resting_state(model, now)
        request = replace(request, elapsed=k * dt)
        target = policy.act(state, request, now)
        _check_target(policy, target, model)
        again = policy.act(state, request, now)
        if not np.array_equal(target.q, again.q):
            raise _BrokenRule("two calls of act() in one tick gave two targets; a policy may drive two sets of joints")
        targets.append(target)
    return targets


def _check_target(policy: Policy, target: object, model: RobotModel) -> None:
    if not isinstance(target, JointTarget):
        raise _BrokenRule(f"act() returned {type(target).__name__}; a JointTarget is expected")
    for key in ("q", "kp", "kd"):
        values = getattr(target, key)
        if not isinstance(values, np.ndarray):
            raise _BrokenRule(f"{key} is {type(values).__name__}; an array is expected")
        if values.shape != (model.n,):
            raise _BrokenRule(f"{key} has shape {values.shape}; ({model.n},) is expected")
        if not np.isfinite(values).all():
            raise _BrokenRule(f"{key} is not finite")
    if (target.kp < 0.0).any() or (target.kd < 0.0).any():
        raise _BrokenRule("a gain is negative")
    mask = target.joints
    if not (isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (model.n,)):
        raise _BrokenRule(f"the target's joints is {mask!r}; a mask of {model.n} bools is expected")
    apart = np.flatnonzero(mask != policy.joints)
    if len(apart):
        raise _BrokenRule(
            f"the target {'drives' if mask[apart[0]] else 'leaves out'} {model.joints[apart[0]]}, unlike the policy's own mask "
            "`joints`; every target drives the joints that the policy promises"
        )


def _check_broken_sensors(policy: Policy, model: RobotModel, request: Request) -> None:
    """Readings that are not finite end in a PolicyError, never in a target that is not finite."""
    for key in ("joint_pos", "joint_vel", "base_quat", "base_ang_vel"):
        _run(policy, model, request)
        now = 100.0
        state = resting_state(model, now)
        state = replace(state, **{key: frozen(np.full(getattr(state, key).shape, np.nan))})
        try:
            target = policy.act(state, request, now)
        except PolicyError:
            continue
        _check_target(policy, target, model)
