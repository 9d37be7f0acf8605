"""A policy that hangs fails by name within three ticks, and nobody waits for it."""

import threading
import time

import numpy as np
import pytest

from arbiter.errors import PolicyError
from arbiter.types import Request
from policies.deadline import LIMIT, WARMING, Deadline
from tests.fakes import MODEL, FakePolicy, state_of

STATE = state_of()


class Stubborn(FakePolicy):
    """Hangs on demand, until it is let go."""

    def __init__(self) -> None:
        super().__init__("walk", "locomotion", "legs", 0.1)
        self.stuck = True  # the same again and again
        self.hangs, self.free = False, threading.Event()
        self.threads: set[int] = set()

    def act(self, state, request, now):
        self.threads.add(threading.get_ident())
        if self.hangs:
            self.free.wait(20.0)
        return super().act(state, request, now)

    def spare(self):
        spare = FakePolicy("walk_spare", "locomotion", "legs", 0.2)
        spare.resumed, spare.stuck = [], True
        spare.resume = lambda failed, state, now: spare.resumed.append(failed)
        return spare


@pytest.fixture
def policy():
    made = Stubborn()
    guard = Deadline(made)
    guard.reset(STATE, 0.0)
    while not guard.warm(STATE, Request(), 0.0):
        pass
    yield made, guard
    made.free.set()
    guard.close()


def comes_back(guard):
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            guard.reset(STATE, 3.0)
            break
        except PolicyError:
            time.sleep(0.01)
    assert np.array_equal(guard.act(STATE, Request(), 3.0).q, MODEL.default + 0.1)


def test_what_it_answers_is_what_the_policy_answers(policy):
    made, guard = policy
    assert (guard.name, guard.kind) == ("walk", "locomotion") and guard.joints is made.joints
    assert guard.warm(STATE, Request(), 0.0)
    for k in range(5):
        target = guard.act(STATE, Request(elapsed=float(k)), 0.02 * k)
        assert np.array_equal(target.q, MODEL.default + 0.1) and made.requests[-1].elapsed == k
    assert len(made.threads) == 1 and threading.get_ident() not in made.threads


def test_one_that_hangs_is_stood_in_for_then_fails(policy):
    made, guard = policy
    first = guard.act(STATE, Request(), 0.0)
    made.hangs = True
    for k in range(LIMIT):
        assert guard.act(STATE, Request(), 0.02 * (k + 1)) is first, "the last target stands in"
    with pytest.raises(PolicyError, match="policy walk: no answer within 3 ticks"):
        guard.act(STATE, Request(), 1.0)
    with pytest.raises(PolicyError, match="an earlier call still hangs"):
        guard.reset(STATE, 2.0)


def test_it_comes_back_when_its_call_has_returned(policy):
    made, guard = policy
    guard.act(STATE, Request(), 0.0)
    made.hangs = True
    with pytest.raises(PolicyError):
        for k in range(LIMIT + 1):
            guard.act(STATE, Request(), 0.02 * k)
    made.hangs = False
    made.free.set()
    comes_back(guard)


def test_a_loop_in_python_is_ended_and_the_policy_may_come_back(policy):
    made, guard = policy
    guard.act(STATE, Request(), 0.0)
    answer = made.act

    def loop(*args):
        while True:
            pass

    made.act = loop
    with pytest.raises(PolicyError, match="its inference hangs"):
        for k in range(LIMIT + 1):
            guard.act(STATE, Request(), 0.02 * k)
    made.act = answer
    comes_back(guard)


def test_what_it_raises_is_what_the_policy_raised(policy):
    made, guard = policy
    made.fail = "no weights"
    with pytest.raises(PolicyError, match="no weights"):
        guard.act(STATE, Request(), 0.0)


def test_its_spare_resumes_the_policy_behind_it(policy):
    made, guard = policy
    spare = guard.spare()
    made.hangs = True
    with pytest.raises(PolicyError):
        for k in range(LIMIT + 2):
            guard.act(STATE, Request(), 0.02 * k)
    spare.resume(guard, STATE, 1.0)
    assert spare.policy.resumed == [made]
    assert np.array_equal(spare.act(STATE, Request(), 1.0).q, MODEL.default + 0.2)
    spare.close()


def test_a_spare_that_hangs_as_it_takes_over_is_not_waited_for(policy):
    _, guard = policy
    spare, free = guard.spare(), threading.Event()
    spare.policy.resume = lambda failed, state, now: free.wait(20.0)
    with pytest.raises(PolicyError, match="policy walk_spare cannot take over: it hangs"):
        spare.resume(guard, STATE, 1.0)
    with pytest.raises(PolicyError, match="policy walk_spare cannot take over$"):
        spare.resume(guard, STATE, 1.02)
    free.set()
    spare.close()


def test_what_a_spare_raises_as_it_takes_over_is_told(policy):
    _, guard = policy
    spare = guard.spare()
    spare.policy.resume = lambda failed, state, now: 1 / 0
    with pytest.raises(PolicyError, match="ZeroDivisionError"):
        spare.resume(guard, STATE, 1.0)
    spare.close()


def test_its_spare_is_asked_what_the_policy_behind_it_should_have_answered(policy):
    made, guard = policy
    spare, asked = guard.spare(), []
    assert spare.recompute(guard) is None, "this spare cannot tell"
    spare.policy.recompute = lambda other: asked.append((other, threading.get_ident())) or "answer"
    assert spare.recompute(guard) == "answer" and asked[0][0] is made
    assert asked[0][1] != threading.get_ident(), "one that hangs hangs no tick"
    spare.policy.recompute = lambda other: 1 / 0
    assert spare.recompute(guard) is None
    spare.close()


def test_while_either_of_the_two_is_late_nothing_can_be_told(policy):
    made, guard = policy
    spare, free = guard.spare(), threading.Event()
    spare.policy.recompute = lambda other: "answer"
    guard.act(STATE, Request(), 0.0)
    made.hangs = True
    guard.act(STATE, Request(), 0.02)
    assert spare.recompute(guard) is None
    made.free.set()
    while guard._busy:
        guard._collect(1.0)
    spare.policy.recompute = lambda other: free.wait(20.0) and "late"
    assert spare.recompute(guard) is None and spare.recompute(guard) is None
    free.set()
    while spare._busy:
        spare._collect(1.0)
    spare.policy.recompute = lambda other: "answer"
    assert spare.recompute(guard) == "answer"
    spare.close()


def test_a_policy_without_a_spare_has_none():
    assert Deadline(FakePolicy("walk", "locomotion", "legs")).spare() is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [({}, (None, True, None)), ({"commands": (0.5, 0.2, 1.0), "carries": False, "rate_hz": 5.0}, ((0.5, 0.2, 1.0), False, 5.0))],
)
def test_what_a_policy_says_of_itself_is_said_by_its_deadline_too(said, kept):
    """What it was made for is checked in real time as in lockstep."""
    policy = FakePolicy("walk", "locomotion", "legs")
    for name, value in said.items():
        setattr(policy, name, value)
    guard = Deadline(policy)
    assert (guard.commands, guard.carries, guard.rate_hz) == kept


@pytest.mark.parametrize("slow", ["reset", "warm"])
def test_what_prepares_slowly_takes_no_tick(policy, slow):
    """While another policy drives there is time."""
    made, guard = policy
    answer, free = getattr(made, slow), threading.Event()
    setattr(made, slow, lambda *args: free.wait(20.0) and answer(*args))
    began = time.monotonic()
    guard.reset(STATE, 0.0)
    for k in range(10):
        assert not guard.warm(STATE, Request(), 0.02 * k)
    assert time.monotonic() - began < 5.0, "it would wait for ever"
    free.set()
    deadline = time.monotonic() + 10.0
    while not guard.warm(STATE, Request(), 1.0) and time.monotonic() < deadline:
        pass
    assert np.array_equal(guard.act(STATE, Request(), 1.0).q, MODEL.default + 0.1)


@pytest.mark.parametrize("stuck", ["reset", "warm"])
def test_what_never_gets_ready_fails(policy, stuck):
    made, guard = policy
    setattr(made, stuck, lambda *args: made.free.wait(20.0))
    guard.reset(STATE, 0.0)
    with pytest.raises(PolicyError, match="policy walk: not ready within 50 ticks; it hangs"):
        for k in range(WARMING + 1):
            guard.warm(STATE, Request(), 0.02 * k)


def test_what_reset_raises_is_told(policy):
    made, guard = policy
    made.reset = lambda *args: 1 / 0
    guard.reset(STATE, 0.0)
    with pytest.raises(PolicyError, match="ZeroDivisionError"):
        for _ in range(100):
            guard.warm(STATE, Request(), 0.0)


def test_it_may_be_closed_twice():
    policy = FakePolicy("walk", "locomotion", "legs")
    guard = Deadline(policy)
    guard.reset(STATE, 0.0)
    thread = guard._thread
    for _ in range(3):  # faster than the thread can take notice
        guard.close()
    thread.join(5.0)
    assert not thread.is_alive() and policy.calls.count("close") == 3
