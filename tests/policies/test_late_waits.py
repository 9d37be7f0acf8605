"""What a deadline made of a slow policy is the same when it is replayed, without a clock."""

import threading

import numpy as np
import pytest

from arbiter.errors import PolicyError
from arbiter.types import JointTarget, Request
from policies.deadline import LIMIT
from policies.late_waits import LateRecorder, LateReplay
from tests.fakes import MODEL, FakePolicy, state_of

TICKS = 30


class Counting(FakePolicy):
    """Answers with the number of the call and its time; hangs in some ticks, until `free` is set."""

    def __init__(self, hangs=()):
        super().__init__("walk", "locomotion", "legs")
        self.hangs, self.free, self.returned, self.count = set(hangs), threading.Event(), threading.Event(), 0

    def act(self, state, request, now):
        self.count += 1
        try:
            if round(now) in self.hangs:
                self.free.wait(20.0)
        finally:
            self.returned.set()
        return JointTarget(np.full(MODEL.n, 100.0 * self.count + now), MODEL.kp, MODEL.kd, self.joints)


def acted(guard, policy, end):
    """What it asks for in each tick, or the error; in tick `end` a hanging call has returned before it is asked."""
    state, found = state_of(), []
    guard.reset(state, 0.0)
    while not guard.warm(state, Request(), 0.0):
        pass
    for tick in range(1, TICKS):
        if tick == end and policy.hangs:
            policy.free.set()
            assert policy.returned.wait(20.0)
        policy.returned.clear()
        try:
            found.append(guard.act(state, Request(), float(tick)).q[0])
        except PolicyError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(("hangs", "end"), [((), 0), ((5,), 6), ((5,), 5 + LIMIT), ((5,), 9)])
def test_late_answers_come_as_late_again(hangs, end):
    recorder, replay = LateRecorder(), LateReplay()
    slow, quick = Counting(hangs), Counting()
    guard = recorder(slow, 5.0 if not hangs else 0.1)
    then = acted(guard, slow, end)
    guard.close()
    notes = recorder.take()
    for kind, *rest in notes:
        assert kind == "late"
        replay.add(*rest)
    assert bool(notes) is bool(hangs) and recorder.take() == []
    assert acted(replay(quick, 0.02), quick, end) == then
