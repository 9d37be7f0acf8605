"""The operator: gamepad chords and sticks, keys of a terminal, loss as a stop, and driving by hand."""

import os
import pty
from types import SimpleNamespace

import numpy as np
import pytest

from arbiter.errors import ConfigError, RobotError
from arbiter.execution.inbox import Inbox
from arbiter.skill import Outcome, RunContext
from arbiter.types import Steering
from deploy.operator import Gamepad, Keyboard, OperatorSource, open_gamepad, open_operator
from deploy.operator import input_devices as codes
from deploy.operator.hand import FASTEST, REST, STALE, DriveByHand
from deploy.operator.input_devices import GamepadInput, TerminalKeys


class FakePad:
    def __init__(self):
        self.events, self.gone = [], False

    def press(self, *buttons):
        self.events += [SimpleNamespace(type=codes.EV_KEY, code=code, value=1) for code in buttons]

    def release(self, *buttons):
        self.events += [SimpleNamespace(type=codes.EV_KEY, code=code, value=0) for code in buttons]

    def move(self, axis, value):
        self.events.append(SimpleNamespace(type=codes.EV_ABS, code=axis, value=value))

    def read_one(self):
        if self.gone:
            raise OSError(19, "No such device")
        return self.events.pop(0) if self.events else None

    def close(self):
        pass


def test_chords():
    pad = FakePad()
    gamepad = Gamepad(GamepadInput(pad))
    for buttons, orders in (((codes.BUTTON_A,), ()), ((codes.LEFT_BUMPER,), ("arm",))):
        pad.press(*buttons)
        assert gamepad.poll().orders == orders
    pad.release(codes.LEFT_BUMPER)
    pad.press(codes.RIGHT_BUMPER)
    assert gamepad.poll().orders == ("go",)
    pad.press(codes.BUTTON_X)  # stop works whatever else is held, and nothing else does while it is
    assert gamepad.poll().orders == ("stop",)
    pad.press(codes.LEFT_BUMPER)
    assert gamepad.poll().orders == ()
    pad.release(codes.BUTTON_X, codes.BUTTON_A, codes.LEFT_BUMPER, codes.RIGHT_BUMPER)
    pad.press(codes.START)
    pad.release(codes.START)
    pad.press(codes.BUTTON_Y, codes.BUTTON_B, codes.START)
    assert gamepad.poll().orders == ("record", "hand", "reset")


def test_sticks_are_signed_scaled_and_have_a_dead_zone():
    pad = FakePad()
    gamepad = Gamepad(GamepadInput(pad))
    pad.move(codes.ABS_Y, -32768)  # pushed away: forward
    pad.move(codes.ABS_X, 32767)  # to the right: a right turn, negative yaw
    pad.move(codes.ABS_RX, -1000)  # hardly touched
    np.testing.assert_allclose(gamepad.poll().velocity, (FASTEST[0], 0.0, -FASTEST[2]), rtol=1e-4)


def mail(inbox):
    return inbox.poll(0.0)


def test_a_lost_operator_stops_once():
    pad, inbox = FakePad(), Inbox()
    source = OperatorSource(Gamepad(GamepadInput(pad)), clock=lambda: 1.0)
    pad.move(codes.ABS_Y, -32768)
    source.poll(0.0, True, inbox)
    assert mail(inbox) is None and inbox.steering.peek().velocity[0] == FASTEST[0]
    pad.gone = True
    source.poll(0.1, True, inbox)
    assert mail(inbox).stop == "the operator is lost" and source.lost and not inbox.steering.peek().velocity.any()
    source.poll(0.2, True, inbox)
    assert mail(inbox) is None


def test_orders_reach_the_inbox():
    pad, inbox, recorded = FakePad(), Inbox(), []
    source = OperatorSource(Gamepad(GamepadInput(pad)), record=recorded.append)
    pad.press(codes.BUTTON_A, codes.LEFT_BUMPER)
    source.poll(0.0, True, inbox)
    assert mail(inbox).orders == ["arm"]
    pad.release(codes.BUTTON_A, codes.LEFT_BUMPER)
    for _ in range(2):
        pad.press(codes.START)
        pad.release(codes.START)
    pad.press(codes.BUTTON_Y)
    source.poll(0.0, True, inbox)
    assert recorded == [True, False] and mail(inbox).said[0].text == "drive by hand"
    pad.press(codes.BUTTON_X)
    source.poll(0.0, True, inbox)
    assert mail(inbox).stop == "operator" and not source.done


def test_keyboard_of_a_terminal_and_its_end():
    master, slave = pty.openpty()
    keyboard = Keyboard(TerminalKeys(slave))
    assert keyboard.poll().orders == ()
    os.write(master, b"1wwa2 ")
    signs = read_until(keyboard, "stop")
    assert signs == ["arm", "go", "stop"] and not keyboard.poll().velocity.any()
    os.write(master, b"wwd")
    velocity = np.zeros(3)
    for _ in range(200):
        velocity = keyboard.poll().velocity
        if velocity[2]:
            break
    np.testing.assert_allclose(velocity, (0.2, 0.0, -0.2))
    os.close(master)
    for _ in range(200):
        signs = keyboard.poll()
        if signs.lost:
            break
    assert signs.lost and not signs.velocity.any()
    keyboard.close()
    os.close(slave)


def read_until(keyboard, last):
    found = []
    for _ in range(100_000):
        found += keyboard.poll().orders
        if last in found:
            return found
    raise AssertionError(found)


def test_driving_by_hand_follows_goes_stale_and_ends(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("deploy.operator.hand.time.monotonic", lambda: now[0])
    context = RunContext()
    skill = DriveByHand().begin(context)
    context.steering.put(Steering(np.array((9.0, 0.0, -0.1)), 10.0))
    ask = skill.request(None, SimpleNamespace(elapsed=1.0))
    np.testing.assert_allclose(ask.velocity, (FASTEST[0], 0.0, -0.1))
    assert skill.finish(None, SimpleNamespace(elapsed=1.0)) is Outcome.RUNNING
    now[0] += STALE + 0.01
    assert not skill.request(None, SimpleNamespace(elapsed=1.4)).velocity.any()
    assert skill.finish(None, SimpleNamespace(elapsed=0.99 + REST)) is Outcome.RUNNING
    assert skill.finish(None, SimpleNamespace(elapsed=1.01 + REST)) is Outcome.SUCCESS
    skill = DriveByHand().begin(context)  # the next run begins anew
    skill.request(None, SimpleNamespace(elapsed=0.0))
    assert skill.finish(None, SimpleNamespace(elapsed=0.1)) is Outcome.RUNNING


def test_operators_by_name():
    assert open_operator("none") is None
    with pytest.raises(ConfigError, match="operator 'joystick'; allowed: gamepad, keyboard, none"):
        open_operator("joystick")


def test_no_gamepad_names_the_way_out():
    with pytest.raises(RobotError, match="gamepad"):
        open_gamepad("/dev/input/no-such-event")


@pytest.mark.parametrize("sent", [b"\x1b[1;5C", b"\x1b[D", b"\x1b[20~", b"\x1b1"])
def test_arrows_and_function_keys_neither_arm_nor_steer(sent):
    """Ctrl and an arrow sends "1" among others, an arrow to the left "D"."""
    master, slave = pty.openpty()
    keyboard = Keyboard(TerminalKeys(slave))
    os.write(master, sent + b"0")
    found = read_until(keyboard, "damp")
    assert found == ["damp"] and not keyboard.poll().velocity.any()
    keyboard.close()
    for descriptor in (master, slave):
        os.close(descriptor)
