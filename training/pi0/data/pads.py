"""What an operator steers with: the keyboard of a terminal, or a gamepad. Both are polled and never wait."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import tty
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from arbiter.errors import ConfigError
from arbiter.types import frozen

FORWARD, SIDEWAYS, TURN = 0.4, 0.2, 0.6  # [m/s], [m/s], [rad/s] at full deflection
HAND = 0.25  # [m/s]
KEY_HOLDS = 0.35  # [s] that a key counts as held: terminals tell of presses and repeats only
DEAD = 0.12  # share of a stick's way that is ignored
SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O[ -~]|[ -~])")  # what a terminal sends for arrows, function keys, Alt


@dataclass(frozen=True, slots=True)
class Controls:
    """What the operator wants now.

    Attributes:
        velocity: Of the base, x, y [m/s], yaw [rad/s], shape (3,).
        hand: Of the chosen hand in the base frame [m/s], shape (3,).
        side: "left" or "right", the chosen hand.
        command: "record" (begin an episode, or keep the one under way), "discard", "quit" or "".
    """

    velocity: np.ndarray = field(default_factory=lambda: frozen(np.zeros(3)))
    hand: np.ndarray = field(default_factory=lambda: frozen(np.zeros(3)))
    side: str = "right"
    command: str = ""


class Pad(Protocol):
    """A device. `poll` answers at once."""

    help: str

    def poll(self, now: float) -> Controls: ...

    def close(self) -> None: ...


class Keyboard:
    """Keys of a terminal. Use `close` to give the terminal back."""

    help = (
        "w s forward, back · a d turn · q e sideways · i k hand forward, back · j l hand left, right · u o hand up, down"
        " · h other hand · SPACE start/keep · BACKSPACE discard · ESC quit"
    )
    BASE = {
        "w": (FORWARD, 0, 0),
        "s": (-FORWARD, 0, 0),
        "a": (0, 0, TURN),
        "d": (0, 0, -TURN),
        "q": (0, SIDEWAYS, 0),
        "e": (0, -SIDEWAYS, 0),
    }
    ARM = {"i": (HAND, 0, 0), "k": (-HAND, 0, 0), "j": (0, HAND, 0), "l": (0, -HAND, 0), "u": (0, 0, HAND), "o": (0, 0, -HAND)}

    def __init__(self, stream=None) -> None:
        """`stream`: a terminal; None: standard input. Raises ConfigError when it is none."""
        self._stream = stream or sys.stdin
        if not self._stream.isatty():
            raise ConfigError("the keyboard needs a terminal; run it in one, or use --pad gamepad")
        self._fd = self._stream.fileno()
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        self._held: dict[str, float] = {}
        self._side = "right"

    def poll(self, now: float) -> Controls:
        return self.press(self._typed(), now)

    def press(self, keys: str, now: float) -> Controls:
        """The controls once `keys` were pressed at `now` [s]."""
        command = ""
        for key in SEQUENCE.sub("", keys).lower():
            if key in self.BASE or key in self.ARM:
                self._held[key] = now
            elif key == "h":
                self._side = "left" if self._side == "right" else "right"
            elif key == " ":
                command = "record"
            elif key in "\x7f\b":
                command = "discard"
            elif key in "\x1b\x04":
                command = "quit"
        self._held = {key: at for key, at in self._held.items() if now - at <= KEY_HOLDS}
        base, arm = (
            np.sum([keys[key] for key in self._held if key in keys] or [(0, 0, 0)], axis=0) for keys in (self.BASE, self.ARM)
        )
        return Controls(frozen(base), frozen(arm), self._side, command)

    def _typed(self) -> str:
        typed = b""
        while select.select([self._fd], [], [], 0.0)[0]:
            part = os.read(self._fd, 64)
            if not part:
                break
            typed += part
        return typed.decode(errors="ignore")

    def close(self) -> None:
        """Gives the terminal back. May be called twice."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


class Gamepad:
    """A gamepad of the usual layout, through evdev."""

    help = (
        "left stick: walk and turn (with A held: sideways) · right stick: hand left, right, forward, back · triggers: "
        "hand down, up · shoulder buttons: which hand · START start/keep · SELECT discard · MODE quit"
    )

    def __init__(self, device=None) -> None:
        """`device`: an evdev device; None: the first gamepad. Raises ConfigError when there is none."""
        import evdev

        self._codes = evdev.ecodes
        self._device = device or self._first(evdev)
        self._range = {
            code: (info.min, info.max) for code, info in self._device.capabilities(absinfo=True).get(self._codes.EV_ABS, [])
        }
        # At rest until the stick tells otherwise: sticks in the middle, triggers at their low end.
        self._axis = {
            code: (low if code in (self._codes.ABS_Z, self._codes.ABS_RZ) else 0.5 * (low + high))
            for code, (low, high) in self._range.items()
        }
        self._side = "right"
        self._sideways = False

    @staticmethod
    def _first(evdev):
        for path in evdev.list_devices():
            device = evdev.InputDevice(path)
            if evdev.ecodes.BTN_GAMEPAD in device.capabilities().get(evdev.ecodes.EV_KEY, []):
                return device
        raise ConfigError("no gamepad found; plug one in (and be in the group 'input'), or use --pad keyboard")

    def poll(self, now: float) -> Controls:
        codes, command = self._codes, ""
        while (event := self._device.read_one()) is not None:
            if event.type == codes.EV_ABS:
                self._axis[event.code] = event.value
            elif event.type == codes.EV_KEY:
                command = self._button(event.code, event.value) or command
        ahead, aside = -self._stick(codes.ABS_Y), -self._stick(codes.ABS_X)
        velocity = (FORWARD * ahead, 0.0, TURN * aside) if not self._sideways else (0.0, SIDEWAYS * aside, 0.0)
        lift = 0.5 * (self._stick(codes.ABS_RZ, 1.0) - self._stick(codes.ABS_Z, 1.0))
        hand = HAND * np.array((-self._stick(codes.ABS_RY), -self._stick(codes.ABS_RX), lift))
        return Controls(frozen(velocity), frozen(hand), self._side, command)

    def _button(self, code: int, value: int) -> str:
        codes = self._codes
        if code == codes.BTN_SOUTH:
            self._sideways = bool(value)
        if not value:
            return ""
        if code in (codes.BTN_TL, codes.BTN_TR):
            self._side = "left" if code == codes.BTN_TL else "right"
        return {codes.BTN_START: "record", codes.BTN_SELECT: "discard", codes.BTN_MODE: "quit"}.get(code, "")

    def _stick(self, code: int, shift: float = 0.0) -> float:
        """A stick's deflection, -1 to 1; with `shift` 1 a trigger's, 0 to 2. An axis that the device lacks is at rest."""
        if code not in self._range:
            return 0.0
        low, high = self._range[code]
        value = 2.0 * (self._axis[code] - low) / (high - low) - 1.0
        return value + shift if shift or abs(value) > DEAD else 0.0

    def close(self) -> None:
        """Nothing to give back."""
