"""The operator's devices: what keys, sticks and buttons ask for."""

from __future__ import annotations

import os
import pty

import numpy as np
import pytest

from arbiter.errors import ConfigError
from training.pi0.data.pads import FORWARD, HAND, KEY_HOLDS, TURN, Gamepad, Keyboard


@pytest.fixture
def keyboard():
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as stream:
        keys = Keyboard(stream)
        yield keys, master
        keys.close()
    os.close(master)


def test_keys_steer_while_they_are_held(keyboard):
    keys, master = keyboard
    os.write(master, b"wal")
    steering = keys.poll(10.0)
    assert np.allclose(steering.velocity, (FORWARD, 0.0, TURN)) and np.allclose(steering.hand, (0.0, -HAND, 0.0))
    assert np.allclose(keys.poll(10.0 + 0.9 * KEY_HOLDS).velocity, (FORWARD, 0.0, TURN))
    assert not keys.poll(10.0 + 1.1 * KEY_HOLDS).velocity.any()


def test_keys_record_discard_and_quit(keyboard):
    keys, _ = keyboard
    assert [keys.press(key, 0.0).command for key in (" ", "\x7f", "\b", "\x1b", "\x04", "x")] == [
        "record",
        "discard",
        "discard",
        "quit",
        "quit",
        "",
    ]
    assert keys.press("h", 0.0).side == "left" and keys.press("h", 0.0).side == "right"


@pytest.mark.parametrize("sent", ["\x1b[A", "\x1b[D", "\x1bOB", "\x1b[1;5C", "\x1b[3~", "\x1bd"])
def test_arrows_and_other_keys_that_begin_with_escape_do_nothing(keyboard, sent):
    keys, _ = keyboard
    steering = keys.press(sent, 0.0)
    assert steering.command == "" and not steering.velocity.any() and not steering.hand.any()
    both = keys.press(f"w{sent}\x1b", 0.0)
    assert both.command == "quit" and np.allclose(both.velocity, (FORWARD, 0.0, 0.0))


def test_a_keyboard_needs_a_terminal(tmp_path):
    with open(tmp_path / "file", "w+") as file, pytest.raises(ConfigError, match="needs a terminal"):
        Keyboard(file)


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
    assert not Gamepad(FakePad()).poll(0.0).velocity.any() and not Gamepad(FakePad()).poll(0.0).hand.any()
    pad = Gamepad(
        FakePad(
            (ecodes.EV_ABS, ecodes.ABS_Y, 0),
            (ecodes.EV_ABS, ecodes.ABS_RZ, 255),
            (ecodes.EV_KEY, ecodes.BTN_TL, 1),
            (ecodes.EV_KEY, ecodes.BTN_START, 1),
        )
    )
    steering = pad.poll(0.0)
    assert np.allclose(steering.velocity, (FORWARD, 0.0, 0.0)) and np.allclose(steering.hand, (0.0, 0.0, HAND))
    assert (steering.side, steering.command) == ("left", "record")
    pad._device.events = [(ecodes.EV_KEY, ecodes.BTN_START, 0), (ecodes.EV_KEY, ecodes.BTN_START, 1)]
    assert pad.poll(0.0).command == "record"
