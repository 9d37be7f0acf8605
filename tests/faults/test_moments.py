"""At random moments of what it does: who stops the robot, or breaks what it does not need to stand, never makes it fall."""

import pytest

from tests.faults.causes import CAUSES
from tests.faults.moments import forked, markdown, moments, wilson
from tests.faults.threads import one_thread

pytestmark = pytest.mark.slow
SAFE = (
    "nothing",
    "stop-word",
    "end-of-program",
    "settle",
    "arm-motor-fault",
    "arm-slip",
    "leg-nan-once",
    "read-raises-once",
    "chunk-fails",
    "locomotion-raises",
    "both-sessions-raise",
    "network-nan",
    "target-no-stiffness",
    "target-sign",
    "target-reversed",
    "target-swapped",
    "target-soft",
    "network-sign",
    "target-same",
)  # causes after which it has to stand


@pytest.fixture(scope="module", params=["forward", "turn-left", "walk-bow"])
def found(request):
    one_thread(request)
    names = (*SAFE, "damp")
    return list(moments(request.param, [CAUSES[name] for name in names], 1, seed=1, seconds=4.0))


def test_it_stands_where_it_can(found):
    fell = [f"{m.situation} + {m.into} s, {m.cause}: {m.trace}, {m.reason}" for m in found if m.fell and m.cause in SAFE]
    assert fell == []


def test_what_a_walk_asks_for_wrongly_is_found_in_its_first_tick(found):
    """Three ticks of it throw the robot."""
    wrong = ("target-sign", "target-reversed", "target-soft", "network-sign")
    late = [m for m in found if m.cause in wrong and m.situation != "walk-bow" and m.modes[0] != ("settle", 0)]
    assert [f"{m.situation} + {m.into} s, {m.cause}: {m.trace}" for m in late] == []


def test_no_limit_is_broken_before_a_fall(found):
    assert [m.broken for m in found if m.broken] == []


def test_a_robot_whose_legs_are_cut_is_seen_to_fall(found):
    damped = [m for m in found if m.cause == "damp"]
    assert damped and all(m.fell and not m.silent and m.modes[0] == ("damp", 0) for m in damped)
    assert f"| damp | {len(damped)}/{len(damped)} |" in markdown(found)


def test_a_walk_backward_whose_policy_failed_comes_to_rest(request):
    """5 of 5 moments fell with both sessions raising while the spare that could not begin was the last that was asked."""
    one_thread(request)
    names = ("both-sessions-raise", "target-same")
    found = list(moments("backward", [CAUSES[name] for name in names], 5, seconds=4.0))
    assert len(found) == 10 and [f"{m.into} s, {m.cause}: {m.trace}" for m in found if m.fell is not None] == []


def test_intervals():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(78, 100) == pytest.approx((0.689, 0.850), abs=0.001)
    assert wilson(0, 100) == pytest.approx((0.0, 0.037), abs=0.001)


def test_a_fork_that_raises_or_hangs_says_so():
    assert forked(lambda: 1 / 0) == "ZeroDivisionError: division by zero"
    assert forked(lambda: [None for _ in iter(int, 1)], patience=0.2) == "no answer within 0.2 s"
