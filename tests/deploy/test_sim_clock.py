"""Pacing without drift, on a clock made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.runtime.clock import LockstepClock, RealClock


class Hand:
    """A monotonic clock that moves only when told; a sleep oversleeps by `late` seconds."""

    def __init__(self, late: float = 0.0) -> None:
        self.time, self.late = 100.0, late

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds + self.late


def clock(hand: Hand) -> RealClock:
    made = RealClock(0.02, hand, hand.sleep)
    made.start()
    return made


def test_errors_of_sleeping_do_not_add_up():
    hand = Hand(late=0.003)
    made = clock(hand)
    for _ in range(1000):
        hand.time += 0.004  # work
        assert made.wait() == 1
    assert made.now == pytest.approx(100.0 + 1000 * 0.02 + 0.003) and made.overruns == 0


def test_a_sleep_that_ends_early_is_continued():
    hand = Hand()
    hand.sleep = lambda seconds: setattr(hand, "time", hand.time + 0.6 * seconds + 1e-9)
    made = clock(hand)
    made.wait()
    assert made.now >= 100.02


@pytest.mark.parametrize(("work", "periods"), [(0.0201, 1), (0.041, 2), (0.105, 5)])
def test_a_missed_deadline_is_counted_and_left_out(work, periods):
    hand = Hand()
    made = clock(hand)
    hand.time += work
    assert made.wait() == periods and made.overruns == periods and hand.time == 100.0 + work
    hand.time += 0.001
    assert made.wait() == 1
    assert hand.time == pytest.approx(100.0 + (periods + 1) * 0.02)


def test_a_tick_that_would_begin_just_before_a_deadline_waits_for_it():
    hand = Hand()
    made = clock(hand)
    hand.time += 0.035
    assert made.wait() == 2 and made.overruns == 1 and hand.time == pytest.approx(100.04)


@given(st.lists(st.tuples(st.floats(0.0, 0.07), st.floats(0.0, 0.03)), min_size=1, max_size=40))
def test_two_ticks_are_half_a_period_apart_however_late_they_begin_and_long_they_take(course):
    hand = Hand()
    made = clock(hand)
    begun, missed = [made.now], 0
    for work, late in course:  # `late`: the process does not run between the deadline and the reading of the clock
        hand.time += work
        missed += made.wait() - 1
        hand.time += late
        begun.append(made.now)
    assert min(b - a for a, b in zip(begun, begun[1:], strict=False)) >= 0.01 - 1e-9
    assert made.overruns >= missed


def test_lockstep_counts_without_drift():
    made = LockstepClock(0.02)
    made.start()
    assert made.now == 0.0 and not made.real
    for _ in range(100_000):
        assert made.wait() == 1
    assert made.now == 100_000 * 0.02 and made.overruns == 0
    made.start()
    assert made.now == 0.0
