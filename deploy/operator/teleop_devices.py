"""What keys, sticks and buttons mean in teleoperation. SPACE and X stop the robot, 0 and BACK damp it, as for any operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from arbiter.types import frozen
from deploy.operator.input_devices import (
    ABS_RX,
    ABS_RY,
    ABS_RZ,
    ABS_X,
    ABS_Y,
    ABS_Z,
    BACK,
    BUTTON_A,
    BUTTON_B,
    BUTTON_X,
    BUTTON_Y,
    GUIDE,
    LEFT_BUMPER,
    RIGHT_BUMPER,
    START,
    GamepadInput,
    TerminalKeys,
    open_gamepad_input,
    open_terminal_keys,
)

FORWARD, SIDEWAYS, TURN = 0.4, 0.2, 0.6  # [m/s], [m/s], [rad/s] at full deflection
HAND_SPEED = 0.25  # [m/s]
KEY_HOLDS = 0.35  # [s] for which a key counts as held: terminals report presses and repeats only, no releases
DEAD_ZONE = 0.12  # of full deflection


@dataclass(frozen=True, slots=True)
class Controls:
    """The operator's inputs at one poll.

    Attributes:
        velocity: Of the base, x, y [m/s], yaw [rad/s], shape (3,).
        hand: Velocity of the chosen hand in the base frame [m/s], shape (3,).
        side: "left" or "right", the chosen hand.
        command: "stop", "damp", "steer" (take the joints again after a stop), "record" (begin an episode, or keep the one under
            way), "discard", "quit" or "".
        lost: The terminal was closed, or the gamepad unplugged.
    """

    velocity: np.ndarray = field(default_factory=lambda: frozen(np.zeros(3)))
    hand: np.ndarray = field(default_factory=lambda: frozen(np.zeros(3)))
    side: str = "right"
    command: str = ""
    lost: bool = False


class TeleopDevice(Protocol):
    """A device. `poll` does not block; `help` describes its keys."""

    help: ClassVar[str]

    def poll(self, now: float) -> Controls: ...

    def close(self) -> None: ...


URGENT = ("damp", "stop", "quit")  # of several commands in one poll the first of these counts, else the last


def chosen(commands: list[str]) -> str:
    """The one command of a poll."""
    return next((one for one in URGENT if one in commands), commands[-1] if commands else "")


class TeleopKeyboard:
    """Keys of a terminal."""

    help: ClassVar[str] = (
        "SPACE stop · 0 damp · g steer again after a stop · m start/keep · BACKSPACE discard · ESC quit · w s forward, back · "
        "a d turn · q e sideways · i k hand forward, back · j l hand left, right · u o hand up, down · h other hand"
    )
    BASE: ClassVar[dict[str, tuple[float, float, float]]] = {
        "w": (FORWARD, 0, 0),
        "s": (-FORWARD, 0, 0),
        "a": (0, 0, TURN),
        "d": (0, 0, -TURN),
        "q": (0, SIDEWAYS, 0),
        "e": (0, -SIDEWAYS, 0),
    }
    ARM: ClassVar[dict[str, tuple[float, float, float]]] = {
        "i": (HAND_SPEED, 0, 0),
        "k": (-HAND_SPEED, 0, 0),
        "j": (0, HAND_SPEED, 0),
        "l": (0, -HAND_SPEED, 0),
        "u": (0, 0, HAND_SPEED),
        "o": (0, 0, -HAND_SPEED),
    }
    COMMANDS: ClassVar[dict[str, str]] = {
        " ": "stop",
        "0": "damp",
        "g": "steer",
        "m": "record",
        "\x7f": "discard",
        "\b": "discard",
        "\x1b": "quit",
        "\x04": "quit",
    }

    def __init__(self, keys: TerminalKeys) -> None:
        self._keys = keys
        self._held: dict[str, float] = {}
        self._side = "right"

    def poll(self, now: float) -> Controls:
        """The controls at `now` [s]."""
        return self.press(self._keys.pressed(), now)

    def press(self, keys: str, now: float) -> Controls:
        """The controls once `keys` were pressed at `now` [s]."""
        for key in keys:
            if key in self.BASE or key in self.ARM:
                self._held[key] = now
            elif key == "h":
                self._side = "left" if self._side == "right" else "right"
        command = chosen([self.COMMANDS[key] for key in keys if key in self.COMMANDS])
        if command in ("stop", "damp"):
            self._held.clear()
        self._held = {key: at for key, at in self._held.items() if now - at <= KEY_HOLDS}
        base, arm = (
            np.sum([table[key] for key in self._held if key in table] or [(0, 0, 0)], axis=0) for table in (self.BASE, self.ARM)
        )
        return Controls(frozen(base), frozen(arm), self._side, command, self._keys.lost)

    def close(self) -> None:
        """Restores the terminal's settings."""
        self._keys.close()


class TeleopGamepad:
    """A gamepad of the XInput layout."""

    help: ClassVar[str] = (
        "X stop · BACK damp · Y steer again after a stop · START start/keep · B discard · GUIDE quit · left stick: walk and turn "
        "(with A held: sideways) · right stick: hand left, right, forward, back · triggers: hand down, up · bumpers: which hand"
    )
    COMMANDS: ClassVar[dict[int, str]] = {
        BUTTON_X: "stop",
        BACK: "damp",
        BUTTON_Y: "steer",
        START: "record",
        BUTTON_B: "discard",
        GUIDE: "quit",
    }

    def __init__(self, pad: GamepadInput) -> None:
        self._pad = pad
        self._side = "right"

    def poll(self, now: float) -> Controls:
        """The controls at `now` [s]."""
        pad = self._pad
        down = [press.code for press in pad.poll() if press.down]
        for code in down:
            self._side = {LEFT_BUMPER: "left", RIGHT_BUMPER: "right"}.get(code, self._side)
        command = chosen([self.COMMANDS[code] for code in down if code in self.COMMANDS])
        ahead, aside = -pad.stick(ABS_Y, DEAD_ZONE), -pad.stick(ABS_X, DEAD_ZONE)
        velocity = (0.0, SIDEWAYS * aside, 0.0) if BUTTON_A in pad.held else (FORWARD * ahead, 0.0, TURN * aside)
        lift = pad.trigger(ABS_RZ) - pad.trigger(ABS_Z)
        hand = HAND_SPEED * np.array((-pad.stick(ABS_RY, DEAD_ZONE), -pad.stick(ABS_RX, DEAD_ZONE), lift))
        return Controls(frozen(velocity), frozen(hand), self._side, command, pad.lost)

    def close(self) -> None:
        """Closes the device."""
        self._pad.close()


def open_teleop_device(name: str) -> TeleopDevice:
    """ "keyboard" or "gamepad". Raises RobotError if there is none."""
    return TeleopKeyboard(open_terminal_keys()) if name == "keyboard" else TeleopGamepad(open_gamepad_input())
