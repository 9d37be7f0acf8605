"""A thread of ours that dies is a fault; whoever cannot print goes on."""

import io
import threading

import pytest

from arbiter.events import Event
from arbiter.threads import ThreadWatch, start_thread
from arbiter.types import Mode
from deploy.cli.streams import write_line
from deploy.observers.narrate import Narrator, line_of
from tests.arbiter_rig import Rig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def die(error):
    def work():
        raise error

    start_thread("camera", work).join()


@pytest.mark.parametrize("error", [ValueError("a picture of 0 x 0"), SystemExit(3), KeyError("x")])
def test_what_leaves_a_thread_is_a_fault_in_the_next_tick(error):
    rig = Rig().ready()
    watch = ThreadWatch()
    rig.arbiter.alarms.append(watch.take)
    rig.tick(3)
    assert not rig.arbiter.safety.fault
    die(error)
    rig.tick()
    watch.close()
    assert rig.arbiter.safety.fault == f"thread camera has ended: {type(error).__name__}: {error}"
    assert rig.arbiter.safety.mode is Mode.SETTLE and any("thread camera" in text for text in rig.texts("fault"))


def test_threads_of_others_and_those_before_and_after_are_none_of_its_business():
    die(ValueError("before"))
    watch, before = ThreadWatch(), threading.excepthook
    other = threading.Thread(target=lambda: 1 / 0)
    other.start()
    other.join()
    assert watch.take() == ""
    watch.close()
    assert threading.excepthook != before
    die(ValueError("after"))
    assert watch.take() == ""


class Gone(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_narrator_without_a_reader_says_so_once_and_goes_on():
    lost = []
    narrator = Narrator(Gone(), lost.append)
    for k in range(100):
        narrator.say(str(k))
    narrator.close()
    assert lost == ["nobody reads the standard output any more"] and not narrator._thread.is_alive()


def test_what_an_encoding_lacks_is_spelled_out():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    assert write_line("-> π0 \udc80", stream)
    assert raw.getvalue().decode() == "-> \\u03c00 \\udc80\n"


def test_what_is_very_long_is_told_in_a_line_that_can_be_read():
    """An instruction of 260 kB, a driver's error of many lines: head and tail, and how long it is."""
    stream = io.StringIO()
    narrator = Narrator(stream)
    said = Event(0.0, "routed", f'"{"walk " * 52_000}" -> walk_forward (score 0.99)')
    assert line_of(said).startswith('   0.00 s  "walk walk') and line_of(said).endswith("-> walk_forward (score 0.99)")
    assert f"({len(said.text)} characters)" in line_of(said) and len(line_of(said)) < 500
    assert line_of(Event(0.0, "fault", "one\ntwo\r\n\x1b[2Jthree")).endswith("one two [2Jthree")
    narrator.say("summary:\n" + "x" * 10_000)
    narrator.close()
    assert [len(line) < 500 for line in stream.getvalue().splitlines()] == [True, True]
