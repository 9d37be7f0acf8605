"""Meaning of keys and buttons for the operator of a robot. Devices are polled between ticks and do not block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deploy.operator.hand import FASTEST
from deploy.operator.input_devices import (
    ABS_RX,
    ABS_X,
    ABS_Y,
    BACK,
    BUTTON_A,
    BUTTON_B,
    BUTTON_X,
    BUTTON_Y,
    LEFT_BUMPER,
    RIGHT_BUMPER,
    START,
    GamepadInput,
    TerminalKeys,
    open_gamepad_input,
    open_terminal_keys,
)

DEAD_ZONE = 0.08  # of full deflection

KEYS = {"1": "arm", "2": "go", " ": "stop", "0": "damp", "r": "reset", "m": "record", "h": "hand"}
STEPS = {"w": (0, 0.1), "s": (0, -0.1), "q": (1, 0.05), "e": (1, -0.05), "a": (2, 0.2), "d": (2, -0.2)}
HELP = "1 arm, 2 go, space stop, 0 damp, r reset, m record, h drive by hand; w s forward/back, q e sideways, a d turn, x stand"


@dataclass(frozen=True, slots=True)
class Signs:
    """The operator's inputs of one poll.

    Attributes:
        orders: "arm", "go", "stop", "damp", "reset", "record" (toggles), "hand" (drive by hand), in order.
        velocity: Velocity that the stick commands: x, y [m/s], yaw [rad/s], shape (3,).
        lost: The device is gone: unplugged, or its terminal closed.
    """

    orders: tuple[str, ...]
    velocity: np.ndarray
    lost: bool = False


class OperatorDevice(Protocol):
    """A device that an OperatorSource polls."""

    def poll(self) -> Signs: ...
    def close(self) -> None: ...


class Gamepad:
    """An XInput gamepad. X: stop. Back: damp. A + left bumper: arm. A + right bumper: go. B + start: reset. Start: record.
    Y: drive by hand.

    Left stick: forward and turn; right stick: sideways.
    """

    def __init__(self, pad: GamepadInput) -> None:
        self._pad = pad
        self._held: set[int] = set()

    def poll(self) -> Signs:
        """Orders and stick since the last poll."""
        orders: list[str] = []
        for press in self._pad.poll():
            (self._held.add if press.down else self._held.discard)(press.code)
            if press.down and (order := self._order(press.code)):
                orders.append(order)
        if self._pad.lost:
            return Signs(tuple(orders), np.zeros(3), lost=True)
        stick = np.array([-self._pad.stick(axis, DEAD_ZONE) for axis in (ABS_Y, ABS_RX, ABS_X)])
        return Signs(tuple(orders), stick * FASTEST)

    def _order(self, code: int) -> str:
        """The order of a button that was pressed, given the buttons that are held."""
        held = self._held
        if code == BACK:
            return "damp"
        if BUTTON_X in held:
            return "stop" if code == BUTTON_X else ""
        if {BUTTON_A, LEFT_BUMPER} <= held:
            return "arm"
        if {BUTTON_A, RIGHT_BUMPER} <= held:
            return "go"
        if {BUTTON_B, START} <= held:
            return "reset"
        return {START: "record", BUTTON_Y: "hand"}.get(code, "")

    def close(self) -> None:
        """Closes the device."""
        self._pad.close()


class Keyboard:
    """Single keys of a terminal (`HELP` lists them). A closed terminal is a lost operator."""

    def __init__(self, keys: TerminalKeys) -> None:
        self._keys = keys
        self._velocity = np.zeros(3)

    def poll(self) -> Signs:
        """Orders and velocity since the last poll."""
        orders = []
        for key in self._keys.pressed():
            if key in KEYS:
                orders.append(KEYS[key])
            if key in STEPS:
                axis, step = STEPS[key]
                self._velocity[axis] = np.clip(self._velocity[axis] + step, -FASTEST[axis], FASTEST[axis])
            elif key in " x":
                self._velocity[:] = 0.0
        if self._keys.lost:
            self._velocity[:] = 0.0
        return Signs(tuple(orders), self._velocity.copy(), self._keys.lost)

    def close(self) -> None:
        """Restores the terminal's settings."""
        self._keys.close()


def open_gamepad(path: str = "") -> Gamepad:
    """The gamepad at `path`, or the first there is. Raises RobotError with the way out."""
    return Gamepad(open_gamepad_input(path))


def open_keyboard() -> Keyboard:
    """The keyboard of this terminal. Raises RobotError if there is none."""
    return Keyboard(open_terminal_keys())
