"""Where instructions come from."""

import io
import time

import pytest

from arbiter.errors import ConfigError
from arbiter.inbox import Inbox, LockstepRouting
from arbiter.skill import Route
from deploy.show import Screen
from deploy.words import Sayings, Script, StandardInput


def said(inbox):
    mail = inbox.poll(0.0)
    return [item.text for item in mail.said] if mail else []


def test_sayings_come_one_after_the_other_when_the_robot_is_idle():
    inbox, source = Inbox(), Sayings(["a", "b"])
    source.poll(0.0, False, inbox)
    assert said(inbox) == []
    source.poll(0.1, True, inbox)
    assert said(inbox) == ["a"] and not source.done
    source.poll(0.2, True, inbox)
    assert said(inbox) == ["b"] and source.done


def script(tmp_path, text):
    path = tmp_path / "script.yaml"
    path.write_text(text)
    return Script.load(path)


def test_a_script_keeps_its_times(tmp_path):
    source, inbox = script(tmp_path, "- {at: 2, stop: true}\n- {at: 1.0, say: bow}\n"), Inbox()
    source.poll(0.99, True, inbox)
    assert inbox.poll(0.0) is None
    source.poll(1.0, False, inbox)
    assert said(inbox) == ["bow"]
    source.poll(2.5, False, inbox)
    assert inbox.poll(0.0).stop == "the script" and source.done


@pytest.mark.parametrize(("text", "error"), [
    ("- {at: -1, say: bow}", "script.yaml:1: at is -1; seconds since the start of the run are expected"),
    ("- {at: 1}", "a cue needs either `say: text` or `stop: true`"),
    ("- {at: 1, say: bow, stop: true}", "a cue needs either"),
    ("- {at: soon, say: bow}", "at is 'soon'; a number is expected"),
    ("- {att: 1, say: bow}", "unknown key 'script[0].att'; did you mean 'at'?"),
    ("say: bow", "script is a mapping; a list is expected")])
def test_a_wrong_script_is_refused(tmp_path, text, error):
    with pytest.raises(ConfigError) as caught:
        script(tmp_path, text)
    assert error in str(caught.value)


class Pipe(io.StringIO):
    def isatty(self):
        return False


def read_all(text, idle=True):
    source, inbox, found = StandardInput(Pipe(text)), Inbox(), []
    for _ in range(200):
        source.poll(0.0, idle, inbox)
        if mail := inbox.poll(0.0):
            found.append(mail)
        if source.done:
            break
        time.sleep(0.005)
    return found, source


def test_lines_of_a_pipe_queue_and_the_end_of_input_is_the_end():
    found, source = read_all("walk forward\n\n  bow \n")
    assert [item.text for mail in found for item in mail.said] == ["walk forward", "bow"]
    assert {item.how for mail in found for item in mail.said} == {"queue"}
    assert source.done


def test_the_operators_words_are_not_instructions():
    found, _ = read_all("arm\ngo\nreset\nquit\nbow\n")
    assert [(mail.arm, mail.go, mail.reset, mail.said) for mail in found] == [
        (True, False, False, []), (False, True, False, []), (False, False, True, [])]


def test_a_stop_does_not_wait_for_the_robot_to_be_idle():
    found, _ = read_all("stop\n", idle=False)
    assert [item.text for mail in found for item in mail.said] == ["stop"]


def test_the_inbox_loses_no_stop_and_counts_tickets():
    inbox = Inbox("queue")
    assert [inbox.say("a"), inbox.say("b", "together")] == [1, 2]
    inbox.stop("")
    mail = inbox.poll(3.0)
    assert mail.stop == "operator"
    assert [(item.text, item.how, item.at) for item in mail.said] == [("a", "queue", 3.0), ("b", "together", 3.0)]
    assert inbox.poll(3.0) is None


def test_lockstep_routing_answers_after_its_delay():
    routing = LockstepRouting(lambda text: Route(text, "rejected"), delay=0.05)
    routing.submit("x", 7, 1.0)
    assert routing.poll(1.04) is None
    ticket, route = routing.poll(1.05)
    assert (ticket, route.text) == (7, "x")


def test_the_operators_words_arm_the_robot_from_the_console_too():
    class Console:
        def poll(self):
            return [("say", "arm"), ("say", "Go"), ("say", "go forward"), ("stop",), ("reset",)]

    class Orders:
        def __init__(self):
            self.heard = []

        def __getattr__(self, order):
            return lambda *words: self.heard.append((order, *words))

    screen, orders = Screen.__new__(Screen), Orders()
    screen._console = Console()
    screen.poll(0.0, True, orders)
    assert orders.heard == [("arm",), ("go",), ("say", "go forward"), ("stop", "the console"), ("reset",)]
