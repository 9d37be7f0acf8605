"""A run that lasts: what is kept of it is bounded, what is reported of it is whole."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.recent import KEEP, Recent
from deploy.observers.run_report import RunRecorder
from deploy.observers.tally import BasePath, Durations, Rows
from tests.arbiter_rig import Rig


def feed(rig, recorder, count, say):
    """`count` instructions, three ticks apart."""
    for index in range(count):
        rig.say(say(index))
        for _ in range(3):
            rig.now = round(rig.now + 0.02, 6)
            recorder(rig.arbiter.tick(rig.now))


def test_logs_are_bounded_and_the_report_is_complete_and_in_order():
    rig = Rig().ready()
    recorder = RunRecorder(rig.arbiter)
    names = ("walk_forward", "gibberish", "wave_right", "bow")
    feed(rig, recorder, 4 * KEEP, lambda index: names[index % 4])
    executor, board = rig.arbiter.executor, rig.arbiter.handover
    assert executor.log.total == 4 * KEEP and len(executor.log) <= 2 * KEEP and len(board.log) <= 2 * KEEP
    report = recorder.build(0)
    assert [item["text"] for item in report["instructions"]] == [names[index % 4] for index in range(4 * KEEP)]
    assert {item["result"] for item in report["instructions"][:-4]} == {"cancelled", "refused"}
    assert len(report["handovers"]) == board.log.total
    assert all(item["result"] for item in report["handovers"])
    assert [item["requested_s"] for item in report["handovers"]] == sorted(item["requested_s"] for item in report["handovers"])


def test_memory_is_flat():
    rig = Rig().ready()
    recorder = RunRecorder(rig.arbiter)
    feed(rig, recorder, 3 * KEEP, lambda index: "gibberish")
    tracemalloc.start()
    before, ticks = tracemalloc.get_traced_memory()[0], 2 * KEEP
    feed(rig, recorder, ticks, lambda index: "gibberish")
    rig.robot.sent.clear()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / ticks < 2000, "about the text of a row for each instruction, and some slack of the allocator"


def test_more_than_may_wait_is_refused():
    rig = Rig(order="queue").ready()
    for _ in range(20):
        for _ in range(60):
            rig.say("bow")
        rig.tick()
    assert rig.last().result == "refused" and rig.last().reason == "1000 instructions wait already"
    assert len(rig.arbiter.executor.arrivals.waiting) + len(rig.arbiter.executor.arrivals.routing_now) <= 1000


@given(st.lists(st.integers(0, 40), max_size=40))
def test_nothing_is_missed_by_who_looks_often_enough(bursts):
    log, seen, taken = Recent(keep=20), 0, []
    for burst in bursts:
        for _ in range(min(burst, 20)):
            log.append(log.total)
        taken += log.since(seen)
        seen = log.total
    assert taken == list(range(log.total)) and len(log) <= 40


def test_what_may_change_yet_is_kept_as_it_is():
    log = Recent()
    rows = Rows(log, lambda item: dict(item), lambda item: item["done"])
    first = {"number": 0, "done": False}
    log.append(first)
    for number in range(1, 1000):
        log.append({"number": number, "done": True})
        rows.take()
    first["done"] = True
    assert [row["number"] for row in rows.build()] == list(range(1000)) and rows.build()[0]["done"]


def test_of_very_many_rows_the_oldest_are_only_counted():
    log = Recent()
    rows = Rows(log, lambda number: {"number": number}, lambda number: True, rows=100)
    for number in range(1000):
        log.append(number)
        rows.take()
    assert [row["number"] for row in rows.build()] == list(range(rows.left_out, 1000)) and rows.left_out > 600


@given(st.lists(st.floats(200.0, 1e9), min_size=1, max_size=300))
def test_quantiles_are_true_to_a_percent(values):
    durations = Durations(("a",))
    for value in values:
        durations.add((int(value),))
    found, whole = durations.build()["a"], np.array(values, int) / 1e3
    assert found["max"] == pytest.approx(whole.max(), abs=0.01)
    for key, share in (("p50", 0.5), ("p99", 0.99)):
        lower, upper = (np.quantile(whole, share, method=kind) for kind in ("inverted_cdf", "higher"))
        assert lower * 0.985 - 0.02 <= found[key] <= upper * 1.015 + 0.02


def test_the_path_of_a_long_run_thins_out():
    path = BasePath(10.0, points=100)
    times = np.arange(0.0, 100.0, 0.02)
    for at in times:
        if path.due(at):
            path.add([at, 0.0, 0.0, 0.0])
    found = np.array(path.points)[:, 0]
    assert 50 <= len(found) <= 100 and found[0] == 0.0 and found[-1] > 98.0
    assert np.diff(found).max() <= 2.01 * np.diff(found).min(), "evenly"
