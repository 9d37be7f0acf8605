"""Pacing without drift, on a clock made by hand."""

import pytest

from deploy.clock import LockstepClock, RealClock


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


@pytest.mark.parametrize(("work", "periods"), [(0.0201, 1), (0.035, 1), (0.041, 2), (0.105, 5)])
def test_a_missed_deadline_is_counted_and_left_out(work, periods):
    hand = Hand()
    made = clock(hand)
    hand.time += work
    assert made.wait() == periods and made.overruns == periods and hand.time == 100.0 + work
    hand.time += 0.001
    assert made.wait() == 1
    assert hand.time == pytest.approx(100.0 + (periods + 1) * 0.02)


def test_lockstep_counts_without_drift():
    made = LockstepClock(0.02)
    made.start()
    assert made.now == 0.0 and not made.real
    for _ in range(100_000):
        assert made.wait() == 1
    assert made.now == 100_000 * 0.02 and made.overruns == 0
    made.start()
    assert made.now == 0.0
