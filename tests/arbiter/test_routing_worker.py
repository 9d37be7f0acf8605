"""Routing beside the tick: nothing waits, nothing is lost, newer replaces older."""

import json
import threading
import time

from arbiter.routing import RouteWorker
from arbiter.skill import Route
from deploy import route as command


class SlowRouter:
    """Routes when the test lets it."""

    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def route(self, text):
        self.begun.set()
        self.go.wait(10.0)
        if text == "broken":
            raise RuntimeError("out of memory")
        return Route(text, "accepted")


def collect(worker, count):
    answers, end = [], time.monotonic() + 20.0
    while len(answers) < count and time.monotonic() < end:
        answer = worker.poll(0.0)
        if answer:
            answers.append(answer)
        else:
            time.sleep(0.001)
    return answers


def test_answers_come_in_order_with_their_tickets():
    router = SlowRouter()
    worker = RouteWorker(router)
    worker.submit("one", 1, 0.0)
    worker.submit("two", 2, 0.0)
    assert worker.poll(0.0) is None
    router.go.set()
    assert [(ticket, route.text) for ticket, route in collect(worker, 2)] == [(1, "one"), (2, "two")]
    worker.close()


def test_a_newer_instruction_replaces_those_not_begun():
    router = SlowRouter()
    worker = RouteWorker(router)
    worker.submit("first", 1)
    assert router.begun.wait(10.0)
    worker.submit("second", 2)
    worker.submit("third", 3, replace=True)
    ticket, route = worker.poll()
    assert (ticket, route.outcome, route.reason) == (2, "rejected", "replaced by a newer instruction before it was routed")
    router.go.set()
    assert [ticket for ticket, _ in collect(worker, 2)] == [1, 3]
    worker.close()


def test_a_router_that_raises_is_a_rejection_and_the_worker_lives():
    router = SlowRouter()
    router.go.set()
    worker = RouteWorker(router)
    worker.submit("broken", 1)
    worker.submit("fine", 2)
    (_, broken), (_, fine) = collect(worker, 2)
    assert broken.reason == "the router failed: RuntimeError: out of memory" and fine.outcome == "accepted"
    worker.close()


def test_a_flood_is_bounded_and_answered():
    router = SlowRouter()
    worker = RouteWorker(router)
    worker.submit("begun", 0)
    assert router.begun.wait(10.0)
    for ticket in range(1, 200):
        worker.submit("more", ticket)
    router.go.set()
    answers = collect(worker, 200)
    assert sorted(ticket for ticket, _ in answers) == list(range(200))
    assert sum(route.outcome == "accepted" for _, route in answers) == 65
    worker.close()


def test_close_ends_the_thread():
    worker = RouteWorker(SlowRouter())
    worker.close()
    assert not worker._thread.is_alive()


def test_command_prints_one_object_a_line(capsys, tmp_path):
    file = tmp_path / "said.txt"
    file.write_text("# a comment\nwalk forward and wave\n\nstop\nmake me a sandwich\n", encoding="utf-8")
    assert command.main(["--json", "--file", str(file)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["accepted", "stopped", "rejected"]
    assert list(lines[0]) == ["text", "outcome", "skills", "parameters", "steps", "score", "margin", "reason", "ms"]
    assert lines[0]["skills"] == ["walk_forward", "wave_right"] and lines[0]["steps"] == [[0, 1]]
    assert lines[0]["parameters"][0]["distance"] == 1.0
    assert lines[2]["skills"] == [] and "like nothing this robot can do" in lines[2]["reason"]


def test_command_says_why(capsys):
    assert command.main(["turn left 400 degrees"]) == 0
    out = capsys.readouterr().out
    assert "1. turn_left" in out and "note: angle 6.981 rad clamped to 6.283" in out and "accepted in" in out


def test_command_names_a_file_that_is_not_there(capsys):
    assert command.main(["--file", "nowhere.txt"]) == 2
    assert "route: [Errno 2] No such file or directory: 'nowhere.txt'" in capsys.readouterr().err
