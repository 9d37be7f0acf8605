"""The contract of a policy, as a check that its author can run.

    from policies.contract import check_policy
    check_policy(lambda: MyPolicy(...), model)

Each broken rule is one AssertionError that says which.
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


def check_policy(make: Callable[[], Policy], model: RobotModel, request: Request | None = None) -> None:
    """Runs every check on fresh policies from `make`. Time is an argument: nothing here waits for a clock."""
    request = request or Request(velocity=frozen((0.2, 0.0, 0.1)))
    policy = make()
    try:
        wrong = form_problems(policy, model)
        assert not wrong, "; ".join(wrong)
        first = _run(policy, model, request)
        policy.release()
        second = _run(policy, model, request)
        _check_broken_sensors(policy, model, request)
    finally:
        policy.close()
        policy.close()
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.q, b.q), (
            f"{policy.name}: after reset() the same inputs gave another target: reset() must forget everything"
        )


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
        raise AssertionError(f"{policy.name}: warm() was not ready within {WARM_TICKS} ticks")
    targets = []
    for k in range(ACT_TICKS):
        now += dt
        state = resting_state(model, now)
        request = replace(request, elapsed=k * dt)
        target = policy.act(state, request, now)
        _check_target(policy, target, model)
        again = policy.act(state, request, now)
        assert np.array_equal(target.q, again.q), (
            f"{policy.name}: two calls of act() in one tick gave two targets; a policy may drive two sets of joints"
        )
        targets.append(target)
    return targets


def _check_target(policy: Policy, target: object, model: RobotModel) -> None:
    assert isinstance(target, JointTarget), f"{policy.name}: act() returned {type(target).__name__}; a JointTarget is expected"
    for key in ("q", "kp", "kd"):
        values = getattr(target, key)
        assert isinstance(values, np.ndarray), f"{policy.name}: {key} is {type(values).__name__}; an array is expected"
        assert values.shape == (model.n,), f"{policy.name}: {key} has shape {values.shape}; ({model.n},) is expected"
        assert np.isfinite(values).all(), f"{policy.name}: {key} is not finite"
    assert (target.kp >= 0.0).all() and (target.kd >= 0.0).all(), f"{policy.name}: a gain is negative"
    assert isinstance(target.joints, np.ndarray) and target.joints.dtype == bool and target.joints.shape == (model.n,), (
        f"{policy.name}: the target's joints is {target.joints!r}; a mask of {model.n} bools is expected"
    )
    apart = np.flatnonzero(target.joints != policy.joints)
    assert not len(apart), (
        f"{policy.name}: the target {'drives' if target.joints[apart[0]] else 'leaves out'} {model.joints[apart[0]]}, unlike the "
        "policy's own mask `joints`; every target drives the joints that the policy promises"
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
