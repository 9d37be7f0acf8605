"""Work beside the tick: nothing waits, nothing is lost, what is cancelled is unheard; in threads, lockstep and replay."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.worker import Done, LockstepWorker, ReplayWorker, ThreadWorker


class Slow:
    """Works when the test lets it."""

    def __init__(self):
        self.begun, self.go, self.calls = threading.Event(), threading.Event(), []

    def __call__(self, request):
        self.calls.append(request)
        self.begun.set()
        self.go.wait(10.0)
        if request == "broken":
            raise RuntimeError("out of memory")
        return request.upper()


def collect(worker, count):
    results, end = [], time.monotonic() + 20.0
    while len(results) < count and time.monotonic() < end:
        done = worker.poll(0.0)
        if done is None:
            time.sleep(0.001)
        else:
            results.append(done)
    return results


@pytest.fixture
def threaded():
    work = Slow()
    worker = ThreadWorker(work, "test")
    yield work, worker
    work.go.set()
    worker.close()


def test_results_come_in_order_with_their_requests(threaded):
    work, worker = threaded
    worker.submit("one", 1.0)
    worker.submit("two", 2.0)
    assert worker.poll(0.0) is None and not worker.wait(0.0)
    work.go.set()
    assert collect(worker, 2) == [Done("one", 1.0, "ONE"), Done("two", 2.0, "TWO")]
    assert worker.poll(0.0) is None


def test_what_raises_is_an_error_and_the_worker_lives(threaded):
    work, worker = threaded
    work.go.set()
    worker.submit("broken", 0.0)
    worker.submit("fine", 0.0)
    broken, fine = collect(worker, 2)
    assert (broken.value, broken.error) == (None, "RuntimeError: out of memory") and fine.value == "FINE"


def test_what_is_cancelled_is_neither_begun_nor_heard(threaded):
    work, worker = threaded
    worker.submit("first", 0.0)
    assert work.begun.wait(10.0)
    worker.submit("second", 0.0)
    worker.cancel()
    worker.submit("third", 0.0)
    work.go.set()
    assert [done.request for done in collect(worker, 1)] == ["third"] and work.calls == ["first", "third"]
    assert worker.poll(0.0) is None


def test_a_call_that_never_returns_does_not_hold_who_closes():
    work = Slow()
    worker = ThreadWorker(work, "test")
    worker.submit("first", 0.0)
    assert work.begun.wait(10.0)
    worker.close(wait=0.0)
    worker.submit("second", 0.0)
    work.go.set()
    worker._thread.join(10.0)
    assert not worker._thread.is_alive() and work.calls == ["first"] and worker.poll(0.0) is None


def test_a_worker_without_requests_has_no_thread():
    worker = ThreadWorker(str.upper, "test")
    worker.close()
    assert worker._thread is None


@given(
    delay=st.floats(0.0, 1.0), gaps=st.lists(st.floats(0.0, 0.5), min_size=1, max_size=12), cancelled=st.sets(st.integers(0, 11))
)
def test_lockstep_delivers_in_order_not_before_its_delay_and_never_what_was_cancelled(delay, gaps, cancelled):
    worker, now, alive, got = LockstepWorker(lambda k: k * k, delay), 0.0, [], []
    for k, gap in enumerate(gaps):
        now += gap
        if k in cancelled:
            worker.cancel()
            alive = [(j, at) for j, at in alive if j in {done.request for _, done in got}]
        worker.submit(k, now)
        alive.append((k, now))
        while (done := worker.poll(now)) is not None:
            got.append((now, done))
    while (done := worker.poll(now + delay)) is not None:
        got.append((now + delay, done))
    assert [(done.request, done.submitted) for _, done in got] == alive
    assert all(done.value == done.request**2 and at >= done.submitted + delay - 1e-6 for at, done in got)


def test_a_replay_delivers_what_was_recorded_when_it_was_delivered():
    worker = ReplayWorker(key=len)
    worker.submit("abc", 0.5)
    worker.submit("x", 0.6)
    assert worker.poll(0.98) is None
    worker.deliver(3, "three")
    assert worker.poll(1.0) == Done("abc", 0.5, "three")
    worker.deliver(9, "of a request that was cancelled then")
    assert worker.poll(1.5) is None
    worker.deliver(1, None, "RuntimeError: out of memory")
    assert worker.poll(2.0) == Done("x", 0.6, None, "RuntimeError: out of memory")


def test_a_replay_without_keys_answers_the_newest_and_waits_for_one():
    worker = ReplayWorker()
    worker.deliver(None, "rows")
    assert worker.poll(2.0) is None
    worker.submit("old", 2.0)
    worker.submit("new", 2.5)
    assert worker.poll(2.5) == Done("new", 2.5, "rows")
