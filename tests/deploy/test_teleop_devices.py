"""The operator's devices: what keys, sticks and buttons ask for."""

from __future__ import annotations

import os
import pty

import numpy as np
import pytest

from arbiter.errors import RobotError
from deploy.operator.input_devices import GamepadInput, TerminalKeys, axis_ranges, open_terminal_keys
from deploy.operator.teleop_devices import FORWARD, HAND_SPEED, KEY_HOLDS, TURN, TeleopGamepad, TeleopKeyboard


@pytest.fixture
def keyboard():
    master, slave = pty.openpty()
    keys = TeleopKeyboard(TerminalKeys(slave))
    yield keys, master
    keys.close()
    os.close(slave)
    os.close(master)


def test_keys_steer_while_they_are_held(keyboard):
    keys, master = keyboard
    os.write(master, b"wal")
    steering = keys.poll(10.0)
    assert np.allclose(steering.velocity, (FORWARD, 0.0, TURN)) and np.allclose(steering.hand, (0.0, -HAND_SPEED, 0.0))
    assert np.allclose(keys.poll(10.0 + 0.9 * KEY_HOLDS).velocity, (FORWARD, 0.0, TURN))
    assert not keys.poll(10.0 + 1.1 * KEY_HOLDS).velocity.any()


def test_keys_stop_damp_record_discard_and_quit(keyboard):
    keys, _ = keyboard
    assert [keys.press(key, 0.0).command for key in (" ", "0", "m", "\x7f", "\b", "\x1b", "\x04", "x")] == [
        "stop",
        "damp",
        "record",
        "discard",
        "discard",
        "quit",
        "quit",
        "",
    ]
    assert keys.press("h", 0.0).side == "left" and keys.press("h", 0.0).side == "right"


def test_a_stop_beats_what_else_was_pressed_and_ends_the_motion(keyboard):
    keys, _ = keyboard
    stopped = keys.press("wi m", 0.0)
    assert stopped.command == "stop" and not stopped.velocity.any() and not stopped.hand.any()


def typed(keys, master, sent: bytes, polls: int = 3):
    """All commands of a few polls after something was sent, and the last controls."""
    os.write(master, sent)
    found = [keys.poll(0.0) for _ in range(polls)]
    return [one.command for one in found if one.command], found[-1]


@pytest.mark.parametrize("sent", [b"\x1b[A", b"\x1b[D", b"\x1bOB", b"\x1b[1;5C", b"\x1b[3~", b"\x1bd", b"\x1b ", b"\x1b0"])
def test_arrows_and_other_keys_that_begin_with_escape_do_nothing(keyboard, sent):
    commands, steering = typed(*keyboard, sent)
    assert commands == [] and not steering.velocity.any() and not steering.hand.any()
    commands, both = typed(*keyboard, b"w" + sent + b"\x1b")
    assert commands == ["quit"] and np.allclose(both.velocity, (FORWARD, 0.0, 0.0))


def test_a_sequence_that_comes_in_two_pieces_does_nothing(keyboard):
    keys, master = keyboard
    os.write(master, b"\x1b[1;")
    assert keys.poll(0.0).command == ""
    commands, steering = typed(keys, master, b"5C")
    assert commands == [] and not steering.velocity.any()


def test_a_keyboard_needs_a_terminal(tmp_path, monkeypatch):
    with open(tmp_path / "file", "w+") as file, pytest.raises(RobotError, match="not a terminal; run it in one"):
        monkeypatch.setattr("sys.stdin", file)
        open_terminal_keys()


class FakePad:
    """An evdev device with sticks from 0 to 255."""

    def __init__(self, *events) -> None:
        self.events = list(events)

    def capabilities(self, absinfo: bool = False):
        from collections import namedtuple

        from evdev import ecodes

        info = namedtuple("Info", "min max")(0, 255)
        axes = (ecodes.ABS_X, ecodes.ABS_Y, ecodes.ABS_RX, ecodes.ABS_RY, ecodes.ABS_Z, ecodes.ABS_RZ)
        return {ecodes.EV_ABS: [(code, info) for code in axes]}

    def read_one(self):
        from collections import namedtuple

        return namedtuple("Event", "type code value")(*self.events.pop(0)) if self.events else None


def test_a_gamepad_at_rest_asks_for_nothing_and_its_sticks_steer():
    ecodes = pytest.importorskip("evdev").ecodes
    rest = TeleopGamepad(GamepadInput(FakePad(), axis_ranges(FakePad()))).poll(0.0)
    assert not rest.velocity.any() and not rest.hand.any()
    device = FakePad(
        (ecodes.EV_ABS, ecodes.ABS_Y, 0),
        (ecodes.EV_ABS, ecodes.ABS_RZ, 255),
        (ecodes.EV_KEY, ecodes.BTN_TL, 1),
        (ecodes.EV_KEY, ecodes.BTN_START, 1),
    )
    pad = TeleopGamepad(GamepadInput(device, axis_ranges(device)))
    steering = pad.poll(0.0)
    assert np.allclose(steering.velocity, (FORWARD, 0.0, 0.0)) and np.allclose(steering.hand, (0.0, 0.0, HAND_SPEED))
    assert (steering.side, steering.command) == ("left", "record")
    device.events = [(ecodes.EV_KEY, ecodes.BTN_START, 0), (ecodes.EV_KEY, ecodes.BTN_START, 1)]
    assert pad.poll(0.0).command == "record"
    device.events = [(ecodes.EV_KEY, code, 1) for code in (ecodes.BTN_START, ecodes.BTN_NORTH, ecodes.BTN_EAST)]
    assert pad.poll(0.0).command == "stop"
    device.events = [(ecodes.EV_KEY, ecodes.BTN_SELECT, 1)]
    assert pad.poll(0.0).command == "damp"
