"""The wall at the three doors: whatever is raised behind it, one line comes out."""

import asyncio
import os
import signal
import threading

import pytest

from arbiter.wall import walled
from deploy.runtime.signals import Signals
from tests.arbiter_rig import Rig


class Unreadable(Exception):
    """An error whose own text cannot be made."""

    def __str__(self):
        return self.missing


class Panic(BaseException):
    """As libraries in Rust raise it."""


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("x"), "ValueError: x"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (Panic("index out of bounds"), "Panic: index out of bounds"),
        (Unreadable(), "Unreadable: its text cannot be read (AttributeError)"),
    ],
)
def test_whatever_is_raised_becomes_one_line(error, told):
    assert walled(fail, error) == (None, told)


def test_ctrl_c_passes_where_python_itself_handles_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started to ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            walled(os.kill, os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_raised_by_a_plugin_ends_no_run():
    ended = []
    with Signals(ended.append, ended.append):
        assert walled(fail, KeyboardInterrupt("mine")) == (None, "KeyboardInterrupt: mine")
        assert ended == []
        assert walled(os.kill, os.getpid(), signal.SIGINT) == (None, "")
    assert ended == ["Ctrl-C"]


def test_an_interrupt_raised_on_another_thread_is_no_operators():
    found = []
    thread = threading.Thread(target=lambda: found.append(walled(fail, KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert found == [(None, "KeyboardInterrupt")]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), Panic("out of bounds"), Unreadable()])
def test_no_policy_and_no_driver_ends_the_tick_with_what_is_no_exception(error):
    rig = Rig().ready()
    rig.locomotion.act = lambda *args: fail(error)
    rig.robot.write = lambda command: fail(error)
    rig.tick(3)
    assert any(type(error).__name__ in text for text in rig.texts("policy"))
    assert type(error).__name__ in rig.arbiter.safety.fault


def test_a_policy_that_cannot_be_closed_keeps_no_other_open():
    rig, closed = Rig(), []
    rig.locomotion.close = lambda: fail(ValueError("busy"))
    for player in rig.players:
        player.close = lambda: closed.append(1)
    rig.arbiter.close()
    assert len(closed) == 2
