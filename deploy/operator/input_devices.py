"""Keys of a terminal and buttons of a gamepad (evdev), for operators and for teleoperation. Polling does not block."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import termios
import tty
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arbiter.errors import RobotError
from arbiter.extras import needed

# XInput codes as the kernel's xpad driver sends them.
EV_KEY, EV_ABS = 1, 3
ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ = range(6)
BUTTON_A, BUTTON_B, BUTTON_X, BUTTON_Y, LEFT_BUMPER, RIGHT_BUMPER = 304, 305, 307, 308, 310, 311
BACK, START, GUIDE = 314, 315, 316
TRIGGERS = (ABS_Z, ABS_RZ)
FULL_RANGE = (-32768, 32767)  # of an axis whose range the device does not tell
# What a terminal sends for arrows, function keys and Alt; and the beginning of one, whose rest the next read may bring.
SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O[ -~]|[ -NP-Z\\-~])")
BEGINNING = re.compile(r"\x1b(\[[0-?]*[ -/]*|O)?$")
ESCAPE = "\x1b"


class TerminalKeys:
    """Keys of a terminal without echo and line editing. `close` restores the terminal's settings.

    Attributes:
        lost: The terminal was closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self.lost, self._begun = descriptor, False, ""
        self._before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)

    def pressed(self) -> str:
        """Characters typed since the last call, lower case. Arrows and other keys that send several characters are left out."""
        new = self._read()
        text, self._begun = self._begun + new, ""
        begun = BEGINNING.search(text)
        if begun is not None:
            text = text[: begun.start()]
            if new:
                self._begun = begun[0]
            elif begun[0] == ESCAPE:  # nothing came after it: the key itself
                text += ESCAPE
        return SEQUENCE.sub("", text).lower()

    def _read(self) -> str:
        if self.lost or not select.select([self._descriptor], [], [], 0.0)[0]:
            return ""
        try:
            data = os.read(self._descriptor, 64)
        except OSError:
            data = b""
        self.lost = not data
        return data.decode("ascii", "ignore")

    def close(self) -> None:
        """Restores the terminal's settings. May be called twice."""
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


@dataclass(frozen=True, slots=True)
class Press:
    """A button that went down or up. `code`: as above."""

    code: int
    down: bool


class GamepadInput:
    """Buttons and axes of a gamepad.

    Args:
        device: An evdev InputDevice, or what looks like one.
        ranges: Least and largest value of each axis; `FULL_RANGE` where there is none.

    Attributes:
        held: Codes of the buttons that are down.
        lost: It was unplugged.
    """

    def __init__(self, device: Any, ranges: Mapping[int, tuple[int, int]] | None = None) -> None:
        self._device, self._ranges = device, dict(ranges or {})
        self._values: dict[int, int] = {}
        self.held: set[int] = set()
        self.lost = False

    def poll(self) -> list[Press]:
        """Buttons that changed since the last call, in order; takes the axes' new values."""
        presses: list[Press] = []
        try:
            while not self.lost and (event := self._device.read_one()) is not None:
                if event.type == EV_ABS:
                    self._values[event.code] = event.value
                elif event.type == EV_KEY and event.value in (0, 1):  # 2: the key repeats
                    presses.append(Press(event.code, bool(event.value)))
                    (self.held.add if event.value else self.held.discard)(event.code)
        except OSError:
            self.lost = True
        return presses

    def stick(self, code: int, dead_zone: float) -> float:
        """Deflection of a stick's axis, -1 (left, away) to 1; 0 within `dead_zone` and before it moved."""
        value = self._deflection(code)
        return value if abs(value) > dead_zone else 0.0

    def trigger(self, code: int) -> float:
        """How far a trigger is pressed, 0 to 1."""
        return 0.5 * (1.0 + self._deflection(code)) if code in self._values else 0.0

    def _deflection(self, code: int) -> float:
        if self.lost or code not in self._values:
            return 0.0
        low, high = self._ranges.get(code, FULL_RANGE)
        return min(1.0, max(-1.0, 2.0 * (self._values[code] - low) / (high - low) - 1.0))

    def close(self) -> None:
        """Lets the device go."""
        with contextlib.suppress(OSError):
            self._device.close()


def axis_ranges(device: Any) -> dict[int, tuple[int, int]]:
    """Least and largest value of each axis of an evdev device."""
    return {code: (info.min, info.max) for code, info in device.capabilities(absinfo=True).get(EV_ABS, ())}


def open_gamepad_input(path: str = "") -> GamepadInput:
    """The gamepad at `path`, or the first there is. Raises RobotError with the way out."""
    try:
        import evdev
    except ImportError as error:
        raise RobotError(f"gamepad: {needed('evdev')}") from error
    paths = [path] if path else evdev.list_devices()
    for candidate in paths:
        try:
            device = evdev.InputDevice(candidate)
        except OSError as error:
            raise RobotError(f"gamepad {candidate}: cannot be opened: {error}; may you read it (group input)?") from error
        if path or BUTTON_A in device.capabilities().get(EV_KEY, ()):
            return GamepadInput(device, axis_ranges(device))
    raise RobotError("gamepad: none found; plug it in, and join the group input (deploy/install), or use the keyboard")


def open_terminal_keys() -> TerminalKeys:
    """The keys of this terminal. Raises RobotError if standard input is none."""
    if not sys.stdin.isatty():
        raise RobotError("keyboard: standard input is not a terminal; run it in one, or use a gamepad")
    return TerminalKeys(sys.stdin.fileno())
