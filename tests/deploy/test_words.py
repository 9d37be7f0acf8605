"""Where instructions come from."""

import io
import time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.errors import ConfigError
from arbiter.execution.inbox import MAX_WAITING, Inbox
from arbiter.routing import stop_guard
from deploy.observers.show import Screen
from deploy.route import instructions
from deploy.runtime.instruction_sources import MOST_LINES, Cue, Sayings, Script, StandardInput
from skills import builtin_skills


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


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- {at: -1, say: bow}", "script.yaml:1: at is -1; seconds since the start of the run are expected"),
        ("- {at: 1}", "a cue needs either `say: text` or `stop: true`"),
        ("- {at: 1, say: bow, stop: true}", "a cue needs either"),
        ("- {at: soon, say: bow}", "at is 'soon'; a number is expected"),
        ("- {att: 1, say: bow}", "unknown key 'script[0].att'; did you mean 'at'?"),
        ("say: bow", "script is a mapping; a list is expected"),
    ],
)
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
    assert [(mail.orders, mail.said) for mail in found] == [(["arm"], []), (["go"], []), (["reset"], [])]


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


class Orders:
    """An inbox that writes down what it hears."""

    def __init__(self):
        self.heard = []

    def __getattr__(self, order):
        return lambda *words: self.heard.append((order, *words))


def screen_of(*events):
    """A console on which a person did this."""
    screen = Screen.__new__(Screen)
    screen._console = SimpleNamespace(poll=lambda: list(events))
    skills = {skill.name: skill for skill in builtin_skills()}
    screen._assembly, screen._manual = SimpleNamespace(arbiter=SimpleNamespace(executor=SimpleNamespace(skills=skills))), ""
    return screen


def test_the_operators_words_arm_the_robot_from_the_console_too():
    screen, orders = screen_of(("say", "arm"), ("say", "Go"), ("say", "go forward"), ("stop",), ("reset",)), Orders()
    screen.poll(0.0, True, orders)
    assert orders.heard == [("arm",), ("go",), ("say", "go forward"), ("stop", "the console"), ("reset",)]


@pytest.mark.parametrize("asked", ["help", "Help ", "?", "list skills", "skills"])
def test_who_asks_for_help_on_a_console_reads_what_can_be_said_and_nothing_moves(asked):
    screen, orders = screen_of(("say", asked)), Orders()
    screen.poll(0.0, True, orders)
    assert orders.heard == []
    assert all(text in screen._manual for text in ("walk_forward", "turn_left", '"bow"', "stop: it comes to rest"))


def sources_of(text):
    """Everything but a console that can say `text`, each with nothing else to say."""
    return [Sayings([text]), Script([Cue(0.0, text)]), StandardInput(io.StringIO(f"{text}\n"))]


@pytest.mark.parametrize("source", sources_of("help"), ids=lambda source: type(source).__name__)
def test_help_from_anywhere_lists_the_skills_moves_nothing_and_stops_nothing(source):
    orders, told = Orders(), []
    source.tell, source.skills = told.append, {skill.name: skill for skill in builtin_skills()}
    deadline = time.monotonic() + 20.0
    while not source.done and time.monotonic() < deadline:
        source.poll(0.0, True, orders)
    assert source.done and orders.heard == []
    assert len(told) == 1 and all(text in told[0] for text in ("walk_forward", "turn_left", '"bow"'))


@pytest.mark.parametrize("source", sources_of("help me"), ids=lambda source: type(source).__name__)
def test_a_cry_for_help_from_anywhere_is_said(source):
    orders = Orders()
    deadline = time.monotonic() + 20.0
    while not source.done and time.monotonic() < deadline:
        source.poll(0.0, True, orders)
    assert [words[:2] for words in orders.heard] == [("say", "help me")]


@pytest.mark.parametrize("cry", ["help!", "help me", "help help", "please help", "HELP STOP"])
def test_a_cry_for_help_on_a_console_still_stops(cry):
    screen, orders = screen_of(("say", cry)), Orders()
    screen.poll(0.0, True, orders)
    assert orders.heard == [("say", cry)] and stop_guard(cry)


def lines_of_a_pipe(*lines):
    """A pipe's source whose lines have arrived, none of them polled yet."""
    source = StandardInput(Pipe(""))
    source.poll(0.0, False, Inbox())
    while not source._ended:
        time.sleep(0.001)
    for line in lines:
        source._arrived(line)
    return source


@pytest.mark.parametrize("stop", ["stop", "stop now", "emergency stop", "please stop walking", "wait", "HALT!", "damp"])
def test_a_stop_overtakes_the_lines_of_a_pipe_that_wait(stop):
    source, inbox = lines_of_a_pipe("walk forward", "bow", stop, "wave"), Inbox()
    source.poll(0.0, False, inbox)
    mail = inbox.poll(0.0)
    assert mail.damp if stop == "damp" else mail.stop
    assert [item.text for item in mail.said if item.text != stop] == ["walk forward", "bow"], "told with it, to be cancelled"
    source.poll(0.0, False, inbox)
    assert inbox.poll(0.0) is None, "what came after the stop waits for its turn"
    source.poll(0.0, True, inbox)
    assert said(inbox) == ["wave"]


def test_a_pipe_reads_on_when_too_many_lines_wait():
    source, inbox = lines_of_a_pipe(*["bow"] * (MOST_LINES + 5), "stop"), Inbox()
    source.poll(0.0, False, inbox)
    mail = inbox.poll(0.0)
    assert mail.stop == "stop" and mail.lost == 5 + MOST_LINES - MAX_WAITING


@pytest.mark.parametrize("at", [0, 30, 63, 64, 500])
def test_a_flood_of_texts_and_orders_pushes_no_stop_out(at):
    for press in ("say", "stop", "damp"):
        inbox = Inbox()
        for k in range(501):
            if k == at:
                getattr(inbox, press)("stop")
            inbox.say(f"text {k}")
            inbox.reset()
        mail = inbox.poll(0.0)
        assert "stop" in (mail.stop, mail.damp)
        texts = [item.text for item in mail.said if item.text != "stop"]
        assert texts == [f"text {k}" for k in range(501 - MAX_WAITING, 501)] and mail.lost == 501 - MAX_WAITING


PRESSES = st.sampled_from(["say", "word", "stop", "damp", "reset", "go", "poll"])


@given(st.lists(st.tuples(PRESSES, st.integers(1, 200)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_every_stop_and_damp_is_in_the_next_mail(presses):
    inbox, since, texts = Inbox(guard=lambda text: text == "stop"), set(), 0
    for press, times in [*presses, ("poll", 1)]:
        if press == "poll":
            mail = inbox.poll(0.0)
            assert (mail is not None and bool(mail.stop)) == bool(since & {"word", "stop"})
            assert (mail is not None and bool(mail.damp)) == ("damp" in since)
            kept = 0 if mail is None else sum(item.ticket not in mail.stops for item in mail.said)
            assert kept == min(texts, MAX_WAITING) and (mail is None or mail.lost == texts - kept)
            since, texts = set(), 0
            continue
        for _ in range(times):
            getattr(inbox, "say" if press == "word" else press)(*{"say": ["bow"], "word": ["stop"]}.get(press, []))
        since.add(press)
        texts += times if press == "say" else 0


def test_what_is_no_text_is_replaced():
    inbox = Inbox()
    inbox.say("wave \udc80 hello \ud83d")
    assert said(inbox) == ["wave ? hello ?"]
    found, source = read_all("")
    raw = io.TextIOWrapper(io.BytesIO(b"wave \xff your hand\nbow\n"), encoding="utf-8", errors="strict")
    source, inbox, found = StandardInput(raw), Inbox(), []
    while not source.done:
        source.poll(0.0, True, inbox)
        found += said(inbox)
    assert found == ["wave \ufffd your hand", "bow"]


def test_phrases_to_route_may_hold_what_is_no_text():
    assert list(instructions(["wave \udcff"], None)) == ["wave ?"]


def test_a_script_may_damp(tmp_path):
    source, inbox = script(tmp_path, "- {at: 1, damp: true}\n"), Inbox()
    source.poll(1.0, False, inbox)
    assert inbox.poll(0.0).damp == "the script"
