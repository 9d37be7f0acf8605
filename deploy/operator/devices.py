"""Gamepad (evdev) and keyboard (terminal). Each is polled between ticks and never waits."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arbiter.errors import RobotError
from arbiter.extras import needed
from deploy.operator.stick import FASTEST

DEAD_ZONE = 0.08  # of full deflection
FULL = 32768.0
# XInput codes as the kernel's xpad driver sends them.
EV_KEY, EV_ABS = 1, 3
ABS_X, ABS_Y, ABS_RX = 0, 1, 3
BUTTON_A, BUTTON_B, BUTTON_X, BUTTON_Y, LEFT_BUMPER, RIGHT_BUMPER, BACK, START = 304, 305, 307, 308, 310, 311, 314, 315

KEYS = {"1": "arm", "2": "go", " ": "stop", "0": "damp", "r": "reset", "m": "record", "h": "hand"}
STEPS = {"w": (0, 0.1), "s": (0, -0.1), "q": (1, 0.05), "e": (1, -0.05), "a": (2, 0.2), "d": (2, -0.2)}
HELP = "1 arm, 2 go, space stop, 0 damp, r reset, m record, h drive by hand; w s forward/back, q e sideways, a d turn, x stand"


@dataclass(frozen=True, slots=True)
class Signs:
    """What one poll found.

    Attributes:
        orders: "arm", "go", "stop", "damp", "reset", "record" (toggles), "hand" (drive by hand), in order.
        velocity: Where the stick is: x, y [m/s], yaw [rad/s], shape (3,).
        lost: The operator cannot be heard any more.
    """

    orders: tuple[str, ...]
    velocity: np.ndarray
    lost: bool = False


class Device(Protocol):
    def poll(self) -> Signs: ...
    def close(self) -> None: ...


class Gamepad:
    """An XInput gamepad. X: stop. Back: damp. A + left bumper: arm. A + right bumper: go. B + start: reset. Start: record.
    Y: drive by hand.

    Left stick: forward and turn; right stick: sideways. `device` is an evdev InputDevice, or what looks like one.
    """

    def __init__(self, device) -> None:
        self._device = device
        self._axes = {ABS_X: 0.0, ABS_Y: 0.0, ABS_RX: 0.0}
        self._held: set[int] = set()
        self._lost = False

    def poll(self) -> Signs:
        orders: list[str] = []
        try:
            while not self._lost and (event := self._device.read_one()) is not None:
                if event.type == EV_ABS and event.code in self._axes:
                    value = event.value / -FULL
                    self._axes[event.code] = value if abs(value) > DEAD_ZONE else 0.0
                elif event.type == EV_KEY:
                    orders += self._button(event.code, event.value)
        except OSError:
            self._lost = True
        if self._lost:
            return Signs(tuple(orders), np.zeros(3), lost=True)
        stick = np.array((self._axes[ABS_Y], self._axes[ABS_RX], self._axes[ABS_X]))
        return Signs(tuple(orders), np.clip(stick, -1.0, 1.0) * FASTEST)

    def _button(self, code: int, value: int) -> list[str]:
        if value == 0:
            self._held.discard(code)
            return []
        if value != 1:
            return []
        self._held.add(code)
        held = self._held
        if code == BACK:
            return ["damp"]
        if BUTTON_X in held:
            return ["stop"] if code == BUTTON_X else []
        if {BUTTON_A, LEFT_BUMPER} <= held:
            return ["arm"]
        if {BUTTON_A, RIGHT_BUMPER} <= held:
            return ["go"]
        if {BUTTON_B, START} <= held:
            return ["reset"]
        return {START: ["record"], BUTTON_Y: ["hand"]}.get(code, [])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._device.close()


class Keyboard:
    """Single keys of a terminal (`HELP` lists them). A closed terminal is a lost operator."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._velocity = np.zeros(3)
        self._lost = False
        self._before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)

    def poll(self) -> Signs:
        orders = []
        for key in self._keys():
            if key in KEYS:
                orders.append(KEYS[key])
            if key in STEPS:
                axis, step = STEPS[key]
                self._velocity[axis] = np.clip(self._velocity[axis] + step, -FASTEST[axis], FASTEST[axis])
            elif key in " x":
                self._velocity[:] = 0.0
        if self._lost:
            self._velocity[:] = 0.0
        return Signs(tuple(orders), self._velocity.copy(), self._lost)

    def _keys(self) -> str:
        if self._lost or not select.select([self._descriptor], [], [], 0.0)[0]:
            return ""
        try:
            data = os.read(self._descriptor, 64)
        except OSError:
            data = b""
        self._lost = not data
        return data.decode("ascii", "ignore").lower()

    def close(self) -> None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


def open_gamepad(path: str = "") -> Gamepad:
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
            return Gamepad(device)
    raise RobotError("gamepad: none found; plug it in, and join the group input (deploy/install)")


def open_keyboard() -> Keyboard:
    """The keyboard of this terminal. Raises RobotError if there is none."""
    if not sys.stdin.isatty():
        raise RobotError("keyboard: standard input is not a terminal; use a gamepad")
    return Keyboard(sys.stdin.fileno())
